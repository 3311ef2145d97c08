// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { EValue } from "../../../src/libraries/EValue.sol";
import { LicenseStatus, OpenedLeaf, Terms } from "../../../src/libraries/Types.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

/// @dev What an opening finds, and what follows from it.
contract Rounds_open is RoundTest {
    /// @dev 1 for the bet, 1 for two deployments; the beacon of the tests is not biased.
    int64 internal constant PREMIUM = 2 << 32;

    function test_convict() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        IRounds.Opening memory o = _opening(p);
        // Seven of 16 seats are left, with all their hits.
        int64 gain = 56 * EValue.log2Floor(EValue.HIT);
        vm.expectEmit(address(rounds));
        emit IRounds.RoundOpened(
            p.roundId,
            licenseId,
            deployment,
            0,
            0x0808080808080808080808080808080800000000000000000000000000000000,
            56,
            gain,
            gain - PREMIUM,
            EValue.log2Ceil(1e9),
            true
        );
        // 80 % of the collateral, of which the reporter gets 30 % and the owner 40 %.
        vm.expectEmit(address(rounds));
        emit IRounds.LicenseConvicted(p.roundId, licenseId, reporter, 80 ether, 24 ether, 32 ether);
        _openWith(o);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        assertEq(rounds.convictedBy(p.roundId), licenseId, "convicted");
        assertEq(rounds.flagOf(deployment), bytes32(0), "a registered place is not flagged");
        assertEq(
            abi.encode(rounds.ledger(licenseId, false)),
            abi.encode(IRounds.Ledger(0, 1, 1)),
            "the evidence is spent"
        );
        (LicenseStatus status,) = registry.licenseState(licenseId);
        assertEq(uint256(status), uint256(LicenseStatus.Terminated), "the license has ended");
        assertEq(vault.payout(0).to, reporter, "the payer is the reporter");
        assertEq(vault.payout(0).amount, 24 ether, "the reporter's part");
        assertEq(vault.payout(0).unlockAt, vm.getBlockTimestamp() + PAYOUT_DELAY, "delay");
        assertEq(vault.payout(1).to, owner.addr, "the owner");
        assertEq(vault.payout(1).amount, 32 ether, "the owner's part");
    }

    /// @dev What the owner promised comes out of its own part.
    function test_convict_withPromise() public {
        Play memory p = _planned(0, deployment);
        _sealFor(p, reporter, 2500);
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _open(p);
        assertEq(vault.payout(0).amount, 32 ether, "30 % and a quarter of 40 %");
        assertEq(vault.payout(1).amount, 24 ether, "three quarters of 40 %");
    }

    /// @dev Every size strikes its seats, and convicts by the others.
    function test_strikeThoseWithMostHits() public {
        Play memory p = _drawn(0);
        // Nine seats with all hits are struck; of the rest one has three, and six none.
        for (uint8 i; i < p.seats; ++i) {
            _answerHits(p, i, i < 9 ? 8 : i == 9 ? 3 : 0);
        }
        _toOpening(p);
        Found memory found = _find(_opening(p));
        assertEq(
            found.hits,
            0x0808080808080808080300000000000000000000000000000000000000000000,
            "hits of each seat"
        );
        assertEq(found.kept, 3, "kept");
        assertEq(int256(found.gain), 0, "never less than nothing");
        assertEq(int256(found.logA), -int256(PREMIUM), "the premium");
        assertFalse(found.convicted, "nobody is convicted");
        assertEq(found.threshold, EValue.log2Ceil(1e9), "threshold");
    }

    function test_innocent() public {
        Play memory p = _answered(0, Behaviour.OtherCopy);
        Found memory found = _find(_opening(p));
        assertEq(found.kept, 0, "no hit");
        assertFalse(found.convicted, "not convicted");
        _assertStatus(p, IRounds.RoundStatus.Opened);
        (LicenseStatus status,) = registry.licenseState(licenseId);
        assertEq(uint256(status), uint256(LicenseStatus.Active), "the license goes on");
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "collateral");
    }

    /// @dev Rounds that say little say enough together: 14 hits of 56 each.
    function test_gatherEvidence() public {
        int64 logA;
        for (uint8 k; k < 4; ++k) {
            Play memory p = _drawn(k);
            for (uint8 i; i < p.seats; ++i) {
                _answerHits(p, i, 2);
            }
            _toOpening(p);
            Found memory found = _find(_opening(p));
            assertEq(int256(found.gain), int256(EValue.evidence(14, 56)), "gain");
            logA += found.gain - PREMIUM;
            assertEq(int256(found.logA), int256(logA), "sum");
            assertFalse(found.convicted && k == 0, "not by the first alone");
            assertEq(found.convicted, logA >= found.threshold, "convicted by the sum");
            if (found.convicted) return;
            // Else bundles that were burned today could be drawn, and missed.
            skip(1 days);
        }
        assertTrue(false, "four are enough");
    }

    /// @dev Who opens the third first has paid for the two before, and gets their evidence later.
    function test_chargeWhatWasLeftOut() public {
        Play memory first = _planned(0, deployment);
        _seal(first);
        Play memory third = _planned(2, deployment);
        _seal(third);
        _mineBeacon("rounds");
        _drawNow(first);
        _drawNow(third);
        _toOpening(third);
        _open(third);
        assertEq(_logA(false), -3 * PREMIUM, "three premiums");
        assertEq(rounds.ledger(licenseId, false).charged, 3, "charged");
        _open(first);
        assertEq(_logA(false), -3 * PREMIUM, "no premium twice");
        assertEq(uint256(rounds.ledger(licenseId, false).opened), 5, "opened");
    }

    function test_burnOpenedBundles() public {
        Play memory p = _answered(0, Behaviour.Silent);
        IRounds.Opening memory o = _opening(p);
        o.bundles[2].leaves = new OpenedLeaf[](0);
        _openWith(o);
        uint16 today = uint16(vm.getBlockTimestamp() / 1 days);
        for (uint256 j; j < p.bundles.length; ++j) {
            uint16 expected = j == 2 ? 0 : today;
            assertEq(registry.burnedOn(modelId, 0, p.bundles[j]), expected, "burned");
        }
        assertEq(registry.universe(modelId, 0).burnedBundles, 7, "number of burned bundles");
    }

    /// @dev Closed bundles, other keys and silence are misses alike.
    function test_misses() public {
        Play memory p = _drawn(0);
        for (uint8 i; i < p.seats; ++i) {
            bytes32 keys = i == 3 ? bytes32("other keys") : _keysHash(p, i);
            bytes32 tags = _tags(p, i, 0, i == 4 ? Behaviour.Silent : Behaviour.OwnCopy);
            if (i != 5) _answer(p, i, keys, tags);
        }
        _toOpening(p);
        IRounds.Opening memory o = _opening(p);
        o.bundles[0].leaves = new OpenedLeaf[](0);
        Found memory found = _find(o);
        assertEq(
            found.hits,
            0x0000080000000808080808080808080800000000000000000000000000000000,
            "hits of each seat"
        );
        assertEq(found.kept, 16, "two seats are left that hit");
    }

    /// @dev Seats whose prover is gone can't answer, and stay misses.
    function test_vacantSeats() public {
        skip(40 days);
        vm.prank(members[0].addr);
        provers.stayAlive();
        skip(1);
        Play memory p = _answered(0, Behaviour.OwnCopy);
        Found memory found = _find(_opening(p));
        for (uint8 i; i < p.seats; ++i) {
            bool there = _holder(p, i) != address(0);
            assertEq(uint8(found.hits[i]), there ? 8 : 0, "only the living hit");
        }
    }

    /// @dev What another round opened since the draw is known by now, so no answer counts. Here the
    /// registry is told so; the attacks have two rounds.
    function test_burnedSinceIsMissed() public {
        Play memory second = _drawn(1);
        bool[] memory burned = new bool[](8);
        burned[0] = true;
        vm.mockCall(
            address(registry),
            abi.encodeWithSelector(registry.drawBundles.selector),
            abi.encode(second.bundles, burned)
        );
        _answerAll(second, Behaviour.OwnCopy);
        _toOpening(second);
        Found memory found = _find(_opening(second));
        assertEq(uint8(found.hits[0]), 0, "a miss");
        assertEq(uint8(found.hits[1]), 0, "a miss");
        assertEq(uint8(found.hits[2]), 8, "a hit");
        assertEq(registry.burnedOn(modelId, 0, second.bundles[0]), 0, "nor is it burned twice");
    }

    function test_license_terminated() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        IRounds.Opening memory o = _opening(p);
        vm.prank(host.addr);
        registry.terminate(o.license);
        assertTrue(_find(o).convicted, "a host that leaves is still liable");
        assertEq(vault.collateral(o.license).amount, 20 ether, "slashed");
    }

    function test_deployment_retired() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        _retire(URI);
        assertTrue(_find(_opening(p)).convicted, "a retired deployment is still liable");
    }

    /// @dev The last second in which the host still answers for a place that it has left.
    function test_deployment_inTheLastSecondOfItsLiability() public {
        _retire(URI);
        uint40 liableUntil = registry.deployment(licenseId, deployment).liableUntil;
        vm.warp(liableUntil - ROUND_LENGTH);
        Play memory p = _sealed(0);
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        vm.warp(liableUntil);
        assertTrue(_find(_opening(p)).convicted, "liable until then");
    }

    /// @dev A host cannot get out of a round by registering in the block of its seal.
    function test_deployment_registeredInTheSecondOfTheSeal() public {
        string memory uri = "https://second.example";
        _register(uri);
        Play memory p = _planned(0, keccak256(bytes(uri)));
        _seal(p);
        assertEq(registry.deployment(licenseId, p.deploymentHash).registeredAt, p.sealedAt, "same");
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        assertTrue(_find(_opening(p)).convicted, "registered when it was tested");
    }

    function test_inTheLastSecond() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        vm.warp(uint256(p.sealedAt) + ROUND_LENGTH);
        _open(p);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
    }

    /// @dev The last index of both kinds.
    function test_lastIndex() public {
        Play memory p = _answered(63, Behaviour.Silent);
        _open(p);
        assertEq(rounds.ledger(licenseId, false).charged, 64, "all are charged");
        assertEq(_logA(false), -64 * PREMIUM, "for 64 premiums");
        p = _leakAnswered(127, Behaviour.Silent);
        _open(p);
        assertEq(rounds.ledger(licenseId, true).charged, 64, "all are charged");
        // No deployment was named.
        assertEq(_logA(true), -64 * (PREMIUM / 2), "for 64 premiums");
    }

    /// @dev A second conviction takes of what is left.
    function test_convictTwice() public {
        Play memory p = _opened(0, Behaviour.OwnCopy);
        assertEq(vault.collateral(ref()).amount, 20 ether, "once");
        p = _opened(1, Behaviour.OwnCopy);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        assertEq(vault.collateral(ref()).amount, 4 ether, "twice");
    }
}

contract Rounds_openLeak is RoundTest {
    bytes32 private constant ELSEWHERE = keccak256("https://elsewhere.example");

    function test_flagWithoutLiability() public {
        Play memory p = _leakAnswered(LEAK, Behaviour.OwnCopy);
        IRounds.Opening memory o = _opening(p);
        vm.expectEmit(address(rounds));
        emit IRounds.DeploymentFlagged(ELSEWHERE, licenseId, p.roundId);
        _openWith(o);
        assertEq(rounds.flagOf(ELSEWHERE), p.roundId, "flagged");
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        assertEq(rounds.convictedBy(p.roundId), bytes32(0), "the host is not convicted");
        (LicenseStatus status,) = registry.licenseState(licenseId);
        assertEq(uint256(status), uint256(LicenseStatus.Active), "the license goes on");
        assertEq(vault.collateral(o.license).amount, COLLATERAL, "collateral");
    }

    function test_ownLedger() public {
        Play memory p = _leakAnswered(LEAK + 1, Behaviour.OtherCopy);
        Found memory found = _find(_opening(p));
        assertEq(_logA(true), -2 << 32, "two premiums of the bet alone");
        assertEq(_logA(false), 0, "the other ledger is untouched");
        assertEq(int256(found.threshold), int256(EValue.log2Ceil(1e9)), "of one license");
        assertEq(uint256(rounds.ledger(licenseId, true).opened), 2, "opened");
    }

    /// @dev A host that has retired its deployment and waited is nobody's host there.
    function test_afterTheHostsLiability() public {
        _retire(URI);
        skip(14 days + 1);
        Play memory p = _planned(LEAK, deployment);
        _seal(p);
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _open(p);
        assertEq(rounds.flagOf(deployment), p.roundId, "flagged");
    }
}

contract Rounds_openLiableLeak is RoundTest {
    function _seats() internal pure override returns (uint8) {
        return 8;
    }

    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.leakLiability = true;
    }

    function test_convictAndFlag() public {
        Play memory p = _leakAnswered(LEAK, Behaviour.OwnCopy);
        _open(p);
        assertEq(rounds.flagOf(p.deploymentHash), p.roundId, "flagged");
        assertEq(rounds.convictedBy(p.roundId), licenseId, "convicted");
        (LicenseStatus status,) = registry.licenseState(licenseId);
        assertEq(uint256(status), uint256(LicenseStatus.Terminated), "the license has ended");
        assertEq(vault.collateral(ref()).amount, 20 ether, "slashed");
    }
}
