// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseRef, NATIVE, Terms } from "../../src/libraries/Types.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @dev Whatever the registry accepts can be lived through to the end.
contract TermsFuzz is LicensingTest {
    struct Input {
        uint128 licenseFee;
        uint128 collateral;
        uint128 pricePerRequest;
        uint16 ownerShareBps;
        uint16 minCollateralRatioBps;
        uint40 duration;
        uint40 deliveryPeriod;
        uint40 trialPeriod;
        uint40 settlementPeriod;
        uint40 thawPeriod;
        uint16 maxDeployments;
        bool rounds;
        uint8 seats;
        uint64 alphaInverse;
        bool native;
    }

    function testFuzz_acceptedTermsCanBeLivedThrough(Input memory input) public {
        Terms memory terms = _valid(input);
        (LicenseRef memory ref, bytes32 id) = _active(terms);
        uint256 balance = input.native ? host.addr.balance : token.balanceOf(host.addr);
        vm.warp(registry.license(id).deadline + 1);
        vm.startPrank(host.addr);
        vault.startThaw(ref);
        skip(terms.thawPeriod);
        vault.withdraw(ref);
        uint256 balanceAfter = input.native ? host.addr.balance : token.balanceOf(host.addr);
        assertEq(balanceAfter, balance + terms.collateral);
        vm.stopPrank();
        if (terms.trialPeriod != 0 && terms.licenseFee > 1) registry.releaseFee(ref);
        assertEq(vault.collateral(ref).amount, 0);
        address at = address(vault);
        assertEq(input.native ? at.balance : token.balanceOf(at), 0, "nothing is left");
    }

    function testFuzz_termsDecideTheOffer(Input memory input, Input memory other) public view {
        Terms memory a = _valid(input);
        Terms memory b = _valid(other);
        bool same = keccak256(abi.encode(a)) == keccak256(abi.encode(b));
        assertEq(registry.offerIdOf(a) == registry.offerIdOf(b), same);
    }

    function _valid(Input memory input) private view returns (Terms memory terms) {
        terms = _termsIn(input.native ? NATIVE : address(token));
        terms.licenseFee = uint128(bound(input.licenseFee, 0, 400_000 ether));
        terms.collateral = uint128(bound(input.collateral, 1, 500_000 ether));
        terms.pricePerRequest = input.pricePerRequest;
        terms.ownerShareBps = uint16(bound(input.ownerShareBps, 0, 10_000));
        terms.minCollateralRatioBps = uint16(bound(input.minCollateralRatioBps, 1, 65_535));
        terms.duration = uint40(bound(input.duration, 1, 3650 days));
        terms.deliveryPeriod = uint40(bound(input.deliveryPeriod, 1, 3650 days));
        terms.trialPeriod = uint40(bound(input.trialPeriod, 0, terms.duration));
        terms.settlementPeriod = uint40(bound(input.settlementPeriod, 1, 3650 days - 1));
        terms.thawPeriod = uint40(bound(input.thawPeriod, terms.settlementPeriod + 1, 3650 days));
        terms.maxDeployments = uint16(bound(input.maxDeployments, 1, 65_535));
        terms.alphaInverse = uint64(bound(input.alphaInverse, 2, type(uint64).max));
        if (!input.rounds) {
            (terms.evidenceLevels, terms.seats) = (1, 0);
            return terms;
        }
        terms.seats = uint8(8 * bound(input.seats, 1, 4));
        if (terms.pricePerRequest == 0) terms.pricePerThousandTokens = 1;
        // Rounds of these tests take two days.
        if (terms.thawPeriod <= 2 days) terms.thawPeriod = 2 days + 1;
    }
}
