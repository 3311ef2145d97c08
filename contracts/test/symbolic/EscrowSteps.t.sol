// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { PaymentEscrow } from "../../src/PaymentEscrow.sol";
import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { BPS, LicenseRef, NATIVE } from "../../src/libraries/Types.sol";
import { SymbolicMoney } from "./MoneyExit.t.sol";

/// @dev One call from any state of a channel, open or closed, reachable or not, that has what every
/// call keeps: claimed and reserved are at most deposited, and the escrow has `deposited - claimed`
/// and what it owes to everybody else. Afterwards that holds again: so it holds after every
/// sequence of calls. This contract is payer, host, registry and vault, and as a contract signs
/// everything.
abstract contract SymbolicEscrow is SymbolicMoney {
    PaymentEscrow internal escrow;
    bytes32 internal id;
    uint96 internal deposited;
    uint96 internal claimed;
    uint96 internal secured;
    uint40 internal thawEnd;
    uint256 internal others;
    IPaymentEscrow.ChannelStatus internal before;

    function setUp() external {
        escrow = new PaymentEscrow(address(this), address(this));
    }

    /// @dev As EIP-1271 has it.
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }

    function collateralLeft(bytes32, uint128) external pure returns (uint128) {
        return type(uint96).max;
    }

    function _license() internal view virtual returns (LicenseRef memory ref) {
        ref = _ref(1);
        ref.terms.minCollateralRatioBps = uint16(BPS);
        ref.terms.settlementPeriod = 1 days;
    }

    /// @dev Puts the channel into the state, and the money into the escrow.
    function _state(uint96 d, uint96 c, uint96 s, uint40 t, uint96 rest, bool closed)
        internal
        returns (bool)
    {
        if (c > d || s > d) return false;
        (deposited, claimed, secured, thawEnd, others) = (d, c, s, t, rest);
        before = closed ? IPaymentEscrow.ChannelStatus.Closed : IPaymentEscrow.ChannelStatus.Open;
        id = escrow.channelIdOf(_licenseId(), address(this), address(0), 0);
        bytes32 word =
            bytes32(uint256(d) | uint256(c) << 96 | uint256(t) << 192 | uint256(before) << 232);
        VM.store(address(escrow), keccak256(abi.encode(id, 0)), word);
        VM.store(address(escrow), keccak256(abi.encode(id, 2)), bytes32(uint256(s)));
        VM.deal(address(escrow), uint256(d) - c + rest);
        VM.deal(address(this), 0);
        // The places are those of the contract.
        IPaymentEscrow.Channel memory channel = escrow.channel(id);
        assert(channel.deposited == d && channel.claimed == c && channel.thawEnd == t);
        assert(channel.status == before && escrow.reserved(id) == s);
        return true;
    }

    function _licenseId() internal view returns (bytes32) {
        LicenseRef memory ref = _license();
        bytes32 offer = keccak256(abi.encode(block.chainid, address(this), ref.terms));
        return keccak256(abi.encode(offer, ref.host, ref.nonce));
    }

    /// @dev What every call keeps; `credited` is what it added to balances, `closes` whether it
    /// closes the channel, which nothing opens again.
    function _kept(uint256 credited, bool closes) internal view {
        IPaymentEscrow.Channel memory channel = escrow.channel(id);
        assert(channel.status == (closes ? IPaymentEscrow.ChannelStatus.Closed : before));
        assert(channel.claimed <= channel.deposited && escrow.reserved(id) <= channel.deposited);
        assert(
            address(escrow).balance
                == uint256(channel.deposited) - channel.claimed + others + credited
        );
    }

    function _declared() internal view returns (uint96) {
        return claimed > secured ? claimed : secured;
    }

    function _call(bytes memory data) internal returns (bool ok) {
        (ok,) = address(escrow).call(data);
    }

    function _row(uint128 amount) internal view returns (IPaymentEscrow.ClaimRow memory row) {
        row.payer = address(this);
        row.cumulativeAmount = amount;
    }
}

/// @dev Whatever the state, a call succeeds exactly if it may, and no money appears or gets lost.
contract SymbolicEscrowSteps is SymbolicEscrow {
    function check_deposit(
        uint96 d,
        uint96 c,
        uint96 s,
        uint40 t,
        uint96 rest,
        bool closed,
        uint128 amount
    ) external {
        if (!_state(d, c, s, t, rest, closed)) return;
        VM.deal(address(this), amount);
        (bool ok,) = address(escrow).call{ value: amount }(
            abi.encodeCall(
                escrow.deposit, (_license(), address(this), address(0), bytes32(0), amount)
            )
        );
        assert(ok == (!closed && amount != 0 && uint256(d) + amount <= type(uint96).max));
        assert(escrow.channel(id).deposited == uint256(d) + (ok ? amount : 0));
        _kept(0, false);
    }

    /// @dev A channel that was ever opened never opens again.
    function check_openChannel(
        uint96 d,
        uint96 c,
        uint96 s,
        uint40 t,
        uint96 rest,
        bool closed,
        uint96 amount
    ) external {
        if (!_state(d, c, s, t, rest, closed)) return;
        VM.deal(address(this), amount);
        (bool ok,) = address(escrow).call{ value: amount }(
            abi.encodeCall(escrow.openChannel, (_license(), address(0), bytes32(0), amount))
        );
        assert(!ok);
        _kept(0, false);
    }

    function check_startThaw(uint96 d, uint96 c, uint96 s, uint40 t, uint96 rest, bool closed)
        external
    {
        if (!_state(d, c, s, t, rest, closed)) return;
        VM.warp(START);
        bool ok = _call(abi.encodeCall(escrow.startThaw, (_license(), address(0), bytes32(0))));
        assert(ok == (t == 0));
        assert(escrow.channel(id).thawEnd == (ok ? START + THAW : t));
        assert(escrow.channel(id).deposited == d && escrow.channel(id).claimed == c);
        _kept(0, false);
    }

    /// @dev At every time: with a thaw that has ended the payer gets all that nobody was promised,
    /// else nothing.
    function check_withdraw(
        uint96 d,
        uint96 c,
        uint96 s,
        uint40 t,
        uint96 rest,
        bool closed,
        uint40 time
    ) external {
        if (!_state(d, c, s, t, rest, closed)) return;
        VM.warp(time);
        bool ok = _call(abi.encodeCall(escrow.withdraw, (_license(), address(0), bytes32(0))));
        assert(ok == (t != 0 && time >= t));
        assert(address(this).balance == (ok ? d - _declared() : 0));
        assert(escrow.channel(id).claimed == c && escrow.reserved(id) == s);
        _kept(0, ok);
    }

    function check_reserve(
        uint96 d,
        uint96 c,
        uint96 s,
        uint40 t,
        uint96 rest,
        bool closed,
        uint128 amount
    ) external {
        if (!_state(d, c, s, t, rest, closed)) return;
        bool ok = _call(abi.encodeCall(escrow.reserve, (_license(), _row(amount))));
        assert(ok == (amount > c && amount <= d && amount > s));
        assert(escrow.reserved(id) == (ok ? amount : s));
        assert(escrow.channel(id).deposited == d && escrow.channel(id).claimed == c);
        _kept(0, false);
    }

    /// @dev Two rows of one claim, each taken whole or not at all; all of it is the host's where
    /// the owner has no share.
    function check_claim(uint96 d, uint96 c, uint96 s, bool closed, uint128 first, uint128 second)
        external
    {
        if (!_state(d, c, s, 0, 1 ether, closed)) return;
        VM.warp(START);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](2);
        (rows[0], rows[1]) = (_row(first), _row(second));
        (bool ok, bytes memory answer) =
            address(escrow).call(abi.encodeCall(escrow.claim, (_license(), rows)));
        assert(ok);
        uint256 after_ = first > c && first <= d ? first : c;
        if (second > after_ && second <= d) after_ = second;
        assert(abi.decode(answer, (uint128)) == after_ - c);
        assert(escrow.channel(id).claimed == after_ && escrow.channel(id).deposited == d);
        assert(escrow.balanceOf(NATIVE, address(this)) == after_ - c);
        _kept(after_ - c, false);
    }

    /// @dev A balance is paid once and whole.
    function check_withdrawBalance(uint96 amount, uint96 rest) external {
        bytes32 place = keccak256(abi.encode(NATIVE, 1));
        VM.store(
            address(escrow), keccak256(abi.encode(address(this), place)), bytes32(uint256(amount))
        );
        assert(escrow.balanceOf(NATIVE, address(this)) == amount);
        VM.deal(address(escrow), uint256(amount) + rest);
        // The test is the vault, too, to which nothing may be sent.
        address to = address(0xbeef);
        VM.deal(to, 0);
        bool ok = _call(abi.encodeCall(escrow.withdrawBalance, (NATIVE, to)));
        assert(ok == (amount != 0));
        assert(to.balance == amount);
        assert(address(escrow).balance == rest);
        assert(escrow.balanceOf(NATIVE, address(this)) == 0);
        assert(!_call(abi.encodeCall(escrow.withdrawBalance, (NATIVE, to))));
    }
}
