// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus } from "../../src/libraries/Types.sol";
import { HandlerBase } from "./HandlerBase.sol";

/// @title Licenses, collateral and enforcement
abstract contract LicenseActions is HandlerBase {
    mapping(uint32 bundle => uint16 day) private _burned;
    mapping(uint256 payoutId => uint40) private _committedAt;
    mapping(uint256 payoutId => bytes32) private _licenseOf;

    function acquire(bool native) external step {
        if (_licenseGhosts.length == MAX_LICENSES) return;
        uint96 nonce = uint96(_licenseGhosts.length);
        LicenseRef memory ref = LicenseRef(_termsOf(native), host.addr, nonce);
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

    function accept(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || g.last != LicenseStatus.Seeded) return;
        _accept(_refOf(g));
    }

    /// @dev Anyone who has the key may bring it; half of the fee stays for the trial.
    function deliver(uint256 i, bytes32 wrong) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || g.last != LicenseStatus.Accepted) return;
        LicenseRef memory ref = _refOf(g);
        vm.prank(stranger);
        try registry.deliverKey(ref, wrong) {
            assertEq(wrong, COPY_KEY, "R6: wrong key");
        } catch {
            registry.deliverKey(ref, COPY_KEY);
        }
        ++activated;
        g.held = ref.terms.licenseFee / 2;
        g.due = ref.terms.licenseFee - g.held;
        g.trialEnd = vm.getBlockTimestamp() + ref.terms.trialPeriod;
    }

    function reject(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found) return;
        LicenseRef memory ref = _refOf(g);
        uint256 before = _wealth(g.native, host.addr);
        vm.prank(host.addr);
        try registry.rejectCopy(ref) {
            assertEq(uint256(g.last), uint256(LicenseStatus.Active), "R6: rejected");
            assertLe(vm.getBlockTimestamp(), g.trialEnd, "R6: rejected late");
            assertEq(_wealth(g.native, host.addr) - before, g.held, "R6: returned");
            g.held = 0;
        } catch {
            bool over = vm.getBlockTimestamp() > g.trialEnd;
            assertTrue(g.last != LicenseStatus.Active || over, "R6: refused without a reason");
        }
    }

    function releaseFee(uint256 i) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found) return;
        LicenseRef memory ref = _refOf(g);
        uint256 amount = g.due;
        bool over = g.held != 0 && vm.getBlockTimestamp() > g.trialEnd;
        if (over) amount += g.held;
        vm.prank(stranger);
        try registry.releaseFee(ref) {
            assertGt(amount, 0, "R6: released early, or twice");
            releasedFees[g.native] += amount;
            g.due = 0;
            if (over) g.held = 0;
        } catch {
            assertEq(amount, 0, "R6: refused without a reason");
        }
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
                status == LicenseStatus.Acquired || status == LicenseStatus.Seeded
                    || status == LicenseStatus.Accepted,
                "R1: cancelled"
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

    /// @dev A round's payer takes the payout of a level-0 reporter; nobody else's, and only once.
    function redirect(uint256 i, uint40 before) external step {
        uint256 count = vault.payoutCount();
        if (count == 0) return;
        i = bound(i, 0, count - 1);
        uint40 committedAt = _committedAt[i];
        before = uint40(bound(before, vm.getBlockTimestamp() - 10 days, vm.getBlockTimestamp()));
        ICollateralVault.Payout memory p = vault.payout(i);
        vm.prank(rounds);
        try vault.redirect(i, _licenseOf[i], before, payer.addr) {
            assertGt(committedAt, before, "V2: redirected an older report");
            assertGt(p.amount, 0, "V2: redirected what was paid");
            assertEq(p.to, reporter, "V2: not the reporter's");
            p.to = payer.addr;
            assertEq(abi.encode(vault.payout(i)), abi.encode(p), "V2: more than the payee");
            _committedAt[i] = 0;
        } catch {
            assertTrue(committedAt <= before || p.amount == 0, "V2: refused without a reason");
        }
    }

    function slash(uint256 i, uint16 bps, bool isProof) external step {
        (bool found, LicenseGhost storage g) = _pick(i);
        if (!found || g.last < LicenseStatus.Active || g.last == LicenseStatus.Cancelled) return;
        LicenseRef memory ref = _refOf(g);
        bps = uint16(bound(bps, 0, 10_000));
        ICollateralVault.Slash memory how = _how(ref, bps, reporter, 7 days);
        if (isProof) how.committedAt = uint40(vm.getBlockTimestamp()) - 1 hours;
        uint256 first = vault.payoutCount();
        vm.prank(isProof ? proofs : rounds);
        (uint128 taken, uint128 toReporter,) = vault.slash(ref, how);
        if (toReporter != 0) {
            _committedAt[first] = how.committedAt;
            _licenseOf[first] = g.id;
        }
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

    /// @dev As a round does with what it opened: what it drew, less what is gone.
    function burnDrawn(bytes32 seed, uint8 wanted) external step {
        wanted = uint8(bound(wanted, 0, 3));
        uint40 now_ = uint40(vm.getBlockTimestamp());
        (uint32[] memory drawn, bool[] memory gone) =
            registry.drawBundles(modelId, 0, seed, wanted, now_);
        for (uint256 j = 0; j < drawn.length; ++j) {
            assertEq(gone[j], _burned[drawn[j]] != 0, "R2: marked");
            if (gone[j]) {
                assertEq(_burned[drawn[j]], _today(), "R2: drawn though burned before");
            } else {
                _burnOne(drawn[j]);
            }
        }
    }

    /// @dev As a proof does with what it opened; refused where the bundle is gone.
    function burnOpened(uint32 bundle) external step {
        uint32[] memory bundles = new uint32[](1);
        bundles[0] = uint32(bound(bundle, 0, PERSONAL / 16));
        vm.prank(proofs);
        try registry.burn(modelId, 0, bundles) {
            assertLt(bundles[0], PERSONAL / 16, "R2: not of the personal part");
            assertEq(_burned[bundles[0]], 0, "R2: burned twice");
            _burned[bundles[0]] = _today();
            ++burnedBundles;
        } catch {
            assertTrue(
                bundles[0] == PERSONAL / 16 || _burned[bundles[0]] != 0,
                "R2: refused without a reason"
            );
        }
    }

    function _burnOne(uint32 bundle) private {
        uint32[] memory bundles = new uint32[](1);
        bundles[0] = bundle;
        vm.prank(rounds);
        registry.burn(modelId, 0, bundles);
        _burned[bundle] = _today();
        ++burnedBundles;
    }

    function burnedOn(uint32 bundle) external view returns (uint16) {
        return _burned[bundle];
    }

    function _today() private view returns (uint16) {
        return uint16(vm.getBlockTimestamp() / 1 days);
    }

    function pass(uint256 duration) external step {
        mine(3);
        skip(bound(duration, 0, 40 days));
    }

    function _wealth(bool native, address account) private view returns (uint256) {
        return native ? account.balance : token.balanceOf(account);
    }

    function _pick(uint256 i) private view returns (bool found, LicenseGhost storage g) {
        uint256 count = _licenseGhosts.length;
        found = count != 0;
        g = _licenseGhosts[found ? bound(i, 0, count - 1) : 0];
    }
}
