// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Calls of precompiles: bounded in gas, and of a known size in return
/// @dev A precompile burns all of its gas on a bad input, so each call gets a limit. The limits are
/// several times today's prices, for these contracts can't follow a later repricing.
library Precompiles {
    /// @notice No answer of the right size.
    error Precompiles_NoAnswer(address precompile);

    address internal constant MODEXP = address(0x05);
    address internal constant BN254_ADD = address(0x06);
    address internal constant BN254_PAIRING = address(0x08);
    address internal constant BLS12_G1_ADD = address(0x0b);
    address internal constant BLS12_PAIRING = address(0x0f);
    address internal constant BLS12_MAP_TO_G1 = address(0x10);

    /// @dev For additions, powers and maps; the dearest is the map, 5,500.
    uint256 private constant SMALL_GAS = 50_000;
    /// @dev Two pairs cost 113,000 (BN254) and 102,900 (BLS12-381).
    uint256 private constant PAIRING_GAS = 500_000;

    /// @notice Answer of `size` bytes; reverts without one.
    function run(address precompile, bytes memory input, uint256 size)
        internal
        view
        returns (bytes memory output)
    {
        bool ok;
        (ok, output) = precompile.staticcall{ gas: SMALL_GAS }(input);
        require(ok && output.length == size, Precompiles_NoAnswer(precompile));
    }

    /// @notice `base ^ exponent mod modulus`.
    function power(uint256 base, uint256 exponent, uint256 modulus)
        internal
        view
        returns (uint256)
    {
        bytes memory input = abi.encode(32, 32, 32, base, exponent, modulus);
        return abi.decode(run(MODEXP, input, 32), (uint256));
    }

    /// @notice Whether the pairings multiply to one; `valid` is false if a point is in no group.
    /// @dev Reverts where the precompile is missing: there, a call succeeds without an answer.
    function pairing(address precompile, bytes memory input)
        internal
        view
        returns (bool valid, bool one)
    {
        bytes memory output;
        (valid, output) = precompile.staticcall{ gas: PAIRING_GAS }(input);
        if (!valid) return (false, false);
        require(output.length == 32, Precompiles_NoAnswer(precompile));
        one = abi.decode(output, (uint256)) == 1;
    }
}
