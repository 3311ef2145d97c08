// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { BURN } from "../../../src/libraries/Types.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

contract Rounds_sweep is RoundTest {
    function _afterCollecting(Play memory p) private {
        vm.warp(uint256(p.sealedAt) + ROUND_LENGTH + 30 days + 1);
    }

    function test_revertWhen_unknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_UnknownRound.selector, bytes32("nothing"))
        );
        rounds.sweep("nothing");
    }

    function test_revertWhen_feesCanBeCollected() public {
        Play memory p = _opened(0, Behaviour.OwnCopy);
        uint256 from = uint256(p.sealedAt) + ROUND_LENGTH + 30 days + 1;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_TooEarly.selector, from));
        rounds.sweep(p.roundId);
    }

    function test_revertWhen_everythingIsPaid() public {
        Play memory p = _opened(0, Behaviour.OwnCopy);
        for (uint8 i; i < p.seats; ++i) {
            _collect(p, i);
        }
        _afterCollecting(p);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_NothingToSweep.selector, p.roundId));
        rounds.sweep(p.roundId);
    }

    function test_revertWhen_swept() public {
        Play memory p = _sealed(0);
        _afterCollecting(p);
        rounds.sweep(p.roundId);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_NothingToSweep.selector, p.roundId));
        rounds.sweep(p.roundId);
    }

    function test_burnWhatIsLeft() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        _collect(p, 0);
        _collect(p, 9);
        _afterCollecting(p);
        uint256 left = 14 * uint256(SEAT_FEE);
        vm.expectEmit(address(rounds));
        emit IRounds.FeesBurned(p.roundId, left);
        vm.prank(stranger);
        rounds.sweep(p.roundId);
        assertEq(token.balanceOf(BURN), left, "burned");
        assertEq(token.balanceOf(address(rounds)), 0, "nothing is left");
        // Else the fees of other rounds would pay it.
        _expectNothing(p, 1);
    }

    /// @dev Fees are nobody's but the seats': a payer that seals for nobody burns its money.
    function test_burnWithoutSheets() public {
        Play memory p = _sealed(0);
        _afterCollecting(p);
        uint256 before = token.balanceOf(reporter);
        vm.prank(reporter);
        rounds.sweep(p.roundId);
        assertEq(token.balanceOf(reporter), before, "nothing comes back");
        assertEq(token.balanceOf(BURN), 16 * uint256(SEAT_FEE), "all burned");
    }

    /// @dev What another round holds stays there.
    function test_burnOfOneRoundAlone() public {
        Play memory p = _sealed(0);
        skip(10 days);
        Play memory q = _answered(1, Behaviour.OtherCopy);
        _afterCollecting(p);
        rounds.sweep(p.roundId);
        assertEq(token.balanceOf(address(rounds)), 16 * uint256(SEAT_FEE), "the other's fees");
        _afterEnd(q);
        skip(20 days);
        _collect(q, 3);
    }
}
