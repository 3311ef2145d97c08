// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { Receipts } from "../../src/libraries/Receipts.sol";
import { Receipt, Violation } from "../../src/libraries/Types.sol";
import { CoreTest } from "./CoreTest.sol";

/// @title Receipts of the host, a payer with a channel, and reports up to their proof
abstract contract ProofTest is CoreTest {
    bytes32 internal constant SALT = keccak256("report salt");
    bytes32 internal constant CHANNEL = keccak256("channel");
    uint40 internal constant REPORT_DELAY = 60;

    Account internal payer;

    function setUp() public virtual override {
        super.setUp();
        payer = makeAccount("payer");
        _fund(payer.addr);
    }

    function _commitReport(address by, bytes32 claimHash) internal {
        vm.prank(by);
        proofs.commitReport(keccak256(abi.encode(by, claimHash, SALT)));
    }

    /// @dev Commits to the proof of a receipt and waits for the delay.
    function _reportProof(address by, Violation violation, Receipt memory receipt) internal {
        _commitReport(
            by, keccak256(abi.encode(violation, licenseId, proofs.receiptDigest(receipt)))
        );
        skip(REPORT_DELAY);
    }

    function _receipt(uint64 seq) internal view returns (Receipt memory) {
        return Receipt({
            licenseId: licenseId,
            keyEpoch: 0,
            channelId: CHANNEL,
            seq: seq,
            cumulativeRequests: seq,
            cumulativeTokens: seq * 100,
            servedAt: uint64(block.timestamp),
            requestHash: keccak256("request"),
            responseHash: keccak256("response")
        });
    }

    function _sign(Receipt memory receipt) internal view returns (bytes memory) {
        return signature(serving.key, proofs.receiptDigest(receipt));
    }

    function _openChannel(address from, address signer, uint128 amount)
        internal
        returns (bytes32 channelId)
    {
        vm.prank(from);
        channelId = escrow.openChannel(ref(), signer, 0, amount);
    }

    /// @dev A voucher for one request with the prompt of `keyHash`, at five times the price.
    function _voucher(Account memory from, bytes32 keyHash)
        internal
        view
        returns (IPaymentEscrow.ClaimRow memory row)
    {
        row.payer = from.addr;
        row.cumulativeAmount = 0.01 ether;
        row.cumulativeRequests = 1;
        row.cumulativeTokens = 500;
        row.requestHash = Receipts.requestHash(modelId, keyHash);
        _signRow(row, from.key);
    }

    function _signRow(IPaymentEscrow.ClaimRow memory row, uint256 key) internal view {
        bytes32 channelId = escrow.channelIdOf(licenseId, row.payer, row.signer, row.salt);
        bytes32 digest = escrow.voucherDigest(
            channelId,
            row.cumulativeAmount,
            row.cumulativeRequests,
            row.cumulativeTokens,
            row.requestHash
        );
        row.signature = signature(key, digest);
    }
}
