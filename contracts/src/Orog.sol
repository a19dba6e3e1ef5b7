// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// @title The token of a network that burns and mints
/// @notice Its supply follows the dollars that are paid for work. Only one contract can mint, for work that is final and within its rule;
/// every holder can burn its tokens. The token has no owner.
contract Orog is ERC20Permit, ERC20Votes {
    /// The contract that burns at a top-up and mints for work.
    address public immutable minter;

    error NotMinter(address caller);

    /// @param genesis Holds the first supply.
    constructor(address minter_, address genesis, uint256 supply) ERC20("Orogen", "OROG") ERC20Permit("Orogen") {
        minter = minter_;
        _mint(genesis, supply);
    }

    function mint(address to, uint256 amount) external {
        if (msg.sender != minter) revert NotMinter(msg.sender);
        _mint(to, amount);
    }

    /// @notice Destroys tokens of the caller.
    function burn(uint256 amount) external {
        _burn(msg.sender, amount);
    }

    /// Votes are counted by the second: blocks come faster on one chain than on another.
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
