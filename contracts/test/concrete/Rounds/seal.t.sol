// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { Currency } from "../../../src/libraries/Currency.sol";
import { NATIVE } from "../../../src/libraries/Types.sol";
import { Deploy } from "../../../script/Deploy.s.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

contract Rounds_seal is RoundTest {
    function test_revertWhen_noRoundHasThisSize() public {
        uint8[6] memory sizes = [0, 1, 5, 12, 40, 255];
        for (uint256 i; i < sizes.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_BadSize.selector, sizes[i]));
            vm.prank(reporter);
            rounds.seal("word", "deployment", sizes[i]);
        }
    }

    function test_revertWhen_sealed() public {
        vm.startPrank(reporter);
        bytes32 roundId = rounds.seal("word", "deployment", 8);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_AlreadySealed.selector, roundId));
        rounds.seal("word", "another deployment", 16);
        vm.stopPrank();
    }

    /// @dev A round that nobody opened is no reason to draw again.
    function test_revertWhen_lapsed() public {
        vm.startPrank(reporter);
        bytes32 roundId = rounds.seal("word", "deployment", 8);
        skip(365 days);
        rounds.collectLapsed(roundId, new IRounds.Sheet[](0));
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_AlreadySealed.selector, roundId));
        rounds.seal("word", "deployment", 8);
        vm.stopPrank();
    }

    function test_revertWhen_thereAreNoTickets() public {
        vm.mockCall(
            address(provers), abi.encodeCall(provers.totalTickets, ()), abi.encode(uint32(0))
        );
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_NoTickets.selector));
        vm.prank(reporter);
        rounds.seal("word", "deployment", 8);
    }

    function test_revertWhen_theFeesAreNotPaid() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                Currency.Currency_PullRefused.selector,
                address(token),
                stranger,
                8 * uint256(SEAT_FEE)
            )
        );
        vm.prank(stranger);
        rounds.seal("word", "deployment", 8);
        vm.expectRevert(abi.encodeWithSelector(Currency.Currency_WrongValue.selector, 1, 0));
        hoax(reporter, 1);
        rounds.seal{ value: 1 }("word", "deployment", 8);
    }

    /// @dev One ticket is enough: it holds every seat.
    function test_ofASingleTicket() public {
        vm.mockCall(
            address(provers), abi.encodeCall(provers.totalTickets, ()), abi.encode(uint32(1))
        );
        Play memory p = _drawn(0);
        for (uint8 i; i < p.seats; ++i) {
            (uint32 ticket, address holder) = rounds.seatOf(p.roundId, i);
            assertEq(ticket, 0, "the only ticket");
            assertEq(holder, provers.ticket(0).owner, "its owner");
        }
    }

    function test_noteTheRound() public {
        bytes32 roundId = rounds.roundIdOf("word", reporter);
        uint40 sealedAt = uint40(vm.getBlockTimestamp());
        uint48 beaconRound = uint48(vm.getBlockNumber() + 2);
        vm.expectEmit(address(rounds));
        emit IRounds.RoundSealed(
            roundId,
            reporter,
            reporter,
            "word",
            "deployment",
            8,
            0,
            beaconRound,
            40,
            sealedAt + ANSWER_WINDOW,
            sealedAt + ROUND_LENGTH
        );
        vm.prank(reporter);
        assertEq(rounds.seal("word", "deployment", 8), roundId, "identifier");
        IRounds.Round memory expected = IRounds.Round({
            sealedAt: sealedAt,
            beaconRound: beaconRound,
            tickets: 40,
            seats: 8,
            status: IRounds.RoundStatus.Sealed,
            promiseBps: 0,
            paid: 0,
            payer: reporter,
            deployment: "deployment"
        });
        assertEq(abi.encode(rounds.round(roundId)), abi.encode(expected), "the round");
    }

    function test_takeTheFeesOfEverySize() public {
        uint8[5] memory sizes = [4, 8, 16, 24, 32];
        uint256 paid;
        for (uint256 i; i < sizes.length; ++i) {
            vm.prank(reporter);
            rounds.seal(bytes32(i), "deployment", sizes[i]);
            paid += uint256(sizes[i]) * SEAT_FEE;
            assertEq(token.balanceOf(address(rounds)), paid, "fees");
        }
    }

    /// @dev The same word under another account is another round.
    function test_anotherAccount() public {
        vm.prank(reporter);
        bytes32 roundId = rounds.seal("word", "deployment", 8);
        vm.prank(host.addr);
        assertNotEq(rounds.seal("word", "deployment", 8), roundId, "another round");
    }
}

contract Rounds_sealNative is RoundTest {
    function _settings() internal override returns (Deploy.Settings memory chosen) {
        chosen = super._settings();
        chosen.provers.stakeCurrency = NATIVE;
    }

    function test_revertWhen_theValueIsNotTheFees() public {
        uint256 fees = 8 * uint256(SEAT_FEE);
        vm.startPrank(reporter);
        vm.expectRevert(
            abi.encodeWithSelector(Currency.Currency_WrongValue.selector, fees - 1, fees)
        );
        rounds.seal{ value: fees - 1 }("word", "deployment", 8);
        vm.expectRevert(
            abi.encodeWithSelector(Currency.Currency_WrongValue.selector, fees + 1, fees)
        );
        rounds.seal{ value: fees + 1 }("word", "deployment", 8);
        vm.stopPrank();
    }

    function test_takeTheFees() public {
        uint256 fees = 8 * uint256(SEAT_FEE);
        vm.prank(reporter);
        rounds.seal{ value: fees }("word", "deployment", 8);
        assertEq(address(rounds).balance, fees, "fees");
    }

    /// @dev Fees come back out, to the seats.
    function test_payTheFees() public {
        Play memory p = _opened(0, Behaviour.OwnCopy);
        address prover = p.sheets[0].prover;
        uint256 before = _held(prover);
        uint256 earned = rounds.fees(prover);
        _withdrawAll(p);
        assertEq(_held(prover) - before, earned, "its fees");
        assertEq(address(rounds).balance, 0, "nothing is left");
    }
}
