// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "../../src/interfaces/ILicenseRegistry.sol";
import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, LicenseStatus, NATIVE, Terms } from "../../src/libraries/Types.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @title What a random run remembers, and what must hold after each of its steps
abstract contract HandlerBase is LicensingTest {
    struct LicenseGhost {
        bytes32 id;
        uint96 nonce;
        bool native;
        LicenseStatus last;
        bytes32 seed;
        uint256 paidIn;
        uint256 slashed;
        uint256 withdrawn;
        uint256 due;
        uint256 held;
        uint256 trialEnd;
    }

    struct ChannelGhost {
        bytes32 id;
        uint256 license;
        bytes32 salt;
        uint128 signedAmount;
        uint128 claimed;
        uint128 reserved;
        uint128 served;
        IPaymentEscrow.ChannelStatus last;
        CloseGhost word;
    }

    /// @dev A signed close, from which the host serves no more.
    struct CloseGhost {
        uint128 deposited;
        uint128 finalAmount;
        bytes signature;
    }

    struct ClaimGhost {
        uint256 time;
        uint256 amount;
    }

    uint256 internal constant MAX_LICENSES = 8;
    uint256 internal constant MAX_CHANNELS = 8;

    LicenseGhost[] internal _licenseGhosts;
    ChannelGhost[] internal _channelGhosts;
    mapping(uint256 license => ClaimGhost[]) internal _claims;
    uint256 public activated;
    uint256 public burnedBundles;
    mapping(bool native => uint256) public slashed;
    mapping(bool native => uint256) public paidOut;
    mapping(bool native => uint256) public releasedFees;
    mapping(bool native => uint256) public pulled;

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
        _publish(_termsOf(false));
        _publish(_termsOf(true));
        _time = vm.getBlockTimestamp();
        _block = vm.getBlockNumber();
    }

    function licenseCount() external view returns (uint256) {
        return _licenseGhosts.length;
    }

    function channelCount() external view returns (uint256) {
        return _channelGhosts.length;
    }

    function licenseGhost(uint256 i) external view returns (LicenseGhost memory) {
        return _licenseGhosts[i];
    }

    function channelGhost(uint256 i) external view returns (ChannelGhost memory) {
        return _channelGhosts[i];
    }

    function system() external view returns (address, address, address, address) {
        return (address(registry), address(vault), address(escrow), address(token));
    }

    function collateralOf(uint256 i) external view returns (ICollateralVault.Collateral memory) {
        return vault.collateral(_refOf(_licenseGhosts[i]));
    }

    function people() external view returns (address[4] memory) {
        return [host.addr, owner.addr, parentOwner.addr, payer.addr];
    }

    function model() external view returns (bytes32) {
        return modelId;
    }

    function _currency(bool native) internal view returns (address) {
        return native ? NATIVE : address(token);
    }

    function _refOf(LicenseGhost storage g) internal view returns (LicenseRef memory) {
        return LicenseRef(_termsOf(g.native), host.addr, g.nonce);
    }

    function _termsOf(bool native) internal view returns (Terms memory terms) {
        terms = _termsIn(_currency(native));
        terms.trialPeriod = 7 days;
    }

    /// @dev E4, R1, R4: what may only move one way.
    function _observe() private {
        for (uint256 i = 0; i < _licenseGhosts.length; ++i) {
            LicenseGhost storage g = _licenseGhosts[i];
            ILicenseRegistry.License memory l = registry.license(g.id);
            assertTrue(_mayFollow(g.last, l.status), "R1: life cycle");
            assertTrue(g.seed == 0 || g.seed == l.seed, "R4: seed changed");
            g.last = l.status;
            g.seed = l.seed;
        }
        for (uint256 i = 0; i < _channelGhosts.length; ++i) {
            ChannelGhost storage g = _channelGhosts[i];
            IPaymentEscrow.Channel memory c = escrow.channel(g.id);
            assertGe(c.claimed, g.claimed, "E4: claimed fell");
            assertGe(uint256(c.status), uint256(g.last), "E8: opened again");
            g.last = c.status;
            uint128 reserved = escrow.reserved(g.id);
            assertGe(reserved, g.reserved, "E4: reservation fell");
            (g.claimed, g.reserved) = (c.claimed, reserved);
        }
    }

    function _mayFollow(LicenseStatus from, LicenseStatus to) private pure returns (bool) {
        if (from == to) return true;
        if (from == LicenseStatus.Acquired) {
            return to == LicenseStatus.Seeded || to == LicenseStatus.Cancelled;
        }
        if (from == LicenseStatus.Seeded) {
            return to == LicenseStatus.Accepted || to == LicenseStatus.Cancelled;
        }
        if (from == LicenseStatus.Accepted) {
            return to == LicenseStatus.Active || to == LicenseStatus.Cancelled;
        }
        return from == LicenseStatus.Active && to == LicenseStatus.Terminated;
    }
}
