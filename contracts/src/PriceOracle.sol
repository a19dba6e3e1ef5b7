// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// The price of one asset by one feed.
struct Quote {
    /// Dollars times 1e18, for 1e18 of the asset's smallest units.
    uint128 price;
    /// Seconds since 1970.
    uint64 time;
    bytes signature;
}

/// @title Prices in dollars
/// @notice The median of what more than half of the feeds signed. A price is as old as the oldest of its quotes and ends with its age.
/// Feeds that differ too far give none. A jump counts only when feeds sign it again after a while. Until then there is no price. A caller
/// without a price is refused, so that nothing is bought, burned or minted meanwhile. Nothing that gives money back asks for a price. The
/// same quotes make no second price. The cost of a read hardly grows with the number of prices.
contract PriceOracle is Ownable2Step, EIP712 {
    using Checkpoints for Checkpoints.Trace208;

    bytes32 private constant PRICE_TYPEHASH = keccak256("Price(address asset,uint128 price,uint64 time)");
    uint256 private constant BASIS = 10_000;
    uint256 public constant MAX_FEEDS = 31;
    /// So far a median may move at once, and a feed from the median, in basis points.
    uint256 public constant MAX_JUMP = 2_000;
    uint256 public constant MAX_SPREAD = 500;
    /// Seconds until a jump is accepted.
    uint256 public constant DOUBT = 1 hours;
    /// Seconds that an average is over.
    uint256 public constant WINDOW = 2 hours;
    /// Seconds from naming other feeds until they count.
    uint256 public constant NOTICE = 2 days;
    /// Seconds that the owner can stop prices for, and that it has to wait then.
    uint256 public constant PAUSE = 3 days;
    uint256 public constant PAUSE_AGAIN = 14 days;
    uint256 public constant LONGEST_AGE = 1 days;

    /// The time is that of the oldest quote; of a jump that is doubted, when it was posted.
    struct Price {
        uint128 price;
        uint64 time;
    }

    /// Seconds.
    uint256 public immutable maxAge;

    address[] private _feeds;
    address[] private _nextFeeds;
    uint256 public nextFeedsFrom;
    uint256 public pausedUntil;
    mapping(address asset => Price) private _last;
    /// A jump that was not confirmed yet.
    mapping(address asset => Price) private _doubted;
    /// Time of a feed's newest quote: older ones are refused.
    mapping(address asset => mapping(address feed => uint64)) public quotedAt;
    /// Price times seconds, summed up to each change.
    mapping(address asset => Checkpoints.Trace208) private _sums;
    /// By when they were posted. The value holds that time too, above the price.
    mapping(address asset => Checkpoints.Trace208) private _prices;

    event Priced(address indexed asset, uint128 price, uint256 quotes);
    event Doubted(address indexed asset, uint128 price, uint128 last);
    event FeedsAnnounced(address[] feeds, uint256 from);
    event FeedsChanged(address[] feeds);
    event Paused(uint256 until);

    error OutOfRange(string parameter);
    error TooFewQuotes(uint256 quotes, uint256 least);
    error BadQuote(uint256 index);
    error NotFeed(address signer);
    error QuotedTwice(address feed);
    error Unsorted(uint256 index);
    error TooOld(uint256 index);
    error NothingNew(uint256 since);
    error SpreadTooWide(uint256 index);
    error StillDoubted(uint256 until);
    error NoPrice(address asset);
    error PausedNow(uint256 until);
    error TooEarly(uint256 readyAt);

    constructor(address owner, address[] memory feeds_, uint256 maxAge_) Ownable(owner) EIP712("OGONG", "1") {
        if (maxAge_ == 0 || maxAge_ > LONGEST_AGE) revert OutOfRange("maxAge");
        maxAge = maxAge_;
        _setFeeds(feeds_);
    }

    /// @notice Records the median of signed quotes; anyone may submit them.
    /// @param quotes Ascending by price, one for each feed, of more than half of the feeds; all of them newer than the quotes of the last
    /// price.
    function post(address asset, Quote[] calldata quotes) external {
        uint256 least = _feeds.length / 2 + 1;
        if (quotes.length < least) revert TooFewQuotes(quotes.length, least);
        (uint128 median, uint64 oldest) = _readQuotes(asset, quotes);
        Price memory last = _last[asset];
        if (oldest <= last.time) revert NothingNew(last.time);
        if (last.price != 0 && _differs(median, last.price, MAX_JUMP)) {
            Price memory doubted = _doubted[asset];
            if (doubted.price == 0 || _differs(median, doubted.price, MAX_JUMP)) {
                _doubted[asset] = Price(median, uint64(block.timestamp));
                emit Doubted(asset, median, last.price);
                return;
            }
            // Quotes signed before are no second look.
            if (oldest < doubted.time + DOUBT) revert StillDoubted(doubted.time + DOUBT);
        }
        delete _doubted[asset];
        _sums[asset].push(uint48(block.timestamp), uint208(_sumAt(asset, block.timestamp)));
        _prices[asset].push(uint48(block.timestamp), uint208((block.timestamp << 128) | median));
        _last[asset] = Price(median, oldest);
        emit Priced(asset, median, quotes.length);
    }

    /// @notice Stops all prices for three days, once in two weeks.
    function pause() external onlyOwner {
        if (pausedUntil != 0 && block.timestamp < pausedUntil + PAUSE_AGAIN) revert TooEarly(pausedUntil + PAUSE_AGAIN);
        pausedUntil = block.timestamp + PAUSE;
        emit Paused(pausedUntil);
    }

    /// @notice Names the feeds from one notice on.
    function announceFeeds(address[] calldata feeds_) external onlyOwner {
        _checkFeeds(feeds_);
        _nextFeeds = feeds_;
        nextFeedsFrom = block.timestamp + NOTICE;
        emit FeedsAnnounced(feeds_, nextFeedsFrom);
    }

    /// @notice Puts the announced feeds in force; anyone may, once the notice is over.
    function changeFeeds() external {
        if (nextFeedsFrom == 0 || block.timestamp < nextFeedsFrom) revert TooEarly(nextFeedsFrom);
        nextFeedsFrom = 0;
        _setFeeds(_nextFeeds);
    }

    function feeds() external view returns (address[] memory) {
        return _feeds;
    }

    /// @notice The lower of the present price and the average: for payments into the network.
    function lowOf(address asset) external view returns (uint256) {
        (uint256 spot, uint256 average) = pricesOf(asset);
        return spot < average ? spot : average;
    }

    /// @notice The higher of both: for payments out of the network.
    function highOf(address asset) external view returns (uint256) {
        (uint256 spot, uint256 average) = pricesOf(asset);
        return spot > average ? spot : average;
    }

    /// @notice The present price and the average over the window. Reverts if there is no price.
    function pricesOf(address asset) public view returns (uint256 spot, uint256 average) {
        if (block.timestamp < pausedUntil) revert PausedNow(pausedUntil);
        Price memory last = _last[asset];
        if (last.price == 0 || block.timestamp > last.time + maxAge || _doubted[asset].price != 0) revert NoPrice(asset);
        spot = last.price;
        uint256 first = _prices[asset].at(0)._key;
        uint256 from = block.timestamp > first + WINDOW ? block.timestamp - WINDOW : first;
        average = from == block.timestamp ? spot : (_sumAt(asset, block.timestamp) - _sumAt(asset, from)) / (block.timestamp - from);
    }

    function lastOf(address asset) external view returns (Price memory last, Price memory doubted) {
        return (_last[asset], _doubted[asset]);
    }

    /// @notice The EIP-712 digest that a feed signs.
    function priceDigest(address asset, uint128 price, uint64 time) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(PRICE_TYPEHASH, asset, price, time)));
    }

    /// @notice Of ascending prices: the middle one, or the mean of the two, rounded down.
    function medianOf(uint128[] memory prices) public pure returns (uint128) {
        uint256 middle = prices.length / 2;
        if (prices.length % 2 == 1) return prices[middle];
        return uint128((uint256(prices[middle - 1]) + prices[middle]) / 2);
    }

    /// @dev Price times seconds, up to a time.
    function _sumAt(address asset, uint256 time) private view returns (uint256) {
        uint256 found = _prices[asset].upperLookupRecent(uint48(time));
        return _sums[asset].upperLookupRecent(uint48(time)) + uint128(found) * (time - (found >> 128));
    }

    function _readQuotes(address asset, Quote[] calldata quotes) private returns (uint128 median, uint64 oldest) {
        oldest = type(uint64).max;
        uint128[] memory prices = new uint128[](quotes.length);
        address[] memory signers = new address[](quotes.length);
        for (uint256 i; i < quotes.length; ++i) {
            Quote calldata quote = quotes[i];
            if (quote.price == 0) revert BadQuote(i);
            if (i > 0 && quote.price < prices[i - 1]) revert Unsorted(i);
            (address signer, ECDSA.RecoverError failure,) =
                ECDSA.tryRecoverCalldata(priceDigest(asset, quote.price, quote.time), quote.signature);
            if (failure != ECDSA.RecoverError.NoError) revert BadQuote(i);
            if (!_isFeed(signer)) revert NotFeed(signer);
            for (uint256 j; j < i; ++j) {
                if (signers[j] == signer) revert QuotedTwice(signer);
            }
            bool isOld = block.timestamp > quote.time + maxAge || quote.time > block.timestamp;
            if (isOld || quote.time < quotedAt[asset][signer]) revert TooOld(i);
            quotedAt[asset][signer] = quote.time;
            if (quote.time < oldest) oldest = quote.time;
            (prices[i], signers[i]) = (quote.price, signer);
        }
        median = medianOf(prices);
        for (uint256 i; i < prices.length; ++i) {
            if (_differs(prices[i], median, MAX_SPREAD)) revert SpreadTooWide(i);
        }
    }

    function _isFeed(address signer) private view returns (bool) {
        for (uint256 i; i < _feeds.length; ++i) {
            if (_feeds[i] == signer) return true;
        }
        return false;
    }

    function _setFeeds(address[] memory feeds_) private {
        _checkFeeds(feeds_);
        _feeds = feeds_;
        emit FeedsChanged(feeds_);
    }

    function _checkFeeds(address[] memory feeds_) private pure {
        if (feeds_.length == 0 || feeds_.length > MAX_FEEDS) revert OutOfRange("feeds");
        for (uint256 i; i < feeds_.length; ++i) {
            if (feeds_[i] == address(0) || (i > 0 && feeds_[i] <= feeds_[i - 1])) revert OutOfRange("feeds");
        }
    }

    function _differs(uint256 a, uint256 b, uint256 basisPoints) private pure returns (bool) {
        return (a > b ? a - b : b - a) * BASIS > b * basisPoints;
    }
}
