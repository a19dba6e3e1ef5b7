// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What the tests' machine asks of a suite of random lives: whom they call, and what of it.
abstract contract Lives {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @return actor Whoever acts in random lives.
    /// @return actions Selectors of all that it does in them, in 32 bytes each. What is not named it does only where a test says so.
    function _actions() internal view virtual returns (address actor, bytes memory actions);

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        (targets[0],) = _actions();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        (address actor, bytes memory actions) = _actions();
        bytes4[] memory selectors = new bytes4[](actions.length / 32);
        for (uint256 i; i < selectors.length; ++i) {
            bytes32 word;
            assembly ("memory-safe") { word := mload(add(add(actions, 32), mul(i, 32))) }
            selectors[i] = bytes4(word);
        }
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(actor, selectors);
    }
}
