// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CollateralVault } from "../../src/CollateralVault.sol";
import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { BURN, LicenseRef, LicenseStatus, NATIVE } from "../../src/libraries/Types.sol";
import { SymbolicMoney } from "./MoneyExit.t.sol";

/// @dev One call from any state of a collateral, reachable or not, that has what every call keeps:
/// `taken` is at most `bought + added`, which has 96 bits, and the vault has what is left and what
/// it owes to everybody else. This contract is host, registry and judge.
abstract contract SymbolicVault is SymbolicMoney {
    address internal constant OWNER = address(0x0AAA);
    address internal constant REPORTER = address(0x0BEE);

    CollateralVault internal vault;
    uint128 internal bought;
    uint256 internal left;
    uint256 internal others;

    function setUp() external {
        vault = new CollateralVault(address(this), address(this), address(this), address(this));
    }

    function _license() internal view virtual returns (LicenseRef memory) {
        return _ref(bought);
    }

    function _licenseId() internal view returns (bytes32) {
        LicenseRef memory ref = _license();
        bytes32 offer = keccak256(abi.encode(block.chainid, address(this), ref.terms));
        return keccak256(abi.encode(offer, ref.host, ref.nonce));
    }

    function _state(uint96 b, uint96 added, uint96 taken, uint40 t, uint96 rest)
        internal
        returns (bool)
    {
        if (b == 0 || uint256(b) + added > type(uint96).max || taken > uint256(b) + added) {
            return false;
        }
        (bought, left, others) = (b, uint256(b) + added - taken, rest);
        bytes32 word = bytes32(uint256(added) | uint256(taken) << 96 | uint256(t) << 192);
        VM.store(address(vault), keccak256(abi.encode(_licenseId(), 0)), word);
        VM.deal(address(vault), left + rest);
        VM.deal(address(this), 0);
        ICollateralVault.Collateral memory kept = vault.collateral(_license());
        assert(kept.amount == left && kept.thawEnd == t);
        return true;
    }

    /// @dev What is left now; the vault has it, and what it owes to others.
    function _kept() internal view returns (uint256 amount) {
        amount = vault.collateral(_license()).amount;
        assert(address(vault).balance == amount + others);
    }

    function _call(bytes memory data) internal returns (bool ok) {
        (ok,) = address(vault).call(data);
    }
}

/// @dev Whatever the state, a call succeeds exactly if it may, and paid + left is what was left
/// before.
contract SymbolicVaultSteps is SymbolicVault {
    function check_topUp(
        uint96 b,
        uint96 added,
        uint96 taken,
        uint40 t,
        uint96 rest,
        uint128 amount
    ) external {
        if (!_state(b, added, taken, t, rest)) return;
        VM.deal(address(this), amount);
        (bool ok,) = address(vault).call{ value: amount }(
            abi.encodeCall(vault.topUp, (_license(), amount))
        );
        assert(ok == (amount != 0 && uint256(b) + added + amount <= type(uint96).max));
        assert(_kept() == left + (ok ? amount : 0));
    }

    /// @dev At every time.
    function check_withdraw(
        uint96 b,
        uint96 added,
        uint96 taken,
        uint40 t,
        uint96 rest,
        uint40 time
    ) external {
        if (!_state(b, added, taken, t, rest)) return;
        VM.warp(time);
        bool ok = _call(abi.encodeCall(vault.withdraw, (_license())));
        assert(ok == (t != 0 && time >= t && left != 0));
        uint256 paid = address(this).balance;
        assert(paid == (ok ? left : 0));
        assert(paid + _kept() == left);
    }

    function check_startThaw(uint96 b, uint96 added, uint96 taken, uint40 t) external {
        if (!_state(b, added, taken, t, 1 ether)) return;
        VM.warp(START);
        status = LicenseStatus.Terminated;
        bool ok = _call(abi.encodeCall(vault.startThaw, (_license())));
        assert(ok == (t == 0));
        assert(vault.collateral(_license()).thawEnd == (ok ? START + THAW : t));
        assert(_kept() == left);
    }

    /// @dev One payout, of the reporter.
    function _queue(uint96 amount, uint40 unlockAt) private {
        bytes32 place = keccak256(abi.encode(1));
        uint256 second = uint256(place) + 1;
        VM.store(address(vault), bytes32(uint256(1)), bytes32(uint256(1)));
        VM.store(
            address(vault), place, bytes32(uint256(uint160(REPORTER)) | uint256(amount) << 160)
        );
        VM.store(address(vault), bytes32(second), bytes32(uint256(unlockAt) << 160));
        ICollateralVault.Payout memory queued = vault.payout(0);
        assert(queued.to == REPORTER && queued.amount == amount && queued.currency == NATIVE);
        assert(queued.unlockAt == unlockAt && vault.payoutCount() == 1);
    }

    /// @dev Any report and any payout: it goes to another exactly if it is unpaid, of the license
    /// and committed later, and its amount and time stay.
    function check_redirect(
        uint96 amount,
        uint40 unlockAt,
        uint40 committedAt,
        uint40 before,
        bool sameLicense
    ) external {
        _queue(amount, unlockAt);
        bytes32 id = keccak256("license");
        bytes32 report = keccak256(abi.encode(0, 2));
        VM.store(address(vault), report, id);
        VM.store(address(vault), bytes32(uint256(report) + 1), bytes32(uint256(committedAt)));
        bytes32 named = sameLicense ? id : keccak256("another license");
        bool ok = _call(abi.encodeCall(vault.redirect, (0, named, before, OWNER)));
        assert(ok == (amount != 0 && committedAt > before && sameLicense));
        ICollateralVault.Payout memory queued = vault.payout(0);
        assert(queued.to == (ok ? OWNER : REPORTER));
        assert(queued.amount == amount && queued.unlockAt == unlockAt);
        // Once, even for the same round.
        assert(!ok || !_call(abi.encodeCall(vault.redirect, (0, named, before, REPORTER))));
    }

    /// @dev Any payout: paid after its delay, whole and once, and not before.
    function check_payOut(uint96 amount, uint40 unlockAt, uint40 time, uint96 rest) external {
        _queue(amount, unlockAt);
        VM.deal(address(vault), uint256(amount) + rest);
        VM.warp(time);
        bool ok = _call(abi.encodeCall(vault.payOut, (0)));
        assert(ok == (amount != 0 && time >= unlockAt));
        assert(REPORTER.balance == (ok ? amount : 0));
        assert(address(vault).balance == uint256(amount) + rest - REPORTER.balance);
        assert(!ok || !_call(abi.encodeCall(vault.payOut, (0))));
    }
}

/// @dev The code of a slash queues or burns what it takes, to the unit, from any state. With shares
/// of an example: for all shares see the lemmas of `SymbolicSplits`.
contract SymbolicSlashSplit is SymbolicVault {
    function _license() internal view override returns (LicenseRef memory ref) {
        ref = _ref(bought);
        ref.terms.owner = OWNER;
    }

    function _how() private pure returns (ICollateralVault.Slash memory) {
        return ICollateralVault.Slash({
            bps: 6000,
            reporter: REPORTER,
            reporterBps: 3001,
            ownerBps: 4000,
            payoutDelay: 0,
            committedAt: 0
        });
    }

    function check_slashIsSharedOutWhole(uint32 b, uint32 added, uint32 taken, uint40 t) external {
        if (!_state(b, added, taken, t, 0)) return;
        uint256 burnedBefore = BURN.balance;
        (bool ok, bytes memory answer) =
            address(vault).call(abi.encodeCall(vault.slash, (_license(), _how())));
        // No part is more than what it is taken from.
        assert(ok);
        (uint256 slashed, uint256 toReporter, uint256 toOwner) =
            abi.decode(answer, (uint256, uint256, uint256));
        uint256 burned = BURN.balance - burnedBefore;
        assert(toReporter + toOwner + burned == slashed);
        uint256 queued;
        for (uint256 i; i < vault.payoutCount(); ++i) {
            queued += vault.payout(i).amount;
        }
        assert(queued == toReporter + toOwner);
        assert(vault.collateral(_license()).amount + slashed == left);
        assert(address(vault).balance == left - burned);
    }
}
