// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {PriceOracle, Quote} from "../src/PriceOracle.sol";
import {BurnMintFixture} from "./BurnMintFixture.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

contract PriceOracleTest is BurnMintFixture {
    address private constant ASSET = address(0xA55E7);

    function _list(uint128 a, uint128 b, uint128 c) private view returns (Quote[] memory quotes) {
        quotes = new Quote[](3);
        (quotes[0], quotes[1], quotes[2]) = (_quote(0, ASSET, a), _quote(1, ASSET, b), _quote(2, ASSET, c));
    }

    function _two(uint128 a, uint128 b) private view returns (Quote[] memory quotes) {
        quotes = new Quote[](2);
        (quotes[0], quotes[1]) = (_quote(0, ASSET, a), _quote(1, ASSET, b));
    }

    function test_theMedianOfThree() public {
        oracle.post(ASSET, _list(98, 100, 105));
        checkEqual(oracle.lowOf(ASSET), 100, "the middle one");
        _wait(1);
        oracle.post(ASSET, _two(98, 101));
        (PriceOracle.Price memory last,) = oracle.lastOf(ASSET);
        checkEqual(last.price, 99, "the mean, rounded down");
    }

    function test_moreThanHalfHaveToSpeak() public {
        Quote[] memory one = new Quote[](1);
        one[0] = _quote(0, ASSET, 100);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.TooFewQuotes.selector, 1, 2));
        oracle.post(ASSET, one);
        Quote[] memory twice = new Quote[](2);
        twice[0] = twice[1] = one[0];
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.QuotedTwice.selector, vm.addr(feedKeys[0])));
        oracle.post(ASSET, twice);
    }

    function test_badQuotesAreRefused() public {
        Quote[] memory quotes = _list(98, 100, 100);
        quotes[1].price = 99;
        vm.expectPartialRevert(PriceOracle.NotFeed.selector);
        oracle.post(ASSET, quotes);
        quotes = _list(98, 100, 100);
        quotes[1].signature = hex"00";
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.BadQuote.selector, 1));
        oracle.post(ASSET, quotes);
        quotes = _list(100, 98, 99);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.Unsorted.selector, 1));
        oracle.post(ASSET, quotes);
        quotes = _list(0, 98, 99);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.BadQuote.selector, 0));
        oracle.post(ASSET, quotes);
        // Signed for another asset.
        quotes = _list(98, 100, 100);
        vm.expectPartialRevert(PriceOracle.NotFeed.selector);
        oracle.post(address(orog), quotes);
    }

    function test_quotesHaveAnAge() public {
        Quote[] memory quotes = _list(100, 100, 100);
        _wait(MAX_AGE + 1);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.TooOld.selector, 0));
        oracle.post(ASSET, quotes);
        Quote[] memory later = _list(100, 100, 100);
        vm.warp(this.clock() - 1);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.TooOld.selector, 0));
        oracle.post(ASSET, later);
    }

    /// The submitter cannot choose an older quote over a newer one.
    function test_nobodyGoesBack() public {
        Quote[] memory older = _list(100, 100, 100);
        _wait(60);
        oracle.post(ASSET, _list(102, 102, 102));
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.TooOld.selector, 0));
        oracle.post(ASSET, older);
    }

    function test_aPriceEndsWithItsAge() public {
        oracle.post(ASSET, _list(100, 100, 100));
        _wait(MAX_AGE);
        checkEqual(oracle.highOf(ASSET), 100, "still");
        _wait(1);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.NoPrice.selector, ASSET));
        oracle.highOf(ASSET);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.NoPrice.selector, address(0xDEAD)));
        oracle.lowOf(address(0xDEAD));
    }

    function test_feedsThatDifferGiveNoPrice() public {
        Quote[] memory quotes = _list(1_000, 1_000, 1_051);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.SpreadTooWide.selector, 2));
        oracle.post(ASSET, quotes);
        oracle.post(ASSET, _list(1_000, 1_000, 1_050));
    }

    function test_aJumpHasToBeSaidTwice() public {
        oracle.post(ASSET, _list(1_000, 1_000, 1_000));
        _wait(60);
        oracle.post(ASSET, _list(1_201, 1_201, 1_201));
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.NoPrice.selector, ASSET));
        oracle.lowOf(ASSET);
        _wait(1 hours - 1);
        Quote[] memory again = _list(1_210, 1_210, 1_210);
        vm.expectPartialRevert(PriceOracle.StillDoubted.selector);
        oracle.post(ASSET, again);
        _wait(1);
        oracle.post(ASSET, _list(1_210, 1_210, 1_210));
        checkEqual(oracle.highOf(ASSET), 1_210, "believed");
        // Another jump that is taken back is forgotten.
        _wait(60);
        oracle.post(ASSET, _list(2_000, 2_000, 2_000));
        _wait(60);
        oracle.post(ASSET, _list(1_210, 1_210, 1_210));
        checkEqual(oracle.highOf(ASSET), 1_210, "as before");
    }

    function test_theAverageLagsBehind() public {
        oracle.post(ASSET, _list(1_000, 1_000, 1_000));
        _wait(1 hours);
        oracle.post(ASSET, _list(1_200, 1_200, 1_200));
        _wait(30 minutes);
        // An hour at 1000 and half an hour at 1200.
        checkEqual(oracle.lowOf(ASSET), 1_066, "the average is lower");
        checkEqual(oracle.highOf(ASSET), 1_200, "the present price is higher");
        _wait(30 minutes);
        oracle.post(ASSET, _list(1_000, 1_000, 1_000));
        _wait(1 hours);
        // The two hours hold one at 1200 and one at 1000.
        checkEqual(oracle.highOf(ASSET), 1_100, "the average is higher");
        checkEqual(oracle.lowOf(ASSET), 1_000, "the present price is lower");
    }

    function testFuzz_theAverageLiesBetween(uint256 seed) public {
        uint128 price = 1_000_000;
        (uint256 low, uint256 high) = (price, price);
        for (uint256 i; i < 6; ++i) {
            oracle.post(ASSET, _list(price, price, price));
            if (price < low) low = price;
            if (price > high) high = price;
            seed = uint256(keccak256(abi.encode(seed)));
            _wait(1 + seed % MAX_AGE);
            (uint256 spot, uint256 average) = oracle.pricesOf(ASSET);
            checkEqual(spot, price, "present");
            check(average >= low && average <= high, "between");
            price = uint128(bound(seed >> 20, price * 81 / 100, price * 119 / 100));
        }
    }

    function test_thePauseIsShortAndRare() public {
        oracle.post(ASSET, _list(100, 100, 100));
        oracle.pause();
        vm.expectPartialRevert(PriceOracle.PausedNow.selector);
        oracle.lowOf(ASSET);
        vm.expectPartialRevert(PriceOracle.TooEarly.selector);
        oracle.pause();
        _wait(3 days);
        oracle.post(ASSET, _list(100, 100, 100));
        checkEqual(oracle.lowOf(ASSET), 100, "over");
        vm.expectPartialRevert(PriceOracle.TooEarly.selector);
        oracle.pause();
        _wait(14 days);
        oracle.pause();
    }

    function test_feedsChangeAfterANotice() public {
        address[] memory feeds = new address[](1);
        feeds[0] = vm.addr(feedKeys[0]);
        oracle.announceFeeds(feeds);
        vm.expectPartialRevert(PriceOracle.TooEarly.selector);
        oracle.changeFeeds();
        _wait(2 days);
        oracle.changeFeeds();
        checkEqual(oracle.feeds().length, 1, "one");
        Quote[] memory both = _two(100, 100);
        vm.expectPartialRevert(PriceOracle.NotFeed.selector);
        oracle.post(ASSET, both);
        vm.expectPartialRevert(PriceOracle.TooEarly.selector);
        oracle.changeFeeds();
    }

    function test_onlyTheOwner() public {
        address[] memory feeds = new address[](1);
        feeds[0] = address(1);
        vm.prank(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, PROVIDER));
        oracle.pause();
        vm.prank(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, PROVIDER));
        oracle.announceFeeds(feeds);
    }

    function test_feedsAreAListOfDifferentOnes() public {
        address[] memory feeds = new address[](2);
        feeds[0] = feeds[1] = address(1);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.OutOfRange.selector, "feeds"));
        oracle.announceFeeds(feeds);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.OutOfRange.selector, "feeds"));
        oracle.announceFeeds(new address[](0));
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.OutOfRange.selector, "maxAge"));
        PriceOracle(create("PriceOracle.sol:PriceOracle", abi.encode(address(this), feeds, 0)));
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.OutOfRange.selector, "maxAge"));
        PriceOracle(create("PriceOracle.sol:PriceOracle", abi.encode(address(this), feeds, 1 days + 1)));
        feeds[0] = address(0);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.OutOfRange.selector, "feeds"));
        oracle.announceFeeds(feeds);
        feeds = new address[](32);
        for (uint160 i; i < 32; ++i) {
            feeds[i] = address(i + 1);
        }
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.OutOfRange.selector, "feeds"));
        oracle.announceFeeds(feeds);
    }

    /// Nor do others count as new beside one that is.
    function test_theSameQuotesMakeNoSecondPrice() public {
        Quote[] memory quotes = _list(100, 100, 100);
        uint256 said = this.clock();
        oracle.post(ASSET, quotes);
        _wait(60);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.NothingNew.selector, said));
        oracle.post(ASSET, quotes);
        quotes[1] = _quote(1, ASSET, 100);
        quotes[2] = _quote(2, ASSET, 100);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.NothingNew.selector, said));
        oracle.post(ASSET, quotes);
        oracle.post(ASSET, _two(100, 100));
    }

    function test_aPriceIsAsOldAsItsOldestQuote() public {
        Quote[] memory quotes = _list(100, 100, 100);
        uint256 said = this.clock();
        _wait(MAX_AGE / 2);
        quotes[0] = _quote(0, ASSET, 100);
        oracle.post(ASSET, quotes);
        (PriceOracle.Price memory last,) = oracle.lastOf(ASSET);
        checkEqual(last.time, said, "of the oldest");
        _wait(MAX_AGE / 2);
        checkEqual(oracle.lowOf(ASSET), 100, "still");
        _wait(1);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.NoPrice.selector, ASSET));
        oracle.lowOf(ASSET);
    }

    /// Where quotes count for a day, those of the jump itself, and of half an hour later, are no second look.
    function test_aJumpIsBelievedByPricesSignedAnHourLater() public {
        oracle = PriceOracle(create("PriceOracle.sol:PriceOracle", abi.encode(address(this), oracle.feeds(), 1 days)));
        oracle.post(ASSET, _list(1_000, 1_000, 1_000));
        _wait(60);
        uint256 until = this.clock() + 1 hours;
        Quote[] memory flash = _list(2_000, 2_000, 2_000);
        oracle.post(ASSET, flash);
        _wait(1 hours - 1);
        Quote[] memory early = _list(2_000, 2_000, 2_000);
        early[0] = flash[0];
        _wait(60);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.StillDoubted.selector, until));
        oracle.post(ASSET, flash);
        vm.expectRevert(abi.encodeWithSelector(PriceOracle.StillDoubted.selector, until));
        oracle.post(ASSET, early);
        oracle.post(ASSET, _list(2_000, 2_000, 2_000));
        checkEqual(oracle.highOf(ASSET), 2_000, "believed");
    }

    /// Within the window of the average: feeds that sign without end make a price no dearer to read than it is to look one up.
    function test_theGasOfReadingHardlyGrows() public {
        oracle.post(ASSET, _two(100, 100));
        uint256 ofSixty;
        for (uint256 i; i < 600; ++i) {
            if (i == 60) ofSixty = _gasOfReading();
            _wait(6);
            oracle.post(ASSET, _two(100, 100));
        }
        checkEqual(oracle.highOf(ASSET), 100, "as before");
        // A search among ten times as many takes four more steps, whatever one step costs.
        check(_gasOfReading() < 2 * ofSixty, "a lookup in 600");
    }

    function _gasOfReading() private view returns (uint256) {
        uint256 left = gasleft();
        oracle.pricesOf(ASSET);
        return left - gasleft();
    }

    /// A second jump to elsewhere is doubted anew, and waits as long as the first.
    function test_aJumpToElsewhereIsDoubtedAnew() public {
        oracle.post(ASSET, _list(1_000, 1_000, 1_000));
        _wait(60);
        oracle.post(ASSET, _list(2_000, 2_000, 2_000));
        _wait(1 hours);
        oracle.post(ASSET, _list(3_000, 3_000, 3_000));
        (PriceOracle.Price memory last, PriceOracle.Price memory doubted) = oracle.lastOf(ASSET);
        check(last.price == 1_000 && doubted.price == 3_000, "the first is not believed, the second not yet");
        Quote[] memory again = _list(3_000, 3_000, 3_000);
        vm.expectPartialRevert(PriceOracle.StillDoubted.selector);
        oracle.post(ASSET, again);
    }
}
