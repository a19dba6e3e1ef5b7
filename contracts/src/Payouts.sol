// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IExchange} from "./Exchange.sol";
import {PriceOracle} from "./PriceOracle.sol";

/// @title How a payee has its tokens
/// @notice Sold for the stablecoin, unless the payee wants the tokens. A sale that would bring less than a hundredth below the oracle's
/// price does not happen: the payee tries again later, or takes the tokens.
contract Payouts {
    using SafeERC20 for IERC20;

    uint256 public constant MAX_SLIPPAGE = 100;
    uint256 private constant BASIS = 10_000;

    IERC20 public immutable token;
    IERC20 public immutable stable;
    IExchange public immutable exchange;
    PriceOracle public immutable oracle;

    /// Payees that take the tokens themselves.
    mapping(address payee => bool) public takesTokens;

    event PaidOut(address indexed payee, uint256 tokens, uint256 stable);
    event Chosen(address indexed payee, bool takesTokens);

    constructor(IERC20 token_, IERC20 stable_, IExchange exchange_, PriceOracle oracle_) {
        token = token_;
        stable = stable_;
        exchange = exchange_;
        oracle = oracle_;
    }

    /// @notice Says whether the caller takes tokens.
    function choose(bool tokens) external {
        takesTokens[msg.sender] = tokens;
        emit Chosen(msg.sender, tokens);
    }

    /// @notice Pays `payee` with tokens of the caller.
    /// @param least Of the stablecoin, if they are sold: the payee's own bound beside that of the oracle.
    function pay(address payee, uint256 amount, uint256 least) external returns (uint256 out) {
        if (takesTokens[payee]) {
            token.safeTransferFrom(msg.sender, payee, amount);
            emit PaidOut(payee, amount, 0);
            return 0;
        }
        uint256 bound = leastOf(amount, oracle.lowOf(address(token)), oracle.highOf(address(stable)));
        token.safeTransferFrom(msg.sender, address(this), amount);
        token.forceApprove(address(exchange), amount);
        out = exchange.swap(token, stable, amount, bound > least ? bound : least, payee);
        emit PaidOut(payee, amount, out);
    }

    /// @notice The least that a sale may bring.
    function leastOf(uint256 amount, uint256 price, uint256 stablePrice) public pure returns (uint256) {
        return amount * price / stablePrice * (BASIS - MAX_SLIPPAGE) / BASIS;
    }
}
