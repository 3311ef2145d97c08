// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { SafeTransferLib } from "solady/utils/SafeTransferLib.sol";

import { BURN, NATIVE } from "./Types.sol";

/// @title Moving native currency and ERC-20 tokens in one way
/// @dev Callers hold a reentrancy guard: tokens may call back. Tokens whose balances change by
/// themselves (rebasing) are not supported: the balance could fall below what is owed.
library Currency {
    /// @notice `msg.value` is not what the call has to bring: the amount for native, nothing for a
    /// token.
    error Currency_WrongValue(uint256 sent, uint256 expected);

    /// @notice The token delivered less than was sent (fee on transfer): books would not balance.
    error Currency_WrongAmountReceived(address currency, uint256 received, uint256 expected);

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
        SafeTransferLib.safeTransferFrom(currency, from, address(this), amount);
        requireReceived(currency, balanceBefore, amount);
    }

    /// @notice This contract's balance.
    function balance(address currency) internal view returns (uint256) {
        return currency == NATIVE
            ? address(this).balance
            : SafeTransferLib.balanceOf(currency, address(this));
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
        if (currency == NATIVE) SafeTransferLib.safeTransferETH(to, amount);
        else SafeTransferLib.safeTransfer(currency, to, amount);
    }

    /// @notice Burns `amount`. False if the token refuses: a slash must not depend on its
    /// currency's good will.
    function tryBurn(address currency, uint256 amount) internal returns (bool) {
        if (amount == 0) return true;
        if (currency == NATIVE) {
            return SafeTransferLib.trySafeTransferETH(BURN, amount, gasleft());
        }
        (bool ok, bytes memory answer) =
            currency.call(abi.encodeWithSignature("transfer(address,uint256)", BURN, amount));
        return
            ok
                && (answer.length == 0
                    || (answer.length >= 32 && abi.decode(answer, (uint256)) == 1));
    }
}
