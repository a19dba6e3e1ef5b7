// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ICredits} from "./libraries/Payment.sol";

/// The calls of the credits to the settlement.
interface ISettlement {
    function escrow() external view returns (address);
    function earnings() external view returns (address);
}

/// The calls of the credits to the contract that issues them.
interface IIssuer {
    /// The burned tokens that the present epoch can still pay work for.
    function room() external view returns (uint256);
    function earn(address payee, uint256 amount, uint256 burned, bool isProvider) external;
}

/// @title Dollar credits for work
/// @notice One credit (1e18 units) is one dollar of work. Nobody can transfer credits: they go from their owner into the escrow, back to
/// their owner, or end when their job is final. They are gone 30 days after they were issued. Credits reserved with a validator are
/// promised to its jobs. They lapse when they become free again. The oldest credits are spent first.
/// @dev An account's credits are numbered in the order of their issue. Credits up to `_position` have left the wallet, for the escrow or
/// for good. The escrow's outgoing credits are the last ones up to it. So one number and the sums by time tell what has lapsed. Supply =
/// wallets, escrow and earnings together, with what lapsed and was not destroyed yet.
contract Credits is ERC165, ICredits {
    using Checkpoints for Checkpoints.Trace208;

    string public constant name = "Compute credit";
    string public constant symbol = "CUC";
    uint8 public constant decimals = 18;
    /// Seconds until a credit is gone.
    uint256 public constant TERM = 30 days;

    /// Issues credits, and pays for the work that consumes them.
    IIssuer public immutable issuer;
    ISettlement public immutable settlement;

    /// Sum of all that was ever issued to an account, by time.
    mapping(address account => Checkpoints.Trace208) private _issued;
    mapping(address account => uint256) private _position;
    /// Of escrow and earnings.
    mapping(address system => uint256) private _held;
    uint256 public totalSupply;
    /// Tokens that were burned for the existing credits.
    uint256 public backing;

    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Issued(address indexed account, uint256 amount, uint256 burned, uint256 until);
    event Lapsed(address indexed account, uint256 amount);
    event Consumed(address indexed payee, uint256 amount, uint256 burned);

    error NotIssuer(address caller);
    error NotTransferable(address from, address to);
    error NotEnough(uint256 live, uint256 requested);
    error EpochFull();

    /// @param settlement_ Future address of the settlement.
    constructor(IIssuer issuer_, ISettlement settlement_) {
        issuer = issuer_;
        settlement = settlement_;
    }

    /// @notice Gives credits for tokens that were burned.
    function issue(address account, uint256 amount, uint256 burned) external {
        if (msg.sender != address(issuer)) revert NotIssuer(msg.sender);
        Checkpoints.Trace208 storage issued = _issued[account];
        issued.push(uint48(block.timestamp), uint208(issued.latest() + amount));
        totalSupply += amount;
        backing += burned;
        emit Issued(account, amount, burned, block.timestamp + TERM);
        emit Transfer(address(0), account, amount);
    }

    /// @notice Into the escrow, when it takes a deposit of its caller. It needs no allowance.
    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        if (msg.sender != settlement.escrow() || to != msg.sender) revert NotTransferable(from, to);
        _lapseWallet(from);
        uint256 live = _issued[from].latest() - _position[from];
        if (amount > live) revert NotEnough(live, amount);
        _position[from] += amount;
        _held[to] += amount;
        emit Transfer(from, to, amount);
        return true;
    }

    /// @notice Back to their owner, when the escrow pays free balance out. Credits that have lapsed meanwhile are gone.
    function transfer(address to, uint256 amount) external returns (bool) {
        if (msg.sender != settlement.escrow()) revert NotTransferable(msg.sender, to);
        _held[msg.sender] -= amount;
        _position[to] -= amount;
        emit Transfer(msg.sender, to, amount);
        _lapseWallet(to);
        return true;
    }

    /// @inheritdoc ICredits
    function consume(address payee, uint256 amount) external returns (uint256 consumed) {
        (address escrow, address earnings) = (settlement.escrow(), settlement.earnings());
        if (msg.sender != escrow && msg.sender != earnings) revert NotTransferable(msg.sender, payee);
        if (payee == earnings) {
            // Not final: they are held for their earner.
            _held[msg.sender] -= amount;
            _held[earnings] += amount;
            emit Transfer(escrow, earnings, amount);
            return amount;
        }
        consumed = carriedOf(amount);
        if (consumed == 0) revert EpochFull();
        _held[msg.sender] -= consumed;
        uint256 burned = _destroy(msg.sender, consumed);
        emit Consumed(payee, consumed, burned);
        issuer.earn(payee, consumed, burned, msg.sender == earnings);
    }

    /// @inheritdoc ICredits
    function lapse(address payer, uint256 escrowed) external returns (uint256 live) {
        if (msg.sender != settlement.escrow()) revert NotTransferable(payer, msg.sender);
        live = liveOf(payer, escrowed);
        if (live == escrowed) return live;
        _held[msg.sender] -= escrowed - live;
        _destroy(msg.sender, escrowed - live);
        emit Lapsed(payer, escrowed - live);
    }

    /// @notice Destroys lapsed credits in an account's wallet; anyone may call it. They cannot be used before that either.
    function lapseWallet(address account) external {
        _lapseWallet(account);
    }

    /// @notice The credits that an account can use.
    function balanceOf(address account) external view returns (uint256) {
        if (account == settlement.escrow() || account == settlement.earnings()) return _held[account];
        (uint256 position, uint256 lapsed) = (_position[account], _lapsedOf(account));
        return _issued[account].latest() - (position > lapsed ? position : lapsed);
    }

    /// @notice Only the escrow takes credits, and only those of its caller.
    function allowance(address, address spender) external view returns (uint256) {
        return spender == settlement.escrow() ? type(uint256).max : 0;
    }

    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(ICredits).interfaceId || super.supportsInterface(interfaceId);
    }

    /// @notice The part of a payer's free credits in the escrow that has not lapsed.
    function liveOf(address payer, uint256 escrowed) public view returns (uint256) {
        (uint256 position, uint256 lapsed) = (_position[payer], _lapsedOf(payer));
        uint256 live = position > lapsed ? position - lapsed : 0;
        return live < escrowed ? live : escrowed;
    }

    /// @notice The part of the earnings that the present epoch can pay for. Its bounds would cut the rest off, so that waits.
    function carriedOf(uint256 amount) public view returns (uint256) {
        uint256 room = issuer.room();
        return partOf(backing, totalSupply, amount) > room ? room * totalSupply / backing : amount;
    }

    /// @notice The tokens behind a part of the credits: an even part of those behind all, rounded down.
    function partOf(uint256 backing_, uint256 supply, uint256 amount) public pure returns (uint256) {
        return supply == 0 ? 0 : backing_ * amount / supply;
    }

    /// @dev How many of an account's credits were issued a term ago or earlier.
    function _lapsedOf(address account) private view returns (uint256) {
        return block.timestamp < TERM ? 0 : _issued[account].upperLookupRecent(uint48(block.timestamp - TERM));
    }

    function _lapseWallet(address account) private {
        (uint256 position, uint256 lapsed) = (_position[account], _lapsedOf(account));
        if (lapsed <= position) return;
        _position[account] = lapsed;
        _destroy(account, lapsed - position);
        emit Lapsed(account, lapsed - position);
    }

    function _destroy(address from, uint256 amount) private returns (uint256 burned) {
        burned = partOf(backing, totalSupply, amount);
        backing -= burned;
        totalSupply -= amount;
        emit Transfer(from, address(0), amount);
    }
}
