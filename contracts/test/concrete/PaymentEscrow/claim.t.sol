// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";
import { ContractSigner } from "../../utils/ContractSigner.sol";

contract PaymentEscrow_claim is LicensingTest {
    bytes32 internal channelId;

    function _open(Terms memory terms) private returns (LicenseRef memory ref, bytes32 id) {
        (ref, id) = _active(terms);
        channelId = _channel(ref);
    }

    function _open() private returns (LicenseRef memory ref, bytes32 id) {
        return _open(_terms());
    }

    function _rejected(
        LicenseRef memory ref,
        IPaymentEscrow.ClaimRow memory row,
        IPaymentEscrow.ClaimError reason
    ) private {
        bytes32 id = escrow.channelIdOf(registry.licenseIdOf(ref), row.payer, row.signer, row.salt);
        bytes32 stateBefore = keccak256(abi.encode(escrow.channel(id)));
        _expectRejected(id, reason);
        assertEq(_claim(ref, row), 0);
        assertEq(keccak256(abi.encode(escrow.channel(id))), stateBefore);
    }

    function test_rejectsUnknownChannel() public {
        (LicenseRef memory ref,) = _active();
        _rejected(ref, _row(ref, 1 ether, 1, 0), IPaymentEscrow.ClaimError.UnknownChannel);
    }

    function test_rejectsUnknownLicense() public {
        (LicenseRef memory ref,) = _open();
        ref.nonce = 2;
        _rejected(ref, _row(ref, 1 ether, 1, 0), IPaymentEscrow.ClaimError.UnknownChannel);
    }

    function test_rejectsMadeUpTerms() public {
        (LicenseRef memory ref,) = _open();
        ref.terms.minCollateralRatioBps = 1;
        _rejected(ref, _row(ref, 1 ether, 1, 0), IPaymentEscrow.ClaimError.UnknownChannel);
    }

    /// @dev Terms that no license can have; nobody's rows are in such a batch.
    function test_revertWhen_termsHaveNoRatioOrPeriod() public {
        (LicenseRef memory ref,) = _open();
        IPaymentEscrow.ClaimRow[] memory none = new IPaymentEscrow.ClaimRow[](0);
        bytes memory divisionByZero = abi.encodeWithSignature("Panic(uint256)", 0x12);
        ref.terms.minCollateralRatioBps = 0;
        vm.expectRevert(divisionByZero);
        escrow.claim(ref, none);
        ref.terms.minCollateralRatioBps = 1;
        ref.terms.settlementPeriod = 0;
        vm.expectRevert(divisionByZero);
        escrow.claim(ref, none);
    }

    function test_rejectsNotIncreasing() public {
        (LicenseRef memory ref,) = _open();
        assertEq(_claim(ref, _row(ref, 1 ether, 10, 1000)), 1 ether);
        IPaymentEscrow.ClaimError reason = IPaymentEscrow.ClaimError.NotIncreasing;
        _rejected(ref, _row(ref, 1 ether, 10, 1000), reason);
        _rejected(ref, _row(ref, 1 ether, 11, 1001), reason);
        _rejected(ref, _row(ref, 1 ether - 1, 11, 1001), reason);
        _rejected(ref, _row(ref, 0, 0, 0), reason);
    }

    function test_claimsVouchersOfFewerUnits() public {
        (LicenseRef memory ref,) = _open();
        assertEq(_claim(ref, _row(ref, 1 ether, 10, 1000)), 1 ether);
        assertEq(_claim(ref, _row(ref, 2 ether, 9, 1001)), 1 ether);
    }

    function test_rejectsBelowPrice() public {
        (LicenseRef memory ref,) = _open();
        // 3 requests at 0.001 and 1,500 tokens at 0.002 per thousand.
        uint128 price = 0.006 ether;
        _rejected(ref, _row(ref, price - 1, 3, 1500), IPaymentEscrow.ClaimError.BelowPrice);
        assertEq(_claim(ref, _row(ref, price, 3, 1500)), price);
        // The floor is on the whole, not on the growth: early overpayment counts.
        _rejected(ref, _row(ref, price + 1, 4, 1500), IPaymentEscrow.ClaimError.BelowPrice);
    }

    function test_rejectsUnitsBeyondAnyPrice() public {
        (LicenseRef memory ref,) = _open();
        uint64 most = type(uint64).max;
        _rejected(ref, _row(ref, DEPOSIT, most, most), IPaymentEscrow.ClaimError.BelowPrice);
    }

    function test_rejectsAboveDeposit() public {
        (LicenseRef memory ref,) = _open();
        _rejected(ref, _row(ref, DEPOSIT + 1, 1, 0), IPaymentEscrow.ClaimError.ExceedsDeposit);
        assertEq(_claim(ref, _row(ref, DEPOSIT, 1, 0)), DEPOSIT);
    }

    /// @dev 100 of collateral at a ratio of 200 % cover 50 in a settlement period of 2 days.
    function _openRich() private returns (LicenseRef memory ref) {
        (ref,) = _active();
        channelId = _channel(ref, address(0), 200 ether);
        // So that a period begins now.
        vm.warp(
            (block.timestamp / ref.terms.settlementPeriod + 1) * uint256(ref.terms.settlementPeriod)
        );
    }

    function test_rejectsAboveCollateralRatio() public {
        LicenseRef memory ref = _openRich();
        IPaymentEscrow.ClaimError reason = IPaymentEscrow.ClaimError.ExceedsCollateralRatio;
        assertEq(escrow.claimable(ref), 50 ether);
        _rejected(ref, _row(ref, 50 ether + 1, 1, 0), reason);
        assertEq(_claim(ref, _row(ref, 30 ether, 1, 0)), 30 ether);
        assertEq(escrow.claimable(ref), 20 ether);
        _rejected(ref, _row(ref, 50 ether + 1, 1, 0), reason);
        assertEq(_claim(ref, _row(ref, 50 ether, 1, 0)), 20 ether);
        assertEq(escrow.claimable(ref), 0);
        _rejected(ref, _row(ref, 50 ether + 1, 1, 0), reason);
    }

    function test_rejectsAboveTheRatioOfTwoPeriods() public {
        LicenseRef memory ref = _openRich();
        assertEq(_claim(ref, _row(ref, 30 ether, 1, 0)), 30 ether);
        skip(ref.terms.settlementPeriod);
        assertEq(escrow.claimable(ref), 20 ether, "the period before still counts");
        assertEq(_claim(ref, _row(ref, 50 ether, 1, 0)), 20 ether);
        skip(ref.terms.settlementPeriod - 1);
        assertEq(escrow.claimable(ref), 0, "to the last second");
        skip(1);
        assertEq(escrow.claimable(ref), 30 ether, "the older part has settled");
        skip(ref.terms.settlementPeriod);
        assertEq(escrow.claimable(ref), 50 ether, "all has");
    }

    function test_coversByWhatIsLeftOfTheCollateral() public {
        LicenseRef memory ref = _openRich();
        _claim(ref, _row(ref, 30 ether, 1, 0));
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 5000, reporter, 0));
        assertEq(escrow.claimable(ref), 0, "30 of 25");
        vm.prank(host.addr);
        vault.topUp(ref, 150 ether);
        assertEq(escrow.claimable(ref), 70 ether, "30 of 100");
    }

    function test_rejectsRowsBeyondTheRoom() public {
        LicenseRef memory ref = _openRich();
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](3);
        rows[0] = _row(ref, 30 ether, 1, 0);
        rows[1] = _row(ref, 51 ether, 1, 0);
        rows[2] = _row(ref, 50 ether, 1, 0);
        _expectRejected(channelId, IPaymentEscrow.ClaimError.ExceedsCollateralRatio);
        assertEq(escrow.claim(ref, rows), 50 ether);
    }

    function test_rejectsWhenCollateralIsGoneUntilTheLicenseIsOver() public {
        LicenseRef memory ref = _openRich();
        bytes32 id = _id(ref);
        vm.startPrank(proofs);
        registry.terminateFor(id);
        vault.slash(ref, _how(ref, 10_000, reporter, 0));
        vm.stopPrank();
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](3);
        (rows[0], rows[1]) = (_row(ref, 1 ether, 1, 0), _row(ref, 60 ether, 1, 0));
        rows[2] = _row(ref, 200 ether, 1, 0);
        _rejected(ref, rows[0], IPaymentEscrow.ClaimError.ExceedsCollateralRatio);
        skip(ref.terms.settlementPeriod);
        _rejected(ref, rows[0], IPaymentEscrow.ClaimError.ExceedsCollateralRatio);
        skip(1);
        assertEq(escrow.claimable(ref), type(uint128).max);
        assertEq(escrow.claim(ref, rows), 200 ether, "all that was earned before");
    }

    function test_claimsAllOnceTheLicenseHasExpired() public {
        LicenseRef memory ref = _openRich();
        IPaymentEscrow.ClaimRow memory row = _row(ref, 200 ether, 1, 0);
        (, uint40 end) = registry.licenseState(_id(ref));
        vm.warp(uint256(end) + ref.terms.settlementPeriod);
        _rejected(ref, row, IPaymentEscrow.ClaimError.ExceedsCollateralRatio);
        skip(1);
        assertEq(_claim(ref, row), 200 ether);
    }

    function test_claimsPartsOfWhatIsReservedWithoutASignature() public {
        LicenseRef memory ref = _openRich();
        escrow.reserve(ref, _row(ref, 120 ether, 1, 0));
        IPaymentEscrow.ClaimRow memory part = _row(ref, 50 ether, 0, 0);
        part.signature = "";
        assertEq(_claim(ref, part), 50 ether);
        skip(2 * ref.terms.settlementPeriod);
        part.cumulativeAmount = 100 ether;
        vm.prank(stranger);
        assertEq(_claim(ref, part), 50 ether);
        skip(2 * ref.terms.settlementPeriod);
        // Neither more than is reserved, nor a part of one's own choice.
        part.cumulativeAmount = 120 ether + 1;
        _rejected(ref, part, IPaymentEscrow.ClaimError.BadSignature);
        part.cumulativeAmount = 100 ether + 1;
        _rejected(ref, part, IPaymentEscrow.ClaimError.BadSignature);
        part.cumulativeAmount = 120 ether;
        assertEq(_claim(ref, part), 20 ether);
    }

    function test_rejectsBadSignature() public {
        (LicenseRef memory ref,) = _open();
        IPaymentEscrow.ClaimError reason = IPaymentEscrow.ClaimError.BadSignature;
        _rejected(ref, _row(ref, address(0), session.key, 1 ether, 1, 0), reason);

        IPaymentEscrow.ClaimRow memory row = _row(ref, 1 ether, 1, 0);
        row.requestHash = keccak256("another request");
        _rejected(ref, row, reason);
        row = _row(ref, 1 ether, 1, 0);
        row.cumulativeTokens = 1;
        _rejected(ref, row, reason);
        row = _row(ref, 1 ether, 1, 0);
        row.signature = "";
        _rejected(ref, row, reason);
        row.signature = new bytes(65);
        _rejected(ref, row, reason);
        row.signature = new bytes(64);
        _rejected(ref, row, reason);
    }

    function test_rejectsPayerWhereASignerIsNamed() public {
        (LicenseRef memory ref,) = _active();
        channelId = _channel(ref, session.addr, DEPOSIT);
        _rejected(
            ref,
            _row(ref, session.addr, payer.key, 1 ether, 1, 0),
            IPaymentEscrow.ClaimError.BadSignature
        );
    }

    function test_claimsNothingOfNoRows() public {
        (LicenseRef memory ref,) = _open();
        assertEq(escrow.claim(ref, new IPaymentEscrow.ClaimRow[](0)), 0);
    }

    function test_claims() public {
        (LicenseRef memory ref, bytes32 id) = _open();
        uint256 ownerBefore = escrow.balanceOf(address(token), owner.addr);
        uint256 parentBefore = escrow.balanceOf(address(token), parentOwner.addr);

        IPaymentEscrow.ClaimRow memory row = _row(ref, 1 ether, 5, 7000);
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.VoucherClaimed(channelId, 1 ether, 1 ether);
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.ClaimSplit(id, 1 ether, 0.7 ether, 0.27 ether, 0.03 ether);
        vm.prank(stranger);
        assertEq(_claim(ref, row), 1 ether);

        IPaymentEscrow.Channel memory c = escrow.channel(channelId);
        assertEq(c.claimed, 1 ether);
        assertEq(c.deposited, DEPOSIT);
        assertEq(escrow.balanceOf(address(token), host.addr), 0.7 ether);
        assertEq(escrow.balanceOf(address(token), owner.addr) - ownerBefore, 0.27 ether);
        assertEq(escrow.balanceOf(address(token), parentOwner.addr) - parentBefore, 0.03 ether);
    }

    function test_roundsTowardsTheHostThenTheOwner() public {
        Terms memory terms = _terms();
        terms.pricePerRequest = 0;
        (LicenseRef memory ref, bytes32 id) = _open(terms);
        // 30 % of 33 is 9.9, so 9; a tenth of 9 is 0.9, so 0.
        IPaymentEscrow.ClaimRow memory row = _row(ref, 33, 1, 0);
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.ClaimSplit(id, 33, 24, 9, 0);
        _claim(ref, row);
    }

    /// @dev Cutting a claim into units brings its host nothing: 30 % of 10 is 3, however it comes.
    function test_sharesAddUpHoweverClaimsAreCut() public {
        Terms memory terms = _terms();
        terms.pricePerRequest = 0;
        terms.licenseFee = 0;
        (LicenseRef memory ref,) = _open(terms);
        for (uint128 amount = 1; amount <= 10; ++amount) {
            _claim(ref, _row(ref, amount, 1, 0));
        }
        assertEq(escrow.balanceOf(address(token), host.addr), 7);
        assertEq(escrow.balanceOf(address(token), owner.addr), 3);
    }

    function test_claimsAllForTheOwner() public {
        Terms memory terms = _terms();
        terms.ownerShareBps = 10_000;
        (LicenseRef memory ref,) = _open(terms);
        _claim(ref, _row(ref, 1 ether, 1, 0));
        assertEq(escrow.balanceOf(address(token), host.addr), 0);
    }

    function test_claimsAllForTheHost() public {
        Terms memory terms = _terms();
        terms.ownerShareBps = 0;
        terms.licenseFee = 0;
        (LicenseRef memory ref,) = _open(terms);
        _claim(ref, _row(ref, 1 ether, 1, 0));
        assertEq(escrow.balanceOf(address(token), host.addr), 1 ether);
        assertEq(escrow.balanceOf(address(token), owner.addr), 0);
    }

    function test_claimsSeveralRowsOfOneChannel() public {
        (LicenseRef memory ref,) = _open();
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](3);
        rows[0] = _row(ref, 1 ether, 1, 0);
        rows[1] = _row(ref, 3 ether, 2, 0);
        rows[2] = _row(ref, 2 ether, 2, 0);
        assertEq(escrow.claim(ref, rows), 3 ether);
        assertEq(escrow.channel(channelId).claimed, 3 ether);
    }

    function test_claimsFreeUnits() public {
        Terms memory terms = _terms();
        terms.pricePerRequest = 0;
        terms.pricePerThousandTokens = 0;
        (LicenseRef memory ref,) = _open(terms);
        assertEq(_claim(ref, _row(ref, 1, type(uint64).max, type(uint64).max)), 1);
        assertEq(escrow.channel(channelId).claimed, 1);
    }

    function test_claimsBySessionSigner() public {
        (LicenseRef memory ref,) = _active();
        _channel(ref, session.addr, DEPOSIT);
        assertEq(_claim(ref, _row(ref, session.addr, session.key, 1 ether, 1, 0)), 1 ether);
    }

    function test_claimsByCompactSignature() public {
        (LicenseRef memory ref,) = _open();
        IPaymentEscrow.ClaimRow memory row = _row(ref, 1 ether, 1, 0);
        (bytes32 r, bytes32 vs) =
            vm.signCompact(payer.key, escrow.voucherDigest(channelId, 1 ether, 1, 0, REQUEST));
        row.signature = abi.encodePacked(r, vs);
        assertEq(_claim(ref, row), 1 ether);
    }

    function test_claimsByContractSigner() public {
        (LicenseRef memory ref,) = _active();
        ContractSigner signer = new ContractSigner(ContractSigner.Answer.Accept);
        _channel(ref, address(signer), DEPOSIT);
        assertEq(_claim(ref, _row(ref, address(signer), session.key, 1 ether, 1, 0)), 1 ether);
    }

    function test_claimsByKeyOfADelegatedAccount() public {
        (LicenseRef memory ref,) = _open();
        // EIP-7702: the payer's account now runs code that accepts nothing.
        ContractSigner code = new ContractSigner(ContractSigner.Answer.Refuse);
        vm.etch(payer.addr, address(code).code);
        assertEq(_claim(ref, _row(ref, 1 ether, 1, 0)), 1 ether);
    }

    function test_claimsAfterTheLicense() public {
        (LicenseRef memory ref, bytes32 id) = _open();
        IPaymentEscrow.ClaimRow memory row = _row(ref, 1 ether, 1, 0);
        vm.prank(proofs);
        registry.terminateFor(id);
        assertEq(_claim(ref, row), 1 ether);
    }

    function test_digestIsTypedData() public view {
        string memory json = string.concat(
            '{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],"Voucher":[{"name":"channelId","type":"bytes32"},{"name":"cumulativeAmount","type":"uint128"},{"name":"cumulativeRequests","type":"uint64"},{"name":"cumulativeTokens","type":"uint64"},{"name":"requestHash","type":"bytes32"}]},"primaryType":"Voucher","domain":{"name":"OML","version":"1","chainId":',
            vm.toString(block.chainid),
            ',"verifyingContract":"',
            vm.toString(address(escrow)),
            '"},"message":{"channelId":"',
            vm.toString(ROOT),
            '","cumulativeAmount":"1000000000000000000","cumulativeRequests":"5","cumulativeTokens":"7000","requestHash":"',
            vm.toString(REQUEST),
            '"}}'
        );
        assertEq(
            escrow.voucherDigest(ROOT, 1 ether, 5, 7000, REQUEST), vm.eip712HashTypedData(json)
        );
    }
}
