// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ChallengeManager } from "../../../src/ChallengeManager.sol";
import { IChallengeManager } from "../../../src/interfaces/IChallengeManager.sol";
import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { CaseStatus } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_constructor is CaseTest {
    function _make(IChallengeTypes.Config memory c) private returns (ChallengeManager) {
        return new ChallengeManager(
            address(registry),
            address(vault),
            address(escrow),
            address(provers),
            address(manager.beacon()),
            c
        );
    }

    function _expectBad(bytes32 name, uint256 value, IChallengeTypes.Config memory c) private {
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_BadConfig.selector, name, value)
        );
        this.make(c);
    }

    /// @dev External, so that the creation is one call.
    function make(IChallengeTypes.Config memory c) external {
        _make(c);
    }

    /// @dev The zeroth to fourth address is zero.
    function makeWithout(uint256 missing) external {
        address[5] memory a = [
            address(registry),
            address(vault),
            address(escrow),
            address(provers),
            address(manager.beacon())
        ];
        a[missing] = address(0);
        new ChallengeManager(a[0], a[1], a[2], a[3], a[4], _config());
    }

    function test_revertWhen_addressZero() public {
        bytes32[5] memory names = [bytes32("registry"), "vault", "escrow", "provers", "beacon"];
        for (uint256 i; i < 5; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IChallengeTypes.ChallengeManager_BadConfig.selector, names[i], 0
                )
            );
            this.makeWithout(i);
        }
    }

    /// @dev Proofs by a revoked key are admissible for seven days, and a report comes first.
    function test_revertWhen_reportDelayLongerThanADay() public {
        IChallengeTypes.Config memory c = _config();
        c.reportDelay = 1 days + 1;
        _expectBad("reportDelay", 1 days + 1, c);
    }

    function test_revertWhen_windowZero() public {
        IChallengeTypes.Config memory c = _config();
        c.reportDelay = 0;
        _expectBad("reportDelay", 0, c);
        c = _config();
        c.questionsWindow = 0;
        _expectBad("questionsWindow", 0, c);
        c = _config();
        c.commitWindow = 0;
        _expectBad("commitWindow", 0, c);
        c = _config();
        c.revealWindow = 0;
        _expectBad("revealWindow", 0, c);
        c = _config();
        c.openingWindow = 0;
        _expectBad("openingWindow", 0, c);
        c = _config();
        c.rebuttalWindow = 0;
        _expectBad("rebuttalWindow", 0, c);
    }

    function test_revertWhen_windowTooLong() public {
        IChallengeTypes.Config memory c = _config();
        c.rebuttalWindow = 365 days + 1;
        _expectBad("rebuttalWindow", 365 days + 1, c);
        c = _config();
        c.payoutDelay = 365 days + 1;
        _expectBad("payoutDelay", 365 days + 1, c);
    }

    function test_acceptsWindowsOfAYear() public {
        IChallengeTypes.Config memory c = _config();
        c.rebuttalWindow = 365 days;
        c.payoutDelay = 365 days;
        assertEq(abi.encode(_make(c).config()), abi.encode(c));
    }

    function test_revertWhen_committeeSize() public {
        IChallengeTypes.Config memory c = _config();
        c.committeeSize = 0;
        _expectBad("committeeSize", 0, c);
        c.committeeSize = 17;
        _expectBad("committeeSize", 17, c);
        c.committeeSize = 16;
        _make(c);
    }

    function test_revertWhen_noBundles() public {
        IChallengeTypes.Config memory c = _config();
        c.bundlesPerCase = 0;
        _expectBad("bundlesPerCase", 0, c);
    }

    function test_revertWhen_tooManyQuestions() public {
        IChallengeTypes.Config memory c = _config();
        c.bundlesPerCase = 15;
        c.minDecoys = 16;
        _expectBad("questions", 256, c);
        c.minDecoys = 15;
        _make(c);
        // Shared bundles are asked too.
        (c.bundlesPerCase, c.sharedBundlesPerCase, c.minDecoys) = (14, 1, 16);
        _expectBad("questions", 256, c);
        c.minDecoys = 15;
        _make(c);
    }

    function test_revertWhen_hidingIsNotDearer() public {
        IChallengeTypes.Config memory c = _config();
        c.dissentPenalty = c.nonRevealPenalty;
        _expectBad("nonRevealPenalty", c.nonRevealPenalty, c);
    }

    function test_revertWhen_penaltyAboveStake() public {
        IChallengeTypes.Config memory c = _config();
        c.nonRevealPenalty = MIN_STAKE + 1;
        _expectBad("nonRevealPenalty", MIN_STAKE + 1, c);
    }

    function test_showsConfiguration() public view {
        assertEq(abi.encode(manager.config()), abi.encode(_config()));
        assertEq(address(manager.registry()), address(registry));
        assertEq(address(manager.vault()), address(vault));
        assertEq(address(manager.escrow()), address(escrow));
        assertEq(address(manager.provers()), address(provers));
    }

    function test_courtIsOfNoUseAlone() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        skip(5 hours + 1);
        address court = manager.court();
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotResolvable.selector,
                // Another address, another id.
                keccak256(
                    abi.encode(
                        block.chainid,
                        court,
                        licenseId,
                        deployment,
                        reporter,
                        round.id.openedAt,
                        round.id.cases,
                        round.id.licenses,
                        false
                    )
                ),
                CaseStatus.None,
                0
            )
        );
        IChallengeManager(court)
            .resolve(round.id, _drawnOf(round), round.questionsHash, round.outcome);
    }

    function test_staysWithinTheSizeLimit() public {
        string memory profile = vm.envOr("FOUNDRY_PROFILE", string("default"));
        vm.skip(keccak256(bytes(profile)) == keccak256("quick"), "not optimised");
        assertLe(address(manager).code.length, 24_576, "challenge manager");
        assertLe(manager.court().code.length, 24_576, "court");
    }
}
