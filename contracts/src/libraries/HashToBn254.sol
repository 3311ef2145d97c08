// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Precompiles } from "./Precompiles.sol";

/// @title Hash to the curve y² = x³ + 3 of BN254
/// @notice RFC 9380: `expand_message_xmd` with Keccak-256, two field elements of 48 bytes,
/// Shallue–van de Woestijne with Z = 1, and their sum; the curve's cofactor is 1.
library HashToBn254 {
    struct Point {
        uint256 x;
        uint256 y;
    }

    /// @notice Order of the field.
    uint256 internal constant P =
        0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

    /// @dev RFC 9380, section 6.6.1: c1 = g(Z), c2 = −Z/2, c3 = √(−3·g(Z)) with sign 0,
    /// c4 = −4·g(Z)/3, for Z = 1.
    uint256 private constant C1 = 4;
    uint256 private constant C2 =
        0x183227397098d014dc2822db40c0ac2ecbc0b548b438e5469e10460b6c3e7ea3;
    uint256 private constant C3 = 0x16789af3a83522eb353c98fc6b36d713d5d8d1cc5dffffffa;
    uint256 private constant C4 =
        0x10216f7ba065e00de81ac1e7808072c9dd2b2385cd7b438469602eb24829a9bd;

    /// @dev (P + 1) / 4: a power that is a root of every square, for P = 3 mod 4.
    uint256 private constant ROOT =
        0x0c19139cb84c680a6e14116da060561765e05aa45a1c72a34f082305b61f3f52;

    /// @notice The point of a message under a domain of less than 256 bytes.
    function hashToPoint(bytes memory message, bytes memory domain)
        internal
        view
        returns (Point memory)
    {
        (uint256 u, uint256 v) = hashToField(message, domain);
        (Point memory a, Point memory b) = mapBoth(u, v);
        bytes memory input = abi.encode(a.x, a.y, b.x, b.y);
        return abi.decode(Precompiles.run(Precompiles.BN254_ADD, input, 64), (Point));
    }

    /// @notice Two field elements, sections 5.2 and 5.3.1.
    function hashToField(bytes memory message, bytes memory domain)
        internal
        pure
        returns (uint256 u, uint256 v)
    {
        bytes memory tail = abi.encodePacked(domain, uint8(domain.length));
        // As many zeros as Keccak-256 takes in at once, then 96 bytes are asked for.
        bytes32 b0 =
            keccak256(abi.encodePacked(new bytes(136), message, uint16(96), uint8(0), tail));
        bytes32 b1 = keccak256(abi.encodePacked(b0, uint8(1), tail));
        bytes32 b2 = keccak256(abi.encodePacked(b0 ^ b1, uint8(2), tail));
        bytes32 b3 = keccak256(abi.encodePacked(b0 ^ b2, uint8(3), tail));
        // 48 bytes each: a whole word over a half, and a half over a whole word.
        u = _reduce(uint256(b1) >> 128, uint256(b1) << 128 | uint256(b2) >> 128);
        v = _reduce(uint256(uint128(uint256(b2))), uint256(b3));
    }

    /// @notice The points of two field elements, section 6.6.1.
    /// @dev Two inverses for the price of one and three products: 1/a = b·(1/ab).
    function mapBoth(uint256 u, uint256 v) internal view returns (Point memory, Point memory) {
        uint256 a = _denominator(u);
        uint256 b = _denominator(v);
        if (a == 0 || b == 0) return (map(u, _invert(a)), map(v, _invert(b)));
        uint256 inverse = _invert(mulmod(a, b, P));
        return (map(u, mulmod(b, inverse, P)), map(v, mulmod(a, inverse, P)));
    }

    /// @notice The point of a field element, with the inverse of its denominator.
    function map(uint256 u, uint256 inverse) internal view returns (Point memory) {
        uint256 square = mulmod(C1, mulmod(u, u, P), P);
        uint256 plus = addmod(1, square, P);
        uint256 minus = addmod(1, P - square, P);
        uint256 offset = mulmod(mulmod(u, minus, P), mulmod(inverse, C3, P), P);
        (bool found, Point memory point) = _lift(addmod(C2, P - offset, P));
        if (!found) (found, point) = _lift(addmod(C2, offset, P));
        if (!found) {
            uint256 x = mulmod(mulmod(plus, plus, P), inverse, P);
            // One of the three is always on the curve.
            (, point) = _lift(addmod(mulmod(mulmod(x, x, P), C4, P), 1, P));
        }
        if (point.y & 1 != u & 1) point.y = P - point.y;
        return point;
    }

    /// @notice x³ + 3.
    function curve(uint256 x) internal pure returns (uint256) {
        return addmod(mulmod(mulmod(x, x, P), x, P), 3, P);
    }

    /// @dev A point with this x, if there is one. Zero has no root of the other sign, but no x of
    /// the curve has y = 0: the group's order is odd.
    function _lift(uint256 x) private view returns (bool found, Point memory) {
        uint256 square = curve(x);
        uint256 y = Precompiles.power(square, ROOT, P);
        return (mulmod(y, y, P) == square, Point(x, y));
    }

    /// @dev 0 stays 0, as RFC 9380 wants it.
    function _invert(uint256 value) private view returns (uint256) {
        return Precompiles.power(value, P - 2, P);
    }

    /// @dev (1 + c1·u²)(1 − c1·u²).
    function _denominator(uint256 u) private pure returns (uint256) {
        uint256 square = mulmod(C1, mulmod(u, u, P), P);
        return addmod(1, P - mulmod(square, square, P), P);
    }

    /// @dev high·2^256 + low mod P.
    function _reduce(uint256 high, uint256 low) private pure returns (uint256) {
        uint256 shifted = mulmod(high, addmod(type(uint256).max % P, 1, P), P);
        return addmod(shifted, low, P);
    }
}
