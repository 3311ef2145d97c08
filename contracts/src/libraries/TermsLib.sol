// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EfficientHashLib } from "solady/utils/EfficientHashLib.sol";

import { Currency } from "./Currency.sol";
import { BPS, LicenseRef, Royalty, SlashTerms, Terms } from "./Types.sol";

/// @title Identifiers of offers and licenses, and the refusal of terms that no code could enforce
library TermsLib {
    /// @notice Only `terms.owner`, who is the model's owner, may publish.
    error Terms_WrongOwner(address owner, address modelOwner);
    /// @notice The royalties are not those of the model's registration.
    error Terms_WrongRoyalties(bytes32 modelId);
    /// @notice The model has no universe of this epoch: nothing could be tested.
    error Terms_UnknownEpoch(bytes32 modelId, uint32 epoch);
    /// @notice The currency is neither native nor a contract.
    error Terms_NoSuchCurrency(address currency);
    /// @notice The owner's share is above 100 %.
    error Terms_OwnerShareTooHigh(uint16 bps);
    /// @notice A license without collateral could not be slashed.
    error Terms_NoCollateral();
    /// @notice The collateral ratio must be positive.
    error Terms_NoCollateralRatio();
    /// @notice Amounts of a license are counted in 96 bits.
    error Terms_TooLarge(bytes32 name, uint128 amount);
    /// @notice The royalties do not follow the other terms, as every encoder puts them.
    error Terms_NotCanonical(uint256 royaltiesOffset);
    /// @notice A period must be positive and at most ten years.
    error Terms_BadPeriod(bytes32 name, uint40 period);
    /// @notice The trial of a copy must end within the term.
    error Terms_TrialTooLong(uint40 trialPeriod, uint40 duration);
    /// @notice Collateral and channels must outlive the settlement period, else an unsettled use
    /// has no remedy.
    error Terms_ThawTooShort(uint40 thawPeriod, uint40 settlementPeriod);
    /// @notice At least one deployment must be allowed.
    error Terms_NoDeployments();
    /// @notice Only levels 0 (bit 0) and 2 (bit 2) are enforced, and at least one must be accepted.
    error Terms_BadEvidenceLevels(uint8 levels);
    /// @notice Level 2 punishes unpaid use; what has no price can't be used unpaid.
    error Terms_NoPrice();
    /// @notice A round has 8, 16, 24 or 32 seats, on a local chain also 4; 0 without level 2.
    error Terms_BadSeats(uint8 seats);
    /// @notice Collateral could leave before a round that was sealed in time is opened.
    error Terms_ThawShorterThanRound(uint40 thawPeriod, uint40 roundLength);
    /// @notice A share in basis points is outside of its range.
    error Terms_BadBps(bytes32 name, uint16 bps);
    /// @notice Reporter and owner together would get more than four fifths of what was slashed.
    error Terms_SlashSplitTooHigh(uint16 reporterBps, uint16 ownerBps);
    /// @notice 1/alpha must be at least 2.
    error Terms_BadAlpha(uint64 alphaInverse);

    /// @notice Longest period: keeps every sum with a block time inside `uint40`, so that nothing
    /// locks for ever.
    uint40 internal constant MAX_PERIOD = 3650 days;

    /// @notice A reporter who gains more than half of a slash has an incentive to frame.
    uint16 internal constant MAX_REPORTER_BPS = 5000;

    /// @notice A fifth at least is burned, so that whoever controls both sides of a slash loses.
    uint16 internal constant MAX_SPLIT_BPS = 8000;

    /// @dev Bytes of the static part of encoded terms; its last word is the offset of the
    /// royalties.
    uint256 private constant HEAD = 28 * 32;

    uint8 private constant KNOWN_LEVELS = 0x05;
    uint8 private constant LEVEL_2 = 0x04;

    /// @dev One hostile seat more frames, so these stand behind nothing but a demo.
    uint8 internal constant DEMO_SEATS = 4;
    /// @dev Of anvil.
    uint256 private constant LOCAL_CHAIN = 31_337;

    /// @notice Identifier of an offer of the registry, `keccak(abi.encode(chainid, registry,
    /// terms))`, see `docs/formats.md`.
    /// @dev Hashes the calldata as it came: encoding 28 words anew would cost ten times as much.
    /// Only the one layout in which encoders write terms is taken, so the hash is that of the
    /// encoding. A word with dirty high bits changes the hash to that of no offer.
    function offerId(Terms calldata terms, address registry) internal view returns (bytes32 id) {
        uint256 rows = terms.royalties.length;
        uint256 offset;
        assembly ("memory-safe") {
            offset := calldataload(add(terms, sub(HEAD, 0x20)))
            let free := mload(0x40)
            mstore(free, chainid())
            mstore(add(free, 0x20), registry)
            mstore(add(free, 0x40), 0x60)
            let size := add(add(HEAD, 0x20), shl(6, rows))
            calldatacopy(add(free, 0x60), terms, size)
            id := keccak256(free, add(size, 0x60))
        }
        require(offset == HEAD, Terms_NotCanonical(offset));
    }

    /// @notice Identifier of a license, given its offer.
    function licenseId(bytes32 offer, address host, uint96 nonce) internal pure returns (bytes32) {
        return EfficientHashLib.hash(uint256(offer), uint160(host), nonce);
    }

    /// @notice Identifier of a license; proves the terms that `ref` carries.
    function licenseId(LicenseRef calldata ref, address registry) internal view returns (bytes32) {
        return licenseId(offerId(ref.terms, registry), ref.host, ref.nonce);
    }

    /// @notice Hash by which a model remembers its royalties; zero for none.
    function royaltiesHash(Royalty[] memory royalties) internal pure returns (bytes32) {
        return royalties.length == 0 ? bytes32(0) : keccak256(abi.encode(royalties));
    }

    /// @notice Reverts with the first reason why the terms can't be enforced.
    /// @param modelOwner owner of `terms.modelId`
    /// @param lineage `royaltiesHash` of the model
    /// @param universeRoot root of `terms.epoch`, zero if there is none
    /// @param roundLength seconds from a level-2 seal to its last opening
    function validate(
        Terms calldata terms,
        address modelOwner,
        bytes32 lineage,
        bytes32 universeRoot,
        uint40 roundLength
    ) internal view {
        require(
            terms.owner == modelOwner && modelOwner != address(0),
            Terms_WrongOwner(terms.owner, modelOwner)
        );
        require(universeRoot != 0, Terms_UnknownEpoch(terms.modelId, terms.epoch));
        // The lineage has at most `MAX_PARENTS` rows, so these have too.
        require(royaltiesHash(terms.royalties) == lineage, Terms_WrongRoyalties(terms.modelId));
        _validateMoney(terms);
        _validatePeriods(terms);
        _validateLevels(terms, roundLength);
        _validateSlash(terms.slash);
        require(terms.alphaInverse >= 2, Terms_BadAlpha(terms.alphaInverse));
    }

    function _validateMoney(Terms calldata terms) private view {
        require(Currency.exists(terms.currency), Terms_NoSuchCurrency(terms.currency));
        require(terms.ownerShareBps <= BPS, Terms_OwnerShareTooHigh(terms.ownerShareBps));
        require(terms.collateral != 0, Terms_NoCollateral());
        _requireUint96("collateral", terms.collateral);
        _requireUint96("licenseFee", terms.licenseFee);
        // Reading a word refuses dirty bits, and nothing else reads these.
        terms.leakLiability;
        require(terms.minCollateralRatioBps != 0, Terms_NoCollateralRatio());
    }

    function _validatePeriods(Terms calldata terms) private pure {
        _requirePeriod("duration", terms.duration);
        _requirePeriod("deliveryPeriod", terms.deliveryPeriod);
        require(
            terms.trialPeriod <= terms.duration,
            Terms_TrialTooLong(terms.trialPeriod, terms.duration)
        );
        _requirePeriod("settlementPeriod", terms.settlementPeriod);
        _requirePeriod("thawPeriod", terms.thawPeriod);
        require(
            terms.thawPeriod > terms.settlementPeriod,
            Terms_ThawTooShort(terms.thawPeriod, terms.settlementPeriod)
        );
        require(terms.maxDeployments != 0, Terms_NoDeployments());
    }

    function _validateLevels(Terms calldata terms, uint40 roundLength) private view {
        uint8 levels = terms.evidenceLevels;
        require(levels != 0 && levels & ~KNOWN_LEVELS == 0, Terms_BadEvidenceLevels(levels));
        if (levels & LEVEL_2 == 0) {
            require(terms.seats == 0, Terms_BadSeats(terms.seats));
            // Reading a word refuses dirty bits, and nothing else reads these.
            (terms.pricePerRequest, terms.pricePerThousandTokens);
            return;
        }
        require(price(terms, 1, 1000) != 0, Terms_NoPrice());
        bool demo = terms.seats == DEMO_SEATS && block.chainid == LOCAL_CHAIN;
        require(demo || isRoundSize(terms.seats), Terms_BadSeats(terms.seats));
        require(
            terms.thawPeriod > roundLength,
            Terms_ThawShorterThanRound(terms.thawPeriod, roundLength)
        );
    }

    /// @notice Whether rounds of so many seats may stand behind money.
    function isRoundSize(uint8 seats) internal pure returns (bool) {
        return seats != 0 && seats <= 32 && seats % 8 == 0;
    }

    function _validateSlash(SlashTerms calldata slash) private pure {
        _requireSlash("equivocationBps", slash.equivocationBps);
        _requireSlash("underMeteringBps", slash.underMeteringBps);
        _requireSlash("outOfTermBps", slash.outOfTermBps);
        _requireSlash("unpaidUseBps", slash.unpaidUseBps);
        // 0: the host does not answer for it.
        require(
            slash.unlicensedModelBps <= BPS,
            Terms_BadBps("unlicensedModelBps", slash.unlicensedModelBps)
        );
        require(
            slash.reporterBps <= MAX_REPORTER_BPS, Terms_BadBps("reporterBps", slash.reporterBps)
        );
        require(
            uint256(slash.reporterBps) + slash.ownerBps <= MAX_SPLIT_BPS,
            Terms_SlashSplitTooHigh(slash.reporterBps, slash.ownerBps)
        );
    }

    function _requireUint96(bytes32 name, uint128 amount) private pure {
        require(amount <= type(uint96).max, Terms_TooLarge(name, amount));
    }

    function _requirePeriod(bytes32 name, uint40 period) private pure {
        require(period != 0 && period <= MAX_PERIOD, Terms_BadPeriod(name, period));
    }

    function _requireSlash(bytes32 name, uint16 bps) private pure {
        require(bps != 0 && bps <= BPS, Terms_BadBps(name, bps));
    }

    /// @notice What these units cost; rounded down, in the payer's favour.
    function price(Terms calldata terms, uint64 requests, uint64 tokens)
        internal
        pure
        returns (uint256)
    {
        // Units have 64 bits and prices 128.
        unchecked {
            return uint256(requests) * terms.pricePerRequest + uint256(tokens)
                * terms.pricePerThousandTokens / 1000;
        }
    }
}
