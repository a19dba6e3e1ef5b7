// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Payment} from "./libraries/Payment.sol";

/// Where tokens are bought and sold. A network names one; an adapter of this form goes before any other market.
interface IExchange {
    /// Takes `amount` of `from` from the caller, by its allowance, and gives `recipient` at least `least` of `to`, or reverts.
    function swap(IERC20 from, IERC20 to, uint256 amount, uint256 least, address recipient) external returns (uint256 out);
}

/// @title A pool of two tokens at a constant product
/// @notice Three thousandths of each swap stay in the pool. Tokens that are provided stay there for good, so nobody pulls them from under
/// sellers. For networks that have no other market.
contract ConstantProductPool is IExchange, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint256 public constant FEE = 3;
    uint256 public constant FEE_BASE = 1_000;

    IERC20 public immutable a;
    IERC20 public immutable b;
    uint256 private _reserveA;
    uint256 private _reserveB;

    event Provided(address indexed from, uint256 amountA, uint256 amountB);
    event Swapped(IERC20 indexed from, uint256 amount, uint256 out, address indexed recipient);

    error SameToken();
    error UnknownPair(IERC20 from, IERC20 to);
    error TooLittle(uint256 out, uint256 least);
    error OneSided();

    constructor(IERC20 a_, IERC20 b_) {
        if (address(a_) == address(b_)) revert SameToken();
        a = a_;
        b = b_;
    }

    /// @notice Adds to the pool, for good. The first deposit has two sides: one unit of the other token would take all of one.
    function provide(uint256 amountA, uint256 amountB) external nonReentrant {
        _reserveA += amountA;
        _reserveB += amountB;
        if (_reserveA == 0 || _reserveB == 0) revert OneSided();
        Payment.take(a, msg.sender, amountA);
        Payment.take(b, msg.sender, amountB);
        emit Provided(msg.sender, amountA, amountB);
    }

    /// @inheritdoc IExchange
    function swap(IERC20 from, IERC20 to, uint256 amount, uint256 least, address recipient)
        external
        nonReentrant
        returns (uint256 out)
    {
        bool sellsA = _same(from, a) && _same(to, b);
        if (!sellsA && !(_same(from, b) && _same(to, a))) revert UnknownPair(from, to);
        out = sellsA ? outOf(amount, _reserveA, _reserveB) : outOf(amount, _reserveB, _reserveA);
        if (out < least) revert TooLittle(out, least);
        if (sellsA) (_reserveA, _reserveB) = (_reserveA + amount, _reserveB - out);
        else (_reserveA, _reserveB) = (_reserveA - out, _reserveB + amount);
        Payment.take(from, msg.sender, amount);
        emit Swapped(from, amount, out, recipient);
        to.safeTransfer(recipient, out);
    }

    function reserves() external view returns (uint256, uint256) {
        return (_reserveA, _reserveB);
    }

    /// @notice The amount that `amount` buys after the fee, rounded down: the product of the reserves never falls.
    function outOf(uint256 amount, uint256 reserveIn, uint256 reserveOut) public pure returns (uint256) {
        if (amount == 0 || reserveOut == 0) return 0;
        uint256 kept = amount * (FEE_BASE - FEE);
        return kept * reserveOut / (reserveIn * FEE_BASE + kept);
    }

    function _same(IERC20 x, IERC20 y) private pure returns (bool) {
        return address(x) == address(y);
    }
}
