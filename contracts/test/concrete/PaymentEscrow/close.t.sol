// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, NATIVE } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract PaymentEscrow_close is LicensingTest {
    bytes32 private channelId;

    function _open() private returns (LicenseRef memory ref) {
        (ref,) = _active();
        channelId = _channel(ref);
    }

    function _word(uint128 deposited, uint128 amount) private view returns (bytes memory) {
        return signature(host.key, escrow.closeDigest(channelId, deposited, amount));
    }

    function _close(LicenseRef memory ref, uint128 amount, bytes memory word) private {
        escrow.close(ref, payer.addr, address(0), 0, DEPOSIT, amount, word);
    }

    function _deposit(LicenseRef memory ref, uint128 amount) private {
        vm.prank(stranger);
        escrow.deposit(ref, payer.addr, address(0), 0, amount);
    }

    function test_revertWhen_notByHost() public {
        LicenseRef memory ref = _open();
        bytes memory reason = abi.encodeWithSelector(
            IPaymentEscrow.PaymentEscrow_NotByHost.selector, host.addr, payer.addr
        );
        bytes[3] memory words = [bytes(""), _word(DEPOSIT, 1 ether), _word(DEPOSIT + 1, 0)];
        vm.startPrank(payer.addr);
        for (uint256 i = 0; i < words.length; ++i) {
            vm.expectRevert(reason);
            _close(ref, 0, words[i]);
        }
    }

    function test_revertWhen_unknown() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        channelId = escrow.channelIdOf(id, payer.addr, address(0), 0);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_UnknownChannel.selector, channelId)
        );
        vm.prank(host.addr);
        _close(ref, 0, "");
    }

    function test_revertWhen_closed() public {
        LicenseRef memory ref = _open();
        vm.startPrank(host.addr);
        _close(ref, 4 ether, "");
        bytes memory reason =
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_ChannelClosed.selector, channelId);
        vm.expectRevert(reason);
        escrow.close(ref, payer.addr, address(0), 0, 4 ether, 0, "");
        vm.stopPrank();
        bytes memory word = _word(4 ether, 0);
        vm.expectRevert(reason);
        escrow.close(ref, payer.addr, address(0), 0, 4 ether, 0, word);
    }

    function test_revertWhen_moreThanWasDeposited() public {
        LicenseRef memory ref = _open();
        bytes memory word = _word(DEPOSIT + 1, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_WrongDeposit.selector, channelId, DEPOSIT + 1, DEPOSIT
            )
        );
        escrow.close(ref, payer.addr, address(0), 0, DEPOSIT + 1, 0, word);
    }

    function test_revertWhen_nothingToClose() public {
        LicenseRef memory ref = _open();
        bytes memory reason =
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_NothingToClose.selector, channelId);
        vm.prank(host.addr);
        vm.expectRevert(reason);
        _close(ref, DEPOSIT, "");
        escrow.reserve(ref, _row(ref, DEPOSIT, 1, 0));
        vm.prank(host.addr);
        vm.expectRevert(reason);
        _close(ref, 0, "");
    }

    function test_closesByTheHostsSignature() public {
        LicenseRef memory ref = _open();
        uint256 before = token.balanceOf(payer.addr);
        bytes memory word = _word(DEPOSIT, 3 ether);
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.ChannelClosed(channelId, 3 ether, DEPOSIT - 3 ether);
        vm.prank(stranger);
        _close(ref, 3 ether, word);
        assertEq(token.balanceOf(payer.addr), before + DEPOSIT - 3 ether, "to the payer alone");
        assertEq(
            uint256(escrow.channel(channelId).status),
            uint256(IPaymentEscrow.ChannelStatus.Closed),
            "for good"
        );
        // What the host kept to itself can still be claimed, and no more.
        assertEq(_claim(ref, _row(ref, 4 ether, 1, 0)), 0);
        assertEq(_claim(ref, _row(ref, 3 ether, 1, 0)), 3 ether);
    }

    function test_leavesLaterDepositsToAThaw() public {
        LicenseRef memory ref = _open();
        bytes memory word = _word(DEPOSIT, 3 ether);
        _deposit(ref, 5 ether);
        uint256 before = token.balanceOf(payer.addr);
        _close(ref, 3 ether, word);
        assertEq(token.balanceOf(payer.addr), before + DEPOSIT - 3 ether, "of what was signed");
        assertEq(escrow.channel(channelId).deposited, 8 ether);
        // What was served for the later deposit is claimed in the thaw.
        vm.prank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        assertEq(_claim(ref, _row(ref, 6 ether, 1, 0)), 6 ether);
        skip(ref.terms.thawPeriod);
        vm.prank(payer.addr);
        escrow.withdraw(ref, address(0), 0);
        assertEq(token.balanceOf(payer.addr), before + DEPOSIT - 1 ether, "and the rest");
    }

    function test_neverPaysBackWhatIsClaimedOrReserved() public {
        LicenseRef memory ref = _open();
        _claim(ref, _row(ref, 2 ether, 1, 0));
        escrow.reserve(ref, _row(ref, 5 ether, 2, 0));
        uint256 before = token.balanceOf(payer.addr);
        vm.prank(host.addr);
        _close(ref, 0, "");
        assertEq(token.balanceOf(payer.addr), before + DEPOSIT - 5 ether);
        assertEq(_claim(ref, _row(ref, 5 ether, 2, 0)), 3 ether);
    }

    function test_leavesARunningThaw() public {
        LicenseRef memory ref = _open();
        vm.prank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        uint40 thawEnd = escrow.channel(channelId).thawEnd;
        vm.prank(host.addr);
        _close(ref, 1 ether, "");
        assertEq(escrow.channel(channelId).thawEnd, thawEnd);
        vm.warp(thawEnd);
        uint256 before = token.balanceOf(payer.addr);
        vm.prank(payer.addr);
        escrow.withdraw(ref, address(0), 0);
        assertEq(token.balanceOf(payer.addr), before + 1 ether, "what the host did not claim");
    }

    function test_closesInNative() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        channelId = _channel(ref);
        uint256 before = payer.addr.balance;
        vm.prank(host.addr);
        _close(ref, 1 ether, "");
        assertEq(payer.addr.balance, before + DEPOSIT - 1 ether);
    }

    function test_digestIsTypedData() public view {
        string memory json = string.concat(
            '{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],"Close":[{"name":"channelId","type":"bytes32"},{"name":"deposited","type":"uint128"},{"name":"finalAmount","type":"uint128"}]},"primaryType":"Close","domain":{"name":"OML","version":"1","chainId":',
            vm.toString(block.chainid),
            ',"verifyingContract":"',
            vm.toString(address(escrow)),
            '"},"message":{"channelId":"',
            vm.toString(ROOT),
            '","deposited":"3000000000000000000","finalAmount":"1000000000000000000"}}'
        );
        assertEq(escrow.closeDigest(ROOT, 3 ether, 1 ether), vm.eip712HashTypedData(json));
    }
}
