// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_announce is ProverTest {
    function test_revertWhen_notRegistered() public {
        _expectRevert(IProverRegistry.ProverRegistry_NotRegistered.selector, alice);
        vm.prank(alice);
        provers.announce(KEY, INBOX);
    }

    function test_revertWhen_noKeyOrBadInbox() public {
        _join(alice, 1);
        vm.expectRevert(IProverRegistry.ProverRegistry_NoEncryptionKey.selector);
        vm.prank(alice);
        provers.announce(0, INBOX);
        vm.expectRevert(abi.encodeWithSelector(IProverRegistry.ProverRegistry_BadInbox.selector, 0));
        vm.prank(alice);
        provers.announce(KEY, "");
    }

    function test_announces() public {
        _join(alice, 1);
        skip(5);
        vm.expectEmit(address(provers));
        emit IProverRegistry.ProverAnnounced(alice, "other", "https://other.example");
        vm.prank(alice);
        provers.announce("other", "https://other.example");
        assertEq(provers.prover(alice).encryptionKey, "other", "key");
        assertEq(provers.prover(alice).aliveUntil, _now() + ALIVE, "shows life");
    }
}
