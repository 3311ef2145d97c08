// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { BURN, Currency, NATIVE } from "../../../src/libraries/Currency.sol";
import { TestToken } from "../../../src/testing/TestToken.sol";
import { TestBase } from "../../utils/TestBase.sol";

/// @dev A token that answers every call with what it was told to.
contract Parrot {
    bytes private _answer;
    bool private _reverts;

    function teach(bytes calldata answer, bool reverts) external {
        (_answer, _reverts) = (answer, reverts);
    }

    fallback() external {
        bytes memory answer = _answer;
        bool reverts = _reverts;
        assembly ("memory-safe") {
            if reverts { revert(add(answer, 0x20), mload(answer)) }
            return(add(answer, 0x20), mload(answer))
        }
    }
}

contract CurrencyTest is TestBase {
    Parrot private _token;

    function setUp() public {
        _token = new Parrot();
    }

    function pull(address currency, address from, uint256 amount) external payable {
        Currency.pull(currency, from, amount);
    }

    function push(address currency, address to, uint256 amount) external {
        Currency.push(currency, to, amount);
    }

    function test_movesASingleUnit() public {
        TestToken token = new TestToken("Test Dollar", "TUSD", 18);
        address alice = makeAddr("alice");
        token.mint(alice, 1);
        vm.prank(alice);
        token.approve(address(this), 1);
        this.pull(address(token), alice, 1);
        assertEq(token.balanceOf(address(this)), 1, "pulled");
        this.push(address(token), alice, 1);
        assertEq(token.balanceOf(alice), 1, "pushed");
    }

    function tryBurn(address currency, uint256 amount) external returns (bool) {
        return Currency.tryBurn(currency, amount);
    }

    function requireReceived(address currency, uint256 balanceBefore, uint256 amount)
        external
        view
    {
        Currency.requireReceived(currency, balanceBefore, amount);
    }

    function _burn(bytes memory answer, bool reverts) private returns (bool) {
        _token.teach(answer, reverts);
        return this.tryBurn(address(_token), 1);
    }

    function test_tryBurn_BelievesATokenThatSaysNothingOrTrue() public {
        assertTrue(_burn("", false), "no return value");
        assertTrue(_burn(abi.encode(true), false), "true");
        assertTrue(_burn(abi.encode(true, 7), false), "true and more");
    }

    function test_tryBurn_DoesNotBelieveAnythingElse() public {
        assertFalse(_burn(abi.encode(false), false), "false");
        assertFalse(_burn(abi.encode(2), false), "neither");
        assertFalse(_burn(hex"01", false), "one byte");
        assertFalse(_burn("", true), "reverts without reason");
        assertFalse(_burn(abi.encode(true), true), "reverts with true");
    }

    function test_tryBurn_OfNothingAsksNobody() public {
        _token.teach("", true);
        assertTrue(this.tryBurn(address(_token), 0), "nothing");
        assertTrue(this.tryBurn(NATIVE, 0), "nothing native");
    }

    function test_tryBurn_OfTheNativeCurrency() public {
        uint256 burned = BURN.balance;
        vm.deal(address(this), 5);
        assertTrue(this.tryBurn(NATIVE, 5), "there is enough");
        assertEq(BURN.balance, burned + 5, "burned");
        assertFalse(this.tryBurn(NATIVE, 1), "there is none left");
    }

    function test_requireReceived() public {
        _token.teach(abi.encode(uint256(100)), false);
        this.requireReceived(address(_token), 60, 40);
        this.requireReceived(address(_token), 100, 0);

        _expectWrongAmount(39, 40);
        this.requireReceived(address(_token), 61, 40);
        _expectWrongAmount(41, 40);
        this.requireReceived(address(_token), 59, 40);
        _expectWrongAmount(0, 40);
        this.requireReceived(address(_token), 100, 40);
        // Less than before is reported as nothing, and never taken for a very large amount.
        _expectWrongAmount(0, 40);
        this.requireReceived(address(_token), 101, 40);
    }

    function _expectWrongAmount(uint256 received, uint256 expected) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                Currency.Currency_WrongAmountReceived.selector, address(_token), received, expected
            )
        );
    }
}
