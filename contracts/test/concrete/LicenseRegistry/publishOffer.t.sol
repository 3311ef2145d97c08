// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { TermsLib } from "../../../src/libraries/TermsLib.sol";
import { NATIVE, Parent, Royalty, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_publishOffer is LicensingTest {
    /// @dev Expects these terms to be refused; returns good ones to go on with.
    function _expect(Terms memory terms, bytes memory reason) private returns (Terms memory) {
        vm.expectRevert(reason);
        vm.prank(owner.addr);
        registry.publishOffer(terms);
        return _terms();
    }

    function _expectPeriod(Terms memory terms, bytes32 name, uint40 period)
        private
        returns (Terms memory)
    {
        return _expect(
            terms, abi.encodeWithSelector(TermsLib.Terms_BadPeriod.selector, name, period)
        );
    }

    function _expectBps(Terms memory terms, bytes32 name, uint16 bps)
        private
        returns (Terms memory)
    {
        return _expect(terms, abi.encodeWithSelector(TermsLib.Terms_BadBps.selector, name, bps));
    }

    function test_revertWhen_callerNotOwner() public {
        Terms memory terms = _terms();
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyTermsOwner.selector, owner.addr, stranger
            )
        );
        vm.prank(stranger);
        registry.publishOffer(terms);
    }

    function test_revertWhen_ownerNotModels() public {
        Terms memory terms = _terms();
        terms.owner = stranger;
        vm.expectRevert(
            abi.encodeWithSelector(TermsLib.Terms_WrongOwner.selector, stranger, owner.addr)
        );
        vm.prank(stranger);
        registry.publishOffer(terms);
    }

    function test_revertWhen_modelUnknown() public {
        Terms memory terms = _terms();
        terms.modelId = keccak256("unknown");
        terms = _expect(
            terms,
            abi.encodeWithSelector(TermsLib.Terms_WrongOwner.selector, owner.addr, address(0))
        );
    }

    function test_revertWhen_epochUnknown() public {
        Terms memory terms = _terms();
        terms.epoch = 1;
        terms = _expect(
            terms, abi.encodeWithSelector(TermsLib.Terms_UnknownEpoch.selector, modelId, 1)
        );
    }

    function test_revertWhen_royaltiesDiffer() public {
        Terms memory terms = _terms();
        bytes memory reason =
            abi.encodeWithSelector(TermsLib.Terms_WrongRoyalties.selector, modelId);
        terms.royalties[0].bps = PARENT_BPS - 1;
        terms = _expect(terms, reason);
        terms.royalties[0].payee = stranger;
        terms = _expect(terms, reason);
        terms.royalties = new Royalty[](2);
        (terms.royalties[0], terms.royalties[1]) =
        (Royalty(parentOwner.addr, PARENT_BPS), Royalty(stranger, 1));
        terms = _expect(terms, reason);
        terms.royalties = new Royalty[](0);
        terms = _expect(terms, reason);
    }

    function test_revertWhen_royaltiesInvented() public {
        Terms memory terms = _terms();
        vm.startPrank(parentOwner.addr);
        registry.commitUniverse(parentModel, ROOT, 16, 0);
        terms.modelId = parentModel;
        terms.owner = parentOwner.addr;
        vm.expectRevert(abi.encodeWithSelector(TermsLib.Terms_WrongRoyalties.selector, parentModel));
        registry.publishOffer(terms);
    }

    function test_revertWhen_currencyHasNoCode() public {
        Terms memory terms = _terms();
        terms.currency = stranger;
        terms = _expect(
            terms, abi.encodeWithSelector(TermsLib.Terms_NoSuchCurrency.selector, stranger)
        );
    }

    function test_revertWhen_moneyOutOfRange() public {
        Terms memory terms = _terms();
        terms.ownerShareBps = 10_001;
        terms = _expect(
            terms, abi.encodeWithSelector(TermsLib.Terms_OwnerShareTooHigh.selector, 10_001)
        );
        terms.collateral = 0;
        terms = _expect(terms, abi.encodeWithSelector(TermsLib.Terms_NoCollateral.selector));
        terms.minCollateralRatioBps = 0;
        terms = _expect(terms, abi.encodeWithSelector(TermsLib.Terms_NoCollateralRatio.selector));
        uint128 large = uint128(type(uint96).max) + 1;
        terms.collateral = large;
        terms = _expect(
            terms,
            abi.encodeWithSelector(TermsLib.Terms_TooLarge.selector, bytes32("collateral"), large)
        );
        terms.licenseFee = large;
        terms = _expect(
            terms,
            abi.encodeWithSelector(TermsLib.Terms_TooLarge.selector, bytes32("licenseFee"), large)
        );
    }

    function test_revertWhen_periodOutOfRange() public {
        Terms memory terms = _terms();
        terms.duration = 0;
        terms = _expectPeriod(terms, "duration", 0);
        terms.duration = 3650 days + 1;
        terms = _expectPeriod(terms, "duration", 3650 days + 1);
        terms.deliveryPeriod = 0;
        terms = _expectPeriod(terms, "deliveryPeriod", 0);
        terms.trialPeriod = terms.duration + 1;
        bytes memory reason = abi.encodeWithSelector(
            TermsLib.Terms_TrialTooLong.selector, terms.duration + 1, terms.duration
        );
        terms = _expect(terms, reason);
        terms.settlementPeriod = 0;
        terms = _expectPeriod(terms, "settlementPeriod", 0);
        terms.thawPeriod = type(uint40).max;
        terms = _expectPeriod(terms, "thawPeriod", type(uint40).max);
        terms.thawPeriod = terms.settlementPeriod;
        terms = _expect(
            terms, abi.encodeWithSelector(TermsLib.Terms_ThawTooShort.selector, 2 days, 2 days)
        );
        terms.maxDeployments = 0;
        terms = _expect(terms, abi.encodeWithSelector(TermsLib.Terms_NoDeployments.selector));
    }

    function test_revertWhen_levelsBad() public {
        Terms memory terms = _terms();
        uint8[4] memory bad = [0, 2, 7, 255];
        for (uint256 i = 0; i < bad.length; ++i) {
            terms.evidenceLevels = bad[i];
            terms = _expect(
                terms, abi.encodeWithSelector(TermsLib.Terms_BadEvidenceLevels.selector, bad[i])
            );
        }
    }

    /// @dev What has no price can't be used unpaid; a price that rounds to nothing is none.
    function test_revertWhen_levelTwoHasNoPrice() public {
        Terms memory terms = _terms();
        bytes memory reason = abi.encodeWithSelector(TermsLib.Terms_NoPrice.selector);
        (terms.pricePerRequest, terms.pricePerThousandTokens) = (0, 0);
        terms = _expect(terms, reason);
        (terms.pricePerRequest, terms.pricePerThousandTokens) = (1, 0);
        _publish(terms);
        (terms.pricePerRequest, terms.pricePerThousandTokens) = (0, 1);
        _publish(terms);
    }

    function _expectSeats(Terms memory terms, uint8 seats) private {
        terms.seats = seats;
        _expect(terms, abi.encodeWithSelector(TermsLib.Terms_BadSeats.selector, seats));
    }

    function test_revertWhen_seatsBad() public {
        Terms memory terms = _terms();
        uint8[8] memory bad = [0, 1, 7, 9, 12, 33, 40, 255];
        for (uint256 i = 0; i < bad.length; ++i) {
            _expectSeats(terms, bad[i]);
        }
        uint8[4] memory good = [8, 16, 24, 32];
        for (uint256 i = 0; i < good.length; ++i) {
            terms.seats = good[i];
            _publish(terms);
        }
    }

    /// @dev One hostile seat of four frames: rounds of so few stand behind nothing but a demo.
    function test_revertWhen_fourSeatsElsewhereThanLocally() public {
        Terms memory terms = _terms();
        vm.chainId(1);
        _expectSeats(terms, 4);
        vm.chainId(31_338);
        _expectSeats(terms, 4);
        vm.chainId(31_337);
        _publish(terms);
    }

    function test_revertWhen_seatsWithoutLevelTwo() public {
        Terms memory terms = _terms();
        terms.evidenceLevels = 1;
        _expectSeats(terms, 16);
        _expectSeats(terms, 4);
        terms.seats = 0;
        _publish(terms);
    }

    /// @dev Rounds of these tests take two days.
    function test_revertWhen_thawNotLongerThanARound() public {
        Terms memory terms = _terms();
        terms.settlementPeriod = 1 days;
        terms.thawPeriod = 2 days;
        _expect(
            terms,
            abi.encodeWithSelector(TermsLib.Terms_ThawShorterThanRound.selector, 2 days, 2 days)
        );
        (terms.evidenceLevels, terms.seats) = (1, 0);
        _publish(terms);
        (terms.evidenceLevels, terms.seats, terms.thawPeriod) = (5, 16, 2 days + 1);
        _publish(terms);
    }

    function test_revertWhen_slashBad() public {
        Terms memory terms = _terms();
        terms.slash.equivocationBps = 0;
        terms = _expectBps(terms, "equivocationBps", 0);
        terms.slash.underMeteringBps = 10_001;
        terms = _expectBps(terms, "underMeteringBps", 10_001);
        terms.slash.outOfTermBps = 0;
        terms = _expectBps(terms, "outOfTermBps", 0);
        terms.slash.unlicensedModelBps = 10_001;
        terms = _expectBps(terms, "unlicensedModelBps", 10_001);
        terms.slash.unpaidUseBps = 0;
        terms = _expectBps(terms, "unpaidUseBps", 0);
        terms.slash.reporterBps = 5001;
        terms = _expectBps(terms, "reporterBps", 5001);
        terms.slash.ownerBps = 5001;
        terms = _expect(
            terms, abi.encodeWithSelector(TermsLib.Terms_SlashSplitTooHigh.selector, 3000, 5001)
        );
        (terms.slash.reporterBps, terms.slash.ownerBps) = (0, 8001);
        terms = _expect(
            terms, abi.encodeWithSelector(TermsLib.Terms_SlashSplitTooHigh.selector, 0, 8001)
        );
        // The sum does not overflow.
        (terms.slash.reporterBps, terms.slash.ownerBps) = (5000, type(uint16).max);
        terms = _expect(
            terms,
            abi.encodeWithSelector(
                TermsLib.Terms_SlashSplitTooHigh.selector, 5000, type(uint16).max
            )
        );
        (terms.slash.reporterBps, terms.slash.ownerBps) = (5000, 3000);
        _publish(terms);
    }

    function test_revertWhen_alphaBad() public {
        Terms memory terms = _terms();
        for (uint64 alphaInverse; alphaInverse < 2; ++alphaInverse) {
            terms.alphaInverse = alphaInverse;
            _expect(terms, abi.encodeWithSelector(TermsLib.Terms_BadAlpha.selector, alphaInverse));
        }
        terms.alphaInverse = 2;
        _publish(terms);
    }

    /// @dev Royalties elsewhere than behind the other terms, where then any word can stand, here a
    /// huge number of rows.
    function test_revertWhen_notCanonical() public {
        Terms memory terms = _terms();
        terms.royalties = new Royalty[](0);
        bytes memory data =
            abi.encodePacked(abi.encodeCall(registry.publishOffer, (terms)), bytes32(0));
        uint256 offset = 29 * 32;
        uint256 size = 4 + 32 + 27 * 32;
        assembly ("memory-safe") {
            let place := add(add(data, 0x20), size)
            mstore(place, offset)
            mstore(add(place, 0x20), shl(200, 1))
        }
        vm.prank(owner.addr);
        (bool ok, bytes memory reason) = address(registry).call(data);
        assertFalse(ok);
        assertEq(
            reason, abi.encodeWithSelector(TermsLib.Terms_NotCanonical.selector, offset), "reason"
        );
    }

    /// @dev A bit outside of its type in any word, those of the royalties included.
    function testFuzz_dirtyWordsAreRefused(uint8 word, uint8 bit) public {
        bytes memory data = abi.encodeCall(registry.publishOffer, (_terms()));
        uint256 index = bound(word, 1, 30);
        // The widest type is an address; the royalties' offset and number are no terms.
        if (index == 27 || index == 28) index = 29;
        uint256 place = 4 + 32 + index * 32;
        uint256 flipped = uint256(1) << bound(bit, 160, 255);
        assembly ("memory-safe") {
            place := add(add(data, 0x20), place)
            mstore(place, xor(mload(place), flipped))
        }
        vm.prank(owner.addr);
        (bool ok,) = address(registry).call(data);
        assertFalse(ok);
    }

    function test_revertWhen_open() public {
        Terms memory terms = _terms();
        _publish(terms);
        terms = _expect(
            terms,
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OfferExists.selector, registry.offerIdOf(terms)
            )
        );
    }

    function test_publishes() public {
        Terms memory terms = _terms();
        bytes32 expected = keccak256(abi.encode(block.chainid, address(registry), terms));
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.OfferPublished(expected, modelId, owner.addr, terms);
        vm.prank(owner.addr);
        bytes32 offerId = registry.publishOffer(terms);
        assertEq(offerId, expected);
        assertEq(registry.offerIdOf(terms), expected);
        assertTrue(registry.isOfferOpen(expected));
    }

    function test_publishesExtremes() public {
        Terms memory terms = _terms();
        terms.currency = NATIVE;
        terms.ownerShareBps = 10_000;
        terms.licenseFee = 0;
        terms.pricePerRequest = 0;
        terms.pricePerThousandTokens = 0;
        terms.evidenceLevels = 1;
        terms.seats = 0;
        terms.alphaInverse = type(uint64).max;
        terms.slash.reporterBps = 5000;
        terms.slash.ownerBps = 3000;
        terms.duration = 3650 days;
        _publish(terms);
        assertTrue(registry.isOfferOpen(registry.offerIdOf(terms)));
    }

    /// @dev As much money, and as long, as the types of the books allow; level 2 alone.
    function test_publishesTheLargest() public {
        Terms memory terms = _terms();
        (terms.collateral, terms.licenseFee) = (type(uint96).max, type(uint96).max);
        terms.trialPeriod = terms.duration;
        (terms.settlementPeriod, terms.thawPeriod) = (3650 days - 1, 3650 days);
        terms.slash.unlicensedModelBps = 10_000;
        terms.evidenceLevels = 4;
        _publish(terms);
        assertTrue(registry.isOfferOpen(registry.offerIdOf(terms)));
    }

    function test_publishesAgain() public {
        Terms memory terms = _terms();
        _publish(terms);
        vm.prank(owner.addr);
        registry.withdrawOffer(terms);
        _publish(terms);
        assertTrue(registry.isOfferOpen(registry.offerIdOf(terms)));
    }

    function test_publishesWithoutParents() public {
        Terms memory terms = _terms();
        vm.prank(owner.addr);
        bytes32 orphan = registry.registerModel(keccak256("orphan"), METADATA, new Parent[](0));
        vm.prank(owner.addr);
        registry.commitUniverse(orphan, ROOT, 16, 0);
        terms.modelId = orphan;
        terms.royalties = new Royalty[](0);
        _publish(terms);
        assertTrue(registry.isOfferOpen(registry.offerIdOf(terms)));
    }

    /// @dev What is published is read by everybody's decoder, so no word may have bits that its
    /// type has not.
    function test_revertWhen_wordDirty() public {
        Terms memory terms = _terms();
        bytes memory clean = abi.encodeCall(registry.publishOffer, (terms));
        // Words of the terms: the first is a full word; so is none of the others, up to the
        // royalties' offset.
        for (uint256 word = 1; word < 26; ++word) {
            bytes memory dirty = bytes.concat(clean);
            // Four bytes of selector, one word of offset; the highest byte of each word.
            dirty[4 + 32 + 32 * word] = 0x80;
            vm.prank(owner.addr);
            (bool ok,) = address(registry).call(dirty);
            assertFalse(ok, "a dirty word was taken");
        }
        vm.prank(owner.addr);
        (bool taken,) = address(registry).call(clean);
        assertTrue(taken, "the clean terms");
    }

    /// @dev The event is what an encoder would write.
    function test_announcesTheTerms() public {
        Terms memory terms = _terms();
        bytes32 id = registry.offerIdOf(terms);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.OfferPublished(id, modelId, owner.addr, terms);
        _publish(terms);
    }
}
