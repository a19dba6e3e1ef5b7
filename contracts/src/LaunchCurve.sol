// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Payment} from "./libraries/Payment.sol";

/// @title The launch curve
/// @notice Sells the hundred million tokens of the launch to anybody for one asset, and buys them back, along one curve. The product of
/// remaining tokens and reserve (virtual and real) never falls. Buyers' payments stay here as the other side of the curve. No function
/// gives it to anybody but a seller at the curve's price, and nobody owns, stops or changes anything.
contract LaunchCurve is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint256 public constant TRANCHE = 100_000_000e18;

    IERC20 public immutable token;
    IERC20 public immutable asset;
    /// Counts as paid, though it never was, so that the first token has a price: this over `TRANCHE`.
    uint256 public immutable virtualReserve;

    /// Tokens that are not sold.
    uint256 public left = TRANCHE;
    /// Of the asset: paid by buyers, and not taken back by sellers.
    uint256 public reserve;

    event Bought(address indexed buyer, uint256 payment, uint256 amount);
    event Sold(address indexed seller, uint256 amount, uint256 payment);

    error SameToken();
    error OutOfRange(uint256 value);
    error NotFunded(uint256 balance);
    error Expired(uint256 deadline);
    error TooLittle(uint256 out, uint256 least);
    error NotSold(uint256 amount, uint256 sold);
    error NotSent(uint256 sent, uint256 amount);

    /// The tranche is here before. More of the token than that, which anybody could have sent, stays for good.
    constructor(IERC20 token_, IERC20 asset_, uint256 virtualReserve_) {
        if (address(token_) == address(asset_)) revert SameToken();
        if (virtualReserve_ == 0 || virtualReserve_ > type(uint128).max) revert OutOfRange(virtualReserve_);
        uint256 balance = token_.balanceOf(address(this));
        if (balance < TRANCHE) revert NotFunded(balance);
        token = token_;
        asset = asset_;
        virtualReserve = virtualReserve_;
    }

    /// @notice Takes exactly `payment` of the asset from the caller, by its allowance, and gives it at least `least` tokens.
    /// @param deadline Unix time in seconds of the last block that may have it.
    function buy(uint256 payment, uint256 least, uint256 deadline) external nonReentrant returns (uint256 amount) {
        if (block.timestamp > deadline) revert Expired(deadline);
        amount = amountFor(payment);
        if (amount == 0 || amount < least) revert TooLittle(amount, least);
        left -= amount;
        reserve += payment;
        Payment.take(asset, msg.sender, payment);
        emit Bought(msg.sender, payment, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Takes exactly `amount` tokens from the caller, by its allowance, and gives it at least `least` of the asset.
    function sell(uint256 amount, uint256 least, uint256 deadline) external nonReentrant returns (uint256 payment) {
        if (block.timestamp > deadline) revert Expired(deadline);
        payment = paymentFor(amount);
        if (payment == 0 || payment < least) revert TooLittle(payment, least);
        left += amount;
        reserve -= payment;
        Payment.take(token, msg.sender, amount);
        emit Sold(msg.sender, amount, payment);
        uint256 before = asset.balanceOf(address(this));
        asset.safeTransfer(msg.sender, payment);
        uint256 sent = before - asset.balanceOf(address(this));
        if (sent != payment) revert NotSent(sent, payment);
    }

    /// @notice Tokens that a payment buys, rounded down. Never all that are left.
    function amountFor(uint256 payment) public view returns (uint256) {
        return payment * left / (virtualReserve + reserve + payment);
    }

    /// @notice The payment of the curve for tokens, in the asset, rounded down. It buys back no more than it has sold.
    function paymentFor(uint256 amount) public view returns (uint256) {
        uint256 sold = TRANCHE - left;
        if (amount > sold) revert NotSold(amount, sold);
        return amount * (virtualReserve + reserve) / (left + amount);
    }
}
