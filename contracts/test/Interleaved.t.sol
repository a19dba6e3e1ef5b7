// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cases} from "../src/Cases.sol";
import {Escrow} from "../src/Escrow.sol";
import {Staking} from "../src/Staking.sol";
import {Batch, Debit, Ejection, Line, Tally} from "../src/libraries/Types.sol";
import {Handler} from "./Conservation.t.sol";
import {Lives} from "./Lives.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// The lives of `Handler` with changes of the parties. Validators come and go, change their signing keys, move bond and lose it by cases.
/// Providers are ejected and reinstated, and payees of verifiers are penalized and pardoned.
contract InterleavedHandler is Handler {
    uint256 internal constant ACTORS = 4;
    /// Besides the accounts' own.
    uint256 internal constant SIGNERS = 6;

    uint256 public slashed;
    uint256 public convicted;
    uint256 public convictions;
    /// Of cases that are open.
    uint256 public inCases;
    uint256 public acquittals;
    uint256 public closed;
    uint256 public ejections;
    uint256 public reinstatements;
    uint256 private certificates;

    /// Signed, and not submitted yet: a batch with its lists and signatures, encoded. Nothing if there is none.
    bytes private pending;
    address[] private pendingSigners;
    /// When it is submitted, unless time has gone further, and the votes as they would count then without another change.
    uint256 private dueAt;
    uint256 private dueSigned;
    uint256 private dueTotal;
    uint256 private dueSlashed;
    /// Put in and not taken out, by account.
    mapping(address account => uint256) private priorities;
    uint256 public forfeited;
    uint256 public routers;
    uint256 public retired;
    uint256 public penalties;
    uint256 public pardons;
    uint256 public collections;
    uint256 public submitted;
    uint256 public refused;
    uint256 public unmoved;

    function stake(uint256 payee, uint128 amount) external {
        address account = payeeOf(payee);
        amount = uint128(bound(amount, 1, 1e24));
        token.transfer(account, amount);
        vm.prank(account);
        token.approve(address(staking), amount);
        vm.prank(account);
        staking.stake(amount);
    }

    function requestUnstake(uint256 payee, uint256 amount) external {
        address account = payeeOf(payee);
        if (staking.stakeOf(account) == 0) return;
        amount = bound(amount, 1, staking.stakeOf(account));
        vm.prank(account);
        // A router keeps its bond.
        try staking.requestUnstake(uint128(amount)) {} catch {}
    }

    function prioritize(uint256 who, uint128 amount) external {
        address account = holderOf(who);
        amount = uint128(bound(amount, 1, 1e24));
        token.transfer(account, amount);
        vm.prank(account);
        token.approve(address(staking), amount);
        vm.prank(account);
        staking.prioritize(amount);
        priorities[account] += amount;
    }

    /// Asks a part back, and takes out what was asked back.
    function deprioritize(uint256 who, uint256 amount) external {
        address account = holderOf(who);
        uint256 there = staking.priorityOf(account).amount;
        if (there == 0) return;
        vm.prank(account);
        staking.requestDeprioritize(uint128(bound(amount, 1, there)));
        vm.warp(staking.priorityOf(account).leavesAt);
        uint256 before = token.balanceOf(account);
        vm.prank(account);
        staking.finishDeprioritize();
        priorities[account] -= token.balanceOf(account) - before;
    }

    /// A payee puts tokens down for a key, unless that is ejected.
    function bondKey(uint256 provider, uint256 payee, uint128 amount) external {
        address account = payeeOf(payee);
        amount = uint128(bound(amount, 1, 1e24));
        token.transfer(account, amount);
        vm.startPrank(account);
        token.approve(address(earnings), amount);
        try earnings.bond(providerOf(provider), amount) {
            check(!settlement.ejected(providerOf(provider)), "not of a key that is ejected");
        } catch {
            check(settlement.ejected(providerOf(provider)), "of every other key");
        }
        vm.stopPrank();
    }

    /// Takes out what is due, and asks a part back.
    function unbondKey(uint256 provider, uint256 payee, uint256 amount) external {
        bytes32 id = providerOf(provider);
        address account = payeeOf(payee);
        (uint256 bonded, uint128 leaving, uint64 leavesAt) = earnings.bondOf(id, account);
        uint64 since = settlement.ejectionOf(id).since;
        bool isDue = leaving > 0 && (since == 0 ? block.timestamp : since) >= leavesAt;
        uint256 before = token.balanceOf(account);
        vm.prank(account);
        try earnings.finishUnbond(id) {
            check(isDue, "not before the delay, nor after an ejection");
            checkEqual(token.balanceOf(account), before + leaving, "what left");
        } catch {
            check(!isDue, "once it is due");
        }
        if (bonded == 0) return;
        vm.prank(account);
        earnings.requestUnbond(id, uint128(bound(amount, 1, bonded)));
    }

    function forfeitBond(uint256 provider, uint256 payee) external {
        bytes32 id = providerOf(provider);
        uint64 since = settlement.ejectionOf(id).since;
        try earnings.forfeit(id, payeeOf(payee)) returns (uint256 amount) {
            check(since != 0 && block.timestamp >= since + APPEAL, "only once an ejection is final");
            forfeited += amount;
        } catch {}
    }

    /// Payees and validators: subjects of a penalty or a case.
    function holderOf(uint256 who) public view returns (address) {
        return who % (PAYEES + ACTORS) < PAYEES ? payeeOf(who % (PAYEES + ACTORS)) : actorOf(who % (PAYEES + ACTORS) - PAYEES);
    }

    /// Accounts whose priority stake is another than they put in and took out.
    function prioritiesMoved() external view returns (uint256 count) {
        for (uint256 i; i < PAYEES + ACTORS; ++i) {
            Staking.Stake memory state = staking.priorityOf(holderOf(i));
            if (uint256(state.amount) + state.leaving != priorities[holderOf(i)]) ++count;
        }
    }

    /// One of the payees stands as a router, or leaves.
    function route(uint256 payee, bytes32 ticketKey) external {
        vm.prank(payeeOf(payee));
        try staking.registerRouter(ticketKey) {
            ++routers;
        } catch {}
    }

    function retire(uint256 caller, uint256 payee) external {
        vm.prank(payeeOf(caller));
        try staking.retireRouter(payeeOf(payee)) {
            ++retired;
        } catch {}
    }

    /// Routers that may take out what is their bond, and did not lose it by a penalty: there is none.
    function routersWithoutBond() external view returns (uint256 count) {
        for (uint256 i; i < PAYEES; ++i) {
            address account = payeeOf(i);
            Staking.Router memory found = staking.routerOf(account);
            bool isRouter = found.since != 0 && (found.until == 0 || block.timestamp < found.until);
            if (isRouter && staking.stakeOf(account) < ROUTER_BOND && staking.offenceOf(account).refuted == 0) ++count;
        }
    }

    function finishUnstake(uint256 payee) external {
        address account = payeeOf(payee);
        Staking.Stake memory state = staking.stakingOf(account);
        if (state.leaving == 0) return;
        if (block.timestamp < state.leavesAt) vm.warp(state.leavesAt);
        vm.prank(account);
        staking.finishUnstake();
    }

    function register(uint256 who) external {
        address account = actorOf(who);
        if (registry.isValidator(account) || staking.bondOf(account).amount < BOND) return;
        bytes32 certHash = keccak256(abi.encode("interleaved", ++certificates));
        bytes32 key = registry.vrfKeyOf(account);
        _announce(account, certHash);
        vm.prank(account);
        registry.register("https://x", certHash, SALT, key == 0 ? certHash : key);
    }

    function deregister(uint256 who) external {
        if (!registry.isValidator(actorOf(who))) return;
        vm.prank(actorOf(who));
        registry.deregister();
    }

    function evict(uint256 who) external {
        address account = actorOf(who);
        if (!registry.isValidator(account) || staking.bondOf(account).amount >= BOND) return;
        registry.evict(account);
    }

    /// A key of its own, a fresh one, or one that another account may have.
    function setSigner(uint256 who, uint256 which) external {
        address account = actorOf(who);
        uint256 key = keyOf(which);
        bytes memory consent = _signature(key, registry.signerDigest(account, vm.addr(key)));
        vm.prank(account);
        try registry.setSigner(vm.addr(key), consent) {} catch {}
    }

    /// The keys that a signature may come from: of the actors, then others.
    function keyOf(uint256 which) public view returns (uint256) {
        which %= ACTORS + SIGNERS;
        if (which < 3) return validatorKeys[which];
        return which == 3 ? 0xD00D : 0x51600 + which;
    }

    function _signingKey(uint256 accountKey) internal view override returns (uint256) {
        (address signer,,) = registry.signerOf(vm.addr(accountKey));
        for (uint256 i; i < ACTORS + SIGNERS; ++i) {
            if (vm.addr(keyOf(i)) == signer) return keyOf(i);
        }
        // Nobody's: it votes for nobody.
        return 0xDEAD + accountKey % 1e6;
    }

    /// Votes of all keys, of all accounts, and of each key with its account.
    function voters() external view returns (uint256 byKeys, uint256 byAccounts, bool isInverse) {
        address[] memory keys = new address[](ACTORS + SIGNERS);
        address[] memory accounts = new address[](ACTORS);
        for (uint256 i; i < keys.length; ++i) {
            keys[i] = vm.addr(keyOf(i));
        }
        for (uint256 i; i < ACTORS; ++i) {
            accounts[i] = actorOf(i);
        }
        (byKeys,) = staking.votes(keys);
        (uint256[] memory each, address[] memory signers,) = staking.votesOf(accounts);
        isInverse = true;
        for (uint256 i; i < ACTORS; ++i) {
            // An account whose own key signs for another has no voice.
            if (signers[i] == address(0)) continue;
            byAccounts += each[i];
            isInverse = isInverse && registry.accountAt(signers[i], registry.inForceSince()) == accounts[i];
        }
    }

    function bond(uint256 who, uint128 amount) external {
        _bond(actorOf(who), uint128(bound(amount, 1, 2 * BOND)));
    }

    function requestUnbond(uint256 who, uint256 amount) external {
        address account = actorOf(who);
        Staking.Bond memory held = staking.bondOf(account);
        uint256 kept = held.active ? BOND : 0;
        if (held.amount <= kept) return;
        amount = bound(amount, 1, held.amount - kept);
        vm.prank(account);
        staking.requestUnbond(uint128(amount));
    }

    function finishUnbond(uint256 who) external {
        address account = actorOf(who);
        Staking.Bond memory held = staking.bondOf(account);
        if (held.unbonding == 0) return;
        if (block.timestamp < held.unbondableAt) vm.warp(held.unbondableAt);
        vm.prank(account);
        staking.finishUnbond();
    }

    /// Of any amount: only existing bond is taken.
    function slash(uint256 who, uint128 amount) external {
        slashed += _takeBond(actorOf(who), uint128(bound(amount, 1, 4 * BOND)));
    }

    function eject(uint256 whom, uint256 provider) external {
        if (!_isQuorum()) return;
        validator = validatorOf(whom);
        if (!settlement.ejected(providerOf(provider))) ++ejections;
        bytes32[] memory list = new bytes32[](1);
        list[0] = providerOf(provider);
        Batch memory batch = _batch(++settledBatches[validator]);
        bytes32 digest = settlement.batchDigest(batch, new Debit[](0), new Line[](0), list, _idle());
        settlement.settle(batch, new Debit[](0), new Line[](0), list, _idle(), _quorum(digest, 3));
    }

    /// Reports of a payee's verifiers were refuted.
    function penalize(uint256 whom, uint256 payee, uint256 refuted) external {
        if (!_isQuorum()) return;
        validator = validatorOf(whom);
        Tally[] memory tallies = new Tally[](1);
        tallies[0] = Tally(payeeOf(payee), 0, uint32(bound(refuted, 1, 8)));
        uint128 before = staking.heldOf(payeeOf(payee)).amount;
        Batch memory batch = _batch(++settledBatches[validator]);
        bytes32[] memory none;
        bytes32 digest = settlement.batchDigest(batch, new Debit[](0), new Line[](0), none, tallies);
        settlement.settle(batch, new Debit[](0), new Line[](0), none, tallies, _quorum(digest, 3));
        if (staking.heldOf(payeeOf(payee)).amount > before) ++penalties;
    }

    /// Evidence convicts a validator, at most once a period. Its loss is held, and comes from nowhere else.
    function convict(uint256 whom, bytes32 evidence) external {
        if (!_isQuorum()) return;
        address accused = actorOf(whom);
        (uint32 count, uint64 at) = cases.convictionsOf(accused, Cases.Offence.OverAdmission);
        bool isDue = count == 0 || block.timestamp >= (at / 1 days + 1) * 1 days;
        uint256 bonded = _bonded(accused);
        isDue = isDue && bonded >= 10 && !cases.isUsed(accused, evidence);
        uint256 held = token.balanceOf(address(cases));
        bytes32 digest =
            cases.convictionDigest(Cases.Offence.OverAdmission, accused, payeeOf(whom), evidence, count + 1);
        bytes[] memory quorum = _quorum(digest, 3);
        try cases.convict(Cases.Offence.OverAdmission, accused, payeeOf(whom), evidence, quorum) {
            check(isDue, "one conviction a period");
            checkEqual(_bonded(accused), bonded - bonded / 10, "a tenth of the bond");
            checkEqual(token.balanceOf(address(cases)), held + bonded / 10, "is held");
            convicted += bonded / 10;
            inCases += bonded / 10;
            ++convictions;
        } catch {
            check(!isDue, "it convicts where it may");
        }
    }

    function _bonded(address account) private view returns (uint256) {
        Staking.Bond memory theirs = staking.bondOf(account);
        return uint256(theirs.amount) + theirs.unbonding;
    }

    /// A panel hears an appeal, and lifts the case where its members' keys vote.
    function acquit(uint256 which) external {
        if (cases.caseCount() == 0) return;
        uint256 id = which % cases.caseCount();
        Cases.Case memory found = cases.caseOf(id);
        bytes32 subject = cases.caseSubject(id);
        if (found.isOver || block.timestamp >= found.openedAt + APPEAL) return;
        if (cases.hearings().hearingOf(subject).drawnFrom == 0) cases.appeal(id);
        _nextBlock();
        try cases.hearings().draw(subject) {} catch {}
        address[] memory panel = cases.hearings().hearingOf(subject).panel;
        uint256[] memory keys = new uint256[](panel.length);
        for (uint256 i; i < panel.length; ++i) {
            keys[i] = _signingKey(_keyOf(panel[i]));
        }
        try cases.acquit(id, _signAll(keys, cases.hearings().acquittalDigest(subject))) {
            inCases -= found.amount;
            ++acquittals;
        } catch {}
    }

    function _keyOf(address actor) private view returns (uint256) {
        for (uint256 i; i < 3; ++i) {
            if (vm.addr(validatorKeys[i]) == actor) return validatorKeys[i];
        }
        return 0xD00D;
    }

    function closeCase(uint256 which) external {
        if (cases.caseCount() == 0) return;
        uint256 id = which % cases.caseCount();
        Cases.Case memory found = cases.caseOf(id);
        if (found.isOver) return;
        if (block.timestamp < found.openedAt + APPEAL) vm.warp(found.openedAt + APPEAL);
        cases.close(id);
        inCases -= found.amount;
        ++closed;
    }

    function pardon(uint256 payee) external {
        _pardon(payeeOf(payee));
    }

    function _pardon(address account) private {
        Staking.Held memory held = staking.heldOf(account);
        if (held.amount == 0 || block.timestamp >= held.since + APPEAL || !_isQuorum()) return;
        settlement.pardon(account, _quorum(settlement.pardonDigest(account, held.count), 3));
        ++pardons;
    }

    function collectPenalty(uint256 payee) external {
        _collect(payeeOf(payee));
    }

    function _collect(address account) private {
        Staking.Held memory held = staking.heldOf(account);
        if (held.amount == 0) return;
        if (block.timestamp < held.since + APPEAL) vm.warp(held.since + APPEAL);
        staking.collectPenalty(account);
        ++collections;
    }

    /// All sign a batch now. It is submitted later, whatever happens to the set, the channel and the sequence meanwhile.
    function sign(uint256 whom, uint256 who, uint256 amount, uint256 delay) external {
        validator = validatorOf(whom);
        Escrow.Channel memory channel = escrow.channelOf(vm.addr(payerKey(who)), validator);
        amount = bound(amount, 0, channel.admitted - channel.spent);
        Debit[] memory debits = _one(_debit(payerKey(who), uint128(amount), channel.spent + uint128(amount)));
        Line[] memory lines = _one(Line(providerOf(who), payeeOf(who), address(0), uint128(amount), 0, 0));
        Batch memory batch = _batch(settledBatches[validator] + 1);
        bytes32 digest = settlement.batchDigest(batch, debits, lines, new bytes32[](0), _idle());
        pending = abi.encode(batch, debits, lines, _quorum(digest, 3));
        delete pendingSigners;
        for (uint256 i; i < 3; ++i) {
            pendingSigners.push(vm.addr(_signingKey(validatorKeys[i])));
        }
        uint256 time = this.clock();
        dueAt = time + bound(delay, 0, VOTING - 1);
        vm.warp(dueAt);
        (dueSigned, dueTotal) = this.pendingVotes();
        vm.warp(time);
        dueSlashed = slashed + convicted;
    }

    /// Submits what was signed. It settles if and only if its signers have the votes, its number is the next one and its payer can be
    /// drawn. Changes of the set after the signing move no vote before the voting delay is over, cases apart.
    function submit() external {
        if (pending.length == 0) return;
        (Batch memory batch, Debit[] memory debits, Line[] memory lines, bytes[] memory quorum) =
            abi.decode(pending, (Batch, Debit[], Line[], bytes[]));
        delete pending;
        bool isInTime = this.clock() <= dueAt;
        if (isInTime) vm.warp(dueAt);
        (uint256 signed, uint256 total) = this.pendingVotes();
        if (isInTime && slashed + convicted == dueSlashed) {
            checkEqual(total, dueTotal, "all votes");
            // Also of those who lost bond a moment ago and bond again.
            checkEqual(signed, dueSigned, "votes of the signers");
            ++unmoved;
        }
        Escrow.Channel memory channel = escrow.channelOf(debits[0].payer, batch.validator);
        uint256 spent = channel.spent + debits[0].amount;
        bool isDue = 3 * signed > 2 * total && batch.sequence == settledBatches[batch.validator] + 1
            && spent <= debits[0].cumulative && spent <= channel.admitted;
        // The unvested sum is bounded by the signers' bonds; a batch without money adds nothing.
        if (debits[0].amount != 0 && 2 * (earnings.unvested() + debits[0].amount) > signed) isDue = false;
        try settlement.settle(batch, debits, lines, new bytes32[](0), _idle(), quorum) {
            check(isDue, "it settles only where it may");
            ++settledBatches[batch.validator];
            drawn += debits[0].amount;
            ++submitted;
        } catch {
            check(!isDue, "it settles where it may");
            ++refused;
        }
    }

    /// Votes of those who signed, and all votes.
    function pendingVotes() external view returns (uint256 signed, uint256 total) {
        return staking.votes(pendingSigners);
    }

    function reinstate(uint256 provider) external {
        bytes32 id = providerOf(provider);
        Ejection memory ejection = settlement.ejectionOf(id);
        if (ejection.since == 0 || block.timestamp >= ejection.since + APPEAL || !_isQuorum()) return;
        settlement.reinstate(id, _quorum(settlement.reinstatementDigest(id, ejection.count), 3));
        ++reinstatements;
    }

    /// The three validators of the fixture, and one that joins later.
    function actorOf(uint256 who) public view returns (address) {
        return who % ACTORS == 3 ? vm.addr(0xD00D) : validatorOf(who % ACTORS);
    }

    /// Tokens that Staking holds, what it owes, and the bonds that count as votes.
    function stakes() external view returns (uint256 held, uint256 owed, uint256 active, uint256 counted) {
        held = token.balanceOf(address(staking));
        for (uint256 i; i < PAYEES; ++i) {
            Staking.Stake memory state = staking.stakingOf(payeeOf(i));
            owed += uint256(state.amount) + state.leaving + staking.heldOf(payeeOf(i)).amount;
        }
        for (uint256 i; i < PAYEES + ACTORS; ++i) {
            Staking.Stake memory state = staking.priorityOf(holderOf(i));
            owed += uint256(state.amount) + state.leaving;
        }
        for (uint256 i; i < ACTORS; ++i) {
            Staking.Bond memory theirs = staking.bondOf(actorOf(i));
            owed += uint256(theirs.amount) + theirs.unbonding;
            // A case that falls gives a validator back as stake what it lost.
            owed += uint256(staking.stakeOf(actorOf(i))) + staking.heldOf(actorOf(i)).amount;
            if (theirs.active) active += theirs.amount;
        }
        counted = staking.totalActiveBond();
    }

    /// Votes of everybody, and their total as the contract has it.
    function votes() external view returns (uint256 signed, uint256 total) {
        address[] memory all = new address[](ACTORS);
        for (uint256 i; i < ACTORS; ++i) {
            all[i] = vm.addr(_signingKey(keyOf(i)));
        }
        return staking.votes(all);
    }

    /// All tokens that this test gave away, and all that are where somebody known can get at them.
    function supply() external view returns (uint256 given, uint256 found) {
        given = token.totalSupply() - token.balanceOf(address(this));
        given -= token.TEAM() + token.FOUNDATION();
        found = token.balanceOf(address(escrow)) + token.balanceOf(address(staking)) + token.balanceOf(vm.addr(0xD00D));
        found += token.balanceOf(address(cases));
        for (uint256 i; i < PAYERS; ++i) {
            found += token.balanceOf(vm.addr(payerKey(i)));
        }
        for (uint256 i; i < creditors(); ++i) {
            found += token.balanceOf(creditorOf(i));
        }
    }

    /// Tokens that Cases holds, and what the open cases have taken; the rest was taken past them.
    function casesHold() external view returns (uint256 held, uint256 owed) {
        return (token.balanceOf(address(cases)), inCases + slashed);
    }

    function ejectedNow() external view returns (uint256 count) {
        for (uint256 i; i < PROVIDERS; ++i) {
            if (settlement.ejected(providerOf(i))) ++count;
        }
    }

    /// Takes bond out past all rules.
    function leakBond(uint256 amount) external {
        vm.prank(address(staking));
        token.transfer(address(0xBAD), amount);
    }
}

contract InterleavedTest is Lives {
    InterleavedHandler private handler;

    function setUp() public {
        handler = new InterleavedHandler();
    }

    /// All actions but the leaks.
    function _actions() internal view override returns (address actor, bytes memory actions) {
        actor = address(handler);
        actions = abi.encodePacked([
            handler.wait.selector, handler.stake.selector, handler.requestUnstake.selector, handler.register.selector,
            handler.deregister.selector, handler.evict.selector, handler.bond.selector, handler.requestUnbond.selector,
            handler.finishUnbond.selector, handler.slash.selector, handler.eject.selector, handler.reinstate.selector,
            handler.admit.selector, handler.settle.selector, handler.claim.selector, handler.finishRelease.selector,
            handler.finishUnstake.selector, handler.withdrawEarnings.selector, handler.collectEarnings.selector,
            handler.setSigner.selector, handler.sign.selector, handler.submit.selector, handler.penalize.selector,
            handler.pardon.selector, handler.collectPenalty.selector, handler.convict.selector, handler.acquit.selector,
            handler.closeCase.selector, handler.route.selector, handler.retire.selector, handler.prioritize.selector,
            handler.deprioritize.selector, handler.bondKey.selector, handler.unbondKey.selector, handler.forfeitBond.selector
        ]);
    }

    /// All of them in the same lives: apart, each would walk through lives of its own.
    function invariant_all() public view {
        holds_everyContractHoldsWhatItOwes();
        holds_everyRouterHasItsBond();
        holds_nothingButItsOwnerMovesPriorityStake();
        holds_noUnitIsLost();
        holds_votesAreThoseOfMembers();
        holds_anAccountHasOneKeyAndAKeyOneAccount();
        holds_ejectionsAreLiftedOrInForce();
    }

    function holds_everyContractHoldsWhatItOwes() public view {
        (uint256 held, uint256 owed,) = handler.totals();
        checkEqual(held, owed, "escrow");
        (held, owed) = handler.held();
        checkEqual(held, owed, "earnings");
        (held, owed,,) = handler.stakes();
        checkEqual(held, owed, "staking: stakes + held penalties + bonds + priority stakes, with what leaves");
        (held, owed) = handler.casesHold();
        checkEqual(held, owed, "cases");
    }

    function holds_everyRouterHasItsBond() public view {
        checkEqual(handler.routersWithoutBond(), 0, "routers without a bond");
    }

    function holds_nothingButItsOwnerMovesPriorityStake() public view {
        checkEqual(handler.prioritiesMoved(), 0, "priority stakes moved");
    }

    function holds_noUnitIsLost() public view {
        (uint256 given, uint256 found) = handler.supply();
        checkEqual(found, given, "tokens");
    }

    function holds_votesAreThoseOfMembers() public view {
        (,, uint256 active, uint256 counted) = handler.stakes();
        checkEqual(counted, active, "bonds of members");
        (uint256 signed, uint256 total) = handler.votes();
        check(signed <= total, "no more votes than there are");
    }

    function holds_anAccountHasOneKeyAndAKeyOneAccount() public view {
        (uint256 byKeys, uint256 byAccounts, bool isInverse) = handler.voters();
        checkEqual(byKeys, byAccounts, "votes of keys and of accounts");
        check(isInverse, "whose key it is");
    }

    function holds_ejectionsAreLiftedOrInForce() public view {
        checkEqual(handler.ejectedNow() + handler.reinstatements(), handler.ejections(), "ejections");
    }

    /// The controls: the invariants notice, and the actions reach what they are about.
    function testFuzz_leakIsNoticed(uint256 amount) public {
        handler.leakBond(bound(amount, 1, 3_000e18));
        try this.holds_everyContractHoldsWhatItOwes() {
            check(false, "leak went unnoticed");
        } catch {}
        try this.holds_noUnitIsLost() {
            check(false, "loss went unnoticed");
        } catch {}
    }

    function test_handlerReachesEveryAction() public {
        handler.eject(0, 1);
        handler.reinstate(1);
        checkEqual(handler.reinstatements(), 1, "reinstated");
        handler.stake(1, 100);
        handler.penalize(0, 1, 3);
        handler.pardon(1);
        handler.penalize(0, 1, 2);
        handler.collectPenalty(1);
        check(handler.penalties() == 2 && handler.pardons() == 1 && handler.collections() == 1, "penalties");
        handler.bond(3, 1_000e18);
        handler.register(3);
        handler.deregister(2);
        handler.requestUnbond(2, 7);
        handler.finishUnbond(2);
        handler.slash(1, 1_000e18);
        checkEqual(handler.slashed(), 1_000e18, "slashed");
        handler.evict(1);
        handler.stake(0, 5);
        handler.requestUnstake(0, 5);
        handler.finishUnstake(0);
        handler.stake(2, 1e24);
        handler.route(2, "tickets");
        handler.requestUnstake(2, 1e24);
        this.holds_everyRouterHasItsBond();
        handler.retire(2, 2);
        check(handler.routers() == 1 && handler.retired() == 1, "a router came and left");
        (,, uint256 active,) = handler.stakes();
        checkEqual(active, 2_000e18, "two members");
        this.holds_everyContractHoldsWhatItOwes();
        this.holds_noUnitIsLost();
        this.holds_votesAreThoseOfMembers();
        (uint256 before,,) = handler.voters();
        // The first names a fresh key, the second the first one's own key.
        handler.setSigner(0, 7);
        handler.setSigner(1, 0);
        handler.wait(1 hours);
        (uint256 byKeys,,) = handler.voters();
        check(byKeys > 0 && before > 0, "they vote");
        this.holds_anAccountHasOneKeyAndAKeyOneAccount();
    }

    function test_priorityStakeAndBondsOfKeysComeAndGo() public {
        handler.prioritize(0, 100);
        handler.prioritize(4, 100);
        handler.bondKey(1, 1, 50);
        handler.bondKey(0, 1, 50);
        handler.unbondKey(0, 1, 20);
        this.holds_everyContractHoldsWhatItOwes();
        handler.deprioritize(0, 30);
        handler.eject(0, 1);
        handler.wait(1 days);
        handler.wait(1 days);
        handler.unbondKey(0, 1, 1);
        handler.forfeitBond(1, 1);
        handler.forfeitBond(0, 1);
        checkEqual(handler.forfeited(), 50, "of the key that is ejected");
        checkEqual(handler.prioritiesMoved(), 0, "priority stake is its owner's");
        this.holds_everyContractHoldsWhatItOwes();
        this.holds_noUnitIsLost();
    }

    function test_validatorsAreConvictedOnceAPeriodAndMayAppeal() public {
        handler.convict(0, "evidence");
        handler.convict(1, "evidence");
        handler.convict(1, "again");
        checkEqual(handler.convictions(), 2, "each once");
        checkEqual(handler.convicted(), 200e18, "a tenth of each bond");
        handler.acquit(0);
        handler.closeCase(1);
        check(handler.acquittals() == 1 && handler.closed() == 1, "one appeal is heard");
        this.holds_everyContractHoldsWhatItOwes();
        this.holds_noUnitIsLost();
        this.holds_votesAreThoseOfMembers();
    }

    /// Also where it bonds again at once.
    function test_aSlashedValidatorLosesItsVoteUntilNewBondHasItsDelay() public {
        (uint256 before,) = handler.votes();
        handler.slash(0, 1_000e18);
        (uint256 cut, uint256 total) = handler.votes();
        checkEqual(cut, before - 1_000e18, "slashed");
        handler.bond(0, 1_000e18);
        (uint256 again,) = handler.votes();
        checkEqual(again, cut, "bonded again");
        handler.wait(10 minutes);
        (again, total) = handler.votes();
        check(again == before && total == before, "one delay later");
    }

    function test_aSignedBatchSettlesWhileValidatorsComeAndGo() public {
        handler.admit(0, 0, 1e18);
        handler.sign(0, 0, 1e17, 60);
        handler.bond(3, 1_000e18);
        handler.register(3);
        handler.deregister(1);
        handler.setSigner(0, 7);
        handler.submit();
        checkEqual(handler.submitted(), 1, "settled by the votes of one delay ago");
        checkEqual(handler.unmoved(), 1, "which nothing has moved");
        handler.sign(0, 0, 1e17, 60);
        handler.settle(0, [uint256(1), 0, 0], 0, 0);
        handler.submit();
        checkEqual(handler.refused(), 1, "another batch took its number");
        handler.submit();
        checkEqual(handler.submitted() + handler.refused(), 2, "nothing is submitted twice");
    }
}
