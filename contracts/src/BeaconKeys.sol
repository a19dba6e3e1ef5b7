// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bls12381} from "./libraries/Bls12381.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Staking} from "./Staking.sol";

/// @title Keys of the threshold beacon
/// @notice Records the result of each key generation for good. A reader of an epoch's value finds the key here. Formats:
/// docs/spec/threshold-beacon.md.
contract BeaconKeys {
    uint256 public constant BOX_KEY_BYTES = 1216;
    /// Ed25519 and ML-DSA-44.
    uint256 public constant HEAD_KEY_BYTES = 1344;
    /// An outcome counts from the epoch after the next: by then everybody has read it.
    uint64 public constant NOTICE_EPOCHS = 2;

    /// The result that validators agreed on.
    struct Outcome {
        uint32 generation;
        uint32 era;
        uint32 attempt;
        /// Hash of the committee.
        bytes32 set;
        /// Hash of the deals that count.
        bytes32 transcript;
    }

    /// One key. `lastEpoch` is zero while it goes on.
    struct Generation {
        /// Compressed, 48 bytes.
        bytes key;
        uint64 firstEpoch;
        uint64 lastEpoch;
    }

    /// One set of shares of a key.
    struct Era {
        uint32 generation;
        uint32 attempt;
        bytes32 set;
        bytes32 transcript;
        uint64 firstEpoch;
    }

    struct RegisteredKey {
        /// SHA-256 of the key.
        bytes32 hash;
        uint64 since;
    }

    Staking public immutable staking;
    /// Names the network in signed messages.
    address public immutable settlement;
    /// Epoch e begins `e` periods after the origin, in seconds.
    uint64 public immutable origin;
    uint64 public immutable period;

    Generation[] private _generations;
    Era[] private _eras;
    mapping(address account => RegisteredKey) public boxKeyOf;
    mapping(address account => RegisteredKey) public headKeyOf;

    event EraActivated(uint32 indexed generation, uint32 indexed era, bytes32 set, bytes key, uint64 firstEpoch);
    event GenerationRetired(uint32 indexed generation, uint64 lastEpoch);
    event BoxKeyRegistered(address indexed account, bytes key);
    event HeadKeyRegistered(address indexed account, bytes key);

    error WrongEra(uint256 expected, uint32 given);
    error WrongGeneration(uint256 expected, uint32 given);
    error OtherKey(uint32 generation);
    error BadActivation();
    error BadBoxKey(uint256 length);
    error BadHeadKey(uint256 length);
    error NotValidator(address account);
    error NoSuchGeneration(uint32 generation);
    error AlreadyRetired(uint32 generation);
    error EpochPassed(uint64 epoch, uint64 now_);
    error ZeroPeriod();

    constructor(Staking staking_, address settlement_, uint64 origin_, uint64 period_) {
        if (period_ == 0) revert ZeroPeriod();
        staking = staking_;
        settlement = settlement_;
        origin = origin_;
        period = period_;
    }

    /// @notice Registers the key that shares are sealed to. The event has the whole key.
    function registerBoxKey(bytes calldata key) external {
        if (key.length != BOX_KEY_BYTES) revert BadBoxKey(key.length);
        if (!staking.registry().isValidator(msg.sender)) revert NotValidator(msg.sender);
        boxKeyOf[msg.sender] = RegisteredKey(sha256(key), uint64(block.timestamp));
        emit BoxKeyRegistered(msg.sender, key);
    }

    /// @notice Registers the key that signs heads of logs for readers off the chain. The event has the whole key. It counts at once, and
    /// stays when its validator leaves.
    function registerHeadKey(bytes calldata key) external {
        if (key.length != HEAD_KEY_BYTES) revert BadHeadKey(key.length);
        if (!staking.registry().isValidator(msg.sender)) revert NotValidator(msg.sender);
        headKeyOf[msg.sender] = RegisteredKey(sha256(key), uint64(block.timestamp));
        emit HeadKeyRegistered(msg.sender, key);
    }

    /// @notice Activates the shares of an era: of the present key, or of a new one. Anyone may submit it; the first one of an era counts.
    /// @param key The key, as a point of 128 bytes.
    /// @param quorum 65-byte signatures over `outcomeDigest`, in ascending order of their signers' addresses.
    /// @param activation Signature under the key, as a point of 256 bytes: enough of the new shares are there.
    function activate(
        Outcome calldata outcome,
        bytes calldata key,
        bytes[] calldata quorum,
        bytes calldata activation
    ) external {
        if (outcome.era != _eras.length + 1) revert WrongEra(_eras.length + 1, outcome.era);
        if (key.length != Bls12381.KEY_BYTES) revert BadActivation();
        bytes memory compressed = Bls12381.compress(key);
        bytes32 digest = outcomeDigest(outcome, compressed);
        Quorum.check(staking.roster(), digest, quorum);
        if (!Bls12381.verify(key, abi.encodePacked("ogong-beacon-activation-v1\n", digest), activation)) {
            revert BadActivation();
        }
        uint64 firstEpoch = epochNow() + NOTICE_EPOCHS;
        _enter(outcome.generation, compressed, firstEpoch);
        _eras.push(Era(outcome.generation, outcome.attempt, outcome.set, outcome.transcript, firstEpoch));
        emit EraActivated(outcome.generation, outcome.era, outcome.set, compressed, firstEpoch);
    }

    /// @notice Ends the last generation without a next one: the validators go back to the bootstrap beacon.
    /// @param lastEpoch An epoch that has not begun. Validators read the chain once in an epoch, and none may sign the next epoch by a key
    /// that has ended.
    /// @param quorum As in `activate`, over `retirementDigest`.
    function retire(uint32 generation, uint64 lastEpoch, bytes[] calldata quorum) external {
        if (generation == 0 || generation != _generations.length) revert NoSuchGeneration(generation);
        Generation storage last = _generations[generation - 1];
        if (last.lastEpoch != 0) revert AlreadyRetired(generation);
        uint64 now_ = epochNow();
        if (lastEpoch <= now_ || lastEpoch < last.firstEpoch) revert EpochPassed(lastEpoch, now_);
        Quorum.check(staking.roster(), retirementDigest(generation, lastEpoch), quorum);
        last.lastEpoch = lastEpoch;
        emit GenerationRetired(generation, lastEpoch);
    }

    /// @notice All keys there have been, in order; the first is generation 1.
    function generations() external view returns (Generation[] memory) {
        return _generations;
    }

    /// @notice All eras there have been, in order; the first is era 1.
    function eras() external view returns (Era[] memory) {
        return _eras;
    }

    /// @notice The epoch that has begun last; zero before the first one.
    function epochNow() public view returns (uint64) {
        return block.timestamp < origin ? 0 : uint64((block.timestamp - origin) / period);
    }

    /// @notice The value of an epoch of the beacon, for contracts that draw by it. Readers off the chain compute the same.
    /// @param signature A point of 256 bytes.
    /// @return value Zero if the epoch is not of that generation, or its key did not sign this.
    function verifyEpoch(uint32 generation, uint64 epoch, bytes calldata signature)
        external
        view
        returns (bytes32 value)
    {
        if (generation == 0 || generation > _generations.length) return 0;
        Generation storage of_ = _generations[generation - 1];
        if (epoch < of_.firstEpoch || (of_.lastEpoch != 0 && epoch > of_.lastEpoch)) return 0;
        uint64 chainId = uint64(block.chainid);
        bytes memory message = abi.encodePacked("ogong-beacon-epoch-v1\n", chainId, settlement, generation, epoch);
        if (!Bls12381.verify(Bls12381.expand(of_.key), message, signature)) return 0;
        return sha256(abi.encodePacked("ogong-beacon-v2\n", chainId, epoch, Bls12381.compressSignature(signature)));
    }

    function outcomeDigest(Outcome calldata outcome, bytes memory key) public view returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                "ogong-beacon-outcome-v1\n",
                uint64(block.chainid),
                settlement,
                outcome.generation,
                outcome.era,
                outcome.attempt,
                outcome.set,
                outcome.transcript,
                key
            )
        );
    }

    function retirementDigest(uint32 generation, uint64 lastEpoch) public view returns (bytes32) {
        return keccak256(
            abi.encodePacked("ogong-beacon-retirement-v1\n", uint64(block.chainid), settlement, generation, lastEpoch)
        );
    }

    /// @dev A kept key must be the present one, and not be retired. A new one ends the one before it.
    function _enter(uint32 generation, bytes memory key, uint64 firstEpoch) private {
        uint256 count = _generations.length;
        if (generation != 0 && generation == count) {
            Generation storage last = _generations[count - 1];
            if (last.lastEpoch != 0) revert AlreadyRetired(generation);
            if (keccak256(last.key) != keccak256(key)) revert OtherKey(generation);
            return;
        }
        if (generation != count + 1) revert WrongGeneration(count + 1, generation);
        if (count != 0) {
            Generation storage before = _generations[count - 1];
            if (before.lastEpoch == 0 || before.lastEpoch >= firstEpoch) before.lastEpoch = firstEpoch - 1;
        }
        _generations.push(Generation(key, firstEpoch, 0));
    }
}
