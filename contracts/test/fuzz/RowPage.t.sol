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
    function hashes(bytes32 licenseId, IPaymentEscrow.ClaimRow calldata row)
        external
        view
        returns (bytes32 channelId, address signer, bytes32 structHash)
    {
        uint256 page = RowPage.open(address(this), licenseId);
        channelId = RowPage.load(page, row);
        signer = RowPage.signer(page);
        structHash = RowPage.structHash(page, channelId);
    }

    function testFuzz_rowIsHashedAsEncoded(bytes32 licenseId, IPaymentEscrow.ClaimRow memory row)
        public
        view
    {
        (bytes32 channelId, address signer, bytes32 structHash) = this.hashes(licenseId, row);
        assertEq(
            channelId,
            Vouchers.channelId(address(this), licenseId, row.payer, row.signer, row.salt),
            "channel"
        );
        assertEq(signer, row.signer == address(0) ? row.payer : row.signer, "signer");
        assertEq(
            structHash,
            Vouchers.structHash(
                channelId,
                row.cumulativeAmount,
                row.cumulativeRequests,
                row.cumulativeTokens,
                row.requestHash
            ),
            "voucher"
        );
    }

    function testFuzz_offerIdIsThatOfTheEncoding(Terms memory terms) public view {
        assertEq(
            registry.offerIdOf(terms),
            keccak256(abi.encode(block.chainid, address(registry), terms)),
            "offer"
        );
    }

    /// @dev Royalties anywhere else than right behind the other terms would be hashed as something else.
    function test_revertWhen_termsAreNotCanonical() public view {
        // An empty list behind the real one, and the offset moved there.
        bytes memory data =
            abi.encodePacked(abi.encodeCall(registry.offerIdOf, (_terms())), bytes32(0));
        uint256 offset = 33 * 32 + 32 + 64;
        uint256 place = 4 + 32 + 33 * 32 - 2;
        data[place] = bytes1(uint8(offset >> 8));
        data[place + 1] = bytes1(uint8(offset));
        (bool ok, bytes memory reason) = address(registry).staticcall(data);
        assertFalse(ok);
        assertEq(
            reason, abi.encodeWithSelector(TermsLib.Terms_NotCanonical.selector, offset), "reason"
        );
    }

    /// @dev A row with bits outside of its types is a bad row like any other: it must not revert its batch.
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
        // The rows are the last thing in the data; the first of two equal ones starts at twice their size.
        uint256 size = 8 * 32 + 32 + 96;
        uint256 start = data.length - 2 * size + uint256(words[field]) * 32;
        data[start + 31 - bit / 8] |= bytes1(uint8(1 << (bit % 8)));
        (bool ok, bytes memory answer) = address(escrow).call(data);
        assertTrue(ok, "the batch goes through");
        assertEq(abi.decode(answer, (uint128)), 2 ether, "the good row is taken");
    }
}
