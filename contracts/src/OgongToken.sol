// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title The OGONG token
/// @notice Fixed cap of 5,000,000,000 OGONG with 18 decimals. The owner mints: genesis first, then an emission contract.
contract OgongToken is ERC20Capped, ERC20Permit, Ownable2Step {
    uint256 public constant CAP = 5_000_000_000e18;

    constructor(address owner) ERC20("OGONG", "OGONG") ERC20Capped(CAP) ERC20Permit("OGONG") Ownable(owner) {}

    /// @notice Creates `amount` for `to`; reverts above the cap.
    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Capped) {
        super._update(from, to, value);
    }
}
