// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

contract Rounds_views is RoundTest {
    function test_config() public view {
        IRounds.Config memory expected =
            IRounds.Config(ANSWER_WINDOW, OPEN_WINDOW, PAYOUT_DELAY, SEAT_FEE);
        assertEq(abi.encode(rounds.config()), abi.encode(expected), "as it was deployed");
    }

    function test_round_unknown() public view {
        assertEq(uint256(rounds.round("nothing").status), 0, "no round");
    }

    function test_revertWhen_seedOfNothing() public {
        bytes memory unknown =
            abi.encodeWithSelector(IRounds.Rounds_UnknownRound.selector, bytes32("nothing"));
        vm.expectRevert(unknown);
        rounds.seedOf("nothing");
        vm.expectRevert(unknown);
        rounds.seatOf("nothing", 0);
    }

    function test_revertWhen_theSeedIsNotOut() public {
        Play memory p = _sealed(0);
        uint48 beaconRound = rounds.round(p.roundId).beaconRound;
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_NotDrawn.selector, p.roundId, beaconRound)
        );
        rounds.seedOf(p.roundId);
        _mineBeacon("round");
        rounds.seedOf(p.roundId);
        vm.roll(vm.getBlockNumber() + 10_000);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_DrawLost.selector, p.roundId, beaconRound)
        );
        rounds.seedOf(p.roundId);
    }

    function test_seedOf() public {
        Play memory p = _drawn(0);
        bytes32 value = blockhash(rounds.round(p.roundId).beaconRound);
        bytes32 expected = keccak256(abi.encodePacked(value, address(rounds), p.roundId));
        assertEq(rounds.seedOf(p.roundId), expected, "beacon, contract and round");
    }

    function test_revertWhen_noSuchSeat() public {
        Play memory p = _drawn(0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_NoSuchSeat.selector, 16, 16));
        rounds.seatOf(p.roundId, 16);
    }

    function test_seatOf() public {
        Play memory p = _drawn(0);
        bytes32 seed = rounds.seedOf(p.roundId);
        for (uint8 i; i < p.seats; ++i) {
            (uint32 ticket, address holder) = rounds.seatOf(p.roundId, i);
            uint256 drawn = uint256(keccak256(abi.encodePacked(seed, "seat", i))) % 40;
            assertEq(ticket, drawn, "ticket");
            assertEq(holder, provers.ticket(ticket).owner, "holder");
        }
    }

    /// @dev Whoever comes later changes no seat.
    function test_seatOf_afterOthersJoined() public {
        Play memory p = _drawn(0);
        bytes32 before = _allSeats(p);
        _fund(stranger);
        _join(stranger, 64);
        skip(WARM_UP);
        assertEq(_allSeats(p), before, "the same seats");
        assertEq(rounds.round(p.roundId).tickets, 40, "the same tickets");
    }

    function _allSeats(Play memory p) private view returns (bytes32 all) {
        for (uint8 i; i < p.seats; ++i) {
            (uint32 ticket, address holder) = rounds.seatOf(p.roundId, i);
            all = keccak256(abi.encode(all, ticket, holder));
        }
    }

    function test_wordOf() public view {
        bytes32 word = rounds.wordOf(licenseId, 64, reporter, "salt");
        bytes32 expected = keccak256(
            abi.encode(keccak256("OML.round.v1"), licenseId, uint8(64), reporter, bytes32("salt"))
        );
        assertEq(word, expected, "word");
        assertEq(rounds.roundIdOf(word, reporter), keccak256(abi.encode(word, reporter)), "round");
    }

    function test_deploymentCommitment() public view {
        assertEq(
            rounds.deploymentCommitment("deployment", "access", "salt"),
            keccak256(abi.encode(bytes32("deployment"), bytes32("access"), bytes32("salt"))),
            "commitment"
        );
    }

    function test_sealDigest() public view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("OML"),
                keccak256("1"),
                block.chainid,
                address(rounds)
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256(
                    "Seal(bytes32 word,bytes32 deployment,uint8 seats,address payer,uint16 promiseBps)"
                ),
                bytes32("word"),
                bytes32("deployment"),
                uint8(8),
                reporter,
                uint16(5)
            )
        );
        assertEq(
            rounds.sealDigest("word", "deployment", 8, reporter, 5),
            keccak256(abi.encodePacked(hex"1901", domain, message)),
            "digest"
        );
    }

    function test_ledger_fresh() public view {
        assertEq(
            abi.encode(rounds.ledger(licenseId, false)),
            abi.encode(IRounds.Ledger(0, 0, 0)),
            "nothing yet"
        );
        assertEq(rounds.flagOf(deployment), bytes32(0), "no flag");
        assertEq(rounds.convictedBy("nothing"), bytes32(0), "no conviction");
    }
}
