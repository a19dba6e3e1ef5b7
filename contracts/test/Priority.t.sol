// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cases} from "../src/Cases.sol";
import {Parameters} from "../src/Parameters.sol";
import {Staking} from "../src/Staking.sol";
import {Batch, Debit, Line, Tally} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// Priority stake: its owner's rights, and its protection from every slash.
contract PriorityTest is Fixture {
    uint128 internal constant PRIORITY = 500e18;
    uint128 internal constant STAKE = 1_000e18;
    /// Has all three accounts: priority stake, stake, and a validator's bond.
    address private _owner;

    function setUp() public override {
        super.setUp();
        _owner = validator;
        _prioritize(_owner, PRIORITY);
        _allow(_owner, STAKE);
        vm.prank(_owner);
        staking.stake(STAKE);
    }

    function _allow(address who, uint128 amount) private {
        token.transfer(who, amount);
        vm.prank(who);
        token.approve(address(staking), amount);
    }

    function _prioritize(address who, uint128 amount) private {
        _allow(who, amount);
        vm.prank(who);
        staking.prioritize(amount);
    }

    function _untouched(string memory after_) private view {
        checkEqual(staking.priorityOf(_owner).amount, PRIORITY, after_);
        checkEqual(staking.priorityOf(_owner).leaving, 0, after_);
    }

    function test_nothingIsNoAmount() public {
        vm.expectRevert(Staking.ZeroAmount.selector);
        staking.stake(0);
        vm.expectRevert(Staking.ZeroAmount.selector);
        staking.requestUnstake(0);
        vm.expectRevert(Staking.ZeroAmount.selector);
        staking.bond(0);
        vm.expectRevert(Staking.ZeroAmount.selector);
        staking.requestUnbond(0);
    }

    function test_isAnAccountApart() public {
        checkEqual(staking.stakeOf(_owner), STAKE, "stake");
        checkEqual(staking.bondOf(_owner).amount, BOND, "bond");
        _untouched("at first");
        // It is no router's bond, and no verifier's stake.
        _prioritize(PROVIDER, PRIORITY);
        checkEqual(staking.stakeOf(PROVIDER), 0, "no stake");
        vm.prank(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientStake.selector, 0, ROUTER_BOND));
        staking.registerRouter("key");
        vm.prank(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientStake.selector, 0, 1));
        staking.requestUnstake(1);
        // And no more of it can be asked back than is there, whatever is staked.
        vm.prank(_owner);
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientStake.selector, PRIORITY, PRIORITY + 1));
        staking.requestDeprioritize(PRIORITY + 1);
    }

    function test_leavesWithTheDelay() public {
        vm.prank(_owner);
        staking.requestDeprioritize(PRIORITY / 5);
        checkEqual(staking.priorityOf(_owner).amount, PRIORITY - PRIORITY / 5, "weighs less at once");
        uint256 start = this.clock();
        _wait(UNBONDING - 1);
        vm.prank(_owner);
        vm.expectRevert(abi.encodeWithSelector(Staking.TooEarly.selector, start + UNBONDING));
        staking.finishDeprioritize();
        // A second request restarts the delay.
        vm.prank(_owner);
        staking.requestDeprioritize(PRIORITY / 5);
        _wait(1);
        vm.prank(_owner);
        vm.expectRevert(abi.encodeWithSelector(Staking.TooEarly.selector, start + 2 * UNBONDING - 1));
        staking.finishDeprioritize();
        _wait(UNBONDING);
        uint256 before = token.balanceOf(_owner);
        vm.prank(_owner);
        staking.finishDeprioritize();
        checkEqual(token.balanceOf(_owner), before + 2 * (PRIORITY / 5), "paid");
        vm.prank(_owner);
        vm.expectRevert(Staking.NothingToUnbond.selector);
        staking.finishDeprioritize();
        checkEqual(staking.stakeOf(_owner), STAKE, "stake stays");
    }

    function test_refusesNothingAndWaitsWhileEntryIsPaused() public {
        vm.startPrank(_owner);
        vm.expectRevert(Staking.ZeroAmount.selector);
        staking.prioritize(0);
        vm.expectRevert(Staking.ZeroAmount.selector);
        staking.requestDeprioritize(0);
        vm.stopPrank();
        parameters.setGuardian(address(this));
        parameters.pauseEntry();
        _allow(_owner, 1);
        vm.prank(_owner);
        vm.expectPartialRevert(Parameters.EntryIsPaused.selector);
        staking.prioritize(1);
        // The way out stays open.
        vm.prank(_owner);
        staking.requestDeprioritize(PRIORITY);
        _wait(UNBONDING);
        vm.prank(_owner);
        staking.finishDeprioritize();
    }

    /// Each path that takes stake or bond, of an account that has all three: its priority stake is as it was.
    function test_nothingThatSlashesTakesOfIt() public {
        Tally[] memory tallies = new Tally[](1);
        tallies[0] = Tally(_owner, 0, 100);
        Batch memory batch = _batch(1);
        bytes32[] memory ejected = new bytes32[](1);
        ejected[0] = KEY;
        bytes32 digest = settlement.batchDigest(batch, new Debit[](0), new Line[](0), ejected, tallies);
        settlement.settle(batch, new Debit[](0), new Line[](0), ejected, tallies, _quorum(digest, 3));
        checkEqual(staking.stakeOf(_owner), STAKE - STAKE / 10, "refuted reports cost stake");
        _untouched("after a penalty");
        settlement.pardon(_owner, _quorum(settlement.pardonDigest(_owner, 1), 3));
        _untouched("after a pardon");
        for (uint8 offence; offence <= uint8(type(Cases.Offence).max); ++offence) {
            Cases.Offence what = Cases.Offence(offence);
            bytes32 evidence = keccak256(abi.encode(offence));
            (uint32 number,) = cases.convictionsOf(_owner, what);
            _wait(1 days);
            bytes32 signed = cases.convictionDigest(what, _owner, PROVIDER, evidence, number + 1);
            cases.convict(what, _owner, PROVIDER, evidence, _quorum(signed, 3));
            _untouched("after a case");
        }
        vm.prank(address(cases.equivocation()));
        cases.openProven(_owner, PROVIDER, "proven");
        _untouched("after a proven case");
        _wait(APPEAL);
        for (uint256 i; i < cases.caseCount(); ++i) {
            cases.close(i);
        }
        _untouched("after the cases");
    }

    /// A holder of priority stake alone has nothing that a case or a penalty could take.
    function test_priorityStakeAloneIsNothingToTake() public {
        _prioritize(PROVIDER, PRIORITY);
        bytes32 signed = cases.convictionDigest(Cases.Offence.RefutedReport, PROVIDER, payer, "evidence", 1);
        bytes[] memory quorum = _quorum(signed, 3);
        vm.expectRevert(abi.encodeWithSelector(Cases.NothingToTake.selector, PROVIDER));
        cases.convict(Cases.Offence.RefutedReport, PROVIDER, payer, "evidence", quorum);
        vm.prank(address(cases));
        checkEqual(staking.takeStake(PROVIDER, PRIORITY), 0, "taken");
        vm.prank(address(settlement));
        staking.penalize(PROVIDER, 5);
        checkEqual(staking.heldOf(PROVIDER).amount, 0, "held");
        checkEqual(staking.priorityOf(PROVIDER).amount, PRIORITY, "as it was");
    }

    /// Contracts that may take any amount get none of the priority stake.
    function testFuzz_whoMayTakeTakesNoneOfIt(uint128 amount, uint32 refuted, bool isLeaving) public {
        if (isLeaving) {
            vm.prank(_owner);
            staking.requestDeprioritize(PRIORITY);
        }
        amount = uint128(bound(amount, 0, type(uint128).max / 2));
        vm.startPrank(address(cases));
        uint128 taken = staking.takeStake(_owner, amount);
        taken += staking.takeBond(_owner, amount);
        check(taken <= STAKE + BOND, "no more than stake and bond");
        token.approve(address(staking), taken);
        if (taken > 0) staking.restore(_owner, taken);
        vm.stopPrank();
        vm.startPrank(address(settlement));
        staking.penalize(_owner, refuted);
        staking.penalize(_owner, type(uint32).max - refuted);
        vm.stopPrank();
        _wait(APPEAL);
        if (staking.heldOf(_owner).amount > 0) staking.collectPenalty(_owner);
        Staking.Stake memory found = staking.priorityOf(_owner);
        checkEqual(uint256(found.amount) + found.leaving, PRIORITY, "priority stake");
        if (!isLeaving) {
            vm.prank(_owner);
            staking.requestDeprioritize(PRIORITY);
        }
        _wait(UNBONDING);
        uint256 before = token.balanceOf(_owner);
        vm.prank(_owner);
        staking.finishDeprioritize();
        checkEqual(token.balanceOf(_owner), before + PRIORITY, "all of it comes back");
    }
}
