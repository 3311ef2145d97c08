// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, NATIVE, Parent, Terms } from "../../src/libraries/Types.sol";
import { Calldata } from "../utils/Calldata.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @dev What licensing and payment cost. Honest only with `FOUNDRY_PROFILE=gas`: every call is then
/// a transaction of its own, with base fee and calldata. `tooling/snapshots/Money.json` holds the
/// figures.
contract MoneyGas is LicensingTest {
    string internal constant GROUP = "Money";

    /// @dev Other profiles would write figures that are not honest.
    function setUp() public override {
        bytes32 profile = keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string(""))));
        vm.skip(profile != keccak256("gas"), "only with FOUNDRY_PROFILE=gas");
        super.setUp();
    }

    function test_gas_registerModel() public {
        registry.registerModel(keccak256("gas"), METADATA, new Parent[](0));
        vm.snapshotGasLastCall(GROUP, "registerModel");
    }

    function test_gas_publishOffer() public {
        _publish(_terms());
        vm.snapshotGasLastCall(GROUP, "publishOffer");
        Calldata.note("publishOffer", abi.encodeCall(registry.publishOffer, (_terms())));
    }

    function test_gas_acquire() public {
        _acquired(_terms());
        vm.snapshotGasLastCall(GROUP, "acquire, token");
        Calldata.note(
            "acquire", abi.encodeCall(registry.acquire, (_terms(), 1, servingKey, ENCRYPTION_KEY))
        );
        Terms memory terms = _termsIn(NATIVE);
        terms.licenseFee = 0;
        _acquired(terms);
        vm.snapshotGasLastCall(GROUP, "acquire, native, no fee");
    }

    function test_gas_acquireTokenWithoutFee() public {
        Terms memory terms = _terms();
        terms.licenseFee = 0;
        (LicenseRef memory first,) = _acquired(terms);
        // The vault has a balance by now, as it has for all but the first license in a currency.
        _acquire(LicenseRef(first.terms, first.host, 2));
        vm.snapshotGasLastCall(GROUP, "acquire, token, no fee");
    }

    function test_gas_delivery() public {
        (LicenseRef memory ref,) = _accepted(_terms());
        vm.snapshotGasLastCall(GROUP, "acceptCopy");
        registry.deliverKey(ref, COPY_KEY);
        vm.snapshotGasLastCall(GROUP, "deliverKey");
        registry.releaseFee(ref);
        vm.snapshotGasLastCall(GROUP, "releaseFee");
    }

    function test_gas_openChannel() public {
        (LicenseRef memory ref,) = _active();
        _channel(ref);
        vm.snapshotGasLastCall(GROUP, "openChannel, token");
    }

    function test_gas_claim() public {
        (LicenseRef memory ref,) = _active();
        _channel(ref);
        _claim(ref, _row(ref, 1 ether, 1, 1));
        vm.snapshotGasLastCall(GROUP, "claim, first of a channel");
        IPaymentEscrow.ClaimRow[] memory one = new IPaymentEscrow.ClaimRow[](1);
        one[0] = _row(ref, 1 ether, 1, 1);
        Calldata.note("claim, 1 row", abi.encodeCall(escrow.claim, (ref, one)));
        IPaymentEscrow.ClaimRow memory row = _row(ref, 2 ether, 2, 2);
        _claim(ref, row);
        vm.snapshotGasLastCall(GROUP, "claim, 1 row");
    }

    function test_gas_claimBatch() public {
        _measureBatch(100, "claim, 100 rows");
    }

    function test_gas_claimTen() public {
        _measureBatch(10, "claim, 10 rows");
    }

    /// @dev The second claim of each channel, so that no slot is new.
    function _measureBatch(uint256 count, string memory name) private {
        (LicenseRef memory ref, bytes32 id) = _active();
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](count);
        for (uint256 round = 1; round < 3; ++round) {
            for (uint256 i = 0; i < count; ++i) {
                if (round == 1) {
                    vm.prank(payer.addr);
                    escrow.openChannel(ref, address(0), bytes32(i), 1 ether);
                }
                rows[i] = _rowOf(id, bytes32(i), uint128(round * 0.1 ether), uint64(round));
            }
            escrow.claim(ref, rows);
            if (round == 2) vm.snapshotGasLastCall(GROUP, name);
        }
        Calldata.note(name, abi.encodeCall(escrow.claim, (ref, rows)));
    }

    function _rowOf(bytes32 id, bytes32 salt, uint128 amount, uint64 requests)
        private
        view
        returns (IPaymentEscrow.ClaimRow memory row)
    {
        bytes32 channelId = escrow.channelIdOf(id, payer.addr, address(0), salt);
        row.payer = payer.addr;
        row.salt = salt;
        row.cumulativeAmount = amount;
        row.cumulativeRequests = requests;
        row.cumulativeTokens = requests;
        row.requestHash = REQUEST;
        (bytes32 r, bytes32 vs) = vm.signCompact(
            payer.key, escrow.voucherDigest(channelId, amount, requests, requests, REQUEST)
        );
        row.signature = abi.encodePacked(r, vs);
    }

    function test_gas_slash() public {
        (LicenseRef memory ref,) = _active();
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 5000, reporter, 7 days));
        vm.snapshotGasLastCall(GROUP, "slash");
    }
}
