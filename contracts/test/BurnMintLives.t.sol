// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Earnings} from "../src/Earnings.sol";
import {Escrow} from "../src/Escrow.sol";
import {ConstantProductPool} from "../src/Exchange.sol";
import {MintBurn} from "../src/MintBurn.sol";
import {Batch, Debit, Line, Tally} from "../src/libraries/Types.sol";
import {BurnMintFixture} from "./BurnMintFixture.sol";
import {HostileToken} from "./HostileToken.sol";
import {Lives} from "./Lives.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

/// Random lives of payers and workers of a network that burns and mints. Every call has to succeed.
contract BurnMintHandler is BurnMintFixture {
    uint256 private constant PAYERS = 2;
    uint256 private constant ELASTICITY = 950_000;
    uint256 private constant PPM = 1_000_000;
    address private constant VERIFIER = address(0xD1);

    uint64 private _sequence;
    uint256 private _product;
    /// Epochs in which somebody earned.
    uint256[] private _epochs;
    mapping(uint256 epoch => bool) private _isKnown;
    /// Claims of each epoch: dollars of work, and tokens.
    mapping(uint256 epoch => uint256) private _paidDollars;
    mapping(uint256 epoch => uint256) private _paidTokens;
    uint256 public settled;
    uint256 public earned;
    uint256 public closed;
    uint256 public payouts_;
    uint256 public lapses;
    /// Withdrawals and claims of which something had to wait.
    uint256 public waits;

    function setUp() public override {
        super.setUp();
        _noteProduct();
    }

    function payerKey(uint256 who) public pure returns (uint256) {
        return PAYER_KEY + who % PAYERS;
    }

    function workerOf(uint256 who) public view returns (address) {
        if (who % 8 < 3) return vm.addr(validatorKeys[who % 8]);
        return [PROVIDER, VERIFIER, VERIFICATION, TREASURY, GOVERNANCE][who % 8 - 3];
    }

    /// A token costs a dime, or a twentieth more or less.
    function _say(uint256 cents) private {
        _price(uint128(bound(cents, CENT_10 * 95 / 100, CENT_10 * 105 / 100)));
    }

    function _noteProduct() private {
        (uint256 a, uint256 b) = pool.reserves();
        check(a * b >= _product, "the product of the pool never falls");
        _product = a * b;
    }

    function _noteEpoch() private {
        uint256 epoch = mintBurn.epochAt(this.clock());
        ++earned;
        if (_isKnown[epoch]) return;
        _isKnown[epoch] = true;
        _epochs.push(epoch);
    }

    function topUp(uint256 who, uint256 dollars, uint256 cents) external {
        _say(cents);
        _topUp(vm.addr(payerKey(who)), bound(dollars, 1e6, 20_000e6));
        _noteProduct();
    }

    function deposit(uint256 who, uint256 amount) external {
        address account = vm.addr(payerKey(who));
        uint256 live = credits.balanceOf(account);
        if (live == 0) return;
        vm.prank(account);
        escrow.deposit(bound(amount, 1, live));
    }

    function withdraw(uint256 who, uint256 amount) external {
        address account = vm.addr(payerKey(who));
        uint256 live = credits.liveOf(account, escrow.freeOf(account));
        if (live == 0) return;
        vm.prank(account);
        escrow.withdraw(bound(amount, 1, live));
    }

    function admit(uint256 who, uint256 amount) external {
        address account = vm.addr(payerKey(who));
        uint256 live = credits.liveOf(account, escrow.freeOf(account));
        if (live == 0) return;
        vm.prank(account);
        escrow.admit(validator, uint128(bound(amount, 1, live)));
    }

    function release(uint256 who) external {
        address account = vm.addr(payerKey(who));
        Escrow.Channel memory channel = escrow.channelOf(account, validator);
        if (channel.admitted == channel.spent) return;
        vm.prank(account);
        escrow.requestRelease(validator, channel.admitted - channel.spent);
        _wait(DELAY);
        vm.prank(account);
        escrow.finishRelease(validator);
    }

    function settle(uint256 who, uint256 amount, uint32 reports) external {
        Escrow.Channel memory channel = escrow.channelOf(vm.addr(payerKey(who)), validator);
        amount = bound(amount, 0, channel.admitted - channel.spent);
        Debit[] memory debits = _one(_debit(payerKey(who), uint128(amount), channel.spent + uint128(amount)));
        Line[] memory lines = _one(Line(KEY, PROVIDER, address(0), uint128(amount), 0, 0));
        Tally[] memory tallies = new Tally[](1);
        tallies[0] = Tally(VERIFIER, reports, 0);
        Batch memory batch = _batch(++_sequence);
        bytes32[] memory none;
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, tallies), 3);
        settlement.settle(batch, debits, lines, none, tallies, quorum);
        settled += amount;
    }

    function earn(uint256 who) external {
        address account = workerOf(who);
        uint256 due = account == PROVIDER ? earnings.balanceOf(KEY, PROVIDER).withdrawable : escrow.creditOf(account);
        uint256 carried = credits.carriedOf(due);
        if (carried < due) ++waits;
        if (carried == 0) return;
        vm.prank(account);
        uint256 taken = account == PROVIDER ? earnings.withdraw(KEY, PROVIDER) : escrow.claim();
        checkEqual(taken, carried, "what the epoch carries");
        uint256 left = account == PROVIDER ? earnings.balanceOf(KEY, PROVIDER).withdrawable : escrow.creditOf(account);
        checkEqual(left, due - taken, "the rest stays");
        _noteEpoch();
    }

    function close(uint256 which, uint256 cents) external {
        if (_epochs.length == 0) return;
        uint256 epoch = _epochs[which % _epochs.length];
        uint256 until = (epoch + 1) * mintBurn.EPOCH();
        if (mintBurn.epochOf(epoch).isClosed) {
            try mintBurn.close(epoch) {
                check(false, "an epoch closes once");
            } catch {}
            return;
        }
        if (this.clock() < until) vm.warp(until);
        _say(cents);
        MintBurn.Epoch memory work = mintBurn.epochOf(epoch);
        uint256 bought = uint256(work.dollars) * 1e18 / oracle.highOf(address(orog));
        mintBurn.close(epoch);
        uint256 due = (bought < work.burned ? bought : work.burned) * ELASTICITY / PPM;
        checkEqual(mintBurn.epochOf(epoch).minted, due, "no bound cuts what work is paid");
        ++closed;
    }

    function claim(uint256 which, uint256 who, bool takesTokens) external {
        if (_epochs.length == 0) return;
        uint256 epoch = _epochs[which % _epochs.length];
        address account = workerOf(who);
        uint256 dollars = mintBurn.dollarsOf(epoch, account);
        if (!mintBurn.epochOf(epoch).isClosed || dollars == 0) return;
        _say(CENT_10);
        vm.prank(account);
        payouts.choose(takesTokens);
        vm.prank(account);
        // A pool that was moved buys nothing, and a few units are worth no token.
        try mintBurn.claim(epoch, 0) returns (uint256 tokens, uint256) {
            _paidTokens[epoch] += tokens;
            _paidDollars[epoch] += dollars;
            ++payouts_;
        } catch {}
        _noteProduct();
    }

    function wait(uint256 duration) external {
        _wait(bound(duration, 0, 12 days));
    }

    function lapse(uint256 who) external {
        uint256 before = credits.totalSupply();
        credits.lapseWallet(vm.addr(payerKey(who)));
        if (credits.totalSupply() < before) ++lapses;
    }

    /// Credits past the escrow, and tokens past the rule.
    function leakCredits() external {
        vm.prank(address(escrow));
        credits.consume(VERIFIER, 1);
    }

    function leakTokens() external {
        vm.prank(address(mintBurn));
        orog.mint(VERIFIER, 1);
    }

    /// All credits are somewhere. Those that lapsed in a wallet are destroyed before.
    function assertCreditsAddUp() external {
        uint256 wallets;
        uint256 owed;
        for (uint256 i; i < PAYERS; ++i) {
            address account = vm.addr(payerKey(i));
            credits.lapseWallet(account);
            wallets += credits.balanceOf(account);
            Escrow.Channel memory channel = escrow.channelOf(account, validator);
            owed += escrow.freeOf(account) + channel.admitted - channel.spent;
        }
        for (uint256 i; i < 8; ++i) {
            owed += escrow.creditOf(workerOf(i));
        }
        owed += escrow.creditOf(address(earnings)) + escrow.creditOf(LICENSE);
        uint256 inEscrow = credits.balanceOf(address(escrow));
        uint256 inEarnings = credits.balanceOf(address(earnings));
        checkEqual(inEscrow, owed, "credits of the escrow = free + reserved + credit");
        checkEqual(credits.totalSupply(), wallets + inEscrow + inEarnings, "credits = wallets + escrow + earnings");
        Earnings.Balance memory balance = earnings.balanceOf(KEY, PROVIDER);
        uint256 unpaid = balance.earned - balance.paid - balance.collected;
        checkEqual(inEarnings + escrow.creditOf(address(earnings)), unpaid, "credits of earnings");
    }

    /// Nothing exists that the rule did not give for what was burned.
    function assertTokensAddUp() external view {
        uint256 consumed;
        uint256 minted;
        for (uint256 i; i < _epochs.length; ++i) {
            uint256 number = _epochs[i];
            MintBurn.Epoch memory epoch = mintBurn.epochOf(number);
            check(uint256(epoch.minted) * PPM <= uint256(epoch.burned) * ELASTICITY, "minted <= 0.95 of what was burned");
            check(_paidTokens[number] <= epoch.minted, "paid <= minted, of each epoch");
            uint256 dollars = _paidDollars[number];
            for (uint256 j; j < 8; ++j) {
                dollars += mintBurn.dollarsOf(number, workerOf(j));
            }
            checkEqual(dollars, epoch.dollars, "dollars = paid + to be paid, of each epoch");
            consumed += epoch.burned;
            minted += _paidTokens[number];
        }
        uint256 burned = mintBurn.totalBurned();
        checkEqual(mintBurn.totalMinted(), minted, "minted = paid");
        checkEqual(orog.totalSupply(), SUPPLY - burned + minted, "tokens = genesis - burned + minted");
        check(minted * PPM <= burned * ELASTICITY, "the supply never grows");
        check(credits.backing() + consumed <= burned, "no burned token stands behind two credits");
        uint256 left = orog.balanceOf(address(mintBurn)) + orog.balanceOf(address(payouts)) + dollar.balanceOf(address(mintBurn));
        checkEqual(left + dollar.balanceOf(address(payouts)), 0, "nothing stays on the way");
        (uint256 a, uint256 b) = pool.reserves();
        check(a == orog.balanceOf(address(pool)) && b == dollar.balanceOf(address(pool)), "the pool has its reserves");
    }
}

contract BurnMintLivesTest is Lives {
    BurnMintHandler private handler;

    function setUp() public {
        handler = new BurnMintHandler();
        handler.setUp();
    }

    /// All actions but the leaks.
    function _actions() internal view override returns (address actor, bytes memory actions) {
        actor = address(handler);
        actions = abi.encodePacked([
            handler.topUp.selector, handler.deposit.selector, handler.withdraw.selector, handler.admit.selector,
            handler.release.selector, handler.settle.selector, handler.earn.selector, handler.close.selector,
            handler.claim.selector, handler.wait.selector, handler.lapse.selector
        ]);
    }

    function invariant_creditsAndTokensAddUp() public {
        handler.assertTokensAddUp();
        handler.assertCreditsAddUp();
    }

    /// The controls: one unit past the rules is noticed, and the actions reach what the rules are about.
    function test_leaksAreNoticed() public {
        handler.topUp(0, 100e6, 0);
        handler.deposit(0, type(uint256).max);
        this.invariant_creditsAndTokensAddUp();
        handler.leakCredits();
        try this.invariant_creditsAndTokensAddUp() {
            check(false, "credits that vanished went unnoticed");
        } catch {}
    }

    function test_tokensOfNobodysWorkAreNoticed() public {
        handler.leakTokens();
        try this.invariant_creditsAndTokensAddUp() {
            check(false, "a token that nobody earned went unnoticed");
        } catch {}
    }

    function test_handlerReachesEveryAction() public {
        handler.topUp(0, 10_000e6, 0);
        handler.topUp(1, 100e6, 0);
        handler.deposit(0, 5_000e18);
        handler.withdraw(0, 1e18);
        handler.admit(0, 1_000e18);
        handler.settle(0, 400e18, 3);
        handler.release(0);
        handler.earn(4);
        handler.earn(0);
        handler.close(0, 0);
        handler.claim(0, 4, true);
        handler.claim(0, 0, false);
        handler.wait(3 days);
        handler.earn(3);
        handler.close(1, 0);
        handler.close(1, 0);
        handler.claim(1, 3, true);
        handler.claim(1, 7, false);
        for (uint256 i; i < 3; ++i) {
            handler.wait(12 days);
        }
        handler.lapse(1);
        check(handler.settled() == 400e18 && handler.earned() == 3 && handler.closed() == 2, "work");
        checkEqual(handler.payouts_(), 4, "payouts");
        checkEqual(handler.lapses(), 1, "a wallet that lapsed");
        this.invariant_creditsAndTokensAddUp();
    }

    function test_handlerFillsAnEpoch() public {
        handler.topUp(0, 20_000e6, 0);
        handler.deposit(0, 15_000e18);
        handler.admit(0, 14_000e18);
        handler.settle(0, 10_000e18, 0);
        handler.wait(3 days);
        handler.earn(3);
        checkEqual(handler.earned(), 1, "a part");
        handler.earn(0);
        checkEqual(handler.waits(), 2, "and next to nothing for who comes later");
        handler.close(0, 0);
        uint256 before = handler.earned();
        handler.earn(0);
        checkEqual(handler.earned(), before + 1, "but in the next epoch");
        checkEqual(handler.waits(), 2, "all of it");
        this.invariant_creditsAndTokensAddUp();
    }
}

/// Random trades in a pool of two tokens.
contract PoolHandler {
    HostileToken private immutable a = new HostileToken(type(uint128).max);
    HostileToken private immutable b = new HostileToken(type(uint128).max);
    ConstantProductPool public immutable pool;
    uint256 private _product;
    uint256 private _givenA;
    uint256 private _givenB;
    uint256 public swaps;

    constructor() {
        pool = ConstantProductPool(create("Exchange.sol:ConstantProductPool", abi.encode(a, b)));
        a.approve(address(pool), type(uint256).max);
        b.approve(address(pool), type(uint256).max);
    }

    function provide(uint256 amountA, uint256 amountB) external {
        (amountA, amountB) = (bound(amountA, 0, 1e30), bound(amountB, 0, 1e30));
        (uint256 reserveA, uint256 reserveB) = pool.reserves();
        bool isOneSided = reserveA + amountA == 0 || reserveB + amountB == 0;
        try pool.provide(amountA, amountB) {
            check(!isOneSided, "it has two sides");
        } catch {
            check(isOneSided, "it takes whatever else there is");
        }
        _note();
    }

    /// A seller has what the pool says, or nothing happens.
    function swap(bool sellsA, uint256 amount, uint256 least) external {
        (ERC20 from, ERC20 to) = sellsA ? (a, b) : (b, a);
        (uint256 reserveIn, uint256 reserveOut) = pool.reserves();
        if (!sellsA) (reserveIn, reserveOut) = (reserveOut, reserveIn);
        amount = bound(amount, 0, 1e30);
        uint256 due = pool.outOf(amount, reserveIn, reserveOut);
        least = bound(least, 0, 2 * due);
        uint256 before = to.balanceOf(address(1));
        try pool.swap(from, to, amount, least, address(1)) returns (uint256 out) {
            check(out == due && due >= least, "what it said");
            checkEqual(to.balanceOf(address(1)), before + out, "paid");
            check(reserveIn == 0 || reserveOut == 0 || out < reserveOut, "it is never emptied");
            ++swaps;
        } catch {
            check(due < least, "it sells wherever it may");
        }
        _note();
    }

    /// Tokens sent without a call belong to nobody, and move no price.
    function give(uint256 amountA, uint256 amountB) external {
        (amountA, amountB) = (bound(amountA, 0, 1e24), bound(amountB, 0, 1e24));
        a.transfer(address(pool), amountA);
        b.transfer(address(pool), amountB);
        (_givenA, _givenB) = (_givenA + amountA, _givenB + amountB);
        (uint256 reserveA, uint256 reserveB) = pool.reserves();
        checkEqual(reserveA * reserveB, _product, "no price moved");
    }

    function _note() private {
        (uint256 reserveA, uint256 reserveB) = pool.reserves();
        check(reserveA * reserveB >= _product, "the product never falls");
        _product = reserveA * reserveB;
    }

    function assertHeld() external view {
        (uint256 reserveA, uint256 reserveB) = pool.reserves();
        checkEqual(a.balanceOf(address(pool)), reserveA + _givenA, "of the first token");
        checkEqual(b.balanceOf(address(pool)), reserveB + _givenB, "of the second token");
    }

    function leak() external {
        vm.prank(address(pool));
        a.transfer(address(1), 1);
    }
}

contract PoolLivesTest is Lives {
    PoolHandler private handler;

    function setUp() public {
        handler = new PoolHandler();
    }

    function _actions() internal view override returns (address actor, bytes memory actions) {
        actor = address(handler);
        actions = abi.encodePacked([handler.provide.selector, handler.swap.selector, handler.give.selector]);
    }

    function invariant_aPoolHasItsReserves() public view {
        handler.assertHeld();
    }

    function test_handlerTradesAndALeakIsNoticed() public {
        handler.provide(1e24, 1e20);
        handler.swap(true, 1e18, 1);
        handler.swap(false, 1e18, 1);
        handler.give(5, 7);
        checkEqual(handler.swaps(), 2, "both ways");
        this.invariant_aPoolHasItsReserves();
        handler.leak();
        try this.invariant_aPoolHasItsReserves() {
            check(false, "a leak went unnoticed");
        } catch {}
    }
}
