// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { EfficientHashLib } from "solady/utils/EfficientHashLib.sol";

import { IBeacon } from "../interfaces/IBeacon.sol";
import { IChallengeTypes } from "../interfaces/IChallengeTypes.sol";
import { ICollateralVault } from "../interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "../interfaces/ILicenseRegistry.sol";
import { IPaymentEscrow } from "../interfaces/IPaymentEscrow.sol";
import { IProverRegistry } from "../interfaces/IProverRegistry.sol";
import { Consensus } from "../libraries/Consensus.sol";
import { Leaves } from "../libraries/Leaves.sol";
import { TermsLib } from "../libraries/TermsLib.sol";
import { LicenseRef, LicenseStatus, Terms } from "../libraries/Types.sol";

/// @title What proofs and cases share: wiring, configuration, all storage
/// @dev `ChallengeManager` runs the code of `CaseCourt` on its own storage, so every variable is
/// declared here and nowhere else: then both agree on the layout.
abstract contract ChallengeBase is IChallengeTypes, ReentrancyGuardTransient {
    uint8 internal constant CASE_LEVEL = 2;

    /// @dev Keeps every sum with a block time inside of `uint40`, so that no case freezes
    /// collateral for ever.
    uint40 private constant MAX_WINDOW = 365 days;

    /// @dev Proofs by a revoked key are admissible for 7 days, and a report comes first.
    uint40 private constant MAX_REPORT_DELAY = 1 days;

    /// @dev Questions of a case: positions are kept in one word of bits.
    uint256 internal constant MAX_QUESTIONS = 255;

    /// @dev Counting the votes of a committee that disagrees everywhere must fit into a
    /// transaction, or a few members could keep the owner from opening its leaves.
    uint8 private constant MAX_COMMITTEE = 16;

    ILicenseRegistry public immutable registry;
    ICollateralVault public immutable vault;
    IPaymentEscrow public immutable escrow;
    IProverRegistry public immutable provers;
    IBeacon public immutable beacon;

    uint40 internal immutable _reportDelay;
    uint40 internal immutable _questionsWindow;
    uint40 internal immutable _commitWindow;
    uint40 internal immutable _revealWindow;
    uint40 internal immutable _openingWindow;
    uint40 internal immutable _rebuttalWindow;
    uint40 internal immutable _payoutDelay;
    uint8 internal immutable _committeeSize;
    uint8 internal immutable _bundlesPerCase;
    uint8 internal immutable _sharedBundlesPerCase;
    uint8 internal immutable _minDecoys;
    uint128 internal immutable _nonRevealPenalty;
    uint128 internal immutable _dissentPenalty;

    /// @dev By reporter too: a copied commitment then only takes the copier's own place.
    mapping(address reporter => mapping(bytes32 commitment => uint256)) internal _committedAt;
    mapping(address currency => mapping(address account => uint256)) internal _balances;
    mapping(bytes32 punishmentId => bool) internal _punished;
    mapping(bytes32 caseId => Case) internal _cases;
    /// @dev Commitment, then hash of the revealed tags, told apart by the lowest bit; 0 before
    /// either.
    mapping(bytes32 caseId => mapping(address prover => bytes32)) internal _words;
    /// @dev Bit j: fingerprint j was removed by a rebuttal.
    mapping(bytes32 caseId => uint256) internal _removed;
    /// @dev Bit i: member i paid for the request of this fingerprint.
    mapping(bytes32 caseId => mapping(uint256 fingerprint => uint256)) internal _paidMembers;
    /// @dev The case that found the deployment to serve a license's copy without being registered.
    mapping(bytes32 deploymentHash => bytes32 caseId) internal _flags;

    constructor(
        address registry_,
        address vault_,
        address escrow_,
        address provers_,
        address beacon_,
        Config memory config_
    ) {
        require(registry_ != address(0), ChallengeManager_BadConfig("registry", 0));
        require(vault_ != address(0), ChallengeManager_BadConfig("vault", 0));
        require(escrow_ != address(0), ChallengeManager_BadConfig("escrow", 0));
        require(provers_ != address(0), ChallengeManager_BadConfig("provers", 0));
        require(beacon_ != address(0), ChallengeManager_BadConfig("beacon", 0));
        registry = ILicenseRegistry(registry_);
        vault = ICollateralVault(vault_);
        escrow = IPaymentEscrow(escrow_);
        provers = IProverRegistry(provers_);
        beacon = IBeacon(beacon_);
        _reportDelay = config_.reportDelay;
        _questionsWindow = config_.questionsWindow;
        _commitWindow = config_.commitWindow;
        _revealWindow = config_.revealWindow;
        _openingWindow = config_.openingWindow;
        _rebuttalWindow = config_.rebuttalWindow;
        _payoutDelay = config_.payoutDelay;
        _committeeSize = config_.committeeSize;
        _bundlesPerCase = config_.bundlesPerCase;
        _sharedBundlesPerCase = config_.sharedBundlesPerCase;
        _minDecoys = config_.minDecoys;
        _nonRevealPenalty = config_.nonRevealPenalty;
        _dissentPenalty = config_.dissentPenalty;
    }

    function _licenseId(LicenseRef calldata ref) internal view returns (bytes32) {
        return TermsLib.licenseId(ref, address(registry));
    }

    /// @dev Takes `bps` of the collateral and ends the license; one that has ended keeps its end.
    function _punish(LicenseRef calldata ref, bytes32 licenseId, uint16 bps, address reporter)
        internal
        returns (uint128 slashed, uint128 toReporter, uint128 toOwner)
    {
        registry.terminateFor(licenseId);
        return vault.slash(ref, bps, reporter, _payoutDelay);
    }

    /// @dev Uses up the caller's commitment to `claimHash`; returns the end of its delay.
    function _consumeReport(bytes32 claimHash, bytes32 salt) internal returns (uint40 from) {
        bytes32 commitment =
            EfficientHashLib.hash(uint160(msg.sender), uint256(claimHash), uint256(salt));
        mapping(bytes32 commitment => uint256) storage committedAt = _committedAt[msg.sender];
        uint256 committed = committedAt[commitment];
        require(committed != 0, ChallengeManager_NotCommitted(commitment));
        from = uint40(committed + _reportDelay);
        require(block.timestamp >= from, ChallengeManager_TooEarly(from));
        committedAt[commitment] = 0;
    }

    /// @dev The license of a report accepts this level of evidence.
    function _requireLevel(LicenseRef calldata ref, uint8 level) internal pure {
        _requireLevel(ref.terms, level);
    }

    function _requireLevel(Terms calldata terms, uint8 level) internal pure {
        require(
            uint256(terms.evidenceLevels) >> level & 1 != 0,
            ChallengeManager_LevelNotAccepted(level)
        );
    }

    /// @dev The license of a report was active once.
    function _requireLiable(bytes32 licenseId, LicenseStatus status) internal pure {
        require(
            status == LicenseStatus.Active || status == LicenseStatus.Terminated,
            ChallengeManager_LicenseNotLiable(licenseId, status)
        );
    }

    function _credit(address currency, address account, uint256 amount) internal {
        if (amount != 0) _balances[currency][account] += amount;
    }

    /// @dev Only `ChallengeManager` asks: the code behind it gets the same values.
    function _validate(Config memory c, uint128 minStake) internal pure {
        _requireWindow("reportDelay", c.reportDelay);
        require(
            c.reportDelay <= MAX_REPORT_DELAY,
            ChallengeManager_BadConfig("reportDelay", c.reportDelay)
        );
        _requireWindow("questionsWindow", c.questionsWindow);
        _requireWindow("commitWindow", c.commitWindow);
        _requireWindow("revealWindow", c.revealWindow);
        _requireWindow("openingWindow", c.openingWindow);
        _requireWindow("rebuttalWindow", c.rebuttalWindow);
        require(
            c.payoutDelay <= MAX_WINDOW, ChallengeManager_BadConfig("payoutDelay", c.payoutDelay)
        );
        require(
            c.committeeSize != 0 && c.committeeSize <= MAX_COMMITTEE,
            ChallengeManager_BadConfig("committeeSize", c.committeeSize)
        );
        require(c.bundlesPerCase != 0, ChallengeManager_BadConfig("bundlesPerCase", 0));
        uint256 bundles = uint256(c.bundlesPerCase) + c.sharedBundlesPerCase;
        uint256 questions = Leaves.BUNDLE * bundles + c.minDecoys;
        require(questions <= MAX_QUESTIONS, ChallengeManager_BadConfig("questions", questions));
        // Else hiding a reveal would be the cheaper way to dissent.
        require(
            c.nonRevealPenalty > c.dissentPenalty,
            ChallengeManager_BadConfig("nonRevealPenalty", c.nonRevealPenalty)
        );
        // The stake behind one membership must cover the worst of it.
        require(
            c.nonRevealPenalty <= minStake,
            ChallengeManager_BadConfig("nonRevealPenalty", c.nonRevealPenalty)
        );
        assert(2 * Consensus.quorum(c.committeeSize) > c.committeeSize);
    }

    function _requireWindow(bytes32 name, uint40 window) private pure {
        require(window != 0 && window <= MAX_WINDOW, ChallengeManager_BadConfig(name, window));
    }
}
