// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Cases} from "../src/Cases.sol";
import {Credits} from "../src/Credits.sol";
import {DevDollar} from "../src/DevDollar.sol";
import {ConstantProductPool} from "../src/Exchange.sol";
import {BoundedMint, IMintRule} from "../src/MintRule.sol";
import {INetwork, MintBurn, MintBurnParts} from "../src/MintBurn.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {OgongToken} from "../src/OgongToken.sol";
import {Orog} from "../src/Orog.sol";
import {Parameters} from "../src/Parameters.sol";
import {Payouts} from "../src/Payouts.sol";
import {PriceOracle, Quote} from "../src/PriceOracle.sol";
import {Settlement} from "../src/Settlement.sol";
import {Delays, Holding, Issuance, Recipients, Shares} from "../src/libraries/Types.sol";
import {Fixture, noWork, usualTests} from "./Fixture.sol";
import {create, vm} from "./Vm.sol";

/// A ledger that pays in credits: one token is ten cents, and the pool holds ten million of them.
abstract contract BurnMintFixture is Fixture {
    uint256 internal constant SUPPLY = 1_000_000_000e18;
    uint128 internal constant CENT_10 = 0.1e18;
    /// A dollar of 1e6 units, for 1e18 of them.
    uint128 internal constant DOLLAR = 1e30;
    uint256 internal constant MAX_AGE = 1 hours;
    address internal constant GOVERNANCE = address(0xF5);

    Orog internal orog;
    DevDollar internal dollar;
    PriceOracle internal oracle;
    ConstantProductPool internal pool;
    MintBurn internal mintBurn;
    Credits internal credits;
    Payouts internal payouts;
    uint256[] internal feedKeys;

    function setUp() public virtual override {
        vm.warp(1_800_000_000);
        _deployBurnMint(BoundedMint(create("MintRule.sol:BoundedMint", abi.encode(950_000, 100_000_000e18))));
    }

    function _deployBurnMint(IMintRule rule) internal {
        dollar = _createDollar();
        oracle = PriceOracle(create("PriceOracle.sol:PriceOracle", abi.encode(address(this), _createFeeds(), MAX_AGE)));
        parameters = Parameters(create("Parameters.sol:Parameters", abi.encode(
            address(this),
            Delays(VOTING, NOTICE, APPEAL, LEAST_DELAY, LEAST_UNBONDING),
            Holding(PERIOD, 0, 0),
            Shares(0, 500, 1_000, 500, 0, 0, 0),
            Recipients(VERIFICATION, TREASURY, LICENSE),
            Parameters.Limits(1_000_000, DELAY, UNBONDING, BOND, ROUTER_BOND, 0),
            VAULT,
            usualTests(),
            noWork()
        )));
        models = ModelRegistry(create("ModelRegistry.sol:ModelRegistry", abi.encode(dollar, parameters, 1e18)));
        uint256 nonce = vm.getNonce(address(this));
        orog = Orog(create("Orog.sol:Orog", abi.encode(vm.computeCreateAddress(address(this), nonce + 2), address(this), SUPPLY)));
        pool = ConstantProductPool(create("Exchange.sol:ConstantProductPool", abi.encode(IERC20(address(orog)), dollar)));
        mintBurn = MintBurn(create("MintBurn.sol:MintBurn", abi.encode(
            MintBurnParts(
                orog, dollar, oracle, pool, rule, INetwork(vm.computeCreateAddress(address(this), nonce + 4)), GOVERNANCE, BOND / 10
            )
        )));
        credits = mintBurn.credits();
        payouts = mintBurn.payouts();
        // Only ever transferred and approved here.
        token = OgongToken(address(orog));
        staking = _createStaking();
        settlement = Settlement(create("Settlement.sol:Settlement", abi.encode(IERC20(address(credits)), parameters, staking, Issuance(0, 0, 0), models)));
        cases = Cases(create("Cases.sol:Cases", abi.encode(staking, settlement, REPORTER_PPM, DEPOSIT)));
        registry = staking.registry();
        escrow = settlement.escrow();
        earnings = settlement.earnings();
        _joinAll();
        orog.approve(address(pool), type(uint256).max);
        dollar.approve(address(pool), type(uint256).max);
        pool.provide(10_000_000e18, 1_000_000e6);
        _price(CENT_10);
        _stakeFor(PROVIDER, BOND / 10);
    }

    function _createDollar() internal virtual returns (DevDollar) {
        return DevDollar(create("DevDollar.sol:DevDollar", abi.encode(address(this), 1_000_000_000e6)));
    }

    function _createFeeds() private returns (address[] memory feeds) {
        delete feedKeys;
        feeds = new address[](3);
        for (uint256 i; i < 3; ++i) {
            uint256 key = uint256(keccak256(abi.encode("feed", i)));
            feedKeys.push(key);
            for (uint256 j = i; j > 0 && vm.addr(feedKeys[j]) < vm.addr(feedKeys[j - 1]); --j) {
                (feedKeys[j], feedKeys[j - 1]) = (feedKeys[j - 1], feedKeys[j]);
            }
        }
        for (uint256 i; i < 3; ++i) {
            feeds[i] = vm.addr(feedKeys[i]);
        }
    }

    function _stakeFor(address who, uint128 amount) internal {
        orog.transfer(who, amount);
        vm.prank(who);
        orog.approve(address(staking), amount);
        vm.prank(who);
        staking.stake(amount);
    }

    function _quote(uint256 feed, address asset, uint128 price) internal view returns (Quote memory) {
        uint64 time = uint64(this.clock());
        return Quote(price, time, _signature(feedKeys[feed], oracle.priceDigest(asset, price, time)));
    }

    /// All feeds say that a token is worth so much, and a dollar a dollar.
    function _price(uint128 price) internal {
        // Nobody says two prices in a second.
        (PriceOracle.Price memory last,) = oracle.lastOf(address(orog));
        if (last.time == this.clock()) _wait(1);
        _post(address(orog), price);
        _post(address(dollar), DOLLAR);
    }

    function _post(address asset, uint128 price) internal {
        Quote[] memory quotes = new Quote[](3);
        for (uint256 i; i < 3; ++i) {
            quotes[i] = _quote(i, asset, price);
        }
        oracle.post(asset, quotes);
    }

    function _topUp(address who, uint256 dollars) internal returns (uint256 issued) {
        dollar.transfer(who, dollars);
        vm.prank(who);
        dollar.approve(address(mintBurn), dollars);
        uint256 time = this.clock();
        vm.prank(who);
        return mintBurn.topUp(dollar, dollars, 0, time);
    }

    function _reserve(uint256 amount) internal {
        vm.prank(payer);
        escrow.deposit(amount);
        vm.prank(payer);
        escrow.admit(validator, uint128(amount));
    }

    /// Lets what providers earned be theirs, and says the price again.
    function _vest(uint128 price) internal {
        _wait(3 * PERIOD);
        _price(price);
    }

    function _closeNow() internal returns (uint256 epoch) {
        epoch = mintBurn.epochAt(this.clock());
        vm.warp((epoch + 1) * 72 minutes);
        _price(CENT_10);
        mintBurn.close(epoch);
    }
}
