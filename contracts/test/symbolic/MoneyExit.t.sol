// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CollateralVault } from "../../src/CollateralVault.sol";
import { PaymentEscrow } from "../../src/PaymentEscrow.sol";
import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { LicenseRef, LicenseStatus, NATIVE } from "../../src/libraries/Types.sol";

interface ExitVm {
    function warp(uint256 timestamp) external;
    function deal(address who, uint256 balance) external;
    function store(address where, bytes32 slot, bytes32 value) external;
}

/// @dev This contract is everybody: payer, host, registry and judge, all of them
/// willing.
abstract contract SymbolicMoney {
    ExitVm internal constant VM = ExitVm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint40 internal constant THAW = 14 days;
    uint256 internal constant START = 1_000_000;

    LicenseStatus internal status = LicenseStatus.Active;

    receive() external payable { }

    function isActive(bytes32, uint40) external pure returns (bool) {
        return true;
    }

    function licenseState(bytes32) external view returns (LicenseStatus, uint40) {
        return (status, uint40(START));
    }

    function _ref(uint128 collateral) internal view returns (LicenseRef memory ref) {
        ref.terms.currency = NATIVE;
        ref.terms.thawPeriod = THAW;
        ref.terms.collateral = collateral;
        ref.host = address(this);
    }
}

/// @dev A payer always gets back what was not promised to anybody, after the thaw and not sooner.
contract SymbolicPayerExit is SymbolicMoney {
    PaymentEscrow private _escrow;

    function setUp() external {
        VM.warp(START);
        _escrow = new PaymentEscrow(address(this), address(this));
    }

    function _openAndThaw(uint96 amount, uint40 waited) private returns (bool ok) {
        VM.deal(address(this), amount);
        _escrow.openChannel{ value: amount }(_ref(0), address(0), 0, amount);
        _escrow.startThaw(_ref(0), address(0), 0);
        VM.warp(START + uint256(waited));
        (ok,) = address(_escrow)
            .call(abi.encodeCall(_escrow.withdraw, (_ref(0), address(0), bytes32(0))));
    }

    function check_payerExitsAfterTheThaw(uint96 amount, uint40 waited) external {
        if (amount == 0 || waited < THAW || waited > 3650 days) return;
        assert(_openAndThaw(amount, waited));
        assert(address(this).balance == amount);
        assert(address(_escrow).balance == 0);
    }

    function check_payerStaysBeforeTheThaw(uint96 amount, uint40 waited) external {
        if (amount == 0 || waited >= THAW) return;
        assert(!_openAndThaw(amount, waited));
        assert(address(_escrow).balance == amount);
    }
}

/// @dev A host whose license has ended always gets its collateral back, less what was slashed.
contract SymbolicHostExit is SymbolicMoney {
    CollateralVault private _vault;

    function setUp() external {
        VM.warp(START);
        _vault = new CollateralVault(address(this), address(this), address(this), address(this));
        status = LicenseStatus.Terminated;
    }

    function _endAndThaw(uint96 collateral, uint40 waited) private returns (bool ok) {
        VM.deal(address(this), collateral);
        _vault.depositFor{ value: collateral }(0, address(this), NATIVE, collateral, 0);
        _vault.startThaw(_ref(collateral));
        VM.warp(START + uint256(waited));
        (ok,) = address(_vault).call(abi.encodeCall(_vault.withdraw, (_ref(collateral))));
    }

    function check_hostExitsAfterTheThaw(uint96 collateral, uint40 waited) external {
        if (collateral == 0 || waited < THAW || waited > 3650 days) return;
        assert(_endAndThaw(collateral, waited));
        assert(address(this).balance == collateral);
        assert(address(_vault).balance == 0);
    }

    function check_hostStaysBeforeTheThaw(uint96 collateral, uint40 waited) external {
        if (collateral == 0 || waited >= THAW) return;
        assert(!_endAndThaw(collateral, waited));
        assert(address(_vault).balance == collateral);
    }
}

/// @dev A reporter's part of a slash is paid out after its delay, however late, and only once.
contract SymbolicReporterExit is SymbolicMoney {
    address private constant REPORTER = address(0xBEEF);
    uint40 private constant DELAY = 7 days;
    uint128 private constant COLLATERAL = 100 ether;

    CollateralVault private _vault;

    function setUp() external {
        VM.warp(START);
        _vault = new CollateralVault(address(this), address(this), address(this), address(this));
        VM.deal(address(this), COLLATERAL);
        _vault.depositFor{ value: COLLATERAL }(0, address(this), NATIVE, COLLATERAL, 0);
        // How it is split is shown by `SymbolicSplits`, for every amount.
        LicenseRef memory ref = _ref(COLLATERAL);
        _vault.slash(ref, ICollateralVault.Slash(8000, REPORTER, 3000, 4000, DELAY, 0));
    }

    function check_reporterIsPaidOnceAfterTheDelay(uint40 waited) external {
        if (waited < DELAY || waited > 3650 days) return;
        VM.warp(START + uint256(waited));
        (bool ok,) = address(_vault).call(abi.encodeCall(_vault.payOut, (0)));
        assert(ok);
        assert(REPORTER.balance == 24 ether);
        (ok,) = address(_vault).call(abi.encodeCall(_vault.payOut, (0)));
        assert(!ok);
    }

    function check_reporterWaitsForTheDelay(uint40 waited) external {
        if (waited >= DELAY) return;
        VM.warp(START + uint256(waited));
        (bool ok,) = address(_vault).call(abi.encodeCall(_vault.payOut, (0)));
        assert(!ok);
        assert(REPORTER.balance == 0);
    }
}
