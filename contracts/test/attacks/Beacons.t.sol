// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { DrandBn254Beacon } from "../../src/beacons/DrandBn254Beacon.sol";
import { RandaoBeacon } from "../../src/beacons/RandaoBeacon.sol";
import { IBeacon } from "../../src/interfaces/IBeacon.sol";
import { IDrandBeacon } from "../../src/interfaces/IDrandBeacon.sol";
import { ILicenseRegistry } from "../../src/interfaces/ILicenseRegistry.sol";
import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { LicenseRef, LicenseStatus } from "../../src/libraries/Types.sol";
import { BeaconTest } from "../utils/BeaconTest.sol";
import { Headers } from "../utils/Headers.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";
import { RoundTest } from "../utils/RoundTest.sol";

/// @dev What makers of blocks try on RANDAO.
contract RandaoAttacks is BeaconTest {
    bytes32 internal constant VALUE = keccak256("mix");

    RandaoBeacon internal beacon;

    function setUp() public override {
        super.setUp();
        beacon = new RandaoBeacon(2, 1);
    }

    /// @dev A beacon of block hashes fell to this (2^31 tries in seconds): extra data and all else
    /// that the maker of the block may choose give other hashes, but one value.
    function test_extraDataChangesNothing() public {
        uint256 state = vm.snapshotState();
        bytes32 seen;
        for (uint256 i; i < 256; ++i) {
            bytes[] memory fields = Headers.fields(START, VALUE);
            fields[2] = Headers.text(abi.encodePacked(bytes20(keccak256(abi.encode(i)))));
            fields[4] = Headers.text(abi.encodePacked(keccak256(abi.encode(i, "transactions"))));
            fields[Headers.EXTRA_DATA] = Headers.text(abi.encodePacked(keccak256(abi.encode(i))));
            bytes memory header = Headers.list(fields);
            assertFalse(keccak256(header) == seen, "another hash");
            seen = keccak256(header);
            mineWithHash(seen);
            assertEq(beacon.bring(START, header), VALUE, "one value");
            vm.revertToState(state);
        }
    }

    /// @dev Who has `run` slots in a row before the block of a round, of which it needs `needed`
    /// blocks, may make or skip each. What it can know when it decides are the values of its own
    /// reveals alone; all else ends in a reveal of others. So of the 2^run ways there are only so
    /// many values to choose among, the one that it does not know included.
    function test_aProposerHasOnlyTheStatedChoice() public pure {
        uint256[8] memory choices = [uint256(2), 3, 4, 7, 11, 21, 36, 71];
        for (uint256 run = 1; run <= 8; ++run) {
            uint256 most;
            for (uint256 needed = 1; needed <= run; ++needed) {
                bytes32[] memory known = new bytes32[](1 << run);
                uint256 count;
                for (uint256 made; made < 1 << run; ++made) {
                    (bytes32 mix, bool mine) = _mixOf(made, run, needed);
                    if (mine && !_has(known, count, mix)) known[count++] = mix;
                }
                if (count + 1 > most) most = count + 1;
            }
            assertEq(most, choices[run - 1], "values to choose among");
            assertLe(most, 1 << run, "at most a bit per slot");
        }
    }

    /// @dev The mix after `needed` blocks if the attacker makes the slots whose bits are set, and
    /// whether its own reveals got there; else honest makers follow.
    function _mixOf(uint256 made, uint256 run, uint256 needed)
        private
        pure
        returns (bytes32 mix, bool mine)
    {
        mix = keccak256("honest reveals before");
        uint256 blocks;
        for (uint256 slot; slot < run && blocks < needed; ++slot) {
            if (made >> slot & 1 == 0) continue;
            mix ^= keccak256(abi.encode("reveal of the attacker", slot));
            ++blocks;
        }
        mine = blocks == needed;
    }

    function _has(bytes32[] memory values, uint256 count, bytes32 value)
        private
        pure
        returns (bool)
    {
        for (uint256 i; i < count; ++i) {
            if (values[i] == value) return true;
        }
        return false;
    }

    /// @dev Whoever makes the block of the commitment and all before the value, as many as the
    /// margin, knows it. Less is not enough: `biasBits` in a row are fewer than the margin.
    function test_whoHoldsTheStatedSlotsDoesNotKnowTheValue() public {
        for (uint8 bits = 1; bits <= 64; ++bits) {
            vm.expectRevert();
            this.makeRandao(bits, bits);
            RandaoBeacon other = new RandaoBeacon(bits + 1, bits);
            assertGt(other.nextRound() - START, other.biasBits(), "one reveal of another");
        }
    }

    /// @dev In the block whose value it is, everybody knows it: PREVRANDAO gives it.
    function test_noCommitmentInTheBlockOfItsValue() public {
        uint48 round = beacon.nextRound();
        mine(round - START);
        vm.prevrandao(VALUE);
        assertGt(beacon.nextRound(), round, "named is another");
        bytes memory header = _mineRandao(VALUE);
        assertEq(beacon.bring(round, header), VALUE);
        assertGt(beacon.nextRound(), round, "brought, and never named again");
    }

    function test_anotherBlocksHeaderIsRefused() public {
        bytes memory first = _mineRandao("first");
        bytes memory second = _mineRandao("second");
        vm.expectRevert(
            abi.encodeWithSelector(
                RandaoBeacon.Randao_OtherBlock.selector, START, keccak256(second), keccak256(first)
            )
        );
        beacon.bring(START, second);
        vm.expectRevert();
        beacon.bring(START + 1, first);
        // A header of the right number and of the attacker's choice.
        vm.expectRevert();
        beacon.bring(START, Headers.make(START, "chosen"));
    }

    /// @dev Who front-runs a call does its work; a false proof can't spoil the round.
    function test_frontRunningBringHelps() public {
        bytes memory header = _mineRandao(VALUE);
        vm.startPrank(makeAddr("front runner"));
        vm.expectRevert();
        beacon.bring(START, "false");
        assertEq(beacon.bring(START, header), VALUE);
        vm.stopPrank();
        assertEq(beacon.bring(START, header), VALUE, "the one in front of it took nothing");
    }
}

/// @dev What bringers and committers try on drand.
contract DrandAttacks is BeaconTest {
    DrandBn254Beacon internal beacon;

    function setUp() public override {
        super.setUp();
        beacon = _localBn254();
    }

    function test_noValueBeforeTheMargin() public {
        uint48 round = beacon.nextRound();
        // Who got hold of the signature early, as a threshold of drand's members can, can't use it.
        bytes memory proof = _signBn254(round);
        for (uint256 i; i < MARGIN; ++i) {
            vm.expectRevert(_notOut(round, beacon.publishedAt(round)));
            beacon.bring(round, proof);
            _assertValue(beacon, round, IBeacon.Status.Pending, 0);
            skip(1);
        }
        skip(PERIOD);
        beacon.bring(round, proof);
    }

    /// @dev Everything that is out is brought in the block of a commitment: it names none of it.
    function test_noCommitmentNamesAKnownRound() public {
        uint48 last;
        for (uint48 i; i < 40; ++i) {
            uint48 round = beacon.nextRound() - MARGIN / PERIOD - 2 + i % 5;
            if (beacon.publishedAt(round) > vm.getBlockTimestamp()) continue;
            beacon.bring(round, _signBn254(round));
            uint48 named = beacon.nextRound();
            assertGt(named, round);
            assertGe(named, last, "rounds grow");
            _assertValue(beacon, named, IBeacon.Status.Pending, 0);
            last = named;
            skip(i % 3);
        }
        assertGt(last, 0);
    }

    function test_aSignatureOfAnotherRoundIsRefused() public {
        for (uint48 round = 1; round < 5; ++round) {
            bytes memory proof = _signBn254(round + 1);
            vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.Drand_BadSignature.selector, round));
            beacon.bring(round, proof);
        }
    }

    function test_broughtTwiceOrInFront() public {
        bytes memory proof = _signBn254(3);
        vm.startPrank(makeAddr("front runner"));
        bytes memory other = _signBn254(4);
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.Drand_BadSignature.selector, 3));
        beacon.bring(3, other);
        bytes32 value = beacon.bring(3, proof);
        vm.stopPrank();
        assertEq(beacon.bring(3, proof), value);
        assertEq(beacon.bring(3, other), value, "no second value");
        _assertValue(beacon, 3, IBeacon.Status.Ready, value);
    }
}

/// @dev What depends on a beacon: seeds of universes and licenses.
contract SeedAttacks is LicensingTest {
    bytes32 internal constant VALUE = keccak256("mix");

    function _makeBeacon() internal override returns (IBeacon) {
        installBlockHashHistory();
        return new RandaoBeacon(2, 1);
    }

    function _universeRound() private view returns (uint48) {
        return registry.universe(modelId, 0).seedRound;
    }

    function _mineRound(uint48 round) private returns (bytes memory header) {
        mine(round - vm.getBlockNumber());
        header = Headers.make(round, VALUE);
        mineWithHash(keccak256(header));
    }

    function test_aSeedWaitsForWhoBringsItsRound() public {
        uint48 round = _universeRound();
        bytes memory header = _mineRound(round);
        bytes32 subject = keccak256(abi.encode(modelId, uint32(0)));
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_SeedPending.selector, subject, round
            )
        );
        registry.drawUniverseSeed(modelId, 0);
        vm.prank(stranger);
        beacon.bring(round, header);
        registry.drawUniverseSeed(modelId, 0);
        bytes32 seed = keccak256(abi.encodePacked(VALUE, address(registry), subject));
        assertEq(registry.universe(modelId, 0).seed, seed);
    }

    /// @dev The owner dislikes the value that is out, and hopes for another round. One who brings
    /// the header, whoever it is, within 8,191 blocks ends that.
    function test_aDislikedValueIsBroughtByAnybody() public {
        uint48 round = _universeRound();
        bytes memory header = _mineRound(round);
        vm.roll(round + 8191);
        vm.prank(stranger);
        beacon.bring(round, header);
        vm.roll(round + 100_000);
        registry.drawUniverseSeed(modelId, 0);
        assertEq(registry.universe(modelId, 0).seedRound, round, "the first round");
    }

    /// @dev If really nobody did, the draw starts anew, on a value that is not known.
    function test_aStaleRoundIsDrawnAnewAndUnknown() public {
        uint48 round = _universeRound();
        bytes memory header = _mineRound(round);
        vm.roll(round + 8192);
        registry.drawUniverseSeed(modelId, 0);
        uint48 moved = registry.universe(modelId, 0).seedRound;
        assertGt(moved, block.number, "not made yet");
        vm.expectRevert(abi.encodeWithSelector(RandaoBeacon.Randao_Stale.selector, round));
        beacon.bring(round, header);
    }

    /// @dev The history's answer is starved of gas, so that the round looks stale.
    function test_starvingTheHistoryBringsNoNewRound() public {
        uint48 round = _universeRound();
        bytes memory header = _mineRound(round);
        vm.roll(round + 300);
        bytes memory draw = abi.encodeCall(registry.drawUniverseSeed, (modelId, 0));
        for (uint256 gas = 1000; gas < 60_000; gas += 97) {
            (bool ok,) = address(registry).call{ gas: gas }(draw);
            assertFalse(ok, "pending");
        }
        assertEq(_universeRound(), round);
        beacon.bring(round, header);
        registry.drawUniverseSeed(modelId, 0);
        assertGt(uint256(registry.universe(modelId, 0).seed), 0);
    }
}

/// @dev A beacon is fixed at the deployment and trusted for values. But a broken or hostile one may
/// not keep anybody's money: whatever pays money out asks no beacon.
contract HostileBeaconMoney is LicensingTest {
    /// @dev Reverts; burns all gas; reverts with 100 kB; answers with 3 bytes; answers with 64
    /// bytes of ones: no status, no round.
    bytes[5] internal hostile = [
        bytes(hex"5f5ffd"),
        hex"5b5f56",
        hex"620186a05ffd",
        hex"60035ff3",
        hex"5f195f525f1960205260405ff3"
    ];

    function test_purchaseIsRefunded() public {
        for (uint256 i; i < hostile.length; ++i) {
            uint256 state = vm.snapshotState();
            uint256 before = token.balanceOf(host.addr);
            (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
            mine(3);
            vm.etch(address(beacon), hostile[i]);
            vm.expectRevert();
            registry.drawLicenseSeed{ gas: 1_000_000 }(id);
            skip(ref.terms.deliveryPeriod + 1);
            vm.prank(host.addr);
            registry.cancel(ref);
            assertEq(token.balanceOf(host.addr), before, "refunded");
            vm.revertToState(state);
        }
    }

    function test_seededLicenseIsRefunded() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        uint256 before = token.balanceOf(host.addr);
        for (uint256 i; i < hostile.length; ++i) {
            uint256 state = vm.snapshotState();
            vm.etch(address(beacon), hostile[i]);
            skip(ref.terms.deliveryPeriod + 1);
            vm.prank(host.addr);
            registry.cancel(ref);
            _assertStatus(id, LicenseStatus.Cancelled);
            uint256 paid = ref.terms.collateral + ref.terms.licenseFee;
            assertEq(token.balanceOf(host.addr) - before, paid);
            vm.revertToState(state);
        }
    }

    function test_collateralAndChannelsCanBeLeft() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        IPaymentEscrow.ClaimRow memory row = _row(ref, 1 ether, 1, 1);
        for (uint256 i; i < hostile.length; ++i) {
            uint256 state = vm.snapshotState();
            vm.etch(address(beacon), hostile[i]);
            assertGt(_claim(ref, row), 0, "claimed");
            vm.startPrank(host.addr);
            registry.terminate(ref);
            vault.startThaw(ref);
            assertGt(escrow.withdrawBalance(address(token), host.addr), 0, "paid");
            skip(ref.terms.thawPeriod + 1);
            uint256 before = token.balanceOf(host.addr);
            vault.withdraw(ref);
            vm.stopPrank();
            assertEq(token.balanceOf(host.addr) - before, ref.terms.collateral, "collateral");
            vm.startPrank(payer.addr);
            escrow.startThaw(ref, address(0), 0);
            skip(365 days);
            before = token.balanceOf(payer.addr);
            escrow.withdraw(ref, address(0), 0);
            vm.stopPrank();
            assertEq(token.balanceOf(payer.addr) - before, DEPOSIT - 1 ether, "rest");
            vm.revertToState(state);
        }
        assertGt(uint256(channelId), 0);
    }
}

contract HostileBeaconRound is RoundTest {
    /// @dev A round that nobody can draw lapses: nobody is convicted, nobody's stake or collateral
    /// is touched, and the fees, which nobody has earned, are burned.
    function test_anUndrawnRoundLapses() public {
        Play memory p = _sealed(0);
        mine(3);
        vm.etch(beacon, hex"620186a05ffd");
        vm.expectRevert();
        vm.prank(members[0].addr);
        rounds.answer(p.roundId, 0, 0, 0);
        IRounds.Opening memory o = _opening(p);
        _toOpening(p);
        vm.expectRevert();
        _openWith(o);
        _afterEnd(p);
        _expectOpenRevert(
            o, abi.encodeWithSelector(IRounds.Rounds_TooLate.selector, p.sealedAt + ROUND_LENGTH)
        );
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "collateral");
        rounds.collectLapsed(p.roundId, o.sheets);
        rounds.burnFees();
        assertEq(token.balanceOf(address(rounds)), 0, "nothing is stuck");
        uint32[] memory tickets = _ticketOf(members[0].addr);
        vm.prank(members[0].addr);
        provers.release(tickets);
    }

    /// @dev The first of the account's tickets.
    function _ticketOf(address account) private view returns (uint32[] memory tickets) {
        tickets = new uint32[](1);
        while (provers.ticket(tickets[0]).owner != account) ++tickets[0];
    }
}
