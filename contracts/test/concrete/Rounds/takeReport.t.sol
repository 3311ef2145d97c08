// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { LicenseRef, Receipt, Violation } from "../../../src/libraries/Types.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

contract Rounds_takeReport is RoundTest {
    function _receipt() private view returns (Receipt memory receipt) {
        receipt.licenseId = licenseId;
        receipt.channelId = "channel";
        receipt.seq = 1;
        receipt.cumulativeRequests = 1;
        receipt.cumulativeTokens = 1000;
        receipt.servedAt = uint64(vm.getBlockTimestamp());
    }

    /// @dev The host signs two receipts of one number, as a friend of it reports them.
    function _commitReport(Receipt memory receipt) private {
        bytes32 claimHash = keccak256(
            abi.encode(Violation.Equivocation, licenseId, proofs.receiptDigest(receipt))
        );
        vm.prank(stranger);
        proofs.commitReport(keccak256(abi.encode(stranger, claimHash, bytes32("salt"))));
        skip(60);
    }

    function _prove(Receipt memory a) private {
        LicenseRef memory ref_ = ref();
        Receipt memory b = abi.decode(abi.encode(a), (Receipt));
        b.cumulativeTokens += 1;
        bytes memory signatureA = signature(serving.key, proofs.receiptDigest(a));
        bytes memory signatureB = signature(serving.key, proofs.receiptDigest(b));
        vm.prank(stranger);
        proofs.proveEquivocation(ref_, a, signatureA, b, signatureB, "salt");
    }

    function _take(bytes32 roundId, uint256 payoutId) private {
        LicenseRef memory ref_ = ref();
        rounds.takeReport(ref_, roundId, payoutId);
    }

    /// @dev A host that is about to be convicted reports itself and would get a tenth.
    function test_payTheRoundsPayer() public {
        Play memory p = _sealed(0);
        skip(1);
        Receipt memory receipt = _receipt();
        _commitReport(receipt);
        _prove(receipt);
        assertEq(vault.payout(0).to, stranger, "the reporter of the proof");
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _open(p);
        _take(p.roundId, 0);
        assertEq(vault.payout(0).to, reporter, "the round's payer");
        skip(PAYOUT_DELAY);
        uint256 before = token.balanceOf(reporter);
        vault.payOut(0);
        assertGt(token.balanceOf(reporter), before, "paid");
        vm.expectPartialRevert(ICollateralVault.CollateralVault_NotRedirectable.selector);
        _take(p.roundId, 0);
    }

    /// @dev Whoever reported before the seal reported first.
    function test_revertWhen_reportedBeforeTheSeal() public {
        Receipt memory receipt = _receipt();
        _commitReport(receipt);
        Play memory p = _sealed(0);
        _prove(receipt);
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _open(p);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICollateralVault.CollateralVault_NotRedirectable.selector, uint256(0)
            )
        );
        _take(p.roundId, 0);
    }

    function test_revertWhen_itWasPaid() public {
        Play memory p = _sealed(0);
        skip(1);
        Receipt memory receipt = _receipt();
        _commitReport(receipt);
        _prove(receipt);
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _open(p);
        skip(PAYOUT_DELAY);
        vault.payOut(0);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICollateralVault.CollateralVault_NotRedirectable.selector, uint256(0)
            )
        );
        _take(p.roundId, 0);
    }

    /// @dev Payouts of rounds are no reports: neither the owner's part nor the payer's.
    function test_revertWhen_itIsNoReport() public {
        Play memory p = _opened(0, Behaviour.OwnCopy);
        for (uint256 id; id < vault.payoutCount(); ++id) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ICollateralVault.CollateralVault_NotRedirectable.selector, id
                )
            );
            _take(p.roundId, id);
        }
    }

    function _expectNotConvicted(bytes32 roundId) private {
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_NotConvicted.selector, roundId, licenseId)
        );
        _take(roundId, 0);
    }

    function test_revertWhen_theRoundConvictedNobody() public {
        _expectNotConvicted("nothing");
        Play memory p = _answered(0, Behaviour.OtherCopy);
        _expectNotConvicted(p.roundId);
        _open(p);
        _expectNotConvicted(p.roundId);
    }

    /// @dev A flag costs the host nothing, so nobody escapes by a report of its own.
    function test_revertWhen_theRoundOnlyFlags() public {
        Play memory p = _leakAnswered(LEAK, Behaviour.OwnCopy);
        skip(1);
        _open(p);
        _expectNotConvicted(p.roundId);
    }

    function test_revertWhen_theLicenseIsAnother() public {
        Play memory p = _opened(0, Behaviour.OwnCopy);
        LicenseRef memory other = ref();
        other.nonce = 2;
        bytes32 otherId = registry.licenseIdOf(other);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_NotConvicted.selector, p.roundId, otherId)
        );
        rounds.takeReport(other, p.roundId, 0);
    }
}
