// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Deploy } from "../../script/Deploy.s.sol";
import { IChallengeTypes } from "../../src/interfaces/IChallengeTypes.sol";
import { Consensus } from "../../src/libraries/Consensus.sol";
import { NATIVE, Receipt, Terms, Violation } from "../../src/libraries/Types.sol";
import { Calldata } from "../utils/Calldata.sol";
import { CaseTest } from "../utils/CaseTest.sol";
import { CopyTest } from "../utils/CopyTest.sol";
import { ProverTest } from "../utils/ProverTest.sol";

/// @dev What enforcement costs, with two bundles, 40 questions and a committee of five. Honest only
/// with `FOUNDRY_PROFILE=gas`: every call is then a transaction of its own, with base fee and
/// calldata. `tooling/snapshots/Enforcement.json` holds the figures.
contract EnforcementGas is CaseTest {
    string internal constant GROUP = "Enforcement";

    /// @dev Other profiles would write figures that are not honest.
    function setUp() public override {
        bytes32 profile = keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string(""))));
        vm.skip(profile != keccak256("gas"), "only with FOUNDRY_PROFILE=gas");
        super.setUp();
    }

    function test_gas_case() public {
        Round memory round;
        _reportCase(reporter);
        vm.prank(reporter);
        round.caseId = manager.openCase(ref(), deployment, SALT);
        vm.snapshotGasLastCall(GROUP, "openCase");
        Calldata.note("openCase", abi.encodeCall(manager.openCase, (ref(), deployment, SALT)));
        round.id = _caseRef(ref(), deployment, reporter, false);
        _mineBeacon("case");
        _drawNow(round);
        vm.snapshotGasLastCall(GROUP, "drawCase, 7 provers");
        _post(round);
        vm.snapshotGasLastCall(GROUP, "postQuestions");
        _ask(round, Behaviour.OwnCopy);
        _commitTags(round, 1);
        vm.snapshotGasLastCall(GROUP, "commitTags");
        Calldata.note(
            "commitTags",
            abi.encodeCall(
                manager.commitTags,
                (round.caseId, _drawnOf(round), round.questionsHash, keccak256("commitment"))
            )
        );
        _commitTags(round, 0);
        for (uint256 i = 2; i < 5; ++i) {
            _commitTags(round, i);
        }
        _revealTags(round, 1);
        vm.snapshotGasLastCall(GROUP, "revealTags");
        Calldata.note(
            "revealTags",
            abi.encodeCall(manager.revealTags, (round.caseId, round.tags[1], keccak256("salt")))
        );
        _revealTags(round, 0);
        for (uint256 i = 2; i < 5; ++i) {
            _revealTags(round, i);
        }
        _openLeaves(round);
        vm.snapshotGasLastCall(GROUP, "openLeaves, 32 leaves");
        Calldata.note(
            "openLeaves, 32 leaves",
            abi.encodeCall(manager.openLeaves, (round.id, _drawnOf(round), _opening(round)))
        );
        skip(5 hours + 1);
        _resolve(round);
        vm.snapshotGasLastCall(GROUP, "resolve, upheld");
        address currency = _currency();
        vm.prank(reporter);
        manager.withdrawBalance(currency, reporter);
        vm.snapshotGasLastCall(GROUP, "withdrawBalance");
    }

    function test_gas_dismissal() public {
        Round memory round = _opened(Behaviour.OtherCopy);
        skip(5 hours + 1);
        _resolve(round);
        vm.snapshotGasLastCall(GROUP, "resolve, dismissed");
    }

    function test_gas_underMetering() public {
        Receipt memory receipt = _receipt(3);
        skip(2 days + 1);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.prank(reporter);
        manager.proveUnderMetering(ref(), receipt, signature_, SALT);
        vm.snapshotGasLastCall(GROUP, "proveUnderMetering, with slash");
        Calldata.note(
            "proveUnderMetering",
            abi.encodeCall(manager.proveUnderMetering, (ref(), receipt, signature_, SALT))
        );
    }

    function test_gas_commitReport() public {
        vm.prank(reporter);
        manager.commitReport("commitment");
        vm.snapshotGasLastCall(GROUP, "commitReport");
    }

    function test_gas_register() public {
        address prover = makeAddr("one more prover");
        _fund(prover);
        _stake(prover, MIN_STAKE);
        vm.snapshotGasLastCall(GROUP, "register a prover");
    }
}

/// @dev The same in native currency with one bundle, and a later case: collateral that was frozen
/// before.
contract NativeEnforcementGas is CaseTest {
    string internal constant GROUP = "Enforcement";

    function setUp() public override {
        bytes32 profile = keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string(""))));
        vm.skip(profile != keccak256("gas"), "only with FOUNDRY_PROFILE=gas");
        super.setUp();
    }

    function _settings() internal override returns (Deploy.Settings memory chosen) {
        chosen = super._settings();
        chosen.config.bundlesPerCase = 1;
    }

    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.currency = NATIVE;
    }

    function test_gas_nativeCase() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        vm.snapshotGasLastCall(GROUP, "openLeaves, 16 leaves");
        Calldata.note(
            "openLeaves, 16 leaves",
            abi.encodeCall(manager.openLeaves, (round.id, _drawnOf(round), _opening(round)))
        );
        _reportCase(reporter);
        vm.prank(reporter);
        manager.openCase{ value: BOND + FEES }(ref(), deployment, SALT);
        vm.snapshotGasLastCall(GROUP, "openCase, native, later");
    }
}

/// @dev The fourth proof of level 0 with two bundles, hence 32 receipts.
contract CopyGas is CopyTest {
    function setUp() public override {
        bytes32 profile = keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string(""))));
        vm.skip(profile != keccak256("gas"), "only with FOUNDRY_PROFILE=gas");
        super.setUp();
    }

    function test_gas_unlicensedModel() public {
        IChallengeTypes.Series memory series = _series();
        _reportSeries(series);
        _prove(series, _evidence(series, 0));
        vm.snapshotGasLastCall("Enforcement", "proveUnlicensedModel, 32 answers, with slash");
    }
}

/// @dev The largest draw there can be must stay far below a block (EIP-7825: 16.7 million per
/// transaction).
contract CommitteeGas is ProverTest {
    function setUp() public override {
        bytes32 profile = keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string(""))));
        vm.skip(profile != keccak256("gas"), "only with FOUNDRY_PROFILE=gas");
        super.setUp();
    }

    function judge(bytes[] calldata sheets, bytes calldata sheetOf, uint256 count)
        external
        pure
        returns (uint256)
    {
        (, uint256 dissenters) =
            Consensus.judge(sheets, sheetOf, count, Consensus.quorum(sheetOf.length));
        return dissenters;
    }

    /// @dev 16 members, 255 questions, and no two members agree on anything.
    function test_gas_worstCount() public {
        bytes[] memory sheets = new bytes[](16);
        bytes memory sheetOf = new bytes(16);
        for (uint256 i; i < 16; ++i) {
            sheetOf[i] = bytes1(uint8(i));
            for (uint256 p; p < 255; ++p) {
                sheets[i] = abi.encodePacked(sheets[i], uint32(i * 255 + p + 1));
            }
        }
        this.judge(sheets, sheetOf, 255);
        vm.snapshotGasLastCall("Enforcement", "count votes, 16 members, 255 questions");
    }

    function test_gas_largestDraw() public {
        _registerMany(512);
        _draw("seed", 16);
        vm.snapshotGasLastCall("Enforcement", "drawCommittee, 16 of 512 provers");
    }
}
