// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Equivocation} from "./Equivocation.sol";
import {Hearings} from "./Hearings.sol";
import {Misrouting} from "./Misrouting.sol";
import {Parameters} from "./Parameters.sol";
import {Payment} from "./libraries/Payment.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Settlement} from "./Settlement.sol";
import {Staking} from "./Staking.sol";
import {Ejection} from "./libraries/Types.sol";

/// @title Cases against validators, routers and payees of verifiers
/// @notice A case is opened by signatures that prove it (Equivocation, Misrouting), or by a quorum that has checked published
/// evidence. It takes a part of the bond at once, and holds it for one appeal. A panel of other validators may lift it; afterwards a
/// share is the reporter's and the rest the treasury's. The same panels hear appeals against ejections and penalties.
contract Cases is EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    bytes32 private constant CONVICTION_TYPEHASH =
        keccak256("Conviction(uint8 offence,address accused,address reporter,bytes32 evidence,uint32 conviction)");

    /// A case by quorum takes this part of the accused's property, in parts per million, at most once a period. A ticket case takes the
    /// same: a router's key is a hot one, and one ticket contradicts nothing.
    uint256 public constant QUORUM_PPM = 100_000;
    /// Two contradicting signatures take everything.
    uint256 public constant PROOF_PPM = 1_000_000;
    /// Seconds; from 1970 on.
    uint256 public constant PERIOD = 1 days;
    /// A reporter's share is above this, so that to buy the silence of ten costs more than the case.
    uint256 public constant MIN_REPORTER_PPM = 100_000;
    /// It never exceeds this limit: an account that reports itself loses more than half, and at most half a bond can be gained against it.
    uint256 public constant MAX_REPORTER_PPM = 500_000;

    /// The first three are a validator's and cost its bond; a router's, a verifier's and a machine's provider's cost its stake.
    enum Offence {
        OverAdmission,
        FalseVerdict,
        Contradiction,
        Misrouting,
        PassedHoneypot,
        RefutedReport,
        ForgedMachine
    }

    struct Case {
        address accused;
        Offence offence;
        uint64 openedAt;
        /// Lifted, or paid out.
        bool isOver;
        /// Zero if there is none.
        address reporter;
        uint128 amount;
        /// Hash of it.
        bytes32 evidence;
    }

    /// The deposit of an appeal. It comes back if the appeal succeeds.
    struct Deposit {
        address from;
        uint128 amount;
        /// When it is the treasury's.
        uint64 until;
    }

    IERC20 public immutable token;
    Parameters public immutable parameters;
    Staking public immutable staking;
    Settlement public immutable settlement;
    Hearings public immutable hearings;
    Equivocation public immutable equivocation;
    Misrouting public immutable misrouting;
    /// Parts per million of the amount that a case takes.
    uint256 public immutable reporterPpm;
    /// The deposit of an appeal against an ejection or a penalty. An appellant against a case has paid already.
    uint128 public immutable deposit;

    Case[] private _cases;
    /// Convictions by a quorum: how many of an account, and when the last one came.
    mapping(address accused => uint32) private _counts;
    mapping(address accused => uint64) private _latest;
    mapping(address accused => mapping(Offence => uint64)) private _latestOf;
    /// Time at which a case by quorum or by ticket last took stake of an account. All cases together take a tenth of it in a period.
    mapping(address accused => uint64) private _latestOfStake;
    /// Nothing is paid for twice.
    mapping(address accused => mapping(bytes32 evidence => bool)) public isUsed;
    mapping(bytes32 subject => Deposit) private _deposits;

    event CaseOpened(
        uint256 indexed id,
        address indexed accused,
        Offence indexed offence,
        address reporter,
        bytes32 evidence,
        uint256 amount,
        bool isProven
    );
    event Appealed(bytes32 indexed subject, address indexed by, uint256 deposit);
    event CaseLifted(uint256 indexed id, address indexed accused, uint256 amount);
    event CaseClosed(uint256 indexed id, address indexed accused, address reporter, uint256 toReporter, uint256 toTreasury);
    event DepositReturned(bytes32 indexed subject, address indexed to, uint256 amount);
    event DepositForfeited(bytes32 indexed subject, uint256 amount);

    error OutOfRange(string parameter);
    error OtherCases(address expected);
    error NotProof(address caller);
    error UsedAlready(address accused, bytes32 evidence);
    error ConvictedAlready(uint256 again);
    error NothingToTake(address accused);
    error NoCase(uint256 id);
    error CaseOver(uint256 id);
    error AppealOver(uint256 since);
    error TooEarly(uint256 readyAt);
    error NotEjected(bytes32 providerId);
    error NothingHeld(address payee);
    error NoDeposit(bytes32 subject);

    /// @param settlement_ Created before this one, with `staking_`.
    constructor(Staking staking_, Settlement settlement_, uint256 reporterPpm_, uint128 deposit_) EIP712("OGONG", "1") {
        if (staking_.cases() != address(this)) revert OtherCases(staking_.cases());
        if (staking_.settlement() != address(settlement_)) revert OutOfRange("settlement");
        if (reporterPpm_ <= MIN_REPORTER_PPM || reporterPpm_ >= MAX_REPORTER_PPM) revert OutOfRange("reporterPpm");
        staking = staking_;
        settlement = settlement_;
        token = staking_.token();
        parameters = staking_.parameters();
        reporterPpm = reporterPpm_;
        deposit = deposit_;
        hearings = new Hearings(staking_);
        equivocation = new Equivocation(staking_, settlement_);
        misrouting = new Misrouting(staking_);
        // The property that a rejected case had taken goes back there, and nothing else.
        token.forceApprove(address(staking_), type(uint256).max);
    }

    /// @notice Opens a case after a quorum has checked its evidence; anyone may submit it. An accused has at most one a period, so that a
    /// mistaken quorum takes no more, and is noticed in time.
    /// @param reporter Has a share once the appeal is over; zero for none.
    /// @param evidence Hash of the published evidence.
    /// @param quorum As in Settlement, over `convictionDigest` of the accused's next conviction.
    function convict(Offence offence, address accused, address reporter, bytes32 evidence, bytes[] calldata quorum)
        external
        nonReentrant
    {
        _requireNewPeriod(_latest[accused]);
        if (offence > Offence.Contradiction) _noteStake(accused);
        Quorum.check(staking.roster(), convictionDigest(offence, accused, reporter, evidence, _counts[accused] + 1), quorum);
        ++_counts[accused];
        _latest[accused] = uint64(block.timestamp);
        _latestOf[accused][offence] = uint64(block.timestamp);
        _open(offence, accused, reporter, evidence, QUORUM_PPM, false);
    }

    /// @notice Opens a case that signatures prove. A ticket takes no more, and no more often, than a quorum does of a stake.
    function openProven(address accused, address reporter, bytes32 evidence) external nonReentrant {
        if (msg.sender == address(equivocation)) {
            _open(Offence.Contradiction, accused, reporter, evidence, PROOF_PPM, true);
        } else if (msg.sender == address(misrouting)) {
            _noteStake(accused);
            _open(Offence.Misrouting, accused, reporter, evidence, QUORUM_PPM, true);
        } else {
            revert NotProof(msg.sender);
        }
    }

    /// @notice Asks for a panel; anyone may.
    function appeal(uint256 id) external {
        Case storage found = _pending(id);
        hearings.open(caseSubject(id), found.accused, found.reporter);
        emit Appealed(caseSubject(id), msg.sender, 0);
    }

    /// @notice The same against a provider's ejection, with a deposit: keys are free.
    function appealEjection(bytes32 providerId) external nonReentrant {
        Ejection memory ejection = settlement.ejectionOf(providerId);
        if (ejection.since == 0) revert NotEjected(providerId);
        _appeal(ejectionSubject(providerId, ejection.count), address(0), ejection.since);
    }

    /// @notice The same against penalties that hold stake of a payee.
    function appealPenalty(address payee) external nonReentrant {
        Staking.Held memory held = staking.heldOf(payee);
        if (held.amount == 0) revert NothingHeld(payee);
        _appeal(penaltySubject(payee, held.count), payee, held.since);
    }

    /// @notice Asks for a panel that stops the clock of a key's earnings, with a deposit; anyone may, once a period for each key.
    function requestFreeze(bytes32 providerId) external nonReentrant {
        _appeal(freezeSubject(providerId, block.timestamp / PERIOD), address(0), block.timestamp);
    }

    /// @notice Stops the clock of a key's earnings for a week, if a panel decides so; anyone may submit it, until the appeal is over.
    /// @param period Number of the period of the request for the panel.
    function freeze(bytes32 providerId, uint256 period, bytes[] calldata votes) external nonReentrant {
        bytes32 subject = freezeSubject(providerId, period);
        Deposit memory found = _deposits[subject];
        if (found.from == address(0)) revert NoDeposit(subject);
        if (block.timestamp >= found.until) revert AppealOver(found.until);
        hearings.requireMajority(subject, subject, votes);
        settlement.earnings().freeze(providerId);
        _returnDeposit(subject);
    }

    /// @notice Gives the amount of a case back as stake, if a panel lifts it; anyone may submit it, until the appeal is over.
    /// @param votes As in Hearings, over the digest of `caseSubject`.
    function acquit(uint256 id, bytes[] calldata votes) external nonReentrant {
        Case storage found = _pending(id);
        hearings.requireMajority(caseSubject(id), caseSubject(id), votes);
        found.isOver = true;
        emit CaseLifted(id, found.accused, found.amount);
        staking.restore(found.accused, found.amount);
    }

    /// @notice Lifts an ejection, in the same way. If a quorum has lifted it already, it only returns the deposit.
    function reinstate(bytes32 providerId, bytes[] calldata votes) external nonReentrant {
        Ejection memory ejection = settlement.ejectionOf(providerId);
        bytes32 subject = ejectionSubject(providerId, ejection.count);
        if (ejection.since != 0) {
            hearings.requireMajority(subject, subject, votes);
            settlement.reinstate(providerId, new bytes[](0));
        }
        _returnDeposit(subject);
    }

    /// @notice Gives back all stake that penalties hold of a payee, in the same way, later penalties included.
    /// @param appealed Number of the penalty whose panel decided so.
    /// @param votes As in Hearings, over the digest of the last penalty's subject: the panel has seen each.
    function pardon(address payee, uint32 appealed, bytes[] calldata votes) external nonReentrant {
        bytes32 subject = penaltySubject(payee, appealed);
        Deposit memory found = _deposits[subject];
        if (found.from == address(0)) revert NoDeposit(subject);
        if (block.timestamp >= found.until) revert AppealOver(found.until);
        Staking.Held memory held = staking.heldOf(payee);
        // If nothing is held, a quorum has given it back. Then the treasury has to wait as long as the deposit.
        if (held.amount != 0) {
            hearings.requireMajority(subject, penaltySubject(payee, held.count), votes);
            settlement.pardon(payee, new bytes[](0));
        }
        _returnDeposit(subject);
    }

    /// @notice Pays reporter and treasury once the appeal is over; anyone may.
    function close(uint256 id) external nonReentrant {
        Case storage found = _case(id);
        if (found.isOver) revert CaseOver(id);
        uint256 finalFrom = uint256(found.openedAt) + parameters.delays().appeal;
        if (block.timestamp < finalFrom) revert TooEarly(finalFrom);
        found.isOver = true;
        uint256 toReporter = found.reporter == address(0) ? 0 : uint256(found.amount) * reporterPpm / 1_000_000;
        uint256 toTreasury = found.amount - toReporter;
        emit CaseClosed(id, found.accused, found.reporter, toReporter, toTreasury);
        if (toReporter != 0) token.safeTransfer(found.reporter, toReporter);
        token.safeTransfer(parameters.recipients().treasury, toTreasury);
    }

    /// @notice Pays the treasury the deposit of a failed appeal, once its time is over; anyone may call it.
    function forfeit(bytes32 subject) external nonReentrant {
        Deposit memory found = _deposits[subject];
        if (found.from == address(0)) revert NoDeposit(subject);
        if (block.timestamp < found.until) revert TooEarly(found.until);
        delete _deposits[subject];
        emit DepositForfeited(subject, found.amount);
        token.safeTransfer(parameters.recipients().treasury, found.amount);
    }

    function caseCount() external view returns (uint256) {
        return _cases.length;
    }

    function caseOf(uint256 id) external view returns (Case memory) {
        return _case(id);
    }

    function depositOf(bytes32 subject) external view returns (Deposit memory) {
        return _deposits[subject];
    }

    /// @notice Number of a quorum's convictions of an account for any offence, and time of the last one for this offence.
    function convictionsOf(address accused, Offence offence) external view returns (uint32 count, uint64 at) {
        return (_counts[accused], _latestOf[accused][offence]);
    }

    /// @notice The least number of independent witnesses whose silence costs more than the amount of a case: reporters' share times number
    /// exceeds one.
    function leastWitnesses() external view returns (uint256) {
        return 1_000_000 / reporterPpm + 1;
    }

    /// @notice The EIP-712 digest that validators sign for the `conviction`-th conviction of an account.
    function convictionDigest(Offence offence, address accused, address reporter, bytes32 evidence, uint32 conviction)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(abi.encode(CONVICTION_TYPEHASH, offence, accused, reporter, evidence, conviction))
        );
    }

    function caseSubject(uint256 id) public pure returns (bytes32) {
        return keccak256(abi.encode("case", id));
    }

    function ejectionSubject(bytes32 providerId, uint32 ejection) public pure returns (bytes32) {
        return keccak256(abi.encode("ejection", providerId, ejection));
    }

    function freezeSubject(bytes32 providerId, uint256 period) public pure returns (bytes32) {
        return keccak256(abi.encode("freeze", providerId, period));
    }

    function penaltySubject(address payee, uint32 penalty) public pure returns (bytes32) {
        return keccak256(abi.encode("penalty", payee, penalty));
    }

    function _noteStake(address accused) private {
        _requireNewPeriod(_latestOfStake[accused]);
        _latestOfStake[accused] = uint64(block.timestamp);
    }

    /// @param latest Zero for never.
    function _requireNewPeriod(uint256 latest) private view {
        uint256 again = (latest / PERIOD + 1) * PERIOD;
        if (latest != 0 && block.timestamp < again) revert ConvictedAlready(again);
    }

    function _open(Offence offence, address accused, address reporter, bytes32 evidence, uint256 ppm, bool isProven) private {
        if (isUsed[accused][evidence]) revert UsedAlready(accused, evidence);
        isUsed[accused][evidence] = true;
        uint128 amount = _take(offence, accused, ppm);
        if (amount == 0) revert NothingToTake(accused);
        emit CaseOpened(_cases.length, accused, offence, reporter, evidence, amount, isProven);
        _cases.push(Case(accused, offence, uint64(block.timestamp), false, reporter, amount, evidence));
    }

    function _take(Offence offence, address accused, uint256 ppm) private returns (uint128) {
        if (offence <= Offence.Contradiction) {
            Staking.Bond memory bond = staking.bondOf(accused);
            return staking.takeBond(accused, uint128((uint256(bond.amount) + bond.unbonding) * ppm / 1_000_000));
        }
        Staking.Stake memory stake = staking.stakingOf(accused);
        return staking.takeStake(accused, uint128((uint256(stake.amount) + stake.leaving) * ppm / 1_000_000));
    }

    function _appeal(bytes32 subject, address accused, uint256 since) private {
        uint256 finalFrom = since + parameters.delays().appeal;
        if (block.timestamp >= finalFrom) revert AppealOver(finalFrom);
        hearings.open(subject, accused, address(0));
        _deposits[subject] = Deposit(msg.sender, deposit, uint64(finalFrom));
        emit Appealed(subject, msg.sender, deposit);
        Payment.take(token, msg.sender, deposit);
    }

    function _returnDeposit(bytes32 subject) private {
        Deposit memory found = _deposits[subject];
        if (found.from == address(0)) revert NoDeposit(subject);
        delete _deposits[subject];
        emit DepositReturned(subject, found.from, found.amount);
        token.safeTransfer(found.from, found.amount);
    }

    /// @dev A case that a panel may still lift.
    function _pending(uint256 id) private view returns (Case storage found) {
        found = _case(id);
        if (found.isOver) revert CaseOver(id);
        uint256 finalFrom = uint256(found.openedAt) + parameters.delays().appeal;
        if (block.timestamp >= finalFrom) revert AppealOver(finalFrom);
    }

    function _case(uint256 id) private view returns (Case storage) {
        if (id >= _cases.length) revert NoCase(id);
        return _cases[id];
    }
}
