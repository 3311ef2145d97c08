// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ECDSA } from "solady/utils/ECDSA.sol";

import { PaymentEscrow } from "../../../src/PaymentEscrow.sol";
import { Proofs } from "../../../src/Proofs.sol";
import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { Receipt } from "../../../src/libraries/Types.sol";
import { VectorTest } from "./VectorTest.sol";

/// @dev The real contracts, at the addresses and on the chain of the vectors.
contract Eip712Vectors is VectorTest {
    Proofs private _proofs;
    PaymentEscrow private _escrow;

    function setUp() public {
        _load("eip712");
        vm.chainId(_number("chainId"));
        address any = address(this);
        IProofs.Config memory smallest = IProofs.Config({ reportDelay: 1, payoutDelay: 1 });
        _proofs = Proofs(_address("proofs"));
        _escrow = PaymentEscrow(payable(_address("escrow")));
        vm.etch(address(_proofs), address(new Proofs(any, any, any, smallest)).code);
        vm.etch(address(_escrow), address(new PaymentEscrow(any, any)).code);
    }

    function test_receipts() public view {
        bytes32[] memory digests = _words("receiptDigest");
        bytes[] memory signatures = _bytesArray("receiptSignature");
        _assertFilled(digests.length);
        for (uint256 i; i < digests.length; ++i) {
            assertEq(_proofs.receiptDigest(_receipt(i)), digests[i], "digest");
            assertEq(ECDSA.recover(digests[i], signatures[i]), _address("signer"), "signer");
        }
    }

    function test_vouchers() public view {
        bytes32[] memory digests = _words("voucherDigest");
        bytes[] memory signatures = _bytesArray("voucherSignature");
        _assertFilled(digests.length);
        for (uint256 i; i < digests.length; ++i) {
            bytes32 digest = _escrow.voucherDigest(
                _words("voucherChannelId")[i],
                uint128(_numbers("voucherCumulativeAmount")[i]),
                uint64(_numbers("voucherCumulativeRequests")[i]),
                uint64(_numbers("voucherCumulativeTokens")[i]),
                _words("voucherRequestHash")[i]
            );
            assertEq(digest, digests[i], "digest");
            assertEq(ECDSA.recover(digests[i], signatures[i]), _address("signer"), "signer");
        }
    }

    function test_closes() public view {
        bytes32[] memory digests = _words("closeDigest");
        bytes[] memory signatures = _bytesArray("closeSignature");
        _assertFilled(digests.length);
        for (uint256 i; i < digests.length; ++i) {
            bytes32 digest = _escrow.closeDigest(
                _words("voucherChannelId")[i],
                uint128(_numbers("closeDeposited")[i]),
                uint128(_numbers("voucherCumulativeAmount")[i])
            );
            assertEq(digest, digests[i], "digest");
            assertEq(ECDSA.recover(digests[i], signatures[i]), _address("signer"), "signer");
        }
    }

    function _receipt(uint256 i) private view returns (Receipt memory) {
        return Receipt({
            licenseId: _words("receiptLicenseId")[i],
            keyEpoch: uint32(_numbers("receiptKeyEpoch")[i]),
            channelId: _words("receiptChannelId")[i],
            seq: uint64(_numbers("receiptSeq")[i]),
            cumulativeRequests: uint64(_numbers("receiptCumulativeRequests")[i]),
            cumulativeTokens: uint64(_numbers("receiptCumulativeTokens")[i]),
            servedAt: uint64(_numbers("receiptServedAt")[i]),
            requestHash: _words("receiptRequestHash")[i],
            responseHash: _words("receiptResponseHash")[i]
        });
    }
}
