// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CollateralVault } from "../../src/CollateralVault.sol";
import { LicenseRegistry } from "../../src/LicenseRegistry.sol";
import { PaymentEscrow } from "../../src/PaymentEscrow.sol";
import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "../../src/interfaces/ILicenseRegistry.sol";
import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { BURN, LicenseStatus, NATIVE } from "../../src/libraries/Types.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { TestBase } from "../utils/TestBase.sol";
import { HandlerBase } from "./HandlerBase.sol";
import { LicenseActions } from "./LicenseActions.sol";
import { LicensingHandler } from "./LicensingHandler.sol";
import { MoneyActions } from "./MoneyActions.sol";

/// @dev The invariants of `README.md`, by their numbers.
contract LicensingInvariant is TestBase {
    LicensingHandler internal handler;
    LicenseRegistry internal registry;
    CollateralVault internal vault;
    PaymentEscrow internal escrow;
    TestToken internal token;

    function setUp() public {
        handler = new LicensingHandler();
        handler.init();
        (address r, address v, address e, address t) = handler.system();
        registry = LicenseRegistry(r);
        vault = CollateralVault(v);
        escrow = PaymentEscrow(payable(e));
        token = TestToken(t);
        targetContract(address(handler));
        targetSelector(FuzzSelector({ addr: address(handler), selectors: _actions() }));
    }

    function _actions() private pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](31);
        selectors[0] = LicenseActions.acquire.selector;
        selectors[1] = LicenseActions.drawSeed.selector;
        selectors[2] = LicenseActions.accept.selector;
        selectors[3] = LicenseActions.cancel.selector;
        selectors[4] = LicenseActions.terminate.selector;
        selectors[5] = LicenseActions.topUp.selector;
        selectors[6] = LicenseActions.redirect.selector;
        selectors[7] = MoneyActions.bringClose.selector;
        selectors[8] = LicenseActions.slash.selector;
        selectors[9] = LicenseActions.startThaw.selector;
        selectors[10] = LicenseActions.withdraw.selector;
        selectors[11] = LicenseActions.payOut.selector;
        selectors[12] = LicenseActions.burnDrawn.selector;
        selectors[13] = LicenseActions.pass.selector;
        selectors[14] = MoneyActions.openChannel.selector;
        selectors[15] = MoneyActions.depositToChannel.selector;
        selectors[16] = MoneyActions.thawChannel.selector;
        selectors[17] = MoneyActions.withdrawChannel.selector;
        selectors[18] = MoneyActions.claim.selector;
        selectors[19] = MoneyActions.pull.selector;
        selectors[23] = LicenseActions.burnOpened.selector;
        selectors[20] = MoneyActions.reserve.selector;
        selectors[21] = MoneyActions.closeChannel.selector;
        selectors[22] = LicenseActions.renew.selector;
        selectors[24] = MoneyActions.serve.selector;
        selectors[25] = MoneyActions.settle.selector;
        selectors[26] = MoneyActions.claimReserved.selector;
        selectors[27] = MoneyActions.signClose.selector;
        selectors[28] = LicenseActions.deliver.selector;
        selectors[29] = LicenseActions.reject.selector;
        selectors[30] = LicenseActions.releaseFee.selector;
    }

    /// @dev V1, V3, V4.
    function invariant_vault() public view {
        uint256[2] memory owed;
        uint256[2] memory queued;
        for (uint256 i = 0; i < handler.licenseCount(); ++i) {
            HandlerBase.LicenseGhost memory g = handler.licenseGhost(i);
            ICollateralVault.Collateral memory c = handler.collateralOf(i);
            owed[g.native ? 1 : 0] += c.amount;
            // The fee of a license that is not delivered yet.
            if (g.last < LicenseStatus.Active) owed[g.native ? 1 : 0] += 50 ether;
            owed[g.native ? 1 : 0] += g.held + g.due;
            assertEq(g.paidIn, c.amount + g.slashed + g.withdrawn, "V3: collateral");
        }
        for (uint256 i = 0; i < vault.payoutCount(); ++i) {
            ICollateralVault.Payout memory p = vault.payout(i);
            queued[p.currency == NATIVE ? 1 : 0] += p.amount;
        }
        for (uint256 k = 0; k < 2; ++k) {
            bool native = k == 1;
            assertEq(_balance(native, address(vault)), owed[k] + queued[k], "V1: vault");
            assertEq(
                handler.slashed(native),
                queued[k] + handler.paidOut(native) + _balance(native, BURN),
                "V4: slashed"
            );
        }
    }

    /// @dev E10, at the end of each run.
    function afterInvariant() public {
        handler.payersLeave();
        for (uint256 k = 0; k < 2; ++k) {
            assertEq(_balance(k == 1, address(escrow)), 0, "E10: left in the escrow");
            assertEq(_balance(k == 1, address(vault)), 0, "E10: left in the vault");
        }
    }

    /// @dev E1-E3, E5, E11.
    function invariant_escrow() public view {
        uint256[2] memory unclaimed;
        uint256[2] memory claimed;
        for (uint256 i = 0; i < handler.channelCount(); ++i) {
            HandlerBase.ChannelGhost memory g = handler.channelGhost(i);
            IPaymentEscrow.Channel memory c = escrow.channel(g.id);
            uint256 k = handler.licenseGhost(g.license).native ? 1 : 0;
            assertLe(c.claimed, c.deposited, "E2: claimed");
            assertLe(c.claimed, g.signedAmount, "E3: amount");
            assertLe(escrow.declared(g.id), c.deposited, "E7: reserved and gone");
            assertLe(escrow.reserved(g.id), g.signedAmount, "E7: reserved");
            assertLe(g.served, c.deposited, "E11: served and gone");
            unclaimed[k] += c.deposited - c.claimed;
            claimed[k] += c.claimed;
        }
        for (uint256 k = 0; k < 2; ++k) {
            bool native = k == 1;
            uint256 balances = _balances(native);
            assertEq(_balance(native, address(escrow)), unclaimed[k] + balances, "E1: escrow");
            assertEq(
                balances + handler.pulled(native),
                claimed[k] + handler.releasedFees(native),
                "E5: credited"
            );
        }
    }

    /// @dev R2-R5.
    function invariant_registry() public view {
        ILicenseRegistry.Universe memory u = registry.universe(handler.model(), 0);
        assertEq(u.root, keccak256("root"), "R4: root");
        assertEq(u.licenses, handler.activated(), "R3: licenses");
        uint256 burned;
        for (uint32 b = 0; b < u.personalCount / 16 + 8; ++b) {
            uint16 day = registry.burnedOn(handler.model(), 0, b);
            assertEq(day, handler.burnedOn(b), "R2: day");
            if (day != 0) ++burned;
        }
        assertEq(u.burnedBundles, burned, "R2: counter");
        assertEq(burned, handler.burnedBundles(), "R2: burned");
        assertEq(address(registry).balance + token.balanceOf(address(registry)), 0, "R5: money");
    }

    function _balances(bool native) private view returns (uint256 sum) {
        address currency = native ? NATIVE : address(token);
        address[4] memory people = handler.people();
        for (uint256 i = 0; i < people.length; ++i) {
            sum += escrow.balanceOf(currency, people[i]);
        }
    }

    function _balance(bool native, address account) private view returns (uint256) {
        return native ? account.balance : token.balanceOf(account);
    }
}
