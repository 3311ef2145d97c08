// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { OpenedLeaf } from "../../../src/libraries/Types.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

contract Rounds_openFees is RoundTest {
    /// @dev Whoever hit nothing where others convicted has not asked, or lies.
    function test_noHitInAConviction() public {
        Play memory p = _hitBy(2);
        _open(p);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        assertEq(uint256(rounds.round(p.roundId).paid), 0xfffc, "all but seats 0 and 1");
        assertEq(rounds.unearnedFees(), 2 * uint256(SEAT_FEE), "to be burned");
        _assertEarned(p, 2);
    }

    /// @dev Of what was not opened nobody knows whether it was hit.
    function test_aClosedBundleInAConviction() public {
        Play memory p = _hitBy(2);
        IRounds.Opening memory o = _opening(p);
        o.bundles[0].leaves = new OpenedLeaf[](0);
        _openWith(o);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        assertEq(uint256(rounds.round(p.roundId).paid), 0xffff, "every seat");
        assertEq(rounds.unearnedFees(), 0, "nothing to burn");
        _assertEarned(p, 0);
    }

    /// @dev In a round that convicts nobody a silent deployment is no fault of the seats.
    function test_noHitWithoutConviction() public {
        Play memory p = _opened(0, Behaviour.Silent);
        assertEq(uint256(rounds.round(p.roundId).paid), 0xffff, "every seat");
        _assertEarned(p, 0);
    }

    /// @dev Fees are nobody's but the seats': what those leave comes back to no payer.
    function test_seatsThatSentNothing() public {
        Play memory p = _drawn(0);
        _answerHits(p, 9, 0);
        _answerHits(p, 4, 0);
        _toOpening(p);
        uint256 before = token.balanceOf(reporter);
        _open(p);
        assertEq(uint256(rounds.round(p.roundId).paid), 1 << 9 | 1 << 4, "who answered");
        assertEq(rounds.unearnedFees(), 14 * uint256(SEAT_FEE), "to be burned");
        assertEq(token.balanceOf(reporter), before, "nothing comes back");
        _assertEarned(p, 0);
    }

    function test_nobodyAnswered() public {
        Play memory p = _drawn(0);
        _toOpening(p);
        _open(p);
        assertEq(uint256(rounds.round(p.roundId).paid), 0, "nobody");
        assertEq(rounds.unearnedFees(), 16 * uint256(SEAT_FEE), "all of it");
    }

    /// @dev Fees of several rounds add up.
    function test_twoRounds() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        address prover = p.sheets[0].prover;
        uint256 first = rounds.fees(prover);
        skip(1 days);
        Play memory q = _opened(1, Behaviour.OtherCopy);
        uint256 seats;
        for (uint8 i; i < q.seats; ++i) {
            if (q.sheets[i].prover == prover) ++seats;
        }
        assertEq(rounds.fees(prover), first + seats * SEAT_FEE, "both");
    }

    /// @dev Everybody but the first seats hits everything.
    function _hitBy(uint8 first) private returns (Play memory p) {
        p = _drawn(0);
        for (uint8 i; i < p.seats; ++i) {
            _answerHits(p, i, i < first ? 0 : 8);
        }
        _toOpening(p);
    }

    /// @dev Each prover has the fees of its seats from `first` on.
    function _assertEarned(Play memory p, uint8 first) private view {
        for (uint256 k; k < members.length; ++k) {
            uint256 earned;
            for (uint256 i; i < p.sheets.length; ++i) {
                if (p.sheets[i].prover == members[k].addr && p.sheets[i].seat >= first) {
                    earned += SEAT_FEE;
                }
            }
            assertEq(rounds.fees(members[k].addr), earned, "fees");
        }
    }
}
