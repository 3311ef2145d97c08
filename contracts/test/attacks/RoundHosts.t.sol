// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { LicenseRef, LicenseStatus, OpenedBundle } from "../../src/libraries/Types.sol";
import { RoundTest } from "../utils/RoundTest.sol";

/// @dev Guilty hosts that would rather not be convicted.
contract RoundHostAttacks is RoundTest {
    function _assertConvicted(Play memory p) private view {
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        assertEq(vault.collateral(ref()).amount, 20 ether, "slashed");
    }

    /// @dev Every day the host retires its deployment and registers it anew, so that no round was
    /// sealed after its registration. As long as it is liable it is as old as it was.
    function test_registersAnewEveryDay() public {
        uint40 since = registry.deployment(licenseId, deployment).registeredAt;
        Play memory p = _drawn(0);
        for (uint256 i; i < 2; ++i) {
            _retire(URI);
            skip(5 minutes);
            _register(URI);
        }
        assertEq(registry.deployment(licenseId, deployment).registeredAt, since, "as old");
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _open(p);
        _assertConvicted(p);
    }

    /// @dev Once nobody can hold it liable any more, it starts anew.
    function test_registersAnewAfterTheLiability() public {
        _retire(URI);
        skip(14 days + 1);
        _register(URI);
        uint40 since = registry.deployment(licenseId, deployment).registeredAt;
        assertEq(since, vm.getBlockTimestamp(), "registered now");
        Play memory p = _opened(0, Behaviour.OwnCopy);
        _assertConvicted(p);
    }

    /// @dev The host registers a place once, waits until it is liable no more and serves there: it
    /// is a place that nobody registered, and found as that.
    function test_hidesBehindAnOldRegistration() public {
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

    /// @dev The host learns of a round, ends its license and takes its collateral.
    function test_retiresAndWithdraws() public {
        Play memory p = _drawn(0);
        _answerAll(p, Behaviour.OwnCopy);
        LicenseRef memory ref_ = ref();
        _retire(URI);
        vm.startPrank(host.addr);
        registry.terminate(ref_);
        vault.startThaw(ref_);
        vm.stopPrank();
        vm.warp(uint256(p.sealedAt) + ROUND_LENGTH);
        vm.expectPartialRevert(ICollateralVault.CollateralVault_NotThawed.selector);
        vm.prank(host.addr);
        vault.withdraw(ref_);
        _open(p);
        _assertConvicted(p);
    }

    /// @dev A round that was sealed in the last second before its license ended lands too.
    function test_endsBeforeTheDraw() public {
        Play memory p = _sealed(0);
        LicenseRef memory ref_ = ref();
        vm.prank(host.addr);
        registry.terminate(ref_);
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _open(p);
        _assertConvicted(p);
    }

    /// @dev Whatever is open, an innocent host leaves when its collateral has thawed.
    function test_innocentHostIsNotHeld() public {
        for (uint8 k; k < 8; ++k) {
            _sealed(k);
        }
        LicenseRef memory ref_ = ref();
        vm.startPrank(host.addr);
        registry.terminate(ref_);
        vault.startThaw(ref_);
        skip(14 days);
        uint256 before = token.balanceOf(host.addr);
        vault.withdraw(ref_);
        vm.stopPrank();
        assertEq(token.balanceOf(host.addr) - before, COLLATERAL, "all of it");
    }

    /// @dev A host that lets its copy answer two or three questions of eight is convicted later,
    /// not never: evidence adds up over rounds.
    function test_answersNowAndThen() public {
        Play memory p;
        for (uint8 k; k < 8; ++k) {
            p = _drawn(k);
            for (uint8 i; i < p.seats; ++i) {
                _answerHits(p, i, i % 2 == 0 ? 2 : 3);
            }
            _toOpening(p);
            _open(p);
            if (rounds.convictedBy(p.roundId) != 0) break;
            skip(1 days);
        }
        _assertConvicted(p);
    }

    /// @dev Silence towards most seats hides what it answered to the others only up to the struck.
    function test_answersFewSeats() public {
        Play memory p = _drawn(0);
        for (uint8 i; i < p.seats; ++i) {
            _answerHits(p, i, i < 13 ? 8 : 0);
        }
        _toOpening(p);
        _open(p);
        _assertConvicted(p);
    }
}

/// @dev A universe with as many bundles as one round opens.
contract UsedUpUniverse is RoundTest {
    function _personalCount() internal pure override returns (uint32) {
        return 128;
    }

    /// @dev Two rounds draw the same bundles at once. What the first opens is known to everybody
    /// when the second is opened, so there it is a miss, and no burned bundle stops it.
    function test_burnedSinceAreMisses() public {
        Play memory first = _sealed(0);
        Play memory second = _sealed(1);
        _mineBeacon("round");
        _drawNow(first);
        _drawNow(second);
        assertEq(second.bundles.length, 8, "all of them");
        _answerAll(first, Behaviour.OtherCopy);
        _answerAll(second, Behaviour.OwnCopy);
        _toOpening(second);
        _open(first);
        assertEq(registry.universe(modelId, 0).burnedBundles, 8, "burned");
        Found memory found = _find(_opening(second));
        assertEq(found.hits, bytes32(0), "nothing but misses");
        assertFalse(found.convicted, "nobody is convicted");
        // Nobody loses a fee by it.
        assertTrue(_isPaid(second, 0), "paid");
    }

    /// @dev Nothing is left to draw: the search gives up, and the round is lost, not the chain.
    function test_nothingIsLeft() public {
        _open(_answered(0, Behaviour.OtherCopy));
        skip(1 days);
        Play memory p = _drawn(1);
        assertEq(p.bundles.length, 0, "nothing to draw");
        for (uint8 i; i < p.seats; ++i) {
            _answer(p, i, keccak256("keys"), keccak256("tags"));
        }
        _toOpening(p);
        IRounds.Opening memory o = _opening(p);
        vm.prank(owner.addr);
        uint256 before = gasleft();
        rounds.open(o);
        assertLt(before - gasleft(), 6_000_000, "far below a block");
        _assertStatus(p, IRounds.RoundStatus.Opened);
        assertEq(_logA(false), -4 << 32, "both premiums");
        (LicenseStatus status,) = registry.licenseState(licenseId);
        assertEq(uint256(status), uint256(LicenseStatus.Active), "the license goes on");
    }

    /// @dev Leaves where none were drawn are not looked at.
    function test_leavesOfNothing() public {
        Play memory first = _answered(0, Behaviour.OtherCopy);
        OpenedBundle[] memory bundles = _opening(first).bundles;
        _open(first);
        skip(1 days);
        Play memory p = _drawn(1);
        _toOpening(p);
        IRounds.Opening memory o = _opening(p);
        o.bundles = bundles;
        assertEq(_find(o).hits, bytes32(0), "misses");
    }
}
