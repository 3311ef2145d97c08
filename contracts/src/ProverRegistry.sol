// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { FixedPointMathLib } from "solady/utils/FixedPointMathLib.sol";

import { IProverRegistry } from "./interfaces/IProverRegistry.sol";
import { Currency } from "./libraries/Currency.sol";

/// @title Staked provers and the draw of committees
/// @dev The draw gives each prover the key `−ln(u)/stake`, u drawn from the seed and its address,
/// and takes the smallest keys (Efraimidis and Spirakis 2006): the same distribution as drawing one
/// after the other by stake without replacement, but independent of the order of the list. So
/// whoever comes, goes or is penalised after the seed is known changes nobody's key but its own.
contract ProverRegistry is IProverRegistry, ReentrancyGuardTransient {
    /// @notice Bounds the gas of a draw (about 7,000 per prover).
    uint256 public constant MAX_PROVERS = 512;

    /// @dev Keeps `block.timestamp + thawPeriod` inside of `uint40`, so that no stake locks for
    /// ever.
    uint40 private constant MAX_THAW = 3650 days;

    uint256 private constant WAD = 1e18;

    /// @dev The smallest keys so far, in ascending order.
    struct Draft {
        address[] members;
        uint256[] keys;
        uint256 filled;
    }

    address public immutable challengeManager;
    /// @inheritdoc IProverRegistry
    address public immutable stakeCurrency;
    /// @inheritdoc IProverRegistry
    uint128 public immutable minStake;
    /// @inheritdoc IProverRegistry
    uint40 public immutable thawPeriod;

    mapping(address account => Prover) private _provers;
    /// @dev Provers that can be drawn, in no order; `_place` is 1-based.
    address[] private _list;
    mapping(address account => uint256) private _place;

    constructor(
        address challengeManager_,
        address stakeCurrency_,
        uint128 minStake_,
        uint40 thawPeriod_
    ) {
        require(challengeManager_ != address(0), ProverRegistry_BadConfig("challengeManager", 0));
        require(minStake_ != 0, ProverRegistry_BadConfig("minStake", 0));
        require(
            thawPeriod_ != 0 && thawPeriod_ <= MAX_THAW,
            ProverRegistry_BadConfig("thawPeriod", thawPeriod_)
        );
        require(
            Currency.exists(stakeCurrency_),
            ProverRegistry_BadConfig("stakeCurrency", uint160(stakeCurrency_))
        );
        challengeManager = challengeManager_;
        stakeCurrency = stakeCurrency_;
        minStake = minStake_;
        thawPeriod = thawPeriod_;
    }

    modifier onlyChallengeManager() {
        require(msg.sender == challengeManager, ProverRegistry_NotChallengeManager(msg.sender));
        _;
    }

    /// @inheritdoc IProverRegistry
    function register(uint128 stake, bytes32 encryptionKey) external payable nonReentrant {
        Prover storage account = _provers[msg.sender];
        require(account.activeFrom == 0, ProverRegistry_AlreadyRegistered(msg.sender));
        require(encryptionKey != 0, ProverRegistry_NoEncryptionKey());
        require(stake >= minStake, ProverRegistry_StakeTooLow(stake, minStake));

        uint40 activeFrom = uint40(block.timestamp);
        account.stake = stake;
        account.activeFrom = activeFrom;
        account.encryptionKey = encryptionKey;
        _enlist(msg.sender, stake);
        Currency.pull(stakeCurrency, msg.sender, stake);
        emit ProverRegistered(msg.sender, stake, encryptionKey, activeFrom);
    }

    /// @inheritdoc IProverRegistry
    function addStake(uint128 amount) external payable nonReentrant {
        Prover storage account = _registered(msg.sender);
        require(amount != 0, ProverRegistry_NoAmount());
        require(account.thawEnd == 0, ProverRegistry_Thawing(msg.sender, account.thawEnd));

        uint128 stake = account.stake + amount;
        account.stake = stake;
        account.activeFrom = uint40(block.timestamp);
        if (stake >= minStake && _place[msg.sender] == 0) _enlist(msg.sender, stake);
        Currency.pull(stakeCurrency, msg.sender, amount);
        emit StakeAdded(msg.sender, amount, stake);
    }

    /// @inheritdoc IProverRegistry
    function startThaw() external {
        Prover storage account = _registered(msg.sender);
        require(account.thawEnd == 0, ProverRegistry_Thawing(msg.sender, account.thawEnd));
        _thaw(msg.sender);
    }

    /// @inheritdoc IProverRegistry
    function withdraw() external nonReentrant {
        Prover storage account = _registered(msg.sender);
        uint40 thawEnd = account.thawEnd;
        require(
            thawEnd != 0 && block.timestamp >= thawEnd,
            ProverRegistry_NotThawed(msg.sender, thawEnd)
        );
        require(account.openCases == 0, ProverRegistry_CasesOpen(msg.sender, account.openCases));

        uint128 stake = account.stake;
        delete _provers[msg.sender];
        Currency.push(stakeCurrency, msg.sender, stake);
        emit StakeWithdrawn(msg.sender, stake);
    }

    /// @inheritdoc IProverRegistry
    function drawCommittee(bytes32 seed, uint8 size, uint40 before)
        external
        onlyChallengeManager
        returns (address[] memory committee)
    {
        Draft memory draft = Draft(new address[](size), new uint256[](size), 0);
        uint256 length = _list.length;
        for (uint256 i; i < length; ++i) {
            address candidate = _list[i];
            uint256 stake = _eligibleStake(_provers[candidate], before);
            if (stake != 0) _insert(draft, candidate, _key(seed, candidate, stake));
        }
        require(draft.filled == size, ProverRegistry_TooFewProvers(draft.filled, size));

        committee = draft.members;
        for (uint256 i; i < size; ++i) {
            ++_provers[committee[i]].openCases;
        }
    }

    /// @inheritdoc IProverRegistry
    function release(bytes32 caseId, address account, uint128 penalty)
        external
        onlyChallengeManager
        nonReentrant
    {
        Prover storage member = _provers[account];
        --member.openCases;
        if (penalty == 0) return;

        uint128 stake = member.stake;
        if (penalty > stake) penalty = stake;
        stake -= penalty;
        member.stake = stake;
        if (stake < minStake && _place[account] != 0) _delist(account);
        // A stake currency that refuses the burn address leaves the penalty here, out of everyone's
        // reach.
        Currency.tryBurn(stakeCurrency, penalty);
        emit ProverPenalised(account, caseId, penalty);
    }

    /// @inheritdoc IProverRegistry
    function prover(address account) external view returns (Prover memory) {
        return _provers[account];
    }

    /// @inheritdoc IProverRegistry
    function provers() external view returns (address[] memory) {
        return _list;
    }

    function _registered(address who) private view returns (Prover storage account) {
        account = _provers[who];
        require(account.activeFrom != 0, ProverRegistry_NotRegistered(who));
    }

    /// @dev Stake that counts in a draw, 0 if not eligible. Members of many cases at once could
    /// misbehave in all of them for one penalty, so each case needs its own `minStake`.
    function _eligibleStake(Prover storage account, uint40 before) private view returns (uint256) {
        uint256 stake = account.stake;
        if (account.activeFrom >= before) return 0;
        return stake >= uint256(minStake) * (uint256(account.openCases) + 1) ? stake : 0;
    }

    /// @dev `−ln(u)/stake`; u is uniform on (0, 1] in steps of 1e-18.
    function _key(bytes32 seed, address candidate, uint256 stake) private pure returns (uint256) {
        uint256 u = uint256(keccak256(abi.encodePacked(seed, candidate))) % WAD + 1;
        int256 ln = FixedPointMathLib.lnWad(int256(u));
        return ln >= 0 ? 0 : (uint256(-ln) << 128) / stake;
    }

    /// @dev Keeps the smallest keys in ascending order; the largest falls out once the committee is
    /// full.
    function _insert(Draft memory draft, address candidate, uint256 key) private pure {
        uint256 place = draft.filled;
        while (place != 0 && draft.keys[place - 1] > key) --place;
        if (place == draft.keys.length) return;

        if (draft.filled < draft.keys.length) ++draft.filled;
        for (uint256 i = draft.filled - 1; i > place; --i) {
            draft.keys[i] = draft.keys[i - 1];
            draft.members[i] = draft.members[i - 1];
        }
        draft.keys[place] = key;
        draft.members[place] = candidate;
    }

    /// @dev A full list gives the place of its smallest stake to whoever brings at least twice as
    /// much: else the places could be taken for `MAX_PROVERS · minStake` once and for all.
    function _enlist(address who, uint128 stake) private {
        if (_list.length == MAX_PROVERS) {
            (address smallest, uint128 least) = _smallest();
            require(stake / 2 >= least, ProverRegistry_StakeTooLow(stake, least * 2));
            _thaw(smallest);
            emit ProverReplaced(smallest, who);
        }
        _list.push(who);
        _place[who] = _list.length;
    }

    function _smallest() private view returns (address smallest, uint128 least) {
        smallest = _list[0];
        least = _provers[smallest].stake;
        for (uint256 i = 1; i < MAX_PROVERS; ++i) {
            uint128 stake = _provers[_list[i]].stake;
            if (stake < least) (smallest, least) = (_list[i], stake);
        }
    }

    function _thaw(address who) private {
        uint40 thawEnd = uint40(block.timestamp) + thawPeriod;
        _provers[who].thawEnd = thawEnd;
        if (_place[who] != 0) _delist(who);
        emit ThawStarted(who, thawEnd);
    }

    function _delist(address who) private {
        uint256 place = _place[who];
        address last = _list[_list.length - 1];
        _list[place - 1] = last;
        _place[last] = place;
        delete _place[who];
        _list.pop();
    }
}
