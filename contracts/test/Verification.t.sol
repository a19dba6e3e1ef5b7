// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {Batch, Debit, Line, Tally} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// The part of the fees for verification goes to the verifiers.
contract VerificationTest is Fixture {
    address internal constant ANN = address(0xC1);
    address internal constant BEN = address(0xC2);
    uint128 internal constant GROSS = 1_000_003;
    /// One hundredth of it, rounded down.
    uint256 internal constant POOL = 10_000;
    /// Of the validators' hundredth, half: no roster says who signed.
    uint256 internal constant UNSIGNED = 5_000;

    function setUp() public override {
        super.setUp();
        _fund(payer, 1_000_000_000, 1_000_000_000);
    }

    function _report(uint64 sequence, Tally[] memory tallies) private {
        _report(sequence, tallies, GROSS);
    }

    function _report(uint64 sequence, Tally[] memory tallies, uint128 gross) private {
        Batch memory batch = _batch(sequence);
        Debit[] memory debits = _one(_debit(PAYER_KEY, gross, 1_000_000_000));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, gross, 0, 0));
        bytes32[] memory none;
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, tallies), 3);
        settlement.settle(batch, debits, lines, none, tallies, quorum);
    }

    function _two(uint32 anns, uint32 bens) private pure returns (Tally[] memory tallies) {
        tallies = new Tally[](2);
        tallies[0] = Tally(ANN, anns, 0);
        tallies[1] = Tally(BEN, bens, 0);
    }

    function test_paysVerifiersByTheirCreditsAndLeavesTheRestToTheRecipient() public {
        _report(1, _two(1, 2));
        checkEqual(escrow.creditOf(ANN), 3_333, "ann");
        checkEqual(escrow.creditOf(BEN), 6_666, "ben");
        checkEqual(escrow.creditOf(VERIFICATION), 1 + UNSIGNED, "rest");
        vm.prank(BEN);
        escrow.claim();
        checkEqual(token.balanceOf(BEN), 6_666, "claimed");
    }

    function test_nobodyIsPaidForNobody() public {
        Tally[] memory tallies = _two(1, 2);
        tallies[1].payee = address(0);
        Batch memory batch = _batch(1);
        Debit[] memory debits = _one(_debit(PAYER_KEY, GROSS, GROSS));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, GROSS, 0, 0));
        bytes32[] memory none;
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, tallies), 3);
        vm.expectRevert(Settlement.ZeroPayee.selector);
        settlement.settle(batch, debits, lines, none, tallies, quorum);
        checkEqual(settlement.recycledBefore(0), 0, "before all time");
    }

    function test_paysVerifiersOfAFineToo() public {
        Debit[] memory debits = _one(_debit(PAYER_KEY, GROSS, GROSS));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, GROSS, 300_000, 0));
        Tally[] memory tallies = _two(1, 2);
        bytes32[] memory none;
        Batch memory batch = _batch(1);
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, tallies), 3);
        settlement.settle(batch, debits, lines, none, tallies, quorum);
        uint256 pool = 300_000 + (GROSS - 300_000) / 100;
        checkEqual(escrow.creditOf(ANN), pool / 3, "ann");
        checkEqual(escrow.creditOf(BEN), pool * 2 / 3, "ben");
    }

    function test_leavesAllOfItToTheRecipientWhereNobodyHasCredit() public {
        _report(1, _idle());
        checkEqual(escrow.creditOf(VERIFICATION), POOL + UNSIGNED, "nobody");
        _report(2, _two(0, 0));
        checkEqual(escrow.creditOf(VERIFICATION), 2 * (POOL + UNSIGNED), "without credit");
        checkEqual(escrow.creditOf(ANN), 0, "ann");
    }

    function test_refusesATallyOfNobody() public {
        Tally[] memory tallies = _two(1, 1);
        tallies[1].payee = address(0);
        try this.report(1, tallies) {
            check(false, "settled");
        } catch (bytes memory why) {
            check(bytes4(why) == Settlement.ZeroPayee.selector, "reason");
        }
    }

    function report(uint64 sequence, Tally[] memory tallies) external {
        _report(sequence, tallies);
    }

    function test_coversTheTalliesByTheQuorum() public {
        Batch memory batch = _batch(1);
        Debit[] memory debits = _one(_debit(PAYER_KEY, GROSS, GROSS));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, GROSS, 0, 0));
        bytes32[] memory none;
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _two(1, 2)), 3);
        Tally[] memory bent = _two(2, 2);
        // For another digest the signatures recover to no signer, in no order.
        try settlement.settle(batch, debits, lines, none, bent, quorum) {
            check(false, "settled");
        } catch {}
        bent = _two(1, 2);
        bent[0].refuted = 1;
        try settlement.settle(batch, debits, lines, none, bent, quorum) {
            check(false, "settled with a refuted report");
        } catch {}
        settlement.settle(batch, debits, lines, none, _two(1, 2), quorum);
    }

    function testFuzz_sharesToTheUnit(uint32 anns, uint32 bens, uint64 gross) public {
        uint128 fees = uint128(bound(gross, 0, 1_000_000_000));
        _report(1, _two(anns, bens), fees);
        uint256 pool = uint256(fees) * 100 / 10_000;
        uint256 total = uint256(anns) + bens;
        uint256 toAnn = total == 0 ? 0 : pool * anns / total;
        uint256 toBen = total == 0 ? 0 : pool * bens / total;
        checkEqual(escrow.creditOf(ANN), toAnn, "ann");
        checkEqual(escrow.creditOf(BEN), toBen, "ben");
        checkEqual(escrow.creditOf(VERIFICATION), pool - toAnn - toBen + pool / 2, "rest");
        checkEqual(token.balanceOf(address(escrow)), 1_000_000_000, "conserved");
    }
}
