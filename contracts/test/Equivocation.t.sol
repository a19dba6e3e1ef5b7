// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Announcements} from "../src/Announcements.sol";
import {Cases} from "../src/Cases.sol";
import {Equivocation} from "../src/Equivocation.sol";
import {Batch, Debit, Issuance, Line} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// A validator that contradicts itself loses its bond by its own signatures.
contract EquivocationTest is Fixture {
    address private constant REPORTER = address(0x4E);
    bytes32 private constant ORDER = keccak256("order");

    Equivocation private equivocation;
    uint256 private _key;

    function setUp() public override {
        super.setUp();
        equivocation = cases.equivocation();
        _key = validatorKeys[0];
    }

    function _issuance() internal view override returns (Issuance memory) {
        return Issuance(uint64(block.timestamp / 1 hours * 1 hours), 1 days, 900_000);
    }

    function _say(Equivocation.Kind kind, bytes memory members, uint256 key)
        private
        view
        returns (Equivocation.Statement memory)
    {
        (,,, bytes32 digest) = equivocation.read(kind, members);
        return Equivocation.Statement(members, _signature(key, digest), uint64(this.clock()));
    }

    function _admission(uint64 epoch, uint64 time) private view returns (bytes memory) {
        return abi.encode(validator, ORDER, epoch, time);
    }

    function _intake(bytes32 order, bytes32 record, uint64 epoch) private view returns (bytes memory) {
        return abi.encode(validator, order, record, epoch);
    }

    function _log(address whose, uint64 sequence, bytes32 head, uint64 length) private pure returns (bytes memory) {
        return abi.encode(Batch(whose, sequence, head, length, "records", 1), bytes32("d"), bytes32("l"), bytes32("e"), bytes32("t"));
    }

    function _prove(Equivocation.Kind kind, bytes memory first, bytes memory second) private {
        _announceProof(kind, first);
        Equivocation.Statement memory one = _say(kind, first, _key);
        Equivocation.Statement memory two = _say(kind, second, _key);
        vm.prank(REPORTER);
        equivocation.prove(kind, validator, one, two, SALT);
    }

    function _announceProof(Equivocation.Kind kind, bytes memory members) private {
        (bytes32 place,,,) = equivocation.read(kind, members);
        bytes32 seal = equivocation.sealOf(REPORTER, validator, equivocation.evidenceOf(kind, place), SALT);
        vm.prank(REPORTER);
        equivocation.announce(seal);
        _nextBlock();
    }

    function _expectTaken() private view {
        checkEqual(staking.bondOf(validator).amount, 0, "all of the bond");
        checkEqual(token.balanceOf(address(cases)), BOND, "is held");
        Cases.Case memory found = cases.caseOf(0);
        check(found.accused == validator && found.reporter == REPORTER, "who");
        check(found.offence == Cases.Offence.Contradiction, "what");
    }

    function test_twoRecordsTakenInForOneOrder() public {
        _prove(Equivocation.Kind.Intake, _intake(ORDER, "one", 4), _intake(ORDER, "two", 4));
        _expectTaken();
        _wait(APPEAL);
        cases.close(0);
        checkEqual(token.balanceOf(REPORTER), BOND / 4, "reporter");
        checkEqual(token.balanceOf(TREASURY), BOND - BOND / 4, "treasury");
    }

    function test_twoAdmissionsOfOneOrder() public {
        _prove(Equivocation.Kind.Admission, _admission(4, 1_000), _admission(4, 1_001));
        _expectTaken();
    }

    function test_twoLogsOfOneLength() public {
        _prove(Equivocation.Kind.Log, _log(validator, 1, "one", 9), _log(validator, 1, "two", 9));
        _expectTaken();
    }

    /// A signer for two logs of another validator is no better.
    function test_twoLogsOfAnother() public {
        address other = vm.addr(validatorKeys[1]);
        _prove(Equivocation.Kind.Log, _log(other, 1, "one", 9), _log(other, 2, "two", 9));
        _expectTaken();
    }

    function test_twoTalliesUnderOneNumber() public {
        bytes memory first = abi.encode(uint32(3), uint64(1_000), bytes32("root"), uint128(5));
        _prove(Equivocation.Kind.Allotment, first, abi.encode(uint32(3), uint64(1_000), bytes32("root"), uint128(6)));
        _expectTaken();
    }

    function _refuses(bytes memory reason, Equivocation.Kind kind, bytes memory first, bytes memory second) private {
        _announceProof(kind, first);
        Equivocation.Statement memory one = _say(kind, first, _key);
        Equivocation.Statement memory two = _say(kind, second, _key);
        vm.prank(REPORTER);
        vm.expectRevert(reason);
        equivocation.prove(kind, validator, one, two, SALT);
    }

    /// Statements of an honest validator: again, later, about something else.
    function test_equalStatementsConvictNobody() public {
        bytes memory agree = abi.encodeWithSelector(Equivocation.NoContradiction.selector);
        bytes memory elsewhere = abi.encodeWithSelector(Equivocation.OtherPlace.selector);
        Equivocation.Kind intake = Equivocation.Kind.Intake;
        _refuses(agree, intake, _intake(ORDER, "one", 4), _intake(ORDER, "one", 4));
        _refuses(agree, intake, _intake(ORDER, "one", 4), _intake(ORDER, "one", 5));
        _refuses(elsewhere, intake, _intake(ORDER, "one", 4), _intake("other", "two", 4));
        Equivocation.Kind admission = Equivocation.Kind.Admission;
        _refuses(agree, admission, _admission(4, 1_000), _admission(4, 1_000));
        Equivocation.Kind log = Equivocation.Kind.Log;
        // A run that ends earlier, and one under another number that comes to the same head.
        _refuses(elsewhere, log, _log(validator, 1, "one", 9), _log(validator, 1, "two", 10));
        _refuses(elsewhere, log, _log(validator, 1, "one", 9), _log(payer, 1, "two", 9));
        _refuses(agree, log, _log(validator, 1, "one", 9), _log(validator, 2, "one", 9));
        Equivocation.Kind allotment = Equivocation.Kind.Allotment;
        bytes memory tally = abi.encode(uint32(3), uint64(1_000), bytes32("root"), uint128(5));
        _refuses(elsewhere, allotment, tally, abi.encode(uint32(4), uint64(1_000), bytes32("root"), uint128(6)));
        checkEqual(staking.bondOf(validator).amount, BOND, "bond");
    }

    /// Statements of others, by others, or in another one's name.
    function test_onlyItsOwnSignaturesConvict() public {
        Equivocation.Kind kind = Equivocation.Kind.Intake;
        (bytes memory one, bytes memory two) = (_intake(ORDER, "one", 4), _intake(ORDER, "two", 4));
        _announceProof(kind, one);
        Equivocation.Statement memory own = _say(kind, one, _key);
        address other = vm.addr(validatorKeys[1]);
        Equivocation.Statement memory others = _say(kind, two, validatorKeys[1]);
        vm.prank(REPORTER);
        vm.expectRevert(abi.encodeWithSelector(Equivocation.NotSignedFor.selector, other, validator));
        equivocation.prove(kind, validator, own, others, SALT);
        others = _say(kind, abi.encode(other, ORDER, bytes32("two"), uint64(4)), _key);
        vm.prank(REPORTER);
        vm.expectRevert(abi.encodeWithSelector(Equivocation.OtherAccused.selector, other));
        equivocation.prove(kind, validator, own, others, SALT);
        others.members = two;
        others.signature = hex"00";
        vm.prank(REPORTER);
        vm.expectRevert(Equivocation.BadStatementSignature.selector);
        equivocation.prove(kind, validator, own, others, SALT);
        others.members = hex"00";
        vm.prank(REPORTER);
        vm.expectRevert(abi.encodeWithSelector(Equivocation.BadMembers.selector, 1));
        equivocation.prove(kind, validator, own, others, SALT);
    }

    /// The key that an account has named signs for it, and for half a day after it was taken back.
    function test_aNamedKeyConvictsItsAccountForOneUnbondingDelay() public {
        Equivocation.Kind kind = Equivocation.Kind.Intake;
        (bytes memory one, bytes memory two) = (_intake(ORDER, "one", 4), _intake(ORDER, "two", 4));
        _setSigner(validator, 0x51);
        uint64 named = uint64(this.clock());
        _wait(100);
        vm.prank(validator);
        registry.setSigner(validator, "");
        _announceProof(kind, one);
        Equivocation.Statement memory first = _say(kind, one, 0x51);
        Equivocation.Statement memory second = _say(kind, two, 0x51);
        vm.prank(REPORTER);
        vm.expectRevert(abi.encodeWithSelector(Equivocation.NotSignedFor.selector, vm.addr(0x51), validator));
        equivocation.prove(kind, validator, first, second, SALT);
        (first.time, second.time) = (named, named);
        vm.warp(named + UNBONDING + 1);
        vm.prank(REPORTER);
        vm.expectRevert(abi.encodeWithSelector(Equivocation.TimeOutOfRange.selector, named));
        equivocation.prove(kind, validator, first, second, SALT);
        second.time = uint64(this.clock()) + 1;
        first.time = second.time;
        vm.prank(REPORTER);
        vm.expectRevert(abi.encodeWithSelector(Equivocation.TimeOutOfRange.selector, second.time));
        equivocation.prove(kind, validator, first, second, SALT);
        vm.warp(named + UNBONDING);
        (first.time, second.time) = (named, named);
        vm.prank(REPORTER);
        equivocation.prove(kind, validator, first, second, SALT);
        _expectTaken();
    }

    /// A reader of a proof has not announced it.
    function test_nobodyTakesTheReportersShare() public {
        Equivocation.Kind kind = Equivocation.Kind.Intake;
        (bytes memory one, bytes memory two) = (_intake(ORDER, "one", 4), _intake(ORDER, "two", 4));
        _announceProof(kind, one);
        Equivocation.Statement memory first = _say(kind, one, _key);
        Equivocation.Statement memory second = _say(kind, two, _key);
        vm.prank(payer);
        vm.expectPartialRevert(Announcements.NotAnnounced.selector);
        equivocation.prove(kind, validator, first, second, SALT);
        (bytes32 place,,,) = equivocation.read(kind, one);
        bytes32 seal = equivocation.sealOf(payer, validator, equivocation.evidenceOf(kind, place), SALT);
        vm.prank(payer);
        equivocation.announce(seal);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, seal));
        equivocation.prove(kind, validator, first, second, SALT);
        vm.prank(REPORTER);
        equivocation.prove(kind, validator, first, second, SALT);
        _expectTaken();
    }

    /// A third statement about the same order is no further evidence.
    function test_oneContradictionConvictsOnce() public {
        _prove(Equivocation.Kind.Intake, _intake(ORDER, "one", 4), _intake(ORDER, "two", 4));
        _bond(validator, BOND);
        Equivocation.Kind kind = Equivocation.Kind.Intake;
        (bytes32 place,,,) = equivocation.read(kind, _intake(ORDER, "one", 4));
        bytes32 evidence = equivocation.evidenceOf(kind, place);
        bytes memory reason = abi.encodeWithSelector(Cases.UsedAlready.selector, validator, evidence);
        _refuses(reason, kind, _intake(ORDER, "one", 4), _intake(ORDER, "three", 4));
    }

    /// It reads the statements that the ledger's other contracts sign.
    function test_digestsAreThoseOfTheContracts() public view {
        Batch memory batch = Batch(validator, 1, "head", 9, "records", 1);
        bytes32[] memory none;
        bytes32 empty = keccak256("");
        (,,, bytes32 digest) =
            equivocation.read(Equivocation.Kind.Log, abi.encode(batch, empty, empty, empty, empty));
        check(digest == settlement.batchDigest(batch, new Debit[](0), new Line[](0), none, _idle()), "batch");
        (,,, digest) = equivocation.read(
            Equivocation.Kind.Allotment, abi.encode(uint32(3), uint64(1_000), bytes32("root"), uint128(5))
        );
        check(digest == settlement.emission().allotmentDigest(3, 1_000, "root", 5), "tally");
    }

    /// No two statements about different things are taken for one.
    function testFuzz_placesAreApart(bytes32 a, bytes32 b, bytes32 one, bytes32 two) public {
        if (a == b || one == two) return;
        bytes memory reason = abi.encodeWithSelector(Equivocation.OtherPlace.selector);
        _refuses(reason, Equivocation.Kind.Intake, _intake(a, one, 4), _intake(b, two, 4));
    }
}
