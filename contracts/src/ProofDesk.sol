// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { ICollateralVault } from "./interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "./interfaces/ILicenseRegistry.sol";
import { IPaymentEscrow } from "./interfaces/IPaymentEscrow.sol";
import { IProofs } from "./interfaces/IProofs.sol";
import { LicenseRef, SlashTerms, Terms, Violation } from "./libraries/Types.sol";

/// @title Where reports of level 0 come in, and what an accepted proof does
/// @dev Part of `Proofs`.
abstract contract ProofDesk is IProofs, ReentrancyGuardTransient {
    uint8 internal constant LEVEL = 0;

    /// @dev Proofs by a revoked key are admissible for 7 days, and a report comes first.
    uint40 private constant MAX_REPORT_DELAY = 1 days;

    /// @dev Keeps every sum with a block time inside of `uint40`.
    uint40 private constant MAX_PAYOUT_DELAY = 365 days;

    /// @dev A host that is about to be convicted can have an accomplice prove something smaller: a
    /// tenth is what such a pair saves at most.
    uint16 private constant MAX_REPORTER_BPS = 1000;

    ILicenseRegistry internal immutable REGISTRY;
    ICollateralVault internal immutable VAULT;
    IPaymentEscrow internal immutable ESCROW;

    uint40 private immutable _reportDelay;
    uint40 private immutable _payoutDelay;

    /// @dev By reporter too: a copied commitment then only takes the copier's own place.
    mapping(address reporter => mapping(bytes32 commitment => uint40)) private _committedAt;
    mapping(bytes32 punishmentId => bool) private _punished;

    constructor(address registry_, address vault_, address escrow_, Config memory config_) {
        require(registry_ != address(0), Proofs_BadConfig("registry", 0));
        require(vault_ != address(0), Proofs_BadConfig("vault", 0));
        require(escrow_ != address(0), Proofs_BadConfig("escrow", 0));
        require(
            config_.reportDelay != 0 && config_.reportDelay <= MAX_REPORT_DELAY,
            Proofs_BadConfig("reportDelay", config_.reportDelay)
        );
        require(
            config_.payoutDelay <= MAX_PAYOUT_DELAY,
            Proofs_BadConfig("payoutDelay", config_.payoutDelay)
        );
        REGISTRY = ILicenseRegistry(registry_);
        VAULT = ICollateralVault(vault_);
        ESCROW = IPaymentEscrow(escrow_);
        _reportDelay = config_.reportDelay;
        _payoutDelay = config_.payoutDelay;
    }

    /// @inheritdoc IProofs
    function commitReport(bytes32 commitment) external {
        mapping(bytes32 commitment => uint40) storage committedAt = _committedAt[msg.sender];
        require(committedAt[commitment] == 0, Proofs_AlreadyCommitted(commitment));
        committedAt[commitment] = uint40(block.timestamp);
        emit ReportCommitted(commitment, msg.sender);
    }

    /// @inheritdoc IProofs
    function config() external view returns (Config memory) {
        return Config(_reportDelay, _payoutDelay);
    }

    /// @inheritdoc IProofs
    function reportCommittedAt(address reporter, bytes32 commitment)
        external
        view
        returns (uint40)
    {
        return _committedAt[reporter][commitment];
    }

    /// @dev Uses up the caller's commitment to `claimHash`.
    /// @return committedAt when it was made; @return from the end of its delay
    function _consumeReport(bytes32 claimHash, bytes32 salt)
        internal
        returns (uint40 committedAt, uint40 from)
    {
        bytes32 commitment = keccak256(abi.encode(msg.sender, claimHash, salt));
        committedAt = _committedAt[msg.sender][commitment];
        require(committedAt != 0, Proofs_NotCommitted(commitment));
        from = committedAt + _reportDelay;
        require(block.timestamp >= from, Proofs_TooEarly(from));
        delete _committedAt[msg.sender][commitment];
    }

    /// @dev Each violation of a license is punished once for each subject: a host that misbehaved
    /// once has signed many receipts that show it.
    function _punish(
        LicenseRef calldata ref,
        bytes32 licenseId,
        Violation violation,
        bytes32 subject,
        uint40 committedAt
    ) internal {
        bytes32 punishmentId = keccak256(abi.encode(violation, licenseId, subject));
        require(!_punished[punishmentId], Proofs_AlreadyPunished(punishmentId));
        _punished[punishmentId] = true;

        SlashTerms calldata terms = ref.terms.slash;
        REGISTRY.terminateFor(licenseId);
        (uint128 slashed, uint128 toReporter, uint128 toOwner) = VAULT.slash(
            ref,
            ICollateralVault.Slash({
                bps: _slashBps(terms, violation),
                reporter: msg.sender,
                reporterBps: terms.reporterBps < MAX_REPORTER_BPS
                    ? terms.reporterBps
                    : MAX_REPORTER_BPS,
                ownerBps: terms.ownerBps,
                payoutDelay: _payoutDelay,
                committedAt: committedAt
            })
        );
        emit ProofAccepted(violation, licenseId, msg.sender, slashed, toReporter, toOwner);
    }

    /// @dev The license of a report accepts this level of evidence.
    function _requireLevel(Terms calldata terms) internal pure {
        require(terms.evidenceLevels >> LEVEL & 1 != 0, Proofs_LevelNotAccepted(LEVEL));
    }

    function _slashBps(SlashTerms calldata slash, Violation violation)
        private
        pure
        returns (uint16)
    {
        if (violation == Violation.Equivocation) return slash.equivocationBps;
        if (violation == Violation.UnderMetering) return slash.underMeteringBps;
        if (violation == Violation.OutOfTerm) return slash.outOfTermBps;
        return slash.unlicensedModelBps;
    }
}
