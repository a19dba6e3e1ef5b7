// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Government, Timelock, Voting} from "../src/Government.sol";
import {Parameters} from "../src/Parameters.sol";
import {Recipients, Shares} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {check, checkEqual, create, vm} from "./Vm.sol";

/// Votes of token holders, the wait after them, and the guardian.
contract GovernmentTest is Fixture {
    uint48 private constant LAG = 1 days;
    uint32 private constant TERM = 5 days;
    uint32 private constant WAIT = 2 days;
    uint256 private constant THRESHOLD = 100_000e18;
    address private constant HOLDER = address(0xD1);
    address private constant OTHER = address(0xD2);
    address private constant GUARDIAN = address(0xD3);
    uint8 private constant AGAINST = 0;
    uint8 private constant IN_FAVOUR = 1;

    Government private _government;
    Timelock private _timelock;

    function setUp() public override {
        super.setUp();
        _government = Government(payable(create("Government.sol:Government", abi.encode(token, Voting(LAG, TERM, WAIT, THRESHOLD, 100)))));
        _timelock = Timelock(payable(_government.timelock()));
        parameters.transferOwnership(address(_timelock));
        // Half of all tokens in hand, so more than the quorum of a hundredth of all.
        token.transfer(HOLDER, 60_000_000e18);
        token.transfer(OTHER, 40_000_000e18);
        vm.prank(HOLDER);
        token.delegate(HOLDER);
        vm.prank(OTHER);
        token.delegate(OTHER);
        _wait(LAG + 1);
        _pass(address(parameters), abi.encodeWithSignature("acceptOwnership()"));
        check(parameters.owner() == address(_timelock), "votes own it");
    }

    function test_aVoteChangesParametersAfterTheWait() public {
        bytes memory call = abi.encodeCall(parameters.setDriftTable, (Parameters.DriftTable("table", 1)));
        uint256 id = _propose(address(parameters), call);
        _wait(LAG + 1);
        vm.prank(HOLDER);
        _government.castVote(id, IN_FAVOUR);
        vm.prank(OTHER);
        _government.castVote(id, AGAINST);
        // Neither while votes are counted nor before the wait is over.
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        _queue(address(parameters), call);
        _wait(TERM);
        _queue(address(parameters), call);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        _execute(address(parameters), call);
        _wait(WAIT - 1);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        _execute(address(parameters), call);
        _wait(1);
        _execute(address(parameters), call);
        check(parameters.driftTable().hash == "table", "in force");
    }

    function test_theTimelockStaysTheOneThatThereIs() public {
        vm.expectRevert(Government.TimelockIsFixed.selector);
        _government.updateTimelock(_timelock);
        _fail(address(_government), abi.encodeCall(_government.updateTimelock, (_timelock)));
        check(_government.timelock() == address(_timelock), "the same");
    }

    function test_aMinorityChangesNothing() public {
        bytes memory call = abi.encodeCall(parameters.setGuardian, (OTHER));
        uint256 id = _propose(address(parameters), call);
        _wait(LAG + 1);
        vm.prank(OTHER);
        _government.castVote(id, IN_FAVOUR);
        vm.prank(HOLDER);
        _government.castVote(id, AGAINST);
        _wait(TERM);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        _queue(address(parameters), call);
        check(parameters.guardian() == address(0), "nobody");
    }

    function test_belowTheQuorumNothingPasses() public {
        // 40 millions of 5,000 are less than a hundredth.
        bytes memory call = abi.encodeCall(parameters.setGuardian, (OTHER));
        uint256 id = _propose(address(parameters), call);
        _wait(LAG + 1);
        vm.prank(OTHER);
        _government.castVote(id, IN_FAVOUR);
        _wait(TERM);
        check(_government.state(id) == IGovernor.ProposalState.Defeated, "defeated");
    }

    /// Tokens bought or delegated after the snapshot come too late.
    function test_votesAreThoseOfBefore() public {
        bytes memory call = abi.encodeCall(parameters.setGuardian, (OTHER));
        uint256 id = _propose(address(parameters), call);
        _wait(LAG + 1);
        vm.prank(HOLDER);
        token.transfer(PROVIDER, 60_000_000e18);
        vm.prank(PROVIDER);
        token.delegate(PROVIDER);
        vm.prank(PROVIDER);
        checkEqual(_government.castVote(id, IN_FAVOUR), 0, "too late");
        vm.prank(HOLDER);
        checkEqual(_government.castVote(id, AGAINST), 60_000_000e18, "as before");
        vm.prank(HOLDER);
        vm.expectPartialRevert(IGovernor.GovernorAlreadyCastVote.selector);
        _government.castVote(id, IN_FAVOUR);
    }

    /// Tokens of a market that takes no fee cost nothing for a block, at each second that is known to count.
    function test_votesThatWereBoughtForABlockCountForNothing() public {
        _rent();
        bytes memory call = abi.encodeCall(parameters.setGuardian, (OTHER));
        uint256 id = _propose(address(parameters), call);
        _giveBack();
        _wait(LAG - 1);
        _rent();
        uint256 counted = this.clock();
        _giveBack();
        checkEqual(token.getPastVotes(PROVIDER, counted), 60_000_000e18, "had them");
        checkEqual(_government.proposalSnapshot(id), counted, "when they count");
        vm.prank(PROVIDER);
        checkEqual(_government.castVote(id, IN_FAVOUR), 0, "counts for nothing");
        checkEqual(_government.getVotes(PROVIDER, counted), 0, "nor proposes");
        // A holder during the whole delay votes, even if it has sold since.
        vm.prank(OTHER);
        token.transfer(PROVIDER, 40_000_000e18);
        vm.prank(OTHER);
        checkEqual(_government.castVote(id, AGAINST), 40_000_000e18, "held");
    }

    /// In the last block of its time.
    function _rent() private {
        vm.prank(HOLDER);
        token.transfer(PROVIDER, 60_000_000e18);
        vm.prank(PROVIDER);
        token.delegate(PROVIDER);
    }

    function _giveBack() private {
        _wait(1);
        vm.prank(PROVIDER);
        token.transfer(HOLDER, 60_000_000e18);
    }

    function test_aHolderOfFewTokensProposesNothing() public {
        vm.prank(payer);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorInsufficientProposerVotes.selector, payer, 0, THRESHOLD)
        );
        _government.propose(_list(address(parameters)), new uint256[](1), _list(""), "nothing");
    }

    /// Neither its deployer nor anybody else has a way round the votes.
    function test_onlyVotesReachTheTimelock() public {
        bytes memory call = abi.encodeCall(parameters.setGuardian, (payer));
        address[3] memory callers = [address(this), payer, address(_government)];
        for (uint256 i; i < 2; ++i) {
            vm.prank(callers[i]);
            vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
            _timelock.schedule(address(parameters), 0, call, 0, 0, WAIT);
            vm.prank(callers[i]);
            vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
            _timelock.cancel("operation");
            vm.prank(callers[i]);
            vm.expectPartialRevert(TimelockController.TimelockUnauthorizedCaller.selector);
            _timelock.updateDelay(WAIT);
            vm.prank(callers[i]);
            vm.expectPartialRevert(IGovernor.GovernorOnlyExecutor.selector);
            _government.setVotingDelay(LAG);
            vm.prank(callers[i]);
            vm.expectPartialRevert(IGovernor.GovernorOnlyExecutor.selector);
            _government.setVotingPeriod(TERM);
            vm.prank(callers[i]);
            vm.expectPartialRevert(IGovernor.GovernorOnlyExecutor.selector);
            _government.setProposalThreshold(0);
            vm.prank(callers[i]);
            vm.expectPartialRevert(IGovernor.GovernorOnlyExecutor.selector);
            _government.updateQuorumNumerator(100);
            vm.prank(callers[i]);
            vm.expectPartialRevert(IGovernor.GovernorOnlyExecutor.selector);
            _government.relay(address(parameters), 0, call);
        }
        bytes32 role = _timelock.PROPOSER_ROLE();
        vm.prank(payer);
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        _timelock.grantRole(role, payer);
    }

    /// A vote cannot give a way round later votes, nor take away the wait or the bounds.
    function test_votesStayWithinTheirBounds() public {
        _fail(address(_timelock), abi.encodeCall(_timelock.grantRole, (_timelock.PROPOSER_ROLE(), payer)));
        _fail(
            address(_timelock), abi.encodeCall(_timelock.revokeRole, (_timelock.PROPOSER_ROLE(), address(_government)))
        );
        _fail(address(_timelock), abi.encodeCall(_timelock.updateDelay, (WAIT - 1)));
        _fail(address(_government), abi.encodeCall(_government.setVotingDelay, (LAG - 1)));
        _fail(address(_government), abi.encodeCall(_government.setVotingPeriod, (TERM - 1)));
        _fail(address(_government), abi.encodeCall(_government.setProposalThreshold, (50_000_000e18 + 1)));
        _fail(address(_government), abi.encodeCall(_government.updateQuorumNumerator, (49)));
        _fail(address(_government), abi.encodeCall(_government.updateQuorumNumerator, (1_001)));
        _fail(address(_government), abi.encodeCall(_government.updateTimelock, (TimelockController(payable(payer)))));
        // Within them it can.
        _pass(address(_timelock), abi.encodeCall(_timelock.updateDelay, (WAIT + 1)));
        checkEqual(_timelock.getMinDelay(), WAIT + 1, "longer wait");
    }

    function test_nobodyRenouncesForTheGovernment() public {
        bytes32 role = _timelock.PROPOSER_ROLE();
        vm.prank(address(_government));
        vm.expectRevert(Timelock.RolesAreFixed.selector);
        _timelock.renounceRole(role, address(_government));
    }

    function test_whereThereIsMoneyThereAreDelays() public {
        uint256 here = block.chainid;
        Government(payable(create("Government.sol:Government", abi.encode(token, Voting(0, TERM, 0, 0, 100)))));
        vm.chainId(here + 1);
        vm.expectRevert(abi.encodeWithSelector(Government.OutOfRange.selector, "delays"));
        Government(payable(create("Government.sol:Government", abi.encode(token, Voting(0, TERM, WAIT, 0, 100)))));
        vm.expectRevert(abi.encodeWithSelector(Government.OutOfRange.selector, "delays"));
        Government(payable(create("Government.sol:Government", abi.encode(token, Voting(LAG, TERM, 0, 0, 100)))));
        Government(payable(create("Government.sol:Government", abi.encode(token, Voting(LAG, TERM, WAIT, 0, 100)))));
        vm.chainId(here);
    }

    function test_noDelayIsLongerThanSixtyDays() public {
        uint48 long = 60 days + 1;
        vm.expectRevert(abi.encodeWithSelector(Government.OutOfRange.selector, "delay"));
        create("Government.sol:Government", abi.encode(token, Voting(long, TERM, WAIT, 0, 100)));
        vm.expectRevert(abi.encodeWithSelector(Government.OutOfRange.selector, "period"));
        create("Government.sol:Government", abi.encode(token, Voting(LAG, uint32(long), WAIT, 0, 100)));
        vm.expectRevert(abi.encodeWithSelector(Timelock.OutOfRange.selector, "timelock"));
        create("Government.sol:Government", abi.encode(token, Voting(LAG, TERM, uint32(long), 0, 100)));
        _fail(address(_government), abi.encodeCall(_government.setVotingDelay, (long)));
        _fail(address(_government), abi.encodeCall(_government.setVotingPeriod, (uint32(long))));
        _fail(address(_timelock), abi.encodeCall(_timelock.updateDelay, (long)));
    }

    function test_onlyItsProposerCancelsAndBeforeTheVote() public {
        bytes memory call = abi.encodeCall(parameters.setGuardian, (OTHER));
        uint256 id = _propose(address(parameters), call);
        vm.prank(OTHER);
        vm.expectPartialRevert(IGovernor.GovernorUnableToCancel.selector);
        _cancel(call);
        vm.prank(HOLDER);
        _cancel(call);
        check(_government.state(id) == IGovernor.ProposalState.Canceled, "cancelled");
    }

    function _cancel(bytes memory call) private {
        _government.cancel(_list(address(parameters)), new uint256[](1), _list(call), keccak256("a proposal"));
    }

    function test_theGuardianStopsEntryAndNeverExit() public {
        _fund(payer, 1_000, 400);
        _bond(PROVIDER, 100);
        _pass(address(parameters), abi.encodeCall(parameters.setGuardian, (GUARDIAN)));
        token.transfer(payer, 100);
        vm.prank(payer);
        token.approve(address(escrow), 100);
        vm.prank(payer);
        token.approve(address(staking), 100);
        vm.prank(GUARDIAN);
        parameters.pauseEntry();
        uint256 until = parameters.pausedUntil();
        checkEqual(until, this.clock() + 3 days, "three days");
        bytes memory refusal = abi.encodeWithSelector(Parameters.EntryIsPaused.selector, until);
        vm.startPrank(payer);
        vm.expectRevert(refusal);
        escrow.deposit(1);
        vm.expectRevert(refusal);
        staking.stake(1);
        vm.expectRevert(refusal);
        staking.bond(1);
        // All the ways out.
        escrow.withdraw(100);
        escrow.requestRelease(validator, 400);
        vm.stopPrank();
        vm.prank(PROVIDER);
        staking.requestUnbond(100);
        _wait(UNBONDING);
        vm.prank(payer);
        escrow.finishRelease(validator);
        vm.prank(PROVIDER);
        staking.finishUnbond();
        checkEqual(token.balanceOf(PROVIDER), 100, "out");
        vm.warp(until - 1);
        vm.prank(payer);
        vm.expectRevert(refusal);
        escrow.deposit(1);
        vm.warp(until);
        vm.prank(payer);
        escrow.deposit(1);
    }

    function test_aPauseIsFollowedByARest() public {
        _pass(address(parameters), abi.encodeCall(parameters.setGuardian, (GUARDIAN)));
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Parameters.NotGuardian.selector, payer));
        parameters.pauseEntry();
        vm.prank(GUARDIAN);
        parameters.pauseEntry();
        uint256 again = parameters.pausedUntil() + 14 days;
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Parameters.NotGuardian.selector, payer));
        parameters.openEntry();
        vm.prank(GUARDIAN);
        parameters.openEntry();
        parameters.requireEntry();
        // To end it early buys no second one.
        vm.warp(again - 1);
        vm.prank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(Parameters.PausedLately.selector, again));
        parameters.pauseEntry();
        vm.warp(again);
        vm.prank(GUARDIAN);
        parameters.pauseEntry();
        // The owner can end it, too, and a former guardian cannot begin one.
        vm.prank(address(_timelock));
        parameters.openEntry();
        parameters.requireEntry();
        vm.prank(address(_timelock));
        parameters.setGuardian(address(0));
        vm.warp(again + 60 days);
        vm.prank(GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(Parameters.NotGuardian.selector, GUARDIAN));
        parameters.pauseEntry();
    }

    function test_onlyTheOwnerNamesAGuardian() public {
        vm.prank(payer);
        vm.expectPartialRevert(bytes4(keccak256("OwnableUnauthorizedAccount(address)")));
        parameters.setGuardian(payer);
    }

    /// Brings one call through a vote.
    function _pass(address target, bytes memory call) private {
        _vote(target, call);
        _execute(target, call);
    }

    /// The vote passes, and the call is refused.
    function _fail(address target, bytes memory call) private {
        _vote(target, call);
        try this.execute(target, call) {
            revert("was carried out");
        } catch {}
    }

    function execute(address target, bytes calldata call) external {
        _execute(target, call);
    }

    function _vote(address target, bytes memory call) private {
        uint256 id = _propose(target, call);
        _wait(LAG + 1);
        vm.prank(HOLDER);
        _government.castVote(id, IN_FAVOUR);
        _wait(TERM);
        _queue(target, call);
        _wait(_timelock.getMinDelay());
    }

    function _propose(address target, bytes memory call) private returns (uint256) {
        vm.prank(HOLDER);
        return _government.propose(_list(target), new uint256[](1), _list(call), "a proposal");
    }

    function _queue(address target, bytes memory call) private {
        _government.queue(_list(target), new uint256[](1), _list(call), keccak256("a proposal"));
    }

    function _execute(address target, bytes memory call) private {
        _government.execute(_list(target), new uint256[](1), _list(call), keccak256("a proposal"));
    }

    function _list(address one) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = one;
    }

    function _list(bytes memory one) private pure returns (bytes[] memory list) {
        list = new bytes[](1);
        list[0] = one;
    }
}
