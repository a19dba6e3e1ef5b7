// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cosigners} from "../src/Cosigners.sol";
import {Roster} from "../src/Roster.sol";
import {Batch, Debit, Line, Tally} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// The shares of signers of batches.
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
        _settleBy(sequence, amount, keys, _idle());
    }

    function _settleBy(uint64 sequence, uint128 amount, uint256[] memory keys, Tally[] memory tallies) private {
        (,,, uint128 spent) = _channel();
        Debit[] memory debits = _one(_debit(PAYER_KEY, amount, spent + amount));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, amount, 0, 0));
        bytes32[] memory none;
        Batch memory batch = _batch(sequence);
        bytes[] memory quorum = _signAll(keys, settlement.batchDigest(batch, debits, lines, none, tallies));
        settlement.settle(batch, debits, lines, none, tallies, quorum);
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

    /// A validator that handles much gains nothing by ending rosters, and neither do verifiers near it.
    function test_withoutARosterHalfIsTheVerificationRecipients() public {
        Tally[] memory tallies = new Tally[](1);
        tallies[0] = Tally(address(0x7A11), 1, 0);
        _settleBy(1, 100_100, _all(), tallies);
        checkEqual(escrow.creditOf(validator), 501, "handler");
        checkEqual(escrow.creditOf(address(cosigners)), 0, "pot");
        checkEqual(escrow.creditOf(address(0x7A11)), 1_001, "verifiers have their share as ever");
        checkEqual(escrow.creditOf(VERIFICATION), 500, "half");
        // The same with a roster.
        _take();
        _settleBy(2, 100_100, _all(), tallies);
        checkEqual(escrow.creditOf(validator), 1_002, "handler, as before");
        checkEqual(escrow.creditOf(address(cosigners)), 500, "pot");
        checkEqual(escrow.creditOf(VERIFICATION), 500, "nothing more");
    }

    function test_halfRoundedDownIsThePotOfTheDay() public {
        address taken = _take();
        _settleBy(1, 100_100, _all());
        // A hundredth is 1,001 units.
        checkEqual(escrow.creditOf(validator), 501, "handler");
        checkEqual(escrow.creditOf(address(cosigners)), 500, "pot");
        Cosigners.Pot memory pot = cosigners.potOf(taken, 100);
        checkEqual(pot.amount, 500, "amount");
        checkEqual(pot.weight, 3 * BOND, "weight");
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
        checkEqual(cosigners.potOf(taken, uint32(day)).weight, 9 * BOND, "weight");
        _wait(1 days);
        uint256 before = escrow.creditOf(vm.addr(validatorKeys[1]));
        checkEqual(_claim(taken, day, 1), 500, "three of nine");
        checkEqual(escrow.creditOf(vm.addr(validatorKeys[1])) - before, 500, "its credit");
        checkEqual(_claim(taken, day, 0), 333, "two of nine");
        checkEqual(_claim(taken, day, 3), 166, "one of nine");
        checkEqual(_claim(taken, day, 2), 501, "the last one has what rounding left");
        checkEqual(escrow.creditOf(address(cosigners)), 0, "empty");
        checkEqual(cosigners.potOf(taken, uint32(day)).weight, 0, "nobody is left");
        vm.prank(vm.addr(validatorKeys[1]));
        check(escrow.claim() >= 500, "in its hands");
    }

    /// Of four members one has half of the votes: as much as it had in three of its own.
    function test_aPotIsSharedByVotes() public {
        _bond(vm.addr(validatorKeys[1]), 2 * BOND);
        _joinFourth();
        address taken = _take();
        uint256 large;
        while (vm.addr(validatorKeys[large]) != _largest()) ++large;
        uint256 day = this.clock() / 1 days;
        _settleBy(1, 120_000, _all());
        _settleBy(2, 120_000, _without(large == 0 ? 1 : 0));
        _wait(1 days);
        Cosigners.Pot memory pot = cosigners.potOf(taken, uint32(day));
        checkEqual(pot.amount, 1_200, "pot");
        checkEqual(pot.weight, 11 * BOND, "six votes, and five");
        checkEqual(_claim(taken, day, uint8(large)), 654, "six of eleven, for two signatures of seven");
        checkEqual(_claim(taken, day, large == 0 ? 1 : 0), 109, "one of eleven");
    }

    function _largest() private view returns (address who) {
        uint256 most;
        for (uint256 i; i < validatorKeys.length; ++i) {
            address one = vm.addr(validatorKeys[i]);
            if (staking.bondOf(one).amount <= most) continue;
            (who, most) = (one, staking.bondOf(one).amount);
        }
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

    function test_accountsWithoutASignatureHaveNothing() public {
        address taken = _take();
        _settleBy(1, 100_000, _all());
        _wait(1 days);
        checkEqual(_claim(taken, 100, 3), 0, "no member");
        checkEqual(_claim(address(this), 100, 0), 0, "no roster");
        checkEqual(escrow.creditOf(address(cosigners)), 500, "all is there");
    }

    /// Sixteen counts share a word: a signer beyond them leaves the first word as it is.
    function test_theSeventeenthIsCountedInTheNextWord() public {
        address taken = _take();
        vm.prank(address(settlement));
        cosigners.note(taken, 1 << 16, BOND, 500);
        Cosigners.Pot memory pot = cosigners.potOf(taken, 100);
        check(pot.amount == 500 && pot.batches == 1 && pot.weight == BOND, "pot");
        for (uint8 i; i < 16; ++i) {
            (, uint256 signatures) = cosigners.partOf(Cosigners.Part(taken, 100, i));
            checkEqual(signatures, 0, "none of the first");
        }
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
        (address who, uint256 vote) = roster.memberOf(taken, 2);
        check(who == vm.addr(validatorKeys[2]) && vote == BOND, "who, and its vote");
        vm.expectRevert(abi.encodeWithSelector(Roster.BadMember.selector, 3));
        roster.memberOf(taken, 3);
    }

    function test_onlyTheSettlementFillsAPot() public {
        vm.expectRevert(abi.encodeWithSelector(Cosigners.NotSettlement.selector, address(this)));
        cosigners.note(address(this), 1, 1, 1);
    }

    function test_nobodyPassesOnTheCreditOfAnother() public {
        _settleBy(1, 100_000, _all());
        vm.prank(validator);
        escrow.passOn(PROVIDER, 400);
        checkEqual(escrow.creditOf(PROVIDER), 400, "passed on");
        checkEqual(escrow.creditOf(validator), 100, "what is left");
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        escrow.passOn(address(this), 1);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        vm.prank(validator);
        escrow.passOn(PROVIDER, 101);
    }

    /// For any sets of members and amounts, nothing is lost and no count runs into another. Each member gets its share within a unit a
    /// claim.
    function testFuzz_aPotIsSharedToTheUnit(
        uint256[8] memory who,
        uint64[8] memory amounts,
        uint96[40] memory votes,
        uint256 order
    ) public {
        uint256 sum;
        uint256 weight;
        uint256[40] memory own;
        // Nobody is in a roster without a vote.
        for (uint256 i; i < 40; ++i) {
            if (votes[i] == 0) votes[i] = 1;
        }
        address taken = _write(votes);
        for (uint256 i; i < 8; ++i) {
            who[i] &= (1 << 40) - 1;
            uint256 signed;
            for (uint256 member; member < 40; ++member) {
                if (who[i] >> member & 1 == 1) (++own[member], signed += votes[member]);
            }
            sum += amounts[i];
            weight += signed;
            vm.prank(address(settlement));
            cosigners.note(taken, who[i], signed, amounts[i]);
        }
        checkEqual(cosigners.potOf(taken, 100).amount, sum, "sum");
        checkEqual(cosigners.potOf(taken, 100).weight, weight, "weight");
        for (uint256 i; i < 40; ++i) {
            uint256 member = (order % 40 + i) % 40;
            (uint256 amount, uint256 signatures) = cosigners.partOf(Cosigners.Part(taken, 100, uint8(member)));
            checkEqual(signatures, own[member], "count");
            checkEqual(amount, weight == 0 ? 0 : sum * own[member] * votes[member] / weight, "part");
        }
    }

    /// The code of a roster of these votes.
    function _write(uint96[40] memory votes) private returns (address code) {
        bytes memory data = new bytes(97);
        for (uint256 i; i < 40; ++i) {
            data = bytes.concat(data, bytes20(uint160(i + 1)), bytes20(uint160(i + 1)), bytes16(uint128(votes[i])));
        }
        data = bytes.concat(data, new bytes(40 * 96));
        bytes memory creation = bytes.concat(hex"61", bytes2(uint16(data.length)), hex"80600a3d393df3", data);
        assembly ("memory-safe") {
            code := create(0, add(creation, 32), mload(creation))
        }
    }

    /// A batch that a full count cannot hold is not counted, and its money is shared like the rest.
    function test_aFullCountTakesMoneyAndNoSignatures() public {
        // All tokens that there are, in two members.
        uint96[40] memory votes;
        (votes[0], votes[1]) = (uint96(token.CAP() / 2), uint96(token.CAP() / 2));
        address taken = _write(votes);
        uint256 all = token.CAP();
        for (uint256 i; i < 65_536; ++i) {
            vm.prank(address(settlement));
            cosigners.note(taken, i < 65_535 ? 3 : 2, all, 1);
        }
        Cosigners.Pot memory pot = cosigners.potOf(taken, 100);
        checkEqual(pot.batches, 65_535, "batches");
        checkEqual(pot.amount, 65_536, "amount");
        checkEqual(pot.weight, 65_535 * all, "weight");
        (uint256 amount, uint256 signatures) = cosigners.partOf(Cosigners.Part(taken, 100, 1));
        checkEqual(signatures, 65_535, "counted");
        checkEqual(amount, 32_768, "half");
    }
}
