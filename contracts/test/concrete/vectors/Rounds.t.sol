// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ECDSA } from "solady/utils/ECDSA.sol";

import { ProverRegistry } from "../../../src/ProverRegistry.sol";
import { Rounds } from "../../../src/Rounds.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { Openings } from "../../../src/libraries/Openings.sol";
import { NATIVE } from "../../../src/libraries/Types.sol";
import { VectorTest } from "./VectorTest.sol";

/// @dev The contract of rounds, with a way to have one without a seal.
contract KnownRounds is Rounds {
    constructor(address any, address provers_, Config memory c)
        Rounds(any, any, provers_, any, c)
    { }

    function provers() external view returns (address) {
        return address(PROVERS);
    }

    function put(bytes32 roundId, Round calldata known) external {
        _rounds[roundId] = known;
    }
}

/// @dev At the address and on the chain of the vectors.
contract RoundVectors is VectorTest {
    KnownRounds private _rounds;

    function setUp() public {
        _load("rounds");
        vm.chainId(_number("chainId"));
        _rounds = _roundsAt(_address("rounds"));
    }

    function _roundsAt(address place) private returns (KnownRounds) {
        address provers = address(
            new ProverRegistry(
                IProverRegistry.Config({
                    stakeCurrency: NATIVE,
                    ticketPrice: 1,
                    warmUp: 1,
                    alivePeriod: 1,
                    thawPeriod: 2,
                    roundLength: 2
                })
            )
        );
        IRounds.Config memory smallest =
            IRounds.Config({ answerWindow: 1, openWindow: 1, payoutDelay: 1, seatFee: 1 });
        vm.etch(place, address(new KnownRounds(address(this), provers, smallest)).code);
        return KnownRounds(place);
    }

    function test_words() public view {
        address[] memory accounts = _addresses("account");
        bytes32[] memory salts = _words("wordSalt");
        bytes32[] memory words = _words("word");
        bytes32[] memory ids = _words("roundId");
        assertEq(words.length, 128, "the words of a license");
        for (uint8 k; k < words.length; ++k) {
            bytes32 word = _rounds.wordOf(_word("licenseId"), k, accounts[k], salts[k]);
            assertEq(word, words[k], "word");
            assertEq(_rounds.roundIdOf(word, accounts[k]), ids[k], "round id");
        }
    }

    /// @dev The path that an opening takes: the bits of the index choose the side.
    function test_wordsAreUnderTheirRoot() public view {
        uint256[] memory proven = _numbers("proven");
        bytes32[] memory siblings = _words("sibling");
        _assertFilled(proven.length);
        for (uint256 i; i < proven.length; ++i) {
            bytes32 node = _words("word")[proven[i]];
            for (uint256 level; level < 7; ++level) {
                bytes32 sibling = siblings[7 * i + level];
                bool right = proven[i] >> level & 1 == 1;
                node = right
                    ? keccak256(abi.encode(sibling, node))
                    : keccak256(abi.encode(node, sibling));
            }
            assertEq(node, _word("casesRoot"), "root");
        }
    }

    function test_commitment() public view {
        assertEq(
            _rounds.deploymentCommitment(
                _word("deploymentHash"), _word("accessHash"), _word("salt")
            ),
            _word("commitment"),
            "what a seal commits to"
        );
    }

    function test_seals() public view {
        bytes32[] memory digests = _words("sealDigest");
        bytes[] memory signatures = _bytesArray("sealSignature");
        _assertFilled(digests.length);
        for (uint256 i; i < digests.length; ++i) {
            bytes32 digest = _rounds.sealDigest(
                _words("word")[i],
                _words("sealDeployment")[i],
                uint8(_number("seats")),
                _addresses("sealPayer")[i],
                uint16(_number("promiseBps"))
            );
            assertEq(digest, digests[i], "digest");
            assertEq(ECDSA.recover(digests[i], signatures[i]), _address("signer"), "signer");
        }
    }

    function test_seats() public {
        _load("draw");
        KnownRounds drawn = _roundsAt(_address("contract"));
        bytes32 roundId = _word("roundId");
        IRounds.Round memory known;
        known.status = IRounds.RoundStatus.Sealed;
        known.seats = 32;
        known.tickets = uint32(_number("tickets"));
        drawn.put(roundId, known);
        vm.mockCall(
            address(this),
            abi.encodeCall(IBeacon.valueOf, (0)),
            abi.encode(IBeacon.Status.Ready, _word("beaconValue"))
        );
        vm.mockCall(
            drawn.provers(),
            abi.encodeWithSelector(IProverRegistry.holderAt.selector),
            abi.encode(address(this))
        );
        assertEq(drawn.seedOf(roundId), _word("roundSeed"), "seed");
        uint256[] memory seats = _numbers("seat");
        _assertFilled(seats.length);
        for (uint256 i; i < seats.length; ++i) {
            (uint32 ticket,) = drawn.seatOf(roundId, uint8(seats[i]));
            assertEq(ticket, _numbers("ticket")[i], "ticket");
        }
    }

    function test_sheets() public view {
        bytes32[] memory keyHashes = _words("keyHash");
        assertEq(keyHashes.length, 8, "keys of a seat");
        Openings.Page memory page;
        for (uint256 i; i < 8; ++i) {
            page.keyHashes[8 + i] = keyHashes[i];
        }
        assertEq(Openings.keysHash(page, 1), _word("keysHash"), "keys");
        IRounds.Sheet memory sheet = IRounds.Sheet({
            seat: uint8(_number("sheetSeat")),
            prover: _address("prover"),
            keysHash: _word("keysHash"),
            tags: _word("tags")
        });
        bytes28 chain = bytes28(keccak256(abi.encode(bytes28(0), sheet)));
        assertEq(bytes32(chain), _word("chainOfOne"), "one sheet");
        ++sheet.seat;
        chain = bytes28(keccak256(abi.encode(chain, sheet)));
        assertEq(bytes32(chain), _word("chainOfTwo"), "two sheets");
    }
}
