// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Precompiles } from "./Precompiles.sol";

/// @title Hash to the group G1 of BLS12-381, with the precompiles of EIP-2537
/// @notice RFC 9380: `expand_message_xmd` with SHA-256, two field elements of 64 bytes, the
/// simplified map, whose cofactor the precompile clears, and their sum.
/// @dev A field element is 64 bytes there, of which the first 16 are zero; a point is x and y.
library HashToBls12 {
    /// @notice Order of the field, as a field element is encoded.
    bytes internal constant P =
        hex"000000000000000000000000000000001a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";

    /// @notice The point of a message under a domain of less than 256 bytes, in 128 bytes.
    function hashToPoint(bytes memory message, bytes memory domain)
        internal
        view
        returns (bytes memory)
    {
        (bytes memory u, bytes memory v) = hashToField(message, domain);
        bytes memory a = Precompiles.run(Precompiles.BLS12_MAP_TO_G1, u, 128);
        bytes memory b = Precompiles.run(Precompiles.BLS12_MAP_TO_G1, v, 128);
        return Precompiles.run(Precompiles.BLS12_G1_ADD, bytes.concat(a, b), 128);
    }

    /// @notice Two field elements, sections 5.2 and 5.3.1.
    function hashToField(bytes memory message, bytes memory domain)
        internal
        view
        returns (bytes memory u, bytes memory v)
    {
        bytes memory tail = abi.encodePacked(domain, uint8(domain.length));
        // As many zeros as SHA-256 takes in at once, then 128 bytes are asked for.
        bytes32 b0 = sha256(abi.encodePacked(new bytes(64), message, uint16(128), uint8(0), tail));
        bytes32 b1 = sha256(abi.encodePacked(b0, uint8(1), tail));
        bytes32 b2 = sha256(abi.encodePacked(b0 ^ b1, uint8(2), tail));
        bytes32 b3 = sha256(abi.encodePacked(b0 ^ b2, uint8(3), tail));
        bytes32 b4 = sha256(abi.encodePacked(b0 ^ b3, uint8(4), tail));
        u = _reduce(b1, b2);
        v = _reduce(b3, b4);
    }

    /// @dev 64 bytes modulo `P`: their first power.
    function _reduce(bytes32 high, bytes32 low) private view returns (bytes memory) {
        bytes memory input =
            abi.encodePacked(uint256(64), uint256(1), uint256(64), high, low, uint8(1), P);
        return Precompiles.run(Precompiles.MODEXP, input, 64);
    }
}
