// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TermsLib } from "../../../src/libraries/TermsLib.sol";
import { LicenseRef, Terms } from "../../../src/libraries/Types.sol";
import { Vouchers } from "../../../src/libraries/Vouchers.sol";
import { TestBase } from "../../utils/TestBase.sol";

/// @dev Identifiers and vouchers against the golden values that Rust reads too.
contract IdentifiersTest is TestBase {
    function offerId(Terms calldata terms, address registry) external view returns (bytes32) {
        return TermsLib.offerId(terms, registry);
    }

    function licenseId(LicenseRef calldata ref, address registry) external view returns (bytes32) {
        return TermsLib.licenseId(ref, registry);
    }

    function isSignedBy(address signer, bytes32 digest, bytes calldata signature_)
        external
        view
        returns (bool)
    {
        return Vouchers.isSignedBy(signer, digest, signature_);
    }

    function test_offersAndLicenses() public {
        string memory json = vectors("hashes");
        vm.chainId(vm.parseJsonUint(json, ".chainId"));
        address registry = vm.parseJsonAddress(json, ".registry");
        bytes[] memory terms = vm.parseJsonBytesArray(json, ".terms");
        bytes32[] memory offers = vm.parseJsonBytes32Array(json, ".offerId");
        assertEq(terms.length, offers.length);
        assertGt(terms.length, 0);
        for (uint256 i = 0; i < terms.length; ++i) {
            assertEq(this.offerId(abi.decode(terms[i], (Terms)), registry), offers[i]);
        }

        LicenseRef memory ref = LicenseRef({
            terms: abi.decode(terms[1], (Terms)),
            host: vm.parseJsonAddress(json, ".host"),
            nonce: uint96(vm.parseJsonUint(json, ".nonce"))
        });
        assertEq(this.licenseId(ref, registry), vm.parseJsonBytes32(json, ".licenseId"));
    }

    function test_channel() public {
        string memory json = vectors("hashes");
        vm.chainId(vm.parseJsonUint(json, ".chainId"));
        bytes32 expected = vm.parseJsonBytes32(json, ".channelId");
        bytes32 channelId = Vouchers.channelId(
            vm.parseJsonAddress(json, ".escrow"),
            vm.parseJsonBytes32(json, ".licenseId"),
            vm.parseJsonAddress(json, ".payer"),
            vm.parseJsonAddress(json, ".signer"),
            vm.parseJsonBytes32(json, ".salt")
        );
        assertEq(channelId, expected);
    }

    function test_vouchers() public view {
        string memory json = vectors("eip712");
        bytes32 separator = vm.parseJsonBytes32(json, ".escrowSeparator");
        address signer = vm.parseJsonAddress(json, ".signer");
        bytes32[] memory channels = vm.parseJsonBytes32Array(json, ".voucherChannelId");
        bytes32[] memory digests = vm.parseJsonBytes32Array(json, ".voucherDigest");
        bytes[] memory signatures = vm.parseJsonBytesArray(json, ".voucherSignature");
        assertGt(channels.length, 0);
        for (uint256 i = 0; i < channels.length; ++i) {
            bytes32 structHash = Vouchers.structHash(
                channels[i],
                uint128(vm.parseJsonUintArray(json, ".voucherCumulativeAmount")[i]),
                uint64(vm.parseJsonUintArray(json, ".voucherCumulativeRequests")[i]),
                uint64(vm.parseJsonUintArray(json, ".voucherCumulativeTokens")[i]),
                vm.parseJsonBytes32Array(json, ".voucherRequestHash")[i]
            );
            bytes32 digest = keccak256(abi.encodePacked(hex"1901", separator, structHash));
            assertEq(digest, digests[i]);
            assertTrue(this.isSignedBy(signer, digest, signatures[i]));
            assertFalse(this.isSignedBy(address(this), digest, signatures[i]));
        }
    }

    function test_nobodySigns() public view {
        assertFalse(this.isSignedBy(address(0), bytes32(0), new bytes(65)));
    }
}
