// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IntelQuote} from "./libraries/IntelQuote.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Staking} from "./Staking.sol";

/// @title Machines of providers of confidential tiers
/// @notice A quorum's findings about each provider's machine, valid for at most a week. A holder of the evidence that an entry names can
/// check it again. A machine that a quorum revokes is out under every provider's name. Formats: docs/spec/machine-registry.md.
contract MachineRegistry is EIP712 {
    /// The statement that validators sign about a provider's machine.
    struct Machine {
        bytes32 providerId;
        /// Names the hardware.
        bytes32 machine;
        bytes32 image;
        /// SHA-256 of the evidence.
        bytes32 evidence;
        /// Ed25519, made in the machine.
        bytes32 signingKey;
        /// Hash of the key that requests were sealed to when the evidence was made.
        bytes32 sealKey;
        /// SHA-256 of the key that signs for the quoting enclave of the machine; zero if the chain can check no signature of it.
        bytes32 platformKey;
        /// The epoch whose beacon the evidence answers.
        uint64 epoch;
        /// Seconds since 1970.
        uint64 until;
    }

    /// Seconds.
    uint64 public constant LONGEST = 7 days;

    bytes32 private constant MACHINE_TYPEHASH = keccak256(
        "Machine(bytes32 providerId,bytes32 machine,bytes32 image,bytes32 evidence,bytes32 signingKey,bytes32 sealKey,bytes32 platformKey,uint64 epoch,uint64 until)"
    );
    bytes32 private constant REVOCATION_TYPEHASH =
        keccak256("Revocation(bytes32 machine,bytes32 evidence,bool isRevoked,uint32 number)");
    bytes private constant KEYS_TAG = "ogong-attested-keys-v1\n";

    Staking public immutable staking;
    /// Names the ledger in reports of machines.
    address public immutable escrow;

    mapping(bytes32 providerId => Machine) private _machines;
    mapping(bytes32 machine => bool) public isRevoked;
    /// How often a quorum has revoked a machine or taken that back.
    mapping(bytes32 machine => uint32) public revocationCount;
    bytes32[] private _providers;

    event MachineRegistered(
        bytes32 indexed providerId, bytes32 indexed machine, bytes32 evidence, uint64 until, bool isSignatureChecked
    );
    event MachineRevoked(bytes32 indexed machine, bytes32 evidence, bool isRevoked, uint32 number);

    error BadTime(uint64 until);
    error NotLater(uint64 until, uint64 registered);
    error Revoked(bytes32 machine);
    error NothingNamed();
    error OtherPlatform(bytes32 platformKey);
    error OtherReportData();
    error NothingChanges(bytes32 machine);

    constructor(Staking staking_, address escrow_) EIP712("OGONG", "1") {
        staking = staking_;
        escrow = escrow_;
    }

    /// @notice Enters a provider's machine in place of the one before. Anyone may submit it.
    /// @param quorum 65-byte signatures over `machineDigest`, in ascending order of their signers' addresses.
    function register(Machine calldata machine, bytes[] calldata quorum) external {
        if (machine.platformKey != 0) revert OtherPlatform(0);
        _register(machine, quorum, false);
    }

    /// @notice Registers a machine with a statement that names the key of a platform of Intel. The chain itself checks the quote's
    /// signatures and that the quote names the keys. A quorum alone can enter no such machine.
    function registerQuoted(Machine calldata machine, bytes[] calldata quorum, IntelQuote.Parts calldata parts)
        external
    {
        (bytes32 platform, bytes calldata reportData) = IntelQuote.check(parts);
        if (platform != machine.platformKey) revert OtherPlatform(platform);
        if (bytes32(reportData[:32]) != keysHash(machine)) revert OtherReportData();
        _register(machine, quorum, true);
    }

    /// @notice Revokes a machine, or lifts that.
    /// @param evidence SHA-256 of the published evidence.
    /// @param quorum As in `register`, over `revocationDigest` with the machine's next number.
    function revoke(bytes32 machine, bytes32 evidence, bool revoked, bytes[] calldata quorum) external {
        if (isRevoked[machine] == revoked) revert NothingChanges(machine);
        uint32 number = revocationCount[machine] + 1;
        Quorum.check(staking.roster(), revocationDigest(machine, evidence, revoked, number), quorum);
        isRevoked[machine] = revoked;
        revocationCount[machine] = number;
        emit MachineRevoked(machine, evidence, revoked, number);
    }

    /// @notice The last entry, and whether it is valid now. `until` is zero if there is none.
    function machineOf(bytes32 providerId) external view returns (Machine memory machine, bool isGood) {
        machine = _machines[providerId];
        isGood = block.timestamp < machine.until && !isRevoked[machine.machine];
    }

    function providerCount() external view returns (uint256) {
        return _providers.length;
    }

    /// @notice Providers that ever had an entry, in the order of their first one.
    function providers(uint256 from, uint256 count) external view returns (bytes32[] memory list) {
        uint256 length = _providers.length;
        if (from > length) from = length;
        if (count > length - from) count = length - from;
        list = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            list[i] = _providers[from + i];
        }
    }

    /// @notice The first bytes of a machine's report: see docs/spec/tee-tier.md.
    function keysHash(Machine calldata machine) public view returns (bytes32) {
        return sha256(
            abi.encodePacked(
                KEYS_TAG, uint64(block.chainid), escrow, machine.providerId, machine.signingKey, machine.sealKey
            )
        );
    }

    function machineDigest(Machine calldata machine) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(MACHINE_TYPEHASH, machine)));
    }

    function revocationDigest(bytes32 machine, bytes32 evidence, bool revoked, uint32 number)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(REVOCATION_TYPEHASH, machine, evidence, revoked, number)));
    }

    /// @dev An entry gives way to a later one alone: a kept statement brings no old machine back.
    function _register(Machine calldata machine, bytes[] calldata quorum, bool isSignatureChecked) private {
        if (machine.until <= block.timestamp || machine.until > block.timestamp + LONGEST) revert BadTime(machine.until);
        if (machine.machine == 0 || machine.evidence == 0 || machine.signingKey == 0) revert NothingNamed();
        if (isRevoked[machine.machine]) revert Revoked(machine.machine);
        uint64 registered = _machines[machine.providerId].until;
        if (machine.until <= registered) revert NotLater(machine.until, registered);
        Quorum.check(staking.roster(), machineDigest(machine), quorum);
        if (registered == 0) _providers.push(machine.providerId);
        _machines[machine.providerId] = machine;
        emit MachineRegistered(
            machine.providerId, machine.machine, machine.evidence, machine.until, isSignatureChecked
        );
    }
}
