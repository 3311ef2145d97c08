// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { BURN, LicenseRef, LicenseStatus, Receipt, Violation } from "../../src/libraries/Types.sol";
import { RoundTest } from "../utils/RoundTest.sol";

/// @dev From a license's words to the last fee, as the guides tell it.
contract RoundFlow is RoundTest {
    /// @dev A reporter buys access to a deployment, pays for a round with the owner's promise, and
    /// gets its reward; the seats get their fees.
    function test_reporterPaysForARound() public {
        // The owner signs a seal for this reporter, who learns whose round it is and pays.
        Play memory p = _planned(0, deployment);
        uint256 start = token.balanceOf(reporter);
        _sealFor(p, reporter, 2500);
        assertEq(start - token.balanceOf(reporter), 16 * uint256(SEAT_FEE), "fees");
        // The beacon draws leaves and seats; the owner hands out keys; seats ask and answer.
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        // When the answers are over the owner opens, and the chain judges.
        _toOpening(p);
        _open(p);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        _withdrawAll(p);
        skip(PAYOUT_DELAY);
        uint256 before = token.balanceOf(reporter);
        vault.payOut(0);
        assertEq(token.balanceOf(reporter) - before, 32 ether, "a reward with its promise");
        before = token.balanceOf(owner.addr);
        vault.payOut(1);
        assertEq(token.balanceOf(owner.addr) - before, 24 ether, "the owner's compensation");
        assertEq(token.balanceOf(BURN), 24 ether, "the rest is burned");
        assertEq(token.balanceOf(address(rounds)), 0, "no fee is left");
    }

    /// @dev The owner tests its licenses by sampling; an honest host passes each time and goes.
    function test_ownerSamplesAnHonestHost() public {
        for (uint8 k; k < 4; ++k) {
            Play memory p = _planned(k, deployment);
            _fund(p.account);
            bytes32 commitment = _commitment(p);
            vm.prank(p.account);
            rounds.seal(p.word, commitment, p.seats);
            p.sealedAt = uint40(vm.getBlockTimestamp());
            _draw(p);
            _answerAll(p, k == 1 ? Behaviour.Silent : Behaviour.OtherModel);
            _toOpening(p);
            _open(p);
            _withdrawAll(p);
            skip(1 days);
        }
        assertEq(_logA(false), -8 << 32, "four premiums");
        assertEq(registry.universe(modelId, 0).burnedBundles, 32, "eight bundles for each round");
        LicenseRef memory ref_ = ref();
        _retire(URI);
        vm.startPrank(host.addr);
        registry.terminate(ref_);
        vault.startThaw(ref_);
        skip(14 days);
        uint256 before = token.balanceOf(host.addr);
        vault.withdraw(ref_);
        vm.stopPrank();
        assertEq(token.balanceOf(host.addr) - before, COLLATERAL, "all of its collateral");
    }

    /// @dev A copy turns up where nobody registered it: the place is flagged for everybody to see.
    function test_leakedCopyIsFlagged() public {
        Play memory p = _leakAnswered(LEAK, Behaviour.OwnCopy);
        _open(p);
        assertEq(rounds.flagOf(p.deploymentHash), p.roundId, "flagged");
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "the host did not agree to more");
    }

    /// @dev A host that sees a round coming has a friend report it for a tenth at level 0; the
    /// round's payer gets that too.
    function test_levelZeroBeforeTheRound() public {
        Play memory p = _sealed(0);
        skip(1);
        _reportEquivocation();
        assertEq(vault.payout(0).to, stranger, "the friend");
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _open(p);
        (LicenseStatus status,) = registry.licenseState(licenseId);
        assertEq(uint256(status), uint256(LicenseStatus.Terminated), "the license has ended");
        LicenseRef memory ref_ = ref();
        rounds.takeReport(ref_, p.roundId, 0);
        skip(PAYOUT_DELAY);
        uint256 before = token.balanceOf(reporter);
        vault.payOut(0);
        assertEq(token.balanceOf(reporter) - before, 10 ether, "a tenth of all");
    }

    function _reportEquivocation() private {
        Receipt memory a;
        a.licenseId = licenseId;
        a.channelId = "channel";
        a.seq = 1;
        a.cumulativeRequests = 1;
        a.servedAt = uint64(vm.getBlockTimestamp());
        Receipt memory b = abi.decode(abi.encode(a), (Receipt));
        b.requestHash = "another request";
        bytes32 digest = proofs.receiptDigest(a);
        bytes memory signatureA = signature(serving.key, digest);
        bytes memory signatureB = signature(serving.key, proofs.receiptDigest(b));
        bytes32 claim = keccak256(abi.encode(Violation.Equivocation, licenseId, digest));
        vm.prank(stranger);
        proofs.commitReport(keccak256(abi.encode(stranger, claim, bytes32("salt"))));
        skip(60);
        LicenseRef memory ref_ = ref();
        vm.prank(stranger);
        proofs.proveEquivocation(ref_, a, signatureA, b, signatureB, "salt");
    }
}
