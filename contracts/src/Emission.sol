// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Issuance} from "./libraries/Types.sol";

/// The call of the emission to the contract that created it.
interface IRecycling {
    /// All that was recycled in the hours before that one.
    function recycledBefore(uint48 hour) external view returns (uint256);
    /// Reverts if the signatures are no quorum.
    function requireQuorum(bytes32 digest, bytes[] calldata quorum) external view;
}

/// The calls of the emission to the Escrow.
interface ICredit {
    function claim() external returns (uint256);
}

/// @title Emission of the token for verified work
/// @notice Holds the tranche that is earned. The validators' quorum says, period by period, how much of the paid work each account did. It
/// counts in units of the part of the fees that nobody receives. A unit is always worth less than one token. So an account that pays itself
/// for work, in all roles at once, loses. Halvings every four years are a ceiling above that. An amount that is not given rolls over.
/// @dev The sum that this contract has given never exceeds `allotted`. And `allotted` exceeds neither the schedule nor lambda times the
/// recycled amount.
contract Emission is EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// The limit of the schedule.
    uint256 public constant TRANCHE = 4_000_000_000e18;
    /// Half of the rest, each time.
    uint256 public constant HALVING = 1_461 days;
    /// Of one recycled unit, at most this many millionths are given. Below 1,000,000: otherwise an account that pays itself would gain.
    uint256 public constant MAX_LAMBDA = 900_000;
    uint256 public constant MAX_PERIOD = 31 days;
    bytes32 private constant ALLOTMENT_TYPEHASH =
        keccak256("Allotment(uint32 number,uint64 until,bytes32 root,uint128 units)");

    /// One tally of the validators, and its result.
    struct Allotment {
        /// Merkle root over (account, units).
        bytes32 root;
        uint128 units;
        /// The value of all units together.
        uint128 budget;
        /// Units that were claimed.
        uint128 claimed;
    }

    IERC20 public immutable token;
    ICredit public immutable escrow;
    /// Knows the recycled sum and the quorum: it created this contract.
    IRecycling public immutable settlement;
    uint256 public immutable start;
    uint256 public immutable period;
    uint256 public immutable lambda;

    Allotment[] private _allotments;
    /// Until when work was tallied; `start` before the first tally.
    uint64 public talliedUntil;
    /// Sum of all budgets.
    uint256 public allotted;
    mapping(uint256 number => mapping(address account => bool)) public hasClaimed;

    event Allotted(uint32 indexed number, uint64 until, bytes32 root, uint256 recycled, uint128 units, uint256 budget);
    event EmissionClaimed(uint32 indexed number, address indexed account, uint128 units, uint256 amount);

    error OutOfRange(string parameter);
    error NotOver(uint256 until);
    error NoPeriod(uint256 until);
    error TooManyUnits(uint256 units, uint256 most);
    error NoAllotment(uint256 number);
    error ClaimedAlready(uint256 number, address account);
    error NotInTally(uint256 number, address account);

    /// @dev To be created by the settlement contract.
    constructor(IERC20 token_, ICredit escrow_, Issuance memory issuance) EIP712("OGONG", "1") {
        if (issuance.lambda > MAX_LAMBDA) revert OutOfRange("lambda");
        if (issuance.period == 0 || issuance.period > MAX_PERIOD || issuance.period % 1 hours != 0) revert OutOfRange("period");
        if (issuance.start % 1 hours != 0) revert OutOfRange("start");
        token = token_;
        escrow = escrow_;
        settlement = IRecycling(msg.sender);
        start = issuance.start;
        period = issuance.period;
        lambda = issuance.lambda;
        talliedUntil = issuance.start;
    }

    /// @notice Records the tally of all recycled fees since the last one, up to the end of a period that is over. Anyone may submit it. A
    /// period that nobody tallied is part of the next tally, so none is lost.
    /// @param until Seconds since 1970, a whole number of periods after the start.
    /// @param root Over the accounts and their units, as `claim` checks it.
    /// @param units Sum of all units: at most what was recycled meanwhile.
    /// @param quorum 65-byte signatures over `allotmentDigest`, as in `Settlement.settle`.
    function allot(uint64 until, bytes32 root, uint128 units, bytes[] calldata quorum) external {
        if (until <= talliedUntil || (until - start) % period != 0) revert NoPeriod(until);
        if (until > block.timestamp) revert NotOver(until);
        uint32 number = uint32(_allotments.length);
        settlement.requireQuorum(allotmentDigest(number, until, root, units), quorum);
        uint256 recycled = settlement.recycledBefore(_hour(until)) - settlement.recycledBefore(_hour(talliedUntil));
        if (units > recycled) revert TooManyUnits(units, recycled);
        uint256 budget = budgetOf(recycled, units, scheduledBy(until - start) - allotted);
        allotted += budget;
        talliedUntil = until;
        _allotments.push(Allotment(root, units, uint128(budget), 0));
        emit Allotted(number, until, root, recycled, units, budget);
    }

    /// @notice Pays an account the value of its units of one tally, once; anyone may call it.
    function claim(uint32 number, address account, uint128 units, bytes32[] calldata proof)
        external
        nonReentrant
        returns (uint256 amount)
    {
        if (number >= _allotments.length) revert NoAllotment(number);
        if (hasClaimed[number][account]) revert ClaimedAlready(number, account);
        Allotment storage allotment = _allotments[number];
        if (!MerkleProof.verifyCalldata(proof, allotment.root, leafOf(account, units))) revert NotInTally(number, account);
        hasClaimed[number][account] = true;
        // A root whose units exceed its own sum pays no more than the sum.
        uint256 claimed = uint256(allotment.claimed) + units;
        if (claimed > allotment.units) revert TooManyUnits(claimed, allotment.units);
        allotment.claimed = uint128(claimed);
        amount = uint256(allotment.budget) * units / allotment.units;
        emit EmissionClaimed(number, account, units, amount);
        if (token.balanceOf(address(this)) < amount) escrow.claim();
        token.safeTransfer(account, amount);
    }

    /// @notice How many tallies there were. The next one has this number.
    function allotmentCount() external view returns (uint256) {
        return _allotments.length;
    }

    function allotmentOf(uint256 number) external view returns (Allotment memory) {
        if (number >= _allotments.length) revert NoAllotment(number);
        return _allotments[number];
    }

    /// @notice The EIP-712 digest that validators sign.
    function allotmentDigest(uint32 number, uint64 until, bytes32 root, uint128 units) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ALLOTMENT_TYPEHASH, number, until, root, units)));
    }

    /// @notice Hashed twice, so that no inner node passes for a leaf.
    function leafOf(address account, uint128 units) public pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(account, units))));
    }

    /// @notice The amount that the schedule allows within the first `elapsed` seconds: half of the rest every four years, evenly between.
    function scheduledBy(uint256 elapsed) public pure returns (uint256) {
        uint256 halvings = elapsed / HALVING;
        if (halvings > 127) return TRANCHE;
        uint256 left = TRANCHE >> halvings;
        return TRANCHE - left + (left >> 1) * (elapsed % HALVING) / HALVING;
    }

    /// @notice The value of units together: lambda of each, and no more than their part of the rest of the schedule.
    /// @param recycled All that was recycled meanwhile, at least `units`.
    function budgetOf(uint256 recycled, uint256 units, uint256 left) public view returns (uint256) {
        if (units == 0) return 0;
        uint256 most = recycled * lambda / 1_000_000;
        return (most < left ? most : left) * units / recycled;
    }

    function _hour(uint256 time) private pure returns (uint48) {
        return uint48(time / 1 hours);
    }
}
