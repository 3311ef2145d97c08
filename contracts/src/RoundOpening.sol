// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IBeacon } from "./interfaces/IBeacon.sol";
import { ICollateralVault } from "./interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "./interfaces/ILicenseRegistry.sol";
import { IProverRegistry } from "./interfaces/IProverRegistry.sol";
import { IRounds } from "./interfaces/IRounds.sol";
import { Draw } from "./libraries/Draw.sol";
import { EValue } from "./libraries/EValue.sol";
import { Judgment } from "./libraries/Judgment.sol";
import { Leaves } from "./libraries/Leaves.sol";
import { Openings } from "./libraries/Openings.sol";
import { Shares } from "./libraries/Shares.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import { LicenseRef, LicenseStatus, SlashTerms } from "./libraries/Types.sol";

/// @title The opening of a round: what was drawn, what the seats hit, what follows
/// @dev Part of `Rounds`, which adds what moves a round until here.
abstract contract RoundOpening is IRounds {
    /// @dev Of the words with which rounds are sealed.
    bytes32 internal constant ROUND_DOMAIN = keccak256("OML.round.v1");

    uint8 internal constant DEMO_SEATS = TermsLib.DEMO_SEATS;

    uint8 private constant LEVEL = 2;

    /// @dev Levels of the tree over a license's 128 words.
    uint256 private constant WORD_DEPTH = 7;

    /// @dev Keeps every sum with a block time inside of `uint40`.
    uint40 private constant MAX_WINDOW = 365 days;

    ILicenseRegistry internal immutable REGISTRY;
    ICollateralVault internal immutable VAULT;
    IProverRegistry internal immutable PROVERS;
    IBeacon internal immutable BEACON;
    address internal immutable STAKE_CURRENCY;

    uint40 internal immutable _answerWindow;
    uint40 internal immutable _openWindow;
    uint40 internal immutable _payoutDelay;
    uint128 internal immutable _seatFee;

    /// @dev What the seats of a round have sent, in one slot: a slot of its own for each of them
    /// would be most of what an answer costs.
    /// @param answered bit i: seat i has sent its sheet
    /// @param chain over all sheets in the order in which they came, see `_linked`. Its 224 bits
    /// are enough: two lists with the same chain take 2^112 hashes to find
    struct Sheets {
        uint32 answered;
        bytes28 chain;
    }

    mapping(bytes32 roundId => Round) internal _rounds;
    mapping(bytes32 roundId => Sheets) internal _sheets;
    mapping(bytes32 licenseId => mapping(bool leak => Ledger)) internal _ledgers;
    mapping(bytes32 deploymentHash => bytes32 roundId) internal _flags;
    mapping(bytes32 roundId => bytes32 licenseId) internal _convicted;
    /// @dev One more than the fees that were earned and not taken out, 0 for who never earned any:
    /// a slot that stays in use costs the next opening a quarter of a new one.
    mapping(address prover => uint256) internal _fees;
    /// @dev Fees that nobody has earned and nobody has burned yet.
    uint256 internal _unearned;

    /// @dev What an opening finds out on its way.
    struct Finding {
        bytes32 roundId;
        bytes32 licenseId;
        bytes32 licenseSeed;
        bool leak;
        uint256[] places;
        uint8[] hits;
        uint32 missed;
        uint32[] opened;
    }

    constructor(
        address registry_,
        address vault_,
        address provers_,
        address beacon_,
        Config memory config_
    ) {
        require(registry_ != address(0), Rounds_BadConfig("registry", 0));
        require(vault_ != address(0), Rounds_BadConfig("vault", 0));
        require(beacon_ != address(0), Rounds_BadConfig("beacon", 0));
        _requireWindow("answerWindow", config_.answerWindow);
        _requireWindow("openWindow", config_.openWindow);
        require(
            config_.payoutDelay <= MAX_WINDOW, Rounds_BadConfig("payoutDelay", config_.payoutDelay)
        );
        // Fees of a round fit into what tokens count.
        require(
            config_.seatFee != 0 && config_.seatFee <= type(uint96).max,
            Rounds_BadConfig("seatFee", config_.seatFee)
        );
        IProverRegistry.Config memory prover = IProverRegistry(provers_).config();
        // Else a place could change hands while a round still draws it.
        require(
            prover.roundLength >= config_.answerWindow + config_.openWindow,
            Rounds_BadConfig("roundLength", prover.roundLength)
        );
        REGISTRY = ILicenseRegistry(registry_);
        VAULT = ICollateralVault(vault_);
        PROVERS = IProverRegistry(provers_);
        BEACON = IBeacon(beacon_);
        STAKE_CURRENCY = prover.stakeCurrency;
        _answerWindow = config_.answerWindow;
        _openWindow = config_.openWindow;
        _payoutDelay = config_.payoutDelay;
        _seatFee = config_.seatFee;
    }

    /// @inheritdoc IRounds
    function open(Opening calldata o) external {
        Finding memory f;
        f.licenseId = TermsLib.licenseId(o.license, address(REGISTRY));
        bytes32 word = wordOf(f.licenseId, o.index, o.account, o.wordSalt);
        f.roundId = roundIdOf(word, o.account);
        Round storage r = _rounds[f.roundId];
        _requireOpenable(o, f, r);
        _requireLicense(o, f, r, word);
        _requireDeployment(o, f, r);
        _count(o, f, r);
        _judge(o, f, r);
    }

    /// @inheritdoc IRounds
    function roundIdOf(bytes32 word, address account) public pure returns (bytes32) {
        return keccak256(abi.encode(word, account));
    }

    /// @inheritdoc IRounds
    function wordOf(bytes32 licenseId, uint8 index, address account, bytes32 salt)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(ROUND_DOMAIN, licenseId, index, account, salt));
    }

    /// @inheritdoc IRounds
    function deploymentCommitment(bytes32 deploymentHash, bytes32 accessHash, bytes32 salt)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(deploymentHash, accessHash, salt));
    }

    /* -------------------------------- checks -------------------------------- */

    /// @dev The answers are over, the opening is not, and it is the owner's.
    function _requireOpenable(Opening calldata o, Finding memory f, Round storage r) private view {
        address owner = o.license.terms.owner;
        require(msg.sender == owner, Rounds_OnlyOwner(owner, msg.sender));
        require(r.status != RoundStatus.None, Rounds_UnknownRound(f.roundId));
        require(r.status == RoundStatus.Sealed, Rounds_WrongStatus(f.roundId, r.status));
        uint256 from = uint256(r.sealedAt) + _answerWindow + 1;
        require(block.timestamp >= from, Rounds_TooEarly(from));
        uint256 until = uint256(r.sealedAt) + _roundLength();
        require(block.timestamp <= until, Rounds_TooLate(until));
    }

    /// @dev The round was sealed with a word of this license, as large as its terms say.
    function _requireLicense(Opening calldata o, Finding memory f, Round storage r, bytes32 word)
        private
        view
    {
        require(o.license.terms.evidenceLevels >> LEVEL & 1 != 0, Rounds_LevelNotAccepted(LEVEL));
        require(r.seats == o.license.terms.seats, Rounds_WrongSize(r.seats, o.license.terms.seats));
        ILicenseRegistry.License memory l = REGISTRY.license(f.licenseId);
        require(
            l.status == LicenseStatus.Active || l.status == LicenseStatus.Terminated,
            Rounds_LicenseNotLiable(f.licenseId)
        );
        // A root that came after the seal could hold whichever words were drawn well.
        require(
            r.sealedAt > l.casesAt && _isUnder(l.casesRoot, word, o.index, o.wordProof),
            Rounds_WrongWord(word)
        );
        f.leak = o.index >= Judgment.INDICES;
        uint64 opened = _ledgers[f.licenseId][f.leak].opened;
        require(
            opened >> (o.index % Judgment.INDICES) & 1 == 0,
            Rounds_AlreadyOpened(f.licenseId, o.index)
        );
        f.licenseSeed = l.seed;
    }

    /// @dev What was tested is what was committed to; its host answered for a registered deployment
    /// then, and still does.
    function _requireDeployment(Opening calldata o, Finding memory f, Round storage r)
        private
        view
    {
        bytes32 given = deploymentCommitment(o.deploymentHash, o.accessHash, o.deploymentSalt);
        require(given == r.deployment, Rounds_WrongDeployment(given, r.deployment));
        ILicenseRegistry.Deployment memory d = REGISTRY.deployment(f.licenseId, o.deploymentHash);
        // A place that its host has ceased to answer for is like any other: else whoever registers
        // it once could serve there for ever.
        bool registered =
            d.registeredAt != 0 && d.registeredAt <= r.sealedAt && r.sealedAt <= d.liableUntil;
        require(registered != f.leak, Rounds_WrongKind(o.index, registered));
        require(
            f.leak || block.timestamp <= d.liableUntil,
            Rounds_DeploymentNotLiable(o.deploymentHash, d.liableUntil)
        );
    }

    function _isUnder(bytes32 root, bytes32 word, uint8 index, bytes32[] calldata proof)
        private
        pure
        returns (bool)
    {
        if (proof.length != WORD_DEPTH || index >> WORD_DEPTH != 0) return false;
        bytes32 computed = word;
        for (uint256 i; i < WORD_DEPTH; ++i) {
            computed = index >> i & 1 == 0
                ? Leaves.node(computed, proof[i])
                : Leaves.node(proof[i], computed);
        }
        return computed == root;
    }

    /* -------------------------------- count -------------------------------- */

    /// @dev Counts the hits of every seat, and notes which bundles were opened.
    function _count(Opening calldata o, Finding memory f, Round storage r) private view {
        uint256 seats = r.seats;
        require(
            o.bundles.length == seats / 2,
            Rounds_WrongLength("bundles", o.bundles.length, seats / 2)
        );
        f.places = _placesOf(f.roundId, o.sheets, seats);
        bytes32 modelId = o.license.terms.modelId;
        uint32 epoch = o.license.terms.epoch;
        (uint32[] memory drawn, bool[] memory burned) = REGISTRY.drawBundles(
            modelId, epoch, _seedOf(f.roundId, r), uint8(seats / 2), r.sealedAt
        );
        Openings.Book memory book = Openings.bookOf(REGISTRY, modelId, epoch, f.licenseSeed);
        f.hits = new uint8[](seats);
        f.opened = new uint32[](drawn.length);
        uint256 opened;
        for (uint256 j; j < o.bundles.length; ++j) {
            // Closed, burned by another round since, or none left to draw: misses.
            if (o.bundles[j].leaves.length == 0 || j >= drawn.length || burned[j]) continue;
            f.opened[opened++] = drawn[j];
            Openings.Page memory page = Openings.open(book, drawn[j], o.bundles[j]);
            _countSeat(o, f, page, 2 * j);
            _countSeat(o, f, page, 2 * j + 1);
        }
        f.opened = _first(f.opened, opened);
    }

    /// @dev Of each seat one more than the place of its sheet in the list, 0 for none. Reverts
    /// unless the list is what the seats have sent, in the order in which they did: the owner
    /// could else keep a fee from one.
    function _placesOf(bytes32 roundId, Sheet[] calldata sent, uint256 seats)
        internal
        view
        returns (uint256[] memory places)
    {
        places = new uint256[](seats);
        bytes28 chain;
        for (uint256 i; i < sent.length; ++i) {
            chain = _linked(chain, sent[i]);
            // What no seat has sent may name any number; the chain refuses it below.
            if (sent[i].seat < seats) places[sent[i].seat] = i + 1;
        }
        require(chain == _sheets[roundId].chain, Rounds_WrongSheets(roundId));
    }

    /// @dev The chain once a sheet has come.
    function _linked(bytes28 chain, Sheet memory sheet) internal pure returns (bytes28) {
        return bytes28(keccak256(abi.encode(chain, sheet)));
    }

    /// @dev A sheet counts only if its keys are its leaves' keys; whoever handed out others gets
    /// nothing but misses.
    function _countSeat(
        Opening calldata o,
        Finding memory f,
        Openings.Page memory page,
        uint256 seat
    ) private pure {
        uint256 place = f.places[seat];
        if (place != 0) {
            Sheet calldata sheet = o.sheets[place - 1];
            if (sheet.keysHash == Openings.keysHash(page, seat % 2)) {
                f.hits[seat] = uint8(Leaves.equalTags(sheet.tags, page.answers[seat % 2]));
            }
        }
        if (f.hits[seat] == 0) f.missed |= uint32(1 << seat);
    }

    function _first(uint32[] memory all, uint256 length)
        private
        pure
        returns (uint32[] memory some)
    {
        some = new uint32[](length);
        for (uint256 j; j < length; ++j) {
            some[j] = all[j];
        }
    }

    /* -------------------------------- judge -------------------------------- */

    /// @dev Moves the ledger; convicts where it says so.
    function _judge(Opening calldata o, Finding memory f, Round storage r) private {
        uint256 kept = Judgment.keptHits(f.hits);
        int64 gain = Judgment.gain(kept, f.hits.length);
        int64 threshold = _threshold(o.license, f.leak);
        uint16 named = f.leak ? 0 : o.license.terms.maxDeployments;
        (Ledger memory ledger_, int64 reached, bool convicted) = Judgment.open(
            _ledgers[f.licenseId][f.leak],
            o.index % Judgment.INDICES,
            gain,
            Judgment.premium(BEACON.biasBits(), named),
            threshold
        );
        _ledgers[f.licenseId][f.leak] = ledger_;
        r.status = convicted ? RoundStatus.Convicted : RoundStatus.Opened;
        // Whoever hit nothing where others convicted has not asked, or lies.
        r.paid = _pay(o.sheets, f.hits.length, convicted ? f.missed : 0);
        emit RoundOpened(
            f.roundId,
            f.licenseId,
            o.deploymentHash,
            o.index,
            _packed(f.hits),
            uint16(kept),
            gain,
            reached,
            threshold,
            convicted
        );
        REGISTRY.burn(o.license.terms.modelId, o.license.terms.epoch, f.opened);
        if (convicted) _convict(o, f, r);
    }

    function _threshold(LicenseRef calldata ref, bool leak) private view returns (int64) {
        int64 threshold = EValue.log2Ceil(ref.terms.alphaInverse);
        if (!leak) return threshold;
        // One of the licenses that there are now is named.
        return
            threshold
                + EValue.log2Ceil(REGISTRY.universe(ref.terms.modelId, ref.terms.epoch).licenses);
    }

    /// @dev The host answers for what it registered; for a copy that turned up elsewhere only if
    /// its terms say so.
    function _convict(Opening calldata o, Finding memory f, Round storage r) private {
        if (f.leak) {
            _flags[o.deploymentHash] = f.roundId;
            emit DeploymentFlagged(o.deploymentHash, f.licenseId, f.roundId);
            if (!o.license.terms.leakLiability) return;
        }
        _convicted[f.roundId] = f.licenseId;
        REGISTRY.terminateFor(f.licenseId);
        SlashTerms calldata terms = o.license.terms.slash;
        uint16 promised = uint16(Shares.part(terms.ownerBps, r.promiseBps));
        (uint128 slashed, uint128 toReporter, uint128 toOwner) = VAULT.slash(
            o.license,
            ICollateralVault.Slash({
                bps: terms.unpaidUseBps,
                reporter: r.payer,
                reporterBps: terms.reporterBps + promised,
                ownerBps: terms.ownerBps - promised,
                payoutDelay: _payoutDelay,
                committedAt: 0
            })
        );
        emit LicenseConvicted(f.roundId, f.licenseId, r.payer, slashed, toReporter, toOwner);
    }

    /// @dev Credits the fee of every sheet but those of the seats `without`; what is left of the
    /// round's fees is to be burned. Returns the seats that were paid.
    function _pay(Sheet[] calldata sent, uint256 seats, uint32 without)
        private
        returns (uint32 paid)
    {
        uint256 unearned = seats;
        for (uint256 i; i < sent.length; ++i) {
            uint32 bit = uint32(1 << sent[i].seat);
            if (without & bit != 0) continue;
            paid |= bit;
            --unearned;
            _credit(sent[i].prover, _seatFee);
        }
        if (unearned != 0) _unearned += unearned * _seatFee;
    }

    function _credit(address prover, uint256 amount) internal {
        uint256 before = _fees[prover];
        _fees[prover] = (before == 0 ? 1 : before) + amount;
    }

    /// @dev One byte by seat, from the first on.
    function _packed(uint8[] memory hits) private pure returns (bytes32 word) {
        for (uint256 i; i < hits.length; ++i) {
            word |= bytes32(uint256(hits[i]) << (248 - 8 * i));
        }
    }

    /* -------------------------------- draw -------------------------------- */

    /// @dev Ticket and holder of a seat. Nothing is stored: the prover is named when it answers.
    function _seatOf(bytes32 roundId, Round storage r, uint8 seat)
        internal
        view
        returns (uint32 ticket, address holder)
    {
        bytes32 seed = _seedOf(roundId, r);
        require(seat < r.seats, Rounds_NoSuchSeat(seat, r.seats));
        ticket = uint32(uint256(keccak256(abi.encodePacked(seed, "seat", seat))) % r.tickets);
        holder = PROVERS.holderAt(ticket, r.sealedAt);
    }

    function _seedOf(bytes32 roundId, Round storage r) internal view returns (bytes32) {
        require(r.status != RoundStatus.None, Rounds_UnknownRound(roundId));
        (IBeacon.Status status, bytes32 value) = BEACON.valueOf(r.beaconRound);
        require(status != IBeacon.Status.Pending, Rounds_NotDrawn(roundId, r.beaconRound));
        require(status != IBeacon.Status.Stale, Rounds_DrawLost(roundId, r.beaconRound));
        return Draw.seed(value, address(this), roundId);
    }

    function _roundLength() internal view returns (uint40) {
        return _answerWindow + _openWindow;
    }

    function _requireWindow(bytes32 name, uint40 window) private pure {
        require(window != 0 && window <= MAX_WINDOW, Rounds_BadConfig(name, window));
    }
}
