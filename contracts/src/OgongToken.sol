// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VestingWallet} from "@openzeppelin/contracts/finance/VestingWallet.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// The distribution at genesis.
struct Genesis {
    /// Of the wallet that vests the team's part.
    address team;
    /// Of the wallet that vests the foundation's part.
    address foundation;
    /// The curve that sells the launch's part to anybody and keeps the payments, or another owner that the deployment names.
    address launch;
    /// Held for listings.
    address listing;
    /// Holds the part that only work earns, and has no owner.
    address emission;
}

/// @title The OGONG token
/// @notice 5,000,000,000 OGONG with 18 decimals exist from the beginning, and nobody can create or destroy any. Four fifths are with the
/// emission, which gives them for verified work alone. The token has no owner. A holder that delegates its tokens, to itself or to another,
/// has a vote with each of them.
contract OgongToken is ERC20Permit, ERC3009, ERC20Votes {
    uint256 public constant CAP = 5_000_000_000e18;
    uint256 public constant TEAM = 625_000_000e18;
    uint256 public constant FOUNDATION = 250_000_000e18;
    uint256 public constant LAUNCH = 100_000_000e18;
    uint256 public constant LISTING = 25_000_000e18;
    uint64 public constant VESTING = 3 * 365 days;

    /// Pays linearly over `VESTING`, to its owner.
    VestingWallet public immutable team;
    VestingWallet public immutable foundation;

    constructor(Genesis memory genesis) ERC20("OGONG", "OGONG") ERC20Permit("OGONG") {
        uint64 start = uint64(block.timestamp);
        team = new VestingWallet(genesis.team, start, VESTING);
        foundation = new VestingWallet(genesis.foundation, start, VESTING);
        _mint(address(team), TEAM);
        _mint(address(foundation), FOUNDATION);
        _mint(genesis.launch, LAUNCH);
        _mint(genesis.listing, LISTING);
        _mint(genesis.emission, CAP - TEAM - FOUNDATION - LAUNCH - LISTING);
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
