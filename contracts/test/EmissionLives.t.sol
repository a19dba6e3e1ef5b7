// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Emission} from "../src/Emission.sol";
import {Holding, Issuance, Shares} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {Lives} from "./Lives.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// Random lives of an emission: fees, tallies honest and greedy, and claims. Every call has to succeed.
contract EmissionHandler is Fixture {
    uint64 private constant START = 1_800_000_000;
    uint256 private constant LAMBDA = 900_000;
    uint256 private constant PPM = 1_000_000;
    uint256 private constant RESERVE = 1_000_000e18;
    address private constant ANN = address(0xC1);
    address private constant BOB = address(0xC2);

    struct Tallied {
        uint128 anns;
        uint128 bobs;
        uint256 given;
    }

    Emission private emission;
    Tallied[] private _tallies;
    uint64 private _batches;
    uint128 private _spent;
    uint256 private _given;
    uint256 private _recycled;
    uint64 private _until = START;
    uint256 public claims;
    uint256 public refused;

    function setUp() public override {
        vm.warp(START);
        // Nothing is held, so that no bond bounds what is settled.
        _deploy(Shares(100, 100, 100, 100, 2, 100, 0), Holding(0, 0, 0));
        emission = settlement.emission();
        token.transfer(address(emission), RESERVE);
        _fund(payer, 1e27, 1e27);
    }

    function _issuance() internal pure override returns (Issuance memory) {
        return Issuance(START, 1 days, uint32(LAMBDA));
    }

    function pay(uint256 amount) external {
        amount = bound(amount, 0, 1e25);
        uint256 before = escrow.creditOf(address(emission));
        _spent += uint128(amount);
        _settle(++_batches, uint128(amount), _spent);
        _recycled += escrow.creditOf(address(emission)) - before;
    }

    function wait(uint256 duration) external {
        _wait(bound(duration, 0, 3 days));
    }

    /// The accounts of a tally have what is signed, or a root says that they have more.
    function _root(uint128 anns, uint128 bobs) private view returns (bytes32) {
        (bytes32 a, bytes32 b) = (emission.leafOf(ANN, anns), emission.leafOf(BOB, bobs));
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }

    function _allot(uint64 until, uint128 anns, uint128 bobs, uint128 units) private returns (bool) {
        bytes32 root = _root(anns, bobs);
        uint32 number = uint32(_tallies.length);
        bytes[] memory quorum = _quorum(emission.allotmentDigest(number, until, root, units), 3);
        try emission.allot(until, root, units, quorum) {
            _tallies.push(Tallied(anns, bobs, 0));
            return true;
        } catch {
            ++refused;
            return false;
        }
    }

    function _recycledUntil(uint64 until) private view returns (uint256) {
        return settlement.recycledBefore(uint48(until / 1 hours)) - settlement.recycledBefore(uint48(_until / 1 hours));
    }

    /// @param surplus Units signed beyond the recycled sum: zero, or the tally is refused.
    function allot(uint256 periods, uint256 part, uint256 split, uint256 surplus, bool lies) external {
        uint256 left = (this.clock() - _until) / 1 days;
        if (left == 0) return;
        uint64 until = _until + uint64(bound(periods, 1, left)) * 1 days;
        uint256 most = _recycledUntil(until);
        surplus = bound(surplus, 0, 3);
        uint128 units = uint128(surplus == 3 ? most + 1 : bound(part, 0, most));
        uint128 anns = uint128(bound(split, 0, units));
        bool isDone = _allot(until, anns, lies ? units : units - anns, units);
        check(isDone == (units <= most), "what was recycled, and no more");
        if (isDone) _until = until;
    }

    /// Of a period that was tallied, one that is not over, or none at all.
    function allotAgain(uint256 which) external {
        uint64 next = uint64(this.clock() / 1 days * 1 days + START % 1 days) + 1 days;
        uint64 until = [_until, _until - 1 days, _until + 1 hours, next][which % 4];
        check(!_allot(until, 0, 0, 0), "each period once, when it is over");
    }

    function claim(uint256 which, bool isAnn) external {
        if (_tallies.length == 0) return;
        uint32 number = uint32(which % _tallies.length);
        Tallied storage tallied = _tallies[number];
        (address account, uint128 units) = isAnn ? (ANN, tallied.anns) : (BOB, tallied.bobs);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = isAnn ? emission.leafOf(BOB, tallied.bobs) : emission.leafOf(ANN, tallied.anns);
        Emission.Allotment memory allotment = emission.allotmentOf(number);
        bool isDue = !emission.hasClaimed(number, account) && allotment.units != 0
            && uint256(allotment.claimed) + units <= allotment.units;
        uint256 before = token.balanceOf(account);
        try emission.claim(number, account, units, proof) returns (uint256 amount) {
            check(isDue, "once, within the sum");
            checkEqual(token.balanceOf(account) - before, amount, "paid");
            tallied.given += amount;
            _given += amount;
            ++claims;
        } catch {
            check(!isDue, "whatever is due");
        }
    }

    function assertBounded() external view {
        uint256 allotted;
        for (uint256 i; i < _tallies.length; ++i) {
            Emission.Allotment memory allotment = emission.allotmentOf(i);
            check(allotment.claimed <= allotment.units, "claimed <= units, of each tally");
            check(_tallies[i].given <= allotment.budget, "given <= budget, of each tally");
            check(uint256(allotment.budget) * PPM <= uint256(allotment.units) * LAMBDA, "a unit is worth less than a token");
            allotted += allotment.budget;
        }
        checkEqual(emission.allotmentCount(), _tallies.length, "no tally twice");
        checkEqual(emission.talliedUntil(), _until, "no period twice");
        checkEqual(emission.allotted(), allotted, "allotted = all budgets");
        check(_given <= allotted, "given <= allotted");
        check(allotted * PPM <= _recycled * LAMBDA, "allotted <= lambda of what was recycled");
        check(allotted <= emission.scheduledBy(_until - START), "allotted <= the schedule");
        uint256 has = token.balanceOf(address(emission)) + escrow.creditOf(address(emission));
        checkEqual(has, RESERVE + _recycled - _given, "it has what it was given and did not give");
    }

    function leak() external {
        vm.prank(address(emission));
        token.transfer(BOB, 1);
    }
}

contract EmissionLivesTest is Lives {
    EmissionHandler private handler;

    function setUp() public {
        handler = new EmissionHandler();
        handler.setUp();
    }

    /// All actions but the leak.
    function _actions() internal view override returns (address actor, bytes memory actions) {
        actor = address(handler);
        actions = abi.encodePacked([
            handler.pay.selector, handler.wait.selector, handler.allot.selector, handler.allotAgain.selector,
            handler.claim.selector
        ]);
    }

    function invariant_nothingIsGivenBeyondWhatWasRecycled() public view {
        handler.assertBounded();
    }

    /// The controls: a token that leaves past the rules is noticed, and the actions reach what they are about.
    function test_handlerReachesEveryActionAndALeakIsNoticed() public {
        handler.pay(1e24);
        handler.wait(2 days);
        handler.pay(1e24);
        handler.allot(1, 1e22, 5e21, 0, false);
        handler.allotAgain(0);
        handler.claim(0, true);
        handler.claim(0, true);
        handler.claim(0, false);
        checkEqual(handler.claims(), 2, "each once");
        handler.wait(1 days);
        handler.allot(2, 1e21, 1e20, 3, false);
        checkEqual(handler.refused(), 2, "a period of before, and units of nothing");
        handler.allot(2, 1e22, 5e21, 0, true);
        handler.claim(1, true);
        handler.claim(1, false);
        checkEqual(handler.claims(), 3, "a root that lies pays its sum");
        this.invariant_nothingIsGivenBeyondWhatWasRecycled();
        handler.leak();
        try this.invariant_nothingIsGivenBeyondWhatWasRecycled() {
            check(false, "a leak went unnoticed");
        } catch {}
    }
}
