// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ModelRegistry} from "../src/ModelRegistry.sol";
import {Genesis, OgongToken} from "../src/OgongToken.sol";
import {Parameters} from "../src/Parameters.sol";
import {Delays, Holding, Recipients, Shares} from "../src/libraries/Types.sol";
import {noWork, usualTests} from "./Fixture.sol";
import {check, checkEqual, create, vm} from "./Vm.sol";

contract ModelRegistryTest {
    uint128 private constant FEE = 1_000e18;
    uint32 private constant NOTICE = 7 days;
    address private constant TREASURY = address(0xF2);
    address private constant MAKER = address(0xA1);
    address private constant SQUATTER = address(0xA2);
    bytes32 private constant SALT = "salt";

    OgongToken private token;
    ModelRegistry private registry;
    Parameters private parameters;
    uint256 private _blockNumber = 1_000;

    function setUp() public {
        token = OgongToken(create("OgongToken.sol:OgongToken", abi.encode(Genesis(address(this), address(this), address(this), address(this), address(this)))));
        parameters = Parameters(create("Parameters.sol:Parameters", abi.encode(
            address(this),
            Delays(0, NOTICE, 0, 0, 0),
            Holding(0, 0, 0),
            Shares(0, 0, 100, 0, 0, 0, 0),
            Recipients(address(0xF1), TREASURY, address(0xF3)),
            Parameters.Limits(1_000_000, 0, 0, 1, 1, 0),
            TREASURY,
            usualTests(),
            noWork()
        )));
        registry = ModelRegistry(create("ModelRegistry.sol:ModelRegistry", abi.encode(token, parameters, FEE)));
        _fund(MAKER);
        _fund(SQUATTER);
        _announce(MAKER, "acme");
        _nextBlock();
        vm.prank(MAKER);
        registry.claim("acme", SALT);
        vm.warp(100 days);
    }

    function test_aClaimCostsTheFeeAndNamesOneOwner() public {
        check(registry.ownerOf("acme") == MAKER, "owner");
        checkEqual(token.balanceOf(TREASURY), FEE, "treasury");
        checkEqual(token.balanceOf(MAKER), 9 * FEE, "maker");
        _announce(SQUATTER, "acme");
        _nextBlock();
        vm.prank(SQUATTER);
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.MakerTaken.selector, "acme", MAKER));
        registry.claim("acme", SALT);
        // A name is free, tokens are not there.
        address poor = address(0xA3);
        _announce(poor, "free");
        _nextBlock();
        vm.prank(poor);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientAllowance(address,uint256,uint256)")));
        registry.claim("free", SALT);
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.FeeTooLow.selector, 1e18 - 1, 1e18));
        ModelRegistry(create("ModelRegistry.sol:ModelRegistry", abi.encode(token, parameters, 1e18 - 1)));
    }

    /// A reader of a pending claim cannot make it first. Neither a seal of its own in the same block nor the seen seal works.
    function test_aClaimIsAnnouncedABlockBefore() public {
        _announce(MAKER, "other");
        _expectNotAnnounced(MAKER, "other", SALT);
        _nextBlock();
        bytes32 seen = registry.sealOf(MAKER, "other", SALT);
        vm.prank(SQUATTER);
        registry.announce(seen);
        _nextBlock();
        _expectNotAnnounced(SQUATTER, "other", SALT);
        _expectNotAnnounced(MAKER, "another", SALT);
        vm.prank(MAKER);
        registry.claim("other", SALT);
        check(registry.ownerOf("other") == MAKER, "owner");
    }

    function test_onlyTheOwnerSpeaksForItsModels() public {
        bytes memory refusal = abi.encodeWithSelector(ModelRegistry.NotOwner.selector, "acme", MAKER);
        vm.prank(SQUATTER);
        vm.expectRevert(refusal);
        registry.publish("acme", "tiny", 0, _description("evil"));
        _publish(0, "root");
        vm.prank(SQUATTER);
        vm.expectRevert(refusal);
        registry.revoke("acme", "tiny");
        vm.prank(SQUATTER);
        vm.expectRevert(refusal);
        registry.offer("acme", SQUATTER);
        vm.prank(SQUATTER);
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.NotOffered.selector, "acme", SQUATTER));
        registry.accept("acme");
        _expectRoot(uint64(this.clock()), "root");
    }

    function test_aNameIsHandedOverInTwoSteps() public {
        vm.prank(MAKER);
        registry.offer("acme", SQUATTER);
        check(registry.ownerOf("acme") == MAKER, "an offer alone changes nothing");
        vm.prank(SQUATTER);
        registry.accept("acme");
        check(registry.ownerOf("acme") == SQUATTER, "accepted");
        // An offer is used up.
        vm.prank(SQUATTER);
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.NotOffered.selector, "acme", SQUATTER));
        registry.accept("acme");
    }

    function test_newWeightsComeWithNotice() public {
        uint64 start = uint64(this.clock());
        _publish(0, "first");
        _expectRoot(start, "first");
        _expectRoot(start - 1, 0);
        _publish(start + 1, "second");
        _expectRoot(start + NOTICE - 1, "first");
        _expectRoot(start + NOTICE, "second");
        // A later announcement replaces it.
        _publish(start + NOTICE + 5, "third");
        checkEqual(registry.versionsOf("acme", "tiny").length, 2, "versions");
        _expectRoot(start + NOTICE + 4, "first");
        _expectRoot(start + NOTICE + 5, "third");
        vm.warp(start + NOTICE + 5);
        _publish(start + 2 * NOTICE + 5, "fourth");
        checkEqual(registry.versionsOf("acme", "tiny").length, 3, "what was in force stays on record");
        _expectRoot(start, "first");
        _expectRoot(start + NOTICE + 5, "third");
    }

    function test_aRevocationHoldsAtOnceAndIsNoWayRoundTheNotice() public {
        uint64 start = uint64(this.clock());
        vm.prank(MAKER);
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.NothingToRevoke.selector, "acme", "tiny"));
        registry.revoke("acme", "tiny");
        _publish(0, "first");
        _publish(start + NOTICE, "second");
        vm.warp(start + 10);
        _revoke();
        _expectRoot(start + 9, "first");
        _expectRoot(start + 10, 0);
        _expectRoot(start + NOTICE, 0);
        vm.prank(MAKER);
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.NothingToRevoke.selector, "acme", "tiny"));
        registry.revoke("acme", "tiny");
        _publish(0, "third");
        _expectRoot(start + 9 + NOTICE, 0);
        _expectRoot(start + 10 + NOTICE, "third");
        // A later announcement is all that is taken back after a revocation.
        _revoke();
        _expectRoot(start + 10 + NOTICE, 0);
        _expectRoot(start + 9, "first");
    }

    function test_fieldsOfAPublishedModelAreBounded() public {
        ModelRegistry.Description memory bad = _description("root");
        bad.modelRoot = 0;
        _expectRefused(bad, abi.encodeWithSelector(ModelRegistry.ZeroRoot.selector, "modelRoot"));
        bad = _description("root");
        bad.licence = "";
        _expectRefused(bad, abi.encodeWithSelector(ModelRegistry.BadText.selector, "licence"));
        bad.licence = string(new bytes(1));
        _expectRefused(bad, abi.encodeWithSelector(ModelRegistry.BadText.selector, "licence"));
        bad.licence = _text(65);
        _expectRefused(bad, abi.encodeWithSelector(ModelRegistry.BadText.selector, "licence"));
        bad = _description("root");
        bad.sources = new string[](9);
        _expectRefused(bad, abi.encodeWithSelector(ModelRegistry.BadCount.selector, "sources", 9, 8));
        bad.sources = new string[](1);
        bad.sources[0] = _text(257);
        _expectRefused(bad, abi.encodeWithSelector(ModelRegistry.BadText.selector, "sources"));
        bad = _description("root");
        bad.adapterRoots = new bytes32[](33);
        _expectRefused(bad, abi.encodeWithSelector(ModelRegistry.BadCount.selector, "adapterRoots", 33, 32));
        bad.adapterRoots = new bytes32[](1);
        _expectRefused(bad, abi.encodeWithSelector(ModelRegistry.ZeroRoot.selector, "adapterRoots"));

        bad.adapterRoots = new bytes32[](2);
        bad.adapterRoots[0] = "adapter";
        _expectRefused(bad, abi.encodeWithSelector(ModelRegistry.ZeroRoot.selector, "adapterRoots"));
        bad = _description("root");
        bad.licence = unicode"é";
        _expectRefused(bad, abi.encodeWithSelector(ModelRegistry.BadText.selector, "licence"));
        // All that a name may have.
        vm.prank(MAKER);
        registry.publish("acme", "a0.b_c-9", 0, _description("root"));

        string[8] memory names = ["", "-a", "A", "a/b", "a b", "a{", "a:b", _text(65)];
        for (uint256 i; i < names.length; ++i) {
            vm.prank(MAKER);
            vm.expectRevert(abi.encodeWithSelector(ModelRegistry.BadName.selector, names[i]));
            registry.publish("acme", names[i], 0, _description("root"));
            vm.prank(MAKER);
            vm.expectRevert(abi.encodeWithSelector(ModelRegistry.BadName.selector, names[i]));
            registry.claim(names[i], SALT);
        }
    }

    function test_versionsAreBounded() public {
        _publish(0, "root");
        for (uint256 i = 1; i < 256; ++i) {
            uint64 from = uint64(this.clock()) + NOTICE;
            _publish(from, bytes32(i));
            vm.warp(from);
        }
        uint64 last = uint64(this.clock()) + NOTICE;
        vm.prank(MAKER);
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.TooManyVersions.selector, 256));
        registry.publish("acme", "tiny", last, _description("one more"));
    }

    function test_everyModelIsListedOnce() public {
        _publish(0, "first");
        _publish(uint64(this.clock()) + NOTICE, "second");
        vm.prank(MAKER);
        registry.publish("acme", "large", 0, _description("root"));
        checkEqual(registry.modelCount(), 2, "count");
        ModelRegistry.Listing[] memory page = registry.models(1, 10);
        checkEqual(page.length, 1, "page");
        check(keccak256(bytes(page[0].model)) == keccak256("large"), "the second");
        checkEqual(registry.models(0, 1).length, 1, "at most as many as asked for");
        checkEqual(registry.models(2, 10).length, 0, "past the end");
    }

    /// Asked from outside: the optimiser takes the time for a constant.
    function clock() external view returns (uint256) {
        return block.timestamp;
    }

    function _fund(address who) private {
        token.transfer(who, 10 * FEE);
        vm.prank(who);
        token.approve(address(registry), type(uint256).max);
    }

    function _announce(address who, string memory maker) private {
        bytes32 seal = registry.sealOf(who, maker, SALT);
        vm.prank(who);
        registry.announce(seal);
    }

    function _nextBlock() private {
        vm.roll(++_blockNumber);
    }

    function _publish(uint64 from, bytes32 root) private {
        vm.prank(MAKER);
        registry.publish("acme", "tiny", from, _description(root));
    }

    function _revoke() private {
        vm.prank(MAKER);
        registry.revoke("acme", "tiny");
    }

    function _expectNotAnnounced(address who, string memory maker, bytes32 salt) private {
        bytes32 seal = registry.sealOf(who, maker, salt);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ModelRegistry.NotAnnounced.selector, seal));
        registry.claim(maker, salt);
    }

    function _expectRoot(uint64 time, bytes32 root) private view {
        check(registry.versionAt("acme", "tiny", time).description.modelRoot == root, "root");
    }

    function _expectRefused(ModelRegistry.Description memory bad, bytes memory refusal) private {
        vm.prank(MAKER);
        vm.expectRevert(refusal);
        registry.publish("acme", "tiny", 0, bad);
    }

    function _description(bytes32 root) private pure returns (ModelRegistry.Description memory) {
        string[] memory sources = new string[](1);
        sources[0] = "hf:acme/tiny@0123456789abcdef";
        return ModelRegistry.Description(root, "tokenizer", "Apache-2.0", sources, new bytes32[](0));
    }

    function _text(uint256 length) private pure returns (string memory) {
        bytes memory text = new bytes(length);
        for (uint256 i; i < length; ++i) {
            text[i] = "a";
        }
        return string(text);
    }
}
