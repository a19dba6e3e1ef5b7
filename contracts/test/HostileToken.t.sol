// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Cases} from "../src/Cases.sol";
import {Emission} from "../src/Emission.sol";
import {OgongToken} from "../src/OgongToken.sol";
import {Payment} from "../src/libraries/Payment.sol";
import {Settlement} from "../src/Settlement.sol";
import {Staking} from "../src/Staking.sol";
import {Batch, Debit, Issuance, Line, Shares, Tally} from "../src/libraries/Types.sol";
import {BurnMintFixture} from "./BurnMintFixture.sol";
import {DevDollar} from "../src/DevDollar.sol";
import {ConstantProductPool} from "../src/Exchange.sol";
import {Fixture} from "./Fixture.sol";
import {HostileToken} from "./HostileToken.sol";
import {check, checkEqual, create, vm} from "./Vm.sol";

/// Attacks on every call that moves a token.
abstract contract Hostility {
    HostileToken internal hostile;

    function _expectRefused(address caller, address target, bytes memory data, bytes memory reason, string memory what) private {
        vm.prank(caller);
        (bool isDone, bytes memory answer) = target.call(data);
        check(!isDone && keccak256(answer) == keccak256(reason), what);
    }

    /// The same call again, while the token moves for it: both fail. By itself it is good.
    function _leaves(address caller, address target, bytes memory data, string memory what) internal {
        hostile.callBack(target, data);
        bytes memory reason = abi.encodePacked(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        _expectRefused(caller, target, data, reason, string.concat(what, " again, from within"));
        hostile.callBack(address(0), "");
        vm.prank(caller);
        (bool isDone,) = target.call(data);
        check(isDone, what);
    }

    /// And where a hundredth of `amount` does not arrive, nothing does.
    function _enters(address caller, address target, bytes memory data, uint256 amount, string memory what) internal {
        hostile.tax(100);
        bytes memory reason = abi.encodeWithSelector(Payment.NotReceived.selector, amount - amount / 100, amount);
        _expectRefused(caller, target, data, reason, string.concat(what, " of a taxed token"));
        hostile.tax(0);
        _leaves(caller, target, data, what);
    }
}

/// A network whose token is hostile. No call that moves it can be repeated from within, and none accepts less than it says.
contract HostileTokenTest is Fixture, Hostility {
    uint64 private constant START = 1_800_000_000;
    address private constant REPORTER = address(0x4E);
    bytes32 private constant EVIDENCE = keccak256("evidence");
    uint256 private constant OTHER = 7_000;
    uint64 private _sequence;
    uint128 private _spent;

    function setUp() public override {
        vm.warp(START);
        _deploy(Shares(100, 100, 100, 100, 2, 100, 0));
        token.transfer(payer, 1e24);
        token.transfer(PROVIDER, 1e24);
        address[3] memory takers = [address(escrow), address(earnings), address(staking)];
        for (uint256 i; i < 3; ++i) {
            _allow(payer, takers[i]);
            _allow(PROVIDER, takers[i]);
            _allow(validator, takers[i]);
        }
        _allow(payer, address(cases));
        token.transfer(validator, 1e20);
    }

    function _createToken() internal override returns (OgongToken) {
        hostile = new HostileToken(5e27);
        return OgongToken(address(hostile));
    }

    function _issuance() internal pure override returns (Issuance memory) {
        return Issuance(START, 1 days, 900_000);
    }

    function _allow(address owner, address spender) private {
        vm.prank(owner);
        token.approve(spender, type(uint256).max);
    }

    /// A fee of a payer, by a channel that has enough.
    function _pay(uint128 amount) private {
        _spent += amount;
        _settle(++_sequence, amount, _spent);
    }

    function _open() private {
        vm.startPrank(payer);
        escrow.deposit(1e20);
        escrow.admit(validator, 1e20);
        vm.stopPrank();
    }

    function test_escrow() public {
        _enters(payer, address(escrow), abi.encodeCall(escrow.deposit, (1e20)), 1e20, "a deposit");
        _leaves(payer, address(escrow), abi.encodeCall(escrow.withdraw, (1e18)), "a withdrawal");
        vm.prank(payer);
        escrow.admit(validator, 1e19);
        _pay(100_000);
        _leaves(ROUTER, address(escrow), abi.encodeCall(escrow.claim, ()), "a claim");
        checkEqual(token.balanceOf(ROUTER), 1_000, "once");
    }

    function test_earnings() public {
        _open();
        _pay(100_000);
        _enters(PROVIDER, address(earnings), abi.encodeCall(earnings.bond, (KEY, 500)), 500, "a bond of a key");
        vm.prank(PROVIDER);
        earnings.requestUnbond(KEY, 200);
        _wait(3 * PERIOD);
        _leaves(payer, address(earnings), abi.encodeCall(earnings.collect, (KEY, PROVIDER)), "the entrance");
        _leaves(payer, address(earnings), abi.encodeCall(earnings.withdraw, (KEY, PROVIDER)), "earnings");
        _leaves(PROVIDER, address(earnings), abi.encodeCall(earnings.finishUnbond, (KEY)), "what left a bond");
        _eject(++_sequence, KEY);
        _wait(APPEAL);
        _leaves(payer, address(earnings), abi.encodeCall(earnings.forfeit, (KEY, PROVIDER)), "a forfeit");
        checkEqual(token.balanceOf(VERIFICATION), ENTRANCE + 300, "entrance and bond");
    }

    function test_emission() public {
        _open();
        _pay(1_000_000);
        _wait(1 days);
        Emission emission = settlement.emission();
        bytes32 root = emission.leafOf(PROVIDER, 10_000);
        bytes[] memory quorum = _quorum(emission.allotmentDigest(0, START + 1 days, root, 10_000), 3);
        emission.allot(START + 1 days, root, 10_000, quorum);
        uint256 before = token.balanceOf(PROVIDER);
        bytes32[] memory none;
        _leaves(payer, address(emission), abi.encodeCall(emission.claim, (0, PROVIDER, 10_000, none)), "an emission");
        checkEqual(token.balanceOf(PROVIDER) - before, 9_000, "once");
    }

    function test_stakes() public {
        address of_ = address(staking);
        _enters(PROVIDER, of_, abi.encodeCall(staking.stake, (1_000)), 1_000, "stake");
        _enters(PROVIDER, of_, abi.encodeCall(staking.prioritize, (1_000)), 1_000, "priority stake");
        _enters(validator, of_, abi.encodeCall(staking.bond, (1_000)), 1_000, "a bond");
        vm.startPrank(PROVIDER);
        staking.requestUnstake(100);
        staking.requestDeprioritize(100);
        vm.stopPrank();
        vm.prank(validator);
        staking.requestUnbond(100);
        _wait(UNBONDING);
        _leaves(PROVIDER, of_, abi.encodeCall(staking.finishUnstake, ()), "stake that left");
        _leaves(PROVIDER, of_, abi.encodeCall(staking.finishDeprioritize, ()), "priority stake that left");
        _leaves(validator, of_, abi.encodeCall(staking.finishUnbond, ()), "a bond that left");
        _leaves(address(cases), of_, abi.encodeCall(staking.takeBond, (validator, 100)), "a bond that is taken");
        _leaves(address(cases), of_, abi.encodeCall(staking.takeStake, (PROVIDER, 100)), "stake that is taken");
        _enters(address(cases), of_, abi.encodeCall(staking.restore, (PROVIDER, 200)), 200, "what a case gives back");
        _penalize(PROVIDER);
        _wait(APPEAL);
        _leaves(payer, of_, abi.encodeCall(staking.collectPenalty, (PROVIDER)), "a penalty");
        checkEqual(token.balanceOf(TREASURY), 20, "a fiftieth");
        checkEqual(token.balanceOf(of_), 3 * uint256(BOND) + 800 + 900 + 980, "bonds, priority stake, stake");
    }

    function _penalize(address payee) private {
        Tally[] memory tallies = new Tally[](1);
        tallies[0] = Tally(payee, 0, 1);
        Batch memory batch = _batch(++_sequence);
        bytes32[] memory none;
        bytes32 digest = settlement.batchDigest(batch, new Debit[](0), new Line[](0), none, tallies);
        settlement.settle(batch, new Debit[](0), new Line[](0), none, tallies, _quorum(digest, 3));
    }

    /// All of a panel.
    function _votes(bytes32 subject) private returns (bytes[] memory) {
        _nextBlock();
        cases.hearings().draw(subject);
        address[] memory panel = cases.hearings().hearingOf(subject).panel;
        uint256[] memory keys = new uint256[](panel.length);
        for (uint256 i; i < panel.length; ++i) {
            keys[i] = OTHER;
            for (uint256 j; j < 3; ++j) {
                if (vm.addr(validatorKeys[j]) == panel[i]) keys[i] = validatorKeys[j];
            }
        }
        return _signAll(keys, cases.hearings().acquittalDigest(subject));
    }

    function _conviction(bytes32 evidence, uint32 number) private view returns (bytes memory) {
        Cases.Offence offence = Cases.Offence.FalseVerdict;
        bytes[] memory quorum = _quorum(cases.convictionDigest(offence, validator, REPORTER, evidence, number), 3);
        return abi.encodeCall(cases.convict, (offence, validator, REPORTER, evidence, quorum));
    }

    function test_cases() public {
        address of_ = address(cases);
        _leaves(payer, of_, _conviction(EVIDENCE, 1), "a conviction");
        cases.appeal(0);
        _leaves(payer, of_, abi.encodeCall(cases.acquit, (0, _votes(cases.caseSubject(0)))), "an acquittal");
        _wait(1 days);
        _leaves(payer, of_, _conviction("more", 2), "another one");
        _wait(APPEAL);
        _leaves(payer, of_, abi.encodeCall(cases.close, (1)), "its end");
        _join(OTHER, BOND);
        _wait(VOTING);
        bytes memory proven = abi.encodeCall(cases.openProven, (vm.addr(OTHER), REPORTER, EVIDENCE));
        _leaves(address(cases.equivocation()), of_, proven, "a case that is proven");
        checkEqual(token.balanceOf(of_), BOND, "all of a bond is held");
    }

    function test_appeals() public {
        address of_ = address(cases);
        _eject(++_sequence, KEY);
        _enters(payer, of_, abi.encodeCall(cases.appealEjection, (KEY)), DEPOSIT, "an appeal");
        bytes[] memory votes = _votes(cases.ejectionSubject(KEY, 1));
        _leaves(payer, of_, abi.encodeCall(cases.reinstate, (KEY, votes)), "a reinstatement");
        vm.prank(PROVIDER);
        staking.stake(1_000);
        _penalize(PROVIDER);
        _enters(payer, of_, abi.encodeCall(cases.appealPenalty, (PROVIDER)), DEPOSIT, "an appeal against a penalty");
        votes = _votes(cases.penaltySubject(PROVIDER, 1));
        _leaves(payer, of_, abi.encodeCall(cases.pardon, (PROVIDER, 1, votes)), "a pardon");
        uint256 day = this.clock() / 1 days;
        _enters(payer, of_, abi.encodeCall(cases.requestFreeze, (KEY)), DEPOSIT, "a freeze that is asked for");
        votes = _votes(cases.freezeSubject(KEY, day));
        _leaves(payer, of_, abi.encodeCall(cases.freeze, (KEY, day, votes)), "a freeze");
        vm.prank(payer);
        cases.requestFreeze("another key");
        _wait(APPEAL);
        _leaves(payer, of_, abi.encodeCall(cases.forfeit, (cases.freezeSubject("another key", day))), "a deposit in vain");
        checkEqual(token.balanceOf(TREASURY), DEPOSIT, "the treasury's");
        checkEqual(token.balanceOf(of_), 0, "nothing is left");
    }

    /// No token moves while a batch settles, so a batch may settle while one moves: the accounts are right before it moves.
    function test_aBatchSettlesWhileMoneyLeaves() public {
        _open();
        _pay(100_000);
        Batch memory batch = _batch(2);
        Debit[] memory debits = _one(_debit(PAYER_KEY, 50_000, 150_000));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, 50_000, 0, 0));
        bytes32[] memory none;
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        hostile.callBack(
            address(settlement), abi.encodeCall(settlement.settle, (batch, debits, lines, none, _idle(), quorum))
        );
        vm.prank(ROUTER);
        escrow.claim();
        checkEqual(hostile.calls(), 1, "settled from within");
        checkEqual(token.balanceOf(ROUTER), 1_000, "the router has what it claimed");
        checkEqual(escrow.creditOf(ROUTER), 500, "and the rest later");
        address[7] memory payees =
            [ROUTER, validator, VERIFICATION, TREASURY, LICENSE, address(earnings), address(settlement.emission())];
        uint256 owed = 1e20 - 150_000;
        for (uint256 i; i < 7; ++i) {
            owed += escrow.creditOf(payees[i]);
        }
        checkEqual(token.balanceOf(address(escrow)), owed, "what it holds is what it owes");
    }

    /// Nothing that a batch calls is a stranger's. Were the contract of stakes one, it could not settle from within.
    function test_aBatchDoesNotSettleWithinItself() public {
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        CallingBack stakes = new CallingBack(next);
        Settlement other =
            Settlement(create("Settlement.sol:Settlement", abi.encode(token, parameters, stakes, Issuance(0, 0, 0), models)));
        checkEqual(uint160(address(other)), uint160(next), "where it was expected");
        Tally[] memory tallies = new Tally[](1);
        tallies[0] = Tally(PROVIDER, 0, 1);
        (Debit[] memory debits, Line[] memory lines, bytes32[] memory none, bytes[] memory quorum) =
            (new Debit[](0), new Line[](0), new bytes32[](0), new bytes[](0));
        stakes.arm(abi.encodeCall(other.settle, (_batch(2), debits, lines, none, _idle(), quorum)));
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        other.settle(_batch(1), debits, lines, none, tallies, quorum);
        stakes.arm("");
        other.settle(_batch(1), debits, lines, none, tallies, quorum);
        checkEqual(other.nextSequence(validator), 2, "by itself it settles");
    }
}

/// Stands for the contract of stakes and its roster, lets everybody sign, and calls the settlement when somebody is to lose stake.
contract CallingBack {
    address public immutable settlement;
    bytes private _data;

    constructor(address settlement_) {
        settlement = settlement_;
    }

    function arm(bytes calldata data) external {
        _data = data;
    }

    function roster() external view returns (address) {
        return address(this);
    }

    function cases() external view returns (address) {
        return address(this);
    }

    function cosigners() external view returns (address) {
        return address(this);
    }

    function requireQuorum(bytes32, bytes[] calldata) external pure returns (uint256, address, uint256) {
        return (1, address(0), 0);
    }

    function penalize(address, uint32) external {
        if (_data.length == 0) return;
        (bool isDone, bytes memory answer) = settlement.call(_data);
        if (isDone) return;
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }
}

/// A network that burns and mints, whose stablecoin is hostile.
contract HostileDollarTest is BurnMintFixture, Hostility {
    function _createDollar() internal override returns (DevDollar) {
        hostile = new HostileToken(1_000_000_000e6);
        return DevDollar(address(hostile));
    }

    function test_thePool() public {
        bytes memory provided = abi.encodeCall(ConstantProductPool.provide, (0, 1e6));
        _enters(address(this), address(pool), provided, 1e6, "what is provided");
        bytes memory sold = abi.encodeCall(ConstantProductPool.swap, (dollar, orog, 1e6, 0, payer));
        _enters(address(this), address(pool), sold, 1e6, "what is sold");
        _leaves(address(this), address(pool), abi.encodeCall(ConstantProductPool.swap, (orog, dollar, 1e18, 0, payer)), "a sale");
    }

    function test_topUpsAndPayouts() public {
        dollar.approve(address(mintBurn), type(uint256).max);
        bytes memory bought = abi.encodeCall(mintBurn.topUp, (dollar, 1_000e6, 0, this.clock()));
        _enters(address(this), address(mintBurn), bought, 1_000e6, "a top-up");
        _topUp(payer, 2_000e6);
        _reserve(1_000e18);
        _settle(1, 1_000e18, 1_000e18);
        _vest(CENT_10);
        earnings.withdraw(KEY, PROVIDER);
        uint256 epoch = _closeNow();
        _leaves(PROVIDER, address(mintBurn), abi.encodeCall(mintBurn.claim, (epoch, 0)), "a payout");
        check(dollar.balanceOf(PROVIDER) > 0, "paid");
    }
}
