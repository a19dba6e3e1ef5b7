// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {GovernorVotesQuorumFraction} from
    "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// How a network votes. Delays in seconds; none of them ever gets shorter than at deployment.
struct Voting {
    /// From a proposal until votes are counted: time to read it. Only votes that an account had before the proposal count (see _getVotes).
    uint48 delay;
    uint32 period;
    /// From the end of a vote that passed until anybody may carry it out: time to leave.
    uint32 timelock;
    /// Votes that a proposer needs, atomic units.
    uint256 threshold;
    /// Votes for it or abstaining that a proposal needs, of all tokens, in basis points.
    uint16 quorumBps;
}

/// @title The wait between a vote and its effect
/// @notice Owns the property of the network's governance. Only a passed vote schedules an operation here, anybody carries it out after the
/// wait, and nobody has another role.
contract Timelock is TimelockController {
    uint256 public constant MAX_DELAY = 60 days;
    /// Never shorter.
    uint256 public immutable leastDelay;

    error OutOfRange(string parameter);
    error RolesAreFixed();

    constructor(uint256 delay, address[] memory proposers, address[] memory executors)
        TimelockController(delay, proposers, executors, address(0))
    {
        if (delay > MAX_DELAY) revert OutOfRange("timelock");
        leastDelay = delay;
    }

    function updateDelay(uint256 next) public override {
        if (next < leastDelay || next > MAX_DELAY) revert OutOfRange("timelock");
        super.updateDelay(next);
    }

    /// Roles are given only at creation, so votes cannot be evaded later.
    function _grantRole(bytes32 role, address account) internal override returns (bool) {
        if (address(this).code.length != 0) revert RolesAreFixed();
        return super._grantRole(role, account);
    }

    function _revokeRole(bytes32, address) internal pure override returns (bool) {
        revert RolesAreFixed();
    }
}

/// @title Votes of token holders
/// @notice Each token that was delegated for a while before a proposal's votes are counted is one vote. A proposal that passes waits in the
/// timelock, which this contract creates. Votes can change the rules of voting too, within the bounds below.
contract Government is
    Governor,
    GovernorSettings,
    GovernorCountingSimple,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorTimelockControl
{
    uint256 private constant BASIS = 10_000;
    /// Number of a chain on one machine, with worthless money.
    uint256 private constant LOCAL_CHAIN = 31_337;
    uint256 public constant MAX_DELAY = 60 days;
    /// With a higher threshold only a few could propose anything.
    uint256 public constant MAX_THRESHOLD = 50_000_000e18;
    /// Four fifths of OGONG's tokens are the emission's and vote for nothing: more could never be reached.
    uint256 public constant MAX_QUORUM_BPS = 1_000;
    uint256 public constant LEAST_QUORUM_BPS = 50;

    /// At how many times before the one that counts an account has to have its votes, too.
    uint256 public constant LOOKS = 16;

    /// Neither is ever shorter.
    uint256 public immutable leastVotingDelay;
    uint256 public immutable leastVotingPeriod;

    error OutOfRange(string parameter);
    error TimelockIsFixed();

    constructor(IVotes token_, Voting memory voting)
        Governor("OGONG")
        GovernorSettings(voting.delay, voting.period, voting.threshold)
        GovernorVotes(token_)
        GovernorVotesQuorumFraction(voting.quorumBps)
        GovernorTimelockControl(_createTimelock(voting.timelock))
    {
        // Only a chain on one machine goes without them.
        if (block.chainid != LOCAL_CHAIN && (voting.delay == 0 || voting.timelock == 0)) revert OutOfRange("delays");
        leastVotingDelay = voting.delay;
        leastVotingPeriod = voting.period;
    }

    function setVotingDelay(uint48 next) public override {
        if (next < leastVotingDelay) revert OutOfRange("delay");
        super.setVotingDelay(next);
    }

    function setVotingPeriod(uint32 next) public override {
        if (next < leastVotingPeriod) revert OutOfRange("period");
        super.setVotingPeriod(next);
    }

    /// @notice Property of governance belongs to the timelock: another one would own nothing.
    function updateTimelock(TimelockController) public pure override {
        revert TimelockIsFixed();
    }

    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    function state(uint256 id) public view override(Governor, GovernorTimelockControl) returns (ProposalState) {
        return super.state(id);
    }

    function proposalNeedsQueuing(uint256 id) public view override(Governor, GovernorTimelockControl) returns (bool) {
        return super.proposalNeedsQueuing(id);
    }

    function quorumDenominator() public pure override returns (uint256) {
        return BASIS;
    }

    /// Returns the fewest votes of the account at points spread evenly over the shortest voting delay. Tokens that are bought in one block
    /// and sold in the next one thus give no votes.
    function _getVotes(address account, uint256 timepoint, bytes memory params)
        internal
        view
        override(Governor, GovernorVotes)
        returns (uint256 least)
    {
        least = super._getVotes(account, timepoint, params);
        for (uint256 i = 1; i <= LOOKS && least != 0 && leastVotingDelay != 0; ++i) {
            uint256 before = leastVotingDelay * i / LOOKS;
            least = Math.min(least, super._getVotes(account, before < timepoint ? timepoint - before : 0, params));
        }
    }

    function _setVotingDelay(uint48 next) internal override {
        if (next > MAX_DELAY) revert OutOfRange("delay");
        super._setVotingDelay(next);
    }

    function _setVotingPeriod(uint32 next) internal override {
        if (next > MAX_DELAY) revert OutOfRange("period");
        super._setVotingPeriod(next);
    }

    function _setProposalThreshold(uint256 next) internal override {
        if (next > MAX_THRESHOLD) revert OutOfRange("threshold");
        super._setProposalThreshold(next);
    }

    function _updateQuorumNumerator(uint256 next) internal override {
        if (next < LEAST_QUORUM_BPS || next > MAX_QUORUM_BPS) revert OutOfRange("quorum");
        super._updateQuorumNumerator(next);
    }

    function _queueOperations(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calls,
        bytes32 description
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(id, targets, values, calls, description);
    }

    function _executeOperations(
        uint256 id,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calls,
        bytes32 description
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(id, targets, values, calls, description);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calls,
        bytes32 description
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calls, description);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }

    /// Only this contract puts something in, and anybody carries it out.
    function _createTimelock(uint256 delay) private returns (Timelock) {
        address[] memory proposers = new address[](1);
        proposers[0] = address(this);
        return new Timelock(delay, proposers, new address[](1));
    }
}
