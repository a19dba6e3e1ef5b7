// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Government, Timelock, Voting} from "../src/Government.sol";
import {Parameters} from "../src/Parameters.sol";
import {Recipients, Shares} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {Lives} from "./Lives.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

/// Random lives of parameters under an owner and a guardian that try everything, and of the rules of voting under votes that pass.
contract GovernanceHandler is Fixture {
    uint48 private constant LAG = 1 days;
    uint32 private constant TERM = 5 days;
    uint32 private constant WAIT = 2 days;
    uint256 private constant THRESHOLD = 100_000e18;
    address private constant HOLDER = address(0xD1);
    address private constant GUARDIAN = address(0xD3);
    uint8 private constant IN_FAVOUR = 1;

    Government private _government;
    Timelock private _timelock;
    uint256 private _proposals;
    uint256 private _created;
    /// The values in force and their times, as a reader of the announcements knows them.
    Parameters.Distribution private _now;
    Parameters.Distribution private _next;
    uint256 private _from;
    uint16 private _license;
    uint64 private _version;
    uint256 private _nextPause;
    uint256 public changed;
    uint256 public refused;
    uint256 public pauses;
    uint256 public passed;

    function setUp() public override {
        vm.warp(1_800_000_000);
        _created = 1_800_000_000;
        _deploy(Shares(100, 100, 100, 100, 2, 100, 0));
        parameters.setGuardian(GUARDIAN);
        _now = parameters.distribution();
        _license = _now.shares.license;
        _government = Government(payable(create("Government.sol:Government", abi.encode(token, Voting(LAG, TERM, WAIT, THRESHOLD, 100)))));
        _timelock = Timelock(payable(_government.timelock()));
        token.transfer(HOLDER, 1_000_000_000e18);
        vm.prank(HOLDER);
        token.delegate(HOLDER);
        _wait(LAG + 1);
    }

    function _count(bool isDone) private returns (bool) {
        if (isDone) ++changed;
        else ++refused;
        return isDone;
    }

    function _try(bytes memory data) private returns (bool isDone) {
        (isDone,) = address(parameters).call(data);
        _count(isDone);
    }

    function _share(uint256 seed, uint256 place, uint256 most) private pure returns (uint16) {
        return uint16(bound(uint256(keccak256(abi.encode(seed, place))), 0, most + most / 4 + 1));
    }

    /// Shares around their bounds. The rules decide about refused values; `assertBounded` lists them.
    function setDistribution(uint256 seed, uint256 to) external {
        Shares memory shares = Shares({
            router: _share(seed, 0, 500),
            validator: _share(seed, 1, 500),
            verification: _share(seed, 2, 1_000),
            treasury: _share(seed, 3, 500),
            license: _share(seed, 4, 2),
            recycle: _share(seed, 5, 500),
            maker: _share(seed, 6, 500)
        });
        Recipients memory recipients =
            Recipients(address(uint160(1 + to % 3)), address(uint160(to / 3 % 9)), address(uint160(1 + to / 27 % 3)));
        _settleNow();
        if (!_try(abi.encodeCall(parameters.setDistribution, (shares, recipients)))) return;
        check(shares.license <= _license, "a license never rises");
        _next = Parameters.Distribution(shares, recipients);
        _from = this.clock() + NOTICE;
    }

    function _settleNow() private {
        if (_from == 0 || this.clock() < _from) return;
        _now = _next;
        _from = 0;
        _license = _now.shares.license;
    }

    function setLimits(uint32 alpha, uint32 withdrawal, uint32 unbonding, uint256 bonds) external {
        Parameters.Limits memory next = Parameters.Limits({
            alpha: uint32(bound(alpha, 0, 1_250_000)),
            withdrawalDelay: uint32(bound(withdrawal, 0, 3 days)),
            unbondingDelay: uint32(bound(unbonding, 0, 70 days)),
            minimumValidatorBond: uint128(bound(bonds, 0, 60_000_000e18)),
            minimumRouterBond: uint128(bound(bonds / 3, 0, 1_200_000e18)),
            minimumVerifierStake: uint128(bound(bonds / 7, 0, 1_200_000e18))
        });
        _try(abi.encodeCall(parameters.setLimits, (next)));
    }

    function setTests(uint32 canaries, uint32 timed, uint32 slowest) external {
        Parameters.Tests memory next = Parameters.Tests({
            canaryRate: uint32(bound(canaries, 0, 5_000_000)),
            timedRate: uint32(bound(timed, 0, 5_000_000)),
            slowestRate: uint32(bound(slowest, 0, 1_250_000))
        });
        _try(abi.encodeCall(parameters.setTests, (next)));
    }

    function setWork(uint8 bits, uint32 epochs) external {
        Parameters.Work memory next = Parameters.Work(uint8(bound(bits, 0, 50)), uint32(bound(epochs, 0, 1_250_000)));
        _try(abi.encodeCall(parameters.setWork, (next)));
    }

    function setDriftTable(bytes32 hash, uint64 version) external {
        version = uint64(bound(version, 0, 40));
        bool isNewer = version > _version;
        bool isDone = _try(abi.encodeCall(parameters.setDriftTable, (Parameters.DriftTable(hash, version))));
        check(isDone == isNewer, "only a newer table");
        if (isDone) _version = version;
    }

    /// The guardian pauses whenever it may.
    function pause(bool opens) external {
        vm.prank(GUARDIAN);
        (bool isDone,) = address(parameters).call(abi.encodeCall(parameters.pauseEntry, ()));
        check(isDone == (this.clock() >= _nextPause), "no pause follows another");
        if (isDone) {
            _nextPause = this.clock() + 3 days + 14 days;
            ++pauses;
        }
        if (!opens) return;
        vm.prank(GUARDIAN);
        parameters.openEntry();
    }

    function wait(uint256 duration, bool isLong) external {
        _wait(bound(duration, 0, isLong ? 2 * 365 days : 3 days));
    }

    /// Everybody agrees on a rule of voting, whatever it is.
    function vote(uint256 which, uint256 value) external {
        address target = which % 5 == 4 ? address(_timelock) : address(_government);
        bytes memory call = _rule(which % 5, value);
        (address[] memory targets, bytes[] memory calls) = (new address[](1), new bytes[](1));
        (targets[0], calls[0]) = (target, call);
        string memory why = string(abi.encodePacked(bytes32(++_proposals)));
        vm.prank(HOLDER);
        uint256 id = _government.propose(targets, new uint256[](1), calls, why);
        _wait(_government.votingDelay() + 1);
        vm.prank(HOLDER);
        _government.castVote(id, IN_FAVOUR);
        _wait(_government.votingPeriod());
        bytes32 hash = keccak256(bytes(why));
        _government.queue(targets, new uint256[](1), calls, hash);
        _wait(_timelock.getMinDelay());
        try _government.execute(targets, new uint256[](1), calls, hash) {
            ++passed;
        } catch {
            ++refused;
        }
    }

    function _rule(uint256 which, uint256 value) private view returns (bytes memory) {
        if (which == 0) return abi.encodeCall(_government.setVotingDelay, (uint48(bound(value, 0, 70 days))));
        if (which == 1) return abi.encodeCall(_government.setVotingPeriod, (uint32(bound(value, 0, 70 days))));
        if (which == 2) return abi.encodeCall(_government.setProposalThreshold, (bound(value, 0, 60_000_000e18)));
        if (which == 3) return abi.encodeCall(_government.updateQuorumNumerator, (bound(value, 0, 1_250)));
        return abi.encodeCall(_timelock.updateDelay, (bound(value, 0, 70 days)));
    }

    function assertBounded() external view {
        Parameters.Distribution memory found = parameters.distribution();
        _assertInForce(found);
        _assertShares(found);
        Parameters.Limits memory limits = parameters.limits();
        check(limits.alpha <= 1_000_000, "alpha");
        check(limits.withdrawalDelay >= LEAST_DELAY && limits.withdrawalDelay <= NOTICE, "withdrawal delay");
        check(limits.unbondingDelay >= LEAST_UNBONDING && limits.unbondingDelay <= 60 days, "unbonding delay");
        check(limits.minimumValidatorBond > 0 && limits.minimumValidatorBond <= 50_000_000e18, "validators' bond");
        check(limits.minimumRouterBond > 0 && limits.minimumRouterBond <= 1_000_000e18, "routers' bond");
        check(limits.minimumVerifierStake <= 1_000_000e18, "verifiers' stake");
        (uint128 asked, uint128 lower, uint128 upper, uint128 next, uint48 from) = parameters.verifierStakes();
        check(lower <= asked && asked <= upper && next == limits.minimumVerifierStake, "verifiers' stake of before");
        check(from == 0 ? asked == next : from > this.clock() && from <= this.clock() + NOTICE, "verifiers' stake of later");
        (uint32 least,) = parameters.leastAlpha(uint48(this.clock()) - 1 days);
        check(least <= limits.alpha, "alpha of before");
        Parameters.Tests memory tests = parameters.tests();
        (uint32 canary, uint32 timed) = parameters.greatestRates();
        check(tests.canaryRate <= canary && canary <= 4_000_000 && tests.timedRate <= timed && timed <= 4_000_000, "rates");
        check(tests.slowestRate > 0 && tests.slowestRate <= 1_000_000, "slowest device");
        Parameters.Work memory work = parameters.work();
        check(work.bits <= 40 && work.epochs <= 1_000_000 && (work.bits == 0 || work.epochs > 0), "work");
        checkEqual(parameters.driftTable().version, _version, "drift table");
        check(parameters.pausedUntil() <= this.clock() + 3 days, "pause");
        check(parameters.delays().notice == NOTICE && parameters.delays().appeal == APPEAL, "what is fixed");
        checkEqual(parameters.holding().period, PERIOD, "holding");
        _assertVoting();
    }

    /// An announced change counts from its notice on, and not a second before.
    function _assertInForce(Parameters.Distribution memory found) private view {
        Parameters.Distribution memory due = _from != 0 && this.clock() >= _from ? _next : _now;
        if (this.clock() >= _created + 20 * 365 days) due.shares.license = 0;
        if (this.clock() >= _created + 5 * 365 days) due.recipients.treasury = VAULT;
        check(keccak256(abi.encode(found)) == keccak256(abi.encode(due)), "in force is what was announced");
    }

    function _assertShares(Parameters.Distribution memory found) private view {
        Shares memory shares = found.shares;
        uint256 total = uint256(shares.router) + shares.validator + shares.verification + shares.treasury + shares.license;
        check(total + shares.recycle + shares.maker <= 2_000, "a provider keeps four fifths");
        check(shares.router <= 500 && shares.validator <= 500 && shares.treasury <= 500 && shares.maker <= 500, "each");
        check(shares.verification >= 100 && shares.verification <= 1_600, "verification");
        check(shares.recycle >= 50 && shares.recycle <= 500, "recycled, since there is some");
        check(shares.license <= _license, "a license never rises");
        Recipients memory to = found.recipients;
        check(to.verification != address(0) && to.treasury != address(0) && to.license != address(0), "somebody's");
    }

    function _assertVoting() private view {
        uint256 delay = _government.votingDelay();
        uint256 period = _government.votingPeriod();
        check(delay >= LAG && delay <= 60 days, "delay of votes");
        check(period >= TERM && period <= 60 days, "period of votes");
        check(_government.proposalThreshold() <= 50_000_000e18, "threshold");
        uint256 quorum = _government.quorumNumerator();
        check(quorum >= 50 && quorum <= 1_000, "quorum");
        uint256 wait_ = _timelock.getMinDelay();
        check(wait_ >= WAIT && wait_ <= 60 days, "wait after votes");
        check(_government.timelock() == address(_timelock), "the timelock");
    }

    /// Past all rules.
    function forceVersion() external {
        _version += 1;
    }
}

contract GovernanceLivesTest is Lives {
    GovernanceHandler private handler;

    function setUp() public {
        handler = new GovernanceHandler();
        handler.setUp();
    }

    function _actions() internal view override returns (address actor, bytes memory actions) {
        actor = address(handler);
        actions = abi.encodePacked([
            handler.setDistribution.selector, handler.setLimits.selector, handler.setTests.selector, handler.setWork.selector,
            handler.setDriftTable.selector, handler.pause.selector, handler.wait.selector, handler.vote.selector
        ]);
    }

    function invariant_nothingLeavesItsBounds() public view {
        handler.assertBounded();
    }

    /// The controls: changes are taken and refused, and a model that says something else is noticed.
    function test_handlerReachesEveryActionAndAnotherModelIsNoticed() public {
        for (uint256 i; i < 60; ++i) {
            handler.setDistribution(i, 3 * (i + 1));
        }
        check(handler.changed() > 0 && handler.refused() > 0, "distributions");
        handler.wait(2 days, false);
        this.invariant_nothingLeavesItsBounds();
        uint256 before = handler.changed();
        handler.setLimits(1, 1 hours, 20 days, 7e18);
        handler.setTests(1, 1, 1);
        handler.setWork(1, 1);
        handler.setDriftTable("table", 3);
        checkEqual(handler.changed(), before + 4, "others");
        before = handler.refused();
        handler.setLimits(1, 1, 20 days, 7e18);
        handler.setTests(1, 1, 0);
        handler.setWork(1, 0);
        handler.setDriftTable("table", 2);
        checkEqual(handler.refused(), before + 4, "refused");
        handler.pause(true);
        handler.pause(false);
        checkEqual(handler.pauses(), 1, "one pause");
        for (uint256 i; i < 5; ++i) {
            handler.vote(i, i == 2 ? 50_000_000e18 : i == 3 ? 1_000 : 60 days);
        }
        checkEqual(handler.passed(), 5, "votes");
        handler.vote(0, 1);
        checkEqual(handler.refused(), before + 5, "nothing becomes shorter");
        handler.wait(2 * 365 days, true);
        handler.wait(2 * 365 days, true);
        handler.wait(2 * 365 days, true);
        this.invariant_nothingLeavesItsBounds();
        handler.forceVersion();
        try this.invariant_nothingLeavesItsBounds() {
            check(false, "another model went unnoticed");
        } catch {}
    }
}
