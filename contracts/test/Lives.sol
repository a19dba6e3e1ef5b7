// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The tests' machine's questions to a suite of random lives: targets and functions.
abstract contract Lives {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @return actor The actor of random lives.
    /// @return actions Selectors of its functions in them, in 32 bytes each. Other functions run only if a test calls them.
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
