// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeManager } from "../interfaces/IChallengeManager.sol";
import { Currency } from "../libraries/Currency.sol";
import { ChallengeBase } from "./ChallengeBase.sol";

/// @title Where reports come in and money goes out
abstract contract ReportDesk is ChallengeBase, IChallengeManager {
    /// @inheritdoc IChallengeManager
    function commitReport(bytes32 commitment) external {
        mapping(bytes32 commitment => uint256) storage committedAt = _committedAt[msg.sender];
        require(committedAt[commitment] == 0, ChallengeManager_AlreadyCommitted(commitment));
        committedAt[commitment] = block.timestamp;
        emit ReportCommitted(commitment, msg.sender);
    }

    /// @inheritdoc IChallengeManager
    function withdrawBalance(address currency, address to)
        external
        nonReentrant
        returns (uint256 amount)
    {
        require(to != address(0), ChallengeManager_NoRecipient());
        amount = _balances[currency][msg.sender];
        require(amount != 0, ChallengeManager_NoBalance(currency, msg.sender));
        _balances[currency][msg.sender] = 0;
        Currency.push(currency, to, amount);
        emit BalanceWithdrawn(currency, msg.sender, to, amount);
    }

    /// @inheritdoc IChallengeManager
    function config() external view returns (Config memory) {
        return Config({
            reportDelay: _reportDelay,
            questionsWindow: _questionsWindow,
            commitWindow: _commitWindow,
            revealWindow: _revealWindow,
            openingWindow: _openingWindow,
            rebuttalWindow: _rebuttalWindow,
            payoutDelay: _payoutDelay,
            committeeSize: _committeeSize,
            bundlesPerCase: _bundlesPerCase,
            sharedBundlesPerCase: _sharedBundlesPerCase,
            minDecoys: _minDecoys,
            nonRevealPenalty: _nonRevealPenalty,
            dissentPenalty: _dissentPenalty
        });
    }

    /// @inheritdoc IChallengeManager
    function balanceOf(address currency, address account) external view returns (uint256) {
        return _balances[currency][account];
    }

    /// @inheritdoc IChallengeManager
    function reportCommittedAt(address reporter, bytes32 commitment)
        external
        view
        returns (uint40)
    {
        return uint40(_committedAt[reporter][commitment]);
    }
}
