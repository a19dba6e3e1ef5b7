// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Emission, ICredit} from "../src/Emission.sol";
import {Genesis, OgongToken} from "../src/OgongToken.sol";
import {Quorum} from "../src/libraries/Quorum.sol";
import {Settlement} from "../src/Settlement.sol";
import {Holding, Issuance, Line, Shares} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

/// A ledger whose emission gives 0.9 of what is recycled, a hundredth of each fee, by days.
contract EmissionTest is Fixture {
    uint64 private constant START = 1_800_000_000;
    uint32 private constant DAY = 1 days;
    uint256 private constant RESERVE = 3_500_000_000e18;
    address private constant ANN = address(0xC1);
    address private constant BOB = address(0xC2);

    Emission private emission;
    uint64 private batches;

    function setUp() public override {
        vm.warp(START);
        // Nothing is held, so that no bond bounds what is settled.
        _deploy(Shares(100, 100, 100, 100, 2, 100, 0), Holding(0, 0, 0));
        emission = settlement.emission();
        token.transfer(address(emission), RESERVE);
        _fund(payer, 10_000_000e18, 10_000_000e18);
    }

    function _issuance() internal pure override returns (Issuance memory) {
        return Issuance(START, DAY, 900_000);
    }

    function test_nobodyReceivesTheRecycledShare() public {
        _pay(1_000_000);
        checkEqual(escrow.creditOf(address(emission)), 10_000, "a hundredth");
        checkEqual(escrow.creditOf(address(earnings)), 949_800, "the provider has less");
        _wait(1 hours);
        checkEqual(settlement.recycledBefore(uint48(this.clock() / 1 hours)), 10_000, "counted");
    }

    function test_recyclesNothingWithoutAnEmission() public {
        Settlement other = Settlement(create("Settlement.sol:Settlement", abi.encode(token, parameters, _createStaking(), Issuance(0, 0, 0), models)));
        check(address(other.emission()) == address(0), "none");
        // A fine is not shared, so nothing of it is recycled.
        _submit(_batch(1), _one(_debit(PAYER_KEY, 1_000, 1_000)), _one(Line(KEY, PROVIDER, ROUTER, 1_000, 1_000, 0)));
        checkEqual(escrow.creditOf(address(emission)), 0, "fines");
    }

    function test_paysTheWorthOfUnits() public {
        _pay(1_000_000);
        _wait(DAY);
        // The third of the units that nobody earned is worth nothing, and rolls over.
        _allot(START + DAY, 6_666, 3_333);
        checkEqual(emission.allotmentOf(0).budget, 5_999, "0.9 of each");
        checkEqual(emission.allotted(), 5_999, "allotted");
        emission.claim(0, ANN, 3_333, _proof(BOB, 3_333));
        emission.claim(0, BOB, 3_333, _proof(ANN, 3_333));
        checkEqual(token.balanceOf(ANN), 2_999, "half, rounded down");
        checkEqual(token.balanceOf(BOB), 2_999, "the other half");
    }

    function test_paysNobodyTwiceOrTooMuch() public {
        _pay(1_000_000);
        _wait(DAY);
        _allot(START + DAY, 6_000, 3_000);
        bytes32[] memory proof = _proof(BOB, 3_000);
        emission.claim(0, ANN, 3_000, proof);
        vm.expectRevert(abi.encodeWithSelector(Emission.ClaimedAlready.selector, 0, ANN));
        emission.claim(0, ANN, 3_000, proof);
        bytes32[] memory theirs = _proof(ANN, 3_000);
        vm.expectRevert(abi.encodeWithSelector(Emission.NotInTally.selector, 0, BOB));
        emission.claim(0, BOB, 3_001, theirs);
        vm.expectRevert(abi.encodeWithSelector(Emission.NoAllotment.selector, 1));
        emission.claim(1, ANN, 3_000, proof);
        vm.expectRevert(abi.encodeWithSelector(Emission.NoAllotment.selector, 1));
        emission.allotmentOf(1);
    }

    /// A root whose units come to more than the sum that was signed pays no more than the sum.
    function test_aRootThatLiesPaysNoMoreThanItsSum() public {
        _pay(1_000_000);
        _wait(DAY);
        _allot(START + DAY, 4_000, 3_000);
        emission.claim(0, ANN, 3_000, _proof(BOB, 3_000));
        bytes32[] memory theirs = _proof(ANN, 3_000);
        vm.expectRevert(abi.encodeWithSelector(Emission.TooManyUnits.selector, 6_000, 4_000));
        emission.claim(0, BOB, 3_000, theirs);
    }

    function test_unitsNeverExceedTheRecycledAmount() public {
        _pay(1_000_000);
        _wait(DAY);
        bytes[] memory quorum = _sign(0, START + DAY, 10_001, 1, 3);
        bytes32 root = _root(1);
        vm.expectRevert(abi.encodeWithSelector(Emission.TooManyUnits.selector, 10_001, 10_000));
        emission.allot(START + DAY, root, 10_001, quorum);
    }

    function test_onlyAQuorumTallies() public {
        _pay(1_000_000);
        bytes32 root = _root(5);
        _wait(DAY);
        bytes[] memory two = _sign(0, START + DAY, 10, 5, 2);
        vm.expectPartialRevert(Quorum.NoQuorum.selector);
        emission.allot(START + DAY, root, 10, two);
        // Over other units, or as another tally: such signatures are somebody else's.
        check(!_allots(root, _sign(0, START + DAY, 11, 5, 3)), "other units");
        check(!_allots(root, _sign(1, START + DAY, 10, 5, 3)), "another tally");
        check(_allots(root, _sign(0, START + DAY, 10, 5, 3)), "all of them");
    }

    function _allots(bytes32 root, bytes[] memory quorum) private returns (bool) {
        try emission.allot(START + DAY, root, 10, quorum) {
            return true;
        } catch {
            return false;
        }
    }

    function test_talliesWholePeriodsThatAreOver() public {
        _pay(1_000_000);
        bytes32 root = _root(5);
        vm.warp(START + DAY - 1);
        bytes[] memory quorum = _sign(0, START + DAY, 10, 5, 3);
        vm.expectRevert(abi.encodeWithSelector(Emission.NotOver.selector, START + DAY));
        emission.allot(START + DAY, root, 10, quorum);
        vm.expectRevert(abi.encodeWithSelector(Emission.NoPeriod.selector, START + DAY + 1 hours));
        emission.allot(START + DAY + 1 hours, root, 10, quorum);
        vm.warp(START + DAY);
        emission.allot(START + DAY, root, 10, quorum);
        vm.expectRevert(abi.encodeWithSelector(Emission.NoPeriod.selector, START + DAY));
        emission.allot(START + DAY, root, 10, quorum);
    }

    /// Fees recycled after the end belong to the next tally, also if the first one comes late. A day without a tally is not lost.
    function test_aPeriodWithoutATallyIsPartOfTheNext() public {
        _pay(1_000_000);
        _wait(DAY);
        _pay(2_000_000);
        _wait(DAY);
        _pay(4_000_000);
        _allot(START + DAY, 10_000, 5_000);
        _wait(2 * DAY);
        vm.expectRevert(abi.encodeWithSelector(Emission.TooManyUnits.selector, 60_001, 60_000));
        this.allot(START + 4 * DAY, 60_001);
        this.allot(START + 4 * DAY, 60_000);
        checkEqual(emission.allotmentOf(1).budget, 54_000, "two days");
        checkEqual(emission.talliedUntil(), START + 4 * DAY, "until");
    }

    function allot(uint64 until, uint128 units) external {
        _allot(until, units, 1);
    }

    /// Where fees are large, the schedule is what binds, and what it leaves of one day is there on the next.
    function test_theScheduleIsACeiling() public {
        uint256 daily = emission.scheduledBy(DAY);
        checkEqual(daily, uint256(2_000_000_000e18) / 1_461, "the first four years give a half");
        for (uint64 day; day < 3; ++day) {
            if (day > 0) _fund(payer, 300_000_000e18, 300_000_000e18);
            // On the first day a small fee leaves most of the schedule's part for the second.
            _pay(day == 0 ? 1e18 : 300_000_000e18);
            _wait(DAY);
            uint128 recycled = day == 0 ? 1e16 : 3_000_000e18;
            _allot(START + (day + 1) * DAY, recycled, 1);
            uint256 scheduled = emission.scheduledBy((day + 1) * DAY);
            check(emission.allotted() <= scheduled, "ceiling");
            checkEqual(emission.allotmentOf(day).budget, day == 0 ? 9e15 : day == 1 ? 2_700_000e18 : scheduled - 2_700_000e18 - 9e15, "budget");
        }
    }

    /// Rises with time, halves what is left every four years, and never reaches the tranche.
    function testFuzz_schedule(uint256 a, uint256 b) public view {
        a = bound(a, 0, 600 * 365 days);
        b = bound(b, a, 600 * 365 days);
        check(emission.scheduledBy(a) <= emission.scheduledBy(b), "rises");
        check(emission.scheduledBy(b) <= 4_000_000_000e18, "tranche");
        uint256 halvings = bound(a, 0, 90);
        uint256 left = 4_000_000_000e18 - emission.scheduledBy(halvings * 1_461 days);
        checkEqual(left, uint256(4_000_000_000e18) >> halvings, "halves");
    }

    /// An owner of every role and all units gets less than it paid, for any payment and split. For any admitted share and any earners, the
    /// payer of all of it has lost at least a tenth of the share.
    function testFuzz_whoPaysItselfLoses(uint128 fee, uint16 share, uint128 units, uint32 lambda) public {
        share = uint16(bound(share, parameters.MIN_RECYCLE_SHARE(), parameters.MAX_RECYCLE_SHARE()));
        uint256 recycled = uint256(bound(fee, 1, 4_000_000_000e18)) * share / parameters.BASIS();
        if (recycled == 0) return;
        lambda = uint32(bound(lambda, 0, 900_000));
        Emission any = Emission(
            create("Emission.sol:Emission", abi.encode(token, ICredit(address(escrow)), Issuance(START, DAY, lambda)))
        );
        uint256 budget = any.budgetOf(recycled, bound(units, 0, recycled), type(uint128).max);
        check(budget * 10 <= recycled * 9, "at most nine tenths come back");
        check(budget < recycled, "fewer than were paid");
    }

    function test_aLambdaOfOneIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(Emission.OutOfRange.selector, "lambda"));
        Emission(create("Emission.sol:Emission", abi.encode(token, ICredit(address(escrow)), Issuance(START, DAY, 900_001))));
        vm.expectRevert(abi.encodeWithSelector(Emission.OutOfRange.selector, "period"));
        Emission(create("Emission.sol:Emission", abi.encode(token, ICredit(address(escrow)), Issuance(START, 0, 1))));
        vm.expectRevert(abi.encodeWithSelector(Emission.OutOfRange.selector, "period"));
        Emission(create("Emission.sol:Emission", abi.encode(token, ICredit(address(escrow)), Issuance(START, 90 minutes, 1))));
        vm.expectRevert(abi.encodeWithSelector(Emission.OutOfRange.selector, "period"));
        Emission(create("Emission.sol:Emission", abi.encode(token, ICredit(address(escrow)), Issuance(START, 32 days, 1))));
        vm.expectRevert(abi.encodeWithSelector(Emission.OutOfRange.selector, "start"));
        Emission(create("Emission.sol:Emission", abi.encode(token, ICredit(address(escrow)), Issuance(START + 1, DAY, 1))));
    }

    /// An emission that has given all its tokens pays from what was recycled since.
    function test_paysFromTheRecycledAmount() public {
        vm.prank(address(emission));
        token.transfer(address(this), RESERVE);
        _pay(1_000_000);
        _wait(DAY);
        _allot(START + DAY, 10_000, 5_000);
        emission.claim(0, ANN, 5_000, _proof(BOB, 5_000));
        checkEqual(token.balanceOf(ANN), 4_500, "paid");
        checkEqual(token.balanceOf(address(emission)), 5_500, "the rest stays");
    }

    function _pay(uint128 amount) private {
        ++batches;
        spent += amount;
        _settle(batches, amount, spent);
    }

    uint128 private spent;

    /// Two accounts, with as many units each.
    function _root(uint128 each) private view returns (bytes32) {
        (bytes32 a, bytes32 b) = (emission.leafOf(ANN, each), emission.leafOf(BOB, each));
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }

    function _proof(address other, uint128 units) private view returns (bytes32[] memory proof) {
        proof = new bytes32[](1);
        proof[0] = emission.leafOf(other, units);
    }

    function _sign(uint32 number, uint64 until, uint128 units, uint128 each, uint256 signers) private view returns (bytes[] memory) {
        return _quorum(emission.allotmentDigest(number, until, _root(each), units), signers);
    }

    function _allot(uint64 until, uint128 units, uint128 each) private {
        uint32 number = uint32(emission.allotmentCount());
        emission.allot(until, _root(each), units, _sign(number, until, units, each, 3));
    }
}
