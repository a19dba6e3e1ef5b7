// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Parameters} from "../src/Parameters.sol";
import {Staking} from "../src/Staking.sol";
import {Fixture} from "./Fixture.sol";
import {bound, checkEqual, vm} from "./Vm.sol";

/// A router is an account whose stake is a bond that stays for as long as its orders may be settled.
contract RouterTest is Fixture {
    address internal constant ANN = address(0xC1);
    bytes32 internal constant TICKETS = keccak256("key of tickets");

    function _stake(address who, uint128 amount) private {
        token.transfer(who, amount);
        vm.prank(who);
        token.approve(address(staking), amount);
        vm.prank(who);
        staking.stake(amount);
    }

    function _register(address who, bytes32 key) private {
        vm.prank(who);
        staking.registerRouter(key);
    }

    function _retire(address caller, address who) private {
        vm.prank(caller);
        staking.retireRouter(who);
    }

    function _unstake(address who, uint128 amount) private {
        vm.prank(who);
        staking.requestUnstake(amount);
    }

    function _raise(uint128 least) private {
        parameters.setLimits(Parameters.Limits(1_000_000, DELAY, UNBONDING, BOND, least, 0));
    }

    function test_registersOnlyWithTheBond(uint128 amount) public {
        _stake(ANN, uint128(bound(amount, 1, ROUTER_BOND - 1)));
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientStake.selector, staking.stakeOf(ANN), ROUTER_BOND));
        _register(ANN, TICKETS);
        checkEqual(staking.routerOf(ANN).since, 0, "no router");
        _stake(ANN, uint128(ROUTER_BOND - staking.stakeOf(ANN)));
        vm.expectRevert(Staking.ZeroTicketKey.selector);
        _register(ANN, 0);
        _register(ANN, TICKETS);
        Staking.Router memory found = staking.routerOf(ANN);
        checkEqual(uint256(found.ticketKey), uint256(TICKETS), "key");
        checkEqual(found.since, block.timestamp, "since");
        checkEqual(found.until, 0, "no end");
    }

    /// Stake that is on its way out is no bond.
    function test_stakeOnItsWayOutRegistersNobody() public {
        _stake(ANN, ROUTER_BOND);
        _unstake(ANN, 1);
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientStake.selector, ROUTER_BOND - 1, ROUTER_BOND));
        _register(ANN, TICKETS);
    }

    function test_theBondStaysWhileItIsARouterAndOneDelayLonger() public {
        _stake(ANN, ROUTER_BOND + 7);
        _register(ANN, TICKETS);
        _unstake(ANN, 7);
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientStake.selector, ROUTER_BOND, ROUTER_BOND + 1));
        _unstake(ANN, 1);
        _retire(ANN, ANN);
        uint64 until = uint64(block.timestamp) + UNBONDING;
        checkEqual(staking.routerOf(ANN).until, until, "until");
        vm.expectRevert(abi.encodeWithSelector(Staking.NoRouter.selector, ANN));
        _retire(ANN, ANN);
        _wait(UNBONDING - 1);
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientStake.selector, ROUTER_BOND, ROUTER_BOND + 1));
        _unstake(ANN, 1);
        _wait(1);
        _unstake(ANN, ROUTER_BOND);
        _wait(UNBONDING);
        vm.prank(ANN);
        staking.finishUnstake();
        checkEqual(token.balanceOf(ANN), ROUTER_BOND + 7, "all of it is back");
    }

    function test_aNewKeyKeepsTheTime() public {
        _stake(ANN, ROUTER_BOND);
        _register(ANN, TICKETS);
        uint64 since = staking.routerOf(ANN).since;
        _retire(ANN, ANN);
        _wait(UNBONDING - 1);
        _register(ANN, "another key");
        Staking.Router memory found = staking.routerOf(ANN);
        checkEqual(found.since, since, "since");
        checkEqual(found.until, 0, "it stays");
        checkEqual(uint256(found.ticketKey), uint256(bytes32("another key")), "key");
    }

    /// Its older orders are looked up by when it was a router.
    function test_aRouterThatLeftReturnsOneDelayLater() public {
        _stake(ANN, ROUTER_BOND);
        _register(ANN, TICKETS);
        _retire(ANN, ANN);
        uint256 until = staking.routerOf(ANN).until;
        _wait(UNBONDING);
        vm.expectRevert(abi.encodeWithSelector(Staking.TooEarly.selector, until + UNBONDING));
        _register(ANN, TICKETS);
        _wait(UNBONDING);
        _register(ANN, TICKETS);
        checkEqual(staking.routerOf(ANN).since, until + UNBONDING, "since");
    }

    function test_anybodyRetiresARouterWithoutTheBondAndNoOther() public {
        _stake(ANN, ROUTER_BOND);
        vm.expectRevert(abi.encodeWithSelector(Staking.NoRouter.selector, ANN));
        _retire(ANN, ANN);
        _register(ANN, TICKETS);
        vm.expectRevert(abi.encodeWithSelector(Staking.NotRouter.selector, PROVIDER));
        _retire(PROVIDER, ANN);
        _raise(ROUTER_BOND + 1);
        _retire(PROVIDER, ANN);
        checkEqual(staking.routerOf(ANN).until, block.timestamp + UNBONDING, "until");
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientStake.selector, ROUTER_BOND, ROUTER_BOND + 1));
        _register(ANN, TICKETS);
    }

    function test_theLeastBondStaysInRange() public {
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "minimumRouterBond"));
        _raise(0);
        uint128 most = parameters.MAX_ROUTER_BOND();
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "minimumRouterBond"));
        _raise(most + 1);
        _raise(most);
    }
}
