// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Quorum} from "../src/libraries/Quorum.sol";
import {Settlement} from "../src/Settlement.sol";
import {Staking} from "../src/Staking.sol";
import {Batch, Debit, Line, Tally} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

/// Refuted reports cost the payee of the verifier a part of its stake.
contract PenaltyTest is Fixture {
    address internal constant ANN = address(0xC1);
    address internal constant BEN = address(0xC2);
    uint128 internal constant STAKE = 1_000e18;
    uint64 private _sequence;

    function setUp() public override {
        super.setUp();
        _stake(ANN, STAKE);
    }

    function _stake(address who, uint128 amount) private {
        token.transfer(who, amount);
        vm.prank(who);
        token.approve(address(staking), amount);
        vm.prank(who);
        staking.stake(amount);
    }

    function _refute(address who, uint32 count) private {
        Tally[] memory tallies = new Tally[](1);
        tallies[0] = Tally(who, 0, count);
        Batch memory batch = _batch(++_sequence);
        bytes32[] memory none;
        bytes32 digest = settlement.batchDigest(batch, new Debit[](0), new Line[](0), none, tallies);
        settlement.settle(batch, new Debit[](0), new Line[](0), none, tallies, _quorum(digest, 3));
    }

    function _pardon(address who, uint32 penalty, uint256 signers) private view returns (bytes[] memory) {
        return _quorum(settlement.pardonDigest(who, penalty), signers);
    }

    function test_takesAFiftiethOfTheStakeForEachReportForTheTreasury() public {
        _refute(ANN, 1);
        checkEqual(staking.stakeOf(ANN), STAKE - STAKE / 50, "once");
        checkEqual(staking.heldOf(ANN).amount, STAKE / 50, "held");
        checkEqual(token.balanceOf(TREASURY), 0, "not the treasury's yet");
        _refute(ANN, 2);
        checkEqual(staking.stakeOf(ANN), STAKE - 3 * (STAKE / 50), "three times");
        _wait(APPEAL);
        staking.collectPenalty(ANN);
        checkEqual(token.balanceOf(TREASURY), 3 * (STAKE / 50), "treasury");
        checkEqual(staking.heldOf(ANN).amount, 0, "held no more");
        vm.expectRevert(abi.encodeWithSelector(Staking.NothingHeld.selector, ANN));
        staking.collectPenalty(ANN);
        checkEqual(staking.stakeOf(BEN), 0, "ben");
    }

    function test_takesATenthInOnePeriodAndNoMore() public {
        _refute(ANN, 100);
        checkEqual(staking.stakeOf(ANN), STAKE - STAKE / 10, "a batch");
        _refute(ANN, 1);
        checkEqual(staking.stakeOf(ANN), STAKE - STAKE / 10, "the next batch");
        checkEqual(staking.offenceOf(ANN).refuted, 101, "counted");
        _wait(1 days);
        _refute(ANN, 1);
        checkEqual(staking.stakeOf(ANN), 882e18, "the next day");
    }

    function test_takesStakeOnItsWayOut() public {
        vm.prank(ANN);
        staking.requestUnstake(STAKE);
        _refute(ANN, 5);
        checkEqual(staking.stakingOf(ANN).leaving, STAKE - STAKE / 10, "leaving");
        _wait(UNBONDING);
        vm.prank(ANN);
        staking.finishUnstake();
        checkEqual(token.balanceOf(ANN), STAKE - STAKE / 10, "paid out");
        checkEqual(token.balanceOf(address(staking)), 3 * BOND + STAKE / 10, "bonds are untouched");
        staking.collectPenalty(ANN);
        checkEqual(token.balanceOf(address(staking)), 3 * BOND, "and the rest is collected");
    }

    function test_aQuorumPardons() public {
        _refute(ANN, 2);
        bytes[] memory quorum = _pardon(ANN, 1, 3);
        vm.prank(payer);
        settlement.pardon(ANN, quorum);
        checkEqual(staking.stakeOf(ANN), STAKE, "staked again");
        checkEqual(staking.heldOf(ANN).amount, 0, "nothing is held");
        vm.expectRevert(abi.encodeWithSelector(Settlement.NothingHeld.selector, ANN));
        settlement.pardon(ANN, quorum);
    }

    function testFuzz_pardonsOnlyUntilTheAppealIsOverAndCollectsOnlyAfterIt(uint32 waited) public {
        _refute(ANN, 2);
        uint256 start = this.clock();
        bytes[] memory quorum = _pardon(ANN, 1, 3);
        vm.warp(start + bound(waited, 0, 2 * APPEAL));
        bool isOver = this.clock() >= start + APPEAL;
        if (!isOver) vm.expectRevert(abi.encodeWithSelector(Staking.TooEarly.selector, start + APPEAL));
        else vm.expectRevert(abi.encodeWithSelector(Settlement.AppealOver.selector, start + APPEAL));
        if (!isOver) staking.collectPenalty(ANN);
        else settlement.pardon(ANN, quorum);
        if (isOver) staking.collectPenalty(ANN);
        else settlement.pardon(ANN, quorum);
        checkEqual(staking.stakeOf(ANN), isOver ? STAKE - STAKE / 25 : STAKE, "stake");
    }

    function test_twoThirdsPardonNobody() public {
        _refute(ANN, 1);
        bytes[] memory quorum = _pardon(ANN, 1, 2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        settlement.pardon(ANN, quorum);
        vm.expectRevert(abi.encodeWithSelector(Staking.NotSettlement.selector, address(this)));
        staking.pardon(ANN);
    }

    /// A pardon is for what is held as of one penalty: kept, it takes back no later one, and nobody else's.
    function test_aPardonServesOnceAndForOnePayee() public {
        _stake(BEN, STAKE);
        _refute(ANN, 1);
        _refute(BEN, 1);
        bytes[] memory quorum = _pardon(ANN, 1, 3);
        try settlement.pardon(BEN, quorum) {
            check(false, "a pardon of another was taken");
        } catch {}
        settlement.pardon(ANN, quorum);
        _refute(ANN, 1);
        try settlement.pardon(ANN, quorum) {
            check(false, "an old pardon was taken");
        } catch {}
        settlement.pardon(ANN, _pardon(ANN, 2, 3));
        checkEqual(staking.stakeOf(ANN), STAKE, "pardoned twice");
    }

    function test_aFurtherPenaltyRestartsTheAppeal() public {
        _refute(ANN, 1);
        _wait(APPEAL - 1);
        _refute(ANN, 1);
        _wait(APPEAL - 1);
        settlement.pardon(ANN, _pardon(ANN, 2, 3));
        checkEqual(staking.stakeOf(ANN), STAKE, "both are taken back");
    }

    function test_countsTheLargestStakeOfThePeriod() public {
        _refute(BEN, 1);
        checkEqual(staking.offenceOf(BEN).base, 0, "nothing staked");
        _stake(BEN, STAKE);
        _refute(BEN, 1);
        checkEqual(staking.stakeOf(BEN), STAKE - STAKE / 25, "staked later the same day");
    }

    function test_onlyTheSettlementPenalizes() public {
        vm.expectRevert(abi.encodeWithSelector(Staking.NotSettlement.selector, address(this)));
        staking.penalize(ANN, 1);
    }

    function test_settlementRefusesAStakeThatNamesAnother() public {
        vm.expectRevert(abi.encodeWithSelector(Settlement.OtherSettlement.selector, address(settlement)));
        Settlement(create("Settlement.sol:Settlement", abi.encode(token, parameters, staking, _issuance(), models)));
    }

    /// Stake, ask back, finish, and be refuted, in any order: nothing is taken twice, and bonds never pay for it.
    function testFuzz_conservesInAnyOrder(uint256[24] calldata steps) public {
        uint256 minted = STAKE;
        for (uint256 i; i < steps.length; ++i) {
            uint256 value = steps[i] >> 8;
            uint256 kind = steps[i] % 7;
            Staking.Stake memory before = staking.stakingOf(ANN);
            Staking.Held memory held = staking.heldOf(ANN);
            if (kind == 0) {
                uint128 amount = uint128(bound(value, 1, STAKE));
                _stake(ANN, amount);
                minted += amount;
            } else if (kind == 1 && before.amount > 0) {
                vm.prank(ANN);
                staking.requestUnstake(uint128(bound(value, 1, before.amount)));
            } else if (kind == 2 && before.leaving > 0 && this.clock() >= before.leavesAt) {
                vm.prank(ANN);
                staking.finishUnstake();
            } else if (kind == 3) {
                _refute(ANN, uint32(bound(value, 1, 8)));
                uint256 taken = staking.heldOf(ANN).amount - held.amount;
                check(taken <= uint256(before.amount) + before.leaving, "never more than staked");
                check(taken <= uint256(staking.offenceOf(ANN).base) / 10, "a tenth at most");
            } else if (kind == 4 && held.amount > 0 && this.clock() >= held.since + APPEAL) {
                staking.collectPenalty(ANN);
            } else if (kind == 5 && held.amount > 0 && this.clock() < held.since + APPEAL) {
                settlement.pardon(ANN, _pardon(ANN, held.count, 3));
                checkEqual(staking.stakeOf(ANN), before.amount + held.amount, "all of it comes back");
            } else {
                _wait(bound(value, 1, kind == 6 ? 20 hours : 1 hours));
            }
            Staking.Stake memory now_ = staking.stakingOf(ANN);
            uint256 staked = uint256(now_.amount) + now_.leaving + staking.heldOf(ANN).amount;
            checkEqual(staked + token.balanceOf(ANN) + token.balanceOf(TREASURY), minted, "one sum");
            checkEqual(token.balanceOf(address(staking)), staked + 3 * BOND, "stakes and bonds");
        }
    }
}
