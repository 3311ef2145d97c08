// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { Receipts } from "../../../src/libraries/Receipts.sol";
import { CaseStatus } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_rebut is CaseTest {
    /// @dev An opened case, and its first member with a channel.
    function _ready() private returns (Round memory round, Account memory member) {
        return _readyAs(0);
    }

    function _readyAs(uint256 i) private returns (Round memory round, Account memory member) {
        round = _opened(Behaviour.OwnCopy);
        member = _accountOf(round.committee[i]);
        _openChannel(member.addr, address(0), 1 ether);
    }

    function _keyHash(Round memory round, uint256 j) private pure returns (bytes32) {
        return round.opened[j / 16].leaves[j % 16].keyHash;
    }

    function _rebut(Round memory round, uint16 j, IPaymentEscrow.ClaimRow memory row) private {
        vm.prank(host.addr);
        manager.rebut(round.id, _drawnOf(round), round.outcome, _openedKeyHashes(round), j, row);
    }

    function _expectNotPaid(IPaymentEscrow.ClaimRow memory row, uint256 price, uint128 deposited)
        private
    {
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotPaid.selector,
                escrow.channelIdOf(licenseId, row.payer, row.signer, row.salt),
                row.cumulativeAmount,
                price,
                deposited
            )
        );
    }

    function test_revertWhen_notOpen() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        IPaymentEscrow.ClaimRow memory row = _voucher(payer, _keyHash(round, 0));
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongStatus.selector,
                round.caseId,
                CaseStatus.Opening
            )
        );
        _rebut(round, 0, row);
    }

    function test_revertWhen_tooLate() public {
        (Round memory round, Account memory member) = _ready();
        IPaymentEscrow.ClaimRow memory row = _voucher(member, _keyHash(round, 0));
        uint40 deadline = manager.caseOf(round.caseId).deadline;
        vm.warp(deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_TooLate.selector, deadline)
        );
        _rebut(round, 0, row);
    }

    function test_revertWhen_otherKeyHashes() public {
        (Round memory round, Account memory member) = _ready();
        IPaymentEscrow.ClaimRow memory row = _voucher(member, "invented");
        bytes32[] memory hashes = _openedKeyHashes(round);
        hashes[0] = "invented";
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongKeyHashes.selector, round.caseId
            )
        );
        manager.rebut(round.id, _drawnOf(round), round.outcome, hashes, 0, row);
        // Nor by an outcome made to fit.
        round.outcome.keysHash = keccak256(abi.encodePacked(hashes));
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongFacts.selector, round.caseId
            )
        );
        manager.rebut(round.id, _drawnOf(round), round.outcome, hashes, 0, row);
    }

    function test_revertWhen_noSuchFingerprint() public {
        (Round memory round, Account memory member) = _ready();
        IPaymentEscrow.ClaimRow memory row = _voucher(member, _keyHash(round, 0));
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_NoSuchFingerprint.selector, 32)
        );
        _rebut(round, 32, row);
    }

    function test_revertWhen_otherRequest() public {
        (Round memory round, Account memory member) = _ready();
        IPaymentEscrow.ClaimRow memory row = _voucher(member, _keyHash(round, 1));
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongRequest.selector,
                row.requestHash,
                Receipts.requestHash(modelId, _keyHash(round, 0))
            )
        );
        _rebut(round, 0, row);
    }

    function test_revertWhen_noChannel() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        IPaymentEscrow.ClaimRow memory row =
            _voucher(_accountOf(round.committee[0]), _keyHash(round, 0));
        _expectNotPaid(row, 0.002 ether, 0);
        _rebut(round, 0, row);
    }

    function test_revertWhen_depositTooSmall() public {
        (Round memory round, Account memory member) = _ready();
        IPaymentEscrow.ClaimRow memory row = _voucher(member, _keyHash(round, 0));
        row.cumulativeAmount = 1 ether + 1;
        _signRow(row, member.key);
        _expectNotPaid(row, 0.002 ether, 1 ether);
        _rebut(round, 0, row);
    }

    function test_revertWhen_belowPrice() public {
        (Round memory round, Account memory member) = _ready();
        IPaymentEscrow.ClaimRow memory row = _voucher(member, _keyHash(round, 0));
        row.cumulativeAmount = 0.002 ether - 1;
        _signRow(row, member.key);
        _expectNotPaid(row, 0.002 ether, 1 ether);
        _rebut(round, 0, row);
    }

    function test_revertWhen_noRequest() public {
        (Round memory round, Account memory member) = _ready();
        IPaymentEscrow.ClaimRow memory row = _voucher(member, _keyHash(round, 0));
        row.cumulativeRequests = 0;
        row.cumulativeTokens = 0;
        _signRow(row, member.key);
        _expectNotPaid(row, 0, 1 ether);
        _rebut(round, 0, row);
    }

    function test_revertWhen_signedByAnother() public {
        (Round memory round, Account memory member) = _ready();
        IPaymentEscrow.ClaimRow memory row = _voucher(member, _keyHash(round, 0));
        _signRow(row, host.key);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_BadVoucherSignature.selector, member.addr
            )
        );
        _rebut(round, 0, row);
    }

    function test_revertWhen_notOfTheCommittee() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        _openChannel(payer.addr, address(0), 1 ether);
        IPaymentEscrow.ClaimRow memory row = _voucher(payer, _keyHash(round, 0));
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotMember.selector, round.caseId, payer.addr
            )
        );
        _rebut(round, 0, row);
    }

    function test_revertWhen_shownBefore() public {
        _refusesTwice(0);
    }

    function test_revertWhen_shownBeforeByALaterMember() public {
        _refusesTwice(4);
    }

    function _refusesTwice(uint256 i) private {
        (Round memory round, Account memory member) = _readyAs(i);
        IPaymentEscrow.ClaimRow memory row = _voucher(member, _keyHash(round, 0));
        _rebut(round, 0, row);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_AlreadyDone.selector, round.caseId, member.addr
            )
        );
        _rebut(round, 0, row);
    }

    /// @dev A voucher at the price, and one over the whole deposit, are payments.
    function test_countsPriceAndWholeDeposit() public {
        (Round memory round, Account memory member) = _ready();
        bytes32 channelId = escrow.channelIdOf(licenseId, member.addr, address(0), 0);
        uint128[2] memory amounts = [uint128(0.002 ether), 1 ether];
        for (uint16 j; j < 2; ++j) {
            IPaymentEscrow.ClaimRow memory row = _voucher(member, _keyHash(round, j));
            row.cumulativeAmount = amounts[j];
            _signRow(row, member.key);
            vm.expectEmit(address(manager));
            emit IChallengeTypes.RequestPaid(round.caseId, j, member.addr, channelId);
            _rebut(round, j, row);
        }
    }

    function test_keepsObservationOfUnpaidQuorum() public {
        (Round memory round, Account memory member) = _ready();
        IPaymentEscrow.ClaimRow memory row = _voucher(member, _keyHash(round, 17));
        bytes32 channelId = escrow.channelIdOf(licenseId, member.addr, address(0), 0);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.RequestPaid(round.caseId, 17, member.addr, channelId);
        _rebut(round, 17, row);
        assertEq(manager.removedOf(round.caseId), 0, "four of five did not pay");
    }

    function test_removesObservation() public {
        (Round memory round, Account memory member) = _ready();
        _rebut(round, 17, _voucher(member, _keyHash(round, 17)));
        Account memory second = _accountOf(round.committee[1]);
        bytes32 channelId = _openChannel(second.addr, address(0), 1 ether);
        IPaymentEscrow.ClaimRow memory row = _voucher(second, _keyHash(round, 17));
        vm.expectEmit(address(manager));
        emit IChallengeTypes.ObservationRemoved(round.caseId, 17, channelId);
        _rebut(round, 17, row);
        assertEq(manager.removedOf(round.caseId), 1 << 17, "removed");

        // A third payment of the same request is recorded and removes nothing more.
        Account memory third = _accountOf(round.committee[2]);
        _openChannel(third.addr, address(0), 1 ether);
        vm.recordLogs();
        _rebut(round, 17, _voucher(third, _keyHash(round, 17)));
        assertEq(manager.removedOf(round.caseId), 1 << 17, "removed once");
        assertEq(_lastLog(IChallengeTypes.ObservationRemoved.selector).length, 0, "said once");
    }

    /// @dev Each observation is removed by itself: what stands beside a removed one is removed too.
    function test_removesNeighbours() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        for (uint256 i; i < 2; ++i) {
            Account memory member = _accountOf(round.committee[i]);
            _openChannel(member.addr, address(0), 1 ether);
            uint16[3] memory order = [uint16(1), 0, 2];
            for (uint256 k; k < 3; ++k) {
                _rebut(round, order[k], _voucher(member, _keyHash(round, order[k])));
            }
        }
        assertEq(manager.removedOf(round.caseId), 7, "all three");
    }

    function test_countsSessionKeyOfMember() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        Account memory member = _accountOf(round.committee[3]);
        bytes32 channelId = _openChannel(payer.addr, member.addr, 1 ether);
        IPaymentEscrow.ClaimRow memory row = _voucher(payer, _keyHash(round, 2));
        row.signer = member.addr;
        _signRow(row, member.key);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.RequestPaid(round.caseId, 2, member.addr, channelId);
        _rebut(round, 2, row);
    }
}
