// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {Parameters} from "../src/Parameters.sol";
import {Quorum} from "../src/libraries/Quorum.sol";
import {Settlement} from "../src/Settlement.sol";
import {Batch, Debit, Holding, Line, Shares, Tally} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

contract SettlementTest is Fixture {
    bytes32[] private none;

    function test_splitsAsTheWhitepaper() public {
        _fund(payer, 100_000, 100_000);
        _settle(1, 100_000, 100_000);
        checkEqual(earnings.balanceOf(KEY, PROVIDER).earned, 95_980, "provider");
        checkEqual(escrow.creditOf(address(earnings)), 95_980, "held");
        checkEqual(escrow.creditOf(ROUTER), 1_000, "router");
        // Half of the validators' part is theirs who signed. No roster says who that is.
        checkEqual(escrow.creditOf(validator), 500, "validator");
        checkEqual(escrow.creditOf(VERIFICATION), 1_500, "verification");
        checkEqual(escrow.creditOf(TREASURY), 1_000, "treasury");
        checkEqual(escrow.creditOf(LICENSE), 20, "license");
        checkEqual(settlement.nextSequence(validator), 2, "next");
        check(settlement.anchorOf(validator).logHead == _batch(1).logHead, "log head");
    }

    /// The hash covers words as they lie in the call, and passes them on in that form. Every reader refuses a word that is no address or
    /// amount.
    function test_dirtyWordsOfADebitAreRefused() public {
        _fund(payer, 0xA1A1A1, 0xA1A1A1);
        Batch memory batch = _batch(1);
        Debit[] memory debits = _one(_debit(PAYER_KEY, 0xA1A1, 0xB2B2B2));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, 0xA1A1, 0, 0));
        uint256[3] memory words = [uint256(uint160(payer)), 0xA1A1, 0xB2B2B2];
        for (uint256 i; i < 4; ++i) {
            // The last time nothing is dirty.
            uint256 word = i < 3 ? words[i] : 0;
            bytes memory asked = abi.encodeCall(settlement.batchDigest, (batch, debits, lines, none, _idle()));
            (bool isHashed, bytes memory hash) = address(settlement).staticcall(_dirty(asked, word));
            check(isHashed, "hashed");
            bytes[] memory quorum = _quorum(abi.decode(hash, (bytes32)), 3);
            bytes memory sent = abi.encodeCall(settlement.settle, (batch, debits, lines, none, _idle(), quorum));
            (bool isSettled,) = address(settlement).call(_dirty(sent, word));
            check(isSettled == (i == 3), "refused unless it is clean");
        }
    }

    /// Sets the highest bit of the first word that is this one; none for zero.
    function _dirty(bytes memory data, uint256 word) private pure returns (bytes memory) {
        for (uint256 at = 36; word != 0 && at <= data.length; at += 32) {
            uint256 found;
            assembly ("memory-safe") {
                found := mload(add(data, at))
                if eq(found, word) { mstore(add(data, at), or(found, shl(255, 1))) }
            }
            if (found == word) break;
        }
        return data;
    }

    /// One event has the draws of a batch, in the order of its debits.
    function test_drawsAreToldInOneEvent() public {
        uint256 other = 0xB0B;
        _fund(payer, 100_000, 100_000);
        _fund(vm.addr(other), 100_000, 100_000);
        _settle(1, 5_000, 5_000);
        Debit[] memory debits = new Debit[](3);
        debits[0] = _debit(other, 7, 7);
        debits[1] = _debit(PAYER_KEY, 11, 90_000);
        debits[2] = _debit(PAYER_KEY, 13, 90_000);
        vm.expectEmit();
        emit Escrow.Drawn(validator, abi.encodePacked(
            vm.addr(other), uint128(7), uint128(7), payer, uint128(11), uint128(5_011), payer, uint128(13), uint128(5_024)
        ));
        _submit(_batch(2), debits, _one(Line(KEY, PROVIDER, ROUTER, 31, 0, 0)));
    }

    function test_withoutRouterItsShareStaysWithTheProvider() public {
        _fund(payer, 100_000, 100_000);
        _submit(_batch(1), _one(_debit(PAYER_KEY, 100_000, 100_000)), _one(Line(KEY, PROVIDER, address(0), 100_000, 0, 0)));
        checkEqual(earnings.balanceOf(KEY, PROVIDER).earned, 96_980, "provider");
        checkEqual(escrow.creditOf(address(0)), 0, "nobody");
    }

    function testFuzz_sharesSumToGross(uint128 gross, uint128 fine, uint16[5] memory parts, bool routed) public {
        gross = uint128(bound(gross, 0, token.CAP() - token.TEAM() - token.FOUNDATION() - 3 * BOND));
        fine = uint128(bound(fine, 0, gross));
        uint256 left = 2_000;
        for (uint256 i; i < 5; ++i) {
            if (i == 2) continue;
            parts[i] = uint16(bound(parts[i], 0, i == 4 ? 2 : 500));
            left -= parts[i];
        }
        parts[2] = uint16(bound(parts[2], 100, left < 1_600 ? left : 1_600));
        // Nothing is held, so that no bond bounds it.
        _deploy(Shares(parts[0], parts[1], parts[2], parts[3], parts[4], 0, 0), Holding(0, 0, 0));
        address router = routed ? ROUTER : address(0);
        if (gross > 0) _fund(payer, gross, gross);
        _submit(_batch(1), _one(_debit(PAYER_KEY, gross, gross)), _one(Line(KEY, PROVIDER, router, gross, fine, 0)));
        uint256 rest = gross - fine;
        uint256[5] memory expected;
        for (uint256 i; i < 5; ++i) {
            expected[i] = i == 0 && !routed ? 0 : uint256(gross - fine) * parts[i] / 10_000;
            rest -= expected[i];
        }
        checkEqual(escrow.creditOf(ROUTER), expected[0], "router");
        checkEqual(escrow.creditOf(validator), expected[1] - expected[1] / 2, "validator");
        checkEqual(escrow.creditOf(VERIFICATION), expected[2] + fine + expected[1] / 2, "verification");
        checkEqual(escrow.creditOf(TREASURY), expected[3], "treasury");
        checkEqual(escrow.creditOf(LICENSE), expected[4], "license");
        checkEqual(earnings.balanceOf(KEY, PROVIDER).earned, rest, "provider");
        checkEqual(token.balanceOf(address(escrow)), gross, "escrow");
    }

    function test_sameBatchTwiceIsRefused() public {
        _fund(payer, 1_000, 1_000);
        Debit[] memory debits = _one(_debit(PAYER_KEY, 10, 1_000));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, 10, 0, 0));
        Batch memory batch = _batch(1);
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
        vm.expectRevert(abi.encodeWithSelector(Settlement.WrongSequence.selector, 2, 1));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
        checkEqual(escrow.channelOf(payer, validator).spent, 10, "spent once");
    }

    function test_gapInTheSequenceIsRefused() public {
        Batch memory batch = _batch(2);
        Debit[] memory debits;
        Line[] memory lines;
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        vm.expectRevert(abi.encodeWithSelector(Settlement.WrongSequence.selector, 1, 2));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_exactlyTwoThirdsIsNoQuorum() public {
        (Batch memory batch, Debit[] memory debits, Line[] memory lines, bytes32 digest) = _ordinary();
        bytes[] memory quorum = _quorum(digest, 2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
        // One unit more among the signers decides it, once it counts.
        _bond(vm.addr(validatorKeys[1]), 1);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
        vm.warp(block.timestamp + VOTING);
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_emptyQuorumIsRefusedEvenWithoutValidators() public {
        for (uint256 i; i < 3; ++i) {
            vm.prank(vm.addr(validatorKeys[i]));
            registry.deregister();
        }
        vm.warp(block.timestamp + VOTING);
        (Batch memory batch, Debit[] memory debits, Line[] memory lines,) = _ordinary();
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 0, 0));
        settlement.settle(batch, debits, lines, none, _idle(), new bytes[](0));
    }

    function test_duplicateSignerIsRefused() public {
        (Batch memory batch, Debit[] memory debits, Line[] memory lines, bytes32 digest) = _ordinary();
        bytes[] memory quorum = _quorum(digest, 3);
        quorum[2] = quorum[1];
        address signer = vm.addr(validatorKeys[1]);
        vm.expectRevert(abi.encodeWithSelector(Quorum.UnsortedSigners.selector, signer, signer));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_unsortedSignersAreRefused() public {
        (Batch memory batch, Debit[] memory debits, Line[] memory lines, bytes32 digest) = _ordinary();
        bytes[] memory quorum = _quorum(digest, 3);
        (quorum[0], quorum[1]) = (quorum[1], quorum[0]);
        vm.expectPartialRevert(Quorum.UnsortedSigners.selector);
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_strangerInTheQuorumIsRefused() public {
        (Batch memory batch, Debit[] memory debits, Line[] memory lines, bytes32 digest) = _ordinary();
        bytes[] memory quorum = new bytes[](1);
        quorum[0] = _signature(PAYER_KEY, digest);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 0, 3 * BOND));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_malformedQuorumSignatureIsRefused() public {
        (Batch memory batch, Debit[] memory debits, Line[] memory lines, bytes32 digest) = _ordinary();
        bytes[] memory quorum = _quorum(digest, 3);
        quorum[1] = hex"00";
        vm.expectRevert(abi.encodeWithSelector(Quorum.BadQuorumSignature.selector, 1));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_highSQuorumSignatureIsRefused() public {
        (Batch memory batch, Debit[] memory debits, Line[] memory lines, bytes32 digest) = _ordinary();
        bytes[] memory quorum = _quorum(digest, 3);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(validatorKeys[0], digest);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        quorum[0] = abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? 28 : 27);
        vm.expectRevert(abi.encodeWithSelector(Quorum.BadQuorumSignature.selector, 0));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_fineAboveTheGrossIsRefused() public {
        _fund(payer, 1_000, 1_000);
        Debit[] memory debits = _one(_debit(PAYER_KEY, 10, 10));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, 10, 11, 0));
        Batch memory batch = _batch(1);
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        vm.expectRevert(abi.encodeWithSelector(Settlement.FineAboveGross.selector, 11, 10));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    /// The quorum covers every field: change any of them and its signatures recover to nobody.
    function testFuzz_quorumCoversEveryField(uint256 field) public {
        (Batch memory batch, Debit[] memory debits, Line[] memory lines, bytes32 digest) = _ordinary();
        bytes[] memory quorum = _quorum(digest, 3);
        bytes32[] memory ejections;
        field = bound(field, 0, 13);
        if (field == 0) batch.logHead = keccak256("other");
        if (field == 1) batch.logLength += 1;
        if (field == 2) batch.recordsRoot = keccak256("other");
        if (field == 3) batch.replies += 1;
        if (field == 4) debits[0].payer = address(1);
        if (field == 5) debits[0].amount += 1;
        if (field == 6) debits[0].cumulative += 1;
        if (field == 7) debits[0].termsHash = keccak256("other");
        if (field == 8) lines[0].payee = address(1);
        if (field == 9) lines[0].router = address(1);
        if (field == 10) lines[0].gross += 1;
        if (field == 11) ejections = new bytes32[](1);
        if (field == 12) lines[0].providerId = keccak256("other");
        if (field == 13) lines[0].fine += 1;
        check(settlement.batchDigest(batch, debits, lines, ejections, _idle()) != digest, "digest changed");
        try settlement.settle(batch, debits, lines, ejections, _idle(), quorum) {
            check(false, "tampered batch settled");
        } catch {}
    }

    /// Lists are hashed as the concatenation of their fields, entry after entry, whatever is quickest. No entry is like another.
    function testFuzz_listsAreHashedWhole(uint256 length, bytes32 seed) public view {
        length = bound(length, 0, 4);
        Debit[] memory debits = new Debit[](length);
        Line[] memory lines = new Line[](length);
        Tally[] memory tallies = new Tally[](length);
        bytes[3] memory words;
        for (uint256 i; i < length; ++i) {
            seed = keccak256(abi.encode(seed));
            (address a, address b, uint128 c, uint128 d) = (address(bytes20(seed)), address(uint160(uint256(seed))), uint128(bytes16(seed)), uint128(uint256(seed)));
            debits[i] = Debit(a, c, d, seed, seed, seed);
            words[0] = bytes.concat(words[0], abi.encode(a, c, d, seed));
            lines[i] = Line(seed, a, b, c, d, ~seed);
            words[1] = bytes.concat(words[1], abi.encode(seed, a, b, c, d, ~seed));
            tallies[i] = Tally(a, uint32(c), uint32(d));
            words[2] = bytes.concat(words[2], abi.encode(a, uint32(c), uint32(d)));
        }
        check(settlement.hashDebits(debits) == keccak256(words[0]), "debits");
        check(settlement.hashLines(lines) == keccak256(words[1]), "lines");
        check(settlement.hashTallies(tallies) == keccak256(words[2]), "tallies");
    }

    function test_quorumOfAnotherChainIsRefused() public {
        (Batch memory batch, Debit[] memory debits, Line[] memory lines,) = _ordinary();
        uint256 here = this.currentChain();
        vm.chainId(here + 1);
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        vm.chainId(here);
        _expectRefusal(batch, debits, lines, quorum);
    }

    function test_quorumForAnotherContractIsRefused() public {
        (Batch memory batch, Debit[] memory debits, Line[] memory lines,) = _ordinary();
        Settlement other = Settlement(create("Settlement.sol:Settlement", abi.encode(token, parameters, _createStaking(), _issuance(), models)));
        bytes[] memory quorum = _quorum(other.batchDigest(batch, debits, lines, none, _idle()), 3);
        _expectRefusal(batch, debits, lines, quorum);
    }

    function test_orderOfAnotherChainIsRefused() public {
        _fund(payer, 1_000, 1_000);
        uint256 here = this.currentChain();
        vm.chainId(here + 1);
        Debit memory debit = _debit(PAYER_KEY, 10, 1_000);
        vm.chainId(here);
        _expectBadPayerSignature(debit);
    }

    function test_orderForAnotherEscrowIsRefused() public {
        _fund(payer, 1_000, 1_000);
        Escrow other = Settlement(create("Settlement.sol:Settlement", abi.encode(token, parameters, _createStaking(), _issuance(), models))).escrow();
        Debit memory debit = _debit(PAYER_KEY, 10, 1_000);
        (debit.r, debit.vs) = _short(PAYER_KEY, other.orderDigest(payer, validator, 1_000, TERMS));
        _expectBadPayerSignature(debit);
    }

    function test_orderForAnotherValidatorIsRefused() public {
        _fund(payer, 1_000, 1_000);
        Debit memory debit = _debit(PAYER_KEY, 10, 1_000);
        (debit.r, debit.vs) = _short(PAYER_KEY, escrow.orderDigest(payer, address(1), 1_000, TERMS));
        _expectBadPayerSignature(debit);
    }

    function test_orderSignedByAnotherIsRefused() public {
        _fund(payer, 1_000, 1_000);
        Debit memory debit = _debit(PAYER_KEY, 10, 1_000);
        (debit.r, debit.vs) = _short(validatorKeys[0], escrow.orderDigest(payer, validator, 1_000, TERMS));
        _expectBadPayerSignature(debit);
    }

    function test_raisedCumulativeIsRefused() public {
        _fund(payer, 1_000, 1_000);
        Debit memory debit = _debit(PAYER_KEY, 10, 10);
        debit.cumulative = 1_000;
        _expectBadPayerSignature(debit);
    }

    function test_voucherBoundsTheSumOfAllDraws() public {
        _fund(payer, 1_000, 1_000);
        _settle(1, 60, 100);
        _settle(2, 40, 100);
        _expectDebitRefusal(
            3, _debit(PAYER_KEY, 1, 100), abi.encodeWithSelector(Escrow.VoucherExceeded.selector, payer, 101, 100)
        );
        _settle(3, 1, 101);
    }

    function test_samePayerTwiceInABatchCountsTwice() public {
        _fund(payer, 1_000, 1_000);
        Debit[] memory debits = new Debit[](2);
        debits[0] = debits[1] = _debit(PAYER_KEY, 60, 100);
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, 120, 0, 0));
        Batch memory batch = _batch(1);
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        vm.expectRevert(abi.encodeWithSelector(Escrow.VoucherExceeded.selector, payer, 120, 100));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_drawAboveTheAllowanceIsRefused() public {
        _fund(payer, 1_000, 100);
        _expectDebitRefusal(
            1, _debit(PAYER_KEY, 101, 500), abi.encodeWithSelector(Escrow.AllowanceExceeded.selector, payer, 101, 100)
        );
    }

    function testFuzz_unbalancedBatchIsRefused(uint128 debited, uint128 gross) public {
        debited = uint128(bound(debited, 0, 1e24));
        gross = uint128(bound(gross, 0, 1e24));
        vm.assume(debited != gross);
        if (debited > 0) _fund(payer, debited, debited);
        Debit[] memory debits = _one(_debit(PAYER_KEY, debited, debited));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, gross, 0, 0));
        Batch memory batch = _batch(1);
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        vm.expectRevert(abi.encodeWithSelector(Escrow.Unbalanced.selector, debited, gross));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_zeroPayeeIsRefused() public {
        _fund(payer, 10, 10);
        Debit[] memory debits = _one(_debit(PAYER_KEY, 10, 10));
        Line[] memory lines = _one(Line(KEY, address(0), ROUTER, 10, 0, 0));
        Batch memory batch = _batch(1);
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        vm.expectRevert(Settlement.ZeroPayee.selector);
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_batchOfRejectsAnchorsTheLogAndEjects() public {
        Batch memory batch = _batch(1);
        Debit[] memory debits;
        Line[] memory lines;
        bytes32[] memory ejections = new bytes32[](2);
        (ejections[0], ejections[1]) = (keccak256("cheat"), keccak256("other cheat"));
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, ejections, _idle()), 3);
        settlement.settle(batch, debits, lines, ejections, _idle(), quorum);
        check(settlement.ejected(ejections[0]) && settlement.ejected(ejections[1]), "ejected");
        check(!settlement.ejected(keccak256("honest")), "honest stays");
        checkEqual(settlement.anchorOf(validator).logLength, 1, "log length");
    }

    function test_logCannotShrink() public {
        Debit[] memory debits;
        Line[] memory lines;
        Batch memory batch = _batch(1);
        batch.logLength = 5;
        _submit(batch, debits, lines);
        batch.sequence = 2;
        batch.logLength = 4;
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        vm.expectRevert(abi.encodeWithSelector(Settlement.LogShrunk.selector, 5, 4));
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    function test_validatorsSettleIndependently() public {
        Debit[] memory debits;
        Line[] memory lines;
        _submit(_batch(1), debits, lines);
        validator = vm.addr(validatorKeys[1]);
        checkEqual(settlement.nextSequence(validator), 1, "own sequence");
        _submit(_batch(1), debits, lines);
    }

    /// Asked from outside: the optimiser takes the chain id for a constant and would read it again after the change.
    function currentChain() external view returns (uint256) {
        return block.chainid;
    }

    function _ordinary() private returns (Batch memory, Debit[] memory, Line[] memory, bytes32) {
        _fund(payer, 1_000, 1_000);
        Debit[] memory debits = _one(_debit(PAYER_KEY, 10, 1_000));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, 10, 0, 0));
        Batch memory batch = _batch(1);
        return (batch, debits, lines, settlement.batchDigest(batch, debits, lines, none, _idle()));
    }

    /// A digest of another domain recovers to arbitrary addresses: unsorted or without a vote, whichever comes first.
    function _expectRefusal(Batch memory batch, Debit[] memory debits, Line[] memory lines, bytes[] memory quorum)
        private
    {
        try settlement.settle(batch, debits, lines, none, _idle(), quorum) {
            check(false, "foreign quorum settled");
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            check(selector == Quorum.UnsortedSigners.selector || selector == Quorum.NoQuorum.selector, "reason");
        }
    }

    function _expectBadPayerSignature(Debit memory debit) private {
        _expectDebitRefusal(1, debit, abi.encodeWithSelector(Escrow.BadPayerSignature.selector, payer));
    }

    function _expectDebitRefusal(uint64 sequence, Debit memory debit, bytes memory reason) private {
        Debit[] memory debits = _one(debit);
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, debit.amount, 0, 0));
        Batch memory batch = _batch(sequence);
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        vm.expectRevert(reason);
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }
}
