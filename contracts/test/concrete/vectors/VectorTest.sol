// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TestBase } from "../../utils/TestBase.sol";

/// @title Reads one file of golden vectors, computed by Rust
/// @dev Equal keys of one object are columns: entry i of each belongs together.
abstract contract VectorTest is TestBase {
    string private _json;

    function _load(string memory name) internal {
        _json = vectors(name);
    }

    function _word(string memory key) internal view returns (bytes32) {
        return vm.parseJsonBytes32(_json, _path(key));
    }

    function _words(string memory key) internal view returns (bytes32[] memory) {
        return vm.parseJsonBytes32Array(_json, _path(key));
    }

    function _number(string memory key) internal view returns (uint256) {
        return vm.parseJsonUint(_json, _path(key));
    }

    function _flag(string memory key) internal view returns (bool) {
        return vm.parseJsonBool(_json, _path(key));
    }

    function _addresses(string memory key) internal view returns (address[] memory) {
        return vm.parseJsonAddressArray(_json, _path(key));
    }

    function _numbers(string memory key) internal view returns (uint256[] memory) {
        return vm.parseJsonUintArray(_json, _path(key));
    }

    function _integers(string memory key) internal view returns (int256[] memory) {
        return vm.parseJsonIntArray(_json, _path(key));
    }

    function _address(string memory key) internal view returns (address) {
        return vm.parseJsonAddress(_json, _path(key));
    }

    function _bytes(string memory key) internal view returns (bytes memory) {
        return vm.parseJsonBytes(_json, _path(key));
    }

    function _bytesArray(string memory key) internal view returns (bytes[] memory) {
        return vm.parseJsonBytesArray(_json, _path(key));
    }

    function _string(string memory key) internal view returns (string memory) {
        return vm.parseJsonString(_json, _path(key));
    }

    function _strings(string memory key) internal view returns (string[] memory) {
        return vm.parseJsonStringArray(_json, _path(key));
    }

    /// @dev A column without entries would pass every test.
    function _assertFilled(uint256 length) internal pure {
        assertGt(length, 0, "no vectors");
    }

    function _path(string memory key) private pure returns (string memory) {
        return string.concat(".", key);
    }
}
