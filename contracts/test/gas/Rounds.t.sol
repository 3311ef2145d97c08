// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Deploy } from "../../script/Deploy.s.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { NATIVE } from "../../src/libraries/Types.sol";
import { Calldata } from "../utils/Calldata.sol";
import { RoundTest } from "../utils/RoundTest.sol";

/// @dev What rounds cost, against a universe of 4,096 leaves, in native currency. Honest only with
/// `FOUNDRY_PROFILE=gas`: every call is then a transaction of its own, with base fee and calldata.
/// `tooling/snapshots/Rounds.json` holds the figures.
abstract contract RoundGas is RoundTest {
    string internal constant GROUP = "Rounds";

    /// @dev Other profiles would write figures that are not honest.
    function setUp() public override {
        bytes32 profile = keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string(""))));
        vm.skip(profile != keccak256("gas"), "only with FOUNDRY_PROFILE=gas");
        super.setUp();
    }

    function _settings() internal override returns (Deploy.Settings memory chosen) {
        chosen = super._settings();
        chosen.provers.stakeCurrency = NATIVE;
    }

    function _personalCount() internal pure override returns (uint32) {
        return 4096;
    }

    function _name(string memory what) internal pure returns (string memory) {
        return string.concat(what, ", ", vm.toString(uint256(_seats())), " seats");
    }

    /// @dev Opens, and notes the calldata.
    function _measureOpening(Play memory p, string memory name) internal {
        IRounds.Opening memory o = _opening(p);
        _openWith(o);
        vm.snapshotGasLastCall(GROUP, name);
        Calldata.note(name, abi.encodeCall(rounds.open, (o)));
    }

    /// @dev A round that waits for its opening.
    function _played(uint8 index, uint8 hits) internal returns (Play memory p) {
        p = _drawn(index);
        for (uint8 i; i < p.seats; ++i) {
            _answerHits(p, i, hits);
        }
        _toOpening(p);
    }

    /// @dev An innocent's first round, a later one, and a conviction.
    function test_gas_openings() public {
        _measureOpening(_played(0, 0), _name("first opening"));
        skip(1 days);
        _measureOpening(_played(1, 0), _name("opening"));
        skip(1 days);
        _measureOpening(_played(2, 8), _name("opening that convicts"));
    }
}

contract RoundGas4 is RoundGas {
    function _seats() internal pure override returns (uint8) {
        return 4;
    }
}

contract RoundGas8 is RoundGas {
    function _seats() internal pure override returns (uint8) {
        return 8;
    }
}

contract RoundGas24 is RoundGas {
    function _seats() internal pure override returns (uint8) {
        return 24;
    }
}

contract RoundGas32 is RoundGas {
    function _seats() internal pure override returns (uint8) {
        return 32;
    }
}

/// @dev The size that is usual, with every other call.
contract RoundGas16 is RoundGas {
    function test_gas_seal() public {
        Play memory p = _planned(0, deployment);
        _fund(p.account);
        uint256 value = _fees(p);
        bytes32 commitment = _commitment(p);
        vm.prank(p.account);
        rounds.seal{ value: value }(p.word, commitment, p.seats);
        vm.snapshotGasLastCall(GROUP, "seal");
        Calldata.note("seal", abi.encodeCall(rounds.seal, (p.word, commitment, p.seats)));
    }

    /// @dev Whole rounds, each with its seal by another payer, 16 answers, and the opening that
    /// credits the fees: the first in which the provers have a seat, and a later one. Then what a
    /// prover takes out.
    function test_gas_round() public {
        vm.snapshotValue(GROUP, "whole round, 16 seats, new provers", _wholeRound(0));
        skip(1 days);
        vm.snapshotValue(GROUP, "whole round, 16 seats", _wholeRound(1));
        vm.prank(members[0].addr);
        rounds.withdrawFees(members[0].addr);
        vm.snapshotGasLastCall(GROUP, "withdrawal of fees");
        Play memory p = _played(2, 0);
        _afterEnd(p);
        _collectLapsed(p, p.sheets[3].prover);
        vm.snapshotGasLastCall(GROUP, "fees of a lapsed round, 16 seats");
    }

    function _wholeRound(uint8 index) private returns (uint256 total) {
        Play memory p = _planned(index, deployment);
        _seal(p);
        total = vm.snapshotGasLastCall(GROUP, "sealFor");
        bytes memory signed = _signSeal(p, reporter, 0);
        bytes32 c = _commitment(p);
        Calldata.note(
            "sealFor", abi.encodeCall(rounds.sealFor, (p.account, p.word, c, p.seats, 0, signed))
        );
        _draw(p);
        for (uint8 i; i < p.seats; ++i) {
            address holder = _holder(p, i);
            bytes32 tags = _tags(p, i, 0, Behaviour.OtherCopy);
            bytes32 keys = _keysHash(p, i);
            vm.prank(holder);
            rounds.answer(p.roundId, i, keys, tags);
            total += vm.snapshotGasLastCall(GROUP, i == 0 ? "first answer" : "answer");
            _note(p, IRounds.Sheet(i, holder, keys, tags));
            Calldata.note("answer", abi.encodeCall(rounds.answer, (p.roundId, i, keys, tags)));
        }
        _toOpening(p);
        IRounds.Opening memory o = _opening(p);
        _openWith(o);
        total += vm.snapshotGasLastCall(GROUP, "opening of a whole round, 16 seats");
    }
}
