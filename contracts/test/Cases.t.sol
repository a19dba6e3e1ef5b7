// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cases} from "../src/Cases.sol";
import {Hearings} from "../src/Hearings.sol";
import {Quorum} from "../src/libraries/Quorum.sol";
import {Settlement} from "../src/Settlement.sol";
import {Staking} from "../src/Staking.sol";
import {Tally, Batch, Debit, Line} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

// Where EIP-2935 keeps the hashes of 8,191 blocks.
address constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

/// Answers as that does, with the number's hash in place of the block's.
contract BlockHistory {
    fallback(bytes calldata data) external returns (bytes memory) {
        uint256 number = abi.decode(data, (uint256));
        require(number < block.number && number + 8_191 >= block.number);
        return abi.encode(keccak256(abi.encode(number)));
    }
}

/// Cases by quorum: the amounts taken, the appeal panel, and the owners of the money at the end.
contract CasesTest is Fixture {
    bytes32 internal constant EVIDENCE = keccak256("evidence");
    address internal constant REPORTER = address(0x4E);
    Cases.Offence internal constant VERDICT = Cases.Offence.FalseVerdict;

    Hearings internal hearings;
    address private _accused;

    function setUp() public override {
        super.setUp();
        hearings = cases.hearings();
        _accused = validator;
    }

    function _sign(Cases.Offence offence, address accused, bytes32 evidence, uint32 number, uint256 signers)
        private
        view
        returns (bytes[] memory)
    {
        return _quorum(cases.convictionDigest(offence, accused, REPORTER, evidence, number), signers);
    }

    function _convict(Cases.Offence offence, address accused, bytes32 evidence, uint32 number) private {
        bytes[] memory quorum = _sign(offence, accused, evidence, number, 3);
        vm.prank(payer);
        cases.convict(offence, accused, REPORTER, evidence, quorum);
    }

    /// Votes of the first `count` of the panel.
    function _votes(bytes32 subject, uint256 count) private view returns (bytes[] memory) {
        return _votesAbout(subject, subject, count);
    }

    function _votesAbout(bytes32 subject, bytes32 said, uint256 count) private view returns (bytes[] memory) {
        address[] memory panel = hearings.hearingOf(subject).panel;
        uint256[] memory keys = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            keys[i] = _keyOf(panel[i]);
        }
        return _signAll(keys, hearings.acquittalDigest(said));
    }

    function _keyOf(address account) private view returns (uint256) {
        for (uint256 i; i < 3; ++i) {
            if (vm.addr(validatorKeys[i]) == account) return validatorKeys[i];
        }
        for (uint256 i; i < 20; ++i) {
            if (vm.addr(7_000 + i) == account) return 7_000 + i;
        }
        revert("a stranger has a seat");
    }

    function _draw(bytes32 subject) private {
        _nextBlock();
        hearings.draw(subject);
    }

    /// A panel stops the clock of a key; a quorum that errs cannot hinder it.
    function test_aPanelFreezesTheEarningsOfAKey() public {
        token.transfer(payer, 2 * DEPOSIT);
        vm.prank(payer);
        token.approve(address(cases), 2 * DEPOSIT);
        uint256 period = block.timestamp / 1 days;
        bytes32 subject = cases.freezeSubject(KEY, period);
        vm.expectRevert(abi.encodeWithSelector(Cases.NoDeposit.selector, subject));
        cases.freeze(KEY, period, new bytes[](0));
        vm.prank(payer);
        cases.requestFreeze(KEY);
        checkEqual(token.balanceOf(payer), DEPOSIT, "put down");
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(Hearings.OpenAlready.selector, subject));
        cases.requestFreeze(KEY);
        _draw(subject);
        bytes[] memory one = _votes(subject, 1);
        vm.expectRevert(abi.encodeWithSelector(Hearings.NoMajority.selector, 1, 3));
        cases.freeze(KEY, period, one);
        uint256 since = this.clock();
        cases.freeze(KEY, period, _votes(subject, 2));
        checkEqual(earnings.frozenSince(KEY), since, "stopped");
        checkEqual(token.balanceOf(payer), 2 * DEPOSIT, "back");
    }

    /// An appellant that loses pays, and no vote counts later.
    function test_aFreezeIsForAnAppealOnly() public {
        token.transfer(payer, DEPOSIT);
        vm.prank(payer);
        token.approve(address(cases), DEPOSIT);
        uint256 period = block.timestamp / 1 days;
        bytes32 subject = cases.freezeSubject(KEY, period);
        vm.prank(payer);
        cases.requestFreeze(KEY);
        uint256 until = this.clock() + APPEAL;
        _draw(subject);
        bytes[] memory two = _votes(subject, 2);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(Cases.AppealOver.selector, until));
        cases.freeze(KEY, period, two);
        cases.forfeit(subject);
        checkEqual(token.balanceOf(TREASURY), DEPOSIT, "the treasury's");
        checkEqual(earnings.frozenSince(KEY), 0, "never");
    }

    function test_aQuorumTakesATenthOfTheBondAndHoldsIt() public {
        _convict(VERDICT, _accused, EVIDENCE, 1);
        checkEqual(staking.bondOf(_accused).amount, BOND - BOND / 10, "bond");
        checkEqual(token.balanceOf(address(cases)), BOND / 10, "held");
        (uint32 count, uint64 at) = cases.convictionsOf(_accused, VERDICT);
        check(count == 1 && at == block.timestamp, "conviction");
        (, at) = cases.convictionsOf(_accused, Cases.Offence.OverAdmission);
        checkEqual(at, 0, "of this offence alone");
        address[] memory accounts = new address[](1);
        accounts[0] = _accused;
        (uint256[] memory each,,) = staking.votesOf(accounts);
        checkEqual(each[0], BOND - BOND / 10, "the vote is cut at once");
        uint256 finalFrom = block.timestamp + APPEAL;
        vm.expectRevert(abi.encodeWithSelector(Cases.TooEarly.selector, finalFrom));
        cases.close(0);
        _wait(APPEAL);
        cases.close(0);
        checkEqual(token.balanceOf(REPORTER), BOND / 40, "a quarter of it is the reporter's");
        checkEqual(token.balanceOf(TREASURY), BOND / 10 - BOND / 40, "the rest the treasury's");
        vm.expectRevert(abi.encodeWithSelector(Cases.CaseOver.selector, 0));
        cases.close(0);
    }

    function test_twoThirdsConvictNobody() public {
        bytes[] memory quorum = _sign(VERDICT, _accused, EVIDENCE, 1, 2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        cases.convict(VERDICT, _accused, REPORTER, EVIDENCE, quorum);
    }

    /// They name the offence, the accused, the reporter, the evidence and the number.
    function test_signaturesServeOnceAndForOneCase() public {
        bytes[] memory quorum = _sign(VERDICT, _accused, EVIDENCE, 1, 3);
        _refuses(Cases.Offence.OverAdmission, _accused, REPORTER, EVIDENCE, quorum);
        _refuses(VERDICT, vm.addr(validatorKeys[1]), REPORTER, EVIDENCE, quorum);
        _refuses(VERDICT, _accused, payer, EVIDENCE, quorum);
        _refuses(VERDICT, _accused, REPORTER, keccak256("other"), quorum);
        cases.convict(VERDICT, _accused, REPORTER, EVIDENCE, quorum);
        _wait(2 days);
        _refuses(VERDICT, _accused, REPORTER, EVIDENCE, quorum);
        checkEqual(staking.bondOf(_accused).amount, BOND - BOND / 10, "once");
        // Nor are there two cases about one piece of evidence.
        bytes[] memory second = _sign(VERDICT, _accused, EVIDENCE, 2, 3);
        vm.expectRevert(abi.encodeWithSelector(Cases.UsedAlready.selector, _accused, EVIDENCE));
        cases.convict(VERDICT, _accused, REPORTER, EVIDENCE, second);
    }

    /// Signatures for somebody's first conviction are void after another one.
    function test_signaturesAreForOneConviction() public {
        bytes[] memory quorum = _sign(VERDICT, _accused, EVIDENCE, 1, 3);
        _convict(VERDICT, _accused, "other", 1);
        _wait(2 days);
        _refuses(VERDICT, _accused, REPORTER, EVIDENCE, quorum);
        _convict(VERDICT, _accused, EVIDENCE, 2);
    }

    function _refuses(Cases.Offence offence, address accused, address reporter, bytes32 evidence, bytes[] memory quorum)
        private
    {
        try cases.convict(offence, accused, reporter, evidence, quorum) {
            revert("convicted");
        } catch {}
    }

    function test_convictsOnceAPeriodForAnyOffence() public {
        _convict(VERDICT, _accused, EVIDENCE, 1);
        bytes[] memory quorum = _sign(Cases.Offence.OverAdmission, _accused, "other", 2, 3);
        uint256 again = (this.clock() / 1 days + 1) * 1 days;
        vm.expectRevert(abi.encodeWithSelector(Cases.ConvictedAlready.selector, again));
        cases.convict(Cases.Offence.OverAdmission, _accused, REPORTER, "other", quorum);
        vm.warp(again);
        cases.convict(Cases.Offence.OverAdmission, _accused, REPORTER, "other", quorum);
        checkEqual(staking.bondOf(_accused).amount, 81 * BOND / 100, "a tenth of what is left");
        checkEqual(token.balanceOf(address(cases)), 19 * BOND / 100, "both are held");
    }

    function test_bondOnItsWayOutCountsAndIsTakenLast() public {
        vm.prank(_accused);
        registry.deregister();
        vm.prank(_accused);
        staking.requestUnbond(BOND - BOND / 20);
        _convict(VERDICT, _accused, EVIDENCE, 1);
        checkEqual(staking.bondOf(_accused).amount, 0, "bond first");
        checkEqual(staking.bondOf(_accused).unbonding, BOND - BOND / 10, "then what leaves");
    }

    function _stake(address account, uint128 amount) private {
        token.transfer(account, amount);
        vm.startPrank(account);
        token.approve(address(staking), amount);
        staking.stake(amount);
        vm.stopPrank();
    }

    /// Of a router, or of a payee of verifiers; leaving stake counts, and goes last.
    function test_otherOffencesCostStake() public {
        _stake(PROVIDER, 1_000);
        vm.prank(PROVIDER);
        staking.requestUnstake(950);
        _convict(Cases.Offence.Misrouting, PROVIDER, EVIDENCE, 1);
        checkEqual(staking.stakeOf(PROVIDER), 0, "what weighs first");
        checkEqual(staking.stakingOf(PROVIDER).leaving, 900, "then what leaves");
        checkEqual(token.balanceOf(address(cases)), 100, "held");
        checkEqual(staking.bondOf(PROVIDER).amount, 0, "no bond");
        _stake(ROUTER, 500);
        _convict(Cases.Offence.PassedHoneypot, ROUTER, EVIDENCE, 1);
        checkEqual(staking.stakeOf(ROUTER), 450, "a verifier's");
        _stake(address(0xC1), 300);
        _convict(Cases.Offence.ForgedMachine, address(0xC1), EVIDENCE, 1);
        checkEqual(staking.stakeOf(address(0xC1)), 270, "a provider's payee's");
        bytes[] memory quorum = _sign(Cases.Offence.RefutedReport, payer, EVIDENCE, 1, 3);
        vm.expectRevert(abi.encodeWithSelector(Cases.NothingToTake.selector, payer));
        cases.convict(Cases.Offence.RefutedReport, payer, REPORTER, EVIDENCE, quorum);
    }

    function test_aPanelOfOthersLiftsACase() public {
        _convict(VERDICT, _accused, EVIDENCE, 1);
        bytes32 subject = cases.caseSubject(0);
        cases.appeal(0);
        uint256 opened = block.number;
        vm.expectRevert(abi.encodeWithSelector(Hearings.TooEarly.selector, opened));
        hearings.draw(subject);
        _draw(subject);
        address[] memory panel = hearings.hearingOf(subject).panel;
        checkEqual(panel.length, 2, "the other two");
        check(panel[0] != panel[1] && panel[0] != _accused && panel[1] != _accused, "without the accused");
        // Not by half of them.
        bytes[] memory votes = _votes(subject, 1);
        vm.expectRevert(abi.encodeWithSelector(Hearings.NoMajority.selector, 1, 2));
        cases.acquit(0, votes);
        cases.acquit(0, _votes(subject, 2));
        checkEqual(staking.stakeOf(_accused), BOND / 10, "back as stake");
        checkEqual(token.balanceOf(address(cases)), 0, "nothing is held");
        vm.expectRevert(abi.encodeWithSelector(Cases.CaseOver.selector, 0));
        cases.acquit(0, votes);
        _wait(APPEAL);
        vm.expectRevert(abi.encodeWithSelector(Cases.CaseOver.selector, 0));
        cases.close(0);
    }

    function test_nothingIsDoneAboutACaseThatIsNone() public {
        vm.expectRevert(abi.encodeWithSelector(Cases.NoCase.selector, 0));
        cases.caseOf(0);
        vm.expectRevert(abi.encodeWithSelector(Cases.NoCase.selector, 0));
        cases.appeal(0);
        vm.expectRevert(abi.encodeWithSelector(Cases.NoCase.selector, 0));
        cases.acquit(0, new bytes[](0));
        vm.expectRevert(abi.encodeWithSelector(Cases.NoCase.selector, 0));
        cases.close(0);
    }

    function test_thePenaltyOfAnUnreportedCaseGoesToTheTreasury() public {
        bytes[] memory quorum = _quorum(cases.convictionDigest(VERDICT, _accused, address(0), EVIDENCE, 1), 3);
        cases.convict(VERDICT, _accused, address(0), EVIDENCE, quorum);
        checkEqual(cases.caseCount(), 1, "a case");
        _wait(APPEAL);
        cases.close(0);
        checkEqual(token.balanceOf(TREASURY), BOND / 10, "all of it");
        checkEqual(token.balanceOf(address(0)), 0, "nothing is nobody's");
    }

    function test_casesBelongToTheirSettlement() public {
        Staking fresh = _createStaking();
        create("Settlement.sol:Settlement", abi.encode(token, parameters, fresh, _issuance(), models));
        vm.expectRevert(abi.encodeWithSelector(Cases.OutOfRange.selector, "settlement"));
        create("Cases.sol:Cases", abi.encode(fresh, settlement, REPORTER_PPM, DEPOSIT));
    }

    /// For 8,191 blocks the chain knows a block's hash (EIP-2935): every draw meanwhile gives the same panel.
    function test_aPanelIsTheSameWheneverItIsDrawn() public {
        vm.etch(HISTORY, address(new BlockHistory()).code);
        for (uint256 i; i < 9; ++i) {
            _join(7_000 + i, BOND);
        }
        _wait(VOTING);
        bytes32 subject = _askFreeze();
        uint256 from = hearings.hearingOf(subject).drawnFrom;
        address[] memory expected = _lowest(keccak256(abi.encode(keccak256(abi.encode(from)), subject)));
        vm.roll(from + 8_191);
        hearings.draw(subject);
        address[] memory panel = hearings.hearingOf(subject).panel;
        checkEqual(hearings.hearingOf(subject).drawnFrom, from, "by the block of the appeal");
        checkEqual(panel.length, 7, "seats");
        for (uint256 i; i < 7; ++i) {
            check(panel[i] == expected[i], "drawn by the old hash");
        }
    }

    /// After that, or where the chain keeps none, another one draws.
    function test_anAppealThatNobodyDrewIsDrawnLater() public {
        vm.etch(HISTORY, address(new BlockHistory()).code);
        _convict(VERDICT, _accused, EVIDENCE, 1);
        bytes32 subject = cases.caseSubject(0);
        cases.appeal(0);
        uint256 late = block.number + 8_192;
        vm.roll(late);
        hearings.draw(subject);
        checkEqual(hearings.hearingOf(subject).panel.length, 0, "no panel yet");
        checkEqual(hearings.hearingOf(subject).drawnFrom, late, "the present block takes its place");
        vm.roll(late + 1);
        hearings.draw(subject);
        checkEqual(hearings.hearingOf(subject).panel.length, 2, "drawn");
    }

    function _askFreeze() private returns (bytes32) {
        token.approve(address(cases), DEPOSIT);
        cases.requestFreeze(KEY);
        return cases.freezeSubject(KEY, this.clock() / 1 days);
    }

    /// The lowest lots of those that are there, ascending.
    function _lowest(bytes32 seed) private view returns (address[] memory accounts) {
        accounts = registry.members();
        (uint256[] memory votes,,) = staking.votesOf(accounts);
        uint256[] memory lots = new uint256[](accounts.length);
        for (uint256 i; i < accounts.length; ++i) {
            lots[i] = hearings.lotOf(seed, accounts[i], votes[i]);
            for (uint256 j = i; j > 0 && lots[j] < lots[j - 1]; --j) {
                (lots[j], lots[j - 1]) = (lots[j - 1], lots[j]);
                (accounts[j], accounts[j - 1]) = (accounts[j - 1], accounts[j]);
            }
        }
    }

    /// A validator that foresees the panel can only give up its own place: it adds or moves nobody by leaving or joining.
    function testFuzz_whoLeavesOrComesTakesNobodysSeat(uint256 leaving) public {
        for (uint256 i; i < 12; ++i) {
            _join(7_000 + i, uint128(BOND * (1 + i % 3)));
        }
        _wait(VOTING);
        bytes32 subject = _askFreeze();
        uint256 from = hearings.hearingOf(subject).drawnFrom;
        _nextBlock();
        address[] memory before = _lowest(keccak256(abi.encode(blockhash(from), subject)));
        uint256 left;
        for (uint256 i; i < 12; ++i) {
            if (leaving >> i & 1 == 0) continue;
            vm.prank(vm.addr(7_000 + i));
            registry.deregister();
            ++left;
        }
        for (uint256 i = 12; i < 14; ++i) {
            _join(7_000 + i, BOND);
        }
        hearings.draw(subject);
        address[] memory panel = hearings.hearingOf(subject).panel;
        uint256 seat;
        for (uint256 i; i < 15; ++i) {
            if (registry.isValidator(before[i]) && seat < panel.length) check(panel[seat++] == before[i], "the next lowest");
        }
        checkEqual(seat, panel.length, "no seat is a newcomer's");
        checkEqual(seat, 15 - left < 7 ? 15 - left : 7, "as many as there are");
    }

    /// The same numbers as docs/spec/cases.md and hearings.process.test.ts have; of two votes the larger has the lower lot by its part of both.
    function test_lotsAreByVotes() public view {
        checkEqual(hearings.lotOf(bytes32(uint256(1)), address(1), 1e18), 31096465103339854592697865088986705, "one");
        address account = 0x1111111111111111111111111111111111111111;
        checkEqual(hearings.lotOf(bytes32(uint256(2)), account, 123_456_789e18), 993761650975319813532921488, "all there is");
        checkEqual(
            hearings.lotOf(bytes32(uint256(3)), 0x2222222222222222222222222222222222222222, 1),
            416767573863261554839291503911901151626692109392674816,
            "a unit"
        );
        uint256 first;
        for (uint256 i; i < 400; ++i) {
            bytes32 seed = bytes32(i);
            if (hearings.lotOf(seed, address(1), 3 * BOND) < hearings.lotOf(seed, address(2), BOND)) ++first;
        }
        // 300 of 400, and three deviations of 8.7.
        check(first > 274 && first < 326, "three of four");
    }

    function test_aDepositComesBackWhereAQuorumPardoned() public {
        _stake(PROVIDER, 1_000);
        _penalize(PROVIDER);
        token.transfer(PROVIDER, DEPOSIT);
        vm.startPrank(PROVIDER);
        token.approve(address(cases), DEPOSIT);
        cases.appealPenalty(PROVIDER);
        vm.stopPrank();
        settlement.pardon(PROVIDER, _quorum(settlement.pardonDigest(PROVIDER, 1), 3));
        cases.pardon(PROVIDER, 1, new bytes[](0));
        checkEqual(token.balanceOf(PROVIDER), DEPOSIT, "back");
        checkEqual(staking.stakeOf(PROVIDER), 1_000, "stake");
    }

    /// Of three validators one is accused, one has reported it, and the third leaves.
    function test_aPanelNeedsAVoterThatIsLeft() public {
        address reporter = vm.addr(validatorKeys[1]);
        bytes[] memory quorum = _quorum(cases.convictionDigest(VERDICT, _accused, reporter, EVIDENCE, 1), 3);
        cases.convict(VERDICT, _accused, reporter, EVIDENCE, quorum);
        cases.appeal(0);
        vm.startPrank(vm.addr(validatorKeys[2]));
        registry.deregister();
        staking.requestUnbond(BOND);
        vm.stopPrank();
        _wait(VOTING);
        _nextBlock();
        bytes32 subject = cases.caseSubject(0);
        vm.expectRevert(Hearings.NobodyLeft.selector);
        hearings.draw(subject);
        // A validator that joins meanwhile is on the panel.
        _join(7_000, BOND);
        _wait(VOTING);
        hearings.draw(subject);
        address[] memory panel = hearings.hearingOf(subject).panel;
        check(panel.length == 1 && panel[0] == vm.addr(7_000), "the newcomer");
    }

    function test_noVoteCountsTwiceOrForAnotherOrFromOutside() public {
        _convict(VERDICT, _accused, EVIDENCE, 1);
        bytes32 subject = cases.caseSubject(0);
        vm.expectRevert(abi.encodeWithSelector(Hearings.NoHearing.selector, subject));
        cases.acquit(0, new bytes[](0));
        vm.expectRevert(abi.encodeWithSelector(Hearings.NoHearing.selector, subject));
        hearings.draw(subject);
        cases.appeal(0);
        vm.expectRevert(abi.encodeWithSelector(Hearings.OpenAlready.selector, subject));
        cases.appeal(0);
        _draw(subject);
        vm.expectRevert(abi.encodeWithSelector(Hearings.DrawnAlready.selector, subject));
        hearings.draw(subject);
        bytes[] memory one = _votes(subject, 1);
        bytes[] memory twice = new bytes[](2);
        (twice[0], twice[1]) = (one[0], one[0]);
        vm.expectPartialRevert(Hearings.UnsortedSigners.selector);
        cases.acquit(0, twice);
        uint256[] memory keys = new uint256[](2);
        (keys[0], keys[1]) = (validatorKeys[0], _keyOf(hearings.hearingOf(subject).panel[0]));
        bytes[] memory own = _signAll(keys, hearings.acquittalDigest(subject));
        vm.expectRevert(abi.encodeWithSelector(Hearings.NotOnPanel.selector, _accused));
        cases.acquit(0, own);
        twice[0] = hex"00";
        vm.expectRevert(abi.encodeWithSelector(Hearings.BadSignature.selector, 0));
        cases.acquit(0, twice);
        bytes[] memory votes = _signAll(keys, hearings.acquittalDigest(cases.caseSubject(1)));
        vm.expectPartialRevert(Hearings.NotOnPanel.selector);
        cases.acquit(0, votes);
        vm.expectRevert(abi.encodeWithSelector(Hearings.NotCases.selector, address(this)));
        hearings.open(subject, _accused, REPORTER);
    }

    function testFuzz_onlyUntilTheAppealIsOver(uint32 waited) public {
        _convict(VERDICT, _accused, EVIDENCE, 1);
        uint256 start = this.clock();
        cases.appeal(0);
        bytes32 subject = cases.caseSubject(0);
        _draw(subject);
        bytes[] memory votes = _votes(subject, 2);
        waited = uint32(bound(waited, 0, 2 * APPEAL));
        vm.warp(start + waited);
        bool isOver = waited >= APPEAL;
        if (isOver) vm.expectRevert(abi.encodeWithSelector(Cases.AppealOver.selector, start + APPEAL));
        cases.acquit(0, votes);
        checkEqual(staking.stakeOf(_accused), isOver ? 0 : BOND / 10, "stake");
        if (isOver) cases.close(0);
    }

    /// Seven of many, none of them twice, never the accused or the reporter; more votes bring more places.
    function test_thePanelIsDrawnByVotes() public {
        uint256 large = 7_000;
        // By those who are a quorum still.
        for (uint32 round; round < 12; ++round) {
            _eject(round + 1, keccak256(abi.encode("cheat", round)));
        }
        for (uint256 i; i < 12; ++i) {
            _join(7_000 + i, i == 0 ? 50 * BOND : BOND);
        }
        _wait(VOTING);
        uint256 sits;
        for (uint32 round; round < 12; ++round) {
            bytes32 provider = keccak256(abi.encode("cheat", round));
            _appealEjection(provider);
            bytes32 subject = cases.ejectionSubject(provider, 1);
            _draw(subject);
            address[] memory panel = hearings.hearingOf(subject).panel;
            checkEqual(panel.length, 7, "seats");
            for (uint256 i; i < panel.length; ++i) {
                check(registry.isValidator(panel[i]), "a validator");
                if (panel[i] == vm.addr(large)) ++sits;
                for (uint256 j; j < i; ++j) {
                    check(panel[i] != panel[j], "each once");
                }
            }
        }
        check(sits == 12, "four fifths of all votes have a seat");
    }

    function _appealEjection(bytes32 provider) private {
        token.transfer(PROVIDER, DEPOSIT);
        vm.startPrank(PROVIDER);
        token.approve(address(cases), DEPOSIT);
        cases.appealEjection(provider);
        vm.stopPrank();
    }

    function test_aPanelLiftsAnEjectionAndReturnsTheDeposit() public {
        _eject(1, KEY);
        _appealEjection(KEY);
        bytes32 subject = cases.ejectionSubject(KEY, 1);
        checkEqual(token.balanceOf(PROVIDER), 0, "put down");
        checkEqual(cases.depositOf(subject).amount, DEPOSIT, "deposit");
        _draw(subject);
        bytes[] memory votes = _votes(subject, 1);
        vm.expectRevert(abi.encodeWithSelector(Hearings.NoMajority.selector, 1, 3));
        cases.reinstate(KEY, votes);
        cases.reinstate(KEY, _votes(subject, 2));
        check(!settlement.ejected(KEY), "lifted");
        checkEqual(token.balanceOf(PROVIDER), DEPOSIT, "back");
        // The votes are of that ejection.
        _eject(2, KEY);
        votes = _votes(subject, 2);
        bytes32 next = cases.ejectionSubject(KEY, 2);
        vm.expectRevert(abi.encodeWithSelector(Hearings.NoHearing.selector, next));
        cases.reinstate(KEY, votes);
    }

    function test_aDepositIsTheTreasurysWhereTheAppealWasInVain() public {
        vm.expectRevert(abi.encodeWithSelector(Cases.NotEjected.selector, KEY));
        cases.appealEjection(KEY);
        _eject(1, KEY);
        _appealEjection(KEY);
        bytes32 subject = cases.ejectionSubject(KEY, 1);
        uint256 until = block.timestamp + APPEAL;
        vm.expectRevert(abi.encodeWithSelector(Cases.TooEarly.selector, until));
        cases.forfeit(subject);
        _wait(APPEAL);
        cases.forfeit(subject);
        checkEqual(token.balanceOf(TREASURY), DEPOSIT, "treasury");
        vm.expectRevert(abi.encodeWithSelector(Cases.NoDeposit.selector, subject));
        cases.forfeit(subject);
        vm.expectRevert(abi.encodeWithSelector(Cases.AppealOver.selector, until));
        cases.appealEjection(KEY);
    }

    /// Where a quorum was faster, the deposit comes back all the same.
    function test_aDepositComesBackWhereAQuorumLiftedTheEjection() public {
        _eject(1, KEY);
        _appealEjection(KEY);
        settlement.reinstate(KEY, _quorum(settlement.reinstatementDigest(KEY, 1), 3));
        cases.reinstate(KEY, new bytes[](0));
        checkEqual(token.balanceOf(PROVIDER), DEPOSIT, "back");
        vm.expectRevert(abi.encodeWithSelector(Cases.NoDeposit.selector, cases.ejectionSubject(KEY, 1)));
        cases.reinstate(KEY, new bytes[](0));
    }

    function _penalize(address payee) private {
        _penalize(payee, 1);
    }

    function _penalize(address payee, uint64 sequence) private {
        Tally[] memory tallies = new Tally[](1);
        tallies[0] = Tally(payee, 0, 1);
        Batch memory batch = _batch(sequence);
        bytes32[] memory none;
        bytes32 digest = settlement.batchDigest(batch, new Debit[](0), new Line[](0), none, tallies);
        settlement.settle(batch, new Debit[](0), new Line[](0), none, tallies, _quorum(digest, 3));
    }

    function test_aPanelPardonsPenalties() public {
        vm.expectRevert(abi.encodeWithSelector(Cases.NothingHeld.selector, PROVIDER));
        cases.appealPenalty(PROVIDER);
        _stake(PROVIDER, 1_000);
        _penalize(PROVIDER);
        token.transfer(PROVIDER, DEPOSIT);
        vm.startPrank(PROVIDER);
        token.approve(address(cases), DEPOSIT);
        cases.appealPenalty(PROVIDER);
        vm.stopPrank();
        bytes32 subject = cases.penaltySubject(PROVIDER, 1);
        _draw(subject);
        vm.expectRevert(abi.encodeWithSelector(Hearings.NoMajority.selector, 0, 3));
        cases.pardon(PROVIDER, 1, new bytes[](0));
        cases.pardon(PROVIDER, 1, _votes(subject, 2));
        checkEqual(staking.stakeOf(PROVIDER), 1_000, "stake");
        checkEqual(token.balanceOf(PROVIDER), DEPOSIT, "deposit");
    }

    /// The panel that was drawn for the first penalty has seen the second, and lifts both.
    function test_anAppealIsAgainstTheAmountStillHeld() public {
        _stake(PROVIDER, 1_000);
        _penalize(PROVIDER);
        token.transfer(PROVIDER, DEPOSIT);
        vm.startPrank(PROVIDER);
        token.approve(address(cases), DEPOSIT);
        cases.appealPenalty(PROVIDER);
        vm.stopPrank();
        uint256 until = this.clock() + APPEAL;
        bytes32 subject = cases.penaltySubject(PROVIDER, 1);
        _draw(subject);
        _wait(1 hours);
        _penalize(PROVIDER, 2);
        bytes32 next = cases.penaltySubject(PROVIDER, 2);
        bytes[] memory votes = _votesAbout(subject, next, 2);
        vm.expectRevert(abi.encodeWithSelector(Cases.NoDeposit.selector, next));
        cases.pardon(PROVIDER, 2, votes);
        // Signatures from before the appeal lift nothing.
        bytes[] memory early = _votes(subject, 2);
        vm.expectPartialRevert(Hearings.NotOnPanel.selector);
        cases.pardon(PROVIDER, 1, early);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(Cases.AppealOver.selector, until));
        cases.pardon(PROVIDER, 1, votes);
        vm.warp(until - 1);
        cases.pardon(PROVIDER, 1, votes);
        checkEqual(staking.stakeOf(PROVIDER), 1_000, "all of it");
        checkEqual(token.balanceOf(PROVIDER), DEPOSIT, "deposit");
    }

    /// A sum that the treasury has collected was not pardoned, and the deposit does not come back.
    function test_aDepositStaysWhereThePenaltyWasCollected() public {
        _stake(PROVIDER, 1_000);
        _penalize(PROVIDER);
        token.transfer(PROVIDER, DEPOSIT);
        vm.startPrank(PROVIDER);
        token.approve(address(cases), DEPOSIT);
        cases.appealPenalty(PROVIDER);
        vm.stopPrank();
        _wait(APPEAL);
        staking.collectPenalty(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(Cases.AppealOver.selector, this.clock()));
        cases.pardon(PROVIDER, 1, new bytes[](0));
    }

    /// Only Cases, which has heard a panel, needs no quorum.
    function test_nobodyElseGoesWithoutAQuorum() public {
        _eject(1, KEY);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 0, 3 * BOND));
        settlement.reinstate(KEY, new bytes[](0));
        vm.expectRevert(abi.encodeWithSelector(Cases.NotProof.selector, address(this)));
        cases.openProven(_accused, REPORTER, EVIDENCE);
    }

    /// (1 - r) S > G where at most half a bond can be gained against it, and n r > 1 from that number of witnesses on.
    function testFuzz_aReporterNeitherGainsByItselfNorCanBeSilencedForLess(uint256 share) public {
        share = bound(share, 100_001, 499_999);
        Staking fresh = _createStaking();
        Settlement other = Settlement(create("Settlement.sol:Settlement", abi.encode(token, parameters, fresh, _issuance(), models)));
        Cases open = Cases(create("Cases.sol:Cases", abi.encode(fresh, other, share, DEPOSIT)));
        check(2 * (1_000_000 - open.reporterPpm()) > 1_000_000, "whoever reports itself loses more than half");
        uint256 n = open.leastWitnesses();
        check(n * share > 1_000_000 && (n - 1) * share <= 1_000_000 && n <= 10, "silence costs more than the case");
    }

    function test_aShareOutsideItsBoundsIsRefused() public {
        uint256[2] memory shares = [uint256(100_000), 500_000];
        for (uint256 i; i < 2; ++i) {
            Staking fresh = _createStaking();
            Settlement other = Settlement(create("Settlement.sol:Settlement", abi.encode(token, parameters, fresh, _issuance(), models)));
            vm.expectRevert(abi.encodeWithSelector(Cases.OutOfRange.selector, "reporterPpm"));
            Cases(create("Cases.sol:Cases", abi.encode(fresh, other, shares[i], DEPOSIT)));
        }
        vm.expectRevert(abi.encodeWithSelector(Cases.OtherCases.selector, address(cases)));
        Cases(create("Cases.sol:Cases", abi.encode(staking, settlement, REPORTER_PPM, DEPOSIT)));
    }
}
