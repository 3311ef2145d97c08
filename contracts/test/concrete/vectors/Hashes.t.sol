// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseRegistry } from "../../../src/LicenseRegistry.sol";
import { Receipts } from "../../../src/libraries/Receipts.sol";
import { TermsLib } from "../../../src/libraries/TermsLib.sol";
import { Parent, Terms } from "../../../src/libraries/Types.sol";
import { Vouchers } from "../../../src/libraries/Vouchers.sol";
import { VectorTest } from "./VectorTest.sol";

contract HashVectors is VectorTest {
    function setUp() public {
        _load("hashes");
        vm.chainId(_number("chainId"));
    }

    function test_modelId() public {
        address any = address(this);
        address registry = _address("registry");
        vm.etch(registry, address(new LicenseRegistry(any, any, any, any, any)).code);
        vm.prank(_address("owner"));
        bytes32 id = LicenseRegistry(registry)
            .registerModel(_word("weightsHash"), _word("metadataHash"), new Parent[](0));
        assertEq(id, _word("modelId"), "model id");
    }

    function test_offerAndLicenseIds() public view {
        bytes[] memory terms = _bytesArray("terms");
        bytes32[] memory offerIds = _words("offerId");
        _assertFilled(offerIds.length);
        for (uint256 i; i < offerIds.length; ++i) {
            bytes32 id = this.offerId(abi.decode(terms[i], (Terms)), _address("registry"));
            assertEq(id, offerIds[i], "offer id");
        }
        assertEq(
            TermsLib.licenseId(offerIds[1], _address("host"), uint96(_number("nonce"))),
            _word("licenseId"),
            "license id"
        );
    }

    function offerId(Terms calldata terms, address registry) external view returns (bytes32) {
        return TermsLib.offerId(terms, registry);
    }

    function test_channelId() public view {
        assertEq(
            Vouchers.channelId(
                _address("escrow"),
                _word("licenseId"),
                _address("payer"),
                _address("signer"),
                _word("salt")
            ),
            _word("channelId"),
            "channel id"
        );
    }

    function test_reports() public view {
        bytes32 licenseId = _word("licenseId");
        bytes32 deployment = keccak256(bytes(_string("uri")));
        assertEq(deployment, _word("deploymentHash"), "deployment");
        uint256[] memory violations = _numbers("violation");
        bytes32[] memory claims = _words("proofClaim");
        _assertFilled(claims.length);
        for (uint256 i; i < claims.length; ++i) {
            assertEq(
                keccak256(abi.encode(uint8(violations[i]), licenseId, _word("receiptDigest"))),
                claims[i],
                "claim of a proof"
            );
        }
        assertEq(
            keccak256(abi.encode(_address("reporter"), claims[0], _word("salt"))),
            _word("report"),
            "report"
        );
    }

    function test_keysAndRequests() public view {
        string[] memory texts = _strings("text");
        bytes32[] memory keyHashes = _words("keyHash");
        bytes32[] memory requests = _words("requestHash");
        bytes32[] memory responses = _words("responseHash");
        _assertFilled(texts.length);
        for (uint256 i; i < texts.length; ++i) {
            assertEq(keccak256(bytes(texts[i])), keyHashes[i], "key hash");
            assertEq(
                Receipts.requestHash(_word("modelId"), keyHashes[i]), requests[i], "request hash"
            );
            bytes32 response = Receipts.responseHash(_tag(_strings("normalised")[i]), keyHashes[i]);
            assertEq(response, responses[i], "response hash");
        }
    }

    /// @dev The contract never normalises text: it takes tags of words that already are.
    function test_tags() public view {
        string[] memory words = _strings("normalised");
        bytes[] memory tags = _bytesArray("tag");
        _assertFilled(words.length);
        for (uint256 i; i < words.length; ++i) {
            assertEq(bytes32(_tag(words[i])), bytes32(bytes4(tags[i])), "tag");
        }
    }

    function _tag(string memory word) private pure returns (bytes4) {
        return bytes(word).length == 0 ? bytes4(0) : bytes4(keccak256(bytes(word)));
    }
}
