// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Room for level 1: a fact signed by a third party, such as the key of a trusted execution
/// environment
/// @notice Nothing calls this yet, and no offer can accept level 1: `TermsLib.validate` refuses its
/// bit in `evidenceLevels`, as no term may exist that no code enforces.
///
/// A version that enforces it adds the attestor's address to the terms, so that the host agreed to
/// whom it believes; sets the bit in `TermsLib.KNOWN_LEVELS`; and judges beside `Proofs`, by the
/// same steps as level 0: `_requireLevel`, `_consumeReport` with the fact's hash as claim,
/// `attests`, `_punish`.
interface IAttestor {
    /// @notice Whether this party vouches for `fact` about `subject`.
    /// @dev Must not depend on who calls nor change its mind: a verdict that was given stays.
    /// Whoever calls bounds the gas and takes a revert as "not shown", never as innocence.
    /// @param subject what is spoken of: the `licenseId` of the accused
    /// @param fact hash of the statement, with a domain of its own
    /// @param proof what the attestor wants to see: a signature, a quote, a certificate chain
    function attests(bytes32 subject, bytes32 fact, bytes calldata proof)
        external
        view
        returns (bool);
}
