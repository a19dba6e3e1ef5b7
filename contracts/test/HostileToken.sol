// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A token with effects that a network's own never has: it keeps a part of what it moves, or calls somebody meanwhile.
contract HostileToken is ERC20 {
    uint256 private constant BASIS = 10_000;

    uint256 private _tax;
    address private _target;
    bytes private _data;
    /// Calls that succeeded while it moved.
    uint256 public calls;

    constructor(uint256 supply) ERC20("Hostile", "HOSTILE") {
        _mint(msg.sender, supply);
    }

    /// @param bps Of each transfer.
    function tax(uint256 bps) external {
        _tax = bps;
    }

    /// Makes one call with the next transfer, and fails where it fails. Nothing where `data` is empty.
    function callBack(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from == address(0)) return;
        super._update(to, address(0xdead), amount * _tax / BASIS);
        if (_data.length == 0) return;
        bytes memory data = _data;
        delete _data;
        (bool isDone, bytes memory answer) = _target.call(data);
        if (isDone) {
            ++calls;
            return;
        }
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }
}
