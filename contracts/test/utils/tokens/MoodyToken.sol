// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TestToken } from "../../../src/testing/TestToken.sol";

/// @title Behaves until it is told otherwise, by the call that it is told about
contract MoodyToken is TestToken {
    enum Mood {
        Good,
        Revert,
        RevertMegabytes,
        BurnGas,
        ReturnMegabytes,
        SayFalse
    }

    error MoodyToken_NotNow();

    mapping(bytes4 selector => Mood) public moods;

    constructor() TestToken("Moody", "MOOD", 18) { }

    function setMood(bytes4 selector, Mood mood) external {
        moods[selector] = mood;
    }

    modifier moody() {
        Mood mood = moods[msg.sig];
        require(mood != Mood.Revert, MoodyToken_NotNow());
        if (mood == Mood.BurnGas) {
            while (true) { }
        }
        if (mood == Mood.RevertMegabytes) {
            assembly ("memory-safe") {
                revert(0, 300000)
            }
        }
        // Without moving anything, as tokens do that never revert.
        if (mood == Mood.SayFalse) {
            assembly ("memory-safe") {
                mstore(0, 0)
                return(0, 32)
            }
        }
        _;
        if (mood == Mood.ReturnMegabytes) {
            // The first word says true; the rest is there to be copied.
            assembly ("memory-safe") {
                let free := mload(0x40)
                mstore(free, 1)
                return(free, 300000)
            }
        }
    }

    function transfer(address to, uint256 amount) public override moody returns (bool) {
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount)
        public
        override
        moody
        returns (bool)
    {
        return super.transferFrom(from, to, amount);
    }

    function balanceOf(address account) public view override returns (uint256) {
        Mood mood = moods[msg.sig];
        require(mood != Mood.Revert, MoodyToken_NotNow());
        if (mood == Mood.BurnGas) {
            while (true) { }
        }
        if (mood == Mood.ReturnMegabytes) {
            uint256 has = super.balanceOf(account);
            assembly ("memory-safe") {
                let free := mload(0x40)
                mstore(free, has)
                return(free, 300000)
            }
        }
        return super.balanceOf(account);
    }
}
