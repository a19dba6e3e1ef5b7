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

    struct Entry {
        string endpoint;
        /// SHA-256 of the TLS certificate: the validator's consensus id.
        bytes32 certHash;
        /// Ed25519 public key of its verifiable random function.
        bytes32 vrfKey;
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
    /// Ledger address behind a certificate.
    mapping(bytes32 certHash => address) public signerOf;

    event ValidatorRegistered(address indexed signer, string endpoint, bytes32 certHash, bytes32 vrfKey);
    event ValidatorUpdated(address indexed signer, string endpoint, bytes32 certHash);
    event ValidatorDeregistered(address indexed signer);

    error AlreadyRegistered(address signer);
    error NotRegistered(address signer);
    error BondTooLow(uint256 bond, uint256 minimum);
    error BadEndpoint(uint256 length);
    error ZeroKey();
    error CertificateTaken(bytes32 certHash, address by);

    constructor(Staking staking_, Parameters parameters_) {
        staking = staking_;
        parameters = parameters_;
    }

    /// @notice Joins the validator set with the caller's whole bond as its vote.
    function register(string calldata endpoint, bytes32 certHash, bytes32 vrfKey) external {
        uint256 bond = staking.bondOf(msg.sender).amount;
        uint256 minimum = parameters.limits().minimumValidatorBond;
        if (bond < minimum) revert BondTooLow(bond, minimum);
        if (vrfKey == 0) revert ZeroKey();
        if (!_members.add(msg.sender)) revert AlreadyRegistered(msg.sender);
        _entries[msg.sender].vrfKey = vrfKey;
        _describe(endpoint, certHash);
        emit ValidatorRegistered(msg.sender, endpoint, certHash, vrfKey);
        staking.setActive(msg.sender, true);
    }

    /// @notice Moves to another endpoint or certificate. The VRF key stays for life: whoever could change it could
    /// choose among beacons.
    function update(string calldata endpoint, bytes32 certHash) external {
        if (!_members.contains(msg.sender)) revert NotRegistered(msg.sender);
        delete signerOf[_entries[msg.sender].certHash];
        _describe(endpoint, certHash);
        emit ValidatorUpdated(msg.sender, endpoint, certHash);
    }

    /// @notice Leaves the validator set; the bond can then be taken out through Staking.
    function deregister() external {
        if (!_members.remove(msg.sender)) revert NotRegistered(msg.sender);
        delete signerOf[_entries[msg.sender].certHash];
        delete _entries[msg.sender];
        emit ValidatorDeregistered(msg.sender);
        staking.setActive(msg.sender, false);
    }

    /// @notice The whole set; the order means nothing.
    function validators() external view returns (Validator[] memory list) {
        address[] memory signers = _members.values();
        list = new Validator[](signers.length);
        for (uint256 i; i < signers.length; ++i) {
            Entry storage entry = _entries[signers[i]];
            uint128 stake = staking.bondOf(signers[i]).amount;
            list[i] = Validator(signers[i], stake, entry.endpoint, entry.certHash, entry.vrfKey);
        }
    }

    function isValidator(address signer) external view returns (bool) {
        return _members.contains(signer);
    }

    function totalStake() external view returns (uint256) {
        return staking.totalActiveBond();
    }

    function _describe(string calldata endpoint, bytes32 certHash) private {
        uint256 length = bytes(endpoint).length;
        if (length == 0 || length > MAX_ENDPOINT_BYTES) revert BadEndpoint(length);
        if (certHash == 0) revert ZeroKey();
        address holder = signerOf[certHash];
        if (holder != address(0)) revert CertificateTaken(certHash, holder);
        signerOf[certHash] = msg.sender;
        _entries[msg.sender].endpoint = endpoint;
        _entries[msg.sender].certHash = certHash;
    }
}
