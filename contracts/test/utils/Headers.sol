// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Headers of blocks, field by field
library Headers {
    /// @dev Places in the list that tests name.
    uint256 internal constant BLOOM = 6;
    uint256 internal constant DIFFICULTY = 7;
    uint256 internal constant NUMBER = 8;
    uint256 internal constant EXTRA_DATA = 12;
    uint256 internal constant MIX_HASH = 13;
    uint256 internal constant NONCE = 14;
    /// @dev Since Prague; the last is the hash of requests.
    uint256 internal constant COUNT = 21;

    /// @dev A header as Ethereum's are since Prague, in RLP. What no test is about is filled by
    /// hashing, so that it costs what a full block's does.
    function make(uint256 number, bytes32 mixHash) internal pure returns (bytes memory) {
        return list(fields(number, mixHash));
    }

    /// @dev Its fields, each in RLP.
    function fields(uint256 number, bytes32 mixHash) internal pure returns (bytes[] memory all) {
        all = new bytes[](COUNT);
        for (uint256 i; i < 6; ++i) {
            all[i] = text(abi.encodePacked(filling(i)));
        }
        all[2] = text(abi.encodePacked(bytes20(filling(2))));
        bytes memory bloom;
        for (uint256 i; i < 8; ++i) {
            bloom = bytes.concat(bloom, filling(100 + i));
        }
        all[BLOOM] = text(bloom);
        all[DIFFICULTY] = scalar(0);
        all[NUMBER] = scalar(number);
        all[9] = scalar(60_000_000);
        all[10] = scalar(31_415_926);
        all[11] = scalar(1_800_000_000);
        all[EXTRA_DATA] = text("a builder's name");
        all[MIX_HASH] = text(abi.encodePacked(mixHash));
        all[NONCE] = text(new bytes(8));
        all[15] = scalar(1_234_567_890);
        all[16] = text(abi.encodePacked(filling(16)));
        all[17] = scalar(6 * 131_072);
        all[18] = scalar(0);
        all[19] = text(abi.encodePacked(filling(19)));
        all[20] = text(abi.encodePacked(filling(20)));
    }

    function filling(uint256 field) internal pure returns (bytes32) {
        return keccak256(abi.encode("header", field));
    }

    /// @dev A string in RLP.
    function text(bytes memory content) internal pure returns (bytes memory) {
        if (content.length == 1 && uint8(content[0]) < 0x80) return content;
        return bytes.concat(prefix(content.length, 0x80), content);
    }

    /// @dev A number in RLP: without zeros at the front.
    function scalar(uint256 value) internal pure returns (bytes memory) {
        uint256 length;
        while (length < 32 && value >> 8 * length != 0) ++length;
        bytes memory content = new bytes(length);
        for (uint256 i; i < length; ++i) {
            content[i] = bytes1(uint8(value >> 8 * (length - 1 - i)));
        }
        return text(content);
    }

    /// @dev A list in RLP of what is in RLP already.
    function list(bytes[] memory items) internal pure returns (bytes memory) {
        bytes memory content;
        for (uint256 i; i < items.length; ++i) {
            content = bytes.concat(content, items[i]);
        }
        return bytes.concat(prefix(content.length, 0xc0), content);
    }

    function prefix(uint256 length, uint8 base) internal pure returns (bytes memory) {
        if (length < 56) return abi.encodePacked(uint8(base + length));
        if (length < 256) return abi.encodePacked(uint8(base + 56), uint8(length));
        return abi.encodePacked(uint8(base + 57), uint16(length));
    }
}
