// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {Parameters} from "./Parameters.sol";
import {Staking} from "./Staking.sol";

/// @title Validators, their endpoints and their keys
/// @notice Created by Staking, which asks nobody else who is a validator. The sender of `register` is the validator's account: it owns the
/// bond and receives the validator's share. A validator signs its statements with the account's signing key. That is the account's own key
/// until it names another. A named key counts one voting delay later, as votes do.
contract ValidatorRegistry is EIP712 {
    using EnumerableSet for EnumerableSet.AddressSet;
    using Checkpoints for Checkpoints.Trace160;

    bytes32 private constant SIGNING_KEY_TYPEHASH = keccak256("SigningKey(address account,address signer)");

    uint256 public constant MAX_ENDPOINT_BYTES = 255;
    /// The capacity of a certificate of the beacon; it also bounds the cost of `validators`.
    uint256 public constant MAX_VALIDATORS = 1024;

    struct Entry {
        string endpoint;
        /// SHA-256 of the TLS certificate: the validator's consensus id.
        bytes32 certHash;
        /// The least bond when it joined.
        uint128 minimumBond;
    }

    /// An announcement and its time.
    struct Seal {
        bytes32 hash;
        uint64 blockNumber;
    }

    struct Validator {
        address account;
        /// The signing key that counts now; zero if the account's own key signs for another account.
        address signer;
        uint128 stake;
        string endpoint;
        bytes32 certHash;
        bytes32 vrfKey;
    }

    Staking public immutable staking;
    Parameters public immutable parameters;

    EnumerableSet.AddressSet private _members;
    mapping(address account => Entry) private _entries;
    mapping(address account => Seal) private _seals;
    /// The key that an account has named, by time; zero for its own.
    mapping(address account => Checkpoints.Trace160) private _signers;
    /// The account that has named a key, by time; zero for none. Each is the inverse of the other at any time.
    mapping(address signer => Checkpoints.Trace160) private _accounts;
    /// Account behind a certificate.
    mapping(bytes32 certHash => address) public accountOf;
    /// Ed25519 key of an address's verifiable random function. Set once, and kept after the address has left: an owner that could change it
    /// could choose among beacons.
    mapping(address account => bytes32) public vrfKeyOf;

    event ValidatorRegistered(address indexed account, string endpoint, bytes32 certHash, bytes32 vrfKey);
    event ValidatorUpdated(address indexed account, string endpoint, bytes32 certHash);
    event ValidatorDeregistered(address indexed account);
    event CertificateAnnounced(address indexed account, bytes32 seal);

    event SignerNamed(address indexed account, address indexed signer);

    error AlreadyRegistered(address account);
    error NotRegistered(address account);
    error BondTooLow(uint256 bond, uint256 minimum);
    error BadEndpoint(uint256 length);
    error ZeroKey();
    error CertificateTaken(bytes32 certHash, address by);
    error NotAnnounced(bytes32 seal);
    error VrfKeyFixed(bytes32 vrfKey);
    error SignerTaken(address signer, address by);
    error NoConsent(address signer);
    error BondSuffices(uint256 bond, uint256 minimum);
    error RegistryFull(uint256 maximum);

    constructor(Staking staking_, Parameters parameters_) EIP712("OGONG", "1") {
        staking = staking_;
        parameters = parameters_;
    }

    /// @notice Announces a certificate, a block or more before `register` or `update` names it. Otherwise anybody who sees such a call
    /// coming could take the certificate, and so keep its owner out.
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
    /// @param salt Of the announcement; ignored if the certificate stays.
    function update(string calldata endpoint, bytes32 certHash, bytes32 salt) external {
        if (!_members.contains(msg.sender)) revert NotRegistered(msg.sender);
        _describe(endpoint, certHash, salt);
        emit ValidatorUpdated(msg.sender, endpoint, certHash);
    }

    /// @notice Leaves the validator set; the bond can then be taken out through Staking.
    function deregister() external {
        _remove(msg.sender);
    }

    /// @notice Removes a validator that was slashed below the least bond; anyone may call it. The limit is the least bond at its joining,
    /// or the present one if that is less. So a change of the limit removes nobody.
    function evict(address account) external {
        uint256 bond = staking.bondOf(account).amount;
        uint256 minimum = parameters.limits().minimumValidatorBond;
        if (_entries[account].minimumBond < minimum) minimum = _entries[account].minimumBond;
        if (_members.contains(account) && bond >= minimum) revert BondSuffices(bond, minimum);
        _remove(account);
    }

    /// @notice Names the key that signs for the caller, who need not be a validator yet. It counts one voting delay from now, and the key
    /// before it until then.
    /// @param signer The caller's own address takes the named key back.
    /// @param consent 65-byte signature by `signer` over `signerDigest`, so that nobody can name another account's key; ignored if the
    /// caller names itself.
    function setSigner(address signer, bytes calldata consent) external {
        if (signer == address(0)) revert ZeroKey();
        address next = signer == msg.sender ? address(0) : signer;
        if (next != address(0)) {
            (address by, ECDSA.RecoverError failure,) =
                ECDSA.tryRecoverCalldata(signerDigest(msg.sender, signer), consent);
            if (failure != ECDSA.RecoverError.NoError || by != signer) revert NoConsent(signer);
            address holder = address(_accounts[signer].latest());
            if (holder != address(0) && holder != msg.sender) revert SignerTaken(signer, holder);
        }
        uint96 since = uint96(block.timestamp);
        address before = address(_signers[msg.sender].latest());
        // Naming the same key again changes nothing, and ends no roster.
        if (before == next) return;
        if (before != address(0)) _accounts[before].push(since, 0);
        if (next != address(0)) _accounts[next].push(since, uint160(msg.sender));
        _signers[msg.sender].push(since, uint160(next));
        emit SignerNamed(msg.sender, signer);
        if (_members.contains(msg.sender)) staking.roster().noteChange();
    }

    /// @notice The whole set; the order means nothing.
    function validators() external view returns (Validator[] memory list) {
        address[] memory accounts = _members.values();
        list = new Validator[](accounts.length);
        uint256 since = inForceSince();
        for (uint256 i; i < accounts.length; ++i) {
            address account = accounts[i];
            Entry storage entry = _entries[account];
            uint128 stake = staking.bondOf(account).amount;
            list[i] = Validator(
                account, signerAt(account, since), stake, entry.endpoint, entry.certHash, vrfKeyOf[account]
            );
        }
    }

    /// @notice The accounts of the whole set; the order means nothing.
    function members() external view returns (address[] memory) {
        return _members.values();
    }

    /// @notice The signing key of an account that counts now, and the one that was named last, with the time from which it counts.
    function signerOf(address account) external view returns (address signer, address named, uint256 from) {
        signer = signerAt(account, inForceSince());
        named = signerAt(account, block.timestamp);
        (bool exists, uint96 since,) = _signers[account].latestCheckpoint();
        from = exists ? uint256(since) + parameters.delays().voting : 0;
    }

    /// @notice The accounts that keys signed for at a time, as they were named then; zero for none.
    function accountsAt(address[] calldata signers, uint256 time) external view returns (address[] memory accounts) {
        accounts = new address[](signers.length);
        for (uint256 i; i < signers.length; ++i) {
            accounts[i] = accountAt(signers[i], time);
        }
    }

    function isValidator(address account) external view returns (bool) {
        return _members.contains(account);
    }

    function totalStake() external view returns (uint256) {
        return staking.totalActiveBond();
    }

    /// @notice One voting delay ago: the votes and the signing keys of then count now.
    function inForceSince() public view returns (uint48) {
        uint256 delay = parameters.delays().voting;
        return block.timestamp < delay ? 0 : uint48(block.timestamp - delay);
    }

    /// @notice The value that `announce` takes.
    function sealOf(address account, bytes32 certHash, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(account, certHash, salt));
    }

    /// @notice The EIP-712 digest that a key signs to sign for an account.
    function signerDigest(address account, address signer) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(SIGNING_KEY_TYPEHASH, account, signer)));
    }

    /// @notice The key that an account had named at a time, or its own; zero if its own key then signed for another account.
    function signerAt(address account, uint256 time) public view returns (address) {
        address named = address(_signers[account].upperLookupRecent(uint96(time)));
        if (named != address(0)) return named;
        return _accounts[account].upperLookupRecent(uint96(time)) == 0 ? account : address(0);
    }

    /// @notice The account that a key signed for at a time: the account that had named it. A key that no account had named signs for its
    /// own account, if that had named no other key.
    function accountAt(address signer, uint256 time) public view returns (address) {
        address by = address(_accounts[signer].upperLookupRecent(uint96(time)));
        if (by != address(0)) return by;
        return _signers[signer].upperLookupRecent(uint96(time)) == 0 ? signer : address(0);
    }

    function _remove(address account) private {
        if (!_members.remove(account)) revert NotRegistered(account);
        delete accountOf[_entries[account].certHash];
        delete _entries[account];
        emit ValidatorDeregistered(account);
        staking.setActive(account, false);
    }

    function _describe(string calldata endpoint, bytes32 certHash, bytes32 salt) private {
        uint256 length = bytes(endpoint).length;
        if (length == 0 || length > MAX_ENDPOINT_BYTES) revert BadEndpoint(length);
        if (certHash == 0) revert ZeroKey();
        Entry storage entry = _entries[msg.sender];
        entry.endpoint = endpoint;
        if (certHash == entry.certHash) return;
        address holder = accountOf[certHash];
        if (holder != address(0)) revert CertificateTaken(certHash, holder);
        bytes32 seal = sealOf(msg.sender, certHash, salt);
        if (_seals[msg.sender].hash != seal || _seals[msg.sender].blockNumber >= block.number) revert NotAnnounced(seal);
        delete _seals[msg.sender];
        delete accountOf[entry.certHash];
        accountOf[certHash] = msg.sender;
        entry.certHash = certHash;
    }
}
