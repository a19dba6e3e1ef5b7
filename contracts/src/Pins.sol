// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Parameters} from "./Parameters.sol";
import {ChunkProof} from "./libraries/ChunkProof.sol";
import {Payment} from "./libraries/Payment.sol";

/// @title Storage that is proven
/// @notice A payer locks a fee for each epoch in which a provider stores a blob. The hash of an epoch's first block draws chunks of the blob.
/// The provider sends them within the window. The contract checks them and pays the epoch's fee. The fee of a missed epoch goes back to the
/// payer. Tokens held = credit + fees of epochs that are neither proven nor returned, always.
contract Pins is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// Chunks that one proof shows, drawn with repetition.
    uint256 public constant DRAWS = 20;
    /// Blocks after an epoch's first one in which its proof counts, if the epoch is not shorter. The chain knows 256 block hashes.
    uint256 public constant WINDOW = 250;
    /// Blocks of an epoch at least: a proof has to be mined within it.
    uint32 public constant LEAST_EPOCH_BLOCKS = 8;
    uint32 public constant MAX_EPOCHS = 1 << 20;
    /// 2^40 bytes, the largest file of the hub.
    uint64 public constant MAX_BLOB_BYTES = 1 << 40;
    uint256 public constant MAX_PLACE_BYTES = 256;

    /// The part of an offer that the provider checks before it accepts.
    struct Content {
        /// Id of the blob: the root of the tree over its blocks.
        bytes32 blob;
        /// Root of the tree over its chunks.
        bytes32 pinRoot;
        uint64 sizeBytes;
    }

    struct Pin {
        address payer;
        uint32 epochs;
        uint32 epochBlocks;
        /// The first epoch that can still be proven: one past the last proven one.
        uint32 provenUntil;
        address provider;
        /// Epochs whose fee went to the provider.
        uint32 proven;
        /// Epochs whose fee went back to the payer.
        uint32 returned;
        uint128 feePerEpoch;
        /// First block of epoch 0; 0 until the provider accepts.
        uint64 start;
        Content content;
    }

    IERC20 public immutable token;
    Parameters public immutable parameters;

    Pin[] private _pins;
    mapping(address account => uint256) public creditOf;

    /// @param place Address from which the provider can fetch the blob.
    event PinOpened(uint256 indexed pin, address indexed payer, address indexed provider, string place);
    event PinAccepted(uint256 indexed pin, uint64 start);
    event PinCancelled(uint256 indexed pin);
    event EpochProven(uint256 indexed pin, uint32 epoch);
    event EpochsMissed(uint256 indexed pin, uint32 count);
    event PinStopped(uint256 indexed pin, uint32 epochs);
    event Claimed(address indexed account, uint256 amount);

    error OutOfRange(string field);
    error NoPin(uint256 pin);
    error NotPayer(address caller);
    error NotProvider(address caller);
    error AcceptedAlready(uint256 pin);
    error NotAccepted(uint256 pin);
    error Cancelled(uint256 pin);
    error WindowClosed(uint32 epoch);
    error ProvenAlready(uint32 epoch);
    error NothingMissed(uint256 pin);
    error NothingToStop(uint256 pin);
    error NothingToClaim();

    constructor(IERC20 token_, Parameters parameters_) {
        token = token_;
        parameters = parameters_;
    }

    /// @notice Offers a pin to a provider and locks the fees of all its epochs. The caller can cancel it until the provider accepts.
    /// @param epochBlocks Blocks of an epoch. Proofs count in the first `WINDOW` blocks of it.
    /// @return pin Its number.
    function open(
        address provider,
        Content calldata content,
        uint128 feePerEpoch,
        uint32 epochs,
        uint32 epochBlocks,
        string calldata place
    ) external nonReentrant returns (uint256 pin) {
        if (provider == address(0)) revert OutOfRange("provider");
        if (content.pinRoot == 0) revert OutOfRange("pinRoot");
        if (content.sizeBytes == 0 || content.sizeBytes > MAX_BLOB_BYTES) revert OutOfRange("sizeBytes");
        if (feePerEpoch == 0) revert OutOfRange("feePerEpoch");
        if (epochs == 0 || epochs > MAX_EPOCHS) revert OutOfRange("epochs");
        if (epochBlocks < LEAST_EPOCH_BLOCKS) revert OutOfRange("epochBlocks");
        if (bytes(place).length > MAX_PLACE_BYTES) revert OutOfRange("place");
        parameters.requireEntry();
        pin = _pins.length;
        _pins.push(Pin(msg.sender, epochs, epochBlocks, 0, provider, 0, 0, feePerEpoch, 0, content));
        emit PinOpened(pin, msg.sender, provider, place);
        Payment.take(token, msg.sender, uint256(feePerEpoch) * epochs);
    }

    /// @notice Accepts an offer to the caller. Epoch 0 begins with the next block, whose hash nobody knows yet.
    function accept(uint256 pin) external {
        Pin storage one = _find(pin);
        if (one.provider != msg.sender) revert NotProvider(msg.sender);
        if (one.start != 0) revert AcceptedAlready(pin);
        if (one.epochs == 0) revert Cancelled(pin);
        one.start = uint64(block.number + 1);
        emit PinAccepted(pin, one.start);
    }

    /// @notice Takes an offer back that the provider has not accepted. Its fees become credit of the payer.
    function cancel(uint256 pin) external {
        Pin storage one = _findOwn(pin);
        if (one.start != 0) revert AcceptedAlready(pin);
        if (one.epochs == 0) revert Cancelled(pin);
        creditOf[msg.sender] += uint256(one.feePerEpoch) * one.epochs;
        one.epochs = 0;
        emit PinCancelled(pin);
    }

    /// @notice Pays the provider the fee of an epoch for the chunks that the epoch draws. Anyone may send the proof.
    /// @param proof For each draw the chunk, then the siblings from its leaf up to the root, without lengths between them.
    function prove(uint256 pin, uint32 epoch, bytes calldata proof) external {
        Pin storage one = _find(pin);
        bytes32 seed = _seedOf(one, pin, epoch);
        if (epoch < one.provenUntil) revert ProvenAlready(epoch);
        ChunkProof.requireValid(seed, pin, DRAWS, one.content.pinRoot, one.content.sizeBytes, proof);
        one.provenUntil = epoch + 1;
        one.proven += 1;
        creditOf[one.provider] += one.feePerEpoch;
        emit EpochProven(pin, epoch);
    }

    /// @notice Gives the payer the fees of missed epochs as credit. Anyone may call it.
    function returnMissed(uint256 pin) external {
        Pin storage one = _find(pin);
        uint32 missed = _missedOf(one);
        if (missed == 0) revert NothingMissed(pin);
        one.returned += missed;
        creditOf[one.payer] += uint256(one.feePerEpoch) * missed;
        emit EpochsMissed(pin, missed);
    }

    /// @notice Ends a pin after the epoch that follows the present one. The fees of later epochs become credit of the payer.
    function stop(uint256 pin) external {
        Pin storage one = _findOwn(pin);
        if (one.start == 0) revert NotAccepted(pin);
        uint256 next = _elapsedOf(one) / one.epochBlocks + 2;
        if (next >= one.epochs) revert NothingToStop(pin);
        creditOf[msg.sender] += uint256(one.feePerEpoch) * (one.epochs - next);
        one.epochs = uint32(next);
        emit PinStopped(pin, one.epochs);
    }

    /// @notice Pays out all credit of the caller.
    function claim() external nonReentrant returns (uint256 amount) {
        amount = creditOf[msg.sender];
        if (amount == 0) revert NothingToClaim();
        creditOf[msg.sender] = 0;
        emit Claimed(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice How many pins there are. The next one has this number.
    function pinCount() external view returns (uint256) {
        return _pins.length;
    }

    function pinOf(uint256 pin) external view returns (Pin memory) {
        return _find(pin);
    }

    /// @notice Epochs whose window has passed without a proof, and whose fee has not gone back yet.
    function missedOf(uint256 pin) external view returns (uint32) {
        return _missedOf(_find(pin));
    }

    function _find(uint256 pin) private view returns (Pin storage) {
        if (pin >= _pins.length) revert NoPin(pin);
        return _pins[pin];
    }

    function _findOwn(uint256 pin) private view returns (Pin storage one) {
        one = _find(pin);
        if (one.payer != msg.sender) revert NotPayer(msg.sender);
    }

    /// @dev Blocks since the first one in which a proof could count.
    function _elapsedOf(Pin storage one) private view returns (uint256) {
        return block.number > one.start ? block.number - one.start - 1 : 0;
    }

    function _windowOf(Pin storage one) private view returns (uint256) {
        return one.epochBlocks < WINDOW ? one.epochBlocks : WINDOW;
    }

    /// @dev The hash of an epoch's first block, if the epoch's window is open.
    function _seedOf(Pin storage one, uint256 pin, uint32 epoch) private view returns (bytes32) {
        if (one.start == 0) revert NotAccepted(pin);
        uint256 first = one.start + uint256(epoch) * one.epochBlocks;
        if (epoch >= one.epochs || block.number <= first || block.number > first + _windowOf(one)) {
            revert WindowClosed(epoch);
        }
        return blockhash(first);
    }

    /// @dev Only the epoch whose window is open can be proven and not over. So of the proven epochs at most the last one is not over.
    function _missedOf(Pin storage one) private view returns (uint32) {
        if (one.start == 0) return 0;
        uint256 elapsed = _elapsedOf(one);
        uint256 over = elapsed / one.epochBlocks + (elapsed % one.epochBlocks >= _windowOf(one) ? 1 : 0);
        if (over > one.epochs) over = one.epochs;
        uint256 proven = one.proven - (one.provenUntil > over ? 1 : 0);
        return uint32(over - proven - one.returned);
    }
}
