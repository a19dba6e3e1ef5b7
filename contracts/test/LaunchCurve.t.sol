// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {LaunchCurve} from "../src/LaunchCurve.sol";
import {Genesis, OgongToken} from "../src/OgongToken.sol";
import {Payment} from "../src/libraries/Payment.sol";
import {HostileToken} from "./HostileToken.sol";
import {Lives} from "./Lives.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

// A million dollars: the first token costs a cent.
uint256 constant VIRTUAL = 1_000_000e6;

/// Takes a hundredth more from its sender than it moves, once it is told.
contract GreedyAsset is ERC20 {
    bool private _isGreedy;

    constructor() ERC20("Greedy", "GREED") {
        _mint(msg.sender, 1e30);
    }

    function take(bool isGreedy) external {
        _isGreedy = isGreedy;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (_isGreedy && from != address(0)) super._update(from, address(0xdead), amount / 100);
    }
}

/// A token with its curve, from the genesis on. The deployer has the listing reserve, and nothing of the launch.
contract Launch {
    OgongToken internal token;
    ERC20 internal asset;
    LaunchCurve internal curve;

    function _launch(ERC20 asset_) internal {
        asset = asset_;
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        Genesis memory genesis = Genesis(address(0xA1), address(0xA2), next, address(this), address(0xA5));
        token = OgongToken(create("OgongToken.sol:OgongToken", abi.encode(genesis)));
        curve = LaunchCurve(create("LaunchCurve.sol:LaunchCurve", abi.encode(token, asset, VIRTUAL)));
        token.approve(address(curve), type(uint256).max);
        asset.approve(address(curve), type(uint256).max);
    }

    function _dollar() internal returns (ERC20) {
        return ERC20(create("DevDollar.sol:DevDollar", abi.encode(address(this), type(uint128).max)));
    }

    function _buy(uint256 payment) internal returns (uint256) {
        return curve.buy(payment, 0, block.timestamp);
    }

    function _sell(uint256 amount) internal returns (uint256) {
        return curve.sell(amount, 0, block.timestamp);
    }

    /// The least product of the curve.
    function _product() internal view returns (uint256) {
        return (VIRTUAL + curve.reserve()) * curve.left();
    }
}

contract LaunchCurveTest is Launch {
    function setUp() public {
        vm.warp(1_800_000_000);
        _launch(_dollar());
    }

    function test_beginsWithAllOfTheTranche() public view {
        checkEqual(token.balanceOf(address(curve)), 100_000_000e18, "the launch");
        checkEqual(curve.left(), curve.TRANCHE(), "left");
        checkEqual(curve.TRANCHE(), token.LAUNCH(), "the genesis");
        checkEqual(curve.reserve(), 0, "nobody put anything in");
        check(address(curve.token()) == address(token) && address(curve.asset()) == address(asset), "what for what");
        checkEqual(curve.virtualReserve(), VIRTUAL, "a cent");
    }

    function test_isCreatedWithinItsBounds() public {
        vm.expectRevert(LaunchCurve.SameToken.selector);
        create("LaunchCurve.sol:LaunchCurve", abi.encode(token, token, VIRTUAL));
        uint256[2] memory wrong = [uint256(0), uint256(type(uint128).max) + 1];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(LaunchCurve.OutOfRange.selector, wrong[i]));
            create("LaunchCurve.sol:LaunchCurve", abi.encode(token, asset, wrong[i]));
        }
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.NotFunded.selector, 0));
        create("LaunchCurve.sol:LaunchCurve", abi.encode(token, asset, VIRTUAL));
    }

    /// Tokens sent ahead do not stop its creation, and change no price.
    function test_moreThanTheTrancheStopsNothing() public {
        uint256 tranche = curve.TRANCHE();
        _buy(asset.balanceOf(address(this)) / 2);
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        token.transfer(next, tranche + 5);
        LaunchCurve other = LaunchCurve(create("LaunchCurve.sol:LaunchCurve", abi.encode(token, asset, VIRTUAL)));
        checkEqual(token.balanceOf(address(other)), tranche + 5, "more");
        checkEqual(other.left(), tranche, "and for sale as much as ever");
    }

    function test_isNotCreatedWithoutAUnitOfTheTranche() public {
        uint256 tranche = curve.TRANCHE();
        _buy(asset.balanceOf(address(this)) / 2);
        token.transfer(vm.computeCreateAddress(address(this), vm.getNonce(address(this))), tranche - 1);
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.NotFunded.selector, tranche - 1));
        create("LaunchCurve.sol:LaunchCurve", abi.encode(token, asset, VIRTUAL));
    }

    function test_theFirstTokens() public {
        // The smallest payment, and just less than 100 tokens for a dollar: buying moves the price.
        checkEqual(curve.amountFor(1), 99_999_999_999_900, "a millionth of a dollar");
        checkEqual(_buy(1e6), 99_999_900_000_099_999_900, "a dollar");
        checkEqual(token.balanceOf(address(this)), 25_000_000e18 + 99_999_900_000_099_999_900, "received");
        checkEqual(asset.balanceOf(address(curve)), 1e6, "paid");
        checkEqual(curve.left(), 100_000_000e18 - 99_999_900_000_099_999_900, "left");
    }

    /// Half of it for the virtual reserve, at four times the first price then.
    function test_halfOfThem() public {
        checkEqual(_buy(VIRTUAL), 50_000_000e18, "half");
        checkEqual(curve.amountFor(4e6) / 1e18, 99, "four cents each");
    }

    /// All the dollars that there can be leave some, and what is left is worth no payment then.
    function test_theLastToken() public {
        uint256 all = asset.balanceOf(address(this));
        _buy(all - 100);
        check(curve.left() > 0, "never all");
        check(token.balanceOf(address(this)) > 125_000_000e18 - 1e18, "all but a part of one");
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.TooLittle.selector, 0, 0));
        _buy(1);
        uint256 sold = curve.TRANCHE() - curve.left();
        _sell(sold);
        checkEqual(curve.left(), curve.TRANCHE(), "all came back");
        checkEqual(asset.balanceOf(address(curve)), curve.reserve(), "what rounding left");
        check(asset.balanceOf(address(this)) <= all, "no gain");
    }

    /// Tokens that are not of the launch sell too, down to where the curve began, and no further.
    function test_buysBackNoMoreThanItSold() public {
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.NotSold.selector, 1, 0));
        _sell(1);
        address buyer = address(0xB1);
        asset.transfer(buyer, 1_000e6);
        vm.startPrank(buyer);
        asset.approve(address(curve), 1_000e6);
        uint256 sold = _buy(1_000e6);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.NotSold.selector, sold + 1, sold));
        _sell(sold + 1);
        check(_sell(sold) >= 1_000e6 - 1, "what the buyer paid");
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.NotSold.selector, 1, 0));
        _sell(1);
    }

    function test_keepsItsCallersTerms() public {
        uint256 amount = curve.amountFor(1_000e6);
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.TooLittle.selector, amount, amount + 1));
        curve.buy(1_000e6, amount + 1, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.Expired.selector, block.timestamp - 1));
        curve.buy(1_000e6, 0, block.timestamp - 1);
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.TooLittle.selector, 0, 0));
        curve.buy(0, 0, block.timestamp);
        checkEqual(curve.buy(1_000e6, amount, block.timestamp), amount, "at its bounds");
        uint256 payment = curve.paymentFor(amount / 2);
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.TooLittle.selector, payment, payment + 1));
        curve.sell(amount / 2, payment + 1, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.Expired.selector, block.timestamp - 1));
        curve.sell(amount / 2, 0, block.timestamp - 1);
        // Less than the asset can say.
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.TooLittle.selector, 0, 0));
        curve.sell(1, 0, block.timestamp);
        checkEqual(curve.sell(amount / 2, payment, block.timestamp), payment, "at its bounds");
        checkEqual(asset.balanceOf(address(curve)), 1_000e6 - payment, "paid");
    }

    function test_takesOnlyAmountsThatItsCallerAllowedAndHas() public {
        vm.startPrank(address(0xB1));
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientAllowance(address,uint256,uint256)")));
        _buy(1e6);
        asset.approve(address(curve), 1e6);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientBalance(address,uint256,uint256)")));
        _buy(1e6);
        vm.stopPrank();
    }

    function test_emitsItsEvents() public {
        uint256 amount = curve.amountFor(5e6);
        vm.expectEmit();
        emit LaunchCurve.Bought(address(this), 5e6, amount);
        _buy(5e6);
        uint256 payment = curve.paymentFor(amount);
        vm.expectEmit();
        emit LaunchCurve.Sold(address(this), amount, payment);
        _sell(amount);
    }

    /// There is no owner, no pause, and no way out but along the curve. Tokens sent to it without a call stay, and move no price.
    function test_nobodyTakesTheProceeds() public {
        _buy(1_000e6);
        string[8] memory calls = [
            "withdraw(uint256)", "withdraw()", "sweep(address)", "rescue(address,uint256)", "pause()", "migrate()",
            "transferOwnership(address)", "delegate(address)"
        ];
        for (uint256 i; i < calls.length; ++i) {
            (bool isDone,) = address(curve).call(abi.encodeWithSelector(bytes4(keccak256(bytes(calls[i]))), address(this), 1));
            check(!isDone, calls[i]);
        }
        uint256 amount = curve.amountFor(1e6);
        asset.transfer(address(curve), 500e6);
        token.transfer(address(curve), 1e18);
        checkEqual(curve.amountFor(1e6), amount, "the same price");
        _sell(curve.TRANCHE() - curve.left());
        check(asset.balanceOf(address(curve)) >= 500e6, "stays");
    }

    /// Tokens of the curve have no vote.
    function test_itsTokensVoteForNobody() public {
        checkEqual(token.getVotes(address(curve)), 0, "not its own");
        check(token.delegates(address(curve)) == address(0), "nobody's");
        token.delegate(address(this));
        uint256 votes = token.getVotes(address(this));
        uint256 amount = _buy(1e6);
        checkEqual(token.getVotes(address(this)), votes + amount, "from when on they are sold");
        _sell(amount);
        checkEqual(token.getVotes(address(this)), votes, "until they are back");
        checkEqual(token.getVotes(address(curve)), 0, "not its own");
    }

    /// Checks the received amount. The receiver bears a tax on payments, so the way out stays open.
    function test_refusesTaxedAssets() public {
        HostileToken taxed = new HostileToken(1e30);
        _launch(taxed);
        uint256 amount = _buy(1_000e6);
        taxed.tax(100);
        vm.expectRevert(abi.encodeWithSelector(Payment.NotReceived.selector, 99e6, 100e6));
        _buy(100e6);
        uint256 payment = curve.paymentFor(amount);
        checkEqual(_sell(amount), payment, "sent");
        checkEqual(taxed.balanceOf(address(curve)), curve.reserve(), "nothing of the others'");
    }

    function test_refusesAssetsThatTakeMore() public {
        GreedyAsset greedy = new GreedyAsset();
        _launch(greedy);
        uint256 amount = _buy(1_000e6);
        greedy.take(true);
        uint256 payment = curve.paymentFor(amount / 2);
        vm.expectRevert(abi.encodeWithSelector(LaunchCurve.NotSent.selector, payment + payment / 100, payment));
        _sell(amount / 2);
        greedy.take(false);
        _sell(amount);
    }

    function test_refusesReentrantAssets() public {
        HostileToken reentrant = new HostileToken(1e30);
        _launch(reentrant);
        uint256 amount = _buy(1_000e6);
        bytes[2] memory calls =
            [abi.encodeCall(curve.buy, (1, 0, block.timestamp)), abi.encodeCall(curve.sell, (1, 0, block.timestamp))];
        for (uint256 i; i < 2; ++i) {
            reentrant.callBack(address(curve), calls[i]);
            vm.expectRevert(bytes4(keccak256("ReentrancyGuardReentrantCall()")));
            _buy(100e6);
            vm.expectRevert(bytes4(keccak256("ReentrancyGuardReentrantCall()")));
            _sell(amount);
        }
        // A reader sees one state or the other, and none between.
        reentrant.callBack(address(curve), abi.encodeCall(curve.amountFor, (1)));
        _sell(amount);
        checkEqual(reentrant.calls(), 1, "it was called");
    }

    /// At every point of the curve, a buyer that sells back has no more than before, and the curve no less.
    function testFuzz_buyingAndSellingNeverGains(uint128 before, uint128 payment) public {
        _standAt(before);
        (uint256 product, uint256 reserve) = (_product(), curve.reserve());
        payment = _sized(payment);
        if (curve.amountFor(payment) == 0) return;
        uint256 amount = _buy(payment);
        check(_product() >= product, "a buy takes nothing of the curve");
        if (curve.paymentFor(amount) == 0) return;
        check(_sell(amount) <= payment, "no gain");
        check(_product() >= product && curve.reserve() >= reserve, "nor does a sale");
    }

    /// The other way round: a seller that buys all of it back.
    function testFuzz_sellingAndBuyingNeverGains(uint128 before, uint256 amount) public {
        _standAt(before | 1);
        uint256 sold = curve.TRANCHE() - curve.left();
        amount = bound(amount, 1, sold);
        uint256 payment = curve.paymentFor(amount);
        if (payment == 0) return;
        _sell(amount);
        if (curve.amountFor(payment) > 0) check(_buy(payment) <= amount, "no gain");
    }

    /// In two parts it buys no more, and it sells for no more, than at once.
    function testFuzz_partsNeverGain(uint128 before, uint128 first, uint128 second) public {
        _standAt(before);
        (first, second) = (_sized(first), _sized(second));
        uint256 atOnce = curve.amountFor(uint256(first) + second);
        if (curve.amountFor(first) == 0) return;
        uint256 amount = _buy(first);
        if (curve.amountFor(second) == 0) return;
        amount += _buy(second);
        check(amount <= atOnce, "bought in parts");
        uint256 all = curve.paymentFor(amount);
        if (curve.paymentFor(amount / 3) == 0) return;
        uint256 payment = _sell(amount / 3);
        if (curve.paymentFor(amount - amount / 3) > 0) payment += _sell(amount - amount / 3);
        check(payment <= all, "sold in parts");
    }

    /// The price, asset for a token, is (virtual + reserve) / left.
    function testFuzz_thePriceGoesOneWay(uint128 before, uint128 payment, uint256 part) public {
        _standAt(before);
        (uint256 held, uint256 left) = (VIRTUAL + curve.reserve(), curve.left());
        payment = _sized(payment);
        if (curve.amountFor(payment) == 0) return;
        uint256 amount = _buy(payment);
        check((VIRTUAL + curve.reserve()) * left >= held * curve.left(), "a buy lowers no price");
        (held, left) = (VIRTUAL + curve.reserve(), curve.left());
        amount = bound(part, 1, amount);
        if (curve.paymentFor(amount) == 0) return;
        _sell(amount);
        check((VIRTUAL + curve.reserve()) * left <= held * curve.left(), "a sale raises none");
    }

    /// A buyer pays at least the exact price, and at most what the next smallest unit of the token is worth more.
    function testFuzz_roundsAgainstItsCaller(uint128 before, uint128 payment) public {
        _standAt(before);
        payment = _sized(payment);
        (uint256 held, uint256 left) = (VIRTUAL + curve.reserve(), curve.left());
        uint256 amount = curve.amountFor(payment);
        check(amount * (held + payment) <= payment * left, "no more than exact");
        check((amount + 1) * (held + payment) > payment * left, "and all of that");
        check(amount < left, "never all");
    }

    function _standAt(uint128 paid) private {
        paid = _sized(paid);
        if (curve.amountFor(paid) > 0) _buy(paid);
    }

    /// Of any size alike, from a unit to 2^112: the curve is steep where much of it is sold.
    function _sized(uint128 value) private pure returns (uint128) {
        return (value >> (16 + value % 112)) + 1;
    }
}

/// Traders who buy, sell, pass tokens on, and send the curve what they need not.
contract Traders is Launch {
    uint256 private constant COUNT = 3;
    uint256 public paid;
    uint256 public taken;
    uint256 public sentAsset;
    uint256 public sentTokens;
    uint256 public trades;

    constructor() {
        vm.warp(1_800_000_000);
        _launch(_dollar());
        for (uint256 i; i < COUNT; ++i) {
            vm.startPrank(traderOf(i));
            token.approve(address(curve), type(uint256).max);
            asset.approve(address(curve), type(uint256).max);
            vm.stopPrank();
        }
    }

    function traderOf(uint256 who) public pure returns (address) {
        return address(uint160(0xC0 + who % COUNT));
    }

    function buy(uint256 who, uint256 payment) external {
        payment = bound(payment, 1, 10 * VIRTUAL);
        uint256 amount = curve.amountFor(payment);
        if (amount == 0) return;
        asset.transfer(traderOf(who), payment);
        (uint256 product, uint256 held, uint256 left) = (_product(), curve.reserve(), curve.left());
        vm.prank(traderOf(who));
        curve.buy(payment, amount, block.timestamp);
        check(_product() >= product && curve.reserve() > held && curve.left() < left, "dearer");
        paid += payment;
        ++trades;
    }

    function sell(uint256 who, uint256 amount) external {
        uint256 most = curve.TRANCHE() - curve.left();
        uint256 has = token.balanceOf(traderOf(who));
        if (has < most) most = has;
        if (most == 0) return;
        amount = bound(amount, 1, most);
        uint256 payment = curve.paymentFor(amount);
        if (payment == 0) return;
        (uint256 product, uint256 held, uint256 left) = (_product(), curve.reserve(), curve.left());
        vm.prank(traderOf(who));
        curve.sell(amount, payment, block.timestamp);
        check(_product() >= product && curve.reserve() < held && curve.left() > left, "cheaper");
        taken += payment;
        ++trades;
    }

    function pass(uint256 who, uint256 amount) external {
        amount = bound(amount, 0, token.balanceOf(traderOf(who)));
        vm.prank(traderOf(who));
        token.transfer(traderOf(who % COUNT + 1), amount);
    }

    /// Of the listing reserve: it was never the curve's.
    function pour(uint256 who, uint256 amount) external {
        amount = bound(amount, 0, token.balanceOf(address(this)) / 4);
        token.transfer(traderOf(who), amount);
    }

    function send(uint128 dollars, uint256 tokens) external {
        uint256 amount = bound(dollars, 0, VIRTUAL);
        asset.transfer(address(curve), amount);
        sentAsset += amount;
        tokens = bound(tokens, 0, token.balanceOf(address(this)) / 8);
        token.transfer(address(curve), tokens);
        sentTokens += tokens;
    }

    /// Takes out of the curve past all rules.
    function leak(bool isAsset) external {
        vm.prank(address(curve));
        (isAsset ? asset : ERC20(token)).transfer(address(0xdead), 1);
    }

    /// Has the curve forget half of what was paid: `reserve` is its second word.
    function forget() external {
        vm.store(address(curve), bytes32(uint256(1)), bytes32(curve.reserve() / 2));
    }

    /// Tokens that are neither the curve's nor anybody's whom the genesis named.
    function outside() public view returns (uint256 sum) {
        for (uint256 i; i < COUNT; ++i) sum += token.balanceOf(traderOf(i));
        return sum + token.balanceOf(address(this));
    }

    function checkAssets() external view {
        checkEqual(curve.reserve(), paid - taken, "reserve = paid - taken");
        checkEqual(asset.balanceOf(address(curve)), curve.reserve() + sentAsset, "the reserve is there");
    }

    function checkTokens() external view {
        checkEqual(token.balanceOf(address(curve)), curve.left() + sentTokens, "what is left is there");
        uint256 sold = curve.TRANCHE() - curve.left();
        checkEqual(outside() + sentTokens, sold + token.LISTING(), "sold + left = the tranche");
    }

    function checkCurve() external view {
        uint256 sold = curve.TRANCHE() - curve.left();
        check(_product() >= VIRTUAL * curve.TRANCHE(), "the reserve is at least the integral of what was sold");
        check(curve.paymentFor(sold) <= curve.reserve(), "all that was sold can come back");
    }
}

contract LaunchCurveLivesTest is Lives {
    Traders private traders;

    function setUp() public {
        traders = new Traders();
    }

    /// All actions but `leak`.
    function _actions() internal view override returns (address actor, bytes memory actions) {
        actor = address(traders);
        actions = abi.encodePacked([traders.buy.selector, traders.sell.selector, traders.pass.selector, traders.pour.selector, traders.send.selector]);
    }

    function invariant_proceedsAreLocked() public view {
        traders.checkAssets();
    }

    function invariant_soldAndLeftAreTheTranche() public view {
        traders.checkTokens();
    }

    function invariant_theReservePaysForAllThatWasSold() public view {
        traders.checkCurve();
    }

    /// The controls: a unit that leaves past the rules breaks an invariant, and the actions trade.
    function test_aLeakIsNoticed() public {
        traders.buy(0, 1_000e6);
        traders.sell(0, 1_000e18);
        traders.pour(1, 5e18);
        traders.sell(1, 5e18);
        checkEqual(traders.trades(), 3, "trades");
        traders.checkAssets();
        traders.checkTokens();
        traders.checkCurve();
        traders.leak(true);
        try traders.checkAssets() {
            check(false, "a leak went unnoticed");
        } catch {}
        traders.leak(false);
        try traders.checkTokens() {
            check(false, "a leak of tokens went unnoticed");
        } catch {}
        traders.forget();
        try traders.checkCurve() {
            check(false, "a reserve that fell went unnoticed");
        } catch {}
    }
}
