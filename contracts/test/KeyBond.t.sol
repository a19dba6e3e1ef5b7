// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Earnings} from "../src/Earnings.sol";
import {Parameters} from "../src/Parameters.sol";
import {Holding, Shares} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// Bonds that payees put down for keys: when they count, when they leave, and what an ejection takes.
contract KeyBondTest is Fixture {
    uint128 private constant SUM = 40e18;
    /// The provider's part of a line of 100,000 with a router.
    uint256 private constant PART = 95_980;

    uint64 private sequence;
    uint256 private start;
    uint48 private first;

    /// At the beginning of a period.
    function setUp() public override {
        super.setUp();
        start = (block.timestamp / PERIOD + 5) * PERIOD;
        first = uint48(start / PERIOD);
        vm.warp(start);
        _fund(payer, 1e12, 1e12);
        _allow(PROVIDER, 10 * SUM);
    }

    function _allow(address who, uint128 amount) private {
        token.transfer(who, amount);
        vm.prank(who);
        token.approve(address(earnings), amount);
    }

    function _put(uint128 amount) private {
        vm.prank(PROVIDER);
        earnings.bond(KEY, amount);
    }

    function _ask(uint128 amount) private {
        vm.prank(PROVIDER);
        earnings.requestUnbond(KEY, amount);
    }

    function _finish() private {
        vm.prank(PROVIDER);
        earnings.finishUnbond(KEY);
    }

    function _at(uint256 period, uint256 second) private {
        vm.warp(start + period * PERIOD + second);
    }

    function test_countsFromTheNextPeriodOnBesideEarnings() public {
        ++sequence;
        _settle(sequence, 100_000, 100_000);
        _put(SUM);
        checkEqual(earnings.balanceOf(KEY, PROVIDER).bonded, SUM, "bonded");
        checkEqual(earnings.balanceOf(KEY, PROVIDER).held, PART, "earnings apart");
        vm.expectRevert(abi.encodeWithSelector(Earnings.PeriodNotOver.selector, first));
        earnings.heldIn(KEY, PROVIDER, first);
        _at(2, 0);
        checkEqual(earnings.heldIn(KEY, PROVIDER, first - 1), 0, "before");
        checkEqual(earnings.heldIn(KEY, PROVIDER, first), PART - ENTRANCE + SUM, "both");
        checkEqual(earnings.heldIn(KEY, PROVIDER, first + 1), SUM, "the bond lasts");
        checkEqual(earnings.earnedIn(KEY, PROVIDER, first), PART - ENTRANCE, "earned without it");
        checkEqual(earnings.heldIn(keccak256("other"), PROVIDER, first), 0, "another key");
        checkEqual(earnings.heldIn(KEY, ROUTER, first), 0, "another payee");
    }

    /// The bond at the beginning of a period can be taken until the next one is over, as earnings until then are held.
    function testFuzz_whatCountsStaysUntilAnEjectionHadItsTime(uint32 asked, uint32 finished) public {
        _put(SUM);
        asked = uint32(bound(asked, 0, 6 * PERIOD));
        finished = uint32(bound(finished, 0, 6 * PERIOD));
        vm.warp(start + asked);
        _ask(SUM);
        (, , uint64 leavesAt) = earnings.bondOf(KEY, PROVIDER);
        uint256 lastCounted = start / PERIOD + asked / PERIOD;
        check(leavesAt >= (lastCounted + 2) * PERIOD, "until the period after that one is over");
        check(leavesAt >= start + asked + UNBONDING, "and not before the delay of all bonds");
        vm.warp(start + asked + finished);
        bool isDue = this.clock() >= leavesAt;
        if (!isDue) vm.expectRevert(abi.encodeWithSelector(Earnings.TooEarly.selector, leavesAt));
        _finish();
        checkEqual(token.balanceOf(PROVIDER), isDue ? 10 * SUM : 9 * SUM, "paid");
        _at(20, 0);
        for (uint48 i = 0; i < 8; ++i) {
            uint256 expected = first + i < lastCounted ? SUM : 0;
            checkEqual(earnings.heldIn(KEY, PROVIDER, first + i), expected, "and it never changes");
        }
    }

    function test_aSecondRequestRestartsTheDelay() public {
        _put(SUM);
        _ask(1);
        _at(1, 1);
        _ask(2);
        _at(3, 0);
        _finish();
        (uint256 bonded, uint128 leaving,) = earnings.bondOf(KEY, PROVIDER);
        checkEqual(bonded, SUM - 3, "bonded");
        checkEqual(leaving, 0, "nothing leaves");
        vm.expectRevert(Earnings.NothingToUnbond.selector);
        _finish();
        vm.expectRevert(abi.encodeWithSelector(Earnings.InsufficientBond.selector, SUM - 3, SUM));
        _ask(SUM);
    }

    /// It takes what leaves too, whatever the payee asked for meanwhile; a reinstatement gives it back its clock.
    function test_aFinalEjectionTakesAllOfIt() public {
        _put(SUM);
        _ask(SUM / 4);
        _at(1, PERIOD - 1);
        _eject(++sequence, KEY);
        _ask(SUM / 4);
        vm.expectRevert(abi.encodeWithSelector(Earnings.EjectedAlready.selector, KEY));
        _put(1);
        vm.warp(start + 2 * PERIOD - 1 + APPEAL - 1);
        vm.expectRevert(Earnings.NothingForfeited.selector);
        earnings.forfeit(KEY, PROVIDER);
        _at(9, 0);
        vm.expectPartialRevert(Earnings.TooEarly.selector);
        _finish();
        checkEqual(earnings.forfeitOf(KEY, PROVIDER), SUM, "all");
        checkEqual(earnings.forfeit(KEY, PROVIDER), SUM, "forfeited");
        checkEqual(token.balanceOf(VERIFICATION), SUM, "to the pool");
        vm.expectRevert(Earnings.NothingForfeited.selector);
        earnings.forfeit(KEY, PROVIDER);
        vm.expectRevert(Earnings.NothingToUnbond.selector);
        _finish();
        checkEqual(earnings.balanceOf(KEY, PROVIDER).bonded, 0, "nothing is left");
    }

    /// The part that could leave before the ejection is the payee's, and no more is.
    function test_aWithdrawalBeforeAnEjectionBelongsToThePayee() public {
        _put(SUM);
        _ask(SUM / 4);
        _at(2, 0);
        _eject(++sequence, KEY);
        _at(9, 0);
        checkEqual(earnings.forfeit(KEY, PROVIDER), SUM - SUM / 4, "the rest");
        _finish();
        checkEqual(token.balanceOf(PROVIDER), 9 * SUM + SUM / 4, "paid");
        checkEqual(token.balanceOf(address(earnings)), 0, "nothing is left over");
    }

    function test_aReinstatementGivesItBack() public {
        _put(SUM);
        _ask(SUM);
        _eject(++sequence, KEY);
        settlement.reinstate(KEY, _quorum(settlement.reinstatementDigest(KEY, 1), 3));
        _at(2, 0);
        _finish();
        checkEqual(token.balanceOf(PROVIDER), 10 * SUM, "all of it");
    }

    function test_aFreezeStopsItsClock() public {
        _put(SUM);
        _ask(SUM);
        _at(1, PERIOD - 1);
        vm.prank(address(cases));
        earnings.freeze(KEY);
        _at(8, PERIOD - 2);
        vm.expectRevert(abi.encodeWithSelector(Earnings.TooEarly.selector, start + 2 * PERIOD));
        _finish();
        _eject(++sequence, KEY);
        _at(20, 0);
        checkEqual(earnings.forfeit(KEY, PROVIDER), SUM, "an ejection meanwhile finds it");
    }

    function test_refusesNothingAndWaitsWhileEntryIsPaused() public {
        vm.expectRevert(Earnings.ZeroAmount.selector);
        _put(0);
        vm.expectRevert(Earnings.ZeroAmount.selector);
        _ask(0);
        _put(SUM);
        parameters.setGuardian(address(this));
        parameters.pauseEntry();
        vm.expectPartialRevert(Parameters.EntryIsPaused.selector);
        _put(1);
        _ask(SUM);
        _at(2, 0);
        _finish();
    }

    function test_whereNothingIsHeldThereIsNone() public {
        _deploy(Shares(100, 100, 100, 100, 2, 0, 0), Holding(0, 0, 0));
        _allow(PROVIDER, SUM);
        vm.expectRevert(Earnings.NoKeyBonds.selector);
        _put(1);
    }

    /// Earnings are paid from the credit in the Escrow as well as from tokens that lie here: a bond is not lost by it.
    function test_earningsAndBondsArePaidBesideEachOther() public {
        ++sequence;
        _settle(sequence, 100_000, 100_000);
        _put(SUM);
        _ask(SUM);
        _at(3, 0);
        earnings.collect(KEY, PROVIDER);
        earnings.withdraw(KEY, PROVIDER);
        _finish();
        checkEqual(token.balanceOf(PROVIDER), 10 * SUM + PART - ENTRANCE, "both");
        checkEqual(token.balanceOf(address(earnings)) + escrow.creditOf(address(earnings)), 0, "nothing is left over");
    }
}
