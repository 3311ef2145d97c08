// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../src/interfaces/IChallengeTypes.sol";
import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { IProverRegistry } from "../../src/interfaces/IProverRegistry.sol";
import { CaseStatus, Receipt, Violation } from "../../src/libraries/Types.sol";
import { CaseTest } from "../utils/CaseTest.sol";

/// @title Random cases, proofs and provers, well behaved and not
/// @dev Each action does what is possible in the present state; what is not is skipped, never
/// tried.
contract CaseHandler is CaseTest {
    struct CaseGhost {
        bytes32 id;
        Behaviour behaviour;
        CaseStatus last;
        bytes32 facts;
        uint256 removed;
        /// @dev `Round`, encoded because the compiler copies no dynamic array of structs to storage
        bytes round;
    }

    uint256 private constant MAX_CASES = 24;
    uint256 private constant MAX_MEMBERS = 14;

    CaseGhost[] private _ghosts;
    uint256 public burnedBundles;
    uint256 public paidIn;
    uint256 public slashed;
    uint256 public staked;
    uint256 public stakeReturned;
    uint256 public penalties;
    uint256 private _proofs;
    uint256 private _time;
    uint256 private _block;

    /// @dev Forge does not promise to keep the clock between the calls of a run.
    modifier step() {
        vm.warp(_time);
        vm.roll(_block);
        _;
        _time = vm.getBlockTimestamp();
        _block = vm.getBlockNumber();
        _observe();
    }

    constructor() {
        setUp();
        paidIn = COLLATERAL;
        staked = PROVERS * uint256(MIN_STAKE) * 10;
        _time = vm.getBlockTimestamp();
        _block = vm.getBlockNumber();
    }

    function _personalCount() internal pure override returns (uint32) {
        return 16 * 48;
    }

    // ---- What the invariants read

    function system() external view returns (address, address, address, address, address) {
        return
            (address(manager), address(registry), address(vault), address(provers), address(token));
    }

    function license() external view returns (bytes32, bytes32) {
        return (licenseId, modelId);
    }

    function caseCount() external view returns (uint256) {
        return _ghosts.length;
    }

    function caseGhost(uint256 i) external view returns (CaseGhost memory) {
        return _ghosts[i];
    }

    function drawnOf(uint256 i) external view returns (uint32[] memory, address[] memory) {
        Round memory round = abi.decode(_ghosts[i].round, (Round));
        return (round.bundles, round.committee);
    }

    function collateral() external view returns (uint256 amount, uint256 freezes) {
        ICollateralVault.Collateral memory c = vault.collateral(ref());
        return (c.amount, c.freezes);
    }

    function memberCount() external view returns (uint256) {
        return members.length;
    }

    function memberAt(uint256 i) external view returns (address) {
        return members[i].addr;
    }

    /// @dev Everybody who can have a balance in the challenge manager, besides the provers.
    function parties() external view returns (address[2] memory) {
        return [reporter, host.addr];
    }

    // ---- Cases

    function open(uint256 behaviour) external step {
        if (_ghosts.length == MAX_CASES) return;
        if (vault.collateral(ref()).amount == 0) return;
        Round memory round = _open();
        CaseGhost storage g = _ghosts.push();
        g.id = round.caseId;
        g.behaviour = Behaviour(behaviour % 4);
        g.last = CaseStatus.Opened;
        g.round = abi.encode(round);
    }

    /// @dev The next thing that someone does in a case; now and then they do not.
    function advance(uint256 seed, uint256 lazy) external step {
        if (_ghosts.length == 0 || lazy % 8 == 0) return;
        CaseGhost storage g = _ghosts[seed % _ghosts.length];
        IChallengeTypes.Case memory c = manager.caseOf(g.id);
        if (block.timestamp > c.deadline) return;
        if (c.status == CaseStatus.Opened) return _drawStep(g);
        _actStep(g, c.status, seed);
    }

    /// @dev All the steps that are left, so that runs see verdicts too.
    function finish(uint256 seed) external step {
        if (_ghosts.length == 0) return;
        CaseGhost storage g = _ghosts[seed % _ghosts.length];
        for (uint256 i; i < 16; ++i) {
            IChallengeTypes.Case memory c = manager.caseOf(g.id);
            if (block.timestamp > c.deadline || c.status >= CaseStatus.Rebuttal) return;
            if (c.status == CaseStatus.Opened) {
                _drawStep(g);
                if (manager.caseOf(g.id).status == CaseStatus.Opened) return;
                continue;
            }
            _actStep(g, c.status, i);
        }
    }

    function _actStep(CaseGhost storage g, CaseStatus status, uint256 seed) private {
        Round memory round = abi.decode(g.round, (Round));
        if (status == CaseStatus.Drawn) {
            _post(round);
            _hear(round, g.behaviour);
        } else if (status == CaseStatus.Committing) {
            _commitStep(round, seed);
        } else if (status == CaseStatus.Revealing) {
            _revealStep(round, seed);
        } else if (status == CaseStatus.Opening) {
            _openStep(round);
        }
        g.round = abi.encode(round);
    }

    function rebut(uint256 seed, uint16 fingerprint) external step {
        if (_ghosts.length == 0) return;
        CaseGhost storage g = _ghosts[seed % _ghosts.length];
        IChallengeTypes.Case memory c = manager.caseOf(g.id);
        if (c.status != CaseStatus.Rebuttal || block.timestamp > c.deadline) return;
        Round memory round = abi.decode(g.round, (Round));
        for (uint256 i; i < 2; ++i) {
            _rebutStep(round, (seed + i) % 5, fingerprint % 32);
        }
    }

    /// @dev C2: what a case took comes back as balances, all of it and once.
    function resolve(uint256 seed) external step {
        if (_ghosts.length == 0) return;
        CaseGhost storage g = _ghosts[seed % _ghosts.length];
        uint256 credited = _credited();
        uint256 collateralBefore = vault.collateral(ref()).amount;
        uint256 stakeBefore = _stakes();
        Round memory round = abi.decode(g.round, (Round));
        try manager.resolve(round.id, _drawnOf(round), round.questionsHash, round.outcome) {
            assertEq(_credited() - credited, BOND + FEES, "C2: credited");
            slashed += collateralBefore - vault.collateral(ref()).amount;
            penalties += stakeBefore - _stakes();
        } catch (bytes memory reason) {
            assertEq(
                bytes32(bytes4(reason)),
                bytes32(IChallengeTypes.ChallengeManager_NotResolvable.selector)
            );
        }
    }

    function pull(uint256 seed) external step {
        address account = _party(seed);
        if (_balance(account) == 0) return;
        vm.prank(account);
        manager.withdrawBalance(address(token), account);
    }

    // ---- Proofs

    function prove(uint256 seed) external step {
        Receipt memory a = _receipt(uint64(++_proofs));
        Receipt memory b = _receipt(uint64(_proofs));
        b.responseHash = "another response";
        if (seed % 16 == 0) {
            _reportProof(reporter, Violation.Equivocation, a);
            uint256 before = vault.collateral(ref()).amount;
            (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
            vm.prank(reporter);
            manager.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
            slashed += before - vault.collateral(ref()).amount;
        }
    }

    function topUp(uint128 amount) external step {
        amount = uint128(bound(amount, 1, 50 ether));
        vm.prank(host.addr);
        vault.topUp(ref(), amount);
        paidIn += amount;
    }

    // ---- Provers

    function join(uint128 stake) external step {
        if (members.length == MAX_MEMBERS) return;
        stake = uint128(bound(stake, MIN_STAKE, 100 ether));
        members.push(makeAccount(string.concat("prover ", vm.toString(members.length))));
        address account = members[members.length - 1].addr;
        _fund(account);
        _stake(account, stake);
        staked += stake;
    }

    function addStake(uint256 seed, uint128 amount) external step {
        address account = members[seed % members.length].addr;
        IProverRegistry.Prover memory p = provers.prover(account);
        if (p.activeFrom == 0 || p.thawEnd != 0) return;
        amount = uint128(bound(amount, 1, 30 ether));
        vm.prank(account);
        provers.addStake(amount);
        staked += amount;
    }

    function quit(uint256 seed, uint256 eager) external step {
        address account = members[seed % members.length].addr;
        IProverRegistry.Prover memory p = provers.prover(account);
        if (p.activeFrom == 0) return;
        vm.startPrank(account);
        if (p.thawEnd == 0) {
            if (eager % 4 == 0) provers.startThaw();
        } else if (block.timestamp >= p.thawEnd && p.openCases == 0) {
            stakeReturned += p.stake;
            provers.withdraw();
        }
        vm.stopPrank();
    }

    function pass(uint256 seconds_) external step {
        skip(bound(seconds_, 1, 4 hours));
        mine(1);
    }

    // ---- Helpers

    function _drawStep(CaseGhost storage g) private {
        _mineBeacon("case");
        Round memory round = abi.decode(g.round, (Round));
        vm.recordLogs();
        try manager.drawCase(round.id) {
            burnedBundles += 2;
            _noteDraw(round);
            g.round = abi.encode(round);
        } catch (bytes memory reason) {
            assertEq(
                bytes32(bytes4(reason)),
                bytes32(IProverRegistry.ProverRegistry_TooFewProvers.selector)
            );
        }
    }

    /// @dev One member of seven answers blindly.
    function _hear(Round memory round, Behaviour behaviour) private view {
        _ask(round, behaviour);
        for (uint256 i; i < 5; ++i) {
            if (uint256(keccak256(abi.encode(round.caseId, i))) % 7 == 0) {
                round.tags[i] = _answers(round, Behaviour.Silent);
            }
        }
    }

    function _commitStep(Round memory round, uint256 seed) private {
        uint256 i = seed % 5;
        if (manager.wordOf(round.caseId, round.committee[i]) == 0) _commitTags(round, i);
    }

    function _revealStep(Round memory round, uint256 seed) private {
        uint256 i = seed % 5;
        address member = round.committee[i];
        if (manager.wordOf(round.caseId, member) == 0) return;
        if (_hasRevealed(round.caseId, member)) return;
        _revealTags(round, i);
    }

    function _rebutStep(Round memory round, uint256 i, uint16 fingerprint) private {
        Account memory member = _accountOf(round.committee[i]);
        bytes32 channelId = escrow.channelIdOf(licenseId, member.addr, address(0), 0);
        if (escrow.channel(channelId).deposited == 0) {
            if (!registry.isActive(licenseId, uint40(block.timestamp))) return;
            _openChannel(member.addr, address(0), 1 ether);
        }
        bytes32[] memory hashes = _openedKeyHashes(round);
        bytes memory call_ = abi.encodeCall(
            manager.rebut,
            (
                round.id,
                _drawnOf(round),
                round.outcome,
                hashes,
                fingerprint,
                _voucher(member, hashes[fingerprint])
            )
        );
        (bool done, bytes memory reason) = address(manager).call(call_);
        // The only excuse: this member's payment was shown before.
        if (!done) {
            assertEq(
                bytes32(bytes4(reason)),
                bytes32(IChallengeTypes.ChallengeManager_AlreadyDone.selector)
            );
        }
    }

    function _openStep(Round memory round) private {
        for (uint256 i; i < 5; ++i) {
            if (!_hasRevealed(round.caseId, round.committee[i])) round.tags[i] = "";
        }
        _openLeaves(round);
    }

    function _party(uint256 seed) private view returns (address) {
        uint256 i = seed % (members.length + 2);
        if (i == members.length) return reporter;
        return i == members.length + 1 ? host.addr : members[i].addr;
    }

    function _credited() private view returns (uint256 sum) {
        for (uint256 i; i < members.length + 2; ++i) {
            sum += _balance(_party(i));
        }
    }

    function _stakes() private view returns (uint256 sum) {
        for (uint256 i; i < members.length; ++i) {
            sum += provers.prover(members[i].addr).stake;
        }
    }

    /// @dev C6, C7: what may only move one way.
    function _observe() private {
        for (uint256 i; i < _ghosts.length; ++i) {
            CaseGhost storage g = _ghosts[i];
            IChallengeTypes.Case memory c = manager.caseOf(g.id);
            assertTrue(
                c.status == g.last || (g.last < CaseStatus.Upheld && c.status > g.last),
                "C6: status went back"
            );
            if (g.last >= CaseStatus.Rebuttal) assertEq(c.facts, g.facts, "C7: facts changed");
            uint256 removed = manager.removedOf(g.id);
            assertEq(removed & g.removed, g.removed, "C7: a removal was taken back");
            (g.last, g.facts, g.removed) = (c.status, c.facts, removed);
        }
    }
}
