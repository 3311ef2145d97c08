// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { LicenseStatus, Receipt, Violation } from "../../../src/libraries/Types.sol";
import { ProofTest } from "../../utils/ProofTest.sol";

contract Proofs_proveUnderMetering is ProofTest {
    /// @dev A channel with one settled request of 500 tokens, for which 0.01 ether was claimed:
    /// five times the price.
    function _settled() private returns (bytes32 channelId) {
        channelId = _openChannel(payer.addr, address(0), 1 ether);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](1);
        rows[0] = _voucher(payer, "key");
        escrow.claim(ref(), rows);
    }

    function _receiptOver(bytes32 channelId, uint64 requests, uint64 tokens)
        private
        view
        returns (Receipt memory receipt)
    {
        receipt = _receipt(1);
        receipt.channelId = channelId;
        receipt.cumulativeRequests = requests;
        receipt.cumulativeTokens = tokens;
    }

    function _prove(Receipt memory receipt) private {
        bytes memory signature_ = _sign(receipt);
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
    }

    function _expectRefused(Receipt memory receipt, uint256 owed) private {
        bytes memory signature_ = _sign(receipt);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_NoUnderMetering.selector,
                uint256(receipt.servedAt) + 2 days,
                owed,
                uint128(0.01 ether)
            )
        );
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
    }

    function _assertSlashed() private view {
        assertEq(vault.collateral(ref()).amount, COLLATERAL / 2, "half of it");
        assertEq(uint256(registry.license(licenseId).status), uint256(LicenseStatus.Terminated));
    }

    function test_revertWhen_settlementPeriodNotOver() public {
        Receipt memory receipt = _receiptOver(_settled(), 10, 500);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        vm.warp(receipt.servedAt + 2 days);
        _expectRefused(receipt, 0.011 ether);
    }

    function test_revertWhen_settled() public {
        Receipt memory receipt = _receiptOver(_settled(), 9, 500);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        skip(2 days);
        _expectRefused(receipt, 0.01 ether);
    }

    function test_revertWhen_punishedBefore() public {
        Receipt memory receipt = _receiptOver(_settled(), 10, 500);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        skip(2 days);
        _prove(receipt);
        receipt.cumulativeRequests = 11;
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_AlreadyPunished.selector,
                keccak256(abi.encode(Violation.UnderMetering, licenseId, receipt.channelId))
            )
        );
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
    }

    function test_revertWhen_keyRevokedTooLongAgo() public {
        Receipt memory receipt = _receiptOver(_settled(), 10, 500);
        vm.prank(host.addr);
        registry.revokeServingKey(ref(), 0);
        uint256 end = block.timestamp + 2 days + 7 days;
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.warp(end + 1);
        vm.expectRevert(abi.encodeWithSelector(IProofs.Proofs_KeyRevoked.selector, 0, end));
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
    }

    /// @dev Dated after its key's end, a receipt is due as if it were dated at it.
    function test_slashesFromTheEndOfTheKeyOn() public {
        Receipt memory receipt = _receiptOver(_settled(), 10, 500);
        receipt.servedAt = uint64(block.timestamp + 20 days);
        vm.prank(host.addr);
        registry.rotateServingKey(ref(), owner.addr);
        uint256 end = block.timestamp + 1 hours;
        _reportProof(reporter, Violation.UnderMetering, receipt);
        vm.warp(end + 2 days + 1);
        _prove(receipt);
        _assertSlashed();
    }

    function test_slashesForRequests() public {
        Receipt memory receipt = _receiptOver(_settled(), 10, 500);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        vm.warp(receipt.servedAt + 2 days + 1);
        _prove(receipt);
        _assertSlashed();
    }

    function test_slashesForTokens() public {
        Receipt memory receipt = _receiptOver(_settled(), 1, 4501);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        skip(2 days);
        _prove(receipt);
        _assertSlashed();
    }

    function test_slashesForChannelThatDoesNotExist() public {
        Receipt memory receipt = _receiptOver(keccak256("no channel"), 1, 1);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        skip(2 days);
        _prove(receipt);
        _assertSlashed();
    }

    /// @dev A payer claims its own voucher with many requests and few tokens, so that the host's
    /// own voucher would have to lower the requests. The host is still paid and can't be convicted.
    function test_payerCannotFrameTheHostByClaimingFirst() public {
        bytes32 channelId = _openChannel(payer.addr, address(0), 1 ether);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](1);
        rows[0] = _voucher(payer, "key");
        rows[0].cumulativeRequests = 10;
        rows[0].cumulativeTokens = 0;
        _signRow(rows[0], payer.key);
        escrow.claim(ref(), rows);

        rows[0].cumulativeAmount = 0.012 ether;
        rows[0].cumulativeRequests = 2;
        rows[0].cumulativeTokens = 5000;
        _signRow(rows[0], payer.key);
        escrow.claim(ref(), rows);
        assertEq(escrow.channel(channelId).claimed, 0.012 ether, "the host's voucher counts");

        Receipt memory receipt = _receiptOver(channelId, 2, 5000);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        skip(2 days);
        bytes memory signature_ = _sign(receipt);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_NoUnderMetering.selector,
                uint256(receipt.servedAt) + 2 days,
                0.012 ether,
                uint128(0.012 ether)
            )
        );
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
    }
}
