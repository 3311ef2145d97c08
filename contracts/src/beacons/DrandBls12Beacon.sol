// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IBeacon } from "../interfaces/IBeacon.sol";
import { IDrandBeacon } from "../interfaces/IDrandBeacon.sol";
import { HashToBls12 } from "../libraries/HashToBls12.sol";
import { Precompiles } from "../libraries/Precompiles.sol";
import { DrandBeacon } from "./DrandBeacon.sol";

/// @title drand's scheme `bls-unchained-g1-rfc9380`, as its network quicknet signs
/// @notice e(signature, g2) = e(H(sha256(round)), key), by the precompiles of EIP-2537. A proof is
/// the signature, not compressed, in 96 bytes: x and y. Its value is the hash of the compressed
/// one, as drand's is.
contract DrandBls12Beacon is DrandBeacon {
    /// @dev A field element in EIP-2537's 64 bytes: 16 zeros, 16 bytes, 32 bytes.
    struct Element {
        uint256 high;
        uint256 low;
    }

    /// @notice Domain of the hash to the curve.
    bytes public constant DOMAIN = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

    /// @dev −g2 as EIP-2537 encodes it: x.c0, x.c1, y.c0, y.c1.
    bytes private constant NEGATED_G2 = hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
        hex"0000000000000000000000000000000013e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
        hex"000000000000000000000000000000000d1b3cc2c7027888be51d9ef691d77bcb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa"
        hex"0000000000000000000000000000000013fa4d4a0ad8b1ce186ed5061789213d993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed";

    /// @dev (p − 1) / 2: of the two points with one x, the compressed form marks the one above.
    uint256 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW =
        0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;
    /// @dev Marks of the compressed form in the first byte: compressed, and the larger y.
    uint256 private constant COMPRESSED = 0x80 << 120;
    uint256 private constant LARGER = 0x20 << 120;

    uint256 private immutable KEY_X0_HIGH;
    uint256 private immutable KEY_X0_LOW;
    uint256 private immutable KEY_X1_HIGH;
    uint256 private immutable KEY_X1_LOW;
    uint256 private immutable KEY_Y0_HIGH;
    uint256 private immutable KEY_Y0_LOW;
    uint256 private immutable KEY_Y1_HIGH;
    uint256 private immutable KEY_Y1_LOW;

    /// @param key 192 bytes, drand's key without compression: x.c1, x.c0, y.c1, y.c0
    /// @dev The pairing of a hash and the key must be there and differ from one. EIP-2537 refuses
    /// what is not on the curve and in the group of the right order, and only zero pairs to one.
    /// The hash needs the other precompiles.
    constructor(bytes memory key, uint48 genesis_, uint48 period_, uint48 margin_)
        DrandBeacon(genesis_, period_, margin_)
    {
        require(key.length == 192, Drand_BadLength(key.length, 192));
        Element memory x1 = _elementAt(key, 0);
        Element memory x0 = _elementAt(key, 48);
        Element memory y1 = _elementAt(key, 96);
        Element memory y0 = _elementAt(key, 144);
        (KEY_X0_HIGH, KEY_X0_LOW, KEY_X1_HIGH, KEY_X1_LOW) = (x0.high, x0.low, x1.high, x1.low);
        (KEY_Y0_HIGH, KEY_Y0_LOW, KEY_Y1_HIGH, KEY_Y1_LOW) = (y0.high, y0.low, y1.high, y1.low);
        bytes memory pair = abi.encodePacked(_hashOf(1), abi.encode(x0, x1, y0, y1));
        (bool valid, bool one) = Precompiles.pairing(Precompiles.BLS12_PAIRING, pair);
        require(valid && !one, Drand_BadPublicKey());
    }

    /// @inheritdoc IDrandBeacon
    function publicKey() external view returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(uint128(KEY_X1_HIGH), KEY_X1_LOW, uint128(KEY_X0_HIGH), KEY_X0_LOW),
            abi.encodePacked(uint128(KEY_Y1_HIGH), KEY_Y1_LOW, uint128(KEY_Y0_HIGH), KEY_Y0_LOW)
        );
    }

    /// @inheritdoc IBeacon
    function kind() external pure returns (Kind) {
        return Kind.DrandBls12;
    }

    function _verified(uint48 round, bytes calldata proof)
        internal
        view
        override
        returns (bytes32)
    {
        require(proof.length == 96, Drand_BadLength(proof.length, 96));
        Element memory x = Element(uint128(bytes16(proof[:16])), uint256(bytes32(proof[16:48])));
        Element memory y = Element(uint128(bytes16(proof[48:64])), uint256(bytes32(proof[64:])));
        bytes memory pairs = bytes.concat(abi.encode(x, y), NEGATED_G2, _hashOf(round), _key());
        (, bool one) = Precompiles.pairing(Precompiles.BLS12_PAIRING, pairs);
        require(one, Drand_BadSignature(round));
        // Both are below p by now.
        bool larger = y.high > HALF_HIGH || (y.high == HALF_HIGH && y.low > HALF_LOW);
        uint256 high = x.high | COMPRESSED | (larger ? LARGER : 0);
        return sha256(abi.encodePacked(uint128(high), x.low));
    }

    function _key() private view returns (bytes memory) {
        return abi.encode(
            KEY_X0_HIGH,
            KEY_X0_LOW,
            KEY_X1_HIGH,
            KEY_X1_LOW,
            KEY_Y0_HIGH,
            KEY_Y0_LOW,
            KEY_Y1_HIGH,
            KEY_Y1_LOW
        );
    }

    /// @dev The point that the network signs for a round.
    function _hashOf(uint48 round) private view returns (bytes memory) {
        bytes32 digest = sha256(abi.encodePacked(uint64(round)));
        return HashToBls12.hashToPoint(abi.encodePacked(digest), DOMAIN);
    }

    /// @dev 48 bytes from there on.
    function _elementAt(bytes memory data, uint256 from) private pure returns (Element memory e) {
        for (uint256 i = 0; i < 16; ++i) {
            e.high = e.high << 8 | uint8(data[from + i]);
        }
        for (uint256 i = 16; i < 48; ++i) {
            e.low = e.low << 8 | uint8(data[from + i]);
        }
    }
}
