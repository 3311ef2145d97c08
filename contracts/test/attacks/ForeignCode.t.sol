// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { CollateralVault } from "../../src/CollateralVault.sol";
import { PaymentEscrow } from "../../src/PaymentEscrow.sol";
import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { Currency } from "../../src/libraries/Currency.sol";
import { BURN, LicenseRef, NATIVE, Terms } from "../../src/libraries/Types.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";
import { MoodyAccount } from "../utils/MoodyAccount.sol";
import { MoodyToken } from "../utils/tokens/MoodyToken.sol";

/// @dev Every call of escrow and vault into code of others, and every way in which that can
/// misbehave: `docs/decisions/021-close-ratio-and-slash.md` lists the calls. What must hold: no
/// such call costs more than its limit, and nobody else's stake, collateral, payout or channel is
/// held up by it.
contract ForeignCodeAttacks is LicensingTest {
    /// @dev What a call may cost beside the limit of the one call into other code.
    uint256 private constant OWN_GAS = 400_000;

    MoodyToken private moody;

    /// @dev One license in a currency that will misbehave, one in a good one, of the same people.
    function setUp() public override {
        super.setUp();
        moody = new MoodyToken();
        address[2] memory accounts = [host.addr, payer.addr];
        for (uint256 i = 0; i < 2; ++i) {
            moody.mint(accounts[i], 1000 ether);
            vm.startPrank(accounts[i]);
            moody.approve(address(vault), type(uint256).max);
            moody.approve(address(escrow), type(uint256).max);
            vm.stopPrank();
        }
        _active(_termsIn(address(moody)));
        _channel(_sick());
        _active();
        _channel(_sound());
    }

    function _sick() private view returns (LicenseRef memory) {
        return _ref(_termsIn(address(moody)));
    }

    function _sound() private view returns (LicenseRef memory) {
        return _ref(_terms());
    }

    /// @dev The moods in which a transfer does not come about.
    function _refusals() private pure returns (MoodyToken.Mood[4] memory) {
        return [
            MoodyToken.Mood.Revert,
            MoodyToken.Mood.RevertMegabytes,
            MoodyToken.Mood.BurnGas,
            MoodyToken.Mood.SayFalse
        ];
    }

    function _accountRefusals() private pure returns (MoodyAccount.Mood[3] memory) {
        return
            [MoodyAccount.Mood.Revert, MoodyAccount.Mood.RevertMegabytes, MoodyAccount.Mood.BurnGas];
    }

    /// @dev Calls `target` as `caller`; the gas it took.
    function _try(address caller, address target, bytes memory data)
        private
        returns (bool ok, uint256 used)
    {
        vm.prank(caller);
        uint256 before = gasleft();
        // The answer is not looked at, so that this test copies none.
        assembly ("memory-safe") {
            ok := call(20000000, target, 0, add(data, 0x20), mload(data), 0, 0)
        }
        used = before - gasleft();
    }

    /// @dev The call fails and leaves everything as it is, within the limit of `calls` calls.
    function _assertRefused(address caller, address target, bytes memory data, uint256 calls)
        private
    {
        (bool ok, uint256 used) = _try(caller, target, data);
        assertFalse(ok, "went through");
        assertLt(used, calls * Currency.CALL_GAS + OWN_GAS, "gas");
    }

    /// @dev Whatever one currency does, those of another one get all that is theirs.
    function _assertOthersAreFree() private {
        uint256 snapshot = vm.snapshotState();
        assertEq(_claim(_sound(), _row(_sound(), 4 ether, 1, 0)), 4 ether);
        vm.prank(host.addr);
        escrow.withdrawBalance(address(token), host.addr);
        vm.prank(proofs);
        vault.slash(_sound(), _how(_sound(), 5000, reporter, 0));
        vault.payOut(vault.payoutCount() - 1);
        vm.prank(host.addr);
        registry.terminate(_sound());
        vm.prank(host.addr);
        vault.startThaw(_sound());
        vm.prank(payer.addr);
        escrow.startThaw(_sound(), address(0), 0);
        skip(_sound().terms.thawPeriod);
        vm.prank(host.addr);
        vault.withdraw(_sound());
        vm.prank(payer.addr);
        escrow.withdraw(_sound(), address(0), 0);
        assertEq(vault.collateral(_sound()).amount, 0);
        assertTrue(vm.revertToState(snapshot));
    }

    /* -------------------------------- tokens: taking -------------------------------- */

    function test_transferFromThatRefuses() public {
        MoodyToken.Mood[4] memory moods = _refusals();
        for (uint256 i = 0; i < moods.length; ++i) {
            moody.setMood(moody.transferFrom.selector, moods[i]);
            _assertPullsRefused(_sick());
            _assertOthersAreFree();
        }
    }

    function test_balanceThatIsNotTold() public {
        MoodyToken.Mood[2] memory moods = [MoodyToken.Mood.Revert, MoodyToken.Mood.BurnGas];
        for (uint256 i = 0; i < moods.length; ++i) {
            moody.setMood(moody.balanceOf.selector, moods[i]);
            _assertPullsRefused(_sick());
            _assertOthersAreFree();
        }
    }

    function _assertPullsRefused(LicenseRef memory ref) private {
        address e = address(escrow);
        _assertRefused(
            payer.addr, e, abi.encodeCall(escrow.openChannel, (ref, address(1), 0, 1 ether)), 3
        );
        _assertRefused(
            payer.addr,
            e,
            abi.encodeCall(escrow.deposit, (ref, payer.addr, address(0), 0, 1 ether)),
            3
        );
        _assertRefused(host.addr, address(vault), abi.encodeCall(vault.topUp, (ref, 1 ether)), 3);
        _assertRefused(
            host.addr,
            address(registry),
            abi.encodeCall(registry.acquire, (ref.terms, 7, servingKey, ENCRYPTION_KEY)),
            3
        );
        _assertRefused(host.addr, address(registry), abi.encodeCall(registry.renew, (ref)), 3);
    }

    /// @dev Answers are cut to a word: what lies behind it costs the caller nothing.
    function test_answersOfMegabytesAreNotCopied() public {
        bytes4[3] memory selectors =
            [moody.transfer.selector, moody.transferFrom.selector, moody.balanceOf.selector];
        for (uint256 i = 0; i < 3; ++i) {
            moody.setMood(selectors[i], MoodyToken.Mood.ReturnMegabytes);
        }
        (bool ok, uint256 used) =
            _try(host.addr, address(vault), abi.encodeCall(vault.topUp, (_sick(), 1 ether)));
        assertTrue(ok, "top-up");
        // Three calls that each pay for a memory of 300,000 bytes, about 200,000; copied thrice it
        // would be twice that.
        assertLt(used, 3 * 210_000 + 150_000, "copied");
        vm.prank(proofs);
        vault.slash(_sick(), _how(_sick(), 10_000, reporter, 0));
        vault.payOut(0);
        assertEq(_claim(_sick(), _row(_sick(), 1, 0, 0)), 0, "no collateral");
    }

    /* -------------------------------- tokens: giving -------------------------------- */

    function test_transferThatRefuses() public {
        _claim(_sick(), _row(_sick(), 4 ether, 1, 0));
        vm.prank(payer.addr);
        escrow.startThaw(_sick(), address(0), 0);
        vm.startPrank(host.addr);
        registry.terminate(_sick());
        vault.startThaw(_sick());
        vm.stopPrank();
        vm.prank(proofs);
        vault.slash(_sick(), _how(_sick(), 5000, reporter, 0));
        skip(_sick().terms.thawPeriod);
        MoodyToken.Mood[4] memory moods = _refusals();
        for (uint256 i = 0; i < moods.length; ++i) {
            moody.setMood(moody.transfer.selector, moods[i]);
            _assertPushesRefused();
            _assertOthersAreFree();
        }
        // Nothing of it is lost when the token behaves again.
        moody.setMood(moody.transfer.selector, MoodyToken.Mood.Good);
        vm.prank(payer.addr);
        escrow.withdraw(_sick(), address(0), 0);
        vm.startPrank(host.addr);
        escrow.withdrawBalance(address(moody), host.addr);
        vault.withdraw(_sick());
        vm.stopPrank();
        vault.payOut(0);
        vault.payOut(1);
        vm.prank(owner.addr);
        escrow.withdrawBalance(address(moody), owner.addr);
        vm.prank(parentOwner.addr);
        escrow.withdrawBalance(address(moody), parentOwner.addr);
        assertEq(moody.balanceOf(address(escrow)) + moody.balanceOf(address(vault)), 0);
    }

    function _assertPushesRefused() private {
        address e = address(escrow);
        _assertRefused(
            payer.addr, e, abi.encodeCall(escrow.withdraw, (_sick(), address(0), bytes32(0))), 1
        );
        _assertRefused(
            host.addr,
            e,
            abi.encodeCall(
                escrow.close, (_sick(), payer.addr, address(0), bytes32(0), DEPOSIT, 0, "")
            ),
            1
        );
        _assertRefused(
            host.addr, e, abi.encodeCall(escrow.withdrawBalance, (address(moody), host.addr)), 1
        );
        _assertRefused(host.addr, address(vault), abi.encodeCall(vault.withdraw, (_sick())), 1);
        _assertRefused(stranger, address(vault), abi.encodeCall(vault.payOut, (0)), 1);
        _assertRefused(reporter, address(vault), abi.encodeCall(vault.payOutTo, (0, stranger)), 1);
    }

    /// @dev A fee that is handed on, one that comes back, and a purchase that is cancelled. The key
    /// comes all the same: whoever sees it has it, so no currency may stand in its way.
    function test_transferThatRefusesRefundAndFee() public {
        Terms memory terms = _sick().terms;
        terms.trialPeriod = 7 days;
        _publish(terms);
        LicenseRef memory second = LicenseRef(terms, host.addr, 2);
        LicenseRef memory third = LicenseRef(terms, host.addr, 3);
        bytes32 id = _acquire(second);
        _acquire(third);
        mine(3);
        registry.drawLicenseSeed(id);
        _accept(second);
        address r = address(registry);
        MoodyToken.Mood[4] memory moods = _refusals();
        moody.setMood(moody.transfer.selector, moods[0]);
        registry.deliverKey(second, COPY_KEY);
        for (uint256 i = 0; i < moods.length; ++i) {
            moody.setMood(moody.transfer.selector, moods[i]);
            _assertRefused(stranger, r, abi.encodeCall(registry.releaseFee, (second)), 2);
            _assertRefused(host.addr, r, abi.encodeCall(registry.rejectCopy, (second)), 1);
        }
        skip(terms.deliveryPeriod + 1);
        for (uint256 i = 0; i < moods.length; ++i) {
            moody.setMood(moody.transfer.selector, moods[i]);
            _assertRefused(host.addr, r, abi.encodeCall(registry.cancel, (third)), 1);
            _assertOthersAreFree();
        }
        moody.setMood(moody.transfer.selector, MoodyToken.Mood.Good);
        registry.releaseFee(second);
        vm.startPrank(host.addr);
        registry.rejectCopy(second);
        registry.cancel(third);
        vm.stopPrank();
    }

    /* -------------------------------- slash -------------------------------- */

    /// @dev No currency saves its host from a slash: the burn is tried, and queued where it fails.
    function test_slashGoesThroughWhateverTheTokenDoes() public {
        MoodyToken.Mood[4] memory moods = _refusals();
        for (uint256 i = 0; i < moods.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            moody.setMood(moody.transfer.selector, moods[i]);
            (bool ok, uint256 used) = _try(
                proofs,
                address(vault),
                abi.encodeCall(vault.slash, (_sick(), _how(_sick(), 10_000, reporter, 0)))
            );
            assertTrue(ok, "slashed");
            assertLt(used, Currency.CALL_GAS + OWN_GAS, "gas");
            assertEq(vault.collateral(_sick()).amount, 0);
            assertEq(vault.payout(2).to, BURN);
            // It is burned as soon as the token takes it.
            moody.setMood(moody.transfer.selector, MoodyToken.Mood.Good);
            vault.payOut(2);
            assertEq(moody.balanceOf(BURN), 30 ether);
            assertTrue(vm.revertToState(snapshot));
        }
    }

    /// @dev Whoever slashes with too little gas for the burn only makes somebody call again.
    function test_slashWithLittleGasLosesNothing() public {
        bytes memory data =
            abi.encodeCall(vault.slash, (_sick(), _how(_sick(), 10_000, reporter, 0)));
        for (uint256 limit = 100_000; limit < 400_000; limit += 5000) {
            uint256 snapshot = vm.snapshotState();
            vm.prank(proofs);
            (bool ok,) = address(vault).call{ gas: limit }(data);
            uint256 queued = vault.payoutCount() == 3 ? vault.payout(2).amount : 0;
            assertEq(
                moody.balanceOf(BURN) + queued, ok ? 30 ether : 0, "burned or queued, or nothing"
            );
            assertTrue(vm.revertToState(snapshot));
        }
    }

    function test_slashOfNativeCurrency() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        // Somebody puts code at the burn address that refuses.
        MoodyAccount refuser = new MoodyAccount();
        vm.etch(BURN, address(refuser).code);
        MoodyAccount(payable(BURN)).setMood(MoodyAccount.Mood.BurnGas);
        (bool ok, uint256 used) = _try(
            proofs,
            address(vault),
            abi.encodeCall(vault.slash, (ref, _how(ref, 10_000, reporter, 0)))
        );
        assertTrue(ok);
        assertLt(used, Currency.CALL_GAS + OWN_GAS);
        assertEq(vault.payout(2).amount, 30 ether);
    }

    /* -------------------------------- receivers -------------------------------- */

    function test_receiverThatRefuses() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        MoodyAccount account = new MoodyAccount();
        vm.deal(address(account), 10 ether);
        account.act(
            address(escrow),
            10 ether,
            abi.encodeCall(escrow.openChannel, (ref, address(0), 0, 10 ether))
        );
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 10_000, address(account), 0));
        bytes memory close = abi.encodeCall(
            escrow.close, (ref, address(account), address(0), bytes32(0), 10 ether, 0, "")
        );
        bytes memory withdrawal = abi.encodeCall(escrow.withdraw, (ref, address(0), bytes32(0)));
        account.act(
            address(escrow), 0, abi.encodeCall(escrow.startThaw, (ref, address(0), bytes32(0)))
        );
        skip(ref.terms.thawPeriod);
        MoodyAccount.Mood[3] memory moods = _accountRefusals();
        for (uint256 i = 0; i < moods.length; ++i) {
            account.setMood(moods[i]);
            _assertRefused(host.addr, address(escrow), close, 1);
            _assertRefused(address(account), address(escrow), withdrawal, 1);
            _assertRefused(stranger, address(vault), abi.encodeCall(vault.payOut, (0)), 1);
            _assertOthersAreFree();
        }
        // The owner has got its part of the slash, the reporter sends its own elsewhere.
        vault.payOut(1);
        assertEq(owner.addr.balance, 40 ether);
        account.act(address(vault), 0, abi.encodeCall(vault.payOutTo, (0, stranger)));
        account.setMood(MoodyAccount.Mood.ReturnMegabytes);
        (bool ok, uint256 used) = _try(host.addr, address(escrow), close);
        assertTrue(ok, "closed");
        assertLt(used, 400_000, "copied");
        assertEq(address(account).balance, 10 ether);
    }

    function test_receiverThatReenters() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        MoodyAccount account = new MoodyAccount();
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 10_000, address(account), 0));
        account.arm(address(vault), abi.encodeCall(CollateralVault.payOutTo, (0, stranger)));
        vault.payOut(0);
        assertFalse(account.succeeded(), "paid twice");
        assertEq(
            bytes32(account.answer()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        assertEq(address(account).balance, 30 ether);

        vm.deal(address(this), 10 ether);
        escrow.openChannel{ value: 10 ether }(ref, address(0), 0, 10 ether);
        // Closing a channel in the middle of a withdrawal would be paid twice.
        vm.prank(owner.addr);
        account.arm(
            address(escrow), abi.encodeCall(PaymentEscrow.withdrawBalance, (NATIVE, stranger))
        );
        vm.prank(owner.addr);
        escrow.withdrawBalance(NATIVE, address(account));
        assertFalse(account.succeeded());
        assertEq(address(account).balance, 75 ether);
    }

    /* -------------------------------- signers -------------------------------- */

    function _accountChannel() private returns (MoodyAccount account, bytes32 channelId) {
        account = new MoodyAccount();
        channelId = _channel(_sound(), address(account), DEPOSIT);
    }

    /// @dev A wallet that takes its word back after the host has reserved would strand what the
    /// host has served for, and the owner's share of it.
    function test_walletThatTakesItsWordBack() public {
        (MoodyAccount account, bytes32 channelId) = _accountChannel();
        IPaymentEscrow.ClaimRow memory row =
            _row(_sound(), address(account), session.key, 4 ether, 1, 0);
        escrow.reserve(_sound(), row);
        account.setAgrees(false);
        row.cumulativeAmount = 4 ether + 1;
        _expectRejected(channelId, IPaymentEscrow.ClaimError.BadSignature);
        assertEq(_claim(_sound(), row), 0, "no more than was reserved");
        row.cumulativeAmount = 4 ether;
        assertEq(_claim(_sound(), row), 4 ether);
    }

    /// @dev The host is a wallet: nobody closes by what it no longer says.
    function test_hostsWalletIsAskedWhenTheChannelIsClosed() public {
        MoodyAccount wallet = new MoodyAccount();
        vm.deal(address(wallet), 1000 ether);
        LicenseRef memory ref = LicenseRef(_termsIn(NATIVE), address(wallet), 1);
        _publish(ref.terms);
        bytes memory acquired = wallet.act(
            address(registry),
            150 ether,
            abi.encodeCall(registry.acquire, (ref.terms, 1, servingKey, ENCRYPTION_KEY))
        );
        mine(3);
        registry.drawLicenseSeed(abi.decode(acquired, (bytes32)));
        wallet.act(
            address(registry),
            0,
            abi.encodeCall(registry.acceptCopy, (ref, SEALED, keccak256(abi.encode(COPY_KEY))))
        );
        registry.deliverKey(ref, COPY_KEY);
        bytes32 channelId = _channel(ref);
        wallet.setAgrees(false);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_NotByHost.selector, address(wallet), payer.addr
            )
        );
        vm.prank(payer.addr);
        escrow.close(ref, payer.addr, address(0), 0, DEPOSIT, 0, hex"01");
        wallet.setAgrees(true);
        vm.prank(payer.addr);
        escrow.close(ref, payer.addr, address(0), 0, DEPOSIT, 0, hex"01");
        assertEq(escrow.channel(channelId).deposited, 0);
    }
}
