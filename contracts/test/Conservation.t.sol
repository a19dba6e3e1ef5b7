// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cosigners} from "../src/Cosigners.sol";
import {Earnings} from "../src/Earnings.sol";
import {Escrow} from "../src/Escrow.sol";
import {Roster} from "../src/Roster.sol";
import {Batch, Debit, Line, Recipients, Shares} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {Lives} from "./Lives.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// Random lives of payers, validators and payees. Every call has to succeed: inputs are folded into what is possible.
contract Handler is Fixture {
    uint256 internal constant PAYERS = 3;
    uint256 internal constant PAYEES = 4;
    uint256 internal constant PROVIDERS = 3;

    mapping(address validator => uint64) public settledBatches;
    uint256 public drawn;
    uint256 public claimed;
    uint256 public settlements;
    uint256 public withdrawn;
    uint256 public collected;
    bytes32 internal constant MODEL = keccak256("model");
    /// Pots that batches went into.
    Cosigners.Part[] internal pots;

    constructor() {
        setUp();
        for (uint256 i; i < PAYERS; ++i) {
            _fund(vm.addr(payerKey(i)), 1e24, 0);
        }
        _claimModel(payeeOf(0));
        parameters.setDistribution(Shares(100, 100, 100, 100, 2, 0, 300), Recipients(VERIFICATION, TREASURY, LICENSE));
        vm.warp(block.timestamp + NOTICE);
    }

    /// Gives the model a maker.
    function _claimModel(address maker) private {
        token.transfer(maker, 1e18);
        vm.startPrank(maker);
        token.approve(address(models), 1e18);
        models.announce(models.sealOf(maker, "acme", SALT));
        _nextBlock();
        models.claim("acme", SALT);
        models.announce(models.rootSealOf(maker, MODEL, SALT));
        _nextBlock();
        models.claimRoot("acme", MODEL, SALT);
        vm.stopPrank();
    }

    /// From then on batches say who signed them, until a bond moves.
    function takeRoster() external {
        Roster roster = staking.roster();
        if (roster.current() != address(0)) return;
        address[] memory accounts = new address[](3);
        for (uint256 i; i < 3; ++i) {
            accounts[i] = vm.addr(validatorKeys[i]);
        }
        roster.take(accounts);
    }

    function claimPot(uint256 which, uint256 member) external {
        if (pots.length == 0) return;
        Cosigners.Part memory part = pots[which % pots.length];
        part.member = uint8(member % 3);
        (, uint256 signatures) = staking.cosigners().partOf(part);
        if (signatures == 0 || block.timestamp / 1 days <= part.day) return;
        Cosigners.Part[] memory parts = new Cosigners.Part[](1);
        parts[0] = part;
        staking.cosigners().claim(parts);
    }

    function _notePot() private {
        address taken = staking.roster().current();
        if (taken == address(0)) return;
        uint32 day = uint32(block.timestamp / 1 days);
        for (uint256 i; i < pots.length; ++i) {
            if (pots[i].roster == taken && pots[i].day == day) return;
        }
        pots.push(Cosigners.Part(taken, day, 0));
    }

    /// Sum of the pots, and the credit behind it.
    function potted() external view returns (uint256 sum, uint256 credit) {
        Cosigners cosigners = staking.cosigners();
        for (uint256 i; i < pots.length; ++i) {
            Cosigners.Pot memory pot = cosigners.potOf(pots[i].roster, pots[i].day);
            sum += pot.amount;
            uint256 counted;
            for (uint8 member; member < 3; ++member) {
                (, uint256 signatures) = cosigners.partOf(Cosigners.Part(pots[i].roster, pots[i].day, member));
                (, uint256 vote) = staking.roster().memberOf(pots[i].roster, member);
                counted += signatures * vote;
            }
            checkEqual(counted, pot.weight, "weight");
        }
        credit = escrow.creditOf(address(cosigners));
    }

    function deposit(uint256 who, uint128 amount) external {
        _fund(vm.addr(payerKey(who)), uint128(bound(amount, 1, 1e24)), 0);
    }

    function withdraw(uint256 who, uint256 amount) external {
        address account = vm.addr(payerKey(who));
        uint256 free = escrow.freeOf(account);
        if (free == 0) return;
        vm.prank(account);
        escrow.withdraw(bound(amount, 1, free));
    }

    function admit(uint256 who, uint256 whom, uint256 amount) external {
        address account = vm.addr(payerKey(who));
        uint256 free = escrow.freeOf(account);
        if (free == 0) return;
        vm.prank(account);
        escrow.admit(validatorOf(whom), uint128(bound(amount, 1, free)));
    }

    function requestRelease(uint256 who, uint256 whom, uint256 amount) external {
        address account = vm.addr(payerKey(who));
        Escrow.Channel memory channel = escrow.channelOf(account, validatorOf(whom));
        vm.prank(account);
        escrow.requestRelease(validatorOf(whom), uint128(bound(amount, 0, channel.admitted - channel.spent)));
    }

    function finishRelease(uint256 who, uint256 whom) external {
        address account = vm.addr(payerKey(who));
        Escrow.Channel memory channel = escrow.channelOf(account, validatorOf(whom));
        if (channel.releasing == 0) return;
        if (block.timestamp < channel.releasableAt) vm.warp(channel.releasableAt);
        vm.prank(account);
        escrow.finishRelease(validatorOf(whom));
    }

    function settle(uint256 whom, uint256[3] memory amounts, uint256 cut, uint256 payee) external {
        if (!_isQuorum()) return;
        validator = validatorOf(whom);
        Debit[] memory debits = new Debit[](PAYERS);
        uint256 gross;
        uint256 room = _room();
        for (uint256 i; i < PAYERS; ++i) {
            Escrow.Channel memory channel = escrow.channelOf(vm.addr(payerKey(i)), validator);
            uint256 reserved = channel.admitted - channel.spent;
            uint128 amount = uint128(bound(amounts[i], 0, reserved < room - gross ? reserved : room - gross));
            debits[i] = _debit(payerKey(i), amount, channel.spent + amount);
            gross += amount;
        }
        Line[] memory lines = new Line[](2);
        cut = bound(cut, 0, gross);
        lines[0] = Line(providerOf(payee), payeeOf(payee), payeeOf(payee / 7), uint128(cut), uint128(cut / 3), MODEL);
        lines[1] = Line(providerOf(payee / 3), payeeOf(payee / 49), address(0), uint128(gross - cut), uint128(gross - cut), 0);
        Batch memory batch = _batch(++settledBatches[validator]);
        _notePot();
        _submit(batch, debits, lines);
        drawn += gross;
        ++settlements;
    }

    function claim(uint256 payee) external {
        // Earnings claim by themselves, and pots are handed on.
        address account = creditorOf(payee % (creditors() - 2));
        if (escrow.creditOf(account) == 0) return;
        vm.prank(account);
        claimed += escrow.claim();
    }

    function wait(uint256 duration) external {
        vm.warp(block.timestamp + bound(duration, 0, PERIOD));
    }

    function withdrawEarnings(uint256 provider, uint256 payee) external {
        if (earnings.balanceOf(providerOf(provider), payeeOf(payee)).withdrawable == 0) return;
        withdrawn += earnings.withdraw(providerOf(provider), payeeOf(payee));
    }

    function collectEarnings(uint256 provider, uint256 payee) external {
        if (earnings.balanceOf(providerOf(provider), payeeOf(payee)).collectable == 0) return;
        collected += earnings.collect(providerOf(provider), payeeOf(payee));
    }

    /// Whether the three that the fixture signs for can settle: always, unless their bonds moved.
    function _isQuorum() internal view returns (bool) {
        (uint256 signed, uint256 total) = _votes();
        return 3 * signed > 2 * total;
    }

    /// The room that the bonds of these three leave beside the unvested sum.
    function _room() internal view returns (uint256) {
        (uint256 signed,) = _votes();
        uint256 unvested = earnings.unvested();
        return signed / 2 > unvested ? signed / 2 - unvested : 0;
    }

    function _votes() private view returns (uint256 signed, uint256 total) {
        address[] memory signers = new address[](3);
        for (uint256 i; i < 3; ++i) {
            signers[i] = vm.addr(_signingKey(validatorKeys[i]));
        }
        return staking.votes(signers);
    }

    function payerKey(uint256 who) public pure returns (uint256) {
        return 0x9A7E + who % PAYERS;
    }

    function validatorOf(uint256 whom) public view returns (address) {
        return vm.addr(validatorKeys[whom % 3]);
    }

    function payeeOf(uint256 payee) public pure returns (address) {
        return address(uint160(0xBEEF + payee % PAYEES));
    }

    function providerOf(uint256 provider) public pure returns (bytes32) {
        return keccak256(abi.encode("provider", provider % PROVIDERS));
    }

    function creditors() public pure returns (uint256) {
        return PAYEES + 8;
    }

    function creditorOf(uint256 index) public view returns (address) {
        if (index < PAYEES) return payeeOf(index);
        if (index < PAYEES + 3) return validatorOf(index - PAYEES);
        return [VERIFICATION, TREASURY, LICENSE, address(earnings), address(staking.cosigners())][index - PAYEES - 3];
    }

    function earningsTokens() external view returns (uint256) {
        return token.balanceOf(address(earnings));
    }

    /// Takes tokens out of the vault past all of its rules.
    function leak(uint256 amount) external {
        vm.prank(address(escrow));
        token.transfer(address(0xBAD), amount);
    }

    /// Tokens held, tokens owed, credit outstanding.
    function totals() external view returns (uint256 held, uint256 owed, uint256 credit) {
        held = token.balanceOf(address(escrow));
        for (uint256 i; i < creditors(); ++i) {
            credit += escrow.creditOf(creditorOf(i));
        }
        owed = credit;
        for (uint256 i; i < PAYERS; ++i) {
            address account = vm.addr(payerKey(i));
            owed += escrow.freeOf(account);
            for (uint256 j; j < 3; ++j) {
                Escrow.Channel memory channel = escrow.channelOf(account, validatorOf(j));
                // Checked arithmetic: a channel that is overdrawn makes this revert.
                owed += channel.admitted - channel.spent;
            }
        }
    }

    /// Tokens and credit that Earnings has, and what its accounts come to. Checked arithmetic: an account that paid too much,
    /// or too early, makes this revert.
    function held() external view returns (uint256 has, uint256 owes) {
        has = token.balanceOf(address(earnings)) + escrow.creditOf(address(earnings));
        for (uint256 i; i < PROVIDERS; ++i) {
            for (uint256 j; j < PAYEES; ++j) {
                Earnings.Balance memory balance = earnings.balanceOf(providerOf(i), payeeOf(j));
                (uint256 bonded, uint128 leaving,) = earnings.bondOf(providerOf(i), payeeOf(j));
                owes += balance.earned - balance.paid - balance.collected + bonded + leaving;
                check(balance.paid + balance.held <= balance.earned, "what is held is not paid");
                check(balance.withdrawable + balance.collectable <= balance.earned - balance.paid - balance.collected, "due");
            }
        }
    }

    /// Takes earnings out past all rules.
    function leakEarnings(uint256 amount) external {
        vm.prank(address(escrow));
        token.transfer(address(earnings), amount);
    }

    function nextSequence(uint256 whom) external view returns (uint64) {
        return settlement.nextSequence(validatorOf(whom));
    }
}

contract ConservationTest is Lives {
    Handler private handler;

    function setUp() public {
        handler = new Handler();
    }

    /// All actions but `leak`.
    function _actions() internal view override returns (address actor, bytes memory actions) {
        actor = address(handler);
        actions = abi.encodePacked([
            handler.deposit.selector, handler.withdraw.selector, handler.admit.selector, handler.requestRelease.selector,
            handler.finishRelease.selector, handler.settle.selector, handler.claim.selector, handler.wait.selector,
            handler.withdrawEarnings.selector, handler.collectEarnings.selector, handler.takeRoster.selector,
            handler.claimPot.selector
        ]);
    }

    /// All of them in the same lives: apart, each would walk through lives of its own.
    function invariant_all() public view {
        holds_heldIsOwed();
        holds_drawnIsCreditedOrClaimed();
        holds_earningsAreHeldOrPaid();
        holds_potsAreBacked();
        holds_sequencesCountBatches();
    }

    function holds_heldIsOwed() public view {
        (uint256 held, uint256 owed,) = handler.totals();
        checkEqual(held, owed, "tokens held = free + reserved + credit");
    }

    function holds_drawnIsCreditedOrClaimed() public view {
        (,, uint256 credit) = handler.totals();
        uint256 elsewhere = handler.claimed() + handler.withdrawn() + handler.collected() + handler.earningsTokens();
        checkEqual(handler.drawn(), credit + elsewhere, "drawn = credit + claimed + earnings");
    }

    function holds_earningsAreHeldOrPaid() public view {
        (uint256 has, uint256 owes) = handler.held();
        checkEqual(has, owes, "earned = held + due + paid + collected");
    }

    function holds_potsAreBacked() public view {
        (uint256 sum, uint256 credit) = handler.potted();
        checkEqual(sum, credit, "pots = their credit");
    }

    function holds_sequencesCountBatches() public view {
        for (uint256 i; i < 3; ++i) {
            checkEqual(handler.nextSequence(i), handler.settledBatches(handler.validatorOf(i)) + 1, "sequence");
        }
    }

    /// The control: a single unit that leaves past the rules breaks the invariant.
    function testFuzz_leakIsNoticed(uint256 amount) public {
        this.holds_heldIsOwed();
        handler.leak(bound(amount, 1, 3e24));
        try this.holds_heldIsOwed() {
            check(false, "leak went unnoticed");
        } catch {}
        handler.leakEarnings(1);
        try this.holds_earningsAreHeldOrPaid() {
            check(false, "earnings that nobody earned went unnoticed");
        } catch {}
    }

    /// The actions reach what the invariants are about: a walk through all of them moves money.
    function test_handlerSettles() public {
        handler.admit(0, 0, 5e20);
        handler.admit(1, 0, 5e20);
        handler.settle(0, [uint256(1e20), 2e20, 0], 1e20, 1);
        handler.claim(4);
        checkEqual(handler.drawn(), 3e20, "drawn");
        check(handler.claimed() > 0, "claimed");
        handler.collectEarnings(1, 1);
        check(handler.collected() > 0, "collected");
        for (uint256 i; i < 4; ++i) {
            handler.wait(1 days);
        }
        handler.withdrawEarnings(1, 1);
        check(handler.withdrawn() > 0, "withdrawn");
        this.holds_earningsAreHeldOrPaid();
        handler.takeRoster();
        handler.settle(0, [uint256(1e20), 1e20, 0], 1e20, 1);
        (uint256 sum,) = handler.potted();
        check(sum > 0, "a pot");
        handler.wait(1 days);
        handler.claimPot(0, 1);
        (uint256 left,) = handler.potted();
        check(left < sum, "shared");
        this.holds_potsAreBacked();
        this.holds_drawnIsCreditedOrClaimed();
    }
}
