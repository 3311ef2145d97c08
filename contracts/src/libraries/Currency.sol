// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LibCall } from "solady/utils/LibCall.sol";

import { BURN, NATIVE } from "./Types.sol";

interface IToken {
    function transfer(address to, uint256 amount) external;
    function transferFrom(address from, address to, uint256 amount) external;
    function balanceOf(address account) external view returns (uint256);
}

/// @title Moving native currency and ERC-20 tokens in one way
/// @dev Tokens and receivers are code of others: every call has its limit of gas, and of what it
/// answers one word is copied. Callers hold a reentrancy guard: they may call back. Tokens whose
/// balances change by themselves (rebasing) are not supported: the balance could fall below what is
/// owed.
library Currency {
    /// @notice `msg.value` is not what the call has to bring: the amount for native, nothing for a
    /// token.
    error Currency_WrongValue(uint256 sent, uint256 expected);

    /// @notice The token delivered less than was sent (fee on transfer): books would not balance.
    error Currency_WrongAmountReceived(address currency, uint256 received, uint256 expected);

    /// @notice The token did not let this contract take the amount.
    error Currency_PullRefused(address currency, address from, uint256 amount);

    /// @notice The token, or the receiver of native currency, did not take the amount.
    error Currency_PushRefused(address currency, address to, uint256 amount);

    /// @notice The token does not say what this contract has.
    error Currency_NoBalance(address currency);

    /// @dev Of one call. A transfer to a new account costs about 60,000, of the dearest tokens in
    /// use about 300,000; the rest is room for forks that raise prices.
    uint256 internal constant CALL_GAS = 1_000_000;

    /// @notice Whether the address is native currency or has code.
    function exists(address currency) internal view returns (bool) {
        return currency == NATIVE || currency.code.length != 0;
    }

    /// @notice Takes `amount` from `from`: all of `msg.value`, or a token by allowance.
    function pull(address currency, address from, uint256 amount) internal {
        uint256 expected = currency == NATIVE ? amount : 0;
        require(msg.value == expected, Currency_WrongValue(msg.value, expected));
        if (currency == NATIVE || amount == 0) return;

        uint256 balanceBefore = balance(currency);
        require(
            _try(currency, abi.encodeCall(IToken.transferFrom, (from, address(this), amount))),
            Currency_PullRefused(currency, from, amount)
        );
        requireReceived(currency, balanceBefore, amount);
    }

    /// @notice This contract's balance.
    function balance(address currency) internal view returns (uint256) {
        if (currency == NATIVE) return address(this).balance;
        (bool ok,, bytes memory answer) = LibCall.tryStaticCall(
            currency, CALL_GAS, 32, abi.encodeCall(IToken.balanceOf, (address(this)))
        );
        require(ok && answer.length == 32, Currency_NoBalance(currency));
        return abi.decode(answer, (uint256));
    }

    /// @notice Reverts unless the balance has risen by exactly `amount`.
    function requireReceived(address currency, uint256 balanceBefore, uint256 amount)
        internal
        view
    {
        uint256 balanceAfter = balance(currency);
        require(
            balanceAfter >= balanceBefore && balanceAfter - balanceBefore == amount,
            Currency_WrongAmountReceived(
                currency, balanceAfter > balanceBefore ? balanceAfter - balanceBefore : 0, amount
            )
        );
    }

    /// @notice Sends `amount` to `to`; reverts if it is not accepted.
    function push(address currency, address to, uint256 amount) internal {
        if (amount == 0) return;
        require(_send(currency, to, amount), Currency_PushRefused(currency, to, amount));
    }

    /// @notice Burns `amount`. False if the token refuses: a slash must not depend on its
    /// currency's good will.
    function tryBurn(address currency, uint256 amount) internal returns (bool) {
        return amount == 0 || _send(currency, BURN, amount);
    }

    function _send(address currency, address to, uint256 amount) private returns (bool ok) {
        if (currency != NATIVE) {
            return _try(currency, abi.encodeCall(IToken.transfer, (to, amount)));
        }
        (ok,,) = LibCall.tryCall(to, amount, CALL_GAS, 0, "");
    }

    /// @dev A token agrees by `true`, or by no answer, as old ones do.
    function _try(address currency, bytes memory data) private returns (bool) {
        (bool ok,, bytes memory answer) = LibCall.tryCall(currency, 0, CALL_GAS, 32, data);
        if (!ok) return false;
        if (answer.length == 0) return currency.code.length != 0;
        return answer.length == 32 && abi.decode(answer, (uint256)) == 1;
    }
}
