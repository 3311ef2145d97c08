// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title An account with code that does with native currency and signatures what it is told to
contract MoodyAccount {
    enum Mood {
        Good,
        Revert,
        RevertMegabytes,
        BurnGas,
        ReturnMegabytes,
        Reenter
    }

    error MoodyAccount_NotNow();

    Mood public mood;
    bool public agrees = true;
    address public target;
    bytes public data;
    bool public succeeded;
    bytes public answer;

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    function setAgrees(bool agrees_) external {
        agrees = agrees_;
    }

    function arm(address target_, bytes calldata data_) external {
        (mood, target, data) = (Mood.Reenter, target_, data_);
    }

    /// @notice Makes a call as this account.
    function act(address callee, uint256 value, bytes calldata data_)
        external
        payable
        returns (bytes memory)
    {
        (bool ok, bytes memory result) = callee.call{ value: value }(data_);
        require(ok, string(result));
        return result;
    }

    /// @dev As EIP-1271 has it.
    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return agrees ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }

    receive() external payable {
        require(mood != Mood.Revert, MoodyAccount_NotNow());
        if (mood == Mood.BurnGas) {
            while (true) { }
        }
        if (mood == Mood.RevertMegabytes) {
            assembly ("memory-safe") {
                revert(0, 300000)
            }
        }
        if (mood == Mood.ReturnMegabytes) {
            assembly ("memory-safe") {
                return(0, 300000)
            }
        }
        if (mood == Mood.Reenter) (succeeded, answer) = target.call(data);
    }
}
