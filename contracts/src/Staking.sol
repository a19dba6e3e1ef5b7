// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Cosigners} from "./Cosigners.sol";
import {Parameters} from "./Parameters.sol";
import {Payment} from "./libraries/Payment.sol";
import {Roster} from "./Roster.sol";
import {ValidatorRegistry} from "./ValidatorRegistry.sol";

/// @title Stakes of payees, bonds of validators, and priority stakes
/// @notice A payee's stake weighs in draws of verifiers, is a router's bond, and leaves with a delay. Refuted reports of its verifiers and
/// a case against it cost a part of it. A validator's bond is its vote and can be taken by a case. Priority stake buys a place in routing
/// and nothing else: no penalty and no case takes of it. The three are separate accounts, and only the owner moves tokens from one to
/// another. Nobody owns this contract. A quorum counts earlier votes, so that a validator that joins, leaves, or moves bond cannot spoil
/// existing signatures.
contract Staking is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Checkpoints for Checkpoints.Trace208;

    struct Stake {
        /// The amount with weight: stake in draws of verifiers, priority stake in routing.
        uint128 amount;
        /// On its way out: it weighs nothing any more.
        uint128 leaving;
        uint64 leavesAt;
    }

    struct Bond {
        uint128 amount;
        /// On its way out: no vote any more, still takeable by a case.
        uint128 unbonding;
        uint64 unbondableAt;
        /// Listed in the registry, so that `amount` counts as a vote.
        bool active;
    }

    /// The cost of a payee's refuted reports in one period.
    struct Offence {
        /// Number of the period.
        uint48 period;
        /// Reports, in that period.
        uint80 refuted;
        /// The largest stake at one of them, including stake on its way out.
        uint128 base;
    }

    /// Stake that penalties have taken. It weighs nothing, and is the treasury's once the appeal is over.
    struct Held {
        uint128 amount;
        /// When the last penalty came.
        uint64 since;
        /// Penalties so far: names the last one.
        uint32 count;
    }

    /// An account that may be an order's router. Its stake is its bond.
    struct Router {
        /// Hash of the hybrid key that signs its tickets; zero for an account that never was a router.
        bytes32 ticketKey;
        uint64 since;
        /// When it is none any more; 0 while it does not leave.
        uint64 until;
    }

    /// The last time that a case took of a validator's bond.
    struct Cut {
        /// The bond that it left.
        uint128 left;
        uint64 at;
    }

    /// Seconds; from 1970 on.
    uint256 private constant PENALTY_PERIOD = 1 days;
    /// Part of the stake that each refuted report costs, in parts per million.
    uint256 private constant PENALTY_PPM = 20_000;
    /// The most that all reports of one period cost. It limits the daily damage by an attacker that frames a verifier, even by a quorum.
    uint256 private constant MOST_PENALTY_PPM = 100_000;

    IERC20 public immutable token;
    Parameters public immutable parameters;
    ValidatorRegistry public immutable registry;
    /// Decides whether signers are a quorum, by the votes that are counted here.
    Roster public immutable roster;
    /// Created here and not by the settlement, whose own creation has no room for it.
    Cosigners public immutable cosigners;
    /// The only contract that reports refuted verifiers.
    address public immutable settlement;
    /// The only contract that takes bonds and stakes for an offence, and gives them back.
    address public immutable cases;

    mapping(address payee => Stake) private _stakes;
    /// Only its owner's three functions write here.
    mapping(address payee => Stake) private _priorities;
    mapping(address account => Router) private _routers;
    /// The end of a router's former ticket key, seconds since 1970. A router that changes its key stays liable for tickets that it signed
    /// before.
    mapping(address account => mapping(bytes32 ticketKey => uint256)) public ticketKeyUntil;
    mapping(address payee => Offence) private _offences;
    mapping(address payee => Held) private _held;
    mapping(address validator => Bond) private _bonds;
    mapping(address validator => Cut) private _cuts;
    /// Votes of each validator's bond, by time.
    mapping(address validator => Checkpoints.Trace208) private _votes;
    Checkpoints.Trace208 private _totalVotes;

    event Staked(address indexed payee, uint256 amount, uint256 stake);
    event UnstakeRequested(address indexed payee, uint256 amount, uint64 leavesAt);
    event Unstaked(address indexed payee, uint256 amount);
    event Prioritized(address indexed payee, uint256 amount, uint256 priority);
    event DeprioritizeRequested(address indexed payee, uint256 amount, uint64 leavesAt);
    event Deprioritized(address indexed payee, uint256 amount);
    event RouterRegistered(address indexed router, bytes32 ticketKey, uint64 since);
    event RouterLeaves(address indexed router, uint64 until);
    event Penalized(address indexed payee, uint32 refuted, uint256 amount, uint32 penalty);
    event Pardoned(address indexed payee, uint32 penalty, uint256 amount);
    event PenaltyCollected(address indexed payee, uint256 amount);
    event Bonded(address indexed validator, uint128 amount, uint128 bond);
    event UnbondRequested(address indexed validator, uint128 amount, uint64 unbondableAt);
    event Unbonded(address indexed validator, uint128 amount);
    event BondTaken(address indexed validator, uint128 amount);
    event StakeTaken(address indexed account, uint128 amount);
    event Restored(address indexed account, uint128 amount);

    error ZeroAmount();
    error InsufficientStake(uint256 stake, uint256 requested);
    error InsufficientBond(uint256 bond, uint256 needed);
    error NothingToUnbond();
    error TooEarly(uint256 readyAt);
    error ZeroTicketKey();
    error NoRouter(address account);
    error NotRouter(address caller);
    error NotRegistry(address caller);
    error NotSettlement(address caller);
    error NotCases(address caller);
    error NothingHeld(address payee);

    /// @param settlement_ Future address of the settlement contract: it is created next, and refuses a stake that names another.
    /// @param cases_ Future address of the contract of cases, which refuses the same.
    constructor(IERC20 token_, Parameters parameters_, address settlement_, address cases_) {
        token = token_;
        parameters = parameters_;
        settlement = settlement_;
        cases = cases_;
        registry = new ValidatorRegistry(this, parameters_);
        roster = new Roster(this, registry, parameters_);
        cosigners = new Cosigners(roster, settlement_);
    }

    /// @notice Adds to the caller's stake.
    function stake(uint128 amount) external nonReentrant {
        _requireEntry(amount);
        Stake storage mine = _stakes[msg.sender];
        mine.amount += amount;
        emit Staked(msg.sender, amount, mine.amount);
        Payment.take(token, msg.sender, amount);
    }

    /// @notice Starts taking stake out. It weighs nothing from now on, and is paid after the delay, so that nobody can borrow stake for a
    /// draw. A second request restarts the delay. A router keeps its bond.
    function requestUnstake(uint128 amount) external {
        if (amount == 0) revert ZeroAmount();
        Stake storage mine = _stakes[msg.sender];
        Parameters.Limits memory limits = parameters.limits();
        uint256 needed = uint256(amount) + (_isRouter(_routers[msg.sender]) ? limits.minimumRouterBond : 0);
        if (needed > mine.amount) revert InsufficientStake(mine.amount, needed);
        _askBack(mine, amount, limits.unbondingDelay);
        emit UnstakeRequested(msg.sender, amount, mine.leavesAt);
    }

    /// @notice Pays out leaving stake, once the delay is over.
    function finishUnstake() external nonReentrant {
        uint128 amount = _takeOut(_stakes[msg.sender]);
        emit Unstaked(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Adds to the caller's priority stake.
    function prioritize(uint128 amount) external nonReentrant {
        _requireEntry(amount);
        Stake storage mine = _priorities[msg.sender];
        mine.amount += amount;
        emit Prioritized(msg.sender, amount, mine.amount);
        Payment.take(token, msg.sender, amount);
    }

    /// @notice Starts taking priority stake out. It weighs nothing from now on, and is paid after the delay, so that nobody can borrow a
    /// place in routing. A second request restarts the delay.
    function requestDeprioritize(uint128 amount) external {
        if (amount == 0) revert ZeroAmount();
        Stake storage mine = _priorities[msg.sender];
        if (amount > mine.amount) revert InsufficientStake(mine.amount, amount);
        _askBack(mine, amount, parameters.limits().unbondingDelay);
        emit DeprioritizeRequested(msg.sender, amount, mine.leavesAt);
    }

    /// @notice Pays out leaving priority stake, once the delay is over.
    function finishDeprioritize() external nonReentrant {
        uint128 amount = _takeOut(_priorities[msg.sender]);
        emit Deprioritized(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Makes the caller a router, whose tickets that key signs; its stake is its bond. A router that calls it again changes its
    /// key, and does not leave. A former router comes back one delay after it has left, so that its older orders still find it.
    /// @param ticketKey Hash of the hybrid key.
    function registerRouter(bytes32 ticketKey) external {
        if (ticketKey == 0) revert ZeroTicketKey();
        Parameters.Limits memory limits = parameters.limits();
        uint256 staked = _stakes[msg.sender].amount;
        if (staked < limits.minimumRouterBond) revert InsufficientStake(staked, limits.minimumRouterBond);
        Router storage mine = _routers[msg.sender];
        if (!_isRouter(mine)) {
            uint256 again = mine.until == 0 ? 0 : uint256(mine.until) + limits.unbondingDelay;
            if (block.timestamp < again) revert TooEarly(again);
            mine.since = uint64(block.timestamp);
        } else {
            // The key of a router that has left ended with it, and one delay after that nothing that it signed counts any more.
            ticketKeyUntil[msg.sender][mine.ticketKey] = block.timestamp;
        }
        mine.ticketKey = ticketKey;
        mine.until = 0;
        emit RouterRegistered(msg.sender, ticketKey, mine.since);
    }

    /// @notice Ends a router's time one delay from now: everybody knows of it before, and its orders until then are settled. Its stake is
    /// free afterwards. The router itself may call it, and anyone may if its stake is below the least bond.
    function retireRouter(address router) external {
        Router storage theirs = _routers[router];
        if (!_isRouter(theirs) || theirs.until != 0) revert NoRouter(router);
        Parameters.Limits memory limits = parameters.limits();
        uint256 staked = _stakes[router].amount;
        if (msg.sender != router && staked >= limits.minimumRouterBond) revert NotRouter(msg.sender);
        theirs.until = uint64(block.timestamp) + limits.unbondingDelay;
        emit RouterLeaves(router, theirs.until);
    }

    /// @notice Adds to the caller's validator bond.
    function bond(uint128 amount) external nonReentrant {
        _requireEntry(amount);
        Bond storage mine = _bonds[msg.sender];
        mine.amount += amount;
        _countVotes(msg.sender, mine);
        emit Bonded(msg.sender, amount, mine.amount);
        Payment.take(token, msg.sender, amount);
    }

    /// @notice Starts taking bond out. A registered validator keeps the minimum. A second request restarts the delay.
    function requestUnbond(uint128 amount) external {
        if (amount == 0) revert ZeroAmount();
        Bond storage mine = _bonds[msg.sender];
        Parameters.Limits memory limits = parameters.limits();
        uint256 needed = uint256(amount) + (mine.active ? limits.minimumValidatorBond : 0);
        if (mine.amount < needed) revert InsufficientBond(mine.amount, needed);
        mine.amount -= amount;
        mine.unbonding += amount;
        mine.unbondableAt = uint64(block.timestamp) + limits.unbondingDelay;
        _countVotes(msg.sender, mine);
        emit UnbondRequested(msg.sender, amount, mine.unbondableAt);
    }

    /// @notice Pays out leaving bond, once the delay is over.
    function finishUnbond() external nonReentrant {
        Bond storage mine = _bonds[msg.sender];
        uint128 amount = mine.unbonding;
        if (amount == 0) revert NothingToUnbond();
        if (block.timestamp < mine.unbondableAt) revert TooEarly(mine.unbondableAt);
        mine.unbonding = 0;
        emit Unbonded(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Takes bond (first) and leaving bond (then) of a validator, or the rest if that is less. So a late request to leave saves no
    /// bond. The vote is cut at once to the remaining bond and does not leave. Later bond counts one voting delay later, like any other.
    function takeBond(address validator, uint128 amount) external nonReentrant returns (uint128 taken) {
        if (msg.sender != cases) revert NotCases(msg.sender);
        taken = _takeBond(validator, amount);
        emit BondTaken(validator, taken);
        token.safeTransfer(cases, taken);
    }

    /// @notice Takes stake of a router, or of a payee of verifiers, in the same way.
    function takeStake(address account, uint128 amount) external nonReentrant returns (uint128 taken) {
        if (msg.sender != cases) revert NotCases(msg.sender);
        Stake storage theirs = _stakes[account];
        taken = _least(amount, theirs.amount + theirs.leaving);
        _takeStake(theirs, taken);
        emit StakeTaken(account, taken);
        token.safeTransfer(cases, taken);
    }

    /// @notice Returns the amount of a rejected case as stake.
    function restore(address account, uint128 amount) external nonReentrant {
        if (msg.sender != cases) revert NotCases(msg.sender);
        _stakes[account].amount += amount;
        emit Restored(account, amount);
        Payment.take(token, cases, amount);
    }

    /// @notice Takes a part of a payee's stake for reports that a quorum says were refuted. It weighs nothing any more and is held until
    /// the appeal is over. Then it belongs to the treasury, so that no validator, verifier or payer gains by it. Stake on its way out is
    /// taken last. Nothing is taken if nothing is staked. A further penalty restarts the appeal.
    function penalize(address payee, uint32 refuted) external {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        Stake storage theirs = _stakes[payee];
        uint128 staked = theirs.amount + theirs.leaving;
        Offence memory offence = _offences[payee];
        uint48 period = uint48(block.timestamp / PENALTY_PERIOD);
        if (offence.period != period) offence = Offence(period, 0, 0);
        uint256 before = _penalty(offence);
        if (staked > offence.base) offence.base = staked;
        offence.refuted += refuted;
        uint128 amount = _least(uint128(_penalty(offence) - before), staked);
        _offences[payee] = offence;
        if (amount == 0) return;
        _takeStake(theirs, amount);
        emit Penalized(payee, refuted, amount, _hold(payee, amount));
    }

    /// @notice Returns the stake that penalties hold of a payee. Settlement has checked the quorum and the appeal.
    function pardon(address payee) external {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        Held storage held = _held[payee];
        uint128 amount = held.amount;
        held.amount = 0;
        _stakes[payee].amount += amount;
        emit Pardoned(payee, held.count, amount);
    }

    /// @notice Pays the treasury the stake that penalties hold of a payee, once the appeal is over; anyone may call it.
    function collectPenalty(address payee) external nonReentrant {
        Held storage held = _held[payee];
        uint128 amount = held.amount;
        if (amount == 0) revert NothingHeld(payee);
        uint256 finalFrom = uint256(held.since) + parameters.delays().appeal;
        if (block.timestamp < finalFrom) revert TooEarly(finalFrom);
        held.amount = 0;
        emit PenaltyCollected(payee, amount);
        token.safeTransfer(parameters.recipients().treasury, amount);
    }

    /// @notice A payee's stake that penalties hold.
    function heldOf(address payee) external view returns (Held memory) {
        return _held[payee];
    }

    /// @notice The cost of refuted reports in the payee's last period with any.
    function offenceOf(address payee) external view returns (Offence memory) {
        return _offences[payee];
    }

    /// @notice Called by the registry when a validator joins or leaves.
    function setActive(address validator, bool active) external {
        if (msg.sender != address(registry)) revert NotRegistry(msg.sender);
        Bond storage theirs = _bonds[validator];
        theirs.active = active;
        _countVotes(validator, theirs);
    }

    /// @notice The part of a payee's stake that has weight.
    function stakeOf(address payee) external view returns (uint256) {
        return _stakes[payee].amount;
    }

    /// @notice A payee's priority stake, which weighs in routing, including stake on its way out.
    function priorityOf(address payee) external view returns (Stake memory) {
        return _priorities[payee];
    }

    /// @notice A payee's stake including stake on its way out.
    function stakingOf(address payee) external view returns (Stake memory) {
        return _stakes[payee];
    }

    function routerOf(address account) external view returns (Router memory) {
        return _routers[account];
    }

    function bondOf(address validator) external view returns (Bond memory) {
        return _bonds[validator];
    }

    /// @notice Sum of the bonds of all validators that are registered now.
    function totalActiveBond() external view returns (uint256) {
        return _totalVotes.latest();
    }

    /// @notice Votes behind a list of signing keys, and all votes there are, as they were one voting delay ago. A key without a vote then
    /// adds none. A case takes a vote at once, and leaves the total as it was until the delay is over.
    /// @dev The caller sees to it that no key is listed twice; at any time an account has one key.
    function votes(address[] calldata signers) external view returns (uint256 signed, uint256 total) {
        uint48 since = registry.inForceSince();
        address[] memory accounts = registry.accountsAt(signers, since);
        for (uint256 i; i < accounts.length; ++i) {
            signed += _voteSince(accounts[i], since);
        }
        total = _totalVotes.upperLookupRecent(since);
    }

    /// @notice For gatherers of signatures: the vote of each account and its signing key, and all votes, as `votes` counts them.
    function votesOf(address[] calldata accounts)
        external
        view
        returns (uint256[] memory each, address[] memory signers, uint256 total)
    {
        each = new uint256[](accounts.length);
        signers = new address[](accounts.length);
        uint48 since = registry.inForceSince();
        for (uint256 i; i < accounts.length; ++i) {
            each[i] = _voteSince(accounts[i], since);
            signers[i] = registry.signerAt(accounts[i], since);
        }
        total = _totalVotes.upperLookupRecent(since);
    }

    function _requireEntry(uint128 amount) private view {
        if (amount == 0) revert ZeroAmount();
        parameters.requireEntry();
    }

    function _askBack(Stake storage mine, uint128 amount, uint32 delay) private {
        mine.amount -= amount;
        mine.leaving += amount;
        mine.leavesAt = uint64(block.timestamp) + delay;
    }

    /// @return amount The leaving stake that is paid out now.
    function _takeOut(Stake storage mine) private returns (uint128 amount) {
        amount = mine.leaving;
        if (amount == 0) revert NothingToUnbond();
        if (block.timestamp < mine.leavesAt) revert TooEarly(mine.leavesAt);
        mine.leaving = 0;
    }

    function _isRouter(Router storage router) private view returns (bool) {
        return router.ticketKey != 0 && (router.until == 0 || block.timestamp < router.until);
    }

    function _voteSince(address account, uint48 since) private view returns (uint256) {
        Bond storage theirs = _bonds[account];
        uint256 backed = uint256(theirs.amount) + theirs.unbonding;
        uint256 vote = _votes[account].upperLookupRecent(since);
        Cut storage cut = _cuts[account];
        if (cut.at > since && cut.left < vote) vote = cut.left;
        return vote < backed ? vote : backed;
    }

    function _countVotes(address validator, Bond storage theirs) private {
        uint208 next = theirs.active ? theirs.amount : 0;
        (uint208 before,) = _votes[validator].push(uint48(block.timestamp), next);
        if (next == before) return;
        _totalVotes.push(uint48(block.timestamp), _totalVotes.latest() - before + next);
        roster.noteChange();
    }

    /// @dev Bond first, leaving bond then, or the rest if that is less. Cuts the vote at once.
    function _takeBond(address validator, uint128 amount) private returns (uint128) {
        Bond storage theirs = _bonds[validator];
        uint128 fromBond = _least(amount, theirs.amount);
        uint128 fromLeaving = _least(amount - fromBond, theirs.unbonding);
        theirs.amount -= fromBond;
        theirs.unbonding -= fromLeaving;
        Cut storage cut = _cuts[validator];
        cut.left = cut.at > registry.inForceSince() ? _least(cut.left, theirs.amount) : theirs.amount;
        cut.at = uint64(block.timestamp);
        _countVotes(validator, theirs);
        roster.drop();
        return fromBond + fromLeaving;
    }

    /// @dev Takes stake with weight first, then stake on its way out; there is as much.
    function _takeStake(Stake storage theirs, uint128 amount) private {
        uint128 fromStake = _least(amount, theirs.amount);
        theirs.amount -= fromStake;
        theirs.leaving -= amount - fromStake;
    }

    /// @dev Holds the amount of a penalty, and restarts the appeal of all that is held. @return The penalty's number.
    function _hold(address owner, uint128 amount) private returns (uint32) {
        Held storage held = _held[owner];
        held.amount += amount;
        held.since = uint64(block.timestamp);
        return ++held.count;
    }

    function _penalty(Offence memory offence) private pure returns (uint256) {
        uint256 ppm = offence.refuted * PENALTY_PPM;
        return uint256(offence.base) * (ppm < MOST_PENALTY_PPM ? ppm : MOST_PENALTY_PPM) / 1_000_000;
    }

    function _least(uint128 a, uint128 b) private pure returns (uint128) {
        return a < b ? a : b;
    }
}
