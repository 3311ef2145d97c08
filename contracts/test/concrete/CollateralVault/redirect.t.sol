// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { LicenseRef } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract CollateralVault_redirect is LicensingTest {
    uint40 private constant DELAY = 7 days;

    uint40 private _committedAt;
    address private _payer;

    function setUp() public override {
        super.setUp();
        _payer = makeAddr("payer of the round");
    }

    /// @dev Payout 0 is the reporter's of a level-0 proof, payout 1 the owner's.
    function _report() private returns (LicenseRef memory ref, bytes32 id) {
        (ref, id) = _active();
        _committedAt = uint40(vm.getBlockTimestamp());
        _slash(ref, _committedAt);
    }

    function _slash(LicenseRef memory ref, uint40 committedAt) private {
        ICollateralVault.Slash memory how = _how(ref, 5000, reporter, DELAY);
        how.committedAt = committedAt;
        vm.prank(proofs);
        vault.slash(ref, how);
    }

    function _redirect(uint256 payoutId, bytes32 id, uint40 before) private {
        vm.prank(rounds);
        vault.redirect(payoutId, id, before, _payer);
    }

    function _expect(uint256 payoutId, bytes32 id, uint40 before) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                ICollateralVault.CollateralVault_NotRedirectable.selector, payoutId
            )
        );
        _redirect(payoutId, id, before);
    }

    function test_revertWhen_notRounds() public {
        (, bytes32 id) = _report();
        address[4] memory others = [proofs, owner.addr, reporter, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ICollateralVault.CollateralVault_OnlyRounds.selector, others[i]
                )
            );
            vm.prank(others[i]);
            vault.redirect(0, id, 0, stranger);
        }
    }

    function test_revertWhen_unknown() public {
        (, bytes32 id) = _report();
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_UnknownPayout.selector, 2)
        );
        _redirect(2, id, 0);
    }

    function test_revertWhen_ofAnotherLicense() public {
        _report();
        _expect(0, keccak256("another license"), 0);
    }

    function test_revertWhen_committedBefore() public {
        (, bytes32 id) = _report();
        _expect(0, id, _committedAt);
        _redirect(0, id, _committedAt - 1);
    }

    function test_revertWhen_paid() public {
        (, bytes32 id) = _report();
        skip(DELAY);
        vault.payOut(0);
        _expect(0, id, 0);
    }

    function test_revertWhen_notTheReporters() public {
        (, bytes32 id) = _report();
        _expect(1, id, 0);
    }

    /// @dev A round's reporter has paid for its evidence.
    function test_revertWhen_ofARound() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        _slash(ref, 0);
        _expect(0, id, 0);
    }

    /// @dev Without a reporter's part the next payout is the owner's, and stays that.
    function test_revertWhen_theReporterGotNothing() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        ICollateralVault.Slash memory how = _how(ref, 5000, reporter, DELAY);
        how.reporterBps = 0;
        how.committedAt = uint40(vm.getBlockTimestamp());
        vm.prank(proofs);
        vault.slash(ref, how);
        assertEq(vault.payout(0).to, owner.addr);
        _expect(0, id, 0);
    }

    function test_revertWhen_redirectedBefore() public {
        (, bytes32 id) = _report();
        _redirect(0, id, 0);
        _expect(0, id, 0);
    }

    function test_givesThePayoutToAnother() public {
        (, bytes32 id) = _report();
        ICollateralVault.Payout memory before = vault.payout(0);
        vm.expectEmit(address(vault));
        emit ICollateralVault.PayoutRedirected(0, reporter, _payer);
        _redirect(0, id, _committedAt - 1);
        ICollateralVault.Payout memory p = vault.payout(0);
        assertEq(p.to, _payer, "payee");
        assertEq(p.amount, before.amount, "amount");
        assertEq(p.unlockAt, before.unlockAt, "not sooner");
        skip(DELAY);
        vault.payOut(0);
        assertEq(token.balanceOf(_payer), 15 ether, "paid");
        assertEq(token.balanceOf(reporter), 0, "not to the reporter");
    }

    /// @dev Each of several reports can be taken, as each says when it was committed.
    function test_keepsReportsApart() public {
        (LicenseRef memory ref, bytes32 id) = _report();
        skip(1 days);
        _slash(ref, uint40(vm.getBlockTimestamp()));
        _expect(0, id, _committedAt);
        _redirect(2, id, _committedAt);
        assertEq(vault.payout(0).to, reporter, "the older one");
        assertEq(vault.payout(2).to, _payer, "the later one");
    }
}
