// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Quorum} from "../src/libraries/Quorum.sol";
import {Settlement} from "../src/Settlement.sol";
import {Batch, Debit, Line} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// The bonds that count in a quorum, and their times.
contract VotesTest is Fixture {
    bytes32[] private none;

    /// Four equal validators, of whom three have signed: three quarters.
    function _signedByThreeOfFour() private returns (Batch memory batch, bytes[] memory quorum) {
        _join(uint256(keccak256("fourth")), BOND);
        _wait(VOTING);
        batch = _batch(1);
        quorum = _quorum(settlement.batchDigest(batch, new Debit[](0), new Line[](0), none, _idle()), 3);
    }

    function _settles(Batch memory batch, bytes[] memory quorum) private {
        settlement.settle(batch, new Debit[](0), new Line[](0), none, _idle(), quorum);
    }

    function _refused(Batch memory batch, bytes[] memory quorum, uint256 signed, uint256 total) private {
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, signed, total));
        _settles(batch, quorum);
    }

    function _signers() private view returns (address[] memory list) {
        list = new address[](3);
        for (uint256 i; i < 3; ++i) {
            list[i] = vm.addr(validatorKeys[i]);
        }
    }

    function test_aSignerThatLeavesSpoilsNoQuorum() public {
        (Batch memory batch, bytes[] memory quorum) = _signedByThreeOfFour();
        vm.prank(validator);
        registry.deregister();
        vm.prank(validator);
        staking.requestUnbond(BOND);
        _settles(batch, quorum);
    }

    /// Bond that came between two slashes has no vote before its delay, and the second one gives none back.
    function test_anotherSlashGivesNoVoteBack() public {
        _takeBond(validator, BOND / 2);
        _bond(validator, BOND);
        _takeBond(validator, BOND / 10);
        (uint256[] memory each,,) = staking.votesOf(_signers());
        checkEqual(each[0], BOND / 2, "what the first one left");
    }

    function test_votesAreToldAsTheyAreCounted() public {
        _signedByThreeOfFour();
        address young = vm.addr(uint256(keccak256("fifth")));
        _join(uint256(keccak256("fifth")), 100 * BOND);
        vm.prank(validator);
        registry.deregister();
        address[] memory asked = new address[](3);
        (asked[0], asked[1], asked[2]) = (validator, young, vm.addr(validatorKeys[1]));
        (uint256[] memory each,, uint256 total) = staking.votesOf(asked);
        checkEqual(each[0], BOND, "who left keeps its vote");
        checkEqual(each[1], 0, "who came has none yet");
        checkEqual(each[2], BOND, "who stayed");
        checkEqual(total, 4 * BOND, "all votes");
        (uint256 signed, uint256 all) = staking.votes(asked);
        checkEqual(signed, 2 * BOND, "the same sum");
        checkEqual(all, total, "the same total");
    }

    function test_aBondThatLeavesCountsUntilItsDelayIsOverAndNoLonger() public {
        _bond(validator, BOND);
        _wait(VOTING);
        vm.prank(validator);
        staking.requestUnbond(BOND);
        _expectVotes(2 * BOND, 4 * BOND, "still");
        _wait(VOTING);
        // It lies here for longer than that, and a bond that lies here backs a vote.
        _expectVotes(BOND, 3 * BOND, "no longer");
    }

    function _expectVotes(uint256 own, uint256 all, string memory what) private view {
        address[] memory asked = new address[](1);
        asked[0] = validator;
        (uint256[] memory each,, uint256 total) = staking.votesOf(asked);
        checkEqual(each[0], own, what);
        checkEqual(total, all, what);
    }

    function test_bondAddedAfterTheSignaturesSpoilsNoQuorum() public {
        (Batch memory batch, bytes[] memory quorum) = _signedByThreeOfFour();
        _bond(vm.addr(uint256(keccak256("fourth"))), 100 * BOND);
        _join(uint256(keccak256("fifth")), 100 * BOND);
        _settles(batch, quorum);
    }

    function test_addedBondCountsOnceItsDelayIsOver() public {
        (Batch memory batch, bytes[] memory quorum) = _signedByThreeOfFour();
        _bond(vm.addr(uint256(keccak256("fourth"))), 100 * BOND);
        _wait(VOTING);
        _refused(batch, quorum, 3 * BOND, 104 * BOND);
    }

    function test_aSignerThatLeftLongAgoIsSkipped() public {
        (Batch memory batch, bytes[] memory quorum) = _signedByThreeOfFour();
        vm.prank(validator);
        registry.deregister();
        _wait(VOTING);
        _refused(batch, quorum, 2 * BOND, 3 * BOND);
        // Those who stayed are enough, with a signature of one that left among theirs.
        uint256[] memory keys = new uint256[](4);
        for (uint256 i; i < 4; ++i) {
            keys[i] = i < 3 ? validatorKeys[i] : uint256(keccak256("fourth"));
            for (uint256 j = i; j > 0 && vm.addr(keys[j]) < vm.addr(keys[j - 1]); --j) {
                (keys[j], keys[j - 1]) = (keys[j - 1], keys[j]);
            }
        }
        quorum = new bytes[](4);
        for (uint256 i; i < 4; ++i) {
            quorum[i] = _signature(keys[i], settlement.batchDigest(batch, new Debit[](0), new Line[](0), none, _idle()));
        }
        _settles(batch, quorum);
    }

    function test_aCaseTakesTheVoteAtOnce() public {
        (Batch memory batch, bytes[] memory quorum) = _signedByThreeOfFour();
        _takeBond(validator, BOND);
        _refused(batch, quorum, 2 * BOND, 4 * BOND);
        _wait(VOTING);
        _refused(batch, quorum, 2 * BOND, 3 * BOND);
    }

    function test_aCaseReachesTheVoteOfBondThatLeaves() public {
        (Batch memory batch, bytes[] memory quorum) = _signedByThreeOfFour();
        vm.prank(validator);
        registry.deregister();
        vm.prank(validator);
        staking.requestUnbond(BOND);
        _takeBond(validator, BOND);
        _refused(batch, quorum, 2 * BOND, 4 * BOND);
    }

    function test_aCaseTakesTheRest() public {
        vm.prank(validator);
        registry.deregister();
        vm.prank(validator);
        staking.requestUnbond(BOND / 4);
        _wait(UNBONDING);
        // A case for everything is under way when a quarter leaves.
        vm.prank(validator);
        staking.finishUnbond();
        _takeBond(validator, BOND);
        checkEqual(token.balanceOf(address(cases)), BOND - BOND / 4, "held");
        checkEqual(staking.bondOf(validator).amount, 0, "bond");
        _takeBond(validator, BOND);
        checkEqual(token.balanceOf(address(cases)), BOND - BOND / 4, "nothing is left to take");
        checkEqual(token.balanceOf(address(staking)), 2 * BOND, "bonds of others");
    }

    function test_beforeTheFirstDelayNobodyVotes() public {
        vm.warp(VOTING - 1);
        (uint256 signed, uint256 total) = staking.votes(_signers());
        checkEqual(signed + total, 0, "votes");
    }

    /// Changes of bonds within one voting delay add no signed votes, and the total stays.
    function testFuzz_oneDelaySeesOneSetOfVotes(uint128[6] memory amounts, uint256 order, uint32 waited) public {
        address[] memory signers = _signers();
        (uint256 signedBefore, uint256 totalBefore) = staking.votes(signers);
        uint256 step = bound(waited, 0, VOTING - 1) / 6;
        uint256 taken;
        for (uint256 i; i < 6; ++i) {
            _wait(step);
            address who = signers[(order >> (8 * i)) % 3];
            uint128 amount = uint128(bound(amounts[i], 1, BOND));
            uint256 kind = (order >> (8 * i + 4)) % 4;
            if (kind == 0) _bond(who, amount);
            if (kind == 1) {
                // The vote is cut to the bond that does not leave.
                taken += amount + staking.bondOf(who).unbonding;
                _takeBond(who, amount);
            }
            if (kind == 2 && staking.bondOf(who).active) {
                vm.prank(who);
                registry.deregister();
            }
            if (kind == 3 && !staking.bondOf(who).active && staking.bondOf(who).amount > 0) {
                uint128 leaving = uint128(bound(amount, 1, staking.bondOf(who).amount));
                vm.prank(who);
                staking.requestUnbond(leaving);
            }
        }
        (uint256 signed, uint256 total) = staking.votes(signers);
        checkEqual(total, totalBefore, "total");
        check(signed <= signedBefore && signed + taken >= signedBefore, "only a case takes votes");
    }
}
