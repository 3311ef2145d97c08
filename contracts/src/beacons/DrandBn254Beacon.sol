// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IBeacon } from "../interfaces/IBeacon.sol";
import { IDrandBeacon } from "../interfaces/IDrandBeacon.sol";
import { HashToBn254 } from "../libraries/HashToBn254.sol";
import { Precompiles } from "../libraries/Precompiles.sol";
import { DrandBeacon } from "./DrandBeacon.sol";

/// @title drand's scheme `bls-bn254-unchained-on-g1`, as its network evmnet signs
/// @notice e(signature, g2) = e(H(keccak256(round)), key), by the precompiles of EIP-196 and
/// EIP-197. A proof is the signature, 64 bytes: x and y.
contract DrandBn254Beacon is DrandBeacon {
    /// @notice Domain of the hash to the curve.
    bytes public constant DOMAIN = "BLS_SIG_BN254G1_XMD:KECCAK-256_SVDW_RO_NUL_";

    /// @dev −g2, g2 the generator of EIP-197.
    uint256 private constant G2_X1 =
        0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
    uint256 private constant G2_X0 =
        0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
    uint256 private constant G2_Y1 =
        0x275dc4a288d1afb3cbb1ac09187524c7db36395df7be3b99e673b13a075a65ec;
    uint256 private constant G2_Y0 =
        0x1d9befcd05a5323e6da4d435f3b617cdb3af83285c2df711ef39c01571827f9d;

    uint256 private immutable KEY_X1;
    uint256 private immutable KEY_X0;
    uint256 private immutable KEY_Y1;
    uint256 private immutable KEY_Y0;

    /// @param key 128 bytes, as drand publishes it: x.c1, x.c0, y.c1, y.c0
    /// @dev The pairing of g1 and the key must be there and differ from one. EIP-197 refuses what
    /// is not on the curve and in the group of the right order, and only zero pairs to one.
    constructor(bytes memory key, uint48 genesis_, uint48 period_, uint48 margin_)
        DrandBeacon(genesis_, period_, margin_)
    {
        require(key.length == 128, Drand_BadLength(key.length, 128));
        (KEY_X1, KEY_X0, KEY_Y1, KEY_Y0) = abi.decode(key, (uint256, uint256, uint256, uint256));
        bytes memory pair = abi.encodePacked(uint256(1), uint256(2), key);
        (bool valid, bool one) = Precompiles.pairing(Precompiles.BN254_PAIRING, pair);
        require(valid && !one, Drand_BadPublicKey());
    }

    /// @inheritdoc IDrandBeacon
    function publicKey() external view returns (bytes memory) {
        return abi.encode(KEY_X1, KEY_X0, KEY_Y1, KEY_Y0);
    }

    /// @inheritdoc IBeacon
    function kind() external pure returns (Kind) {
        return Kind.DrandBn254;
    }

    function _verified(uint48 round, bytes calldata proof)
        internal
        view
        override
        returns (bytes32)
    {
        require(proof.length == 64, Drand_BadLength(proof.length, 64));
        (uint256 x, uint256 y) = abi.decode(proof, (uint256, uint256));
        // The precompile checks it again, but burns all of its gas for a mistake.
        bool onCurve = x < HashToBn254.P && y < HashToBn254.P
            && mulmod(y, y, HashToBn254.P) == HashToBn254.curve(x);
        require(onCurve, Drand_BadSignature(round));

        bytes32 digest = keccak256(abi.encodePacked(uint64(round)));
        HashToBn254.Point memory hashed = HashToBn254.hashToPoint(abi.encodePacked(digest), DOMAIN);
        bytes memory pairs = abi.encodePacked(
            abi.encode(x, y, G2_X1, G2_X0, G2_Y1, G2_Y0),
            abi.encode(hashed, KEY_X1, KEY_X0, KEY_Y1, KEY_Y0)
        );
        (, bool one) = Precompiles.pairing(Precompiles.BN254_PAIRING, pairs);
        require(one, Drand_BadSignature(round));
        return sha256(proof);
    }
}
