// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus } from "../../src/libraries/Types.sol";
import { HandlerBase } from "./HandlerBase.sol";

/// @title Licenses, collateral and enforcement
abstract contract LicenseActions is HandlerBase {
    mapping(uint32 bundle => bool) private _burned;

    function acquire(bool native) external step {
        if (_licenseGhosts.length == MAX_LICENSES) return;
        uint96 nonce = uint96(_licenseGhosts.length);
        LicenseRef memory ref = LicenseRef(_termsIn(_currency(native)), host.addr, nonce);
        LicenseGhost storage g = _licenseGhosts.push();
        g.id = _acquire(ref);
        g.nonce = nonce;
        g.native = native;
        g.last = LicenseStatus.Acquired;
        g.paidIn = ref.terms.collateral;
    }

    function drawSeed(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || g.last != LicenseStatus.Acquired) return;
        mine(3);
        registry.drawLicenseSeed(g.id);
    }

    function activate(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || g.last != LicenseStatus.Seeded) return;
        LicenseRef memory ref = _refOf(g);
        vm.prank(host.addr);
        registry.activate(ref, ARTEFACT);
        ++activated;
        releasedFees[g.native] += ref.terms.licenseFee;
    }

    function renew(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || !registry.isActive(g.id, uint40(vm.getBlockTimestamp()))) return;
        LicenseRef memory ref = _refOf(g);
        (, uint40 before) = registry.licenseState(g.id);
        vm.prank(host.addr);
        try registry.renew{ value: g.native ? ref.terms.licenseFee : 0 }(ref) {
            (, uint40 deadline) = registry.licenseState(g.id);
            assertEq(deadline, before + ref.terms.duration, "renewed");
            releasedFees[g.native] += ref.terms.licenseFee;
        } catch (bytes memory reason) {
            assertEq(
                bytes32(bytes4(reason)),
                bytes32(ILicenseRegistry.LicenseRegistry_TermTooLong.selector)
            );
        }
    }

    function cancel(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found) return;
        (LicenseStatus status, uint40 deadline) = registry.licenseState(g.id);
        LicenseRef memory ref = _refOf(g);
        uint256 amount = vault.collateral(ref).amount;
        vm.prank(host.addr);
        try registry.cancel(ref) {
            assertTrue(
                status == LicenseStatus.Acquired || status == LicenseStatus.Seeded, "R1: cancelled"
            );
            assertGt(vm.getBlockTimestamp(), deadline, "cancelled before the deadline");
            g.withdrawn += amount;
        } catch { }
    }

    function terminate(uint256 i, bool forGuilt) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || g.last != LicenseStatus.Active) return;
        (, uint40 before) = registry.licenseState(g.id);
        LicenseRef memory ref = _refOf(g);
        vm.prank(forGuilt ? proofs : host.addr);
        if (forGuilt) registry.terminateFor(g.id);
        else registry.terminate(ref);
        (, uint40 deadline) = registry.licenseState(g.id);
        assertLe(deadline, before, "a termination extended the term");
    }

    function topUp(uint256 i, uint128 amount) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || g.last == LicenseStatus.Cancelled) return;
        amount = uint128(bound(amount, 1, 20 ether));
        LicenseRef memory ref = _refOf(g);
        vm.prank(stranger);
        vault.topUp{ value: g.native ? amount : 0 }(ref, amount);
        g.paidIn += amount;
    }

    function freeze(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || g.last < LicenseStatus.Active || g.last == LicenseStatus.Cancelled) return;
        uint128 bought = _refOf(g).terms.collateral;
        if (vault.collateralLeft(g.id, bought) == 0) return;
        vm.prank(proofs);
        vault.freeze(g.id, bought);
        ++g.freezes;
    }

    function unfreeze(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || g.freezes == 0) return;
        vm.prank(proofs);
        vault.unfreeze(g.id);
        --g.freezes;
    }

    function slash(uint256 i, uint16 bps) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || g.last < LicenseStatus.Active || g.last == LicenseStatus.Cancelled) return;
        LicenseRef memory ref = _refOf(g);
        bps = uint16(bound(bps, 0, 10_000));
        vm.prank(proofs);
        (uint128 taken,,) = vault.slash(ref, _how(ref, bps, reporter, 7 days));
        g.slashed += taken;
        slashed[g.native] += taken;
    }

    function startThaw(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found) return;
        (LicenseStatus status, uint40 deadline) = registry.licenseState(g.id);
        LicenseRef memory ref = _refOf(g);
        vm.prank(host.addr);
        try vault.startThaw(ref) {
            bool expired = status == LicenseStatus.Active && vm.getBlockTimestamp() > deadline;
            assertTrue(expired || status == LicenseStatus.Terminated, "V5: thaw before the end");
        } catch { }
    }

    function withdraw(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found) return;
        LicenseRef memory ref = _refOf(g);
        ICollateralVault.Collateral memory c = vault.collateral(ref);
        vm.prank(host.addr);
        try vault.withdraw(ref) {
            assertEq(c.freezes, 0, "V5: frozen");
            assertTrue(c.thawEnd != 0 && vm.getBlockTimestamp() >= c.thawEnd, "V5: not thawed");
            g.withdrawn += c.amount;
        } catch { }
    }

    function payOut(uint256 i) external step {
        uint256 count = vault.payoutCount();
        if (count == 0) return;
        i = bound(i, 0, count - 1);
        ICollateralVault.Payout memory p = vault.payout(i);
        try vault.payOut(i) {
            assertGe(vm.getBlockTimestamp(), p.unlockAt, "V4: paid too early");
            assertGt(p.amount, 0, "V4: paid twice");
            paidOut[p.currency == address(0)] += p.amount;
        } catch { }
    }

    function burn(bytes32 seed, uint8 count) external step {
        uint256 left = PERSONAL / 16 - burnedBundles;
        count = uint8(bound(count, 0, left < 3 ? left : 3));
        vm.prank(proofs);
        uint32[] memory bundles = registry.burnBundles(modelId, 0, seed, count, 0);
        for (uint256 j = 0; j < bundles.length; ++j) {
            assertFalse(_burned[bundles[j]], "R2: burned twice");
            _burned[bundles[j]] = true;
        }
        burnedBundles += count;
    }

    /// @dev As a proof does with what it opened; refused where the bundle is gone.
    function burnOpened(uint32 bundle) external step {
        uint32[] memory bundles = new uint32[](1);
        bundles[0] = uint32(bound(bundle, 0, PERSONAL / 16));
        vm.prank(proofs);
        try registry.burnOpened(modelId, 0, bundles) {
            assertLt(bundles[0], PERSONAL / 16, "R2: not of the personal part");
            assertFalse(_burned[bundles[0]], "R2: burned twice");
            _burned[bundles[0]] = true;
            ++burnedBundles;
        } catch {
            assertTrue(
                bundles[0] == PERSONAL / 16 || _burned[bundles[0]], "R2: refused without a reason"
            );
        }
    }

    function pass(uint256 duration) external step {
        mine(3);
        skip(bound(duration, 0, 40 days));
    }

    function _pick(uint256 i) private view returns (bool found, LicenseGhost storage g) {
        uint256 count = _licenseGhosts.length;
        found = count != 0;
        g = _licenseGhosts[found ? bound(i, 0, count - 1) : 0];
    }
}
