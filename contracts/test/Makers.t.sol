// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ModelRegistry} from "../src/ModelRegistry.sol";
import {Parameters} from "../src/Parameters.sol";
import {Batch, Debit, Delays, Holding, Line, Recipients, Shares, Tally} from "../src/libraries/Types.sol";
import {Fixture, noWork, usualTests} from "./Fixture.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

/// The maker's part of a fee: none at first, then for the maker in the registry.
contract MakersTest is Fixture {
    address private constant MAKER = address(0xAC3E);
    address private constant OTHER = address(0x07E3);
    bytes32 private constant MODEL = keccak256("model");

    function setUp() public override {
        super.setUp();
        _fund(payer, 1e24, 1e24);
        _name(MAKER, "acme");
        _claimRoot(MAKER, "acme", MODEL);
    }

    function _announceRoot(address who, bytes32 root) private {
        bytes32 seal = models.rootSealOf(who, root, SALT);
        vm.prank(who);
        models.announce(seal);
    }

    function _claimRoot(address who, string memory maker, bytes32 root) private {
        _announceRoot(who, root);
        _nextBlock();
        vm.prank(who);
        models.claimRoot(maker, root, SALT);
    }

    function _name(address who, string memory maker) private {
        token.transfer(who, 1e18);
        vm.startPrank(who);
        models.announce(models.sealOf(who, maker, SALT));
        token.approve(address(models), 1e18);
        vm.stopPrank();
        _nextBlock();
        vm.prank(who);
        models.claim(maker, SALT);
    }

    function _publish(address who, string memory maker, string memory model, bytes32 root) private {
        string[] memory sources = new string[](1);
        sources[0] = "https://acme.example";
        vm.prank(who);
        models.publish(maker, model, 0, ModelRegistry.Description(root, 0, "MIT", sources, new bytes32[](0)));
    }

    /// Asked from outside: the optimiser takes the number for a constant.
    function blockNumber() external view returns (uint64) {
        return uint64(block.number);
    }

    function _raise(uint16 share) private {
        parameters.setDistribution(Shares(100, 100, 100, 100, 2, 0, share), Recipients(VERIFICATION, TREASURY, LICENSE));
        _wait(NOTICE);
    }

    function _settleModel(uint64 sequence, uint128 amount, uint128 fine, bytes32 root) private {
        uint128 spent = escrow.channelOf(payer, validator).spent;
        _submit(
            _batch(sequence),
            _one(_debit(PAYER_KEY, amount, spent + amount)),
            _one(Line(KEY, PROVIDER, ROUTER, amount, fine, root))
        );
    }

    function test_makersHaveNoShareAtFirst() public {
        checkEqual(parameters.shares().maker, 0, "share");
        _settleModel(1, 100_000, 0, MODEL);
        checkEqual(escrow.creditOf(MAKER), 0, "maker");
        checkEqual(earnings.balanceOf(KEY, PROVIDER).earned, 95_980, "provider");
    }

    function test_noNetworkBeginsWithAShareOfMakers() public {
        vm.expectRevert(abi.encodeWithSelector(Parameters.ShareOutOfRange.selector, "maker", 1, 0, 0));
        Parameters(create("Parameters.sol:Parameters", abi.encode(
            address(this),
            Delays(VOTING, NOTICE, APPEAL, LEAST_DELAY, LEAST_UNBONDING),
            Holding(PERIOD, ENTRANCE, GROWTH),
            Shares(100, 100, 100, 100, 2, 0, 1),
            Recipients(VERIFICATION, TREASURY, LICENSE),
            Parameters.Limits(1_000_000, DELAY, UNBONDING, BOND, ROUTER_BOND, 0),
            VAULT,
            usualTests(),
            noWork()
        )));
    }

    function test_aShareOfMakersHasABound() public {
        vm.expectRevert(abi.encodeWithSelector(Parameters.ShareOutOfRange.selector, "maker", 501, 0, 500));
        parameters.setDistribution(Shares(100, 100, 100, 100, 2, 0, 501), Recipients(VERIFICATION, TREASURY, LICENSE));
        // It counts among those that are bounded together.
        vm.expectRevert(abi.encodeWithSelector(Parameters.SharesTooHigh.selector, 2_001, 2_000));
        parameters.setDistribution(Shares(500, 500, 500, 0, 1, 0, 500), Recipients(VERIFICATION, TREASURY, LICENSE));
        _raise(500);
        checkEqual(parameters.shares().maker, 500, "raised");
        _raise(0);
        checkEqual(parameters.shares().maker, 0, "and taken back");
    }

    function test_theMakerHasItsShareOfTheRestAfterFines() public {
        _raise(300);
        _settleModel(1, 100_000, 0, MODEL);
        checkEqual(escrow.creditOf(MAKER), 3_000, "maker");
        checkEqual(earnings.balanceOf(KEY, PROVIDER).earned, 92_980, "provider");
        _settleModel(2, 100_000, 50_000, MODEL);
        checkEqual(escrow.creditOf(MAKER), 4_500, "of the half that is shared");
        vm.prank(MAKER);
        checkEqual(escrow.claim(), 4_500, "in its hands");
    }

    function test_withoutAMakerItsShareStaysWithTheProvider() public {
        _raise(300);
        _settleModel(1, 100_000, 0, keccak256("nobody's"));
        checkEqual(earnings.balanceOf(KEY, PROVIDER).earned, 95_980, "weights that nobody published");
        _settleModel(2, 100_000, 0, 0);
        checkEqual(earnings.balanceOf(KEY, PROVIDER).earned, 2 * 95_980, "a line that names none");
        checkEqual(escrow.creditOf(address(0)), 0, "nobody");
    }

    function test_aPublisherIsNotTheMaker() public {
        _name(OTHER, "copycat");
        _publish(OTHER, "copycat", "two", MODEL);
        check(models.makerOf(MODEL) == MAKER, "who claimed them");
        _publish(OTHER, "copycat", "three", keccak256("nobody's"));
        check(models.makerOf(keccak256("nobody's")) == address(0), "nobody");
        _publish(MAKER, "acme", "one", MODEL);
        vm.prank(MAKER);
        models.revoke("acme", "one");
        check(models.makerOf(MODEL) == MAKER, "also once they are withdrawn");
    }

    function _expectRefused(address who, string memory maker, bytes32 root, bytes memory refusal) private {
        vm.prank(who);
        vm.expectRevert(refusal);
        models.claimRoot(maker, root, SALT);
    }

    function _expectNotAnnounced(address who, string memory maker, bytes32 root) private {
        bytes32 seal = models.rootSealOf(who, root, SALT);
        _expectRefused(who, maker, root, abi.encodeWithSelector(ModelRegistry.NotAnnounced.selector, seal));
    }

    /// A copier that sees weights in a waiting claim, and is mined before it, has them only until that claim comes.
    function test_aCopierOfAWaitingClaimDoesNotKeepTheWeights() public {
        bytes32 root = keccak256("seen");
        _name(OTHER, "thief");
        uint64 announced = this.blockNumber();
        _announceRoot(MAKER, root);
        _expectNotAnnounced(MAKER, "acme", root);
        _nextBlock();
        // The claim waits to be mined; its announcement is of no use to anybody else.
        bytes32 seen = models.rootSealOf(MAKER, root, SALT);
        vm.prank(OTHER);
        models.announce(seen);
        _nextBlock();
        _expectNotAnnounced(OTHER, "thief", root);
        _announceRoot(OTHER, root);
        _expectNotAnnounced(OTHER, "thief", root);
        _nextBlock();
        vm.prank(OTHER);
        models.claimRoot("thief", root, SALT);
        check(models.makerOf(root) == OTHER, "as long as nobody was earlier");
        vm.prank(MAKER);
        models.claimRoot("acme", root, SALT);
        check(models.makerOf(root) == MAKER, "the earlier announcement");
        _announceRoot(OTHER, root);
        _nextBlock();
        _expectRefused(OTHER, "thief", root, abi.encodeWithSelector(ModelRegistry.RootTaken.selector, root, "acme", announced));
    }

    /// Two announcements in one block: neither saw the other one, and the first claim counts.
    function test_ofTwoInOneBlockTheFirstClaimCounts() public {
        bytes32 root = keccak256("both");
        _name(OTHER, "other");
        uint64 announced = this.blockNumber();
        _announceRoot(MAKER, root);
        _announceRoot(OTHER, root);
        _nextBlock();
        vm.prank(OTHER);
        models.claimRoot("other", root, SALT);
        _expectRefused(MAKER, "acme", root, abi.encodeWithSelector(ModelRegistry.RootTaken.selector, root, "other", announced));
    }

    /// Nobody keeps an early claim in his pocket until weights are worth something.
    function test_anAnnouncementLapses() public {
        bytes32 root = keccak256("hidden");
        _name(OTHER, "other");
        _announceRoot(OTHER, root);
        uint256 end = this.clock() + 7 days;
        _claimRoot(MAKER, "acme", root);
        _wait(7 days);
        _expectRefused(OTHER, "other", root, abi.encodeWithSelector(ModelRegistry.ClaimOver.selector, end));
        check(models.makerOf(root) == MAKER, "settled");
        // A moment before, it would have counted.
        _announceRoot(OTHER, keccak256("in time"));
        _nextBlock();
        _wait(7 days - 1);
        vm.prank(OTHER);
        models.claimRoot("other", keccak256("in time"), SALT);
    }

    function test_weightsAreClaimedForANameOfOnesOwn() public {
        bytes32 root = keccak256("another");
        _announceRoot(OTHER, root);
        _nextBlock();
        _expectRefused(OTHER, "acme", root, abi.encodeWithSelector(ModelRegistry.NotOwner.selector, "acme", MAKER));
        _expectRefused(MAKER, "acme", 0, abi.encodeWithSelector(ModelRegistry.ZeroRoot.selector, "modelRoot"));
        // An announcement serves once, and one of weights is none of a name.
        _announceRoot(MAKER, root);
        _nextBlock();
        bytes32 seal = models.sealOf(MAKER, "free", SALT);
        vm.prank(MAKER);
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.NotAnnounced.selector, seal));
        models.claim("free", SALT);
        vm.prank(MAKER);
        models.claimRoot("acme", root, SALT);
        _expectNotAnnounced(MAKER, "acme", root);
    }

    function test_theShareFollowsTheName() public {
        _raise(300);
        vm.prank(MAKER);
        models.offer("acme", OTHER);
        vm.prank(OTHER);
        models.accept("acme");
        check(models.makerOf(MODEL) == OTHER, "the new owner");
        _settleModel(1, 100_000, 0, MODEL);
        checkEqual(escrow.creditOf(OTHER), 3_000, "paid");
        checkEqual(escrow.creditOf(MAKER), 0, "not the earlier one");
    }

    function test_aLineIsSignedWithItsModel() public view {
        Line[] memory one = _one(Line(KEY, PROVIDER, ROUTER, 1, 0, MODEL));
        Line[] memory other = _one(Line(KEY, PROVIDER, ROUTER, 1, 0, 0));
        check(settlement.hashLines(one) != settlement.hashLines(other), "another hash");
    }

    /// Several models, makers and tallies in a batch: its parts sum to its gross.
    function testFuzz_partsSumToGross(uint64[3] memory gross, uint64[3] memory fine, uint16 share, uint32 credits) public {
        _name(OTHER, "other");
        _claimRoot(OTHER, "other", keccak256("two"));
        _raise(uint16(bound(share, 1, 500)));
        Line[] memory lines = new Line[](3);
        uint128 sum;
        uint256 made;
        for (uint256 i; i < 3; ++i) {
            lines[i] = Line(
                KEY, PROVIDER, i == 0 ? address(0) : ROUTER, gross[i], uint128(bound(fine[i], 0, gross[i])),
                i == 0 ? MODEL : i == 1 ? keccak256("two") : bytes32(0)
            );
            sum += gross[i];
            if (i < 2) made += uint256(gross[i] - lines[i].fine) * parameters.shares().maker / 10_000;
        }
        Tally[] memory tallies = new Tally[](1);
        tallies[0] = Tally(address(0x7A11), credits, 0);
        Batch memory batch = _batch(1);
        Debit[] memory debits = _one(_debit(PAYER_KEY, sum, sum));
        bytes32[] memory none;
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, tallies), 3);
        settlement.settle(batch, debits, lines, none, tallies, quorum);
        checkEqual(escrow.creditOf(MAKER) + escrow.creditOf(OTHER), made, "makers");
        uint256 all = made + escrow.creditOf(address(earnings)) + escrow.creditOf(ROUTER) + escrow.creditOf(validator)
            + escrow.creditOf(VERIFICATION) + escrow.creditOf(TREASURY) + escrow.creditOf(LICENSE)
            + escrow.creditOf(address(0x7A11));
        checkEqual(all, sum, "to the unit");
    }
}
