// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {Parameters} from "./Parameters.sol";
import {Staking} from "./Staking.sol";

/// @title Who validates, where, and under which keys
/// @notice Created by Staking, which asks nobody else who is a validator. The sender of `register` is the validator's
/// ledger address: it signs batches and receives the validator's share.
contract ValidatorRegistry {
    using EnumerableSet for EnumerableSet.AddressSet;

    uint256 public constant MAX_ENDPOINT_BYTES = 255;
    /// As many as a certificate of the beacon has room for; it also bounds what `validators` costs.
    uint256 public constant MAX_VALIDATORS = 1024;

    struct Entry {
        string endpoint;
        /// SHA-256 of the TLS certificate: the validator's consensus id.
        bytes32 certHash;
        /// The least bond when it joined.
        uint128 minimumBond;
    }

    /// What somebody has announced, and when.
    struct Seal {
        bytes32 hash;
        uint64 blockNumber;
    }

    struct Validator {
        address signer;
        uint128 stake;
        string endpoint;
        bytes32 certHash;
        bytes32 vrfKey;
    }

    Staking public immutable staking;
    Parameters public immutable parameters;

    EnumerableSet.AddressSet private _members;
    mapping(address signer => Entry) private _entries;
    mapping(address signer => Seal) private _seals;
    /// Ledger address behind a certificate.
    mapping(bytes32 certHash => address) public signerOf;
    /// Ed25519 key of an address's verifiable random function. Set once, and kept after the address has left: whoever could
    /// change it could choose among beacons.
    mapping(address signer => bytes32) public vrfKeyOf;

    event ValidatorRegistered(address indexed signer, string endpoint, bytes32 certHash, bytes32 vrfKey);
    event ValidatorUpdated(address indexed signer, string endpoint, bytes32 certHash);
    event ValidatorDeregistered(address indexed signer);
    event CertificateAnnounced(address indexed signer, bytes32 seal);

    error AlreadyRegistered(address signer);
    error NotRegistered(address signer);
    error BondTooLow(uint256 bond, uint256 minimum);
    error BadEndpoint(uint256 length);
    error ZeroKey();
    error CertificateTaken(bytes32 certHash, address by);
    error NotAnnounced(bytes32 seal);
    error VrfKeyFixed(bytes32 vrfKey);
    error BondSuffices(uint256 bond, uint256 minimum);
    error RegistryFull(uint256 maximum);

    constructor(Staking staking_, Parameters parameters_) {
        staking = staking_;
        parameters = parameters_;
    }

    /// @notice Announces a certificate, a block or more before `register` or `update` names it. Otherwise whoever sees such a
    /// call coming could take the certificate for itself, and so keep its owner out.
    /// @param seal `sealOf` the caller, the certificate's hash and a random salt.
    function announce(bytes32 seal) external {
        _seals[msg.sender] = Seal(seal, uint64(block.number));
        emit CertificateAnnounced(msg.sender, seal);
    }

    /// @notice Joins the validator set with the caller's whole bond as its vote. An address that comes back brings the VRF key
    /// that it had.
    function register(string calldata endpoint, bytes32 certHash, bytes32 salt, bytes32 vrfKey) external {
        uint256 bond = staking.bondOf(msg.sender).amount;
        uint128 minimum = parameters.limits().minimumValidatorBond;
        if (bond < minimum) revert BondTooLow(bond, minimum);
        if (vrfKey == 0) revert ZeroKey();
        if (!_members.add(msg.sender)) revert AlreadyRegistered(msg.sender);
        if (_members.length() > MAX_VALIDATORS) revert RegistryFull(MAX_VALIDATORS);
        bytes32 before = vrfKeyOf[msg.sender];
        if (before != 0 && before != vrfKey) revert VrfKeyFixed(before);
        vrfKeyOf[msg.sender] = vrfKey;
        _entries[msg.sender].minimumBond = minimum;
        _describe(endpoint, certHash, salt);
        emit ValidatorRegistered(msg.sender, endpoint, certHash, vrfKey);
        staking.setActive(msg.sender, true);
    }

    /// @notice Moves to another endpoint or certificate.
    /// @param salt Of the announcement; ignored where the certificate stays.
    function update(string calldata endpoint, bytes32 certHash, bytes32 salt) external {
        if (!_members.contains(msg.sender)) revert NotRegistered(msg.sender);
        _describe(endpoint, certHash, salt);
        emit ValidatorUpdated(msg.sender, endpoint, certHash);
    }

    /// @notice Leaves the validator set; the bond can then be taken out through Staking.
    function deregister() external {
        _remove(msg.sender);
    }

    /// @notice Removes a validator that was slashed below the least bond; anyone may. Against the least bond when it joined, or
    /// now where that is less: a change of it puts nobody out.
    function evict(address signer) external {
        uint256 bond = staking.bondOf(signer).amount;
        uint256 minimum = parameters.limits().minimumValidatorBond;
        if (_entries[signer].minimumBond < minimum) minimum = _entries[signer].minimumBond;
        if (_members.contains(signer) && bond >= minimum) revert BondSuffices(bond, minimum);
        _remove(signer);
    }

    /// @notice The whole set; the order means nothing.
    function validators() external view returns (Validator[] memory list) {
        address[] memory signers = _members.values();
        list = new Validator[](signers.length);
        for (uint256 i; i < signers.length; ++i) {
            Entry storage entry = _entries[signers[i]];
            uint128 stake = staking.bondOf(signers[i]).amount;
            list[i] = Validator(signers[i], stake, entry.endpoint, entry.certHash, vrfKeyOf[signers[i]]);
        }
    }

    function isValidator(address signer) external view returns (bool) {
        return _members.contains(signer);
    }

    function totalStake() external view returns (uint256) {
        return staking.totalActiveBond();
    }

    /// @notice What `announce` takes.
    function sealOf(address signer, bytes32 certHash, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(signer, certHash, salt));
    }

    function _remove(address signer) private {
        if (!_members.remove(signer)) revert NotRegistered(signer);
        delete signerOf[_entries[signer].certHash];
        delete _entries[signer];
        emit ValidatorDeregistered(signer);
        staking.setActive(signer, false);
    }

    function _describe(string calldata endpoint, bytes32 certHash, bytes32 salt) private {
        uint256 length = bytes(endpoint).length;
        if (length == 0 || length > MAX_ENDPOINT_BYTES) revert BadEndpoint(length);
        if (certHash == 0) revert ZeroKey();
        Entry storage entry = _entries[msg.sender];
        entry.endpoint = endpoint;
        if (certHash == entry.certHash) return;
        address holder = signerOf[certHash];
        if (holder != address(0)) revert CertificateTaken(certHash, holder);
        bytes32 seal = sealOf(msg.sender, certHash, salt);
        if (_seals[msg.sender].hash != seal || _seals[msg.sender].blockNumber >= block.number) revert NotAnnounced(seal);
        delete _seals[msg.sender];
        delete signerOf[entry.certHash];
        signerOf[certHash] = msg.sender;
        entry.certHash = certHash;
    }
}
