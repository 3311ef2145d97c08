// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Consensus } from "../libraries/Consensus.sol";
import { Openings } from "../libraries/Openings.sol";
import { CaseRef, CaseStatus, Drawn } from "../libraries/Types.sol";
import { CaseBook } from "./CaseBook.sol";

/// @title Level 2, the opening: only now do the candidates become known, and the contract counts
abstract contract CaseOpening is CaseBook {
    /// @dev See `IChallengeManager`.
    function openLeaves(CaseRef calldata ref, Drawn calldata drawn, LeafOpening calldata given)
        external
    {
        (bytes32 caseId, bytes32 licenseId, Case storage c) = _case(ref);
        _requireOwner(ref);
        _advance(caseId, c);
        _requireStep(caseId, c, CaseStatus.Opening);
        _requireRevealed(caseId, drawn.committee, given.sheets, given.sheetOf);

        uint16 count = c.questionCount;
        Openings.Opening memory o =
            Openings.start(registry, ref.license, licenseId, drawn.bundles.length, count);
        (o.agreed, c.dissenters) = _judgeSheets(given.sheets, given.sheetOf, count);
        Openings.open(o, drawn.bundles, given.bundles);
        _fillDecoys(o.questions, given.decoyHashes, count - o.opened.length);
        _requireFacts(caseId, c, _factsOf(drawn, Openings.hashWords(o.questions)));

        Outcome memory outcome = Outcome(o.hits, o.outside, Openings.hashWords(o.opened));
        uint40 deadline = uint40(block.timestamp) + _rebuttalWindow;
        (c.status, c.deadline) = (CaseStatus.Rebuttal, deadline);
        c.facts = _factsOf(drawn, _outcomeHash(outcome));
        emit LeavesOpened(
            caseId,
            outcome.hits,
            outcome.outside,
            outcome.keysHash,
            uint16(o.opened.length),
            deadline
        );
    }

    // ---- Members' answers

    /// @dev Every member's sheet is the one that it revealed, and only one that has not revealed
    /// has none.
    function _requireRevealed(
        bytes32 caseId,
        address[] calldata committee,
        bytes[] calldata sheets,
        bytes calldata sheetOf
    ) private view {
        require(
            sheetOf.length == committee.length,
            ChallengeManager_WrongLength("sheetOf", sheetOf.length, committee.length)
        );
        bytes32[] memory words = new bytes32[](sheets.length);
        for (uint256 i; i < words.length; ++i) {
            words[i] = _revealedWord(keccak256(sheets[i]));
        }
        for (uint256 i; i < committee.length; ++i) {
            uint256 sheet = uint8(sheetOf[i]);
            bytes32 word = _words[caseId][committee[i]];
            bool same = sheet == Consensus.NO_SHEET
                ? !_isRevealed(word)
                : sheet < words.length && word == words[sheet];
            require(same, ChallengeManager_WrongTags(caseId, committee[i]));
        }
    }

    function _judgeSheets(bytes[] calldata sheets, bytes calldata sheetOf, uint256 count)
        private
        pure
        returns (bytes4[] memory agreed, uint16 dissenters)
    {
        uint256 bits;
        (agreed, bits) = Consensus.judge(sheets, sheetOf, count, Consensus.quorum(sheetOf.length));
        // A committee has at most 16 members.
        dissenters = uint16(bits);
    }

    // ---- Questions

    /// @dev The questions that are not opened, in their order.
    function _fillDecoys(
        bytes32[] memory questions,
        bytes32[] calldata decoyHashes,
        uint256 expected
    ) private pure {
        require(
            decoyHashes.length == expected,
            ChallengeManager_WrongLength("decoyHashes", decoyHashes.length, expected)
        );
        // As many decoys as places that are left: opened leaves have taken one each, by `Openings`.
        assembly ("memory-safe") {
            let next := decoyHashes.offset
            let to := add(questions, 0x20)
            for { let end := add(to, shl(5, mload(questions))) } lt(to, end) { to := add(to, 0x20) }
            {
                if iszero(mload(to)) {
                    mstore(to, calldataload(next))
                    next := add(next, 0x20)
                }
            }
        }
    }
}
