// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Credits, IIssuer, ISettlement} from "./Credits.sol";
import {IExchange} from "./Exchange.sol";
import {EpochWork, IMintRule} from "./MintRule.sol";
import {Orog} from "./Orog.sol";
import {Parameters} from "./Parameters.sol";
import {Payment} from "./libraries/Payment.sol";
import {Payouts} from "./Payouts.sol";
import {PriceOracle} from "./PriceOracle.sol";
import {Staking} from "./Staking.sol";

/// The contract that knows stakes and shares.
interface INetwork is ISettlement {
    function staking() external view returns (Staking);
    function parameters() external view returns (Parameters);
}

/// The parts of the contract.
struct MintBurnParts {
    Orog token;
    IERC20 stable;
    PriceOracle oracle;
    IExchange exchange;
    IMintRule rule;
    /// Future address of the settlement.
    INetwork settlement;
    /// Receives a sixteenth of providers' earnings: 5 of 80 hundredths.
    address governance;
    /// The most that `leastStake` can be, for any bonds of validators.
    uint256 mostLeastStake;
}

/// @title Tokens burned for credits, and minted for work
/// @notice A payer tops up in an asset: tokens are bought with it and burned, and it receives credits for the dollars. When work is final,
/// its credits end. Once the epoch is closed, the workers receive tokens by a rule that nobody can change.
/// @dev Minted <= what the rule gives for each epoch, once; of an epoch, what its payees have <= what was minted.
contract MintBurn is IIssuer, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Checkpoints for Checkpoints.Trace208;

    /// Seconds.
    uint256 public constant EPOCH = 72 minutes;
    /// Seconds of "recent" burning, for rules that use it.
    uint256 public constant RECENT = 90 days;
    /// A validator's least bond is this many times the least stake of an operator.
    uint256 public constant BOND_MULTIPLE = 10;
    /// Governance receives one part in this many of providers' earnings.
    uint256 public constant GOVERNANCE_PART = 16;

    struct Epoch {
        uint128 dollars;
        uint128 burned;
        uint128 minted;
        bool isClosed;
        /// When the first of its work became final. Tokens that are burned later do not count.
        uint256 supply;
    }

    Orog public immutable token;
    Credits public immutable credits;
    Payouts public immutable payouts;
    PriceOracle public immutable oracle;
    IExchange public immutable exchange;
    IMintRule public immutable rule;
    INetwork public immutable settlement;
    address public immutable governance;
    uint256 public immutable mostLeastStake;

    mapping(uint256 epoch => Epoch) private _epochs;
    mapping(uint256 epoch => mapping(address payee => uint256)) public dollarsOf;
    /// Sum of all that was burned, by time.
    Checkpoints.Trace208 private _burned;
    uint256 public totalMinted;

    event ToppedUp(address indexed payer, IERC20 indexed asset, uint256 amount, uint256 burned, uint256 credits);
    event Earned(uint256 indexed epoch, address indexed payee, uint256 dollars, uint256 burned);
    event Closed(uint256 indexed epoch, uint256 dollars, uint256 burned, uint256 price, uint256 minted);
    event Minted(uint256 indexed epoch, address indexed payee, uint256 tokens, uint256 stable);

    error OtherMinter(address minter);
    error ZeroGovernance();
    error ZeroAmount();
    error Expired(uint256 deadline);
    error TooFewCredits(uint256 credits, uint256 least);
    error NotCredits(address caller);
    error StakeTooSmall(uint256 stake, uint256 least);
    error NotOver(uint256 until);
    error ClosedAlready(uint256 epoch);
    error NotClosed(uint256 epoch);
    error NothingToClaim(uint256 epoch, address payee);

    constructor(MintBurnParts memory parts) {
        if (parts.token.minter() != address(this)) revert OtherMinter(parts.token.minter());
        if (parts.governance == address(0)) revert ZeroGovernance();
        token = parts.token;
        oracle = parts.oracle;
        exchange = parts.exchange;
        rule = parts.rule;
        settlement = parts.settlement;
        governance = parts.governance;
        mostLeastStake = parts.mostLeastStake;
        credits = new Credits(this, parts.settlement);
        payouts = new Payouts(parts.token, parts.stable, parts.exchange, parts.oracle);
    }

    /// @notice Buys tokens with an asset, burns them, and gives the caller credits. Their number is the asset's dollar value or that of the
    /// burned tokens, whichever is less.
    /// @param least Credits below which the caller wants its asset back.
    function topUp(IERC20 asset, uint256 amount, uint256 least, uint256 deadline) external nonReentrant returns (uint256 issued) {
        if (amount == 0) revert ZeroAmount();
        if (block.timestamp > deadline) revert Expired(deadline);
        // During a pause nobody could deposit new credits, and they might lapse with the tokens that were burned for them. Credits issued
        // just before a pause may still lapse in a wallet if the pause is longer than a credit lives.
        settlement.parameters().requireEntry();
        Payment.take(asset, msg.sender, amount);
        uint256 bought = amount;
        uint256 worth = type(uint256).max;
        if (address(asset) != address(token)) {
            worth = dollarsFor(amount, oracle.lowOf(address(asset)));
            uint256 held = token.balanceOf(address(this));
            asset.forceApprove(address(exchange), amount);
            exchange.swap(asset, IERC20(address(token)), amount, 0, address(this));
            bought = token.balanceOf(address(this)) - held;
        }
        uint256 burnedWorth = dollarsFor(bought, oracle.lowOf(address(token)));
        issued = worth < burnedWorth ? worth : burnedWorth;
        if (issued == 0 || issued < least) revert TooFewCredits(issued, least);
        token.burn(bought);
        _burned.push(uint48(block.timestamp), uint208(_burned.latest() + bought));
        credits.issue(msg.sender, issued, bought);
        emit ToppedUp(msg.sender, asset, amount, bought, issued);
    }

    /// @inheritdoc IIssuer
    function earn(address payee, uint256 amount, uint256 burned, bool isProvider) external {
        if (msg.sender != address(credits)) revert NotCredits(msg.sender);
        uint256 number = epochAt(block.timestamp);
        Epoch storage epoch = _epochs[number];
        if (epoch.supply == 0) epoch.supply = token.totalSupply();
        epoch.dollars += uint128(amount);
        epoch.burned += uint128(burned);
        uint256 rest = amount;
        if (isProvider && payee != settlement.parameters().recipients().verification) {
            uint256 stake = settlement.staking().stakeOf(payee);
            if (stake < leastStake()) revert StakeTooSmall(stake, leastStake());
            uint256 toGovernance = amount / GOVERNANCE_PART;
            dollarsOf[number][governance] += toGovernance;
            rest -= toGovernance;
        }
        dollarsOf[number][payee] += rest;
        emit Earned(number, payee, rest, burned);
    }

    /// @notice Fixes the pay of an epoch that is over; anyone may call it, once.
    function close(uint256 number) external returns (uint256 minted) {
        uint256 until = (number + 1) * EPOCH;
        if (block.timestamp < until) revert NotOver(until);
        Epoch storage epoch = _epochs[number];
        if (epoch.isClosed) revert ClosedAlready(number);
        epoch.isClosed = true;
        uint256 price = oracle.highOf(address(token));
        minted = rule.mintOf(EpochWork(epoch.dollars, epoch.burned, price, epoch.supply, recentBurn()));
        epoch.minted = uint128(minted);
        emit Closed(number, epoch.dollars, epoch.burned, price, minted);
    }

    /// @notice Mints the caller's earnings of an epoch, and pays them out as the caller chose.
    /// @param least Of the stablecoin.
    function claim(uint256 number, uint256 least) external nonReentrant returns (uint256 tokens, uint256 stable) {
        Epoch storage epoch = _epochs[number];
        if (!epoch.isClosed) revert NotClosed(number);
        uint256 dollars = dollarsOf[number][msg.sender];
        tokens = dollars == 0 ? 0 : uint256(epoch.minted) * dollars / epoch.dollars;
        if (tokens == 0) revert NothingToClaim(number, msg.sender);
        dollarsOf[number][msg.sender] = 0;
        totalMinted += tokens;
        token.mint(address(this), tokens);
        IERC20(address(token)).forceApprove(address(payouts), tokens);
        stable = payouts.pay(msg.sender, tokens, least);
        emit Minted(number, msg.sender, tokens, stable);
    }

    function epochOf(uint256 number) external view returns (Epoch memory) {
        return _epochs[number];
    }

    /// @inheritdoc IIssuer
    /// @dev `Credits` ends no more than this at once, so that a bound of the rule reduces nobody's pay. The first callers are paid in this
    /// epoch, the others later.
    function room() external view returns (uint256) {
        Epoch storage epoch = _epochs[epochAt(block.timestamp)];
        uint256 supply = epoch.supply == 0 ? token.totalSupply() : epoch.supply;
        return rule.carriedAt(supply) - epoch.burned;
    }

    /// @notice The sum burned within ninety days.
    function recentBurn() public view returns (uint256) {
        uint256 before = block.timestamp > RECENT ? _burned.upperLookupRecent(uint48(block.timestamp - RECENT)) : 0;
        return _burned.latest() - before;
    }

    function totalBurned() external view returns (uint256) {
        return _burned.latest();
    }

    /// @notice Below this stake a provider is not paid. It is a tenth of a validator's least bond, so that the bond is at least ten times
    /// the stake. Above a figure that was fixed at deployment the bond rises alone: nobody raises the stake behind what was earned before.
    function leastStake() public view returns (uint256) {
        uint256 part = settlement.parameters().limits().minimumValidatorBond / BOND_MULTIPLE;
        return part < mostLeastStake ? part : mostLeastStake;
    }

    /// @notice The number of the epoch at a time, in seconds since 1970.
    function epochAt(uint256 time) public pure returns (uint256) {
        return time / EPOCH;
    }

    /// @notice The dollar value of an amount, rounded down.
    function dollarsFor(uint256 amount, uint256 price) public pure returns (uint256) {
        return amount * price / 1e18;
    }
}
