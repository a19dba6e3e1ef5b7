// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cosigners} from "../src/Cosigners.sol";
import {Roster} from "../src/Roster.sol";
import {Batch, Debit, Line} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// What those share who signed batches.
contract CosignersTest is Fixture {
    Roster private roster;
    Cosigners private cosigners;

    function setUp() public override {
        super.setUp();
        roster = staking.roster();
        cosigners = staking.cosigners();
        _fund(payer, 1e24, 1e24);
        vm.warp(100 days);
    }

    function _take() private returns (address) {
        address[] memory accounts = new address[](validatorKeys.length);
        for (uint256 i; i < accounts.length; ++i) {
            accounts[i] = vm.addr(validatorKeys[i]);
        }
        roster.take(accounts);
        return roster.current();
    }

    /// A batch of that much, signed by these.
    function _settleBy(uint64 sequence, uint128 amount, uint256[] memory keys) private {
        (,,, uint128 spent) = _channel();
        Debit[] memory debits = _one(_debit(PAYER_KEY, amount, spent + amount));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, amount, 0, 0));
        bytes32[] memory none;
        Batch memory batch = _batch(sequence);
        bytes[] memory quorum = _signAll(keys, settlement.batchDigest(batch, debits, lines, none, _idle()));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function _channel() private view returns (uint128, uint128, uint128, uint128) {
        return (0, 0, 0, escrow.channelOf(payer, validator).spent);
    }

    function _all() private view returns (uint256[] memory keys) {
        keys = new uint256[](validatorKeys.length);
        for (uint256 i; i < keys.length; ++i) {
            keys[i] = validatorKeys[i];
        }
    }

    function _without(uint256 absent) private view returns (uint256[] memory keys) {
        keys = new uint256[](validatorKeys.length - 1);
        for (uint256 i; i < keys.length; ++i) {
            keys[i] = validatorKeys[i < absent ? i : i + 1];
        }
    }

    function _claim(address taken, uint256 day, uint8 member) private returns (uint256) {
        Cosigners.Part[] memory parts = new Cosigners.Part[](1);
        parts[0] = Cosigners.Part(taken, uint32(day), member);
        return cosigners.claim(parts);
    }

    /// A fourth validator, so that three of four are a quorum.
    function _joinFourth() private {
        uint256 key = uint256(keccak256("fourth"));
        _join(key, BOND);
        validatorKeys.push(key);
        for (uint256 j = 3; j > 0 && vm.addr(validatorKeys[j]) < vm.addr(validatorKeys[j - 1]); --j) {
            (validatorKeys[j], validatorKeys[j - 1]) = (validatorKeys[j - 1], validatorKeys[j]);
        }
        _wait(VOTING);
    }

    function test_withoutARosterTheHandlerHasAll() public {
        _settleBy(1, 100_000, _all());
        checkEqual(escrow.creditOf(validator), 1_000, "handler");
        checkEqual(escrow.creditOf(address(cosigners)), 0, "pot");
    }

    function test_halfRoundedDownIsThePotOfTheDay() public {
        address taken = _take();
        _settleBy(1, 100_100, _all());
        // A hundredth is 1,001 units.
        checkEqual(escrow.creditOf(validator), 501, "handler");
        checkEqual(escrow.creditOf(address(cosigners)), 500, "pot");
        Cosigners.Pot memory pot = cosigners.potOf(taken, 100);
        checkEqual(pot.amount, 500, "amount");
        checkEqual(pot.signatures, 3, "signatures");
        checkEqual(pot.batches, 1, "batches");
    }

    function test_aBatchWithoutFeesFillsNoPot() public {
        address taken = _take();
        _settleBy(1, 0, _all());
        checkEqual(cosigners.potOf(taken, 100).batches, 0, "nothing to share");
    }

    /// Three batches of four members: one of them missed two, and another one missed one.
    function test_eachHasAsMuchAsItSigned() public {
        _joinFourth();
        address taken = _take();
        uint256 day = this.clock() / 1 days;
        _settleBy(1, 100_000, _without(3));
        _settleBy(2, 100_000, _without(3));
        _settleBy(3, 100_000, _without(0));
        checkEqual(cosigners.potOf(taken, uint32(day)).amount, 1_500, "pot");
        checkEqual(cosigners.potOf(taken, uint32(day)).signatures, 9, "signatures");
        _wait(1 days);
        uint256 before = escrow.creditOf(vm.addr(validatorKeys[1]));
        checkEqual(_claim(taken, day, 1), 500, "three of nine");
        checkEqual(escrow.creditOf(vm.addr(validatorKeys[1])) - before, 500, "its credit");
        checkEqual(_claim(taken, day, 0), 333, "two of nine");
        checkEqual(_claim(taken, day, 3), 166, "one of nine");
        checkEqual(_claim(taken, day, 2), 501, "the last one has what rounding left");
        checkEqual(escrow.creditOf(address(cosigners)), 0, "empty");
        checkEqual(cosigners.potOf(taken, uint32(day)).signatures, 0, "nobody is left");
        vm.prank(vm.addr(validatorKeys[1]));
        check(escrow.claim() >= 500, "in its hands");
    }

    function test_nobodyHasAPartTwice() public {
        address taken = _take();
        _settleBy(1, 100_000, _all());
        _wait(1 days);
        _claim(taken, 100, 1);
        checkEqual(_claim(taken, 100, 1), 0, "not again");
        // The others have theirs.
        checkEqual(_claim(taken, 100, 0) + _claim(taken, 100, 2), 334, "all but the first third");
    }

    function test_whoeverSignedNothingHasNothing() public {
        address taken = _take();
        _settleBy(1, 100_000, _all());
        _wait(1 days);
        checkEqual(_claim(taken, 100, 3), 0, "no member");
        checkEqual(_claim(address(this), 100, 0), 0, "no roster");
        checkEqual(escrow.creditOf(address(cosigners)), 500, "all is there");
    }

    /// Anybody may claim for a member, and so come before its own call.
    function test_aPartThatWasClaimedBeforeStopsNoOther() public {
        address taken = _take();
        _settleBy(1, 100_000, _all());
        _wait(1 days);
        _settleBy(2, 100_000, _all());
        _wait(1 days);
        Cosigners.Part[] memory parts = new Cosigners.Part[](2);
        (parts[0], parts[1]) = (Cosigners.Part(taken, 100, 1), Cosigners.Part(taken, 101, 1));
        checkEqual(_claim(taken, 100, 1), 166, "by a stranger");
        checkEqual(cosigners.claim(parts), 166, "the other one");
        checkEqual(cosigners.claim(parts), 0, "nothing is left");
    }

    function test_aPotIsSharedWhenItsDayIsOver() public {
        address taken = _take();
        _settleBy(1, 100_000, _all());
        _wait(1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(Cosigners.DayNotOver.selector, 101 days));
        this.claim(taken, 100, 0);
        _wait(1);
        checkEqual(_claim(taken, 100, 0), 166, "a third");
        // Next day's batches are another pot.
        _settleBy(2, 100_000, _all());
        checkEqual(cosigners.potOf(taken, 101).amount, 500, "the next pot");
        checkEqual(cosigners.potOf(taken, 100).amount, 334, "the first one");
    }

    function claim(address taken, uint256 day, uint8 member) external returns (uint256) {
        return _claim(taken, day, member);
    }

    /// A roster that has ended still names its members.
    function test_aRosterThatIsOverIsPaid() public {
        address taken = _take();
        _settleBy(1, 100_000, _all());
        _bond(vm.addr(validatorKeys[0]), 1);
        _wait(1 days);
        check(roster.current() == address(0), "over");
        checkEqual(_claim(taken, 100, 2), 166, "paid");
        check(roster.memberOf(taken, 2) == vm.addr(validatorKeys[2]), "who");
        vm.expectRevert(abi.encodeWithSelector(Roster.BadMember.selector, 3));
        roster.memberOf(taken, 3);
    }

    function test_onlyTheSettlementFillsAPot() public {
        vm.expectRevert(abi.encodeWithSelector(Cosigners.NotSettlement.selector, address(this)));
        cosigners.note(address(this), 1, 1);
    }

    function test_nobodyPassesOnWhatIsAnotherOnes() public {
        _settleBy(1, 100_000, _all());
        vm.prank(validator);
        escrow.passOn(PROVIDER, 400);
        checkEqual(escrow.creditOf(PROVIDER), 400, "passed on");
        checkEqual(escrow.creditOf(validator), 600, "what is left");
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        escrow.passOn(address(this), 1);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(validator);
        escrow.passOn(PROVIDER, 601);
    }

    /// Any sets of members and amounts: nothing is lost, no count runs into another, and each has its share but for less than a unit a claim.
    function testFuzz_aPotIsSharedToTheUnit(uint256[8] memory who, uint64[8] memory amounts, uint256 order) public {
        uint256 sum;
        uint256 counted;
        uint256[40] memory own;
        for (uint256 i; i < 8; ++i) {
            who[i] &= (1 << 40) - 1;
            for (uint256 member; member < 40; ++member) {
                if (who[i] >> member & 1 == 1) (++own[member], ++counted);
            }
            sum += amounts[i];
            vm.prank(address(settlement));
            cosigners.note(address(0xC0DE), who[i], amounts[i]);
        }
        Cosigners.Pot memory pot = cosigners.potOf(address(0xC0DE), 100);
        checkEqual(pot.amount, sum, "sum");
        checkEqual(pot.signatures, counted, "signatures");
        uint256 start = order % 40;
        for (uint256 i; i < 40; ++i) {
            uint256 member = (start + i) % 40;
            (uint256 amount, uint256 signatures) = cosigners.partOf(Cosigners.Part(address(0xC0DE), 100, uint8(member)));
            checkEqual(signatures, own[member], "count");
            checkEqual(amount, counted == 0 ? 0 : sum * own[member] / counted, "part");
        }
    }

    /// What a count cannot hold is not counted, and its money is shared as the rest.
    function test_aFullCountTakesMoneyAndNoSignatures() public {
        for (uint256 i; i < 65_536; ++i) {
            vm.prank(address(settlement));
            cosigners.note(address(0xC0DE), i < 65_535 ? 3 : 2, 1);
        }
        Cosigners.Pot memory pot = cosigners.potOf(address(0xC0DE), 100);
        checkEqual(pot.batches, 65_535, "batches");
        checkEqual(pot.amount, 65_536, "amount");
        (uint256 amount, uint256 signatures) = cosigners.partOf(Cosigners.Part(address(0xC0DE), 100, 1));
        checkEqual(signatures, 65_535, "counted");
        checkEqual(amount, 32_768, "half");
    }
}
