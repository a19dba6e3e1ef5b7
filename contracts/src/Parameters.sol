// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Delays, Holding, Recipients, Shares} from "./libraries/Types.sol";

/// @title Parameters of the network
/// @notice Holds the values that governance may change, their bounds, and the notice of a change. Delays and the holding of earnings are
/// fixed for good when the contract is created: a network that needs others is another network.
contract Parameters is Ownable2Step {
    using Checkpoints for Checkpoints.Trace208;

    uint256 public constant BASIS = 10_000;
    /// A provider keeps at least 80 % of every fee.
    uint256 public constant MAX_TOTAL_SHARES = 2_000;
    /// Each share has bounds of its own, so that nobody takes the whole fee.
    uint256 public constant MAX_ROUTER_SHARE = 500;
    uint256 public constant MAX_VALIDATOR_SHARE = 500;
    uint256 public constant MAX_TREASURY_SHARE = 500;
    uint256 public constant MAX_MAKER_SHARE = 500;
    /// Below it no audit is paid for. Above it a verifier earns more than its cost on any hardware.
    uint256 public constant MIN_VERIFICATION_SHARE = 100;
    uint256 public constant MAX_VERIFICATION_SHARE = 1_600;
    /// Bounds of the share that nobody receives, in a network with an emission; otherwise it is 0.
    uint256 public constant MIN_RECYCLE_SHARE = 50;
    uint256 public constant MAX_RECYCLE_SHARE = 500;
    /// It only ever falls, and ends with the term below.
    uint256 public constant MAX_LICENSE = 2;
    /// Seconds from the creation of this contract until there is no license share any more.
    uint256 public constant LICENSE_TERM = 20 * 365 days;
    /// Seconds from the creation until the treasury's share goes to the vault, whatever recipient was named for it.
    uint256 public constant TREASURY_TERM = 5 * 365 days;
    uint32 public constant MAX_ALPHA = 1_000_000;
    uint32 public constant MAX_DELAY = 60 days;
    /// Millionths of the amount that a key holds. A forged reply that costs more than 2.2 times as much gains by being forged.
    uint32 public constant MAX_GROWTH = 2_000_000;
    /// Of the work of a newcomer: some days of one core.
    uint8 public constant MAX_WORK_BITS = 40;
    uint32 public constant MAX_WORK_EPOCHS = 1_000_000;
    /// How long the guardian keeps new money out, once it has begun to.
    uint256 public constant PAUSE = 3 days;
    /// From the end of a pause until the guardian may begin another one.
    uint256 public constant PAUSE_REST = 14 days;
    /// Number of a chain on one machine, with worthless money.
    uint256 private constant LOCAL_CHAIN = 31_337;
    /// Of each rate of tests: four in an epoch.
    uint32 public constant MAX_TEST_RATE = 4_000_000;
    /// Of the slowest device that timed jobs are for: more tokens a second than any device scores.
    uint32 public constant MAX_SLOWEST_RATE = 1_000_000;
    /// Time for which the greatest rate is known: tests of a day ago may still be reported.
    uint48 public constant RATE_MEMORY = 1 days;
    /// Time during which earlier verifier stakes are known. An audit may take a day, and signers may be away, so it exceeds the time
    /// between an order and the signatures over its entry.
    uint48 public constant STAKE_MEMORY = 7 days;
    uint128 public constant MAX_VALIDATOR_BOND = 50_000_000e18;
    uint128 public constant MAX_ROUTER_BOND = 1_000_000e18;
    uint128 public constant MAX_VERIFIER_STAKE = 1_000_000e18;

    struct Limits {
        /// Fraction of replies that are audited, in parts per million.
        uint32 alpha;
        /// Seconds between asking for reserved escrow back and getting it: the time validators have to settle.
        uint32 withdrawalDelay;
        /// Seconds that a leaving bond stays slashable.
        uint32 unbondingDelay;
        uint128 minimumValidatorBond;
        /// Stake that an account needs to be a router.
        uint128 minimumRouterBond;
        /// Stake of a payee whose verifiers may be drawn, as announced last: `verifierStakes` returns the one in force. At zero any payee
        /// is drawn: before the first tokens nobody has a stake.
        uint128 minimumVerifierStake;
    }

    /// The drift table that validators use for verdicts (docs/spec/drift-table.md).
    struct DriftTable {
        /// SHA-256 of its canonical bytes; zero while the network names none.
        bytes32 hash;
        /// Rises with every change, a withdrawal included.
        uint64 version;
    }

    /// How often each validator tests each provider and model.
    struct Tests {
        /// Answers that it buys in an epoch, on average, in parts per million (docs/spec/canary.md).
        uint32 canaryRate;
        /// Jobs with a deadline that it gives in an epoch, on average, in parts per million (docs/spec/timed-challenge.md).
        uint32 timedRate;
        /// Tokens that the slowest device that may take part scores in a second; deadlines follow from it.
        uint32 slowestRate;
    }

    /// The proof of work that a key shows before it is listed if its payee has staked nothing (docs/spec/newcomer-work.md).
    struct Work {
        /// Leading zero bits of its hash; 0: no work is required.
        uint8 bits;
        /// For how many epochs after the one that it names it counts.
        uint32 epochs;
    }

    /// The parts of a fee and their recipients.
    struct Distribution {
        Shares shares;
        Recipients recipients;
    }

    /// Second of its creation.
    uint256 public immutable created;
    /// Receives the treasury's share once the term is over: the treasury that token holders govern.
    address public immutable vault;

    Delays private _delays;
    Holding private _holding;
    Distribution private _current;
    /// In force from `_nextFrom` on; without meaning if that is 0.
    Distribution private _next;
    uint64 private _nextFrom;
    Limits private _limits;
    /// The audited fraction, by time.
    Checkpoints.Trace208 private _alphas;
    /// The least stake of verifiers, by the time from which it was in force. The one that was announced last comes in with the next call
    /// that changes limits.
    Checkpoints.Trace208 private _verifierStakes;
    /// Time from which the last announced one is in force; 0 if it is already the last of those above.
    uint48 private _verifierStakeFrom;
    DriftTable private _driftTable;
    Tests private _tests;
    Work private _work;
    /// Both rates, by time: that of canaries above the one of timed jobs, 32 bits each.
    Checkpoints.Trace208 private _rates;
    /// May keep new money out for a while, and do nothing else. Zero: there is none.
    address public guardian;
    /// Until when deposits, stakes and bonds are refused. Money inside can always leave.
    uint256 public pausedUntil;
    /// Set once a pause begins, and not moved by its end.
    uint256 private _nextPause;

    event DistributionScheduled(Shares shares, Recipients recipients, uint64 from);
    event LimitsChanged(Limits limits);
    /// With `from` 0, the announced value is taken back.
    event VerifierStakeScheduled(uint128 stake, uint48 from);
    event DriftTableChanged(DriftTable driftTable);
    event TestsChanged(Tests tests);
    event WorkChanged(Work work);
    event GuardianNamed(address guardian);
    event EntryPaused(uint256 until);
    event EntryOpened();

    error SharesTooHigh(uint256 total, uint256 maximum);
    error ShareOutOfRange(string share, uint256 given, uint256 minimum, uint256 maximum);
    error LicenseTooHigh(uint256 license, uint256 maximum);
    error LicenseRaised(uint16 current, uint16 proposed);
    error OutOfRange(string parameter);
    error ZeroRecipient();
    error VersionNotNewer(uint64 current, uint64 proposed);
    error NotGuardian(address caller);
    error PausedLately(uint256 again);
    error EntryIsPaused(uint256 until);

    constructor(
        address owner,
        Delays memory delays_,
        Holding memory holding_,
        Shares memory shares_,
        Recipients memory recipients_,
        Limits memory limits_,
        address vault_,
        Tests memory tests_,
        Work memory work_
    ) Ownable(owner) {
        if (vault_ == address(0)) revert ZeroRecipient();
        created = block.timestamp;
        vault = vault_;
        // Only a chain on one machine may omit them: elsewhere real money depends on each.
        bool hasAll = delays_.voting != 0 && delays_.notice != 0 && delays_.appeal != 0 && delays_.leastWithdrawal != 0
            && delays_.leastUnbonding != 0;
        if (!hasAll && block.chainid != LOCAL_CHAIN) revert OutOfRange("delays");
        if (delays_.voting > delays_.leastUnbonding) revert OutOfRange("voting");
        if (delays_.notice > MAX_DELAY) revert OutOfRange("notice");
        if (delays_.appeal > MAX_DELAY) revert OutOfRange("appeal");
        _delays = delays_;
        // Earnings of the last period are held until the present one is over, and validators need that long to eject.
        if (holding_.period != 0 && holding_.period < delays_.leastWithdrawal || holding_.period > MAX_DELAY) {
            revert OutOfRange("period");
        }
        // At zero, a key could never serve an order above the entrance.
        bool isRamp = holding_.growth != 0 || holding_.entrance == 0;
        if (!isRamp || holding_.growth > MAX_GROWTH) revert OutOfRange("growth");
        _holding = holding_;
        _assertDistribution(shares_, recipients_);
        // Makers get nothing before governance decides so, with notice.
        _requireShare("maker", shares_.maker, 0, 0);
        _current = Distribution(shares_, recipients_);
        emit DistributionScheduled(shares_, recipients_, uint64(block.timestamp));
        _setLimits(limits_);
        _setTests(tests_);
        _setWork(work_);
    }

    /// @notice Announces the parts of a fee and their recipients, in force after one notice. It replaces an announcement that is not in
    /// force yet. The license share can only fall; the others move freely below the common ceiling.
    function setDistribution(Shares calldata nextShares, Recipients calldata nextRecipients) external onlyOwner {
        _current = distribution();
        uint16 license = _current.shares.license;
        if (nextShares.license > license) revert LicenseRaised(license, nextShares.license);
        _assertDistribution(nextShares, nextRecipients);
        // An emission is measured by it.
        if (_current.shares.recycle != 0) _requireShare("recycle", nextShares.recycle, MIN_RECYCLE_SHARE, MAX_RECYCLE_SHARE);
        _next = Distribution(nextShares, nextRecipients);
        _nextFrom = uint64(block.timestamp) + _delays.notice;
        emit DistributionScheduled(nextShares, nextRecipients, _nextFrom);
    }

    function setLimits(Limits calldata next) external onlyOwner {
        _setLimits(next);
    }

    /// @notice Rates of zero end the tests.
    function setTests(Tests calldata next) external onlyOwner {
        _setTests(next);
    }

    /// @notice Zero bits end it. Work that was shown for fewer bits is not enough any more.
    function setWork(Work calldata next) external onlyOwner {
        _setWork(next);
    }

    /// @notice A hash of zero withdraws the table: validators go back to the fixed thresholds.
    function setDriftTable(DriftTable calldata next) external onlyOwner {
        // Two transactions under way at once cannot end with the older table.
        if (next.version <= _driftTable.version) revert VersionNotNewer(_driftTable.version, next.version);
        _driftTable = next;
        emit DriftTableChanged(next);
    }

    /// @notice Names the guardian that may pause entry; zero for none. A running pause continues.
    function setGuardian(address next) external onlyOwner {
        guardian = next;
        emit GuardianNamed(next);
    }

    /// @notice Refuses new deposits, stakes and bonds for a while, so that a bug cannot take more meanwhile.
    function pauseEntry() external {
        if (msg.sender != guardian) revert NotGuardian(msg.sender);
        if (block.timestamp < _nextPause) revert PausedLately(_nextPause);
        pausedUntil = block.timestamp + PAUSE;
        _nextPause = pausedUntil + PAUSE_REST;
        emit EntryPaused(pausedUntil);
    }

    /// @notice Ends a pause early. The next one comes no earlier for it.
    function openEntry() external {
        if (msg.sender != guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
        pausedUntil = 0;
        emit EntryOpened();
    }

    /// @notice Called before new money is accepted.
    function requireEntry() external view {
        if (block.timestamp < pausedUntil) revert EntryIsPaused(pausedUntil);
    }

    function delays() external view returns (Delays memory) {
        return _delays;
    }

    function holding() external view returns (Holding memory) {
        return _holding;
    }

    /// @notice The distribution in force now.
    function distribution() public view returns (Distribution memory inForce) {
        inForce = _nextFrom != 0 && block.timestamp >= _nextFrom ? _next : _current;
        if (block.timestamp >= created + LICENSE_TERM) inForce.shares.license = 0;
        if (block.timestamp >= created + TREASURY_TERM) inForce.recipients.treasury = vault;
    }

    /// @notice The last announced distribution, and the time at which it comes or came into force.
    function announced() external view returns (Distribution memory, uint64 from) {
        return _nextFrom == 0 ? (_current, 0) : (_next, _nextFrom);
    }

    function shares() external view returns (Shares memory) {
        return distribution().shares;
    }

    function recipients() external view returns (Recipients memory) {
        return distribution().recipients;
    }

    function limits() external view returns (Limits memory) {
        return _limits;
    }

    /// @notice The least audited fraction that was in force at `since` or later, and the time of the block that says so. The time shows a
    /// validator that no later change is missing.
    function leastAlpha(uint48 since) external view returns (uint32 least, uint64 asOf) {
        least = _limits.alpha;
        for (uint256 i = _alphas.length(); i > 0; --i) {
            Checkpoints.Checkpoint208 memory change = _alphas.at(uint32(i - 1));
            if (change._value < least) least = uint32(change._value);
            if (change._key <= since) break;
        }
        asOf = uint64(block.timestamp);
    }

    /// @notice The stake that verifiers need now, and the least and the greatest one within STAKE_MEMORY. They show that a draw was right
    /// before the stake rose, and that an omission was right before it fell. `next` is in force from `from` on; a `from` of 0 means that
    /// nothing else was announced.
    function verifierStakes() external view returns (uint128 current, uint128 least, uint128 greatest, uint128 next, uint48 from) {
        uint48 since = block.timestamp < STAKE_MEMORY ? 0 : uint48(block.timestamp) - STAKE_MEMORY;
        (next, from) = (_limits.minimumVerifierStake, _verifierStakeFrom);
        current = uint128(_verifierStakes.latest());
        bool isKnown;
        if (from != 0 && block.timestamp >= from) (current, isKnown, from) = (next, from <= since, 0);
        least = greatest = current;
        if (isKnown) return (current, least, greatest, next, from);
        for (uint256 i = _verifierStakes.length(); i > 0; --i) {
            Checkpoints.Checkpoint208 memory change = _verifierStakes.at(uint32(i - 1));
            if (change._value < least) least = uint128(change._value);
            if (change._value > greatest) greatest = uint128(change._value);
            if (change._key <= since) break;
        }
    }

    function driftTable() external view returns (DriftTable memory) {
        return _driftTable;
    }

    function tests() external view returns (Tests memory) {
        return _tests;
    }

    function work() external view returns (Work memory) {
        return _work;
    }

    /// @notice The greatest rates that were in force within the last day: a test that was drawn by a higher one was not drawn.
    function greatestRates() external view returns (uint32 canary, uint32 timed) {
        (canary, timed) = (_tests.canaryRate, _tests.timedRate);
        uint48 since = _memoryBegins();
        for (uint256 i = _rates.length(); i > 0; --i) {
            Checkpoints.Checkpoint208 memory change = _rates.at(uint32(i - 1));
            if (uint32(change._value >> 32) > canary) canary = uint32(change._value >> 32);
            if (uint32(change._value) > timed) timed = uint32(change._value);
            if (change._key <= since) break;
        }
    }

    function _memoryBegins() private view returns (uint48) {
        return block.timestamp < RATE_MEMORY ? 0 : uint48(block.timestamp) - RATE_MEMORY;
    }

    function _assertDistribution(Shares memory next, Recipients memory to) private pure {
        uint256 total = uint256(next.router) + next.validator + next.verification + next.treasury + next.license + next.recycle
            + next.maker;
        if (next.license > MAX_LICENSE) revert LicenseTooHigh(next.license, MAX_LICENSE);
        if (total > MAX_TOTAL_SHARES) revert SharesTooHigh(total, MAX_TOTAL_SHARES);
        _requireShare("router", next.router, 0, MAX_ROUTER_SHARE);
        _requireShare("validator", next.validator, 0, MAX_VALIDATOR_SHARE);
        _requireShare("verification", next.verification, MIN_VERIFICATION_SHARE, MAX_VERIFICATION_SHARE);
        _requireShare("treasury", next.treasury, 0, MAX_TREASURY_SHARE);
        _requireShare("maker", next.maker, 0, MAX_MAKER_SHARE);
        if (next.recycle != 0) _requireShare("recycle", next.recycle, MIN_RECYCLE_SHARE, MAX_RECYCLE_SHARE);
        if (to.verification == address(0) || to.treasury == address(0) || to.license == address(0)) revert ZeroRecipient();
    }

    function _requireShare(string memory share, uint256 given, uint256 minimum, uint256 maximum) private pure {
        if (given < minimum || given > maximum) revert ShareOutOfRange(share, given, minimum, maximum);
    }

    function _setLimits(Limits memory next) private {
        if (next.alpha > MAX_ALPHA) revert OutOfRange("alpha");
        // No longer than the notice, if there is one: an owner that dislikes the change has its money out before it is in force.
        uint32 longest = _delays.notice == 0 ? MAX_DELAY : _delays.notice;
        if (next.withdrawalDelay < _delays.leastWithdrawal || next.withdrawalDelay > longest) {
            revert OutOfRange("withdrawalDelay");
        }
        if (next.unbondingDelay < _delays.leastUnbonding || next.unbondingDelay > MAX_DELAY) {
            revert OutOfRange("unbondingDelay");
        }
        // At zero, anyone could fill the validator list for nothing.
        if (next.minimumValidatorBond == 0 || next.minimumValidatorBond > MAX_VALIDATOR_BOND) {
            revert OutOfRange("minimumValidatorBond");
        }
        // At zero, a payer could name an account of its own, and have a part of its fee back.
        if (next.minimumRouterBond == 0 || next.minimumRouterBond > MAX_ROUTER_BOND) revert OutOfRange("minimumRouterBond");
        if (next.minimumVerifierStake > MAX_VERIFIER_STAKE) revert OutOfRange("minimumVerifierStake");
        _scheduleVerifierStake(next.minimumVerifierStake);
        _limits = next;
        _alphas.push(uint48(block.timestamp), next.alpha);
        emit LimitsChanged(next);
    }

    /// A high stake asked of all at once would leave nobody to draw, or only the few that already have it. The first value needs no notice.
    function _scheduleVerifierStake(uint128 next) private {
        uint48 time = uint48(block.timestamp);
        if (_verifierStakes.length() == 0) {
            _verifierStakes.push(time, next);
            return;
        }
        uint128 last = _limits.minimumVerifierStake;
        if (_verifierStakeFrom != 0 && time >= _verifierStakeFrom) {
            _verifierStakes.push(_verifierStakeFrom, last);
            _verifierStakeFrom = 0;
        }
        // Other limits change without a new notice.
        if (next == last) return;
        _verifierStakeFrom = next == _verifierStakes.latest() ? 0 : time + _delays.notice;
        emit VerifierStakeScheduled(next, _verifierStakeFrom);
    }

    function _setTests(Tests memory next) private {
        if (next.canaryRate > MAX_TEST_RATE) revert OutOfRange("canaryRate");
        if (next.timedRate > MAX_TEST_RATE) revert OutOfRange("timedRate");
        if (next.slowestRate == 0 || next.slowestRate > MAX_SLOWEST_RATE) revert OutOfRange("slowestRate");
        _tests = next;
        _rates.push(uint48(block.timestamp), uint208(next.canaryRate) << 32 | next.timedRate);
        emit TestsChanged(next);
    }

    function _setWork(Work memory next) private {
        if (next.bits > MAX_WORK_BITS) revert OutOfRange("workBits");
        if (next.epochs > MAX_WORK_EPOCHS || next.bits != 0 && next.epochs == 0) revert OutOfRange("workEpochs");
        _work = next;
        emit WorkChanged(next);
    }
}
