// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { LicenseStatus, Receipt, Violation } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_proveUnderMetering is CaseTest {
    /// @dev A channel with one settled request of 500 tokens.
    function _settled() private returns (bytes32 channelId) {
        channelId = _openChannel(payer.addr, address(0), 1 ether);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](1);
        rows[0] = _voucher(payer, "key");
        escrow.claim(ref(), rows);
        assertEq(escrow.channel(channelId).settledRequests, 1, "settled requests");
        assertEq(escrow.channel(channelId).settledTokens, 500, "settled tokens");
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
        manager.proveUnderMetering(ref(), receipt, signature_, SALT);
    }

    function _expectRefused(Receipt memory receipt, uint64 requests, uint64 tokens) private {
        bytes memory signature_ = _sign(receipt);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NoUnderMetering.selector,
                uint256(receipt.servedAt) + 2 days,
                requests,
                tokens
            )
        );
        vm.prank(reporter);
        manager.proveUnderMetering(ref(), receipt, signature_, SALT);
    }

    function _assertSlashed() private view {
        assertEq(vault.collateral(licenseId).amount, COLLATERAL / 2, "half of it");
        assertEq(uint256(registry.license(licenseId).status), uint256(LicenseStatus.Terminated));
    }

    function test_revertWhen_settlementPeriodNotOver() public {
        Receipt memory receipt = _receiptOver(_settled(), 2, 500);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        vm.warp(receipt.servedAt + 2 days);
        _expectRefused(receipt, 1, 500);
    }

    function test_revertWhen_settled() public {
        Receipt memory receipt = _receiptOver(_settled(), 1, 500);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        skip(2 days);
        _expectRefused(receipt, 1, 500);
    }

    function test_revertWhen_punishedBefore() public {
        Receipt memory receipt = _receiptOver(_settled(), 2, 500);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        skip(2 days);
        _prove(receipt);
        receipt.cumulativeRequests = 3;
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_AlreadyPunished.selector,
                keccak256(
                    abi.encode(Violation.UnderMetering, licenseId, receipt.channelId, uint64(0))
                )
            )
        );
        vm.prank(reporter);
        manager.proveUnderMetering(ref(), receipt, signature_, SALT);
    }

    function test_slashesForRequests() public {
        Receipt memory receipt = _receiptOver(_settled(), 2, 500);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        vm.warp(receipt.servedAt + 2 days + 1);
        _prove(receipt);
        _assertSlashed();
    }

    function test_slashesForTokens() public {
        Receipt memory receipt = _receiptOver(_settled(), 1, 501);
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
}
