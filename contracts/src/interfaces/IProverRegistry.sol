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

    event ProverRegistered(address indexed prover, uint128 stake, bytes32 encryptionKey, uint40 activeFrom);
    event StakeAdded(address indexed prover, uint128 amount, uint128 stake);
    event ThawStarted(address indexed prover, uint40 thawEnd);
    event StakeWithdrawn(address indexed prover, uint128 amount);
    event ProverPenalised(address indexed prover, bytes32 indexed caseId, uint128 amount);

    /// @notice Stakes the caller. `encryptionKey` is an X25519 public key to which keys are sealed.
    function register(uint128 stake, bytes32 encryptionKey) external payable;
    function addStake(uint128 amount) external payable;

    /// @notice Leaves the draw at once; stake can be withdrawn after the thaw, when no drawn case is open.
    function startThaw() external;
    function withdraw() external;

    /// @notice Draws `size` distinct provers by stake among those registered before `before`. Only `ChallengeManager`.
    function drawCommittee(bytes32 seed, uint8 size, uint40 before) external returns (address[] memory committee);

    /// @notice The case has ended for this member; burns `penalty` of its stake. Only `ChallengeManager`.
    function release(bytes32 caseId, address prover, uint128 penalty) external;

    function prover(address account) external view returns (Prover memory);
    function provers() external view returns (address[] memory);
    function stakeCurrency() external view returns (address);
    function minStake() external view returns (uint128);
}
