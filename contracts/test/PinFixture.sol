// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Genesis, OgongToken} from "../src/OgongToken.sol";
import {Parameters} from "../src/Parameters.sol";
import {Pins} from "../src/Pins.sol";
import {ChunkProof} from "../src/libraries/ChunkProof.sol";
import {Delays, Holding, Recipients, Shares} from "../src/libraries/Types.sol";
import {noWork, usualTests} from "./Fixture.sol";
import {create, vm} from "./Vm.sol";

/// Pins of one blob, with its tree and honest proofs.
abstract contract PinFixture {
    address internal constant PAYER = address(0xC1);
    address internal constant PROVIDER = address(0xC2);
    bytes32 internal constant BLOB = keccak256("blob");
    uint128 internal constant FEE = 3e18;
    uint256 private constant CHUNK = 1024;

    OgongToken internal token;
    Parameters internal parameters;
    Pins internal pins;
    bytes internal blob;
    bytes32[] private _leaves;
    uint256 internal _blockNumber = 1_000;

    function setUp() public virtual {
        vm.roll(_blockNumber);
        token = OgongToken(create("OgongToken.sol:OgongToken", abi.encode(Genesis(address(this), address(this), address(this), address(this), address(this)))));
        parameters = Parameters(create("Parameters.sol:Parameters", abi.encode(
            address(this),
            Delays(10 minutes, 2 days, 3 hours, 30 minutes, 12 hours),
            Holding(1 days, 1_000, 2_000_000),
            Shares(100, 100, 100, 100, 2, 0, 0),
            Recipients(address(0xF1), address(0xF2), address(0xF3)),
            Parameters.Limits(1_000_000, 1 hours, 1 days, 1_000e18, 50e18, 0),
            address(0xF4),
            usualTests(),
            noWork()
        )));
        parameters.setGuardian(address(this));
        pins = Pins(create("Pins.sol:Pins", abi.encode(token, parameters)));
        token.transfer(PAYER, 1e26);
        vm.prank(PAYER);
        token.approve(address(pins), type(uint256).max);
        token.approve(address(pins), type(uint256).max);
    }

    /// Byte i is (31 i + floor(i / 256)) mod 256, as in the vectors of the hub.
    function _setBlob(uint256 sizeBytes) internal {
        bytes memory content = new bytes(sizeBytes);
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, sizeBytes) { i := add(i, 1) } {
                mstore8(add(add(content, 32), i), add(mul(31, i), shr(8, i)))
            }
        }
        delete _leaves;
        for (uint256 from; from < sizeBytes; from += CHUNK) {
            _leaves.push(sha256(bytes.concat(hex"00", _slice(content, from))));
        }
        if (sizeBytes < 1 << 16) blob = content;
    }

    function _slice(bytes memory content, uint256 from) private pure returns (bytes memory chunk) {
        uint256 length = content.length - from < CHUNK ? content.length - from : CHUNK;
        chunk = new bytes(length);
        assembly ("memory-safe") { mcopy(add(chunk, 32), add(add(content, 32), from), length) }
    }

    function _root() internal view returns (bytes32 root) {
        (root,) = _climb(_leaves, 0);
    }

    /// Level by level, as a provider computes it; `Pins` climbs one path.
    function _climb(bytes32[] memory level, uint256 index) private pure returns (bytes32, bytes memory path) {
        while (level.length > 1) {
            uint256 sibling = index ^ 1;
            if (sibling < level.length) path = bytes.concat(path, level[sibling]);
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i; i < above.length; ++i) {
                above[i] = 2 * i + 1 < level.length
                    ? sha256(bytes.concat(hex"01", level[2 * i], level[2 * i + 1]))
                    : level[2 * i];
            }
            (level, index) = (above, index / 2);
        }
        return (level[0], path);
    }

    function _open(uint32 epochs, uint32 epochBlocks) internal returns (uint256) {
        Pins.Content memory content = Pins.Content(BLOB, _root(), uint64(blob.length));
        vm.prank(PAYER);
        return pins.open(PROVIDER, content, FEE, epochs, epochBlocks, "http://127.0.0.1:1/");
    }

    function _proofOf(uint256 pin, uint32 epoch) internal view returns (bytes memory proof) {
        Pins.Pin memory one = pins.pinOf(pin);
        bytes32 seed = blockhash(uint256(one.start) + uint256(epoch) * one.epochBlocks);
        bytes32[] memory leaves = _leaves;
        bytes memory content = blob;
        for (uint256 draw; draw < pins.DRAWS(); ++draw) {
            uint256 index = ChunkProof.indexOf(seed, pin, draw, leaves.length);
            (, bytes memory path) = _climb(leaves, index);
            proof = bytes.concat(proof, _slice(content, index * CHUNK), path);
        }
    }

    function _prove(uint256 pin, uint32 epoch) internal {
        pins.prove(pin, epoch, _proofOf(pin, epoch));
    }

    function _claim(address account) internal returns (uint256 amount) {
        uint256 before = token.balanceOf(account);
        vm.prank(account);
        amount = pins.claim();
        assert(token.balanceOf(account) - before == amount);
    }

    /// The first block in which the epoch can be proven.
    function _enterEpoch(uint256 pin, uint32 epoch) internal {
        Pins.Pin memory one = pins.pinOf(pin);
        _goTo(uint256(one.start) + uint256(epoch) * one.epochBlocks + 1);
    }

    function _advance(uint256 blocks) internal {
        _goTo(_blockNumber + blocks);
    }

    /// The compiler takes the block's number for constant within a call, so it is counted here.
    function _goTo(uint256 blockNumber) internal {
        _blockNumber = blockNumber;
        vm.roll(blockNumber);
    }
}
