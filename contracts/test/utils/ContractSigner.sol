// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title EIP-1271 signer that answers as it was told
contract ContractSigner {
    enum Answer {
        Accept,
        Refuse,
        Revert,
        BurnGas,
        ReturnMegabytes,
        ReturnShort,
        ReturnDirty
    }

    error ContractSigner_Refused();

    Answer private immutable ANSWER;

    constructor(Answer answer) {
        ANSWER = answer;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        if (ANSWER == Answer.Accept) return 0x1626ba7e;
        if (ANSWER == Answer.Refuse) return 0xffffffff;
        require(ANSWER != Answer.Revert, ContractSigner_Refused());
        if (ANSWER == Answer.BurnGas) {
            while (true) { }
        }
        if (ANSWER == Answer.ReturnMegabytes) {
            assembly ("memory-safe") {
                return(0, 100000)
            }
        }
        if (ANSWER == Answer.ReturnShort) {
            assembly ("memory-safe") {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 4)
            }
        }
        assembly ("memory-safe") {
            mstore(0, not(0))
            return(0, 32)
        }
    }
}
