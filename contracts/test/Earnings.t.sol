// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Earnings} from "../src/Earnings.sol";
import {Parameters} from "../src/Parameters.sol";
import {Settlement} from "../src/Settlement.sol";
import {Batch, Debit, Delays, Earned, Holding, Line, Recipients, Shares} from "../src/libraries/Types.sol";
import {Fixture, noWork, usualTests} from "./Fixture.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

/// Earnings of a provider: the time of the payee's payment, and the loss by an ejection.
contract EarningsTest is Fixture {
    /// The provider's part of a line of 100,000 with a router.
    uint256 private constant PART = 95_980;

    uint64 private sequence;
    uint256 private start;

    /// At the beginning of a period.
    function setUp() public override {
        super.setUp();
        start = (block.timestamp / PERIOD + 5) * PERIOD;
        vm.warp(start);
        _fund(payer, 1e12, 1e12);
    }

    function _earn() private {
        ++sequence;
        _settle(sequence, 100_000, 100_000 * uint128(sequence));
    }

    function _at(uint256 period, uint256 second) private {
        vm.warp(start + period * PERIOD + second);
    }

    function _balance() private view returns (Earnings.Balance memory) {
        return earnings.balanceOf(KEY, PROVIDER);
    }

    function test_areHeldForTwoWholePeriodsAfterTheirOwn() public {
        _at(0, PERIOD - 1);
        _earn();
        _at(2, PERIOD - 1);
        checkEqual(_balance().held, PART, "held");
        vm.expectRevert(Earnings.NothingToWithdraw.selector);
        earnings.withdraw(KEY, PROVIDER);
        _at(3, 0);
        checkEqual(_balance().held, 0, "vested");
        checkEqual(earnings.withdraw(KEY, PROVIDER), PART - ENTRANCE, "all but the first units");
        checkEqual(token.balanceOf(PROVIDER), PART - ENTRANCE, "to the payee, whoever asks");
        vm.expectRevert(Earnings.NothingToWithdraw.selector);
        earnings.withdraw(KEY, PROVIDER);
    }

    /// Signers have more to lose than the unvested sum: a unit more than half of the bonds is refused, until something has vested.
    function test_unvestedEarningsStayBelowHalfOfTheSigningBonds() public {
        uint128 half = 3 * BOND / 2;
        _fund(payer, 3 * half, 3 * half);
        _settle(1, half, half);
        checkEqual(earnings.unvested(), half, "all of it");
        _refuses(2, 3 * BOND, half + 1, half + 1);
        // Fees of all parties count, and of the periods before; more bond behind it carries more.
        _at(2, PERIOD - 1);
        _refuses(2, 3 * BOND, half + 1, half + 1);
        _bond(validator, 1);
        _wait(VOTING);
        checkEqual(earnings.unvested(), 0, "the third period after it");
        _settle(2, half, 2 * half);
        _refuses(3, 3 * BOND + 1, 2 * half + 1, half + 1);
    }

    /// Sums of periods, whichever of them had any.
    function testFuzz_unvestedIsTheSumOfThreePeriods(uint8[12] memory gaps) public {
        uint256[60] memory sums;
        uint256 at;
        uint128 spent;
        for (uint64 i; i < 12; ++i) {
            at += gaps[i] % 5;
            _at(at, 1);
            uint128 amount = 1_000 + i;
            spent += amount;
            _settle(i + 1, amount, spent);
            sums[at] += amount;
            checkEqual(earnings.unvested(), sums[at] + (at > 0 ? sums[at - 1] : 0) + (at > 1 ? sums[at - 2] : 0), "settled");
        }
        for (uint256 later = 1; later < 4; ++later) {
            uint256 expected;
            for (uint256 k = at + later < 2 ? 0 : at + later - 2; k <= at; ++k) {
                expected += sums[k];
            }
            _at(at + later, 0);
            checkEqual(earnings.unvested(), expected, "later");
        }
    }

    function test_onlyAPanelStopsAClock() public {
        vm.expectRevert(abi.encodeWithSelector(Earnings.NotCases.selector, address(this)));
        earnings.freeze(KEY);
    }

    /// Earnings held when the clock stopped stay held for a week, and an ejection meanwhile takes them.
    function test_aStoppedClockVestsNothing() public {
        _earn();
        _at(2, PERIOD - 1);
        _freeze();
        _at(2, 7 * PERIOD + PERIOD - 2);
        checkEqual(_balance().held, PART, "still held");
        vm.expectRevert(Earnings.NothingToWithdraw.selector);
        earnings.withdraw(KEY, PROVIDER);
        _at(2, 7 * PERIOD + PERIOD - 1);
        checkEqual(_balance().held, 0, "a week later");
        checkEqual(earnings.withdraw(KEY, PROVIDER), PART - ENTRANCE, "all but the first units");
    }

    function test_anEjectionTakesEarningsOfAStoppedClock() public {
        _earn();
        _at(2, PERIOD - 1);
        _freeze();
        _at(5, 0);
        ++sequence;
        _eject(sequence, KEY);
        vm.expectRevert(abi.encodeWithSelector(Earnings.EjectedAlready.selector, KEY));
        vm.prank(address(cases));
        earnings.freeze(KEY);
        _at(20, 0);
        checkEqual(earnings.collect(KEY, PROVIDER), PART, "all of it");
    }

    function test_aClockIsNotStoppedAgainSoon() public {
        _freeze();
        vm.warp(start + 35 days - 1);
        vm.expectRevert(abi.encodeWithSelector(Earnings.FrozenLately.selector, start + 35 days));
        vm.prank(address(cases));
        earnings.freeze(KEY);
        vm.warp(start + 35 days);
        _freeze();
    }

    function _freeze() private {
        vm.prank(address(cases));
        earnings.freeze(KEY);
    }

    /// A batch of one unit more than the bonds of those who sign carry.
    function _refuses(uint64 number, uint256 bonds, uint128 cumulative, uint256 unvested) private {
        Batch memory batch = _batch(number);
        uint128 amount = uint128(unvested - earnings.unvested());
        Debit[] memory debits = _one(_debit(PAYER_KEY, amount, cumulative));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, amount, 0, 0));
        bytes32[] memory nobody;
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, nobody, _idle()), 3);
        vm.expectRevert(abi.encodeWithSelector(Settlement.Unbacked.selector, unvested, bonds));
        settlement.settle(batch, debits, lines, nobody, _idle(), quorum);
    }

    function test_vestInTheOrderInWhichTheyWereEarned() public {
        _earn();
        _at(1, 0);
        _earn();
        _at(3, 0);
        checkEqual(earnings.withdraw(KEY, PROVIDER), PART - ENTRANCE, "the first");
        checkEqual(_balance().held, PART, "the second");
        _at(4, 0);
        checkEqual(earnings.withdraw(KEY, PROVIDER), PART, "the second, without another entrance");
    }

    function test_theFirstUnitsGoToThePool() public {
        _earn();
        checkEqual(earnings.collect(KEY, PROVIDER), ENTRANCE, "at once");
        checkEqual(token.balanceOf(VERIFICATION), ENTRANCE, "pool");
        _earn();
        vm.expectRevert(Earnings.NothingToCollect.selector);
        earnings.collect(KEY, PROVIDER);
        _at(3, 0);
        checkEqual(earnings.withdraw(KEY, PROVIDER), 2 * PART - ENTRANCE, "the rest is the payee's");
        checkEqual(token.balanceOf(address(earnings)), 0, "all is paid");
    }

    /// Held earnings and later settlements for the key are lost by an ejection; vested earnings are not.
    function test_aFinalEjectionTakesHeldAndLaterEarnings() public {
        _earn();
        _at(3, 0);
        _earn();
        _eject(++sequence, KEY);
        _earn();
        _at(7, 0);
        checkEqual(_balance().held, 2 * PART, "its clock stands");
        checkEqual(earnings.collect(KEY, PROVIDER), 2 * PART + ENTRANCE, "forfeited");
        checkEqual(earnings.withdraw(KEY, PROVIDER), PART - ENTRANCE, "vested before");
        _earn();
        checkEqual(earnings.collect(KEY, PROVIDER), PART, "and whatever comes later");
        checkEqual(token.balanceOf(VERIFICATION), 3 * PART + ENTRANCE, "pool");
        vm.expectRevert(Earnings.NothingToWithdraw.selector);
        earnings.withdraw(KEY, PROVIDER);
    }

    function test_nothingIsForfeitedBeforeTheAppealIsOver() public {
        _earn();
        uint256 since = this.clock();
        _eject(++sequence, KEY);
        earnings.collect(KEY, PROVIDER);
        vm.warp(since + APPEAL - 1);
        vm.expectRevert(Earnings.NothingToCollect.selector);
        earnings.collect(KEY, PROVIDER);
        vm.warp(since + APPEAL);
        checkEqual(earnings.collect(KEY, PROVIDER), PART - ENTRANCE, "final");
    }

    function test_aReinstatementReleasesFrozenEarnings() public {
        _earn();
        _at(2, PERIOD - 1);
        _eject(++sequence, KEY);
        _at(3, 0);
        vm.expectRevert(Earnings.NothingToWithdraw.selector);
        earnings.withdraw(KEY, PROVIDER);
        settlement.reinstate(KEY, _quorum(settlement.reinstatementDigest(KEY, 1), 3));
        checkEqual(earnings.withdraw(KEY, PROVIDER), PART - ENTRANCE, "as if nothing had happened");
    }

    function test_anEjectionConcernsEveryPayeeOfOneKey() public {
        bytes32 other = keccak256("other key");
        Line[] memory lines = new Line[](3);
        lines[0] = Line(KEY, PROVIDER, ROUTER, 100_000, 0, 0);
        lines[1] = Line(KEY, address(0xB2), ROUTER, 100_000, 0, 0);
        lines[2] = Line(other, PROVIDER, ROUTER, 100_000, 0, 0);
        _submit(_batch(++sequence), _one(_debit(PAYER_KEY, 300_000, 300_000)), lines);
        _eject(++sequence, KEY);
        _at(3, 0);
        checkEqual(_balance().withdrawable, 0, "payee");
        checkEqual(earnings.balanceOf(KEY, address(0xB2)).withdrawable, 0, "another payee of the key");
        checkEqual(earnings.balanceOf(other, PROVIDER).withdrawable, PART - ENTRANCE, "another key of the payee");
    }

    /// Validators compute coverage from it, at different times, and have to agree.
    function test_earningsOfAPeriodNeverChange() public {
        uint48 first = uint48(start / PERIOD);
        _earn();
        vm.expectRevert(abi.encodeWithSelector(Earnings.PeriodNotOver.selector, first));
        earnings.earnedIn(KEY, PROVIDER, first);
        _at(1, 0);
        _earn();
        _earn();
        _at(2, 0);
        earnings.collect(KEY, PROVIDER);
        _eject(++sequence, KEY);
        _at(9, 0);
        earnings.collect(KEY, PROVIDER);
        checkEqual(earnings.earnedIn(KEY, PROVIDER, first - 1), 0, "before");
        checkEqual(earnings.earnedIn(KEY, PROVIDER, first), PART - ENTRANCE, "without the first units");
        checkEqual(earnings.earnedIn(KEY, PROVIDER, first + 1), 2 * PART, "second");
        checkEqual(earnings.earnedIn(KEY, PROVIDER, first + 2), 0, "third");
    }

    function test_onlyTheSettlementCredits() public {
        Earned[] memory list = new Earned[](1);
        list[0] = Earned(KEY, PROVIDER, 1);
        vm.expectRevert(abi.encodeWithSelector(Earnings.NotSettlement.selector, address(this)));
        earnings.credit(list, 0);
    }

    function test_withoutAPeriodNothingIsHeld() public {
        _deploy(Shares(100, 100, 100, 100, 2, 0, 0), Holding(0, 0, 0));
        _fund(payer, 100_000, 100_000);
        sequence = 0;
        _earn();
        checkEqual(earnings.withdraw(KEY, PROVIDER), PART, "at once");
        _eject(++sequence, KEY);
        checkEqual(_balance().held, 0, "nothing to forfeit");
    }

    /// A period is the time that validators have to eject before anything vests.
    function test_aPeriodIsNotTooShort() public {
        Delays memory delays = Delays(VOTING, NOTICE, APPEAL, LEAST_DELAY, LEAST_UNBONDING);
        Parameters.Limits memory limits = parameters.limits();
        Recipients memory recipients = parameters.recipients();
        Shares memory shares = parameters.shares();
        uint32[2] memory wrong = [LEAST_DELAY - 1, uint32(60 days) + 1];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "period"));
            Parameters(create("Parameters.sol:Parameters", abi.encode(address(this), delays, Holding(wrong[i], 0, 0), shares, recipients, limits, VAULT, usualTests(), noWork())));
        }
        Parameters(create("Parameters.sol:Parameters", abi.encode(address(this), delays, Holding(LEAST_DELAY, 0, 0), shares, recipients, limits, VAULT, usualTests(), noWork())));
    }
}
