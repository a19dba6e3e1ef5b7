// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A stablecoin for chains on one machine
/// @notice Worth nothing. It has six decimals, as most stablecoins do, so that code does not take a dollar for 1e18 units.
contract DevDollar is ERC20 {
    constructor(address owner, uint256 supply) ERC20("Development dollar", "dUSD") {
        _mint(owner, supply);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
