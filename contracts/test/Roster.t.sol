// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bls12381} from "../src/libraries/Bls12381.sol";
import {Equivocation} from "../src/Equivocation.sol";
import {Quorum} from "../src/libraries/Quorum.sol";
import {Roster} from "../src/Roster.sol";
import {Batch, Debit, Line} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// Voters, written down once; and signatures that are summed.
contract RosterTest is Fixture {
    /// Of a whole check of a sum, without what a transaction costs by itself.
    uint256 private constant SUM_GAS = 230_000;
    bytes32 private constant DIGEST = keccak256("digest");
    bytes private constant GENERATOR =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb0000000000000000000000000000000008b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1";
    /// The order of both groups.
    uint256 private constant ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    Roster private roster;

    function setUp() public override {
        super.setUp();
        roster = staking.roster();
        for (uint256 i; i < 3; ++i) {
            _setKey(validatorKeys[i]);
        }
        _wait(VOTING);
    }

    function _secret(uint256 key) private pure returns (uint256) {
        return uint256(keccak256(abi.encode("quorum key", key))) % (ORDER - 1) + 1;
    }

    function _keyOf(uint256 secret) private view returns (bytes memory key) {
        (, key) = address(0x0c).staticcall(bytes.concat(GENERATOR, bytes32(secret)));
    }

    function _sign(uint256 secret, bytes memory message) private view returns (bytes memory signature) {
        (, signature) = address(0x0e).staticcall(bytes.concat(Bls12381.hashToPoint(message), bytes32(secret)));
    }

    function _setKey(uint256 key) private {
        _setKeyFor(key, vm.addr(key));
    }

    /// That belongs to a signing key of the account.
    function _setKeyFor(uint256 key, address signer) private {
        address account = vm.addr(key);
        bytes memory point = _keyOf(_secret(key));
        bytes memory proof = _sign(_secret(key), roster.keyMessage(account, signer, point));
        vm.prank(account);
        roster.setKey(account, signer, point, proof, "");
    }

    /// Accounts in the order of a roster.
    function _accounts() private view returns (address[] memory accounts) {
        accounts = new address[](validatorKeys.length);
        for (uint256 i; i < accounts.length; ++i) {
            accounts[i] = vm.addr(validatorKeys[i]);
        }
        for (uint256 i = 1; i < accounts.length; ++i) {
            for (uint256 j = i; j > 0 && accounts[j] < accounts[j - 1]; --j) {
                (accounts[j], accounts[j - 1]) = (accounts[j - 1], accounts[j]);
            }
        }
    }

    function _keyFor(address account) private view returns (uint256) {
        for (uint256 i; i < validatorKeys.length; ++i) {
            if (vm.addr(validatorKeys[i]) == account) return validatorKeys[i];
        }
        return 0;
    }

    /// The signatures of the members with set bits, summed.
    function _sum(bytes32 digest, uint256 who) private view returns (bytes[] memory quorum) {
        address[] memory accounts = _accounts();
        uint256 secret;
        for (uint256 i; i < accounts.length; ++i) {
            if (who >> i & 1 == 1) secret = addmod(secret, _secret(_keyFor(accounts[i])), ORDER);
        }
        quorum = new bytes[](1);
        quorum[0] = bytes.concat(_sign(secret, roster.quorumMessage(digest)), bytes32(who));
    }

    function _votes(bytes32 digest, bytes[] memory quorum) private view returns (uint256 votes) {
        (votes,,) = roster.requireQuorum(digest, quorum);
    }

    function _take() private {
        roster.take(_accounts());
    }

    function test_anyoneTakesARoster() public {
        check(roster.current() == address(0), "none at first");
        _take();
        check(roster.current() != address(0), "in force");
        (address[] memory accounts, uint256[] memory votes, bytes[] memory keys) = roster.members();
        address[] memory expected = _accounts();
        for (uint256 i; i < 3; ++i) {
            check(accounts[i] == expected[i] && votes[i] == BOND, "member");
            check(keccak256(keys[i]) == keccak256(roster.keyAt(accounts[i], block.timestamp)), "key");
        }
    }

    function test_signaturesOneByOneCountByTheRosterAsWithoutIt() public {
        checkEqual(_votes(DIGEST, _quorum(DIGEST, 3)), 3 * BOND, "without");
        _take();
        checkEqual(_votes(DIGEST, _quorum(DIGEST, 3)), 3 * BOND, "with");
        bytes[] memory two = _quorum(DIGEST, 2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        roster.requireQuorum(DIGEST, two);
    }

    function test_aSumOfSignaturesIsAQuorum() public {
        _take();
        checkEqual(_votes(DIGEST, _sum(DIGEST, 7)), 3 * BOND, "votes");
        bytes[] memory two = _sum(DIGEST, 3);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        roster.requireQuorum(DIGEST, two);
    }

    function test_aSumSettles() public {
        _fund(payer, 100, 100);
        _take();
        bytes32[] memory none;
        Batch memory batch = _batch(1);
        Debit[] memory debits = _one(_debit(PAYER_KEY, 60, 60));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, 60, 0, 0));
        bytes[] memory quorum = _sum(settlement.batchDigest(batch, debits, lines, none, _idle()), 7);
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
        checkEqual(settlement.nextSequence(validator), 2, "settled");
    }

    function test_aSumNamesItsSigners() public {
        _joinFourth();
        _take();
        // Three of four sign: any of them may be the absent one, and no other list of signers fits.
        for (uint256 absent; absent < 4; ++absent) {
            uint256 who = 15 ^ (1 << absent);
            bytes[] memory quorum = _sum(DIGEST, who);
            checkEqual(_votes(DIGEST, quorum), 3 * BOND, "votes");
            bytes memory claimed = bytes.concat(_head(quorum[0]), bytes32(uint256(15)));
            quorum[0] = claimed;
            vm.expectRevert(Roster.BadSum.selector);
            roster.requireQuorum(DIGEST, quorum);
        }
    }

    function test_aSumOfAnotherDigestIsNone() public {
        _take();
        bytes[] memory other = _sum(keccak256("other"), 7);
        vm.expectRevert(Roster.BadSum.selector);
        roster.requireQuorum(DIGEST, other);
        bytes[] memory beyond = _sum(DIGEST, 7);
        beyond[0] = bytes.concat(_head(beyond[0]), bytes32(uint256(15)));
        vm.expectRevert(Roster.BadSum.selector);
        roster.requireQuorum(DIGEST, beyond);
        bytes[] memory infinity = new bytes[](1);
        infinity[0] = bytes.concat(new bytes(256), bytes32(uint256(7)));
        vm.expectRevert(Roster.BadSum.selector);
        roster.requireQuorum(DIGEST, infinity);
    }

    function test_aValidatorWithoutAKeyIsAbsentFromASum() public {
        _bondedFourth();
        _wait(VOTING);
        _take();
        address[] memory accounts = _accounts();
        uint256 at;
        while (_keyFor(accounts[at]) != validatorKeys[3]) ++at;
        uint256 who = 15 ^ (1 << at);
        checkEqual(_votes(DIGEST, _sum(DIGEST, who)), 3 * BOND, "the others");
        bytes[] memory all = _sum(DIGEST, 15);
        vm.expectRevert(Roster.BadSum.selector);
        roster.requireQuorum(DIGEST, all);
        // Nor is its vote claimed for what the others signed, in which no key is missing.
        all[0] = bytes.concat(_head(_sum(DIGEST, who)[0]), bytes32(uint256(15)));
        vm.expectRevert(Roster.BadSum.selector);
        roster.requireQuorum(DIGEST, all);
    }

    function test_aSumNeedsARoster() public {
        bytes[] memory all = _sum(DIGEST, 7);
        vm.expectRevert(Roster.NoRoster.selector);
        roster.requireQuorum(DIGEST, all);
    }

    function test_aRosterEndsWhenAChangeCounts() public {
        _take();
        _bond(vm.addr(validatorKeys[0]), 1);
        _wait(VOTING - 1);
        check(roster.current() != address(0), "until then");
        _wait(1);
        check(roster.current() == address(0), "over");
        _take();
        check(roster.current() != address(0), "again");
        checkEqual(_votes(DIGEST, _quorum(DIGEST, 3)), 3 * BOND + 1, "with the vote that grew");
    }

    /// Each has pots of its own: one for each batch would cut them smaller than the cost of a claim.
    function test_noOtherIsTakenWhileOneIsInForce() public {
        _take();
        address code = roster.current();
        address[] memory accounts = _accounts();
        vm.expectRevert(abi.encodeWithSelector(Roster.RosterInForce.selector, code));
        roster.take(accounts);
        check(roster.current() == code, "the first one");
        _bond(vm.addr(validatorKeys[0]), 1);
        _wait(VOTING - 1);
        vm.expectRevert(abi.encodeWithSelector(Roster.RosterInForce.selector, code));
        roster.take(accounts);
        _wait(1);
        roster.take(accounts);
        check(roster.current() != code, "the next one");
    }

    /// Taken while changes are on their way, it ends with the first of them.
    function test_aRosterEndsWithTheFirstChangeAfterItsVotes() public {
        _bond(vm.addr(validatorKeys[0]), 1);
        _wait(VOTING / 2);
        _bond(vm.addr(validatorKeys[1]), 1);
        _take();
        _wait(VOTING / 2 - 1);
        check(roster.current() != address(0), "until then");
        _wait(1);
        check(roster.current() == address(0), "the first one");
    }

    function test_keysOfMembersEndARosterToo() public {
        _take();
        _setSigner(vm.addr(validatorKeys[0]), 0x5161);
        _wait(VOTING);
        check(roster.current() == address(0), "a signing key");
        _setSigner(vm.addr(validatorKeys[0]), validatorKeys[0]);
        _wait(VOTING);
        _take();
        _setKey(validatorKeys[1]);
        _wait(VOTING);
        check(roster.current() == address(0), "a key for sums");
    }

    /// Naming the same signing key again changes nothing.
    function test_aSigningKeyThatStaysEndsNoRoster() public {
        _setSigner(vm.addr(validatorKeys[1]), 0x5161);
        _wait(VOTING);
        _takeInOrder();
        vm.prank(vm.addr(validatorKeys[0]));
        registry.setSigner(vm.addr(validatorKeys[0]), "");
        _setSigner(vm.addr(validatorKeys[1]), 0x5161);
        _wait(VOTING);
        check(roster.current() != address(0), "in force");
    }

    /// Accounts by their signing keys: those without one first.
    function _takeInOrder() private {
        address[] memory accounts = _accounts();
        (, address[] memory signers,) = staking.votesOf(accounts);
        for (uint256 i = 1; i < accounts.length; ++i) {
            for (uint256 j = i; j > 0 && signers[j] < signers[j - 1]; --j) {
                (accounts[j], accounts[j - 1]) = (accounts[j - 1], accounts[j]);
                (signers[j], signers[j - 1]) = (signers[j - 1], signers[j]);
            }
        }
        roster.take(accounts);
    }

    /// An account whose key signs for another account has no voice. Its vote is of the total, and rosters go on.
    function test_aVoterWithoutASigningKeyStopsNoRoster() public {
        _joinFourth();
        _bondedFifth();
        address mute = vm.addr(validatorKeys[4]);
        // It named a key that is the account's own of another validator's; that one is left without.
        address other = vm.addr(validatorKeys[3]);
        bytes memory consent = _signature(validatorKeys[3], registry.signerDigest(mute, other));
        vm.prank(mute);
        registry.setSigner(other, consent);
        _wait(VOTING);
        (, address[] memory signers,) = staking.votesOf(_accounts());
        uint256 silent;
        for (uint256 i; i < signers.length; ++i) {
            if (signers[i] == address(0)) ++silent;
        }
        checkEqual(silent, 1, "one has none");
        address[] memory wrong = _accounts();
        if (wrong[0] == other) (wrong[0], wrong[1]) = (wrong[1], wrong[0]);
        vm.expectPartialRevert(Roster.BadMember.selector);
        roster.take(wrong);
        wrong = new address[](2);
        (wrong[0], wrong[1]) = (other, other);
        vm.expectRevert(abi.encodeWithSelector(Roster.BadMember.selector, 1));
        roster.take(wrong);
        _takeInOrder();
        (address[] memory accounts,, bytes[] memory keys) = roster.members();
        check(accounts[0] == other && keys[0].length == 0, "it stands first, without a key for sums");
        uint256[] memory able = new uint256[](4);
        (able[0], able[1], able[2], able[3]) = (validatorKeys[0], validatorKeys[1], validatorKeys[2], validatorKeys[3]);
        checkEqual(_votes(DIGEST, _signAll(able, DIGEST)), 4 * BOND, "the others, one by another's key");
    }

    /// A key for sums ends with the signing key that it belongs to; the next one is there already when that counts.
    function test_aReplacedSigningKeyEndsItsKeyForSums() public {
        address account = vm.addr(validatorKeys[0]);
        _setSigner(account, 0x5161);
        check(roster.keyAt(account, this.clock() - 1).length > 0, "until it counts");
        _wait(VOTING);
        checkEqual(roster.keyAt(account, registry.inForceSince()).length, 0, "over");
        _takeInOrder();
        (address[] memory accounts,, bytes[] memory keys) = roster.members();
        for (uint256 i; i < 3; ++i) {
            check((keys[i].length == 0) == (accounts[i] == account), "its share is in no sum");
        }
        vm.expectRevert(abi.encodeWithSelector(Roster.NoConsent.selector, account));
        this.setKeyFor(validatorKeys[0], account);
        _setKeyFor(validatorKeys[0], vm.addr(0x5161));
        _wait(VOTING);
        check(roster.keyAt(account, registry.inForceSince()).length > 0, "the next one");
    }

    function setKeyFor(uint256 key, address signer) external {
        _setKeyFor(key, signer);
    }

    /// A reader of it cannot bring an older key back.
    function test_consentServesOnce() public {
        uint256 secret = _secret(1);
        bytes memory key = _keyOf(secret);
        bytes memory message = roster.keyMessage(validator, validator, key);
        bytes memory proof = _sign(secret, message);
        bytes memory consent = _signature(validatorKeys[0], keccak256(message));
        roster.setKey(validator, validator, key, proof, consent);
        checkEqual(roster.keyCountOf(validator), 2, "counted");
        _wait(VOTING);
        _setKey(validatorKeys[0]);
        _wait(VOTING);
        vm.expectRevert(abi.encodeWithSelector(Roster.NoConsent.selector, validator));
        roster.setKey(validator, validator, key, proof, consent);
    }

    function test_strangersEndNone() public {
        _take();
        _setSigner(vm.addr(0x57), 0x5161);
        _setKey(0x57);
        _wait(VOTING);
        check(roster.current() != address(0), "in force");
    }

    function test_aCaseEndsARosterAtOnce() public {
        _take();
        _takeBond(validator, 1);
        check(roster.current() == address(0), "dropped");
        address[] memory accounts = _accounts();
        vm.expectRevert(abi.encodeWithSelector(Roster.IncompleteRoster.selector, 3 * BOND - 1, 3 * BOND));
        roster.take(accounts);
        _wait(VOTING);
        _take();
        checkEqual(_votes(DIGEST, _quorum(DIGEST, 3)), 3 * BOND - 1, "what is left");
    }

    function test_nobodyIsLeftOutOrTwiceInARoster() public {
        address[] memory accounts = _accounts();
        address[] memory two = new address[](2);
        (two[0], two[1]) = (accounts[0], accounts[1]);
        vm.expectRevert(abi.encodeWithSelector(Roster.IncompleteRoster.selector, 2 * BOND, 3 * BOND));
        roster.take(two);
        accounts[2] = accounts[1];
        vm.expectRevert(abi.encodeWithSelector(Roster.BadMember.selector, 2));
        roster.take(accounts);
        two[1] = address(0x57);
        vm.expectRevert(abi.encodeWithSelector(Roster.BadMember.selector, 1));
        roster.take(two);
        vm.expectRevert(abi.encodeWithSelector(Roster.TooManyMembers.selector, 160));
        roster.take(new address[](161));
    }

    function test_aKeyIsNamedOnlyByItsOwner() public {
        uint256 secret = _secret(1);
        bytes memory key = _keyOf(secret);
        // Another one's proof, and one of a key that cancels another's.
        bytes memory proof = _sign(secret, roster.keyMessage(address(0x58), address(0x57), key));
        vm.prank(address(0x57));
        vm.expectRevert(Roster.BadQuorumKey.selector);
        roster.setKey(address(0x57), address(0x57), key, proof, "");
        bytes memory rogue = Bls12381.addKeys(key, _keyOf(ORDER - _secret(validatorKeys[0])));
        proof = _sign(secret, roster.keyMessage(address(0x57), address(0x57), rogue));
        vm.prank(address(0x57));
        vm.expectRevert(Roster.BadQuorumKey.selector);
        roster.setKey(address(0x57), address(0x57), rogue, proof, "");
        checkEqual(roster.keyAt(address(0x57), block.timestamp).length, 0, "none");
    }

    function test_nothingElseIsAKeyOrAConsent() public {
        bytes memory key = _keyOf(_secret(1));
        vm.expectRevert(Roster.BadQuorumKey.selector);
        roster.setKey(validator, validator, new bytes(127), "", "");
        // Infinity proves itself, whatever is signed.
        vm.prank(validator);
        vm.expectRevert(Roster.BadQuorumKey.selector);
        roster.setKey(validator, validator, new bytes(128), new bytes(256), "");
        vm.expectRevert(abi.encodeWithSelector(Roster.NoConsent.selector, validator));
        roster.setKey(validator, address(0), key, "", "");
        vm.expectRevert(abi.encodeWithSelector(Roster.NoConsent.selector, validator));
        roster.setKey(validator, validator, key, "", hex"00");
    }

    /// The key of sums may come before its signing key counts.
    function test_aKeyForSumsMayBelongToTheSigningKeyNamedLast() public {
        address account = vm.addr(validatorKeys[0]);
        _setSigner(account, 0x5161);
        _setKeyFor(validatorKeys[0], vm.addr(0x5161));
        checkEqual(roster.keyCountOf(account), 2, "taken");
    }

    function test_noMembersAreListedBeforeARoster() public view {
        (address[] memory accounts, uint256[] memory votes, bytes[] memory keys) = roster.members();
        check(accounts.length + votes.length + keys.length == 0, "nobody");
    }

    function test_aSumIsAskedAboutByItsMembers() public {
        _take();
        address code = roster.current();
        bytes memory sum = _sum(DIGEST, 3)[0];
        address[] memory accounts = _accounts();
        for (uint256 i; i < 3; ++i) {
            check(roster.isInSum(code, this.clock(), accounts[i], DIGEST, sum) == (i < 2), "the first two");
        }
        check(!roster.isInSum(code, this.clock(), address(0x57), DIGEST, sum), "no stranger");
        uint256 before = this.clock() - 1;
        vm.expectRevert(abi.encodeWithSelector(Roster.NotInForce.selector, code, before));
        roster.isInSum(code, before, accounts[0], DIGEST, sum);
        uint256 present = this.clock();
        vm.expectRevert(Roster.BadSum.selector);
        roster.isInSum(code, present, accounts[0], DIGEST, bytes.concat(sum, hex"00"));
    }

    /// The key that signs for an account says so, and nobody else.
    function test_anyoneSubmitsAKeyThatTheSigningKeyConsentsTo() public {
        uint256 secret = _secret(1);
        bytes memory key = _keyOf(secret);
        bytes memory message = roster.keyMessage(validator, validator, key);
        bytes memory proof = _sign(secret, message);
        bytes memory other = _signature(validatorKeys[1], keccak256(message));
        bytes memory foreign = _signature(validatorKeys[0], keccak256(roster.keyMessage(validator, validator, _keyOf(2))));
        vm.expectRevert(abi.encodeWithSelector(Roster.NoConsent.selector, validator));
        roster.setKey(validator, validator, key, proof, other);
        vm.expectRevert(abi.encodeWithSelector(Roster.NoConsent.selector, validator));
        roster.setKey(validator, validator, key, proof, foreign);
        roster.setKey(validator, validator, key, proof, _signature(validatorKeys[0], keccak256(message)));
        check(keccak256(Bls12381.compress(key)) == keccak256(Bls12381.compress(_padded(roster.keyAt(validator, this.clock())))), "named");
    }

    function _padded(bytes memory key) private pure returns (bytes memory padded) {
        padded = new bytes(128);
        for (uint256 i; i < 48; ++i) {
            (padded[16 + i], padded[80 + i]) = (key[i], key[48 + i]);
        }
    }

    function test_aKeyCountsOneDelayLater() public {
        uint256 before = this.clock();
        address account = vm.addr(validatorKeys[0]);
        bytes memory old = roster.keyAt(account, before);
        _wait(1);
        validatorKeys.push(0);
        uint256 secret = _secret(99);
        bytes memory key = _keyOf(secret);
        bytes memory proof = _sign(secret, roster.keyMessage(account, account, key));
        vm.prank(account);
        roster.setKey(account, account, key, proof, "");
        check(keccak256(roster.keyAt(account, before)) == keccak256(old), "until then the old one");
        check(keccak256(roster.keyAt(account, this.clock())) != keccak256(old), "then the new one");
        uint256 again = this.clock() + VOTING;
        vm.prank(account);
        vm.expectRevert(abi.encodeWithSelector(Roster.TooEarly.selector, again));
        roster.setKey(account, account, key, proof, "");
    }

    /// Two logs that one sum each was given for: all that stand in both are convicted, and nobody else.
    function test_sumsConvictThoseThatStandInBoth() public {
        _joinFourth();
        _take();
        address code = roster.current();
        address[] memory accounts = _accounts();
        bytes[2] memory logs = [_log("one"), _log("two")];
        Equivocation equivocation = cases.equivocation();
        Equivocation.Statement[2] memory said;
        for (uint256 i; i < 2; ++i) {
            (,,, bytes32 digest) = equivocation.read(Equivocation.Kind.Log, logs[i]);
            bytes memory sum = _sum(digest, i == 0 ? 7 : 14)[0];
            said[i] = Equivocation.Statement(logs[i], bytes.concat(bytes20(code), sum), uint64(this.clock()));
        }
        // The first conviction ends the roster, and leaves the term in which these sums were given.
        _wait(1);
        for (uint256 i; i < 4; ++i) {
            _announceFor(equivocation, accounts[i], logs[0]);
            bool isInBoth = i == 1 || i == 2;
            if (!isInBoth) vm.expectRevert(abi.encodeWithSelector(Equivocation.NotInSum.selector, accounts[i]));
            equivocation.prove(Equivocation.Kind.Log, accounts[i], said[0], said[1], SALT);
            checkEqual(staking.bondOf(accounts[i]).amount, isInBoth ? 0 : BOND, "bond");
        }
        // The roster has ended by that; signatures of its members stay evidence for one unbonding delay.
        check(roster.current() == address(0), "dropped");
        said[1].time = uint64(this.clock());
        vm.expectRevert(abi.encodeWithSelector(Roster.NotInForce.selector, code, this.clock()));
        equivocation.prove(Equivocation.Kind.Log, accounts[1], said[0], said[1], SALT);
    }

    /// A sum and a signature of one key are of the same weight; a code that no roster has is none.
    function test_aSumContradictsASignature() public {
        _take();
        Equivocation equivocation = cases.equivocation();
        bytes[2] memory logs = [_log("one"), _log("two")];
        (,,, bytes32 digest) = equivocation.read(Equivocation.Kind.Log, logs[0]);
        bytes memory sum = bytes.concat(bytes20(roster.current()), _sum(digest, 7)[0]);
        Equivocation.Statement memory summed = Equivocation.Statement(logs[0], sum, uint64(this.clock()));
        (,,, digest) = equivocation.read(Equivocation.Kind.Log, logs[1]);
        bytes memory signature = _signature(validatorKeys[0], digest);
        Equivocation.Statement memory alone = Equivocation.Statement(logs[1], signature, uint64(this.clock()));
        address accused = vm.addr(validatorKeys[0]);
        _announceFor(equivocation, accused, logs[0]);
        Equivocation.Statement memory forged = summed;
        forged.signature = bytes.concat(bytes20(address(0xBAD)), _sum(digest, 7)[0]);
        vm.expectPartialRevert(Roster.NotInForce.selector);
        equivocation.prove(Equivocation.Kind.Log, accused, forged, alone, SALT);
        forged.signature = bytes.concat(bytes20(roster.current()), _sum(digest, 7)[0]);
        vm.expectRevert(Roster.BadSum.selector);
        equivocation.prove(Equivocation.Kind.Log, accused, forged, alone, SALT);
        summed.signature = sum;
        equivocation.prove(Equivocation.Kind.Log, accused, summed, alone, SALT);
        checkEqual(staking.bondOf(accused).amount, 0, "taken");
    }

    function _log(bytes32 head) private view returns (bytes memory) {
        Batch memory batch = Batch(validator, 1, head, 9, "records", 1);
        return abi.encode(batch, bytes32("d"), bytes32("l"), bytes32("e"), bytes32("t"));
    }

    function _announceFor(Equivocation equivocation, address accused, bytes memory members) private {
        (bytes32 place,,,) = equivocation.read(Equivocation.Kind.Log, members);
        bytes32 evidence = equivocation.evidenceOf(Equivocation.Kind.Log, place);
        equivocation.announce(equivocation.sealOf(address(this), accused, evidence, SALT));
        _nextBlock();
    }

    function test_onlyStakingAndRegistryTell() public {
        vm.expectRevert(abi.encodeWithSelector(Roster.NotStaking.selector, address(this)));
        roster.noteChange();
        vm.expectRevert(abi.encodeWithSelector(Roster.NotStaking.selector, address(this)));
        roster.drop();
    }

    function test_aSumCostsWithinItsLimit() public {
        _take();
        bytes[] memory all = _sum(DIGEST, 7);
        uint256 before = gasleft();
        roster.requireQuorum(DIGEST, all);
        uint256 used = before - gasleft();
        check(used < SUM_GAS, "gas of a sum");
        check(used > 150_000, "nothing is skipped");
    }

    /// Both ways of signing give the same votes and the same answer.
    function testFuzz_bothWaysCountAlike(uint256 who, uint128[4] memory bonds) public {
        _bondedFourth();
        _setKey(validatorKeys[3]);
        for (uint256 i; i < 4; ++i) {
            _bond(vm.addr(validatorKeys[i]), uint128(bound(bonds[i], 1, 5_000e18)));
        }
        _wait(VOTING);
        who = bound(who, 1, 15);
        address[] memory accounts = _accounts();
        uint256[] memory keys = new uint256[](_count(who));
        uint256 next;
        uint256 signed;
        for (uint256 i; i < 4; ++i) {
            if (who >> i & 1 == 0) continue;
            keys[next++] = _keyFor(accounts[i]);
            signed += staking.bondOf(accounts[i]).amount;
        }
        bytes[] memory each = _signAll(keys, DIGEST);
        bytes[] memory sum = _sum(DIGEST, who);
        bool isQuorum = 3 * signed > 2 * staking.totalActiveBond();
        check(_answers(each, signed) == isQuorum, "without a roster");
        _take();
        check(_answers(each, signed) == isQuorum, "one by one");
        check(_answers(sum, signed) == isQuorum, "summed");
    }

    function _answers(bytes[] memory quorum, uint256 signed) private view returns (bool) {
        try roster.requireQuorum(DIGEST, quorum) returns (uint256 votes, address, uint256) {
            checkEqual(votes, signed, "votes");
            return true;
        } catch (bytes memory reason) {
            check(bytes4(reason) == Quorum.NoQuorum.selector, "only for want of votes");
            return false;
        }
    }

    function _count(uint256 who) private pure returns (uint256 count) {
        for (; who != 0; who >>= 1) {
            count += who & 1;
        }
    }

    function _head(bytes memory sum) private pure returns (bytes memory head) {
        head = new bytes(256);
        for (uint256 i; i < 256; ++i) {
            head[i] = sum[i];
        }
    }

    function _bondedFourth() private {
        uint256 key = uint256(keccak256("fourth"));
        validatorKeys.push(key);
        _join(key, BOND);
    }

    function _bondedFifth() private {
        uint256 key = uint256(keccak256("fifth"));
        validatorKeys.push(key);
        _join(key, BOND);
    }

    function _joinFourth() private {
        _bondedFourth();
        _setKey(validatorKeys[3]);
        _wait(VOTING);
    }
}
