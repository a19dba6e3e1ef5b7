// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Quorum} from "../src/libraries/Quorum.sol";
import {Settlement} from "../src/Settlement.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// Providers that a batch ejects, and the appeal that they have.
contract EjectionTest is Fixture {
    bytes32 private constant CHEAT = keccak256("cheat");
    bytes32 private constant PROOF = keccak256("proof");

    uint64 private sequence;

    function _eject(bytes32 providerId) private {
        _eject(++sequence, providerId);
    }

    function _pardon(uint32 ejection, uint256 signers) private view returns (bytes[] memory) {
        return _quorum(settlement.reinstatementDigest(CHEAT, ejection), signers);
    }

    function test_aQuorumLiftsAnEjection() public {
        _eject(CHEAT);
        check(settlement.ejected(CHEAT), "at once");
        checkEqual(settlement.ejectionOf(CHEAT).since, block.timestamp, "since");
        vm.prank(payer);
        settlement.reinstate(CHEAT, _pardon(1, 3));
        check(!settlement.ejected(CHEAT), "lifted");
    }

    function testFuzz_onlyUntilTheAppealIsOver(uint32 waited) public {
        _eject(CHEAT);
        uint256 start = this.clock();
        bytes[] memory quorum = _pardon(1, 3);
        waited = uint32(bound(waited, 0, 2 * APPEAL));
        bool isOver = waited >= APPEAL;
        vm.warp(start + waited);
        if (isOver) vm.expectRevert(abi.encodeWithSelector(Settlement.AppealOver.selector, start + APPEAL));
        settlement.reinstate(CHEAT, quorum);
        check(settlement.ejected(CHEAT) == isOver, "ejected");
    }

    function test_twoThirdsLiftNothing() public {
        _eject(CHEAT);
        bytes[] memory quorum = _pardon(1, 2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        settlement.reinstate(CHEAT, quorum);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 0, 3 * BOND));
        settlement.reinstate(CHEAT, new bytes[](0));
    }

    function test_aKeyThatIsNotEjectedNeedsNoPardon() public {
        bytes[] memory quorum = _pardon(0, 3);
        vm.expectRevert(abi.encodeWithSelector(Settlement.NotEjected.selector, CHEAT));
        settlement.reinstate(CHEAT, quorum);
    }

    /// A pardon is for one ejection: kept, it lifts no later one.
    function test_aPardonServesOnce() public {
        _eject(CHEAT);
        bytes[] memory quorum = _pardon(1, 3);
        settlement.reinstate(CHEAT, quorum);
        _eject(CHEAT);
        // Its digest is another, so that its signatures recover to strangers, in any order.
        try settlement.reinstate(CHEAT, quorum) {
            check(false, "an old pardon was taken");
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            check(selector == Quorum.UnsortedSigners.selector || selector == Quorum.NoQuorum.selector, "reason");
        }
        settlement.reinstate(CHEAT, _pardon(2, 3));
        check(!settlement.ejected(CHEAT), "lifted again");
    }

    function test_aPardonIsForOneProvider() public {
        _eject(CHEAT);
        _eject(keccak256("other"));
        bytes[] memory quorum = _quorum(settlement.reinstatementDigest(keccak256("other"), 1), 3);
        try settlement.reinstate(CHEAT, quorum) {
            check(false, "a pardon of another was taken");
        } catch {}
        check(settlement.ejected(CHEAT), "still ejected");
    }

    /// Naming it again neither restarts the appeal nor makes the first pardon void.
    function test_aSecondEjectionChangesNothing() public {
        _eject(CHEAT);
        uint64 since = settlement.ejectionOf(CHEAT).since;
        _wait(APPEAL - 1);
        _eject(CHEAT);
        checkEqual(settlement.ejectionOf(CHEAT).since, since, "since");
        checkEqual(settlement.ejectionOf(CHEAT).count, 1, "count");
        bytes[] memory quorum = _pardon(1, 3);
        _wait(1);
        vm.expectRevert(abi.encodeWithSelector(Settlement.AppealOver.selector, uint256(since) + APPEAL));
        settlement.reinstate(CHEAT, quorum);
    }

    function _forMachine(bytes32 evidence, uint32 ejection, uint256 signers) private view returns (bytes[] memory) {
        return _quorum(settlement.machineEjectionDigest(CHEAT, evidence, ejection), signers);
    }

    function test_aQuorumEjectsForAMachine() public {
        bytes[] memory two = _forMachine(PROOF, 1, 2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        settlement.ejectForMachine(CHEAT, PROOF, two);
        bytes[] memory quorum = _forMachine(PROOF, 1, 3);
        vm.prank(payer);
        settlement.ejectForMachine(CHEAT, PROOF, quorum);
        checkEqual(settlement.ejectionOf(CHEAT).since, block.timestamp, "since");
        checkEqual(settlement.ejectionOf(CHEAT).count, 1, "count");
        vm.expectRevert(abi.encodeWithSelector(Settlement.EjectedAlready.selector, CHEAT));
        settlement.ejectForMachine(CHEAT, PROOF, quorum);
    }

    /// It is lifted as any other, and what was signed for it ejects nobody again.
    function test_anEjectionForAMachineIsLifted() public {
        bytes[] memory quorum = _forMachine(PROOF, 1, 3);
        settlement.ejectForMachine(CHEAT, PROOF, quorum);
        settlement.reinstate(CHEAT, _pardon(1, 3));
        check(!settlement.ejected(CHEAT), "lifted");
        _refuses(PROOF, quorum);
        settlement.ejectForMachine(CHEAT, PROOF, _forMachine(PROOF, 2, 3));
        check(settlement.ejected(CHEAT), "by new signatures");
    }

    function test_aQuorumEjectsForItsOwnEvidenceAlone() public {
        _refuses(keccak256("other"), _forMachine(PROOF, 1, 3));
    }

    /// A digest of something else: its signatures recover to strangers, in any order.
    function _refuses(bytes32 evidence, bytes[] memory quorum) private {
        try settlement.ejectForMachine(CHEAT, evidence, quorum) {
            check(false, "signatures over something else were taken");
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            check(selector == Quorum.UnsortedSigners.selector || selector == Quorum.NoQuorum.selector, "reason");
        }
    }
}
