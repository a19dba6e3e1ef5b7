// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";

/// What a network pays in where that is no token but credit for work.
interface ICredits {
    /// Ends credit that somebody earned; what that is worth is paid elsewhere. Called by the contract that holds it.
    function consume(address payee, uint256 amount) external;
    /// Destroys what has lapsed of a payer's free credit in the escrow. @return live What is left of it.
    function lapse(address payer, uint256 escrowed) external returns (uint256 live);
}

/// @title How a payee is paid
/// @notice A network pays in a token, which is handed over, or in credit, which ends when it is earned. Which, the token says itself
/// (ERC-165), once, when escrow and earnings are created.
library Payment {
    using SafeERC20 for IERC20;

    function isCredit(IERC20 token) internal view returns (bool) {
        return ERC165Checker.supportsInterface(address(token), type(ICredits).interfaceId);
    }

    function pay(IERC20 token, bool credit, address payee, uint256 amount) internal {
        if (credit) ICredits(address(token)).consume(payee, amount);
        else token.safeTransfer(payee, amount);
    }
}
