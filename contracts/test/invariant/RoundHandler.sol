// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "../../src/interfaces/ILicenseRegistry.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { LicenseRef, LicenseStatus, OpenedLeaf } from "../../src/libraries/Types.sol";
import { RoundTest } from "../utils/RoundTest.sol";

/// @title Payers, seats, an owner and a host that do what they like with rounds of one license
/// @dev Whatever is called is either due to work, and then must, or due to fail, and then must.
/// Counts what a plain reading of the rules says, for `Rounds.t.sol` to compare.
contract RoundHandler is RoundTest {
    /// @dev An opening, as its event told it.
    struct Opened {
        uint8 index;
        int64 gain;
        bool convicted;
    }

    bytes32 internal constant ELSEWHERE = keccak256("https://elsewhere.example");

    uint256 public feesIn;
    uint256 public feesCredited;
    uint256 public feesPaid;
    uint256 public feesBurned;
    /// @dev By the rules: 80 % of what is left for each conviction, nothing after the withdrawal.
    uint128 public collateralDue;
    mapping(bool leak => Opened[]) internal _openings;
    /// @dev Encoded, because the compiler copies no dynamic array of structs to storage.
    bytes[] internal _plays;
    bytes32[] internal _holdersAtDraw;
    mapping(uint8 index => bool) internal _isSealed;
    mapping(bytes32 roundId => mapping(uint8 seat => bool)) internal _isCredited;
    bool internal _isRegistered;
    bool internal _hasLeft;

    function setUp() public override {
        super.setUp();
        collateralDue = COLLATERAL;
        _isRegistered = true;
    }

    function _seats() internal pure override returns (uint8) {
        return 8;
    }

    // ---- Reading

    function playCount() external view returns (uint256) {
        return _plays.length;
    }

    function openings(bool leak) external view returns (Opened[] memory) {
        return _openings[leak];
    }

    function play(uint256 i) public view returns (Play memory) {
        return abi.decode(_plays[i], (Play));
    }

    /// @dev Whose seats they were when the round was drawn, and are as long as it is pending.
    function holders(uint256 i) external view returns (bytes32 atDraw, bytes32 now_, bool pending) {
        Play memory p = play(i);
        atDraw = _holdersAtDraw[i];
        pending = block.timestamp <= uint256(p.sealedAt) + ROUND_LENGTH;
        if (pending) now_ = _allHolders(p);
    }

    function core()
        external
        view
        returns (IRounds rounds_, ICollateralVault vault_, ILicenseRegistry registry_)
    {
        return (rounds, vault, registry);
    }

    function held() external view returns (uint256) {
        return token.balanceOf(address(rounds));
    }

    function ref_() external view returns (LicenseRef memory) {
        return ref();
    }

    function id() external view returns (bytes32) {
        return licenseId;
    }

    function _allHolders(Play memory p) private view returns (bytes32 all) {
        for (uint8 i; i < p.seats; ++i) {
            all = keccak256(abi.encode(all, _holder(p, i)));
        }
    }

    function _pick(uint256 seed) private view returns (bool some, uint256 i, Play memory p) {
        if (_plays.length == 0) return (false, 0, p);
        // Mostly one of the last rounds: the others are over.
        uint256 back = seed % 4;
        i = _plays.length > back ? _plays.length - 1 - back : 0;
        return (true, i, play(i));
    }

    // ---- Payers and owner

    function seal(uint256 seed, uint256 who, uint16 promised) external {
        uint8 index = uint8(seed % 8 + (seed >> 8) % 2 * LEAK);
        if (_isSealed[index]) return;
        _isSealed[index] = true;
        Play memory p = _planned(index, index < LEAK ? deployment : ELSEWHERE);
        _sealFor(p, who % 2 == 0 ? reporter : members[0].addr, uint16(promised % 10_001));
        feesIn += uint256(p.seats) * SEAT_FEE;
        _mineBeacon("round");
        // So far that the hash is read from the history: forge keeps no other from call to call.
        vm.roll(vm.getBlockNumber() + 257);
        _drawNow(p);
        _plays.push(abi.encode(p));
        _holdersAtDraw.push(_allHolders(p));
    }

    /// @dev The owner opens some round with some bundles closed.
    function open(uint256 seed, uint8 closed) external {
        (bool some,, Play memory p) = _pick(seed);
        if (!some) return;
        IRounds.Opening memory o = _opening(p);
        for (uint256 j; j < o.bundles.length; ++j) {
            if (closed >> (2 * j) & 3 == 3) o.bundles[j].leaves = new OpenedLeaf[](0);
        }
        if (!_isDue(p)) {
            vm.expectRevert();
            _openWith(o);
            return;
        }
        bytes32 seed_ = rounds.seedOf(p.roundId);
        (, bool[] memory burned) = registry.drawBundles(modelId, 0, seed_, p.seats / 2, p.sealedAt);
        Found memory found = _find(o);
        for (uint256 i; i < p.sheets.length; ++i) {
            uint8 seat = p.sheets[i].seat;
            bool hidden = o.bundles[seat / 2].leaves.length == 0 || burned[seat / 2];
            if (!found.convicted || hidden || found.hits[seat] != 0) _credit(p, p.sheets[i]);
        }
        bool leak = p.index >= LEAK;
        _openings[leak].push(Opened(p.index % LEAK, found.gain, found.convicted));
        if (found.convicted && !leak) collateralDue -= collateralDue * 8 / 10;
    }

    /// @dev A whole round, so that there are many.
    function playOut(uint256 seed, uint256 hits, bool guilty, uint8 closed) external {
        uint256 before = _plays.length;
        this.seal(seed, hits, 0);
        if (_plays.length == before) return;
        if (guilty) this.answerGuilty(0);
        else this.answer(0, hits, 255);
        this.waitForTheOpening(0);
        this.open(0, closed);
    }

    /// @dev By the clock, and by whether the host answers for its place.
    function _isDue(Play memory p) private view returns (bool) {
        uint256 answers = uint256(p.sealedAt) + ANSWER_WINDOW;
        if (block.timestamp <= answers || block.timestamp > answers + OPEN_WINDOW) return false;
        if (rounds.round(p.roundId).status != IRounds.RoundStatus.Sealed) return false;
        if (p.index >= LEAK) return true;
        ILicenseRegistry.Deployment memory d = registry.deployment(licenseId, deployment);
        return d.registeredAt <= p.sealedAt && p.sealedAt <= d.liableUntil
            && block.timestamp <= d.liableUntil;
    }

    // ---- Seats

    /// @dev Each seat its own number of hits, 0 to 8; `honest` of them say what the copy says.
    function answer(uint256 seed, uint256 hits, uint8 which) external {
        (bool some, uint256 i, Play memory p) = _pick(seed);
        if (!some || block.timestamp > uint256(p.sealedAt) + ANSWER_WINDOW) return;
        for (uint8 s; s < p.seats; ++s) {
            bool due = which >> s & 1 != 0 && _sheetOf(p, s).prover == address(0);
            if (due && s / 2 < p.bundles.length) _answerHits(p, s, (hits >> (8 * s)) % 9);
        }
        _plays[i] = abi.encode(p);
    }

    /// @dev Everybody hits everything.
    function answerGuilty(uint256 seed) external {
        (bool some, uint256 i, Play memory p) = _pick(seed);
        if (!some || block.timestamp > uint256(p.sealedAt) + ANSWER_WINDOW) return;
        for (uint8 s; s < p.seats; ++s) {
            if (_sheetOf(p, s).prover == address(0)) _answerHits(p, s, 8);
        }
        _plays[i] = abi.encode(p);
    }

    /// @dev A prover, or somebody without a seat, asks for the fees of a round that lapsed.
    function collectLapsed(uint256 seed, uint256 who) external {
        (bool some,, Play memory p) = _pick(seed);
        if (!some) return;
        address prover = members[who % members.length].addr;
        IRounds.RoundStatus status = rounds.round(p.roundId).status;
        bool due = block.timestamp > uint256(p.sealedAt) + ROUND_LENGTH
            && (status == IRounds.RoundStatus.Sealed || status == IRounds.RoundStatus.Lapsed);
        if (!due) vm.expectRevert();
        vm.prank(prover);
        rounds.collectLapsed(p.roundId, p.sheets);
        if (!due) return;
        for (uint256 i; i < p.sheets.length; ++i) {
            if (p.sheets[i].prover == prover) _credit(p, p.sheets[i]);
        }
    }

    /// @dev The fee of a seat, which is credited once.
    function _credit(Play memory p, IRounds.Sheet memory sheet) private {
        if (_isCredited[p.roundId][sheet.seat]) return;
        _isCredited[p.roundId][sheet.seat] = true;
        feesCredited += SEAT_FEE;
    }

    function withdraw(uint256 who) external {
        address prover = members[who % members.length].addr;
        uint256 due = rounds.fees(prover);
        if (due == 0) vm.expectRevert();
        vm.prank(prover);
        rounds.withdrawFees(prover);
        feesPaid += due;
    }

    function burnFees() external {
        uint256 due = rounds.unearnedFees();
        if (due == 0) vm.expectRevert();
        rounds.burnFees();
        feesBurned += due;
    }

    /// @dev What the contract owes all provers.
    function owed() external view returns (uint256 sum) {
        for (uint256 k; k < members.length; ++k) {
            sum += rounds.fees(members[k].addr);
        }
    }

    /// @dev Provers come, go and come back, while their seats stay theirs.
    function moveTickets(uint256 who, uint256 seed) external {
        address prover = members[who % members.length].addr;
        if (_wouldRevive(prover)) return;
        if (seed % 2 == 0) return _join(prover, uint32(seed >> 8) % 4 + 1);
        uint32 total = provers.totalTickets();
        for (uint32 t; t < total; ++t) {
            uint32 index = uint32((seed % total + t) % total);
            if (provers.ticket(index).owner != prover) continue;
            if (provers.ticket(index).validUntil != type(uint40).max) continue;
            uint32[] memory tickets = new uint32[](1);
            tickets[0] = index;
            vm.prank(prover);
            provers.release(tickets);
            return;
        }
    }

    function compact(uint32 steps) external {
        provers.compact(steps % 8 + 1);
    }

    function stayAlive(uint256 who) external {
        address prover = members[who % members.length].addr;
        if (provers.prover(prover).tickets == 0 || _wouldRevive(prover)) return;
        vm.prank(prover);
        provers.stayAlive();
    }

    /// @dev Who was dead and shows life loses what it had in pending rounds, see T1.
    function _wouldRevive(address prover) private view returns (bool) {
        if (_plays.length == 0) return false;
        bool pending = block.timestamp <= uint256(play(_plays.length - 1).sealedAt) + ROUND_LENGTH;
        return pending && provers.prover(prover).aliveUntil < block.timestamp;
    }

    // ---- Host

    /// @dev The host withdraws its declaration, or makes it anew.
    function moveDeployment() external {
        (LicenseStatus status, uint40 deadline) = registry.licenseState(licenseId);
        if (_isRegistered) _retire(URI);
        else if (status != LicenseStatus.Active || block.timestamp > deadline) return;
        else _register(URI);
        _isRegistered = !_isRegistered;
    }

    function hostLeaves(uint256 seed) external {
        LicenseRef memory license = ref();
        (LicenseStatus status,) = registry.licenseState(licenseId);
        vm.startPrank(host.addr);
        // Rarely: nothing else is to be seen after it.
        if (status == LicenseStatus.Active && seed % 16 == 0) registry.terminate(license);
        uint40 thawEnd = vault.collateral(license).thawEnd;
        if (status == LicenseStatus.Terminated && thawEnd == 0) vault.startThaw(license);
        if (thawEnd != 0 && block.timestamp >= thawEnd && collateralDue != 0) {
            vault.withdraw(license);
            collateralDue = 0;
        }
        vm.stopPrank();
    }

    // ---- Time

    function wait(uint256 seed) external {
        skip(seed % 2 hours);
    }

    function waitForTheOpening(uint256 seed) external {
        (bool some,, Play memory p) = _pick(seed);
        if (!some) return;
        uint256 from = uint256(p.sealedAt) + ANSWER_WINDOW + 1;
        if (block.timestamp < from) vm.warp(from);
    }

    function waitLong(uint256 seed) external {
        skip(seed % 16 days);
    }
}
