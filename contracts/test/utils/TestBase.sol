// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Assertions } from "./Assertions.sol";
import { Vm } from "./Vm.sol";

/// @title What every test starts from
/// @dev Cheatcodes as `vm`, assertions, labelled accounts, bounded fuzz inputs, golden vectors and
/// the hooks by which forge learns what an invariant run may call.
abstract contract TestBase is Assertions {
    /// @dev A key with its address, for whoever signs.
    struct Account {
        address addr;
        uint256 key;
    }

    /// @dev Layout known to forge.
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    // Forge prints these with -vv.
    event log(string message);
    event log_named_address(string key, address value);
    event log_named_bytes32(string key, bytes32 value);
    event log_named_int(string key, int256 value);
    event log_named_uint(string key, uint256 value);

    /// @dev Marks the contract as a test for forge.
    bool public constant IS_TEST = true;

    /// @dev Order of the secp256k1 group: keys lie strictly between 0 and it.
    uint256 internal constant SECP256K1_ORDER =
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    /// @dev EIP-2935: past block hashes as state.
    address internal constant BLOCK_HASH_HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    address[] private _targetContracts;
    address[] private _excludedContracts;
    address[] private _targetSenders;
    address[] private _excludedSenders;
    FuzzSelector[] private _targetSelectors;
    FuzzSelector[] private _excludedSelectors;

    // ---- Accounts

    /// @dev The account named `name`: the same in every run, shown by its name in traces.
    function makeAccount(string memory name) internal returns (Account memory account) {
        account.key = uint256(keccak256(bytes(name))) % (SECP256K1_ORDER - 1) + 1;
        account.addr = vm.addr(account.key);
        vm.label(account.addr, name);
    }

    function makeAddr(string memory name) internal returns (address) {
        return makeAccount(name).addr;
    }

    /// @dev 65 bytes `r ‖ s ‖ v`, as wallets return them.
    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The next call comes from `sender`, who has `balance` wei.
    function hoax(address sender, uint256 balance) internal {
        vm.deal(sender, balance);
        vm.prank(sender);
    }

    // ---- Time

    /// @dev Moves the clock by `duration` seconds.
    function skip(uint256 duration) internal {
        vm.warp(vm.getBlockTimestamp() + duration);
    }

    /// @dev Moves the chain by `count` blocks of 12 seconds.
    function mine(uint256 count) internal {
        vm.roll(vm.getBlockNumber() + count);
        skip(12 * count);
    }

    /// @dev Moves the chain by one block and fixes the hash of the block that was left, both for
    ///      `BLOCKHASH` and for the EIP-2935 history once that is installed.
    function mineWithHash(bytes32 blockHash) internal {
        uint256 number = vm.getBlockNumber();
        mine(1);
        vm.setBlockhash(number, blockHash);
        vm.store(BLOCK_HASH_HISTORY, bytes32(number % 8191), blockHash);
    }

    /// @dev Installs the EIP-2935 contract with the code given there; tests start without it.
    function installBlockHashHistory() internal {
        vm.etch(
            BLOCK_HASH_HISTORY,
            hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
        );
        vm.label(BLOCK_HASH_HISTORY, "BlockHashHistory");
    }

    // ---- Fuzz inputs

    /// @dev Maps `value` into [min, max], keeping values that already lie there and the two ends of
    /// the whole range, which fuzzers try most.
    function bound(uint256 value, uint256 min, uint256 max) internal pure returns (uint256) {
        require(min <= max, "bound: min above max");
        if (value >= min && value <= max) return value;
        uint256 size = max - min + 1;
        if (value <= 3 && size > value) return min + value;
        if (value >= type(uint256).max - 3 && size > type(uint256).max - value) {
            return max - (type(uint256).max - value);
        }
        if (value > max) {
            uint256 above = (value - max) % size;
            return above == 0 ? max : min + above - 1;
        }
        uint256 below = (min - value) % size;
        return below == 0 ? min : max - below + 1;
    }

    /// @dev Maps `value` into [min, max].
    function boundInt(int256 value, int256 min, int256 max) internal pure returns (int256) {
        require(min <= max, "bound: min above max");
        uint256 flip = 1 << 255;
        uint256 bounded = bound(uint256(value) ^ flip, uint256(min) ^ flip, uint256(max) ^ flip);
        return int256(bounded ^ flip);
    }

    /// @dev A valid private key from any input.
    function boundKey(uint256 value) internal pure returns (uint256) {
        return bound(value, 1, SECP256K1_ORDER - 1);
    }

    // ---- Golden vectors

    /// @dev Text of `tests/vectors/<name>.json`, which the Rust crates read too.
    function vectors(string memory name) internal view returns (string memory) {
        return vm.readFile(string.concat(vm.projectRoot(), "/../tests/vectors/", name, ".json"));
    }

    // ---- Invariant runs

    function targetContract(address target) internal {
        _targetContracts.push(target);
    }

    function excludeContract(address excluded) internal {
        _excludedContracts.push(excluded);
    }

    function targetSender(address sender) internal {
        _targetSenders.push(sender);
    }

    function excludeSender(address sender) internal {
        _excludedSenders.push(sender);
    }

    function targetSelector(FuzzSelector memory selector) internal {
        _targetSelectors.push(selector);
    }

    function excludeSelector(FuzzSelector memory selector) internal {
        _excludedSelectors.push(selector);
    }

    // Forge reads the lists through these names.
    function targetContracts() public view returns (address[] memory) {
        return _targetContracts;
    }

    function excludeContracts() public view returns (address[] memory) {
        return _excludedContracts;
    }

    function targetSenders() public view returns (address[] memory) {
        return _targetSenders;
    }

    function excludeSenders() public view returns (address[] memory) {
        return _excludedSenders;
    }

    function targetSelectors() public view returns (FuzzSelector[] memory) {
        return _targetSelectors;
    }

    function excludeSelectors() public view returns (FuzzSelector[] memory) {
        return _excludedSelectors;
    }
}
