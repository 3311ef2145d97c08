// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CaseCourt } from "./challenge/CaseCourt.sol";
import { CaseSteps } from "./challenge/CaseSteps.sol";
import { ChallengeBase } from "./challenge/ChallengeBase.sol";
import { ProofJudge } from "./challenge/ProofJudge.sol";
import { IChallengeManager } from "./interfaces/IChallengeManager.sol";
import { IPaymentEscrow } from "./interfaces/IPaymentEscrow.sol";
import { IProverRegistry } from "./interfaces/IProverRegistry.sol";
import { CaseRef, Drawn } from "./libraries/Types.sol";

/// @title The only place that decides and slashes
/// @notice Immutable: no owner, no upgrade, no pause. See `IChallengeManager`.
contract ChallengeManager is ProofJudge, CaseSteps {
    /// @notice Code of the second half of a case, fixed at deployment and run on this contract's
    /// storage.
    address public immutable court;

    constructor(
        address registry_,
        address vault_,
        address escrow_,
        address provers_,
        address beacon_,
        Config memory config_
    ) ChallengeBase(registry_, vault_, escrow_, provers_, beacon_, config_) {
        _validate(config_, IProverRegistry(provers_).minStake());
        court = address(new CaseCourt(registry_, vault_, escrow_, provers_, beacon_, config_));
    }

    /// @inheritdoc IChallengeManager
    function openLeaves(CaseRef calldata, Drawn calldata, LeafOpening calldata) external {
        _delegate();
    }

    /// @inheritdoc IChallengeManager
    function rebut(
        CaseRef calldata,
        Drawn calldata,
        Outcome calldata,
        bytes32[] calldata,
        uint16,
        IPaymentEscrow.ClaimRow calldata
    ) external {
        _delegate();
    }

    /// @inheritdoc IChallengeManager
    function resolve(CaseRef calldata, Drawn calldata, bytes32, Outcome calldata) external {
        _delegate();
    }

    /// @dev The same call, by the code of `court`; returns or reverts with its answer.
    function _delegate() private {
        address code = court;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}
