// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Quorum} from "../src/Quorum.sol";
import {Settlement} from "../src/Settlement.sol";
import {Staking} from "../src/Staking.sol";
import {Fixture} from "./Fixture.sol";
import {checkEqual, vm} from "./Vm.sol";

/// Exact evidence against a validator costs it a part of its bond.
contract ConvictionTest is Fixture {
    bytes32 internal constant EVIDENCE = keccak256("evidence");
    address private _accused;

    function setUp() public override {
        super.setUp();
        _accused = validator;
    }

    function _sign(bytes32 evidence, uint32 conviction, uint256 signers) private view returns (bytes[] memory) {
        return _quorum(settlement.convictionDigest(_accused, evidence, conviction), signers);
    }

    function test_aQuorumTakesATenthOfTheBondAndHoldsIt() public {
        bytes[] memory quorum = _sign(EVIDENCE, 1, 3);
        vm.prank(payer);
        settlement.convict(_accused, EVIDENCE, quorum);
        checkEqual(staking.bondOf(_accused).amount, BOND - BOND / 10, "bond");
        checkEqual(staking.heldOf(_accused).amount, BOND / 10, "held");
        checkEqual(staking.heldOf(_accused).count, 1, "penalty");
        checkEqual(staking.convictionsOf(_accused).count, 1, "conviction");
        checkEqual(token.balanceOf(TREASURY), 0, "not the treasury's yet");
        address[] memory accounts = new address[](1);
        accounts[0] = _accused;
        (uint256[] memory each,,) = staking.votesOf(accounts);
        checkEqual(each[0], BOND - BOND / 10, "the vote is cut at once");
        _wait(APPEAL);
        staking.collectPenalty(_accused);
        checkEqual(token.balanceOf(TREASURY), BOND / 10, "treasury");
        checkEqual(token.balanceOf(address(staking)), 3 * BOND - BOND / 10, "left");
    }

    function test_twoThirdsConvictNobodyAndNobodyConvictsAlone() public {
        bytes[] memory quorum = _sign(EVIDENCE, 1, 2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        settlement.convict(_accused, EVIDENCE, quorum);
        vm.expectRevert(abi.encodeWithSelector(Staking.NotSettlement.selector, address(this)));
        staking.convict(_accused, EVIDENCE);
    }

    /// Signatures name the validator, the evidence and the number of the conviction.
    function test_signaturesServeOnceAndForOneEvidence() public {
        bytes[] memory quorum = _sign(EVIDENCE, 1, 3);
        _refuses(_accused, keccak256("other"), quorum);
        _refuses(vm.addr(validatorKeys[1]), EVIDENCE, quorum);
        settlement.convict(_accused, EVIDENCE, quorum);
        _wait(2 days);
        _refuses(_accused, EVIDENCE, quorum);
        checkEqual(staking.bondOf(_accused).amount, BOND - BOND / 10, "once");
    }

    function _refuses(address validator, bytes32 evidence, bytes[] memory quorum) private {
        try settlement.convict(validator, evidence, quorum) {
            revert("convicted");
        } catch {}
    }

    function test_convictsOnceAPeriod() public {
        settlement.convict(_accused, EVIDENCE, _sign(EVIDENCE, 1, 3));
        bytes[] memory quorum = _sign(EVIDENCE, 2, 3);
        uint256 again = (this.clock() / 1 days + 1) * 1 days;
        vm.expectRevert(abi.encodeWithSelector(Staking.ConvictedAlready.selector, again));
        settlement.convict(_accused, EVIDENCE, quorum);
        vm.warp(again);
        settlement.convict(_accused, EVIDENCE, quorum);
        checkEqual(staking.bondOf(_accused).amount, 81 * BOND / 100, "a tenth of what is left");
        checkEqual(staking.heldOf(_accused).amount, 19 * BOND / 100, "both are held");
    }

    function test_bondOnItsWayOutCountsAndIsTakenLast() public {
        vm.prank(_accused);
        registry.deregister();
        vm.prank(_accused);
        staking.requestUnbond(BOND - BOND / 20);
        settlement.convict(_accused, EVIDENCE, _sign(EVIDENCE, 1, 3));
        checkEqual(staking.bondOf(_accused).amount, 0, "bond first");
        checkEqual(staking.bondOf(_accused).unbonding, BOND - BOND / 10, "then what leaves");
    }

    function test_aPardonGivesItBackAsStake() public {
        settlement.convict(_accused, EVIDENCE, _sign(EVIDENCE, 1, 3));
        settlement.pardon(_accused, _quorum(settlement.pardonDigest(_accused, 1), 3));
        checkEqual(staking.stakeOf(_accused), BOND / 10, "stake");
        checkEqual(staking.heldOf(_accused).amount, 0, "held");
    }
}
