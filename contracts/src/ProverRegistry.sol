// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { IProverRegistry } from "./interfaces/IProverRegistry.sol";
import { Currency } from "./libraries/Currency.sol";

/// @title Tickets of staked provers, of which rounds draw their seats
/// @dev A round notes its second and `totalTickets`; its seats are places of the array at that
/// second. Places therefore change only from the next second on, and one whose last holder may
/// still have a pending seat gets no other holder. Every place below `totalTickets` is either held
/// or stands in the queue of released places exactly once. Whatever anybody leaves behind there,
/// each call does a bounded number of steps.
contract ProverRegistry is IProverRegistry, ReentrancyGuardTransient {
    /// @notice Tickets, or steps, of one call; bytes of an inbox.
    uint256 public constant MAX_TICKETS = 64;
    uint256 public constant MAX_INBOX = 256;

    /// @dev Keeps sums of times inside of `uint40`, so that no stake locks for ever.
    uint40 private constant MAX_PERIOD = 3650 days;
    /// @dev Times 2^32 tickets it is still inside of `uint128`: no sum of stake can overflow.
    uint128 private constant MAX_PRICE = type(uint96).max;
    uint40 private constant HELD = type(uint40).max;
    /// @dev Outdated entries of the queue that one new ticket skips before it is appended.
    uint256 private constant MAX_SKIPS = 4;

    /// @inheritdoc IProverRegistry
    address public immutable stakeCurrency;
    uint128 private immutable TICKET_PRICE;
    uint40 private immutable WARM_UP;
    uint40 private immutable ALIVE_PERIOD;
    uint40 private immutable THAW_PERIOD;
    uint40 private immutable ROUND_LENGTH;

    /// @inheritdoc IProverRegistry
    uint32 public totalTickets;
    /// @dev No place from here on is held: `compact` has emptied them, to shorten the array later.
    uint32 private _end;
    /// @dev First entry of the queue that was not taken out.
    uint64 private _head;
    /// @dev Released places, first in first out: `validUntil << 32 | index`. The entry is outdated
    /// if the place has another `validUntil` by now, or lies outside of the array.
    uint72[] private _released;

    mapping(uint32 index => Ticket) private _tickets;
    mapping(address account => Prover) private _provers;

    constructor(Config memory config_) {
        address currency = config_.stakeCurrency;
        require(
            Currency.exists(currency), ProverRegistry_BadConfig("stakeCurrency", uint160(currency))
        );
        _requireWithin("ticketPrice", config_.ticketPrice, 1, MAX_PRICE);
        _requireWithin("warmUp", config_.warmUp, 1, MAX_PERIOD);
        _requireWithin("alivePeriod", config_.alivePeriod, 1, MAX_PERIOD);
        _requireWithin("roundLength", config_.roundLength, 1, MAX_PERIOD);
        // Else stake could come back, and buy tickets again, before its dead places can be filled.
        _requireWithin("thawPeriod", config_.thawPeriod, config_.roundLength, MAX_PERIOD);
        stakeCurrency = currency;
        TICKET_PRICE = config_.ticketPrice;
        WARM_UP = config_.warmUp;
        ALIVE_PERIOD = config_.alivePeriod;
        THAW_PERIOD = config_.thawPeriod;
        ROUND_LENGTH = config_.roundLength;
    }

    /// @inheritdoc IProverRegistry
    function join(uint32 count, bytes32 encryptionKey, string calldata inbox)
        external
        payable
        nonReentrant
    {
        _requireCount(count);
        _announce(encryptionKey, inbox);
        _provers[msg.sender].tickets += count;
        uint40 validFrom = _now() + WARM_UP;
        for (uint32 i; i < count; ++i) {
            uint32 index = _freePlace();
            _tickets[index] = Ticket(msg.sender, validFrom, HELD);
            emit TicketTaken(index, msg.sender, validFrom);
        }
        Currency.pull(stakeCurrency, msg.sender, uint256(TICKET_PRICE) * count);
    }

    /// @inheritdoc IProverRegistry
    function announce(bytes32 encryptionKey, string calldata inbox) external {
        _requireRegistered();
        _announce(encryptionKey, inbox);
    }

    /// @inheritdoc IProverRegistry
    function stayAlive() external {
        _requireRegistered();
        _showLife(msg.sender);
    }

    /// @inheritdoc IProverRegistry
    function release(uint32[] calldata tickets) external {
        _requireCount(tickets.length);
        for (uint256 i; i < tickets.length; ++i) {
            bool held = _holder(tickets[i]) == msg.sender;
            require(held, ProverRegistry_NotHeld(tickets[i], msg.sender));
            _vacate(tickets[i]);
            emit TicketReleased(tickets[i], msg.sender, false);
        }
        _thaw(msg.sender, uint32(tickets.length));
    }

    /// @inheritdoc IProverRegistry
    function evict(uint32[] calldata tickets) external {
        _requireCount(tickets.length);
        for (uint256 i; i < tickets.length; ++i) {
            address owner = _holder(tickets[i]);
            require(owner != address(0), ProverRegistry_NotHeld(tickets[i], address(0)));
            uint40 aliveUntil = _provers[owner].aliveUntil;
            require(aliveUntil < _now(), ProverRegistry_Alive(owner, aliveUntil));
            _vacate(tickets[i]);
            emit TicketReleased(tickets[i], owner, true);
            _thaw(owner, 1);
        }
    }

    /// @inheritdoc IProverRegistry
    function withdraw(address to) external nonReentrant {
        // What this contract would send to itself, nobody could take out again.
        require(to != address(0) && to != address(this), ProverRegistry_NoRecipient());
        Prover storage account = _provers[msg.sender];
        uint128 amount = account.thawing;
        require(amount != 0, ProverRegistry_NothingToWithdraw(msg.sender));
        uint40 thawEnd = account.thawEnd;
        require(_now() >= thawEnd, ProverRegistry_NotThawed(msg.sender, thawEnd));

        account.thawing = 0;
        emit StakeWithdrawn(msg.sender, to, amount);
        Currency.push(stakeCurrency, to, amount);
    }

    /// @inheritdoc IProverRegistry
    function compact(uint32 steps) external {
        _requireCount(steps);
        uint32 before = totalTickets;
        for (uint32 i; i < steps; ++i) {
            if (!_compactOnce()) break;
        }
        if (totalTickets != before) emit TicketsShrunk(totalTickets);
    }

    /// @inheritdoc IProverRegistry
    function holderAt(uint32 index, uint40 time) external view returns (address) {
        Ticket storage place = _tickets[index];
        if (time < place.validFrom || time >= place.validUntil) return address(0);
        address owner = place.owner;
        Prover storage account = _provers[owner];
        return account.aliveFrom <= time && time <= account.aliveUntil ? owner : address(0);
    }

    /// @inheritdoc IProverRegistry
    function config() external view returns (Config memory) {
        return Config(stakeCurrency, TICKET_PRICE, WARM_UP, ALIVE_PERIOD, THAW_PERIOD, ROUND_LENGTH);
    }

    /// @inheritdoc IProverRegistry
    function ticket(uint32 index) external view returns (Ticket memory) {
        return _tickets[index];
    }

    /// @inheritdoc IProverRegistry
    function prover(address account) external view returns (Prover memory) {
        return _provers[account];
    }

    /// @dev A released place, else a new one at the end.
    function _freePlace() private returns (uint32 index) {
        uint256 length = _released.length;
        for (uint256 i; i < MAX_SKIPS && _head < length; ++i) {
            uint72 entry = _released[_head];
            bool outdated = _isOutdated(entry);
            if (!outdated && !_isReusable(uint40(entry >> 32))) break;
            ++_head;
            if (outdated) continue;
            index = uint32(entry);
            if (index >= _end) _end = index + 1;
            return index;
        }
        index = totalTickets;
        totalTickets = index + 1;
        _end = index + 1;
    }

    /// @dev One step towards an array without dead places; false if none can be done now.
    function _compactOnce() private returns (bool) {
        uint32 total = totalTickets;
        if (total == 0) return false;
        if (_isReusable(_tickets[total - 1].validUntil)) {
            totalTickets = total - 1;
            if (_end == total) _end = total - 1;
            return true;
        }
        uint32 end = _end;
        if (end != 0 && _tickets[end - 1].validUntil != HELD) {
            _end = end - 1;
            return true;
        }
        if (_head == _released.length) return false;
        uint72 entry = _released[_head];
        bool outdated = _isOutdated(entry);
        if (!outdated && !_isReusable(uint40(entry >> 32))) return false;

        ++_head;
        if (outdated) return true;
        uint32 to = uint32(entry);
        // It will be cut off; until then a new ticket may take it, and it must not stand in the
        // way of the places behind it in the queue.
        if (to >= end) _released.push(entry);
        else _move(end - 1, to);
        return true;
    }

    /// @dev This second's rounds have the ticket at its old place, the next second's at its new.
    function _move(uint32 from, uint32 to) private {
        Ticket memory moved = _tickets[from];
        uint40 next = _now() + 1;
        if (moved.validFrom < next) moved.validFrom = next;
        _tickets[to] = moved;
        _vacate(from);
        _end = from;
        emit TicketMoved(from, to, moved.owner);
    }

    /// @dev Rounds that were sealed in this second keep their seats.
    function _vacate(uint32 index) private {
        uint40 validUntil = _now() + 1;
        _tickets[index].validUntil = validUntil;
        _released.push(uint72(validUntil) << 32 | index);
    }

    function _thaw(address owner, uint32 count) private {
        Prover storage account = _provers[owner];
        account.tickets -= count;
        uint128 thawing = account.thawing + TICKET_PRICE * count;
        uint40 thawEnd = _now() + THAW_PERIOD;
        account.thawing = thawing;
        account.thawEnd = thawEnd;
        emit ThawStarted(owner, thawing, thawEnd);
    }

    function _announce(bytes32 encryptionKey, string calldata inbox) private {
        require(encryptionKey != 0, ProverRegistry_NoEncryptionKey());
        uint256 length = bytes(inbox).length;
        require(length != 0 && length <= MAX_INBOX, ProverRegistry_BadInbox(length));
        _provers[msg.sender].encryptionKey = encryptionKey;
        emit ProverAnnounced(msg.sender, encryptionKey, inbox);
        _showLife(msg.sender);
    }

    /// @dev Who was dead lives from the next second on: a seat that was vacant when its round was
    /// sealed stays vacant, or its owner could choose after the draw.
    function _showLife(address who) private {
        Prover storage account = _provers[who];
        if (account.aliveUntil < _now()) account.aliveFrom = _now() + 1;
        uint40 aliveUntil = _now() + ALIVE_PERIOD;
        account.aliveUntil = aliveUntil;
        emit ProverAlive(who, aliveUntil);
    }

    function _holder(uint32 index) private view returns (address) {
        Ticket storage place = _tickets[index];
        return place.validUntil == HELD ? place.owner : address(0);
    }

    function _isOutdated(uint72 entry) private view returns (bool) {
        uint32 index = uint32(entry);
        return index >= totalTickets || _tickets[index].validUntil != uint40(entry >> 32);
    }

    /// @dev Whether no round is pending that was sealed before `validUntil`.
    function _isReusable(uint40 validUntil) private view returns (bool) {
        return validUntil != HELD && uint256(validUntil) + ROUND_LENGTH < block.timestamp;
    }

    function _now() private view returns (uint40) {
        return uint40(block.timestamp);
    }

    function _requireRegistered() private view {
        require(_provers[msg.sender].tickets != 0, ProverRegistry_NotRegistered(msg.sender));
    }

    function _requireCount(uint256 count) private pure {
        require(count != 0, ProverRegistry_NoTickets());
        require(count <= MAX_TICKETS, ProverRegistry_TooManyTickets(count, MAX_TICKETS));
    }

    function _requireWithin(bytes32 name, uint256 value, uint256 min, uint256 max) private pure {
        require(value >= min && value <= max, ProverRegistry_BadConfig(name, value));
    }
}
