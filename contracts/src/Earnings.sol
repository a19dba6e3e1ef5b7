// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Escrow} from "./Escrow.sol";
import {Parameters} from "./Parameters.sol";
import {Payment} from "./libraries/Payment.sol";
import {Earned, Ejection, Holding} from "./libraries/Types.sol";

/// The calls of Earnings to the contract that created it.
interface IEjections {
    function ejectionOf(bytes32 providerId) external view returns (Ejection memory);
}

/// @title Earnings of providers, held for a while
/// @notice Time runs in periods. Earnings of a provider's key for a payee in one period are held for the two periods after it, and then
/// belong to the payee. An ejection stops that clock. The held amount and all later settlements for the key go to the verification pool
/// once the ejection is final. They never go to payers, or to the validators that eject. Nothing is written when a key is ejected or
/// reinstated: every amount follows from the sums by period and from the ejection. A payee may also deposit a bond for a key. It counts as
/// held from the first moment and leaves with a delay. It goes to the verification pool if an ejection of the key becomes final.
/// @dev Tokens here and credit in the Escrow = earned - paid - collected + bonds with what leaves, summed over all accounts, always.
contract Earnings is ReentrancyGuardTransient {
    using Checkpoints for Checkpoints.Trace208;

    /// Whole periods between the one in which something is earned and the one in which the payee can have it.
    uint256 public constant HELD_PERIODS = 2;

    /// How long a panel stops the clock of a key.
    uint48 public constant FREEZE = 7 days;
    /// From the end of a freeze until the next one of the same key.
    uint48 public constant FREEZE_REST = 28 days;

    struct Account {
        /// Sum of all that was ever earned, by period.
        Checkpoints.Trace208 earned;
        /// To the payee.
        uint128 paid;
        /// To the verification pool.
        uint128 collected;
    }

    /// The bond that a payee deposited for a key.
    struct KeyBond {
        /// Counts as held, by period.
        Checkpoints.Trace208 amount;
        /// On its way out: it counts no more, and an ejection takes it still.
        uint128 leaving;
        uint64 leavesAt;
    }

    /// Sum of all batches in the last periods with any, fees of all parties included. It has not vested.
    struct Recent {
        /// The last of them.
        uint48 period;
        uint104 current;
        uint104 previous;
        uint128 before;
    }

    /// Amounts of an account, and their possible destinations now.
    struct Balance {
        uint256 earned;
        /// Not the payee's yet: an ejection takes it.
        uint256 held;
        uint256 withdrawable;
        uint256 collectable;
        uint256 paid;
        uint256 collected;
        /// Put down beside it and not asked back: an ejection takes it too.
        uint256 bonded;
    }

    IERC20 public immutable token;
    Parameters public immutable parameters;
    Escrow public immutable escrow;
    /// The only contract that credits earnings, and the one that knows ejections: it created this one.
    address public immutable settlement;
    /// Seconds; 0 if the network holds no earnings.
    uint256 public immutable period;
    /// The first units of each account, which go to the verification pool.
    uint256 public immutable entrance;

    /// The only contract that stops clocks: a panel decides there.
    address public immutable cases;

    mapping(bytes32 providerId => mapping(address payee => Account)) private _accounts;
    mapping(bytes32 providerId => mapping(address payee => KeyBond)) private _bonds;
    Recent private _recent;
    /// When a panel stopped a key's clock last; 0 for never.
    mapping(bytes32 providerId => uint48) public frozenSince;

    event EarningsWithdrawn(bytes32 indexed providerId, address indexed payee, uint256 amount);
    event EarningsCollected(bytes32 indexed providerId, address indexed payee, uint256 amount);

    event KeyBonded(bytes32 indexed providerId, address indexed payee, uint128 amount, uint256 bond);
    event KeyUnbondRequested(bytes32 indexed providerId, address indexed payee, uint128 amount, uint64 leavesAt);
    event KeyUnbonded(bytes32 indexed providerId, address indexed payee, uint128 amount);
    event KeyBondForfeited(bytes32 indexed providerId, address indexed payee, uint256 amount);

    event Frozen(bytes32 indexed providerId, uint48 until);

    error NotSettlement(address caller);
    error NotCases(address caller);
    error FrozenLately(uint256 again);
    error EjectedAlready(bytes32 providerId);
    error NothingToWithdraw();
    error NothingToCollect();
    error ZeroAmount();
    error NoKeyBonds();
    error InsufficientBond(uint256 bond, uint256 requested);
    error NothingToUnbond();
    error TooEarly(uint256 readyAt);
    error NothingForfeited();
    error PeriodNotOver(uint256 current);

    /// @dev To be created by the settlement contract.
    constructor(IERC20 token_, Parameters parameters_, Escrow escrow_, address cases_) {
        cases = cases_;
        token = token_;
        parameters = parameters_;
        escrow = escrow_;
        settlement = msg.sender;
        Holding memory holding = parameters_.holding();
        period = holding.period;
        entrance = holding.entrance;
    }

    /// @notice Adds earnings of keys in the present period. The settlement credits the sum to this contract in the Escrow.
    /// @param gross Sum of the batch, fees of all parties included.
    /// @return Sum of all batches with unvested earnings; 0 if nothing is held.
    function credit(Earned[] calldata list, uint256 gross) external returns (uint256) {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        uint48 current = uint48(periodAt(block.timestamp));
        for (uint256 i; i < list.length; ++i) {
            Checkpoints.Trace208 storage earned = _accounts[list[i].providerId][list[i].payee].earned;
            earned.push(current, earned.latest() + list[i].amount);
        }
        if (period == 0 || gross == 0) return 0;
        Recent memory recent = _recentAt(current);
        recent.current += uint104(gross);
        _recent = recent;
        return uint256(recent.current) + recent.previous + recent.before;
    }

    /// @notice Stops the clock of a key for a while. Nothing of it vests, and an ejection meanwhile finds everything that was held when the
    /// freeze began.
    function freeze(bytes32 providerId) external {
        if (msg.sender != cases) revert NotCases(msg.sender);
        if (_ejectedSince(providerId) != 0) revert EjectedAlready(providerId);
        uint48 last = frozenSince[providerId];
        if (last != 0 && block.timestamp < last + FREEZE + FREEZE_REST) revert FrozenLately(last + FREEZE + FREEZE_REST);
        frozenSince[providerId] = uint48(block.timestamp);
        emit Frozen(providerId, uint48(block.timestamp) + FREEZE);
    }

    /// @notice The sum of the batches with unvested earnings, in the present period and the two before it.
    function unvested() external view returns (uint256) {
        if (period == 0) return 0;
        Recent memory recent = _recentAt(uint48(periodAt(block.timestamp)));
        return uint256(recent.current) + recent.previous + recent.before;
    }

    /// @notice Pays the payee its available earnings. Anybody may call it. If they are credits, the present epoch takes the part that it
    /// can pay for, and the rest stays the payee's.
    function withdraw(bytes32 providerId, address payee) external nonReentrant returns (uint256 amount) {
        uint256 due = balanceOf(providerId, payee).withdrawable;
        if (due == 0) revert NothingToWithdraw();
        Account storage account = _accounts[providerId][payee];
        account.paid += uint128(due);
        amount = _send(payee, due);
        account.paid -= uint128(due - amount);
        emit EarningsWithdrawn(providerId, payee, amount);
    }

    /// @notice Pays the verification pool the first units of an account, and all that a final ejection took. Anybody may call it.
    function collect(bytes32 providerId, address payee) external nonReentrant returns (uint256 amount) {
        uint256 due = balanceOf(providerId, payee).collectable;
        if (due == 0) revert NothingToCollect();
        Account storage account = _accounts[providerId][payee];
        account.collected += uint128(due);
        amount = _sendToPool(due);
        account.collected -= uint128(due - amount);
        emit EarningsCollected(providerId, payee, amount);
    }

    /// @notice Puts tokens down for a key, by the payee that it earns for. It counts as held from the next period on. Credits cannot be
    /// transferred, so a network that pays in them has no such bond. A network without held earnings has none either.
    function bond(bytes32 providerId, uint128 amount) external nonReentrant {
        if (escrow.isCredit() || period == 0) revert NoKeyBonds();
        if (amount == 0) revert ZeroAmount();
        parameters.requireEntry();
        if (_ejectedSince(providerId) != 0) revert EjectedAlready(providerId);
        uint208 next = _setBond(_bonds[providerId][msg.sender], amount, 0);
        emit KeyBonded(providerId, msg.sender, amount, next);
        Payment.take(token, msg.sender, amount);
    }

    /// @notice Starts taking the bond of a key out. A second request restarts the delay.
    /// @dev The bond that counted when the present period began counts for all its replies. So it stays as long as the earnings until then
    /// are held.
    function requestUnbond(bytes32 providerId, uint128 amount) external {
        if (amount == 0) revert ZeroAmount();
        KeyBond storage mine = _bonds[providerId][msg.sender];
        if (amount > mine.amount.latest()) revert InsufficientBond(mine.amount.latest(), amount);
        _setBond(mine, 0, amount);
        uint256 delayed = block.timestamp + parameters.limits().unbondingDelay;
        uint256 vested = (periodAt(block.timestamp) + HELD_PERIODS) * period;
        mine.leaving += amount;
        mine.leavesAt = uint64(delayed > vested ? delayed : vested);
        emit KeyUnbondRequested(providerId, msg.sender, amount, mine.leavesAt);
    }

    /// @notice Pays out leaving bond, once the delay is over by the clock of the key: an ejection and a freeze stop it.
    function finishUnbond(bytes32 providerId) external nonReentrant {
        KeyBond storage mine = _bonds[providerId][msg.sender];
        uint128 amount = mine.leaving;
        if (amount == 0) revert NothingToUnbond();
        uint256 clock = _clockOf(providerId, _ejectedSince(providerId));
        if (clock < mine.leavesAt) revert TooEarly(mine.leavesAt);
        mine.leaving = 0;
        emit KeyUnbonded(providerId, msg.sender, amount);
        _send(msg.sender, amount);
    }

    /// @notice Pays the verification pool the bond of a key whose ejection is final. Anybody may call it.
    function forfeit(bytes32 providerId, address payee) external nonReentrant returns (uint256 amount) {
        amount = forfeitOf(providerId, payee);
        if (amount == 0) revert NothingForfeited();
        KeyBond storage theirs = _bonds[providerId][payee];
        uint128 bonded = uint128(theirs.amount.latest());
        theirs.leaving -= uint128(amount) - bonded;
        _setBond(theirs, 0, bonded);
        emit KeyBondForfeited(providerId, payee, amount);
        _sendToPool(amount);
    }

    /// @notice The bond that a payee deposited for a key and did not ask back, and the bond on its way out.
    function bondOf(bytes32 providerId, address payee)
        external
        view
        returns (uint256 bonded, uint128 leaving, uint64 leavesAt)
    {
        KeyBond storage theirs = _bonds[providerId][payee];
        return (theirs.amount.latest(), theirs.leaving, theirs.leavesAt);
    }

    /// @notice The part of a bond that a final ejection took: all but the part that could have left before it.
    function forfeitOf(bytes32 providerId, address payee) public view returns (uint256) {
        uint256 since = _ejectedSince(providerId);
        if (!_isFinal(since)) return 0;
        KeyBond storage theirs = _bonds[providerId][payee];
        return theirs.amount.latest() + (_clockOf(providerId, since) < theirs.leavesAt ? theirs.leaving : 0);
    }

    function balanceOf(bytes32 providerId, address payee) public view returns (Balance memory balance) {
        Account storage account = _accounts[providerId][payee];
        uint256 since = _ejectedSince(providerId);
        uint256 vested = _vestedAt(account, _clockOf(providerId, since));
        uint256 due = _aboveEntrance(vested);
        balance.earned = account.earned.latest();
        balance.held = balance.earned - vested;
        balance.paid = account.paid;
        balance.collected = account.collected;
        balance.withdrawable = due - account.paid;
        balance.bonded = _bonds[providerId][payee].amount.latest();
        // An ejection that is final stays so: nothing that was collected is owed again.
        uint256 pool = _isFinal(since) ? balance.earned - due : balance.earned < entrance ? balance.earned : entrance;
        balance.collectable = pool - account.collected;
    }

    /// @notice Earnings of a key for a payee in one period that is over, without the first units. The value never changes, so later callers
    /// get the same answer.
    function earnedIn(bytes32 providerId, address payee, uint48 which) public view returns (uint256) {
        uint256 current = periodAt(block.timestamp);
        if (which >= current) revert PeriodNotOver(current);
        Checkpoints.Trace208 storage earned = _accounts[providerId][payee].earned;
        uint256 before = which == 0 ? 0 : earned.upperLookupRecent(which - 1);
        return _aboveEntrance(earned.upperLookupRecent(which)) - _aboveEntrance(before);
    }

    /// @notice The least amount that an ejection finds for replies of the next period: the key's earnings in this period and the bond at
    /// its end. Both stay until the second period after it is over. It never changes either.
    function heldIn(bytes32 providerId, address payee, uint48 which) external view returns (uint256) {
        return earnedIn(providerId, payee, which) + _bonds[providerId][payee].amount.upperLookupRecent(which);
    }

    /// @notice The number of the period at a time, in seconds since 1970; 0 where earnings are not held.
    function periodAt(uint256 time) public view returns (uint256) {
        return period == 0 ? 0 : time / period;
    }

    function _setBond(KeyBond storage theirs, uint128 added, uint128 taken) private returns (uint208 next) {
        next = theirs.amount.latest() + added - taken;
        theirs.amount.push(uint48(periodAt(block.timestamp)), next);
    }

    /// @dev 0 if the key is not ejected.
    function _ejectedSince(bytes32 providerId) private view returns (uint256) {
        return IEjections(settlement).ejectionOf(providerId).since;
    }

    function _isFinal(uint256 ejectedSince) private view returns (bool) {
        return ejectedSince != 0 && block.timestamp >= ejectedSince + parameters.delays().appeal;
    }

    /// @dev The time by which a key's earnings vest: it stands still from an ejection on, and while a panel has stopped it.
    function _clockOf(bytes32 providerId, uint256 ejectedSince) private view returns (uint256 time) {
        time = ejectedSince == 0 ? block.timestamp : ejectedSince;
        uint256 since = frozenSince[providerId];
        if (since != 0 && time >= since && time < since + FREEZE) return since;
    }

    /// @dev The sums as of a period that is not before the last one.
    function _recentAt(uint48 current) private view returns (Recent memory recent) {
        recent = _recent;
        uint256 gap = current - recent.period;
        if (gap == 0) return recent;
        recent.before = gap == 1 ? recent.previous : gap == 2 ? recent.current : 0;
        recent.previous = gap == 1 ? recent.current : 0;
        recent.current = 0;
        recent.period = current;
    }

    /// @dev The sum that was past its two periods at a time.
    function _vestedAt(Account storage account, uint256 time) private view returns (uint256) {
        if (period == 0) return account.earned.latest();
        uint256 current = periodAt(time);
        return current <= HELD_PERIODS ? 0 : account.earned.upperLookupRecent(uint48(current - HELD_PERIODS - 1));
    }

    function _aboveEntrance(uint256 sum) private view returns (uint256) {
        return sum > entrance ? sum - entrance : 0;
    }

    function _sendToPool(uint256 amount) private returns (uint256 sent) {
        return _send(parameters.recipients().verification, amount);
    }

    /// @dev The settlement leaves its credit in the Escrow, which costs it less than a transfer.
    function _send(address to, uint256 amount) private returns (uint256 sent) {
        if (token.balanceOf(address(this)) < amount) escrow.claim();
        return Payment.pay(token, escrow.isCredit(), to, amount);
    }
}
