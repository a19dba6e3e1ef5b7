// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ConstantProductPool} from "../src/Exchange.sol";
import {BoundedMint, DocumentMint, EpochWork} from "../src/MintRule.sol";
import {INetwork, MintBurn, MintBurnParts} from "../src/MintBurn.sol";
import {Credits} from "../src/Credits.sol";
import {Orog} from "../src/Orog.sol";
import {Parameters} from "../src/Parameters.sol";
import {Payment} from "../src/libraries/Payment.sol";
import {PriceOracle} from "../src/PriceOracle.sol";
import {Batch, Debit, Line, Tally} from "../src/libraries/Types.sol";
import {BurnMintFixture} from "./BurnMintFixture.sol";
import {HostileToken} from "./HostileToken.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

contract MintBurnTest is BurnMintFixture {
    address private constant VERIFIER = address(0xD1);

    function test_topUpBurnsAndGivesDollars() public {
        uint256 supply = orog.totalSupply();
        uint256 issued = _topUp(payer, 1_000e6);
        uint256 burned = supply - orog.totalSupply();
        checkEqual(burned, pool.outOf(1_000e6, 1_000_000e6, 10_000_000e18), "what the pool gave");
        // The pool's fee and slippage are the payer's: credits are worth no more than what was burned.
        checkEqual(issued, burned * CENT_10 / 1e18, "dollars of what was burned");
        check(issued > 990e18 && issued < 1_000e18, "about a thousand");
        checkEqual(credits.balanceOf(payer), issued, "the payer's");
        checkEqual(credits.backing(), burned, "backed");
        checkEqual(mintBurn.totalBurned(), burned, "counted");
    }

    function test_topUpInTheTokenItself() public {
        orog.approve(address(mintBurn), 500e18);
        checkEqual(mintBurn.topUp(orog, 500e18, 50e18, block.timestamp), 50e18, "at ten cents");
        checkEqual(orog.balanceOf(address(mintBurn)), 0, "burned");
    }

    /// Nobody burns for credits that the escrow would refuse; the swap of a payout, and all that leaves, asks nobody.
    function test_topUpWaitsWhileEntryIsPaused() public {
        _topUp(payer, 1_000e6);
        parameters.setGuardian(address(this));
        parameters.pauseEntry();
        uint256 until = parameters.pausedUntil();
        uint256 supply = orog.totalSupply();
        dollar.approve(address(mintBurn), 2e6);
        vm.expectRevert(abi.encodeWithSelector(Parameters.EntryIsPaused.selector, until));
        mintBurn.topUp(dollar, 1e6, 0, until);
        checkEqual(orog.totalSupply(), supply, "nothing was burned");
        vm.warp(until);
        _price(CENT_10);
        check(mintBurn.topUp(dollar, 1e6, 0, until) > 0, "the pause is over");
    }

    /// A pool that sells above the oracle's price gives fewer credits; one that sells below it gives those of the asset.
    function test_aPoolThatWasMovedGivesNoCredits() public {
        pool.swap(dollar, orog, 1_000_000e6, 0, address(this));
        uint256 issued = _topUp(payer, 1_000e6);
        check(issued < 260e18, "a quarter");
        pool.swap(orog, dollar, 20_000_000e18, 0, address(this));
        uint256 backing = credits.backing();
        checkEqual(_topUp(payer, 1_000e6), 1_000e18, "the asset's dollars");
        check(credits.backing() - backing > 10_000e18, "more was burned");
    }

    function testFuzz_aSwapLeavesItsFeeInThePool(uint128 sold, bool sellsTokens) public {
        (uint256 tokens, uint256 dollars) = pool.reserves();
        (uint256 reserveIn, uint256 reserveOut) = sellsTokens ? (tokens, dollars) : (dollars, tokens);
        uint256 amount = bound(sold, 1, reserveIn);
        uint256 out = pool.outOf(amount, reserveIn, reserveOut);
        // The return for it without trades between: three thousandths less, twice.
        uint256 back = pool.outOf(out, reserveOut - out, reserveIn + amount);
        check(back * 1_000 <= amount * 997, "a fee each way");
        check((reserveIn + amount) * (reserveOut - out) >= reserveIn * reserveOut, "the product never falls");
        checkEqual(pool.outOf(0, reserveIn, reserveOut), 0, "nothing for nothing");
    }

    function test_aPoolSwapsItsTwoTokensAlone() public {
        vm.expectRevert(ConstantProductPool.SameToken.selector);
        create("Exchange.sol:ConstantProductPool", abi.encode(dollar, dollar));
        IERC20 tokens = IERC20(address(orog));
        IERC20 other = IERC20(address(credits));
        IERC20[2][4] memory pairs =
            [[tokens, tokens], [IERC20(dollar), IERC20(dollar)], [tokens, other], [other, IERC20(dollar)]];
        for (uint256 i; i < pairs.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ConstantProductPool.UnknownPair.selector, pairs[i][0], pairs[i][1]));
            pool.swap(pairs[i][0], pairs[i][1], 1e18, 0, address(this));
        }
    }

    function test_votesGoBySecondsAndDollarsHaveSixDecimals() public view {
        check(keccak256(bytes(orog.CLOCK_MODE())) == keccak256("mode=timestamp"), "the clock's name");
        check(orog.nonces(payer) == 0 && dollar.decimals() == 6, "a first permit, and units");
    }

    function test_anEmptyPoolSellsNothing() public view {
        checkEqual(pool.outOf(1, 1, 0), 0, "nothing is there");
    }

    /// One unit of the other token would take all of a pool that has one side.
    function test_aPoolBeginsWithTwoSides() public {
        ConstantProductPool other = ConstantProductPool(create("Exchange.sol:ConstantProductPool", abi.encode(IERC20(address(orog)), dollar)));
        orog.approve(address(other), 2e18);
        dollar.approve(address(other), 1e6);
        uint256[2][3] memory wrong = [[uint256(1e18), 0], [uint256(0), 1e6], [uint256(0), 0]];
        for (uint256 i; i < wrong.length; ++i) {
            vm.expectRevert(ConstantProductPool.OneSided.selector);
            other.provide(wrong[i][0], wrong[i][1]);
        }
        other.provide(1e18, 1e6);
        other.provide(1e18, 0);
        (uint256 a, uint256 b) = other.reserves();
        check(a == 2e18 && b == 1e6, "later it may be one");
    }

    function test_aPoolTakesNoTaxedTokens() public {
        HostileToken taxed = new HostileToken(1_000e18);
        taxed.tax(100);
        ConstantProductPool other = ConstantProductPool(create("Exchange.sol:ConstantProductPool", abi.encode(taxed, dollar)));
        taxed.approve(address(other), 100e18);
        dollar.approve(address(other), 100e6);
        vm.expectRevert(abi.encodeWithSelector(Payment.NotReceived.selector, 99e18, 100e18));
        other.provide(100e18, 100e6);
    }

    function test_topUpKeepsThePayersTerms() public {
        dollar.approve(address(mintBurn), type(uint256).max);
        vm.expectPartialRevert(MintBurn.TooFewCredits.selector);
        mintBurn.topUp(dollar, 1_000e6, 1_000e18, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(MintBurn.Expired.selector, block.timestamp - 1));
        mintBurn.topUp(dollar, 1_000e6, 0, block.timestamp - 1);
        vm.expectRevert(MintBurn.ZeroAmount.selector);
        mintBurn.topUp(dollar, 0, 0, block.timestamp);
    }

    function test_refusesTaxedTokens() public {
        HostileToken taxed = new HostileToken(1_000e18);
        taxed.tax(100);
        taxed.approve(address(mintBurn), 100e18);
        vm.expectRevert(abi.encodeWithSelector(Payment.NotReceived.selector, 99e18, 100e18));
        mintBurn.topUp(taxed, 100e18, 0, block.timestamp);
    }

    /// From a dollar to a worker's dollar: 75 / 15 / 5 / 5, to the unit.
    function test_workIsPaid() public {
        _topUp(payer, 10_000e6);
        _reserve(1_000e18);
        Tally[] memory tallies = new Tally[](1);
        tallies[0] = Tally(VERIFIER, 4, 0);
        _settleWith(1, 400e18, 400e18, tallies);
        uint256 backing = credits.backing();
        uint256 supply = credits.totalSupply();
        _vest(CENT_10);
        uint256 epoch = mintBurn.epochAt(this.clock());
        earnings.withdraw(KEY, PROVIDER);
        _claimCredit(validator);
        _claimCredit(VERIFIER);
        _claimCredit(VERIFICATION);
        _claimCredit(TREASURY);
        checkEqual(mintBurn.dollarsOf(epoch, PROVIDER), 300e18, "provider");
        // No roster says who signed: half of the validators' part is the verification recipient's.
        uint256 unsigned = mintBurn.dollarsOf(epoch, VERIFICATION);
        checkEqual(unsigned, mintBurn.dollarsOf(epoch, validator), "half");
        checkEqual(2 * unsigned + mintBurn.dollarsOf(epoch, VERIFIER), 60e18, "verification");
        checkEqual(mintBurn.dollarsOf(epoch, TREASURY), 20e18, "treasury");
        checkEqual(mintBurn.dollarsOf(epoch, GOVERNANCE), 20e18, "governance");
        checkEqual(mintBurn.epochOf(epoch).dollars, 400e18, "all of it");
        checkEqual(credits.totalSupply(), supply - 400e18, "consumed");
        // Each part takes its even part of what was burned, rounded down.
        uint256 part = backing - credits.backing();
        check(part <= backing * 400e18 / supply && part + 4 > backing * 400e18 / supply, "its part of the burn");
        checkEqual(mintBurn.epochOf(epoch).burned, part, "counted");
        _closeNow();
        uint256 minted = mintBurn.epochOf(epoch).minted;
        uint256 bought = 4_000e18;
        checkEqual(minted, (bought < part ? bought : part) * 95 / 100, "the rule");
        uint256 before = orog.totalSupply();
        vm.prank(PROVIDER);
        (uint256 tokens, uint256 stable) = mintBurn.claim(epoch, 0);
        checkEqual(tokens, minted * 3 / 4, "three quarters");
        checkEqual(orog.totalSupply(), before + tokens, "minted");
        checkEqual(dollar.balanceOf(PROVIDER), stable, "in dollars");
        check(stable > 275e6 && stable < 300e6, "what tokens are worth");
        vm.prank(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(MintBurn.NothingToClaim.selector, epoch, PROVIDER));
        mintBurn.claim(epoch, 0);
        vm.prank(VERIFIER);
        payouts.choose(true);
        vm.prank(VERIFIER);
        (tokens, stable) = mintBurn.claim(epoch, 0);
        checkEqual(stable, 0, "no sale");
        checkEqual(orog.balanceOf(VERIFIER), tokens, "the tokens");
    }

    function test_aProviderNeedsATenthOfAValidatorsBond() public {
        _topUp(payer, 1_000e6);
        _reserve(100e18);
        address poor = address(0xB2);
        _submit(_batch(1), _one(_debit(PAYER_KEY, 100e18, 100e18)), _one(Line(KEY, poor, address(0), 100e18, 0, 0)));
        _vest(CENT_10);
        checkEqual(mintBurn.leastStake() * 10, BOND, "a tenth");
        vm.expectRevert(abi.encodeWithSelector(MintBurn.StakeTooSmall.selector, 0, BOND / 10));
        earnings.withdraw(KEY, poor);
        _stakeFor(poor, BOND / 10 - 1);
        vm.expectRevert(abi.encodeWithSelector(MintBurn.StakeTooSmall.selector, BOND / 10 - 1, BOND / 10));
        earnings.withdraw(KEY, poor);
        _stakeFor(poor, 1);
        checkEqual(earnings.withdraw(KEY, poor), 80e18, "nothing was lost");
    }

    /// The owner may require any bond of validators. The stake that a provider needs for earlier earnings stays.
    function test_noLimitOfTheOwnerKeepsAProvidersEarnings() public {
        _topUp(payer, 1_000e6);
        _reserve(100e18);
        _settle(1, 100e18, 100e18);
        parameters.setLimits(Parameters.Limits(1_000_000, DELAY, UNBONDING, 50_000_000e18, ROUTER_BOND, 0));
        checkEqual(mintBurn.leastStake(), BOND / 10, "as at deployment");
        _vest(CENT_10);
        checkEqual(earnings.withdraw(KEY, PROVIDER), 80e18, "paid");
        parameters.setLimits(Parameters.Limits(1_000_000, DELAY, UNBONDING, BOND / 2, ROUTER_BOND, 0));
        checkEqual(mintBurn.leastStake() * 10, BOND / 2, "a lower bond asks less");
    }

    /// An epoch that carries a hundred credits, two providers who earned eighty each, and a stranger who has both paid at once.
    function test_creditsBeyondAnEpochWaitForAnother() public {
        _deployBurnMint(_ruleFor(950e18));
        address other = address(0xB2);
        _stakeFor(other, BOND / 10);
        _buy(1_000e18);
        _reserve(200e18);
        Line[] memory lines = new Line[](2);
        lines[0] = Line(KEY, PROVIDER, address(0), 100e18, 0, 0);
        lines[1] = Line(KEY, other, address(0), 100e18, 0, 0);
        _submit(_batch(1), _one(_debit(PAYER_KEY, 200e18, 200e18)), lines);
        _vest(CENT_10);
        uint256 epoch = mintBurn.epochAt(this.clock());
        address[3] memory payees = [PROVIDER, other, address(0)];
        vm.prank(address(0xBAD));
        checkEqual(earnings.withdraw(KEY, PROVIDER), 80e18, "who comes first");
        vm.prank(address(0xBAD));
        checkEqual(earnings.withdraw(KEY, other), 20e18, "what the epoch still carries");
        checkEqual(earnings.balanceOf(KEY, other).withdrawable, 60e18, "the rest is still its own");
        checkEqual(earnings.balanceOf(KEY, other).paid, 20e18, "and was not paid");
        checkEqual(credits.balanceOf(address(earnings)), 60e18, "nor ended");
        vm.expectRevert(Credits.EpochFull.selector);
        earnings.withdraw(KEY, other);
        // So do validators, verifiers and the treasury.
        vm.expectRevert(Credits.EpochFull.selector);
        vm.prank(TREASURY);
        escrow.claim();
        _closeNow();
        checkEqual(mintBurn.epochOf(epoch).minted, 950e18, "paid in full");
        checkEqual(earnings.withdraw(KEY, other), 60e18, "in the next one");
        _closeNow();
        uint256 paid;
        for (uint256 i; i < 2; ++i) {
            for (uint256 j; payees[j] != address(0); ++j) {
                if (mintBurn.dollarsOf(epoch + i, payees[j]) == 0) continue;
                vm.prank(payees[j]);
                payouts.choose(true);
                vm.prank(payees[j]);
                mintBurn.claim(epoch + i, 0);
            }
        }
        for (uint256 j; j < 2; ++j) {
            paid += orog.balanceOf(payees[j]);
        }
        // Ten tokens were burned for each credit: fifteen sixteenths of 95 in a hundred of 1,600.
        checkEqual(paid, 1_425e18, "nothing of what was earned is lost");
    }

    /// A claim takes from the epoch's limit, too, and so does a forfeit: the rest of each stays in place.
    function test_claimsAndForfeitsWaitToo() public {
        _deployBurnMint(_ruleFor(95e18));
        _buy(1_000e18);
        _reserve(400e18);
        _settle(1, 400e18, 400e18);
        uint256 credit = escrow.creditOf(VERIFICATION);
        check(credit > 10e18, "more than an epoch carries");
        vm.prank(VERIFICATION);
        checkEqual(escrow.claim(), 10e18, "what it carries");
        checkEqual(escrow.creditOf(VERIFICATION), credit - 10e18, "the rest");
        _eject(2, KEY);
        _wait(APPEAL);
        checkEqual(earnings.collect(KEY, PROVIDER), 10e18, "of a forfeit");
        checkEqual(earnings.balanceOf(KEY, PROVIDER).collectable, 310e18, "the rest of it");
        checkEqual(earnings.balanceOf(KEY, PROVIDER).collected, 10e18, "was not collected");
    }

    /// Tokens burned after the work became final do not reduce its pay.
    function test_anEpochIsPaidByTheAmountAtTheTimeItsWorkBecameFinal() public {
        _deployBurnMint(_ruleFor(100_000_000e18));
        _buy(2_000e18);
        _reserve(2_000e18);
        _settle(1, 2_000e18, 2_000e18);
        _vest(CENT_10);
        uint256 epoch = mintBurn.epochAt(this.clock());
        uint256 most = orog.totalSupply() / 20 / 7_305;
        vm.prank(VERIFICATION);
        escrow.claim();
        orog.burn(SUPPLY / 2);
        earnings.withdraw(KEY, PROVIDER);
        check(earnings.balanceOf(KEY, PROVIDER).withdrawable > 0, "the epoch is full");
        vm.expectRevert(Credits.EpochFull.selector);
        earnings.withdraw(KEY, PROVIDER);
        _closeNow();
        uint256 minted = mintBurn.epochOf(epoch).minted;
        check(minted <= most && minted + 10 > most, "five hundredths a year of what there was");
    }

    /// Work that an epoch carries is paid what the elasticity gives, and only a few units more would be cut.
    function testFuzz_whatARuleCarriesIsNeverCut(uint256 cap, uint256 supply, uint256 burned, uint256 elasticity) public {
        elasticity = bound(elasticity, 1, 950_000);
        cap = bound(cap, 7_305, 1e30);
        supply = bound(supply, 0, 1e30);
        BoundedMint rule = BoundedMint(create("MintRule.sol:BoundedMint", abi.encode(elasticity, cap)));
        uint256 carried = rule.carriedAt(supply);
        burned = bound(burned, 0, carried);
        uint256 most = type(uint128).max;
        checkEqual(rule.mintOf(EpochWork(most, burned, 1, supply, 0)), burned * elasticity / 1_000_000, "uncut");
        burned = carried + 2_000_000 / elasticity + 1;
        check(rule.mintOf(EpochWork(most, burned, 1, supply, 0)) < burned * elasticity / 1_000_000, "cut");
    }

    /// An amount taken by an ejection goes to the verification pool, which stakes nothing.
    function test_forfeitsAreConsumedToo() public {
        _topUp(payer, 1_000e6);
        _reserve(100e18);
        _settle(1, 100e18, 100e18);
        _eject(2, KEY);
        _wait(APPEAL);
        uint256 epoch = mintBurn.epochAt(this.clock());
        earnings.collect(KEY, PROVIDER);
        checkEqual(mintBurn.dollarsOf(epoch, VERIFICATION), 80e18, "all of it");
        checkEqual(mintBurn.dollarsOf(epoch, GOVERNANCE), 0, "no provider was paid");
    }

    function test_epochsCloseOnceWhenTheyAreOver() public {
        uint256 epoch = mintBurn.epochAt(this.clock());
        vm.expectRevert(abi.encodeWithSelector(MintBurn.NotOver.selector, (epoch + 1) * 72 minutes));
        mintBurn.close(epoch);
        vm.expectRevert(abi.encodeWithSelector(MintBurn.NotClosed.selector, epoch));
        mintBurn.claim(epoch, 0);
        _closeNow();
        vm.expectRevert(abi.encodeWithSelector(MintBurn.ClosedAlready.selector, epoch));
        mintBurn.close(epoch);
    }

    function test_aSaleBelowTheOraclesPriceDoesNotHappen() public {
        uint256 epoch = _earn(1_000e18);
        _closeNow();
        pool.swap(orog, dollar, 1_000_000e18, 0, address(this));
        vm.prank(PROVIDER);
        vm.expectPartialRevert(ConstantProductPool.TooLittle.selector);
        mintBurn.claim(epoch, 0);
        vm.prank(PROVIDER);
        payouts.choose(true);
        vm.prank(PROVIDER);
        (uint256 tokens,) = mintBurn.claim(epoch, 0);
        checkEqual(orog.balanceOf(PROVIDER), tokens, "the tokens instead");
    }

    function test_aPayeesOwnBound() public {
        uint256 epoch = _earn(1_000e18);
        _closeNow();
        vm.prank(PROVIDER);
        vm.expectPartialRevert(ConstantProductPool.TooLittle.selector);
        mintBurn.claim(epoch, 750e6);
    }

    /// Without a price nobody tops up and no epoch closes; everybody has back what is theirs, and work still settles.
    function test_aPauseKeepsRefundsOpen() public {
        _topUp(payer, 1_000e6);
        _reserve(200e18);
        vm.prank(payer);
        escrow.deposit(50e18);
        oracle.pause();
        dollar.approve(address(mintBurn), 1e6);
        vm.expectPartialRevert(PriceOracle.PausedNow.selector);
        mintBurn.topUp(dollar, 1e6, 0, block.timestamp);
        _settle(1, 100e18, 100e18);
        vm.prank(payer);
        escrow.withdraw(50e18);
        vm.prank(payer);
        escrow.requestRelease(validator, 100e18);
        _wait(DELAY);
        vm.prank(payer);
        escrow.finishRelease(validator);
        vm.prank(payer);
        escrow.withdraw(100e18);
        _wait(3 * PERIOD - DELAY);
        uint256 epoch = mintBurn.epochAt(this.clock());
        earnings.withdraw(KEY, PROVIDER);
        _wait(72 minutes);
        vm.expectPartialRevert(PriceOracle.NoPrice.selector);
        mintBurn.close(epoch);
        _price(CENT_10);
        mintBurn.close(epoch);
    }

    function test_onlyAMinterMints() public {
        vm.expectRevert(abi.encodeWithSelector(Orog.NotMinter.selector, address(this)));
        orog.mint(address(this), 1);
        vm.expectRevert(abi.encodeWithSelector(MintBurn.NotCredits.selector, address(this)));
        mintBurn.earn(PROVIDER, 1e18, 1e18, true);
        BoundedMint rule = BoundedMint(create("MintRule.sol:BoundedMint", abi.encode(950_000, 1e24)));
        INetwork network = INetwork(address(settlement));
        vm.expectPartialRevert(MintBurn.OtherMinter.selector);
        MintBurn(create("MintBurn.sol:MintBurn", abi.encode(MintBurnParts(orog, dollar, oracle, pool, rule, network, GOVERNANCE, BOND))));
        // Somebody has the part of governance.
        uint256 nonce = vm.getNonce(address(this));
        Orog next = Orog(create("Orog.sol:Orog", abi.encode(vm.computeCreateAddress(address(this), nonce + 1), address(this), SUPPLY)));
        vm.expectRevert(MintBurn.ZeroGovernance.selector);
        create("MintBurn.sol:MintBurn", abi.encode(MintBurnParts(next, dollar, oracle, pool, rule, network, address(0), BOND)));
    }

    function test_noRuleMintsMoreThanItsBound() public {
        vm.expectRevert(abi.encodeWithSelector(BoundedMint.OutOfRange.selector, "elasticity"));
        BoundedMint(create("MintRule.sol:BoundedMint", abi.encode(950_001, 1e24)));
        vm.expectRevert(abi.encodeWithSelector(BoundedMint.OutOfRange.selector, "elasticity"));
        BoundedMint(create("MintRule.sol:BoundedMint", abi.encode(0, 1e24)));
        vm.expectRevert(abi.encodeWithSelector(DocumentMint.OutOfRange.selector, "elasticity"));
        DocumentMint(create("MintRule.sol:DocumentMint", abi.encode(1_500_001, 1e24)));
        vm.expectRevert(abi.encodeWithSelector(DocumentMint.OutOfRange.selector, "elasticity"));
        DocumentMint(create("MintRule.sol:DocumentMint", abi.encode(799_999, 1e24)));
        uint256 most = type(uint128).max;
        vm.expectRevert(abi.encodeWithSelector(BoundedMint.OutOfRange.selector, "yearlyCap"));
        create("MintRule.sol:BoundedMint", abi.encode(950_000, most + 1));
        // Less than a unit an epoch: nobody would ever be paid.
        vm.expectRevert(abi.encodeWithSelector(BoundedMint.OutOfRange.selector, "yearlyCap"));
        create("MintRule.sol:BoundedMint", abi.encode(950_000, 7_304));
        checkEqual(BoundedMint(create("MintRule.sol:BoundedMint", abi.encode(950_000, 7_305))).carriedAt(SUPPLY), 1, "the least");
        vm.expectRevert(abi.encodeWithSelector(DocumentMint.OutOfRange.selector, "yearlyCap"));
        create("MintRule.sol:DocumentMint", abi.encode(800_000, most + 1));
    }

    /// Each bound of the document's rule, where it is the one that counts.
    function test_theDocumentsRuleHasItsBounds() public {
        DocumentMint rule = DocumentMint(create("MintRule.sol:DocumentMint", abi.encode(1_000_000, 30e18)));
        checkEqual(rule.mintOf(EpochWork(0, 0, 1, 1_000e18, 40e18)), 30e18, "a year's cap");
        checkEqual(rule.mintOf(EpochWork(0, 0, 1, 1_000e18, 20e18)), 20e18, "what was burned");
        checkEqual(rule.mintOf(EpochWork(0, 0, 1, 100e18, 20e18)), 5e18, "of the supply");
        checkEqual(rule.mintOf(EpochWork(0, 0, 1, 1_000e18, 0)), 5e18, "the floor");
        checkEqual(rule.carriedAt(1_000e18), type(uint256).max, "no work waits");
    }

    /// Never more than what was burned, nor than its dollars buy, nor than the yearly bounds of one epoch.
    function testFuzz_boundedMint(uint256 dollars, uint256 burned, uint256 price, uint256 supply) public {
        BoundedMint rule = BoundedMint(create("MintRule.sol:BoundedMint", abi.encode(950_000, 73_050e18)));
        dollars = bound(dollars, 0, 1e30);
        burned = bound(burned, 0, 1e30);
        price = bound(price, 1, 1e24);
        supply = bound(supply, 0, 1e30);
        uint256 minted = rule.mintOf(EpochWork(dollars, burned, price, supply, type(uint128).max));
        check(minted * 100 <= burned * 95, "the burn");
        check(minted * price * 100 <= dollars * 95 * 1e18, "the dollars");
        check(minted <= 10e18, "an epoch's part of the cap");
        check(minted * 20 * 7_305 <= supply, "an epoch's part of the ceiling");
    }

    /// An owner of every role that pays itself has fewer dollars afterwards, at any price.
    function testFuzz_whoPaysItselfLoses(uint256 amount, uint256 other, uint256 later) public {
        amount = bound(amount, 1e6, 10_000e6);
        address somebody = address(0xEE);
        _topUp(somebody, bound(other, 1e6, 10_000e6));
        // Its credits may be cheap ones beside dear ones of others.
        uint256 issued = _topUp(payer, amount);
        _reserve(issued);
        _settle(1, uint128(issued), uint128(issued));
        uint128 price = uint128(bound(later, 0.081e18, 0.119e18));
        _vest(price);
        (uint256 dollars, uint256 minted) = (0, 0);
        // In as many epochs as it takes.
        for (uint256 i; i < 40 && dollars < issued; ++i) {
            uint256 epoch = mintBurn.epochAt(this.clock());
            if (credits.carriedOf(earnings.balanceOf(KEY, PROVIDER).withdrawable) > 0) earnings.withdraw(KEY, PROVIDER);
            address[3] memory others = [validator, VERIFICATION, TREASURY];
            for (uint256 j; j < 3; ++j) {
                if (credits.carriedOf(escrow.creditOf(others[j])) > 0) _claimCredit(others[j]);
            }
            vm.warp((epoch + 1) * 72 minutes);
            _price(price);
            mintBurn.close(epoch);
            dollars += mintBurn.epochOf(epoch).dollars;
            minted += mintBurn.epochOf(epoch).minted;
        }
        checkEqual(dollars, issued, "all roles");
        check(minted * price / 1e18 * 100 <= issued * 95, "fewer dollars");
        check(minted <= mintBurn.totalBurned(), "fewer tokens");
    }

    /// The document's rule pays the account that burns least: the floor comes last.
    function test_theDocumentsRuleIsFarmed() public {
        _deployBurnMint(DocumentMint(create("MintRule.sol:DocumentMint", abi.encode(1_500_000, 1_000_000_000e18))));
        uint256 supply = orog.totalSupply();
        uint256 epoch = _earn(1e18);
        _closeNow();
        uint256 burned = mintBurn.totalBurned();
        check(burned < 1_100e18, "a hundred dollars were burned");
        uint256 minted = mintBurn.epochOf(epoch).minted;
        check(minted > burned * 1_000, "thousands of times that is minted");
        check(minted * 201 > supply, "five thousandths of all there is");
    }

    /// The rule that nobody gains by, with so many tokens an epoch.
    function _ruleFor(uint256 tokens) private returns (BoundedMint) {
        return BoundedMint(create("MintRule.sol:BoundedMint", abi.encode(950_000, tokens * 7_305)));
    }

    /// Credits for which ten tokens each were burned.
    function _buy(uint256 dollars) private {
        orog.transfer(payer, 10 * dollars);
        vm.prank(payer);
        orog.approve(address(mintBurn), 10 * dollars);
        uint256 time = this.clock();
        vm.prank(payer);
        checkEqual(mintBurn.topUp(orog, 10 * dollars, dollars, time), dollars, "credits");
    }

    /// Work of one payer for one provider, that became final in this epoch.
    function _earn(uint128 amount) private returns (uint256 epoch) {
        _topUp(payer, uint256(amount) / 1e12 * 11 / 10 + 100e6);
        _reserve(amount);
        _settle(1, amount, amount);
        _vest(CENT_10);
        epoch = mintBurn.epochAt(this.clock());
        earnings.withdraw(KEY, PROVIDER);
    }

    function _claimCredit(address who) private {
        vm.prank(who);
        escrow.claim();
    }

    function _settleWith(uint64 sequence, uint128 amount, uint128 cumulative, Tally[] memory tallies) private {
        Batch memory batch = _batch(sequence);
        Debit[] memory debits = _one(_debit(PAYER_KEY, amount, cumulative));
        Line[] memory lines = _one(Line(KEY, PROVIDER, address(0), amount, 0, 0));
        bytes32[] memory none;
        bytes32 digest = settlement.batchDigest(batch, debits, lines, none, tallies);
        settlement.settle(batch, debits, lines, none, tallies, _quorum(digest, 3));
    }
}
