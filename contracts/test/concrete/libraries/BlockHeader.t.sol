// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { BlockHeader } from "../../../src/libraries/BlockHeader.sol";
import { Headers } from "../../utils/Headers.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract BlockHeaderTest is TestBase {
    bytes32 internal constant VALUE = keccak256("mix");
    uint256 internal constant NUMBER = 23_000_000;

    function read(bytes calldata header) external pure returns (uint256, bytes32) {
        return BlockHeader.read(header);
    }

    function _fields() private pure returns (bytes[] memory) {
        return Headers.fields(NUMBER, VALUE);
    }

    function _assertReads(bytes memory header, uint256 number) private view {
        (uint256 found, bytes32 mixHash) = this.read(header);
        assertEq(found, number, "number");
        assertEq(mixHash, VALUE, "mix hash");
    }

    function _badField(bytes[] memory fields, uint256 field) private {
        vm.expectRevert(abi.encodeWithSelector(BlockHeader.BlockHeader_BadField.selector, field));
        this.read(Headers.list(fields));
    }

    function _badStart(bytes[] memory fields) private {
        vm.expectRevert(BlockHeader.BlockHeader_BadStart.selector);
        this.read(Headers.list(fields));
    }

    function _badList(bytes memory header) private {
        vm.expectRevert(
            abi.encodeWithSelector(BlockHeader.BlockHeader_BadList.selector, header.length)
        );
        this.read(header);
    }

    function _list() private pure returns (bytes memory) {
        bytes[] memory items = new bytes[](1);
        items[0] = Headers.text("nested");
        return Headers.list(items);
    }

    function test_headersOfEachFork() public view {
        // The merge, London's base fee before it, then Shanghai, Cancun, Prague, and what may come.
        uint8[6] memory counts = [15, 16, 17, 20, 21, 23];
        for (uint256 i; i < counts.length; ++i) {
            bytes[] memory fields = new bytes[](counts[i]);
            bytes[] memory whole = _fields();
            for (uint256 j; j < fields.length; ++j) {
                fields[j] = j < whole.length ? whole[j] : Headers.text(new bytes(32));
            }
            _assertReads(Headers.list(fields), NUMBER);
        }
    }

    function test_numbersOfEveryLength() public view {
        uint256[8] memory numbers = [0, 1, 0x7f, 0x80, 0xff, 0x100, 2 ** 48 - 1, type(uint256).max];
        for (uint256 i; i < numbers.length; ++i) {
            _assertReads(Headers.make(numbers[i], VALUE), numbers[i]);
        }
    }

    function test_extraDataOfEveryLength() public view {
        for (uint256 length; length <= 32; ++length) {
            bytes[] memory fields = _fields();
            fields[Headers.EXTRA_DATA] = Headers.text(new bytes(length));
            _assertReads(Headers.list(fields), NUMBER);
        }
    }

    function test_revertWhen_noListOfItsLength() public {
        bytes memory header = Headers.make(NUMBER, VALUE);
        _badList("");
        _badList(hex"f9");
        _badList(bytes.concat(header, hex"00"));
        _badList(bytes.concat(header, hex"80"));
        bytes memory cut = new bytes(header.length - 1);
        for (uint256 i; i < cut.length; ++i) {
            cut[i] = header[i];
        }
        _badList(cut);
        // A string, a list with another size of length, a list around the list.
        for (uint256 first; first < 256; ++first) {
            if (first == 0xf9) continue;
            header[0] = bytes1(uint8(first));
            _badList(header);
        }
    }

    function test_revertWhen_aFieldBeforeTheNumberIsAnother() public {
        for (uint256 field; field < Headers.NUMBER; ++field) {
            bytes[] memory fields = _fields();
            bytes memory whole = fields[field];
            if (field == Headers.BLOOM) {
                // Without one, the list is too short for a header.
                fields[field] = _list();
                _badList(Headers.list(fields));
            } else {
                fields[field] = _list();
                _badStart(fields);
            }
            fields[field] = Headers.text(new bytes(whole.length));
            _badStart(fields);
        }
    }

    function test_revertWhen_aFieldBeforeTheMixHashIsAnother() public {
        for (uint256 field = Headers.NUMBER; field < Headers.MIX_HASH; ++field) {
            bytes[] memory fields = _fields();
            fields[field] = _list();
            _badField(fields, field);
            fields[field] = Headers.text(new bytes(33));
            _badField(fields, field);
            fields[field] = Headers.text(new bytes(300));
            _badField(fields, field);
        }
    }

    function test_revertWhen_mixHashOrNonceHasAnotherLength() public {
        for (uint256 field = Headers.MIX_HASH; field <= Headers.NONCE; ++field) {
            for (uint256 length; length < 40; ++length) {
                if (length == (field == Headers.NONCE ? 8 : 32)) continue;
                bytes[] memory fields = _fields();
                fields[field] = Headers.text(new bytes(length));
                _badField(fields, Headers.MIX_HASH);
                fields[field] = _list();
                _badField(fields, Headers.MIX_HASH);
            }
        }
    }

    function test_revertWhen_itEndsBeforeTheNonce() public {
        bytes[] memory whole = _fields();
        bytes[] memory start = new bytes[](Headers.NUMBER);
        for (uint256 j; j < start.length; ++j) {
            start[j] = whole[j];
        }
        _badList(Headers.list(start));
        for (uint256 count = Headers.NUMBER + 1; count <= Headers.NONCE; ++count) {
            bytes[] memory fields = new bytes[](count);
            for (uint256 j; j < count; ++j) {
                fields[j] = whole[j];
            }
            _badField(fields, count < Headers.MIX_HASH ? count : Headers.MIX_HASH);
        }
    }

    function test_revertWhen_aLaterFieldIsAnother() public {
        for (uint256 field = Headers.NONCE + 1; field < Headers.COUNT; ++field) {
            bytes[] memory fields = _fields();
            fields[field] = _list();
            _badField(fields, field);
            fields[field] = Headers.text(new bytes(56));
            _badField(fields, field);
            // Says that it is longer than the rest of the list.
            fields = _fields();
            fields[field] = hex"b7";
            if (field > 18) _badField(fields, field);
        }
    }
}
