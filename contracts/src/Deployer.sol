// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CREATE3 } from "solady/utils/CREATE3.sol";

import { IProofs } from "./interfaces/IProofs.sol";
import { IProverRegistry } from "./interfaces/IProverRegistry.sol";
import { IRounds } from "./interfaces/IRounds.sol";

/// @title Puts the core where its code and its settings say, for anybody and on every chain
/// @notice The core's contracts know each other by immutables, in a circle, so their addresses
/// can't depend on what they are created with (CREATE2) but only on a salt (CREATE3). The salt
/// commits to everything else: the code of every contract, every setting, and, by the code of this
/// contract, how they are wired. Nobody can put anything else at these addresses, so anybody may
/// call.
/// @dev No owner and no state but the block in which a plan was begun. Itself created by CREATE2,
/// see `script/Deploy.s.sol`.
contract Deployer {
    /// @notice The contracts of the core, in the order of their deployment.
    enum Part {
        LicenseRegistry,
        CollateralVault,
        PaymentEscrow,
        ProverRegistry,
        Proofs,
        Rounds
    }

    /// @notice Everything that a deployment is made of.
    /// @param codeHashes `keccak256` of each part's creation code, without constructor arguments
    struct Plan {
        address beacon;
        IProverRegistry.Config provers;
        IProofs.Config proofs;
        IRounds.Config rounds;
        bytes32[6] codeHashes;
    }

    event Deployed(bytes32 indexed planId, Part indexed part, address place);

    /// @notice This is not the code that the plan names.
    error Deployer_WrongCode(Part part, bytes32 given, bytes32 planned);
    /// @notice The part is already there.
    error Deployer_AlreadyDeployed(Part part, address place);

    /// @dev Of plans; a new wiring is a new contract with a new domain.
    bytes32 private constant DOMAIN = keccak256("OML.deployment.v2");

    /// @notice Block of a plan's first part, 0 before: from here on there can be events.
    mapping(bytes32 planId => uint256) public startedAt;

    /// @notice Creates one part of a plan; `creationCode` is without constructor arguments.
    function deployPart(Plan calldata plan, Part part, bytes calldata creationCode)
        external
        returns (address place)
    {
        bytes32 given = keccak256(creationCode);
        bytes32 planned = plan.codeHashes[uint256(part)];
        require(given == planned, Deployer_WrongCode(part, given, planned));
        bytes32 id = planIdOf(plan);
        place = _addressOf(id, part);
        require(place.code.length == 0, Deployer_AlreadyDeployed(part, place));

        if (startedAt[id] == 0) startedAt[id] = block.number;
        emit Deployed(id, part, place);
        CREATE3.deployDeterministic(
            abi.encodePacked(creationCode, argumentsOf(plan, part)), _salt(id, part)
        );
    }

    /// @notice Address of a part, whether it is there or not.
    function addressOf(Plan calldata plan, Part part) external view returns (address) {
        return _addressOf(planIdOf(plan), part);
    }

    /// @notice Identifier of a plan: a hash of all of it.
    function planIdOf(Plan calldata plan) public pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, plan));
    }

    /// @notice The wiring: constructor arguments of a part.
    function argumentsOf(Plan calldata plan, Part part) public view returns (bytes memory) {
        bytes32 id = planIdOf(plan);
        address registry = _addressOf(id, Part.LicenseRegistry);
        address vault = _addressOf(id, Part.CollateralVault);
        address escrow = _addressOf(id, Part.PaymentEscrow);
        address provers = _addressOf(id, Part.ProverRegistry);
        address proofs = _addressOf(id, Part.Proofs);
        address rounds = _addressOf(id, Part.Rounds);

        if (part == Part.LicenseRegistry) {
            return abi.encode(vault, escrow, proofs, rounds, plan.beacon);
        }
        if (part == Part.CollateralVault) return abi.encode(registry, escrow, proofs, rounds);
        if (part == Part.PaymentEscrow) return abi.encode(registry, vault);
        if (part == Part.ProverRegistry) return abi.encode(plan.provers);
        if (part == Part.Proofs) return abi.encode(registry, vault, escrow, plan.proofs);
        return abi.encode(registry, vault, provers, plan.beacon, plan.rounds);
    }

    function _addressOf(bytes32 id, Part part) private view returns (address) {
        return CREATE3.predictDeterministicAddress(_salt(id, part));
    }

    function _salt(bytes32 id, Part part) private pure returns (bytes32) {
        return keccak256(abi.encode(id, part));
    }
}
