// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";

/// The interface of a means of payment that is credit for work, not a token.
interface ICredits {
    /// Ends credit that was earned; its value is paid elsewhere. Called by the contract that holds it.
    /// @return consumed The part that the present epoch can pay for, and never zero. The rest stays with its holder.
    function consume(address payee, uint256 amount) external returns (uint256 consumed);
    /// Destroys lapsed parts of a payer's free credit in the escrow. @return live The rest.
    function lapse(address payer, uint256 escrowed) external returns (uint256 live);
}

/// @title How money comes in, and how a payee is paid
/// @notice A network pays in a token, which is handed over, or in credit, which ends when it is earned. The token itself says which of the
/// two (ERC-165), once, when escrow and earnings are created.
library Payment {
    using SafeERC20 for IERC20;

    error NotReceived(uint256 received, uint256 amount);

    /// @notice Takes exactly this amount from an account that allows it. A token that brings another amount is refused: otherwise the
    /// accounts would state more than there is, and the last withdrawal would fail.
    function take(IERC20 token, address from, uint256 amount) internal {
        uint256 before = _held(token);
        token.safeTransferFrom(from, address(this), amount);
        uint256 received = _held(token) - before;
        if (received != amount) revert NotReceived(received, amount);
    }

    function isCredit(IERC20 token) internal view returns (bool) {
        return ERC165Checker.supportsInterface(address(token), type(ICredits).interfaceId);
    }

    /// @return paid All of a token; of credit, the part that the present epoch can pay for.
    function pay(IERC20 token, bool credit, address payee, uint256 amount) internal returns (uint256 paid) {
        if (credit) return ICredits(address(token)).consume(payee, amount);
        token.safeTransfer(payee, amount);
        return amount;
    }

    function _held(IERC20 token) private view returns (uint256) {
        return token.balanceOf(address(this));
    }
}
