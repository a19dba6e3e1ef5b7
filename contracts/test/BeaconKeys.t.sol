// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BeaconKeys} from "../src/BeaconKeys.sol";
import {Bls12381} from "../src/libraries/Bls12381.sol";
import {Quorum} from "../src/libraries/Quorum.sol";
import {Fixture} from "./Fixture.sol";
import {check, checkEqual, create, vm} from "./Vm.sol";

/// Keys of the threshold beacon: valid and refused activations.
contract BeaconKeysTest is Fixture {
    uint64 private constant PERIOD_S = 60;
    /// Gas limit of the first activation: three signatures, one pairing, two new entries.
    uint256 private constant GAS_LIMIT = 600_000;
    uint256 private constant SECRET = 0x263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3;
    bytes private constant GENERATOR =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb0000000000000000000000000000000008b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1";

    BeaconKeys private keys;

    function setUp() public override {
        super.setUp();
        keys = BeaconKeys(create("BeaconKeys.sol:BeaconKeys", abi.encode(staking, address(settlement), uint64(block.timestamp) - 600, PERIOD_S)));
    }

    function _keyOf(uint256 secret) private view returns (bytes memory key) {
        (, key) = address(0x0c).staticcall(bytes.concat(GENERATOR, bytes32(secret)));
    }

    function _sign(uint256 secret, bytes memory message) private view returns (bytes memory signature) {
        (, signature) = address(0x0e).staticcall(bytes.concat(Bls12381.hashToPoint(message), bytes32(secret)));
    }

    function _outcome(uint32 generation, uint32 era) private pure returns (BeaconKeys.Outcome memory) {
        return BeaconKeys.Outcome(generation, era, 0, keccak256("set"), keccak256("transcript"));
    }

    function _digest(BeaconKeys.Outcome memory outcome, uint256 secret) private view returns (bytes32) {
        return keys.outcomeDigest(outcome, Bls12381.compress(_keyOf(secret)));
    }

    function _activation(BeaconKeys.Outcome memory outcome, uint256 secret, uint256 by)
        private
        view
        returns (bytes memory)
    {
        return _sign(by, abi.encodePacked("ogong-beacon-activation-v1\n", _digest(outcome, secret)));
    }

    function _activate(uint32 generation, uint32 era, uint256 secret) private {
        BeaconKeys.Outcome memory outcome = _outcome(generation, era);
        keys.activate(
            outcome, _keyOf(secret), _quorum(_digest(outcome, secret), 3), _activation(outcome, secret, secret)
        );
    }

    /// The results of noble for the same secret and message: vectors/bls.json.
    function test_theCurveAgreesWithTheVectors() public view {
        bytes memory message = hex"f53c09ca39717a45c62d9aca8f8113eddbfd5f81dcab0b33b1c1834075225e68";
        bytes memory signature =
            hex"00000000000000000000000000000000064c93b24634dc8b1c30d5c054fa79de3387923e9cbdd9f3f5f2fcec5aa4da8c5a55c0511e4a2920caedb2bd65d3adb40000000000000000000000000000000018166cbc4190de566c89786f59c976283acf634fb1d3a92265a7cb8a2a04cc89e3f872425d62c3e4f9a3340c02d6ab880000000000000000000000000000000010e81b17a0fd1492bbe89c1a83401cd714788587056de1432e3bfe602561afe46f2074d34dd0a6c293b9e63fb0c152b500000000000000000000000000000000035e1208ffc79fe25ac30273184361907df973e82484c0081d9b7c8ed6f0134e7a54f5279f2be9d947a8294584662171";
        check(keccak256(_sign(SECRET, message)) == keccak256(signature), "signature");
        bytes memory key = _keyOf(SECRET);
        check(Bls12381.verify(key, message, signature), "verifies");
        check(
            keccak256(Bls12381.compress(key))
                == keccak256(
                    hex"a491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20fd6e10c1b77654d067c0618f6e5a7f79a"
                ),
            "compressed, y the larger"
        );
        check(
            keccak256(Bls12381.compress(GENERATOR))
                == keccak256(
                    hex"97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
                ),
            "compressed, y the smaller"
        );
    }

    function test_noOtherSignatureVerifies() public view {
        bytes memory message = "m";
        bytes memory key = _keyOf(SECRET);
        bytes memory signature = _sign(SECRET, message);
        check(Bls12381.verify(key, message, signature), "verifies");
        check(!Bls12381.verify(key, "n", signature), "another message");
        check(!Bls12381.verify(_keyOf(SECRET + 1), message, signature), "another key");
        check(!Bls12381.verify(new bytes(128), message, new bytes(256)), "infinity");
        check(!Bls12381.verify(key, message, new bytes(256)), "signature at infinity");
        check(!Bls12381.verify(key, message, new bytes(255)), "short");
        // On the curve, outside the subgroup: x = 4, y^2 = 68.
        bytes memory outside = bytes.concat(
            new bytes(63),
            hex"04",
            hex"000000000000000000000000000000000a989badd40d6212b33cffc3f3763e9bc760f988c9926b26da9dd85e928483446346b8ed00e1de5d5ea93e354abe706c"
        );
        check(!Bls12381.verify(outside, message, signature), "outside the subgroup");
        signature[255] = bytes1(uint8(signature[255]) ^ 1);
        check(!Bls12381.verify(key, message, signature), "off the curve");
    }

    function test_aKeyIsActivatedByItsShareHoldersAndAQuorum() public {
        _activate(1, 1, SECRET);
        BeaconKeys.Generation[] memory list = keys.generations();
        checkEqual(list.length, 1, "generations");
        check(keccak256(list[0].key) == keccak256(Bls12381.compress(_keyOf(SECRET))), "key");
        checkEqual(list[0].firstEpoch, uint256(keys.epochNow()) + 2, "two epochs ahead");
        checkEqual(list[0].lastEpoch, 0, "goes on");
        BeaconKeys.Era[] memory eras = keys.eras();
        checkEqual(eras.length, 1, "eras");
        check(eras[0].set == keccak256("set") && eras[0].transcript == keccak256("transcript"), "era");
    }

    /// The epoch of vectors/threshold-beacon.json, under the key that its polynomial has at zero.
    function _openVectors() private returns (bytes memory signature) {
        address settlement_ = 0xaAaAaAaaAaAaAaaAaAAAAAAAAaaaAaAaAaaAaaAa;
        keys = BeaconKeys(create("BeaconKeys.sol:BeaconKeys", abi.encode(staking, settlement_, uint64(block.timestamp) - 600, PERIOD_S)));
        _activate(1, 1, 1000);
        return _sign(
            1000,
            hex"6f676f6e672d626561636f6e2d65706f63682d76310a0000000000007a69aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00000001000000000000004d"
        );
    }

    function test_oneSignatureCertifiesAnEpochAsInTheVectors() public {
        bytes memory signature = _openVectors();
        check(
            keccak256(Bls12381.compressSignature(signature))
                == keccak256(
                    hex"8ea8e9bd1673f34c08511c09bf62d4ee05abc363a78ab27f6812c06bf4ef9809829dae88ae0d621b0f6df4b4f2267ba313b8e3515095ed09950992db055f7ab61478134cb7ddb78d7cb531e77dfdb2853bedb94b924e7a4a6cddd0f17d91fca5"
                ),
            "compressed signature"
        );
        check(
            keys.verifyEpoch(1, 77, signature) == 0xa4ea8b313853bf43c429b4740b4c80f796c5bb6c7b6a386c46e761bb6ee9a51d,
            "value"
        );
    }

    function test_noOtherSignatureCertifiesAnEpoch() public {
        bytes memory signature = _openVectors();
        check(keys.verifyEpoch(1, 78, signature) == 0, "another epoch");
        check(keys.verifyEpoch(0, 77, signature) == 0, "no generation");
        check(keys.verifyEpoch(2, 77, signature) == 0, "a generation that there is not");
        check(keys.verifyEpoch(1, 77, _sign(1001, "m")) == 0, "another key");
        check(keys.verifyEpoch(1, 77, new bytes(256)) == 0, "infinity");
        check(keys.verifyEpoch(1, 77, new bytes(255)) == 0, "short");
        signature[255] = bytes1(uint8(signature[255]) ^ 1);
        check(keys.verifyEpoch(1, 77, signature) == 0, "off the curve");
    }

    function test_aKeyCertifiesNoEpochBeforeItsFirstAndAfterItsLast() public {
        _openVectors();
        uint64 first = keys.generations()[0].firstEpoch;
        check(keys.verifyEpoch(1, first, _signEpoch(1, first, 1000)) != 0, "the first");
        check(keys.verifyEpoch(1, first - 1, _signEpoch(1, first - 1, 1000)) == 0, "before the first");
        vm.warp(this.clock() + 10 * PERIOD_S);
        _activate(2, 2, SECRET);
        uint64 last = keys.generations()[0].lastEpoch;
        check(keys.verifyEpoch(1, last, _signEpoch(1, last, 1000)) != 0, "the last");
        check(keys.verifyEpoch(1, last + 1, _signEpoch(1, last + 1, 1000)) == 0, "after the last");
        check(keys.verifyEpoch(2, last + 1, _signEpoch(2, last + 1, SECRET)) != 0, "of the next key");
    }

    function _signEpoch(uint32 generation, uint64 epoch, uint256 secret) private view returns (bytes memory) {
        bytes memory of_ = abi.encodePacked(uint64(block.chainid), keys.settlement(), generation, epoch);
        return _sign(secret, bytes.concat("ogong-beacon-epoch-v1\n", of_));
    }

    /// Both signs of y, and keys of many secrets.
    function test_aKeyComesBackFromItsCompressedForm() public view {
        bool[2] memory seen;
        for (uint256 secret = 1; secret <= 12; ++secret) {
            bytes memory key = _keyOf(secret);
            bytes memory compressed = Bls12381.compress(key);
            check(keccak256(Bls12381.expand(compressed)) == keccak256(key), "expanded");
            seen[compressed[0] & 0x20 == 0 ? 0 : 1] = true;
        }
        check(seen[0] && seen[1], "both signs");
    }

    function test_activationCostsWithinItsLimit() public {
        BeaconKeys.Outcome memory outcome = _outcome(1, 1);
        bytes memory key = _keyOf(SECRET);
        bytes[] memory quorum = _quorum(_digest(outcome, SECRET), 3);
        bytes memory activation = _activation(outcome, SECRET, SECRET);
        uint256 before = gasleft();
        keys.activate(outcome, key, quorum, activation);
        uint256 used = before - gasleft();
        check(used < GAS_LIMIT, "gas of an activation");
        check(used > 150_000, "nothing is skipped");
    }

    function test_eachEraComesOnceAndInOrder() public {
        BeaconKeys.Outcome memory outcome = _outcome(1, 2);
        bytes[] memory quorum = _quorum(_digest(outcome, SECRET), 3);
        bytes memory activation = _activation(outcome, SECRET, SECRET);
        bytes memory key = _keyOf(SECRET);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.WrongEra.selector, 1, 2));
        keys.activate(outcome, key, quorum, activation);
        _activate(1, 1, SECRET);
        keys.activate(outcome, key, quorum, activation);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.WrongEra.selector, 3, 2));
        keys.activate(outcome, key, quorum, activation);
        checkEqual(keys.generations().length, 1, "the key is kept");
        checkEqual(keys.eras().length, 2, "two eras");
    }

    function test_aGenerationKeepsItsKey() public {
        _activate(1, 1, SECRET);
        BeaconKeys.Outcome memory outcome = _outcome(1, 2);
        bytes[] memory quorum = _quorum(_digest(outcome, SECRET + 1), 3);
        bytes memory activation = _activation(outcome, SECRET + 1, SECRET + 1);
        bytes memory key = _keyOf(SECRET + 1);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.OtherKey.selector, 1));
        keys.activate(outcome, key, quorum, activation);
        _activate(2, 2, SECRET + 1);
        BeaconKeys.Generation[] memory list = keys.generations();
        checkEqual(list[0].lastEpoch, uint256(list[1].firstEpoch) - 1, "one ends where the next begins");
        outcome = _outcome(1, 3);
        quorum = _quorum(_digest(outcome, SECRET), 3);
        activation = _activation(outcome, SECRET, SECRET);
        key = _keyOf(SECRET);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.WrongGeneration.selector, 3, 1));
        keys.activate(outcome, key, quorum, activation);
        outcome = _outcome(0, 3);
        quorum = _quorum(_digest(outcome, SECRET), 3);
        activation = _activation(outcome, SECRET, SECRET);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.WrongGeneration.selector, 3, 0));
        keys.activate(outcome, key, quorum, activation);
    }

    /// A key that would have ended later ends where the next one begins.
    function test_aRetiredKeyEndsBeforeTheNextBegins() public {
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.NoSuchGeneration.selector, 0));
        keys.retire(0, 1, new bytes[](0));
        _activate(1, 1, SECRET);
        uint64 late = keys.epochNow() + 100;
        keys.retire(1, late, _quorum(keys.retirementDigest(1, late), 3));
        checkEqual(keys.generations()[0].lastEpoch, late, "late");
        _activate(2, 2, SECRET + 1);
        BeaconKeys.Generation[] memory list = keys.generations();
        checkEqual(list[0].lastEpoch, uint256(list[1].firstEpoch) - 1, "no epoch has two keys");
    }

    function test_noEpochHasBegunBeforeTheFirst() public {
        uint64 origin = uint64(block.timestamp) + 1;
        BeaconKeys later =
            BeaconKeys(create("BeaconKeys.sol:BeaconKeys", abi.encode(staking, address(settlement), origin, PERIOD_S)));
        checkEqual(later.epochNow(), 0, "before its origin");
    }

    function test_sharesHaveToBeThere() public {
        BeaconKeys.Outcome memory outcome = _outcome(1, 1);
        bytes memory key = _keyOf(SECRET);
        bytes[] memory quorum = _quorum(_digest(outcome, SECRET), 3);
        bytes memory other = _activation(outcome, SECRET, SECRET + 1);
        vm.expectRevert(BeaconKeys.BadActivation.selector);
        keys.activate(outcome, key, quorum, other);
        // Signed for another attempt.
        outcome.attempt = 1;
        bytes memory late = _activation(outcome, SECRET, SECRET);
        outcome.attempt = 0;
        vm.expectRevert(BeaconKeys.BadActivation.selector);
        keys.activate(outcome, key, quorum, late);
        vm.expectRevert(BeaconKeys.BadActivation.selector);
        keys.activate(outcome, new bytes(127), quorum, late);
    }

    function test_aQuorumHasToAgree() public {
        BeaconKeys.Outcome memory outcome = _outcome(1, 1);
        bytes memory key = _keyOf(SECRET);
        bytes memory activation = _activation(outcome, SECRET, SECRET);
        bytes[] memory quorum = _quorum(_digest(outcome, SECRET), 2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        keys.activate(outcome, key, quorum, activation);
        quorum = _quorum(_digest(outcome, SECRET + 1), 3);
        vm.expectPartialRevert(Quorum.NoQuorum.selector);
        this.activateSorted(outcome, key, quorum, activation);
        quorum = _quorum(_digest(outcome, SECRET), 3);
        (quorum[0], quorum[1]) = (quorum[1], quorum[0]);
        vm.expectPartialRevert(Quorum.UnsortedSigners.selector);
        keys.activate(outcome, key, quorum, activation);
        quorum[0] = new bytes(64);
        vm.expectRevert(abi.encodeWithSelector(Quorum.BadQuorumSignature.selector, 0));
        keys.activate(outcome, key, quorum, activation);
    }

    /// Signatures over another digest recover to anybody, in any order: one of them is enough to see that it does not count.
    function activateSorted(
        BeaconKeys.Outcome calldata outcome,
        bytes calldata key,
        bytes[] calldata quorum,
        bytes calldata activation
    ) external {
        bytes[] memory one = new bytes[](1);
        one[0] = quorum[0];
        keys.activate(outcome, key, one, activation);
    }

    function test_aGenerationIsRetiredByAQuorumAlone() public {
        _activate(1, 1, SECRET);
        uint64 lastEpoch = keys.generations()[0].firstEpoch + 5;
        bytes[] memory few = _quorum(keys.retirementDigest(1, lastEpoch), 2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        keys.retire(1, lastEpoch, few);
        bytes[] memory quorum = _quorum(keys.retirementDigest(1, lastEpoch), 3);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.NoSuchGeneration.selector, 2));
        keys.retire(2, lastEpoch, quorum);
        keys.retire(1, lastEpoch, quorum);
        checkEqual(keys.generations()[0].lastEpoch, lastEpoch, "retired");
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.AlreadyRetired.selector, 1));
        keys.retire(1, lastEpoch, quorum);
        // It gets no shares any more; a new key does.
        BeaconKeys.Outcome memory outcome = _outcome(1, 2);
        bytes[] memory again = _quorum(_digest(outcome, SECRET), 3);
        bytes memory activation = _activation(outcome, SECRET, SECRET);
        bytes memory key = _keyOf(SECRET);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.AlreadyRetired.selector, 1));
        keys.activate(outcome, key, again, activation);
        vm.warp(this.clock() + 20 * PERIOD_S);
        _activate(2, 2, SECRET + 1);
        checkEqual(keys.generations()[0].lastEpoch, lastEpoch, "stays as it was");
    }

    function test_noEpochThatHasBegunIsTheLastOne() public {
        _activate(1, 1, SECRET);
        uint64 first = keys.generations()[0].firstEpoch;
        uint64 now_ = keys.epochNow();
        bytes[] memory quorum = _quorum(keys.retirementDigest(1, first - 1), 3);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.EpochPassed.selector, first - 1, now_));
        keys.retire(1, first - 1, quorum);
        vm.warp(this.clock() + 100 * PERIOD_S);
        now_ = keys.epochNow();
        for (uint64 epoch = now_ - 1; epoch <= now_; epoch++) {
            quorum = _quorum(keys.retirementDigest(1, epoch), 3);
            vm.expectRevert(abi.encodeWithSelector(BeaconKeys.EpochPassed.selector, epoch, now_));
            keys.retire(1, epoch, quorum);
        }
        keys.retire(1, now_ + 1, _quorum(keys.retirementDigest(1, now_ + 1), 3));
        checkEqual(keys.generations()[0].lastEpoch, now_ + 1, "the next one may be");
    }

    function test_aBoxKeyIsOfAValidatorAndWhole() public {
        bytes memory key = new bytes(1216);
        key[7] = 0x01;
        vm.prank(validator);
        keys.registerBoxKey(key);
        (bytes32 hash, uint64 since) = keys.boxKeyOf(validator);
        check(hash == sha256(key), "hash");
        checkEqual(since, this.clock(), "since");
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.NotValidator.selector, payer));
        keys.registerBoxKey(key);
        vm.prank(validator);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.BadBoxKey.selector, 1215));
        keys.registerBoxKey(new bytes(1215));
    }

    function test_aHeadKeyIsOfAValidatorAndWhole() public {
        bytes memory key = new bytes(1344);
        key[7] = 0x01;
        vm.prank(validator);
        keys.registerHeadKey(key);
        (bytes32 hash, uint64 since) = keys.headKeyOf(validator);
        check(hash == sha256(key), "hash");
        checkEqual(since, this.clock(), "since");
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.NotValidator.selector, payer));
        keys.registerHeadKey(key);
        vm.prank(validator);
        vm.expectRevert(abi.encodeWithSelector(BeaconKeys.BadHeadKey.selector, 1216));
        keys.registerHeadKey(new bytes(1216));
        (bytes32 kept, ) = keys.headKeyOf(validator);
        check(kept == hash, "a refused key replaces none");
    }

    function test_epochsAreTimed() public {
        checkEqual(keys.epochNow(), 10, "ten periods since the origin");
        vm.warp(this.clock() + PERIOD_S - 1);
        checkEqual(keys.epochNow(), 10, "not yet");
        vm.warp(this.clock() + 1);
        checkEqual(keys.epochNow(), 11, "the next one");
        vm.expectRevert(BeaconKeys.ZeroPeriod.selector);
        BeaconKeys(create("BeaconKeys.sol:BeaconKeys", abi.encode(staking, address(settlement), 0, 0)));
    }
}
