// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Room for level 3: an arbiter outside of this protocol
/// @notice Nothing calls this yet, and no offer can accept level 3: `TermsLib.validate` refuses its
/// bit in `evidenceLevels`, as no term may exist that no code enforces.
///
/// A version that enforces it adds the arbiter's address and fee to the terms; sets the bit in
/// `TermsLib.KNOWN_LEVELS`; and lets either side ask for a ruling while the payouts of a conviction
/// wait for their delay: they then wait for the ruling, too, at most for a window of its own, after
/// which the conviction stands as if nobody had asked. So an arbiter that is silent, captured or
/// gone can't freeze money for ever.
interface IArbiter {
    enum Ruling {
        None,
        Upheld,
        Dismissed
    }

    /// @notice Asks for a ruling; the caller pays the arbiter's fee with it.
    /// @param disputeId the `roundId` of the conviction
    /// @param evidence what both sides say, by hash
    function dispute(bytes32 disputeId, bytes32 evidence) external payable;

    /// @notice The ruling, `None` until there is one. Never changes afterwards.
    function rulingOf(bytes32 disputeId) external view returns (Ruling);
}
