// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { RowPage } from "../../src/libraries/RowPage.sol";
import { TermsLib } from "../../src/libraries/TermsLib.sol";
import { LicenseRef, Terms } from "../../src/libraries/Types.sol";
import { Vouchers } from "../../src/libraries/Vouchers.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @dev What is hashed where it lies must be what an encoder would have made.
contract RowPageFuzz is LicensingTest {
    struct Read {
        bytes32 channelId;
        address signer;
        bool fits;
        uint256 price;
        uint256 expectedPrice;
        bytes32 digest;
    }

    function read(
        bytes32 licenseId,
        bytes32 domain,
        Terms calldata terms,
        IPaymentEscrow.ClaimRow calldata row
    ) external view returns (Read memory r) {
        uint256 page = RowPage.open(address(this), licenseId, domain, terms);
        // What a row leaves behind must not reach the next one.
        RowPage.digest(page, RowPage.load(page, row));
        r.channelId = RowPage.load(page, row);
        r.signer = RowPage.signer(page);
        (r.fits, r.price) = RowPage.price(page);
        r.expectedPrice = TermsLib.price(terms, row.cumulativeRequests, row.cumulativeTokens);
        r.digest = RowPage.digest(page, r.channelId);
    }

    function testFuzz_rowIsReadAsEncoded(
        bytes32 licenseId,
        bytes32 domain,
        uint128 perRequest,
        uint128 perThousandTokens,
        IPaymentEscrow.ClaimRow memory row
    ) public view {
        Terms memory terms = _terms();
        (terms.pricePerRequest, terms.pricePerThousandTokens) = (perRequest, perThousandTokens);
        Read memory r = this.read(licenseId, domain, terms, row);
        assertEq(
            r.channelId,
            Vouchers.channelId(address(this), licenseId, row.payer, row.signer, row.salt),
            "channel"
        );
        assertEq(r.signer, row.signer == address(0) ? row.payer : row.signer, "signer");
        assertTrue(r.fits, "typed units fit");
        assertEq(r.price, r.expectedPrice, "price");
        bytes32 structHash = Vouchers.structHash(
            r.channelId,
            row.cumulativeAmount,
            row.cumulativeRequests,
            row.cumulativeTokens,
            row.requestHash
        );
        assertEq(r.digest, keccak256(abi.encodePacked(hex"1901", domain, structHash)), "digest");
    }

    function testFuzz_offerIdIsThatOfTheEncoding(Terms memory terms) public view {
        assertEq(
            registry.offerIdOf(terms),
            keccak256(abi.encode(block.chainid, address(registry), terms)),
            "offer"
        );
    }

    /// @dev Royalties anywhere else than right behind the other terms would be hashed as something
    /// else.
    function test_revertWhen_termsAreNotCanonical() public view {
        // An empty list behind the real one, and the offset moved there.
        bytes memory data =
            abi.encodePacked(abi.encodeCall(registry.offerIdOf, (_terms())), bytes32(0));
        uint256 offset = 28 * 32 + 32 + 64;
        uint256 place = 4 + 32 + 28 * 32 - 2;
        data[place] = bytes1(uint8(offset >> 8));
        data[place + 1] = bytes1(uint8(offset));
        (bool ok, bytes memory reason) = address(registry).staticcall(data);
        assertFalse(ok);
        assertEq(
            reason, abi.encodeWithSelector(TermsLib.Terms_NotCanonical.selector, offset), "reason"
        );
    }

    /// @dev The escrow reads terms without looking for dirty bits, because other terms are those of
    /// another license: no flipped bit of any word may bring anybody money.
    function testFuzz_otherTermsPayNothing(uint8 word, uint8 bit) public {
        (LicenseRef memory ref,) = _active();
        _channel(ref);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](1);
        rows[0] = _row(ref, 1 ether, 1, 1);
        bytes memory data = abi.encodeCall(escrow.claim, (ref, rows));
        (uint256 hostBefore, uint256 ownerBefore, uint256 parentBefore) = _credits();
        // Two words of offsets, then the reference with the offset of the terms, host and nonce,
        // then the terms.
        uint256 place = 4 + (2 + 3 + bound(word, 0, 29)) * 32;
        assembly ("memory-safe") {
            place := add(add(data, 0x20), place)
            mstore(place, xor(mload(place), shl(bit, 1)))
        }
        (bool ok, bytes memory answer) = address(escrow).call(data);
        if (ok) assertEq(abi.decode(answer, (uint128)), 0, "paid");
        // What the license's fee brought, and nothing more.
        (uint256 toHost, uint256 toOwner, uint256 toParent) = _credits();
        assertEq(toHost, hostBefore, "host");
        assertEq(toOwner, ownerBefore, "owner");
        assertEq(toParent, parentBefore, "parent");
        // Untouched, the same data pays.
        assembly ("memory-safe") {
            mstore(place, xor(mload(place), shl(bit, 1)))
        }
        (ok, answer) = address(escrow).call(data);
        assertTrue(ok, "claim");
        assertEq(abi.decode(answer, (uint128)), 1 ether, "claimed");
    }

    function _credits() private view returns (uint256, uint256, uint256) {
        address currency = address(token);
        return (
            escrow.balanceOf(currency, host.addr),
            escrow.balanceOf(currency, owner.addr),
            escrow.balanceOf(currency, parentOwner.addr)
        );
    }

    /// @dev A row with bits outside of its types is a bad row like any other: it must not revert
    /// its batch.
    function testFuzz_dirtyRowBlocksNoOther(uint8 field, uint8 bit) public {
        (LicenseRef memory ref,) = _active();
        _channel(ref);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](2);
        rows[0] = _row(ref, 1 ether, 1, 1);
        rows[1] = _row(ref, 2 ether, 2, 2);
        bytes memory data = abi.encodeCall(escrow.claim, (ref, rows));
        // Words of a row whose type is narrower: payer, signer, amount, requests, tokens.
        uint8[5] memory words = [0, 1, 3, 4, 5];
        uint8[5] memory widths = [160, 160, 128, 64, 64];
        field = uint8(bound(field, 0, 4));
        bit = uint8(bound(bit, widths[field], 255));
        // The rows are the last thing in the data; the first of two equal ones starts at twice
        // their size.
        uint256 size = 8 * 32 + 32 + 96;
        uint256 start = data.length - 2 * size + uint256(words[field]) * 32;
        data[start + 31 - bit / 8] |= bytes1(uint8(1 << (bit % 8)));
        (bool ok, bytes memory answer) = address(escrow).call(data);
        assertTrue(ok, "the batch goes through");
        assertEq(abi.decode(answer, (uint128)), 2 ether, "the good row is taken");
    }
}
