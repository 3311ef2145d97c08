// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ChallengeManager } from "../../../src/ChallengeManager.sol";
import { ProverRegistry } from "../../../src/ProverRegistry.sol";
import { CaseBook } from "../../../src/challenge/CaseBook.sol";
import { ChallengeBase } from "../../../src/challenge/ChallengeBase.sol";
import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { CaseRef, Drawn, LicenseRef, NATIVE, Terms } from "../../../src/libraries/Types.sol";
import { VectorTest } from "./VectorTest.sol";

/// @dev Shows the hashes that a case keeps.
contract Facts is CaseBook {
    constructor(address any, address provers_, Config memory c)
        ChallengeBase(any, any, any, provers_, any, c)
    { }

    function afterDraw(Drawn calldata drawn) external pure returns (bytes32) {
        return _hashDrawn(drawn);
    }

    function afterQuestions(Drawn calldata drawn, bytes32 questionsHash)
        external
        pure
        returns (bytes32)
    {
        return _factsOf(drawn, questionsHash);
    }

    function afterOpening(Drawn calldata drawn, Outcome calldata outcome)
        external
        pure
        returns (bytes32)
    {
        return _factsOf(drawn, _outcomeHash(outcome));
    }
}

contract CaseVectors is VectorTest {
    ChallengeManager private _manager;
    Facts private _facts;

    function setUp() public {
        _load("hashes");
        vm.chainId(_number("chainId"));
        IChallengeTypes.Config memory c = _smallestConfig();
        address provers = address(new ProverRegistry(address(this), NATIVE, 1, 1));
        address any = address(this);
        address registry = _address("registry");
        _manager = ChallengeManager(_address("challengeManager"));
        vm.etch(
            address(_manager),
            address(new ChallengeManager(registry, any, any, provers, any, c)).code
        );
        _facts = new Facts(any, provers, c);
    }

    function test_caseId() public view {
        Terms memory terms = abi.decode(_bytesArray("terms")[1], (Terms));
        CaseRef memory ref = CaseRef({
            license: LicenseRef({
                terms: terms, host: _address("host"), nonce: uint96(_number("nonce"))
            }),
            deploymentHash: _word("deploymentHash"),
            reporter: _address("reporter"),
            openedAt: uint40(_number("openedAt")),
            cases: uint32(_number("cases")),
            licenses: uint32(_number("licenses")),
            leak: _flag("leak")
        });
        assertEq(_manager.caseIdOf(ref), _word("caseId"), "case id");
    }

    function test_facts() public view {
        uint256[] memory numbers = _numbers("bundles");
        uint32[] memory bundles = new uint32[](numbers.length);
        for (uint256 i; i < numbers.length; ++i) {
            bundles[i] = uint32(numbers[i]);
        }
        Drawn memory drawn = Drawn({ bundles: bundles, committee: _addresses("committee") });
        assertEq(_facts.afterDraw(drawn), _word("factsDrawn"), "drawn");
        assertEq(_facts.afterQuestions(drawn, _word("questionsHash")), _word("factsAsked"), "asked");
        IChallengeTypes.Outcome memory outcome = IChallengeTypes.Outcome({
            hits: _number("hits"), outside: _number("outside"), keysHash: _word("keysHash")
        });
        assertEq(_facts.afterOpening(drawn, outcome), _word("factsOpened"), "opened");
    }
}
