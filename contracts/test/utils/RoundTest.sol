// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Vm } from "./Vm.sol";
import { RoundSeats } from "./RoundSeats.sol";

/// @title Rounds up to any of their steps
abstract contract RoundTest is RoundSeats {
    /// @dev First index of words for deployments that nobody registered.
    uint8 internal constant LEAK = 64;

    /// @dev What the last opening found, as its event tells it.
    struct Found {
        bytes32 hits;
        uint16 kept;
        int64 gain;
        int64 logA;
        int64 threshold;
        bool convicted;
    }

    function _sealed(uint8 index) internal returns (Play memory p) {
        p = _planned(index, deployment);
        _seal(p);
    }

    function _drawn(uint8 index) internal returns (Play memory p) {
        p = _sealed(index);
        _draw(p);
    }

    function _answered(uint8 index, Behaviour behaviour) internal returns (Play memory p) {
        p = _drawn(index);
        _answerAll(p, behaviour);
        _toOpening(p);
    }

    function _opened(uint8 index, Behaviour behaviour) internal returns (Play memory p) {
        p = _answered(index, behaviour);
        _open(p);
    }

    /// @dev A round of a deployment that nobody registered, ready to be opened.
    function _leakAnswered(uint8 index, Behaviour behaviour) internal returns (Play memory p) {
        p = _planned(index, keccak256("https://elsewhere.example"));
        _seal(p);
        _draw(p);
        _answerAll(p, behaviour);
        _toOpening(p);
    }

    /// @dev Opens and reads the event.
    function _find(IRounds.Opening memory o) internal returns (Found memory found) {
        vm.recordLogs();
        _openWith(o);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IRounds.RoundOpened.selector) continue;
            (, found.hits, found.kept, found.gain, found.logA, found.threshold, found.convicted) =
                abi.decode(logs[i].data, (uint8, bytes32, uint16, int64, int64, int64, bool));
        }
    }
}
