// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { BURN, LicenseRef, NATIVE, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";
import { BlockingToken } from "../../utils/tokens/BlockingToken.sol";

contract CollateralVault_slash is LicensingTest {
    uint40 internal constant DELAY = 7 days;

    function _slash(LicenseRef memory ref, uint16 bps)
        private
        returns (uint128 slashed, uint128 toReporter, uint128 toOwner)
    {
        vm.prank(proofs);
        return vault.slash(ref, _how(ref, bps, reporter, DELAY));
    }

    function test_revertWhen_notJudge() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_OnlyJudges.selector, owner.addr)
        );
        vm.prank(owner.addr);
        vault.slash(ref, _how(ref, 1, owner.addr, 0));
    }

    function test_revertWhen_bpsBad() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_BadBps.selector, 10_001)
        );
        _slash(ref, 10_001);
    }

    function test_revertWhen_noReporter() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(ICollateralVault.CollateralVault_NoReporter.selector);
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 1, address(0), DELAY));
    }

    function test_slashes() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        uint40 unlockAt = uint40(block.timestamp) + DELAY;
        vm.expectEmit(address(vault));
        emit ICollateralVault.CollateralSlashed(id, 80 ether, 24 ether, 32 ether, 24 ether);
        vm.expectEmit(address(vault));
        emit ICollateralVault.PayoutQueued(0, reporter, address(token), 24 ether, unlockAt);
        vm.expectEmit(address(vault));
        emit ICollateralVault.PayoutQueued(1, owner.addr, address(token), 32 ether, unlockAt);
        (uint128 slashed, uint128 toReporter, uint128 toOwner) = _slash(ref, 8000);

        assertEq(slashed, 80 ether);
        assertEq(toReporter, 24 ether);
        assertEq(toOwner, 32 ether);
        assertEq(vault.collateral(ref).amount, 20 ether);
        assertEq(token.balanceOf(BURN), 24 ether);
        assertEq(vault.payoutCount(), 2);
        ICollateralVault.Payout memory p = vault.payout(0);
        assertEq(p.to, reporter);
        assertEq(p.currency, address(token));
        assertEq(p.amount, 24 ether);
        assertEq(p.unlockAt, unlockAt);
    }

    function test_slashesForRoundsToo() public {
        (LicenseRef memory ref,) = _active();
        vm.prank(rounds);
        (uint128 slashed,,) = vault.slash(ref, _how(ref, 8000, reporter, DELAY));
        assertEq(slashed, 80 ether);
    }

    /// @dev Whoever judges says how it is shared; the terms are not asked again.
    function test_sharesOutAsItIsTold() public {
        (LicenseRef memory ref,) = _active();
        ICollateralVault.Slash memory how = _how(ref, 10_000, reporter, DELAY);
        (how.reporterBps, how.ownerBps) = (1000, 9000);
        vm.prank(rounds);
        (uint128 slashed, uint128 toReporter, uint128 toOwner) = vault.slash(ref, how);
        assertEq(slashed, 100 ether);
        assertEq(toReporter, 10 ether);
        assertEq(toOwner, 90 ether);
        assertEq(token.balanceOf(BURN), 0, "nothing is left to burn");
    }

    function test_slashesInNative() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        _slash(ref, 10_000);
        assertEq(BURN.balance, 30 ether);
        assertEq(address(vault).balance, 70 ether);
        skip(DELAY);
        vault.payOut(0);
        vault.payOut(1);
        assertEq(reporter.balance, 30 ether);
        assertEq(owner.addr.balance, 40 ether);
        assertEq(address(vault).balance, 0);
    }

    function test_slashesWhatIsLeft() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        _slash(ref, 5000);
        (uint128 slashed,,) = _slash(ref, 5000);
        assertEq(slashed, 25 ether);
        _slash(ref, 10_000);
        assertEq(vault.collateral(ref).amount, 0);
        uint256 count = vault.payoutCount();
        (slashed,,) = _slash(ref, 10_000);
        assertEq(slashed, 0);
        assertEq(vault.payoutCount(), count);
    }

    function test_queuesNothingForWhomGetsNothing() public {
        Terms memory terms = _terms();
        terms.slash.reporterBps = 0;
        terms.slash.ownerBps = 0;
        (LicenseRef memory ref,) = _active(terms);
        _slash(ref, 10_000);
        assertEq(vault.payoutCount(), 0);
        assertEq(token.balanceOf(BURN), 100 ether);
    }

    function test_queuesTheBurnThatTheTokenRefuses() public {
        BlockingToken blocking = new BlockingToken();
        blocking.mint(host.addr, 1000 ether);
        vm.startPrank(host.addr);
        blocking.approve(address(vault), type(uint256).max);
        blocking.approve(address(escrow), type(uint256).max);
        vm.stopPrank();
        (LicenseRef memory ref, bytes32 id) = _active(_termsIn(address(blocking)));
        blocking.setBlocked(BURN, true);
        (uint128 slashed,,) = _slash(ref, 10_000);

        assertEq(slashed, 100 ether);
        assertEq(vault.collateral(ref).amount, 0);
        assertEq(vault.payout(2).to, BURN);
        assertEq(vault.payout(2).amount, 30 ether);
        blocking.setBlocked(BURN, false);
        skip(DELAY);
        vault.payOut(2);
        assertEq(blocking.balanceOf(BURN), 30 ether);
    }

    function test_payOut_revertWhen_unknown() public {
        bytes memory reason =
            abi.encodeWithSelector(ICollateralVault.CollateralVault_UnknownPayout.selector, 0);
        vm.expectRevert(reason);
        vault.payOut(0);
        vm.expectRevert(reason);
        vault.payout(0);
    }

    function test_payOut_revertWhen_paid() public {
        (LicenseRef memory ref,) = _active();
        _slash(ref, 1000);
        skip(DELAY);
        vault.payOut(0);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_UnknownPayout.selector, 0)
        );
        vault.payOut(0);
    }

    function test_payOut_revertWhen_locked() public {
        (LicenseRef memory ref,) = _active();
        _slash(ref, 1000);
        uint40 unlockAt = vault.payout(0).unlockAt;
        vm.warp(unlockAt - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICollateralVault.CollateralVault_PayoutLocked.selector, 0, unlockAt
            )
        );
        vault.payOut(0);
    }

    function test_payOut_paysWhoeverCalls() public {
        (LicenseRef memory ref,) = _active();
        _slash(ref, 1000);
        skip(DELAY);
        vm.expectEmit(address(vault));
        emit ICollateralVault.PayoutPaid(0, reporter, address(token), 3 ether);
        vm.prank(stranger);
        vault.payOut(0);
        assertEq(token.balanceOf(reporter), 3 ether);
        assertEq(vault.payout(0).amount, 0);
    }

    function test_payOutTo_revertWhen_notPayee() public {
        (LicenseRef memory ref,) = _active();
        _slash(ref, 1000);
        skip(DELAY);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICollateralVault.CollateralVault_OnlyPayee.selector, reporter, owner.addr
            )
        );
        vm.prank(owner.addr);
        vault.payOutTo(0, owner.addr);
    }

    function test_payOutTo_revertWhen_noRecipient() public {
        (LicenseRef memory ref,) = _active();
        _slash(ref, 1000);
        skip(DELAY);
        address[3] memory nobody = [address(0), address(escrow), address(vault)];
        vm.startPrank(reporter);
        for (uint256 i = 0; i < nobody.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ICollateralVault.CollateralVault_BadRecipient.selector, nobody[i]
                )
            );
            vault.payOutTo(0, nobody[i]);
        }
    }

    function test_payOutTo_paysElsewhere() public {
        (LicenseRef memory ref,) = _active();
        _slash(ref, 1000);
        vm.startPrank(reporter);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICollateralVault.CollateralVault_PayoutLocked.selector, 0, block.timestamp + DELAY
            )
        );
        vault.payOutTo(0, host.addr);
        skip(DELAY);
        uint256 before = token.balanceOf(host.addr);
        vm.expectEmit(address(vault));
        emit ICollateralVault.PayoutPaid(0, host.addr, address(token), 3 ether);
        vault.payOutTo(0, host.addr);
        assertEq(token.balanceOf(host.addr), before + 3 ether);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_UnknownPayout.selector, 0)
        );
        vault.payOutTo(0, host.addr);
    }
}
