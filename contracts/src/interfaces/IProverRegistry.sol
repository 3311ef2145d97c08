// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Staked provers and the draw of committees
interface IProverRegistry {
    struct Prover {
        uint128 stake;
        uint40 activeFrom;
        uint40 thawEnd;
        uint16 openCases;
        bytes32 encryptionKey;
    }

    event ProverRegistered(
        address indexed prover, uint128 stake, bytes32 encryptionKey, uint40 activeFrom
    );
    event StakeAdded(address indexed prover, uint128 amount, uint128 stake);
    event ThawStarted(address indexed prover, uint40 thawEnd);
    event StakeWithdrawn(address indexed prover, uint128 amount);
    event ProverPenalised(address indexed prover, bytes32 indexed caseId, uint128 amount);

    /// @notice A prover with more stake took the place of this one in the full list; its thaw has
    /// started.
    event ProverReplaced(address indexed prover, address indexed by);

    error ProverRegistry_NotChallengeManager(address caller);
    /// @notice A value of the configuration could never work.
    error ProverRegistry_BadConfig(bytes32 name, uint256 value);
    error ProverRegistry_AlreadyRegistered(address prover);
    error ProverRegistry_NotRegistered(address prover);
    error ProverRegistry_NoEncryptionKey();
    error ProverRegistry_StakeTooLow(uint128 stake, uint128 minimum);
    error ProverRegistry_NoAmount();
    error ProverRegistry_Thawing(address prover, uint40 thawEnd);
    error ProverRegistry_NotThawed(address prover, uint40 thawEnd);
    error ProverRegistry_CasesOpen(address prover, uint16 openCases);
    /// @notice Too few provers are eligible; the case waits, or is void at its deadline.
    error ProverRegistry_TooFewProvers(uint256 eligible, uint256 needed);

    /// @notice Stakes the caller. `encryptionKey` is an X25519 public key to which keys are sealed.
    function register(uint128 stake, bytes32 encryptionKey) external payable;

    /// @notice Adds stake. Like a registration it counts only for cases opened later, or the stake
    /// could follow a beacon value that is already known.
    function addStake(uint128 amount) external payable;

    /// @notice Leaves the draw at once; stake can be withdrawn after the thaw, when no drawn case
    /// is open.
    function startThaw() external;

    /// @notice Pays the stake out after the thaw. Refused while a drawn case is open.
    function withdraw() external;

    /// @notice Draws `size` distinct provers without replacement, weighted by stake. Only
    /// `ChallengeManager`. Eligible are those that registered or added stake last before `before`,
    /// do not thaw, and whose stake covers one more case: `minStake` for each.
    function drawCommittee(bytes32 seed, uint8 size, uint40 before)
        external
        returns (address[] memory committee);

    /// @notice The case has ended for this member; burns `penalty` of its stake. Only
    /// `ChallengeManager`.
    function release(bytes32 caseId, address prover, uint128 penalty) external;

    function prover(address account) external view returns (Prover memory);
    function provers() external view returns (address[] memory);
    function stakeCurrency() external view returns (address);
    function minStake() external view returns (uint128);
    function thawPeriod() external view returns (uint40);
}
