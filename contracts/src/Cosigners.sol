// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "./Escrow.sol";
import {Roster} from "./Roster.sol";

/// The calls of the pots to the settlement.
interface ISettled {
    function escrow() external view returns (Escrow);
}

/// @title The shares of validators that signed batches
/// @notice Half of the validators' part of each batch goes into the pot of the day and of the roster that counted its signatures. Once the
/// day is over, each member receives its part of the pot. The part follows from the number of that day's batches that it signed and from
/// its vote. A bond split over several members earns the same as in one. The money stays in the Escrow, as credit of this contract, until
/// it is the credit of a member.
/// @dev Created by Staking. Counts are 16 bits wide, 16 of them in a word: a set of three writes one word a batch.
contract Cosigners {
    uint256 private constant COUNT_BITS = 16;
    uint256 private constant COUNTS = 16;
    uint256 private constant COUNT_MASK = type(uint16).max;

    struct Pot {
        /// The amount that nobody has claimed yet.
        uint128 amount;
        /// Votes behind signatures that are not claimed yet, one sum over all batches. All tokens in each of as many batches as a count can
        /// hold take 109 bits.
        uint112 weight;
        /// Batches whose signatures were counted: at most as many as a count can hold.
        uint16 batches;
    }

    /// One member's part of one pot.
    struct Part {
        address roster;
        /// Number of the day since 1970.
        uint32 day;
        /// Place in the roster.
        uint8 member;
    }

    Roster public immutable roster;
    /// The only contract that fills pots.
    address public immutable settlement;

    mapping(bytes32 key => Pot) private _pots;
    mapping(bytes32 key => mapping(uint256 word => uint256)) private _counts;

    event Cosigned(address indexed roster, uint32 indexed day, uint256 who, uint256 amount);
    event CosignerPaid(address indexed account, address indexed roster, uint32 indexed day, uint256 signatures, uint256 amount);

    error NotSettlement(address caller);
    error DayNotOver(uint256 until);

    /// @param settlement_ It is created later than this one.
    constructor(Roster roster_, address settlement_) {
        roster = roster_;
        settlement = settlement_;
    }

    /// @notice Adds to today's pot, and counts the signers. The settlement credits the amount to this contract in the Escrow.
    /// @param who Bit i: member i of the roster.
    /// @param votes The sum of theirs.
    function note(address taken, uint256 who, uint256 votes, uint256 amount) external {
        if (msg.sender != settlement) revert NotSettlement(msg.sender);
        uint32 day = uint32(block.timestamp / 1 days);
        emit Cosigned(taken, day, who, amount);
        bytes32 key = _keyOf(taken, day);
        Pot memory pot = _pots[key];
        pot.amount += uint128(amount);
        // The counter is full. Later amounts are shared by the signatures that were counted.
        if (pot.batches < type(uint16).max) {
            ++pot.batches;
            pot.weight += uint112(votes);
            _count(key, who);
        }
        _pots[key] = pot;
    }

    /// @notice Credits members their parts of pots whose day is over; anybody may call it. A part of nothing adds nothing. The last
    /// claimant also receives the remainder of rounding.
    /// @return sum Of all of them.
    function claim(Part[] calldata parts) external returns (uint256 sum) {
        for (uint256 i; i < parts.length; ++i) {
            sum += _claim(parts[i]);
        }
    }

    /// @notice The amount that a member could claim now, or could if the day were over.
    function partOf(Part calldata part) external view returns (uint256 amount, uint256 signatures) {
        bytes32 key = _keyOf(part.roster, part.day);
        Pot memory pot = _pots[key];
        signatures = _countOf(key, part.member);
        if (signatures == 0) return (0, 0);
        (, uint256 vote) = roster.memberOf(part.roster, part.member);
        amount = pot.amount * signatures * vote / pot.weight;
    }

    function potOf(address taken, uint32 day) external view returns (Pot memory) {
        return _pots[_keyOf(taken, day)];
    }

    function _claim(Part calldata part) private returns (uint256 amount) {
        uint256 until = (uint256(part.day) + 1) * 1 days;
        if (block.timestamp < until) revert DayNotOver(until);
        bytes32 key = _keyOf(part.roster, part.day);
        uint256 signatures = _countOf(key, part.member);
        // Anybody may have claimed it before: the caller's other parts are paid nevertheless.
        if (signatures == 0) return 0;
        (address account, uint256 vote) = roster.memberOf(part.roster, part.member);
        uint256 weight = signatures * vote;
        Pot memory pot = _pots[key];
        amount = pot.amount * weight / pot.weight;
        pot.amount -= uint128(amount);
        pot.weight -= uint112(weight);
        _pots[key] = pot;
        _counts[key][part.member / COUNTS] &= ~(COUNT_MASK << part.member % COUNTS * COUNT_BITS);
        emit CosignerPaid(account, part.roster, part.day, signatures, amount);
        ISettled(settlement).escrow().passOn(account, amount);
    }

    /// @dev One in the count of each. No count runs over into the next: none is above the number of batches.
    function _count(bytes32 key, uint256 who) private {
        for (uint256 word; who != 0; ++word) {
            uint256 added;
            for (uint256 i; i < COUNTS; ++i) {
                if (who >> i & 1 == 1) added |= 1 << i * COUNT_BITS;
            }
            if (added != 0) _counts[key][word] += added;
            who >>= COUNTS;
        }
    }

    function _countOf(bytes32 key, uint256 member) private view returns (uint256) {
        return _counts[key][member / COUNTS] >> member % COUNTS * COUNT_BITS & COUNT_MASK;
    }

    function _keyOf(address taken, uint256 day) private pure returns (bytes32) {
        return keccak256(abi.encode(taken, day));
    }
}
