// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { Terms } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

/// @dev Where requests cost nothing a voucher of nothing pays them, but still only in a channel
/// that holds money.
contract ChallengeManager_freeRequests is CaseTest {
    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        (terms.pricePerRequest, terms.pricePerThousandTokens) = (0, 0);
    }

    function _free(Round memory round)
        private
        view
        returns (IPaymentEscrow.ClaimRow memory row, Account memory member, bytes32 channelId)
    {
        member = _accountOf(round.committee[0]);
        row = _voucher(member, round.opened[0].leaves[0].keyHash);
        row.cumulativeAmount = 0;
        _signRow(row, member.key);
        channelId = escrow.channelIdOf(licenseId, member.addr, address(0), 0);
    }

    function _rebut(Round memory round, IPaymentEscrow.ClaimRow memory row) private {
        manager.rebut(round.id, _drawnOf(round), round.outcome, _openedKeyHashes(round), 0, row);
    }

    function test_revertWhen_noChannel() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        (IPaymentEscrow.ClaimRow memory row,, bytes32 channelId) = _free(round);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotPaid.selector, channelId, 0, 0, 0
            )
        );
        _rebut(round, row);
    }

    function test_countsWithTheSmallestDeposit() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        (IPaymentEscrow.ClaimRow memory row, Account memory member, bytes32 channelId) =
            _free(round);
        _openChannel(member.addr, address(0), 1);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.RequestPaid(round.caseId, 0, member.addr, channelId);
        _rebut(round, row);
    }
}
