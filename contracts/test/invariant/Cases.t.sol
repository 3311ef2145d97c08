// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ChallengeManager } from "../../src/ChallengeManager.sol";
import { CollateralVault } from "../../src/CollateralVault.sol";
import { LicenseRegistry } from "../../src/LicenseRegistry.sol";
import { ProverRegistry } from "../../src/ProverRegistry.sol";
import { IChallengeTypes } from "../../src/interfaces/IChallengeTypes.sol";
import { IProverRegistry } from "../../src/interfaces/IProverRegistry.sol";
import { CaseStatus, LicenseStatus } from "../../src/libraries/Types.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { TestBase } from "../utils/TestBase.sol";
import { CaseHandler } from "./CaseHandler.sol";

/// @dev The invariants of `README.md`, by their numbers.
contract CasesInvariant is TestBase {
    CaseHandler internal handler;
    ChallengeManager internal manager;
    LicenseRegistry internal registry;
    CollateralVault internal vault;
    ProverRegistry internal provers;
    TestToken internal token;
    bytes32 internal licenseId;
    bytes32 internal modelId;

    function setUp() public {
        handler = new CaseHandler();
        (address m, address r, address v, address p, address t) = handler.system();
        manager = ChallengeManager(m);
        registry = LicenseRegistry(r);
        vault = CollateralVault(v);
        provers = ProverRegistry(p);
        token = TestToken(t);
        (licenseId, modelId) = handler.license();
        targetContract(address(handler));
        targetSelector(FuzzSelector({ addr: address(handler), selectors: _actions() }));
    }

    /// @dev What moves a case comes more often than the rest.
    function _actions() private pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](18);
        selectors[0] = CaseHandler.open.selector;
        selectors[1] = CaseHandler.advance.selector;
        selectors[2] = CaseHandler.advance.selector;
        selectors[3] = CaseHandler.advance.selector;
        selectors[4] = CaseHandler.advance.selector;
        selectors[5] = CaseHandler.finish.selector;
        selectors[6] = CaseHandler.rebut.selector;
        selectors[7] = CaseHandler.rebut.selector;
        selectors[8] = CaseHandler.resolve.selector;
        selectors[9] = CaseHandler.resolve.selector;
        selectors[10] = CaseHandler.pull.selector;
        selectors[11] = CaseHandler.prove.selector;
        selectors[12] = CaseHandler.topUp.selector;
        selectors[13] = CaseHandler.join.selector;
        selectors[14] = CaseHandler.addStake.selector;
        selectors[15] = CaseHandler.quit.selector;
        selectors[16] = CaseHandler.pass.selector;
        selectors[17] = CaseHandler.pass.selector;
    }

    function _isOpen(CaseStatus status) private pure returns (bool) {
        return status < CaseStatus.Upheld;
    }

    /// @dev One function, because forge makes a run of its own for each.
    /// forge-config: default.invariant.runs = 16
    function invariant_enforcement() public view {
        _checkCases();
        _checkProvers();
        (uint256 collateral,) = handler.collateral();
        assertEq(handler.paidIn(), collateral + handler.slashed(), "C4: collateral");
    }

    /// @dev The handler's actions reach every end of a case; else the invariants would say little.
    function test_everyEndIsReached() public {
        uint256[10] memory ends;
        uint256 removed;
        for (uint256 i; i < 60; ++i) {
            uint256 random = uint256(keccak256(abi.encode("walk", i)));
            if (i % 4 == 0) handler.open(random);
            else if (i % 4 == 1) handler.finish(i / 4);
            else if (i % 4 == 2) handler.rebut(i / 4, uint16(random % 32));
            else if (random % 3 == 0) handler.pass(2 hours);
        }
        handler.pass(4 hours);
        handler.pass(4 hours);
        for (uint256 i; i < handler.caseCount(); ++i) {
            handler.resolve(i);
            IChallengeTypes.Case memory c = manager.caseOf(handler.caseGhost(i).id);
            ++ends[uint256(c.status)];
            removed |= manager.removedOf(handler.caseGhost(i).id);
        }
        assertGt(ends[uint256(CaseStatus.Upheld)], 0, "none upheld");
        assertGt(ends[uint256(CaseStatus.Dismissed)], 0, "none dismissed");
        assertGt(ends[uint256(CaseStatus.Void)], 0, "none void");
        assertGt(removed, 0, "nothing removed");
        invariant_enforcement();
    }

    /// @dev C1, C3, C5, C8, C9.
    function _checkCases() private view {
        uint256 open;
        uint256 bundles;
        bool upheld;
        for (uint256 i; i < handler.caseCount(); ++i) {
            IChallengeTypes.Case memory c = manager.caseOf(handler.caseGhost(i).id);
            if (_isOpen(c.status)) ++open;
            if (c.status == CaseStatus.Upheld) upheld = true;
            (uint32[] memory drawn, address[] memory committee) = handler.drawnOf(i);
            bundles += drawn.length;
            assertLe(c.reveals, c.commits, "C8: reveals");
            assertLe(c.commits, committee.length, "C8: commits");
        }
        address[2] memory parties = handler.parties();
        uint256 owed = manager.balanceOf(address(token), parties[0])
            + manager.balanceOf(address(token), parties[1]);
        for (uint256 i; i < handler.memberCount(); ++i) {
            owed += manager.balanceOf(address(token), handler.memberAt(i));
        }
        assertEq(token.balanceOf(address(manager)), owed + open * 1.5 ether, "C1: manager");
        (, uint256 freezes) = handler.collateral();
        assertEq(freezes, open, "C3: freezes");
        assertEq(registry.universe(modelId, 0).cases, handler.caseCount(), "C5: cases");
        assertEq(registry.universe(modelId, 0).burnedBundles, bundles, "C5: bundles");
        assertEq(handler.burnedBundles(), bundles, "C5: burned twice");
        if (upheld) {
            assertTrue(
                registry.license(licenseId).status == LicenseStatus.Terminated, "C9: not ended"
            );
        }
    }

    /// @dev P1-P4.
    function _checkProvers() private view {
        uint256 stakes;
        for (uint256 i; i < handler.memberCount(); ++i) {
            address member = handler.memberAt(i);
            IProverRegistry.Prover memory p = provers.prover(member);
            stakes += p.stake;
            assertEq(p.openCases, _openCasesOf(member), "P2: open cases");
        }
        assertEq(token.balanceOf(address(provers)), stakes, "P1: stakes");
        assertEq(
            handler.staked(), stakes + handler.stakeReturned() + handler.penalties(), "P3: stake"
        );
        address[] memory list = provers.provers();
        for (uint256 i; i < list.length; ++i) {
            IProverRegistry.Prover memory p = provers.prover(list[i]);
            assertGe(p.stake, provers.minStake(), "P4: stake of a listed prover");
            assertEq(p.thawEnd, 0, "P4: listed while thawing");
            for (uint256 j; j < i; ++j) {
                assertTrue(list[i] != list[j], "P4: listed twice");
            }
        }
    }

    function _openCasesOf(address member) private view returns (uint256 count) {
        for (uint256 i; i < handler.caseCount(); ++i) {
            IChallengeTypes.Case memory c = manager.caseOf(handler.caseGhost(i).id);
            if (!_isOpen(c.status)) continue;
            (, address[] memory committee) = handler.drawnOf(i);
            for (uint256 j; j < committee.length; ++j) {
                if (committee[j] == member) ++count;
            }
        }
    }
}
