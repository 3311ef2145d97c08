// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { IProverRegistry } from "./interfaces/IProverRegistry.sol";
import { Currency } from "./libraries/Currency.sol";

/// @title Tickets of staked provers
/// @notice Immutable: no owner, no upgrade. See `IProverRegistry`.
/// @dev Places of the array never change hands within the length of a round: a place is taken again
/// only when every round that could draw its last holder is over. So whoever comes, goes or is moved
/// after a seal changes nobody's seats but its own.
contract ProverRegistry is IProverRegistry, ReentrancyGuardTransient {
    /// @dev Of one call; bounds its gas.
    uint256 private constant MAX_TICKETS = 64;

    uint256 private constant MAX_INBOX = 256;

    /// @dev Keeps every sum with a block time inside of `uint40`.
    uint40 private constant MAX_PERIOD = 3650 days;

    uint40 private constant HELD = type(uint40).max;

    address private immutable _stakeCurrency;
    uint128 private immutable _ticketPrice;
    uint40 private immutable _warmUp;
    uint40 private immutable _alivePeriod;
    uint40 private immutable _thawPeriod;
    uint40 private immutable _roundLength;

    mapping(uint32 index => Ticket) private _tickets;
    uint32 private _total;

    /// @dev Places that were given back, the oldest first; those outside of the array are skipped.
    mapping(uint256 position => uint32 index) private _released;
    uint128 private _firstReleased;
    uint128 private _endReleased;

    mapping(address account => Prover) private _provers;

    constructor(Config memory config_) {
        require(config_.ticketPrice != 0, ProverRegistry_BadConfig("ticketPrice", 0));
        // Stakes are summed in 128 bits.
        require(
            config_.ticketPrice <= type(uint96).max,
            ProverRegistry_BadConfig("ticketPrice", config_.ticketPrice)
        );
        require(config_.warmUp <= MAX_PERIOD, ProverRegistry_BadConfig("warmUp", config_.warmUp));
        _requirePeriod("alivePeriod", config_.alivePeriod);
        _requirePeriod("thawPeriod", config_.thawPeriod);
        _requirePeriod("roundLength", config_.roundLength);
        require(
            Currency.exists(config_.stakeCurrency),
            ProverRegistry_BadConfig("stakeCurrency", uint160(config_.stakeCurrency))
        );
        _stakeCurrency = config_.stakeCurrency;
        _ticketPrice = config_.ticketPrice;
        _warmUp = config_.warmUp;
        _alivePeriod = config_.alivePeriod;
        _thawPeriod = config_.thawPeriod;
        _roundLength = config_.roundLength;
    }

    /* -------------------------------- in -------------------------------- */

    /// @inheritdoc IProverRegistry
    function join(uint32 count, bytes32 encryptionKey, string calldata inbox)
        external
        payable
        nonReentrant
    {
        require(count != 0, ProverRegistry_NoTickets());
        require(count <= MAX_TICKETS, ProverRegistry_TooManyTickets(count, MAX_TICKETS));
        _announce(encryptionKey, inbox);
        _provers[msg.sender].tickets += count;
        // A second later at least: a round sealed now has its draw to come.
        uint40 validFrom = _now() + (_warmUp == 0 ? 1 : _warmUp);
        for (uint32 i; i < count; ++i) {
            (bool found, uint32 index) = _takeReleased();
            if (!found) index = _total++;
            _tickets[index] = Ticket(msg.sender, validFrom, HELD);
            emit TicketTaken(index, msg.sender, validFrom);
        }
        Currency.pull(_stakeCurrency, msg.sender, uint256(count) * _ticketPrice);
    }

    /// @inheritdoc IProverRegistry
    function announce(bytes32 encryptionKey, string calldata inbox) external {
        _requireTickets(msg.sender);
        _announce(encryptionKey, inbox);
    }

    /// @inheritdoc IProverRegistry
    function stayAlive() external {
        _requireTickets(msg.sender);
        _showLife();
    }

    /* -------------------------------- out -------------------------------- */

    /// @inheritdoc IProverRegistry
    function giveBack(uint32[] calldata tickets) external {
        _requireCount(tickets.length);
        for (uint256 i; i < tickets.length; ++i) {
            Ticket storage t = _tickets[tickets[i]];
            require(
                t.owner == msg.sender && t.validUntil == HELD,
                ProverRegistry_NotHeld(tickets[i], msg.sender)
            );
            _release(tickets[i], t, false);
        }
    }

    /// @inheritdoc IProverRegistry
    function evict(uint32[] calldata tickets) external {
        _requireCount(tickets.length);
        for (uint256 i; i < tickets.length; ++i) {
            Ticket storage t = _tickets[tickets[i]];
            address owner = t.owner;
            require(
                owner != address(0) && t.validUntil == HELD,
                ProverRegistry_NotHeld(tickets[i], owner)
            );
            uint40 aliveUntil = _provers[owner].aliveUntil;
            require(aliveUntil < _now(), ProverRegistry_Alive(owner, aliveUntil));
            _release(tickets[i], t, true);
        }
    }

    /// @inheritdoc IProverRegistry
    function withdraw(address to) external nonReentrant {
        require(to != address(0), ProverRegistry_NoRecipient());
        Prover storage p = _provers[msg.sender];
        uint128 amount = p.thawing;
        require(amount != 0, ProverRegistry_NothingToWithdraw(msg.sender));
        require(_now() >= p.thawEnd, ProverRegistry_NotThawed(msg.sender, p.thawEnd));

        p.thawing = 0;
        emit StakeWithdrawn(msg.sender, to, amount);
        Currency.push(_stakeCurrency, to, amount);
    }

    /// @inheritdoc IProverRegistry
    function compact(uint32 steps) external {
        require(steps <= MAX_TICKETS, ProverRegistry_TooManyTickets(steps, MAX_TICKETS));
        for (uint32 i; i < steps && _total != 0; ++i) {
            uint32 last = _total - 1;
            Ticket storage t = _tickets[last];
            if (_isReusable(t)) {
                _total = last;
                emit TicketsShrunk(last);
            } else if (t.validUntil == HELD) {
                if (!_moveLast(last, t)) return;
            } else {
                return;
            }
        }
    }

    /* -------------------------------- views -------------------------------- */

    /// @inheritdoc IProverRegistry
    function holderAt(uint32 index, uint40 time) external view returns (address) {
        Ticket memory t = _tickets[index];
        bool held = t.validFrom <= time && time < t.validUntil;
        return held && _provers[t.owner].aliveUntil >= time ? t.owner : address(0);
    }

    /// @inheritdoc IProverRegistry
    function config() external view returns (Config memory) {
        return
            Config(_stakeCurrency, _ticketPrice, _warmUp, _alivePeriod, _thawPeriod, _roundLength);
    }

    /// @inheritdoc IProverRegistry
    function stakeCurrency() external view returns (address) {
        return _stakeCurrency;
    }

    /// @inheritdoc IProverRegistry
    function totalTickets() external view returns (uint32) {
        return _total;
    }

    /// @inheritdoc IProverRegistry
    function ticket(uint32 index) external view returns (Ticket memory) {
        return _tickets[index];
    }

    /// @inheritdoc IProverRegistry
    function prover(address account) external view returns (Prover memory) {
        return _provers[account];
    }

    /* -------------------------------- helpers -------------------------------- */

    function _announce(bytes32 encryptionKey, string calldata inbox) private {
        require(encryptionKey != 0, ProverRegistry_NoEncryptionKey());
        uint256 length = bytes(inbox).length;
        require(length != 0 && length <= MAX_INBOX, ProverRegistry_BadInbox(length));
        _provers[msg.sender].encryptionKey = encryptionKey;
        emit ProverAnnounced(msg.sender, encryptionKey, inbox);
        _showLife();
    }

    function _showLife() private {
        uint40 aliveUntil = _now() + _alivePeriod;
        _provers[msg.sender].aliveUntil = aliveUntil;
        emit ProverAlive(msg.sender, aliveUntil);
    }

    /// @dev The place is dead from now on; its stake is on its way out.
    function _release(uint32 index, Ticket storage t, bool evicted) private {
        address owner = t.owner;
        t.validUntil = _now();
        _released[_endReleased++] = index;
        Prover storage p = _provers[owner];
        --p.tickets;
        p.thawing += _ticketPrice;
        p.thawEnd = _now() + _thawPeriod;
        emit TicketReleased(index, owner, evicted);
        emit ThawStarted(owner, p.thawing, p.thawEnd);
    }

    /// @dev Moves the last ticket to the oldest dead place. In rounds sealed before it sits where it
    /// was, in later ones where it is now. False if no dead place can be used yet.
    function _moveLast(uint32 last, Ticket storage t) private returns (bool) {
        (bool found, uint32 index) = _takeReleased();
        if (!found) return false;
        uint40 next = _now() + 1;
        uint40 validFrom = t.validFrom > next ? t.validFrom : next;
        _tickets[index] = Ticket(t.owner, validFrom, HELD);
        t.validUntil = _now();
        _released[_endReleased++] = last;
        emit TicketMoved(last, index, t.owner);
        return true;
    }

    /// @dev The oldest dead place of the array, if every round that could draw its last holder is
    /// over.
    function _takeReleased() private returns (bool found, uint32 index) {
        uint256 skipped;
        while (_firstReleased < _endReleased && skipped <= MAX_TICKETS) {
            index = _released[_firstReleased];
            Ticket storage t = _tickets[index];
            // Outside: the array was shortened over it; held: it has grown over it since.
            bool dead = index < _total && t.validUntil != HELD;
            if (dead && !_isReusable(t)) return (false, 0);
            delete _released[_firstReleased++];
            if (dead) return (true, index);
            ++skipped;
        }
        return (false, 0);
    }

    function _isReusable(Ticket storage t) private view returns (bool) {
        return uint256(t.validUntil) + _roundLength < _now();
    }

    function _requireTickets(address account) private view {
        require(_provers[account].tickets != 0, ProverRegistry_NotRegistered(account));
    }

    function _requireCount(uint256 count) private pure {
        require(count != 0, ProverRegistry_NoTickets());
        require(count <= MAX_TICKETS, ProverRegistry_TooManyTickets(count, MAX_TICKETS));
    }

    function _requirePeriod(bytes32 name, uint40 period) private pure {
        require(period != 0 && period <= MAX_PERIOD, ProverRegistry_BadConfig(name, period));
    }

    function _now() private view returns (uint40) {
        return uint40(block.timestamp);
    }
}
