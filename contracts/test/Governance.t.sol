// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Parameters} from "../src/Parameters.sol";
import {Staking} from "../src/Staking.sol";
import {Delays, Holding, Recipients, Shares} from "../src/libraries/Types.sol";
import {Fixture, noWork, usualTests} from "./Fixture.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

/// Token, parameters and staking.
contract GovernanceTest is Fixture {
    function test_onlyTheOwnerGoverns() public {
        bytes memory refusal = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, payer);
        vm.prank(payer);
        vm.expectRevert(refusal);
        parameters.setDistribution(Shares(0, 0, 100, 0, 0, 0, 0), Recipients(payer, payer, payer));
        vm.prank(payer);
        vm.expectRevert(refusal);
        parameters.setLimits(Parameters.Limits(0, 0, 0, 1, 1, 0));
        vm.prank(payer);
        vm.expectRevert(refusal);
        parameters.setDriftTable(Parameters.DriftTable("table", 1));
        vm.prank(payer);
        vm.expectRevert(refusal);
        parameters.setTests(Parameters.Tests(0, 0, 20));
    }

    function testFuzz_testsStayWithinBounds(uint32 canaryRate, uint32 timedRate, uint32 slowestRate) public {
        Parameters.Tests memory next = Parameters.Tests(canaryRate, timedRate, slowestRate);
        if (canaryRate > 4_000_000) {
            vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "canaryRate"));
        } else if (timedRate > 4_000_000) {
            vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "timedRate"));
        } else if (slowestRate == 0 || slowestRate > 1_000_000) {
            vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "slowestRate"));
        } else {
            vm.expectEmit();
            emit Parameters.TestsChanged(next);
        }
        parameters.setTests(next);
    }

    /// The most that is allowed is allowed, and nothing more.
    function test_boundsOfTests() public {
        parameters.setTests(Parameters.Tests(4_000_000, 4_000_000, 1_000_000));
        checkEqual(parameters.tests().canaryRate, 4_000_000, "canaries");
        checkEqual(parameters.tests().timedRate, 4_000_000, "timed");
        checkEqual(parameters.tests().slowestRate, 1_000_000, "slowest");
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "canaryRate"));
        parameters.setTests(Parameters.Tests(4_000_001, 0, 20));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "timedRate"));
        parameters.setTests(Parameters.Tests(0, 4_000_001, 20));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "slowestRate"));
        parameters.setTests(Parameters.Tests(0, 0, 0));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "slowestRate"));
        parameters.setTests(Parameters.Tests(0, 0, 1_000_001));
    }

    /// A network begins with the tests, the ramp and the work that it is created with.
    function test_newcomersAsTheyWereDeployed() public {
        Parameters created = _create(Holding(PERIOD, ENTRANCE, 500_000), Parameters.Tests(7, 11, 13), Parameters.Work(20, 300));
        checkEqual(created.tests().canaryRate, 7, "canaries");
        checkEqual(created.tests().timedRate, 11, "timed");
        checkEqual(created.tests().slowestRate, 13, "slowest");
        (uint32 canary, uint32 timed) = created.greatestRates();
        checkEqual(canary, 7, "greatest canaries");
        checkEqual(timed, 11, "greatest timed");
        checkEqual(created.holding().growth, 500_000, "growth");
        checkEqual(created.work().bits, 20, "bits");
        checkEqual(created.work().epochs, 300, "epochs");
    }

    function test_boundsOfTheDeployment() public {
        Holding memory usual = Holding(PERIOD, ENTRANCE, GROWTH);
        // The most that is allowed is allowed.
        _create(usual, Parameters.Tests(4_000_000, 4_000_000, 1_000_000), Parameters.Work(40, 1_000_000));
        _create(Holding(PERIOD, ENTRANCE, 1), usualTests(), Parameters.Work(1, 1));
        _create(Holding(PERIOD, 0, 0), usualTests(), noWork());
        _refuses("growth", Holding(PERIOD, ENTRANCE, 2_000_001), usualTests(), noWork());
        _refuses("growth", Holding(PERIOD, 0, 2_000_001), usualTests(), noWork());
        _refuses("growth", Holding(PERIOD, ENTRANCE, 0), usualTests(), noWork());
        _refuses("canaryRate", usual, Parameters.Tests(4_000_001, 0, 20), noWork());
        _refuses("timedRate", usual, Parameters.Tests(0, 4_000_001, 20), noWork());
        _refuses("slowestRate", usual, Parameters.Tests(0, 0, 0), noWork());
        _refuses("workBits", usual, usualTests(), Parameters.Work(41, 1));
        _refuses("workEpochs", usual, usualTests(), Parameters.Work(1, 0));
        _refuses("workEpochs", usual, usualTests(), Parameters.Work(1, 1_000_001));
    }

    function test_workOfNewcomers() public {
        checkEqual(parameters.work().bits, 0, "none at first");
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, payer));
        parameters.setWork(Parameters.Work(20, 300));
        vm.expectEmit();
        emit Parameters.WorkChanged(Parameters.Work(20, 300));
        parameters.setWork(Parameters.Work(20, 300));
        checkEqual(parameters.work().bits, 20, "bits");
        checkEqual(parameters.work().epochs, 300, "epochs");
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "workBits"));
        parameters.setWork(Parameters.Work(41, 300));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "workEpochs"));
        parameters.setWork(Parameters.Work(20, 0));
    }

    function _refuses(string memory parameter, Holding memory holding, Parameters.Tests memory tests, Parameters.Work memory work)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, parameter));
        _create(holding, tests, work);
    }

    function _create(Holding memory holding, Parameters.Tests memory tests, Parameters.Work memory work)
        private
        returns (Parameters)
    {
        return Parameters(create("Parameters.sol:Parameters", abi.encode(
            address(this),
            Delays(VOTING, NOTICE, APPEAL, LEAST_DELAY, LEAST_UNBONDING),
            holding,
            Shares(100, 100, 100, 100, 2, 0, 0),
            Recipients(VERIFICATION, TREASURY, LICENSE),
            Parameters.Limits(1_000_000, DELAY, UNBONDING, BOND, 1, 0),
            VAULT,
            tests,
            work
        )));
    }

    /// Draws by an earlier rate are accepted for a day, and no longer.
    function test_greatestRatesOfADay() public {
        uint256 start = 30 days;
        vm.warp(start);
        parameters.setTests(Parameters.Tests(900, 20, 20));
        vm.warp(start + 1);
        parameters.setTests(Parameters.Tests(100, 30, 20));
        vm.warp(start + 2);
        parameters.setTests(Parameters.Tests(0, 0, 20));
        // Those that it began with.
        _checkGreatest(50_000, 30);
        // The first one was in force until a second after it was named: one day after that it is forgotten.
        vm.warp(start + 1 days);
        _checkGreatest(900, 30);
        vm.warp(start + 1 days + 1);
        _checkGreatest(100, 30);
        vm.warp(start + 1 days + 2);
        _checkGreatest(0, 0);
    }

    /// A draw with the required stake was right, and its entry may be signed days later.
    function test_verifierStakesOfAWeek() public {
        uint256 start = 30 days;
        vm.warp(start);
        _askStake(500);
        checkEqual(parameters.limits().minimumVerifierStake, 500, "announced");
        // Nobody is left out before the notice is over.
        _checkStakes(0, 0, 0);
        vm.warp(start + NOTICE - 1);
        _checkStakes(0, 0, 0);
        vm.warp(start + NOTICE);
        _checkStakes(500, 0, 500);
        // In force since then, though nobody called in between.
        vm.warp(start + NOTICE + 7 days - 1);
        _checkStakes(500, 0, 500);
        vm.warp(start + NOTICE + 7 days);
        _checkStakes(500, 500, 500);
        start = start + NOTICE + 7 days;
        _askStake(300);
        vm.warp(start + NOTICE + 26 hours);
        _checkStakes(300, 300, 500);
        _askStake(400);
        _checkStakes(300, 300, 500);
        vm.warp(start + NOTICE + 7 days);
        // 300 were in force since the end of their notice, whenever the next call came.
        _checkStakes(400, 300, 400);
    }

    function test_aLaterVerifierStakeTakesThePlaceOfOneThatIsAnnounced() public {
        vm.warp(30 days);
        _askStake(500);
        uint256 first = 30 days + NOTICE;
        vm.warp(first - 1);
        // Other limits alone give no new notice.
        parameters.setLimits(Parameters.Limits(7, DELAY, UNBONDING, 1, 1, 500));
        (,,, uint128 next, uint48 from) = parameters.verifierStakes();
        checkEqual(next, 500, "next");
        checkEqual(from, first, "from");
        _askStake(900);
        vm.warp(first);
        _checkStakes(0, 0, 0);
        // And taken back, it never comes.
        _askStake(0);
        (,,, next, from) = parameters.verifierStakes();
        checkEqual(uint256(next) + from, 0, "nothing is announced");
        vm.warp(first + 2 * NOTICE);
        _checkStakes(0, 0, 0);
    }

    function _checkStakes(uint128 current, uint128 least, uint128 greatest) private view {
        (uint128 found, uint128 foundLeast, uint128 foundGreatest,,) = parameters.verifierStakes();
        checkEqual(found, current, "now");
        checkEqual(foundLeast, least, "least");
        checkEqual(foundGreatest, greatest, "greatest");
    }

    function _askStake(uint128 least) private {
        parameters.setLimits(Parameters.Limits(0, DELAY, UNBONDING, 1, 1, least));
    }

    function _checkGreatest(uint32 canary, uint32 timed) private view {
        (uint32 foundCanary, uint32 foundTimed) = parameters.greatestRates();
        checkEqual(foundCanary, canary, "canaries");
        checkEqual(foundTimed, timed, "timed");
    }

    /// Elsewhere than on one machine each of the delays is there.
    function test_noDelayIsLeftOutWhereThereIsMoney() public {
        uint256 here = block.chainid;
        _construct(Delays(0, 0, 0, 0, 0));
        vm.chainId(here + 1);
        _construct(Delays(VOTING, NOTICE, APPEAL, LEAST_DELAY, LEAST_UNBONDING));
        for (uint256 i; i < 5; ++i) {
            uint32[5] memory each = [VOTING, NOTICE, APPEAL, LEAST_DELAY, LEAST_UNBONDING];
            each[i] = 0;
            vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "delays"));
            _construct(Delays(each[0], each[1], each[2], each[3], each[4]));
        }
        vm.chainId(here);
    }

    function _construct(Delays memory delays) private {
        Parameters(create("Parameters.sol:Parameters", abi.encode(
            address(this),
            delays,
            Holding(PERIOD, ENTRANCE, GROWTH),
            Shares(100, 100, 100, 100, 2, 0, 0),
            Recipients(VERIFICATION, TREASURY, LICENSE),
            Parameters.Limits(1_000_000, DELAY, UNBONDING, BOND, 1, 0),
            VAULT,
            usualTests(),
            noWork()
        )));
    }

    function test_licenseShareOnlyFalls() public {
        _announce(Shares(100, 100, 100, 100, 1, 0, 0));
        vm.warp(block.timestamp + NOTICE);
        vm.expectRevert(abi.encodeWithSelector(Parameters.LicenseRaised.selector, 1, 2));
        _announce(Shares(100, 100, 100, 100, 2, 0, 0));
    }

    function testFuzz_sharesStayBelowTheCeiling(Shares memory next) public {
        next.license = 0;
        uint256 total = uint256(next.router) + next.validator + next.verification + next.treasury + next.recycle
            + next.maker;
        if (total > 2_000) vm.expectRevert(abi.encodeWithSelector(Parameters.SharesTooHigh.selector, total, 2_000));
        else if (!_isWithin(next)) vm.expectPartialRevert(Parameters.ShareOutOfRange.selector);
        _announce(next);
    }

    function _isWithin(Shares memory next) private pure returns (bool) {
        bool isRecycled = next.recycle == 0 || (next.recycle >= 50 && next.recycle <= 500);
        return next.router <= 500 && next.validator <= 500 && next.treasury <= 500 && next.maker <= 500 && next.verification >= 100
            && next.verification <= 1_600 && isRecycled;
    }

    /// Each share by itself, at its bound and one beyond it, for any governor.
    function test_everyShareHasBoundsOfItsOwn() public {
        _announce(Shares(500, 500, 100, 500, 2, 0, 0));
        _announce(Shares(0, 0, 1_600, 0, 0, 0, 0));
        _announce(Shares(0, 0, 100, 0, 0, 500, 0));
        _announce(Shares(0, 0, 100, 0, 0, 50, 0));
        _refusesShare(Shares(501, 0, 100, 0, 0, 0, 0), "router", 501, 0, 500);
        _refusesShare(Shares(0, 501, 100, 0, 0, 0, 0), "validator", 501, 0, 500);
        _refusesShare(Shares(0, 0, 99, 0, 0, 0, 0), "verification", 99, 100, 1_600);
        _refusesShare(Shares(0, 0, 1_601, 0, 0, 0, 0), "verification", 1_601, 100, 1_600);
        _refusesShare(Shares(0, 0, 100, 501, 0, 0, 0), "treasury", 501, 0, 500);
        _refusesShare(Shares(0, 0, 100, 0, 0, 49, 0), "recycle", 49, 50, 500);
        _refusesShare(Shares(0, 0, 100, 0, 0, 501, 0), "recycle", 501, 50, 500);
    }

    /// An emission gives by what is recycled: that share never ends.
    function test_theRecycledShareStaysAboveZero() public {
        _deploy(Shares(100, 100, 100, 100, 2, 100, 0));
        _announce(Shares(100, 100, 100, 100, 2, 50, 0));
        _refusesShare(Shares(100, 100, 100, 100, 2, 0, 0), "recycle", 0, 50, 500);
    }

    function _refusesShare(Shares memory next, string memory share, uint256 given, uint256 minimum, uint256 maximum) private {
        vm.expectRevert(abi.encodeWithSelector(Parameters.ShareOutOfRange.selector, share, given, minimum, maximum));
        _announce(next);
    }

    /// The license is two basis points at most, and ends with its term; the treasury's share is the vault's after its own.
    function test_licenseAndTreasuryEnd() public {
        vm.expectRevert(abi.encodeWithSelector(Parameters.LicenseTooHigh.selector, 3, 2));
        Parameters(create("Parameters.sol:Parameters", abi.encode(
            address(this),
            Delays(VOTING, NOTICE, APPEAL, LEAST_DELAY, LEAST_UNBONDING),
            Holding(0, 0, 0),
            Shares(100, 100, 100, 100, 3, 0, 0),
            Recipients(VERIFICATION, TREASURY, LICENSE),
            Parameters.Limits(1_000_000, DELAY, UNBONDING, BOND, 1, 0),
            VAULT,
            usualTests(),
            noWork()
        )));
        uint256 created = parameters.created();
        vm.warp(created + 5 * 365 days - 1);
        check(parameters.recipients().treasury == TREASURY, "named");
        vm.warp(created + 5 * 365 days);
        check(parameters.recipients().treasury == VAULT, "the vault's");
        // Also for a recipient that is named later.
        parameters.setDistribution(Shares(1, 1, 100, 1, 2, 0, 0), Recipients(payer, payer, payer));
        vm.warp(created + 20 * 365 days - 1);
        check(parameters.recipients().treasury == VAULT && parameters.recipients().license == payer, "still the vault's");
        checkEqual(parameters.shares().license, 2, "license");
        vm.warp(created + 20 * 365 days);
        checkEqual(parameters.shares().license, 0, "no license");
        vm.expectRevert(abi.encodeWithSelector(Parameters.LicenseRaised.selector, 0, 1));
        parameters.setDistribution(Shares(1, 1, 1, 1, 1, 1, 0), Recipients(payer, payer, payer));
    }

    function test_everyRecipientIsNamed() public {
        for (uint256 i; i < 3; ++i) {
            address[3] memory to = [VERIFICATION, TREASURY, LICENSE];
            to[i] = address(0);
            vm.expectRevert(Parameters.ZeroRecipient.selector);
            parameters.setDistribution(Shares(0, 0, 100, 0, 0, 0, 0), Recipients(to[0], to[1], to[2]));
        }
    }

    function test_nothingIsAnnouncedAtFirst() public view {
        (Parameters.Distribution memory now_, uint64 from) = parameters.announced();
        check(from == 0 && now_.shares.verification == parameters.shares().verification, "what is in force");
    }

    /// An announced change is visible at once, and in force when the notice is over. A later announcement replaces it.
    function testFuzz_aNewDistributionWaitsForItsNotice(uint32 waited) public {
        parameters.setDistribution(Shares(1, 2, 103, 4, 1, 0, 0), Recipients(payer, payer, payer));
        uint256 start = this.clock();
        (Parameters.Distribution memory next, uint64 from) = parameters.announced();
        checkEqual(from, start + NOTICE, "from");
        checkEqual(next.shares.treasury, 4, "announced");
        vm.warp(start + bound(waited, 0, NOTICE - 1));
        checkEqual(parameters.shares().treasury, 100, "not yet");
        check(parameters.recipients().treasury == TREASURY, "recipient not yet");
        parameters.setDistribution(Shares(5, 6, 107, 8, 2, 0, 0), Recipients(validator, validator, validator));
        vm.warp(start + NOTICE);
        (, from) = parameters.announced();
        checkEqual(parameters.shares().treasury, block.timestamp < from ? 100 : 8, "the first never comes into force");
        vm.warp(from);
        checkEqual(parameters.shares().treasury, 8, "in force");
        check(parameters.recipients().treasury == validator, "recipient in force");
    }

    function test_limitsStayInRange() public {
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "alpha"));
        parameters.setLimits(Parameters.Limits(1_000_001, DELAY, UNBONDING, 1, 1, 0));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "withdrawalDelay"));
        parameters.setLimits(Parameters.Limits(0, NOTICE + 1, UNBONDING, 1, 1, 0));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "withdrawalDelay"));
        parameters.setLimits(Parameters.Limits(0, LEAST_DELAY - 1, UNBONDING, 1, 1, 0));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "unbondingDelay"));
        parameters.setLimits(Parameters.Limits(0, DELAY, 60 days + 1, 1, 1, 0));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "unbondingDelay"));
        parameters.setLimits(Parameters.Limits(0, DELAY, LEAST_UNBONDING - 1, 1, 1, 0));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "minimumValidatorBond"));
        parameters.setLimits(Parameters.Limits(0, DELAY, UNBONDING, 0, 1, 0));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "minimumValidatorBond"));
        parameters.setLimits(Parameters.Limits(0, DELAY, UNBONDING, 50_000_000e18 + 1, 1, 0));
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "minimumVerifierStake"));
        parameters.setLimits(Parameters.Limits(0, DELAY, UNBONDING, 1, 1, 1_000_000e18 + 1));
        parameters.setLimits(Parameters.Limits(0, DELAY, UNBONDING, 1, 1, 1_000_000e18));
        parameters.setLimits(Parameters.Limits(0, LEAST_DELAY, LEAST_UNBONDING, 1, 1, 0));
        parameters.setLimits(Parameters.Limits(0, NOTICE, 60 days, 1, 1, 0));
    }

    /// A network without notices has no other bound than the longest delay.
    function test_withdrawalsMayTakeLongWithoutNotices() public {
        Delays memory delays = Delays(0, 0, 0, 0, 0);
        Recipients memory to = Recipients(payer, payer, payer);
        Parameters.Limits memory limits = Parameters.Limits(0, 60 days, UNBONDING, 1, 1, 0);
        Parameters(create("Parameters.sol:Parameters", abi.encode(address(this), delays, Holding(0, 0, 0), Shares(0, 0, 100, 0, 0, 0, 0), to, limits, VAULT, usualTests(), noWork())));
        ++limits.withdrawalDelay;
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, "withdrawalDelay"));
        Parameters(create("Parameters.sol:Parameters", abi.encode(address(this), delays, Holding(0, 0, 0), Shares(0, 0, 100, 0, 0, 0, 0), to, limits, VAULT, usualTests(), noWork())));
    }

    /// The change that was in force at the time counts, and every later one.
    function test_coverageOfTheTimeIsTold() public {
        uint256 start = this.clock();
        uint32[3] memory alphas = [uint32(300_000), 200_000, 900_000];
        for (uint256 i; i < 3; ++i) {
            vm.warp(start + 1 hours * (i + 1));
            parameters.setLimits(Parameters.Limits(alphas[i], DELAY, UNBONDING, 1, 1, 0));
        }
        vm.warp(start + 5 hours);
        _expectLeastAlpha(0, 200_000);
        _expectLeastAlpha(start + 3 hours - 1, 200_000);
        _expectLeastAlpha(start + 3 hours, 900_000);
        _expectLeastAlpha(start + 5 hours, 900_000);
        parameters.setLimits(Parameters.Limits(0, DELAY, UNBONDING, 1, 1, 0));
        _expectLeastAlpha(start + 5 hours, 0);
        parameters.setLimits(Parameters.Limits(1_000_000, DELAY, UNBONDING, 1, 1, 0));
        _expectLeastAlpha(start + 5 hours, 1_000_000);
        _expectLeastAlpha(start + 5 hours - 1, 900_000);
    }

    function _expectLeastAlpha(uint256 since, uint32 expected) private view {
        (uint32 least, uint64 asOf) = parameters.leastAlpha(uint48(since));
        checkEqual(least, expected, "least");
        checkEqual(asOf, this.clock(), "as of");
    }

    function test_delaysStayInRange() public {
        // No vote outlives its bond.
        _expectDelayRefused(Delays(VOTING, NOTICE, APPEAL, 0, VOTING - 1), "voting");
        _expectDelayRefused(Delays(VOTING, 60 days + 1, APPEAL, 0, VOTING), "notice");
        _expectDelayRefused(Delays(VOTING, NOTICE, 60 days + 1, 0, VOTING), "appeal");
    }

    function _expectDelayRefused(Delays memory delays, string memory name) private {
        Parameters.Limits memory limits = Parameters.Limits(0, DELAY, UNBONDING, 1, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfRange.selector, name));
        Parameters(create("Parameters.sol:Parameters", abi.encode(address(this), delays, Holding(0, 0, 0), Shares(0, 0, 100, 0, 0, 0, 0), Recipients(payer, payer, payer), limits, VAULT, usualTests(), noWork())));
    }

    function test_networkNamesNoDriftTableAtFirst() public view {
        check(parameters.driftTable().hash == 0, "hash");
        checkEqual(parameters.driftTable().version, 0, "version");
    }

    function testFuzz_driftTableOnlyGetsNewer(bytes32 first, bytes32 second, uint64 version, uint64 next) public {
        if (version == 0) version = 1;
        vm.expectEmit();
        emit Parameters.DriftTableChanged(Parameters.DriftTable(first, version));
        parameters.setDriftTable(Parameters.DriftTable(first, version));
        bool isOlder = next <= version;
        if (isOlder) vm.expectRevert(abi.encodeWithSelector(Parameters.VersionNotNewer.selector, version, next));
        parameters.setDriftTable(Parameters.DriftTable(second, next));
        check(parameters.driftTable().hash == (isOlder ? first : second), "hash");
        checkEqual(parameters.driftTable().version, isOlder ? version : next, "version");
    }

    function test_driftTableCanBeWithdrawn() public {
        parameters.setDriftTable(Parameters.DriftTable("table", 1));
        parameters.setDriftTable(Parameters.DriftTable(0, 2));
        check(parameters.driftTable().hash == 0, "withdrawn");
        vm.expectRevert(abi.encodeWithSelector(Parameters.VersionNotNewer.selector, 2, 1));
        parameters.setDriftTable(Parameters.DriftTable("table", 1));
    }

    /// The deployer has no power over it.
    function test_onlyCasesTakeAndGiveBack() public {
        bytes memory refusal = abi.encodeWithSelector(Staking.NotCases.selector, address(this));
        vm.expectRevert(refusal);
        staking.takeBond(validator, 1);
        vm.expectRevert(refusal);
        staking.takeStake(validator, 1);
        vm.expectRevert(refusal);
        staking.restore(validator, 1);
        (bool isOwned,) = address(staking).staticcall(abi.encodeWithSignature("owner()"));
        check(!isOwned, "nobody owns it");
    }

    function test_aPenaltyOnBondTakesNoStake() public {
        token.transfer(payer, 50);
        vm.prank(payer);
        token.approve(address(staking), 50);
        vm.prank(payer);
        staking.stake(50);
        checkEqual(staking.stakeOf(payer), 50, "stake");
        checkEqual(_takeBond(payer, 1), 0, "no bond");
        checkEqual(staking.stakeOf(payer), 50, "stake after");
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientStake.selector, 50, 51));
        staking.requestUnstake(51);
    }

    function test_leavingStakeWeighsNothingAndIsPaidAfterTheDelay() public {
        token.transfer(payer, 50);
        vm.startPrank(payer);
        token.approve(address(staking), 50);
        staking.stake(50);
        vm.expectRevert(Staking.NothingToUnbond.selector);
        staking.finishUnstake();
        staking.requestUnstake(20);
        checkEqual(staking.stakeOf(payer), 30, "weight");
        vm.warp(block.timestamp + UNBONDING - 1);
        staking.requestUnstake(30);
        uint256 readyAt = block.timestamp + UNBONDING;
        vm.warp(readyAt - 1);
        vm.expectRevert(abi.encodeWithSelector(Staking.TooEarly.selector, readyAt));
        staking.finishUnstake();
        checkEqual(token.balanceOf(payer), 0, "not yet");
        vm.warp(readyAt);
        staking.finishUnstake();
        checkEqual(token.balanceOf(payer), 50, "tokens");
        vm.stopPrank();
    }

    function test_aCaseTakesBondAndVotes() public {
        checkEqual(_takeBond(validator, 400e18), 400e18, "taken");
        checkEqual(token.balanceOf(address(cases)), 400e18, "held");
        checkEqual(registry.totalStake(), 3 * BOND - 400e18, "total");
        checkEqual(staking.bondOf(validator).amount, BOND - 400e18, "bond");
    }

    function test_leavingBondStaysInReachUntilTheDelayIsOver() public {
        vm.prank(validator);
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientBond.selector, BOND, BOND + 1));
        staking.requestUnbond(1);
        vm.prank(validator);
        registry.deregister();
        checkEqual(registry.totalStake(), 2 * BOND, "votes gone");
        vm.prank(validator);
        staking.requestUnbond(BOND);
        _takeBond(validator, BOND / 2);
        uint256 readyAt = block.timestamp + UNBONDING;
        vm.prank(validator);
        vm.expectRevert(abi.encodeWithSelector(Staking.TooEarly.selector, readyAt));
        staking.finishUnbond();
        vm.warp(readyAt);
        vm.prank(validator);
        staking.finishUnbond();
        checkEqual(token.balanceOf(validator), BOND / 2, "rest");
    }

    function test_onlyTheRegistryActivates() public {
        vm.expectRevert(abi.encodeWithSelector(Staking.NotRegistry.selector, address(this)));
        staking.setActive(address(this), true);
    }

    function _announce(Shares memory next) private {
        parameters.setDistribution(next, Recipients(VERIFICATION, TREASURY, LICENSE));
    }
}
