// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Tickets of staked provers, of which rounds draw their seats
/// @notice A ticket is one unit of stake. It holds its place in one array from its warm-up until it
/// is given back or evicted; rounds draw places. Stake is weight against many accounts of one
/// person and no pledge: it always comes back whole (`committee.md` section 3).
interface IProverRegistry {
    /// @notice Fixed at deployment.
    /// @param stakeCurrency of tickets and seat fees
    /// @param ticketPrice stake of one ticket, less than 2^96
    /// @param warmUp seconds until a new ticket can be drawn
    /// @param alivePeriod seconds after a prover's last sign of life until its tickets are dead
    /// @param thawPeriod seconds until stake that left comes back, at least `roundLength`
    /// @param roundLength seconds from a round's seal to its last opening
    struct Config {
        address stakeCurrency;
        uint128 ticketPrice;
        uint40 warmUp;
        uint40 alivePeriod;
        uint40 thawPeriod;
        uint40 roundLength;
    }

    /// @param owner whose seat it is in rounds sealed at `validFrom` or later and before
    /// `validUntil`
    /// @param validUntil `type(uint40).max` as long as it is held
    struct Ticket {
        address owner;
        uint40 validFrom;
        uint40 validUntil;
    }

    /// @param encryptionKey X25519 key to which hand-outs are sealed, 0 of who never joined
    /// @param tickets held now
    /// @param aliveFrom in rounds sealed before its tickets are vacant: who was dead does not get
    /// back the seats that it had missed
    /// @param aliveUntil in rounds sealed later its tickets are vacant
    /// @param thawing stake on its way out
    /// @param thawEnd from when all of it can be withdrawn
    struct Prover {
        bytes32 encryptionKey;
        uint32 tickets;
        uint40 aliveFrom;
        uint40 aliveUntil;
        uint40 thawEnd;
        uint128 thawing;
    }

    error ProverRegistry_BadConfig(bytes32 name, uint256 value);
    error ProverRegistry_NoEncryptionKey();
    /// @notice The inbox is empty or longer than 256 bytes.
    error ProverRegistry_BadInbox(uint256 length);
    error ProverRegistry_NoTickets();
    /// @notice One call may bring, give back or evict so many.
    error ProverRegistry_TooManyTickets(uint256 given, uint256 max);
    error ProverRegistry_NotRegistered(address account);
    /// @notice Nobody, or another account, holds this ticket.
    error ProverRegistry_NotHeld(uint32 ticket, address account);
    /// @notice The prover has shown life; its tickets can't be evicted.
    error ProverRegistry_Alive(address account, uint40 aliveUntil);
    error ProverRegistry_NotThawed(address account, uint40 thawEnd);
    error ProverRegistry_NothingToWithdraw(address account);
    error ProverRegistry_NoRecipient();

    /// @notice Where and how a prover is reached. The inbox is a URL that takes sealed hand-outs.
    event ProverAnnounced(address indexed prover, bytes32 encryptionKey, string inbox);
    event TicketTaken(uint32 indexed ticket, address indexed prover, uint40 validFrom);
    event TicketReleased(uint32 indexed ticket, address indexed prover, bool evicted);
    /// @notice The ticket went from the end of the array to a dead place.
    event TicketMoved(uint32 indexed from, uint32 indexed to, address indexed prover);
    event TicketsShrunk(uint32 total);
    event ProverAlive(address indexed prover, uint40 aliveUntil);
    event ThawStarted(address indexed prover, uint128 thawing, uint40 thawEnd);
    event StakeWithdrawn(address indexed prover, address to, uint128 amount);

    /// @notice Buys tickets, first or more; announces key and inbox; shows life. Native currency:
    /// `msg.value` = `count` · `ticketPrice`; ERC-20: an allowance of as much. Dead places are
    /// filled first, but for those that `compact` has put behind one that is not free yet.
    function join(uint32 count, bytes32 encryptionKey, string calldata inbox) external payable;

    /// @notice Announces another key or inbox, and shows life. Only who holds tickets.
    function announce(bytes32 encryptionKey, string calldata inbox) external;

    /// @notice Shows life for all tickets of the caller. After a gap it counts from the next second
    /// on; seats of rounds sealed before that are lost.
    function stayAlive() external;

    /// @notice Gives tickets back; their stake thaws, with all that is thawing already. Seats of
    /// rounds sealed before stay the caller's.
    function release(uint32[] calldata tickets) external;

    /// @notice The same for tickets of provers that have shown no life. Anyone.
    function evict(uint32[] calldata tickets) external;

    /// @notice Pays thawed stake to `to`.
    function withdraw(address to) external;

    /// @notice Does up to `steps` steps (at most 64) towards an array without dead places: moves
    /// the last ticket to one, or shortens the array at its end. Anyone. Pending rounds keep their
    /// seats. Does nothing if nothing can be done yet. Tickets may get other numbers
    /// (`TicketMoved`).
    function compact(uint32 steps) external;

    /// @notice Whose seat the ticket is in a round sealed at `time`: zero if it is vacant.
    function holderAt(uint32 ticket, uint40 time) external view returns (address);

    function config() external view returns (Config memory);
    function stakeCurrency() external view returns (address);
    /// @notice Places of the array; a round draws among those that there are when it is sealed.
    function totalTickets() external view returns (uint32);
    function ticket(uint32 index) external view returns (Ticket memory);
    function prover(address account) external view returns (Prover memory);
}
