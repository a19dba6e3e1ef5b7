// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Parameters} from "../src/Parameters.sol";
import {Pins} from "../src/Pins.sol";
import {ChunkProof} from "../src/libraries/ChunkProof.sol";
import {Payment} from "../src/libraries/Payment.sol";
import {HostileToken} from "./HostileToken.sol";
import {PinFixture} from "./PinFixture.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

contract PinsTest is PinFixture {
    uint256 private constant SIZE = 5 * 1024 + 100;
    uint32 private constant EPOCHS = 4;
    uint32 private constant BLOCKS = 20;
    /// Of 100,000 bytes, from vectors/hub-pins.json.
    bytes32 private constant VECTOR_ROOT = 0xfdfa34cd23c445490cf5c1e25cc1235f0edc97b9759aecf90b3752dd157e334a;

    function setUp() public override {
        super.setUp();
        _setBlob(SIZE);
    }

    function _openAccepted() private returns (uint256 pin) {
        pin = _open(EPOCHS, BLOCKS);
        vm.prank(PROVIDER);
        pins.accept(pin);
    }

    function test_openLocksAllFees() public {
        uint256 pin = _open(EPOCHS, BLOCKS);
        checkEqual(token.balanceOf(address(pins)), FEE * EPOCHS, "locked");
        checkEqual(pins.pinCount(), 1, "one pin");
        Pins.Pin memory one = pins.pinOf(pin);
        check(one.payer == PAYER && one.provider == PROVIDER && one.start == 0, "offered");
        check(one.content.pinRoot == _root() && one.content.blob == BLOB && one.content.sizeBytes == SIZE, "content");
    }

    function test_offersOutOfRangeAreRefused() public {
        Pins.Content memory good = Pins.Content(BLOB, _root(), uint64(SIZE));
        _expectOutOfRange("provider", address(0), good, FEE, EPOCHS, BLOCKS, "");
        _expectOutOfRange("pinRoot", PROVIDER, Pins.Content(BLOB, 0, 1), FEE, EPOCHS, BLOCKS, "");
        _expectOutOfRange("sizeBytes", PROVIDER, Pins.Content(BLOB, BLOB, 0), FEE, EPOCHS, BLOCKS, "");
        _expectOutOfRange("sizeBytes", PROVIDER, Pins.Content(BLOB, BLOB, (1 << 40) + 1), FEE, EPOCHS, BLOCKS, "");
        _expectOutOfRange("feePerEpoch", PROVIDER, good, 0, EPOCHS, BLOCKS, "");
        _expectOutOfRange("epochs", PROVIDER, good, FEE, 0, BLOCKS, "");
        _expectOutOfRange("epochs", PROVIDER, good, FEE, (1 << 20) + 1, BLOCKS, "");
        _expectOutOfRange("epochBlocks", PROVIDER, good, FEE, EPOCHS, 7, "");
        _expectOutOfRange("place", PROVIDER, good, FEE, EPOCHS, BLOCKS, string(new bytes(257)));
        pins.open(PROVIDER, Pins.Content(BLOB, BLOB, 1 << 40), FEE, EPOCHS, 8, string(new bytes(256)));
    }

    function _expectOutOfRange(
        string memory field,
        address provider,
        Pins.Content memory content,
        uint128 fee,
        uint32 epochs,
        uint32 blocks,
        string memory place
    ) private {
        vm.expectRevert(abi.encodeWithSelector(Pins.OutOfRange.selector, field));
        pins.open(provider, content, fee, epochs, blocks, place);
    }

    function test_noNewMoneyWhileEntryIsPaused() public {
        parameters.pauseEntry();
        vm.expectPartialRevert(Parameters.EntryIsPaused.selector);
        pins.open(PROVIDER, Pins.Content(BLOB, BLOB, 1), FEE, EPOCHS, BLOCKS, "");
    }

    function test_aPinThatDoesNotExist() public {
        vm.expectRevert(abi.encodeWithSelector(Pins.NoPin.selector, 0));
        pins.pinOf(0);
        vm.expectRevert(abi.encodeWithSelector(Pins.NoPin.selector, 0));
        pins.accept(0);
    }

    function test_onlyTheProviderAcceptsAndOnce() public {
        uint256 pin = _open(EPOCHS, BLOCKS);
        vm.expectRevert(abi.encodeWithSelector(Pins.NotProvider.selector, address(this)));
        pins.accept(pin);
        vm.prank(PROVIDER);
        pins.accept(pin);
        checkEqual(pins.pinOf(pin).start, _blockNumber + 1, "the hash of the next block is unknown");
        vm.prank(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(Pins.AcceptedAlready.selector, pin));
        pins.accept(pin);
    }

    function test_thePayerCancelsAnOfferOnce() public {
        uint256 pin = _open(EPOCHS, BLOCKS);
        vm.expectRevert(abi.encodeWithSelector(Pins.NotPayer.selector, address(this)));
        pins.cancel(pin);
        vm.prank(PAYER);
        pins.cancel(pin);
        checkEqual(_claim(PAYER), FEE * EPOCHS, "all of it");
        vm.prank(PAYER);
        vm.expectRevert(abi.encodeWithSelector(Pins.Cancelled.selector, pin));
        pins.cancel(pin);
        vm.prank(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(Pins.Cancelled.selector, pin));
        pins.accept(pin);
    }

    function test_anAcceptedPinIsNotCancelled() public {
        uint256 pin = _openAccepted();
        vm.prank(PAYER);
        vm.expectRevert(abi.encodeWithSelector(Pins.AcceptedAlready.selector, pin));
        pins.cancel(pin);
    }

    function test_eachProvenEpochIsPaidOnce() public {
        uint256 pin = _openAccepted();
        for (uint32 epoch; epoch < EPOCHS; ++epoch) {
            _enterEpoch(pin, epoch);
            _prove(pin, epoch);
            bytes memory proof = _proofOf(pin, epoch);
            vm.expectRevert(abi.encodeWithSelector(Pins.ProvenAlready.selector, epoch));
            pins.prove(pin, epoch, proof);
        }
        _advance(2 * BLOCKS);
        checkEqual(pins.missedOf(pin), 0, "none");
        checkEqual(_claim(PROVIDER), FEE * EPOCHS, "all epochs");
        vm.prank(PROVIDER);
        vm.expectRevert(Pins.NothingToClaim.selector);
        pins.claim();
        checkEqual(token.balanceOf(address(pins)), 0, "empty");
    }

    function test_missedEpochsGoBackToThePayer() public {
        uint256 pin = _openAccepted();
        _enterEpoch(pin, 1);
        _prove(pin, 1);
        checkEqual(pins.missedOf(pin), 1, "epoch 0, while epoch 1 is proven and not over");
        pins.returnMissed(pin);
        vm.expectRevert(abi.encodeWithSelector(Pins.NothingMissed.selector, pin));
        pins.returnMissed(pin);
        _advance(EPOCHS * BLOCKS);
        pins.returnMissed(pin);
        checkEqual(_claim(PAYER), 3 * FEE, "three missed");
        checkEqual(_claim(PROVIDER), FEE, "one proven");
        checkEqual(token.balanceOf(address(pins)), 0, "empty");
    }

    function test_nothingIsMissedOfAnOffer() public {
        uint256 pin = _open(EPOCHS, BLOCKS);
        _advance(EPOCHS * BLOCKS);
        vm.expectRevert(abi.encodeWithSelector(Pins.NothingMissed.selector, pin));
        pins.returnMissed(pin);
        vm.expectRevert(abi.encodeWithSelector(Pins.NotAccepted.selector, pin));
        pins.prove(pin, 0, "");
    }

    /// The first block of the window and the last one count. The block before and the one after do not.
    function test_theWindowOfAnEpoch() public {
        uint32 long = 400;
        for (uint32 i; i < 2; ++i) {
            (uint32 blocks, uint256 window) = i == 0 ? (BLOCKS, uint256(BLOCKS)) : (long, 250);
            uint256 pin = _open(EPOCHS, blocks);
            vm.prank(PROVIDER);
            pins.accept(pin);
            uint256 first = uint256(pins.pinOf(pin).start) + blocks;
            _goTo(first);
            vm.expectRevert(abi.encodeWithSelector(Pins.WindowClosed.selector, 1));
            pins.prove(pin, 1, "");
            _goTo(first + window);
            bytes memory proof = _proofOf(pin, 1);
            checkEqual(pins.missedOf(pin), 1, "epoch 1 is not over");
            _goTo(first + window + 1);
            checkEqual(pins.missedOf(pin), 2, "epoch 1 is over");
            vm.expectRevert(abi.encodeWithSelector(Pins.WindowClosed.selector, 1));
            pins.prove(pin, 1, proof);
            _goTo(first + window);
            pins.prove(pin, 1, proof);
        }
    }

    function test_noEpochAfterTheLast() public {
        uint256 pin = _openAccepted();
        _enterEpoch(pin, EPOCHS);
        vm.expectRevert(abi.encodeWithSelector(Pins.WindowClosed.selector, EPOCHS));
        pins.prove(pin, EPOCHS, "");
    }

    function test_stopGivesOneEpochOfNotice() public {
        uint256 pin = _open(EPOCHS, BLOCKS);
        vm.prank(PAYER);
        vm.expectRevert(abi.encodeWithSelector(Pins.NotAccepted.selector, pin));
        pins.stop(pin);
        vm.prank(PROVIDER);
        pins.accept(pin);
        vm.expectRevert(abi.encodeWithSelector(Pins.NotPayer.selector, address(this)));
        pins.stop(pin);
        _enterEpoch(pin, 0);
        vm.prank(PAYER);
        pins.stop(pin);
        checkEqual(_claim(PAYER), 2 * FEE, "epochs 2 and 3");
        vm.prank(PAYER);
        vm.expectRevert(abi.encodeWithSelector(Pins.NothingToStop.selector, pin));
        pins.stop(pin);
        _prove(pin, 0);
        _enterEpoch(pin, 1);
        _prove(pin, 1);
        checkEqual(_claim(PROVIDER), 2 * FEE, "epochs 0 and 1");
        checkEqual(token.balanceOf(address(pins)), 0, "empty");
    }

    /// Each byte of a proof counts: chunks, siblings and the end.
    function testFuzz_aChangedProofIsRefused(uint256 sizeBytes, uint256 position, uint8 bit) public {
        _setBlob(bound(sizeBytes, 1, 9 * 1024));
        uint256 pin = _openAccepted();
        _enterEpoch(pin, 0);
        bytes memory proof = _proofOf(pin, 0);
        position = bound(position, 0, proof.length - 1);
        proof[position] ^= bytes1(uint8(1 << (bit % 8)));
        vm.expectPartialRevert(ChunkProof.BadProof.selector);
        pins.prove(pin, 0, proof);
    }

    function test_aProofOfAnotherSizeIsRefused() public {
        uint256 pin = _openAccepted();
        _enterEpoch(pin, 0);
        bytes memory proof = _proofOf(pin, 0);
        vm.expectRevert(abi.encodeWithSelector(ChunkProof.BadProofSize.selector, proof.length + 1));
        pins.prove(pin, 0, bytes.concat(proof, hex"00"));
        vm.expectRevert(abi.encodeWithSelector(ChunkProof.BadProofSize.selector, 0));
        pins.prove(pin, 0, "");
        uint256 short = proof.length - 1;
        assembly ("memory-safe") { mstore(proof, short) }
        vm.expectRevert(abi.encodeWithSelector(ChunkProof.BadProofSize.selector, short));
        pins.prove(pin, 0, proof);
    }

    function test_theProofOfAnotherEpochOrPinIsRefused() public {
        uint256 pin = _openAccepted();
        uint256 other = _openAccepted();
        _enterEpoch(pin, 0);
        bytes memory earlier = _proofOf(pin, 0);
        vm.expectPartialRevert(ChunkProof.BadProof.selector);
        pins.prove(other, 0, earlier);
        _enterEpoch(pin, 1);
        vm.expectPartialRevert(ChunkProof.BadProof.selector);
        pins.prove(pin, 1, earlier);
    }

    /// Trees of every shape: one chunk, full levels, and nodes that go up alone.
    function testFuzz_anHonestProofOfAnySizePasses(uint256 sizeBytes) public {
        _setBlob(bound(sizeBytes, 1, 40 * 1024));
        uint256 pin = _openAccepted();
        _enterEpoch(pin, 0);
        _prove(pin, 0);
        checkEqual(pins.creditOf(PROVIDER), FEE, "paid");
    }

    /// The figures of vectors/hub-pins.json.
    function test_vectors() public {
        _setBlob(100_000);
        check(_root() == VECTOR_ROOT, "pin root");
        uint16[8] memory indices = [2245, 1335, 1061, 169, 1115, 1091, 192, 921];
        for (uint256 draw; draw < indices.length; ++draw) {
            checkEqual(ChunkProof.indexOf(keccak256("ogong"), 7, draw, 2_442), indices[draw], "draw");
        }
    }

    function test_aTokenThatKeepsAPartIsRefused() public {
        HostileToken hostile = new HostileToken(1e30);
        Pins other = Pins(create("Pins.sol:Pins", abi.encode(hostile, parameters)));
        hostile.approve(address(other), type(uint256).max);
        hostile.tax(1);
        vm.expectPartialRevert(Payment.NotReceived.selector);
        other.open(PROVIDER, Pins.Content(BLOB, BLOB, 1), FEE, EPOCHS, BLOCKS, "");
    }

    function test_nobodyEntersAgainWhileTokensMove() public {
        HostileToken hostile = new HostileToken(1e30);
        Pins other = Pins(create("Pins.sol:Pins", abi.encode(hostile, parameters)));
        hostile.approve(address(other), type(uint256).max);
        uint256 pin = other.open(PROVIDER, Pins.Content(BLOB, BLOB, 1), FEE, EPOCHS, BLOCKS, "");
        other.cancel(pin);
        hostile.callBack(address(other), abi.encodeCall(Pins.claim, ()));
        vm.expectRevert(bytes4(keccak256("ReentrancyGuardReentrantCall()")));
        other.claim();
    }
}
