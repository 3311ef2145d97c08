// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Vm } from "./Vm.sol";

/// @title Notes how many bytes of each price a call's data has, for the floors of
/// `scripts/gas-floor.py`
library Calldata {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev Written to `tooling/snapshots/Calldata.json` under the name of the measured call.
    function note(string memory name, bytes memory data) internal {
        uint256 zero;
        for (uint256 i; i < data.length; ++i) {
            if (data[i] == 0) ++zero;
        }
        VM.snapshotValue("Calldata", string.concat(name, ": zero bytes"), zero);
        VM.snapshotValue("Calldata", string.concat(name, ": other bytes"), data.length - zero);
    }
}
