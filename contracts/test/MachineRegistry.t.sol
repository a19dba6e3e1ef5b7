// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {IntelQuote} from "../src/libraries/IntelQuote.sol";
import {MachineRegistry} from "../src/MachineRegistry.sol";
import {Quorum} from "../src/libraries/Quorum.sol";
import {Fixture} from "./Fixture.sol";
import {check, checkEqual, create, vm} from "./Vm.sol";

/// Machines of providers: entries, revocations, and calls without effect.
contract MachineRegistryTest is Fixture {
    uint256 private constant PLATFORM = 0x501a7f;
    uint256 private constant ENCLAVE = 0xe9c1a7e;
    bytes32 private constant HARDWARE = keccak256("hardware");
    bytes32 private constant EVIDENCE = keccak256("evidence");
    /// Three signatures, nine new words.
    uint256 private constant GAS_LIMIT = 350_000;

    MachineRegistry private machines;

    function setUp() public override {
        super.setUp();
        machines = MachineRegistry(create("MachineRegistry.sol:MachineRegistry", abi.encode(staking, address(escrow))));
    }

    function _machine(uint64 until) private pure returns (MachineRegistry.Machine memory) {
        return MachineRegistry.Machine(
            KEY, HARDWARE, keccak256("image"), EVIDENCE, keccak256("key"), keccak256("seal"), 0, 7, until
        );
    }

    function _sign(MachineRegistry.Machine memory machine) private view returns (bytes[] memory) {
        return _quorum(machines.machineDigest(machine), 3);
    }

    function _soon() private view returns (uint64) {
        return uint64(this.clock()) + 1 days;
    }

    function _register() private returns (MachineRegistry.Machine memory machine) {
        machine = _machine(_soon());
        machines.register(machine, _sign(machine));
    }

    function _revoke(bytes32 hardware, bool revoked, uint32 number) private {
        bytes32 digest = machines.revocationDigest(hardware, EVIDENCE, revoked, number);
        machines.revoke(hardware, EVIDENCE, revoked, _quorum(digest, 3));
    }

    function test_aQuorumEntersAMachineUntilItLapses() public {
        MachineRegistry.Machine memory machine = _register();
        (MachineRegistry.Machine memory found, bool isGood) = machines.machineOf(KEY);
        check(keccak256(abi.encode(found)) == keccak256(abi.encode(machine)), "as it was signed");
        check(isGood, "good");
        checkEqual(machines.providerCount(), 1, "one provider");
        check(machines.providers(0, 10)[0] == KEY, "listed");
        check(machines.providers(0, 1)[0] == KEY, "as many as asked for");
        checkEqual(machines.providers(1, 10).length, 0, "no more");
        checkEqual(machines.providers(9, type(uint256).max).length, 0, "beyond the end");
        _wait(1 days);
        (, isGood) = machines.machineOf(KEY);
        check(!isGood, "lapsed");
        (, isGood) = machines.machineOf(keccak256("nobody's"));
        check(!isGood, "nobody's");
        _register();
        checkEqual(machines.providerCount(), 1, "listed once");
    }

    function test_lessThanAQuorumEntersNothing() public {
        MachineRegistry.Machine memory machine = _machine(_soon());
        bytes[] memory two = _quorum(machines.machineDigest(machine), 2);
        vm.expectPartialRevert(Quorum.NoQuorum.selector);
        machines.register(machine, two);
        // A signer of another statement has no vote.
        bytes[] memory quorum = _quorum(machines.machineDigest(machine), 1);
        machine.evidence = keccak256("other evidence");
        vm.expectPartialRevert(Quorum.NoQuorum.selector);
        machines.register(machine, quorum);
    }

    function test_noEntryIsLongerThanAWeekOrPast() public {
        uint64 longest = uint64(this.clock()) + machines.LONGEST();
        MachineRegistry.Machine memory machine = _machine(longest + 1);
        bytes[] memory quorum = _sign(machine);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.BadTime.selector, longest + 1));
        machines.register(machine, quorum);
        machine = _machine(uint64(this.clock()));
        quorum = _sign(machine);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.BadTime.selector, machine.until));
        machines.register(machine, quorum);
        machine = _machine(longest);
        machines.register(machine, _sign(machine));
    }

    function test_aKeptStatementBringsNoOldMachineBack() public {
        MachineRegistry.Machine memory old = _machine(_soon());
        bytes[] memory kept = _sign(old);
        MachineRegistry.Machine memory later = _machine(_soon() + 1);
        machines.register(later, _sign(later));
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NotLater.selector, old.until, later.until));
        machines.register(old, kept);
        kept = _sign(later);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NotLater.selector, later.until, later.until));
        machines.register(later, kept);
    }

    function test_aMachineWithoutNamesIsNone() public {
        for (uint256 i; i < 3; ++i) {
            MachineRegistry.Machine memory machine = _machine(_soon());
            if (i == 0) machine.machine = 0;
            else if (i == 1) machine.evidence = 0;
            else machine.signingKey = 0;
            bytes[] memory quorum = _sign(machine);
            vm.expectRevert(MachineRegistry.NothingNamed.selector);
            machines.register(machine, quorum);
        }
    }

    function test_aRevokedMachineIsOutUnderEveryName() public {
        _register();
        MachineRegistry.Machine memory other = _machine(_soon());
        other.providerId = keccak256("another provider");
        bytes[] memory quorum = _sign(other);
        _revoke(HARDWARE, true, 1);
        (, bool isGood) = machines.machineOf(KEY);
        check(!isGood, "out");
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.Revoked.selector, HARDWARE));
        machines.register(other, quorum);
        _revoke(HARDWARE, false, 2);
        (, isGood) = machines.machineOf(KEY);
        check(isGood, "taken back");
        machines.register(other, quorum);
    }

    function test_aKeptRevocationCountsOnce() public {
        bytes[] memory quorum = _quorum(machines.revocationDigest(HARDWARE, EVIDENCE, true, 1), 3);
        machines.revoke(HARDWARE, EVIDENCE, true, quorum);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NothingChanges.selector, HARDWARE));
        machines.revoke(HARDWARE, EVIDENCE, true, quorum);
        _revoke(HARDWARE, false, 2);
        // Over another digest these signatures are those of strangers, in whatever order.
        try machines.revoke(HARDWARE, EVIDENCE, true, quorum) {
            check(false, "a kept revocation counted again");
        } catch {}
        quorum = _quorum(machines.revocationDigest(HARDWARE, EVIDENCE, true, 3), 2);
        vm.expectPartialRevert(Quorum.NoQuorum.selector);
        machines.revoke(HARDWARE, EVIDENCE, true, quorum);
    }

    function _pair(uint256 key) private pure returns (bytes memory) {
        (uint256 x, uint256 y) = vm.publicKeyP256(key);
        return abi.encodePacked(x, y);
    }

    function _signature(bytes memory message, uint256 key) private pure returns (bytes memory) {
        (bytes32 r, bytes32 s) = vm.signP256(key, sha256(message));
        return abi.encodePacked(r, s);
    }

    /// A quote of TDX, version 4, that names the keys.
    function _quote(MachineRegistry.Machine memory machine) private view returns (IntelQuote.Parts memory parts) {
        parts.attestationKey = _pair(ENCLAVE);
        parts.authenticationData = hex"0102030405";
        parts.platformKey = _pair(PLATFORM);
        bytes32 named = sha256(bytes.concat(parts.attestationKey, parts.authenticationData));
        parts.enclaveReport = bytes.concat(new bytes(320), named, bytes32(0));
        parts.enclaveSignature = _signature(parts.enclaveReport, PLATFORM);
        parts.signed = bytes.concat(hex"0400", new bytes(46), new bytes(520), machines.keysHash(machine), keccak256("nonce"));
        parts.signature = _signature(parts.signed, ENCLAVE);
    }

    function _quoted() private view returns (MachineRegistry.Machine memory machine) {
        machine = _machine(_soon());
        machine.platformKey = sha256(_pair(PLATFORM));
    }

    function _refuses(MachineRegistry.Machine memory machine, IntelQuote.Parts memory parts, bytes memory why) private {
        bytes[] memory quorum = _sign(machine);
        vm.expectRevert(why);
        machines.registerQuoted(machine, quorum, parts);
    }

    function _bad(string memory part) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IntelQuote.BadQuote.selector, part);
    }

    function test_theChainChecksTheSignaturesOfAQuote() public {
        MachineRegistry.Machine memory machine = _quoted();
        machines.registerQuoted(machine, _sign(machine), _quote(machine));
        (, bool isGood) = machines.machineOf(KEY);
        check(isGood, "good");
    }

    function test_eitherValueOfSHolds() public {
        MachineRegistry.Machine memory machine = _quoted();
        IntelQuote.Parts memory parts = _quote(machine);
        (bytes32 r, bytes32 s) = vm.signP256(ENCLAVE, sha256(parts.signed));
        parts.signature = abi.encodePacked(r, P256.N - uint256(s));
        machines.registerQuoted(machine, _sign(machine), parts);
    }

    function test_aMachineOfIntelIsNotEnteredWithoutItsQuote() public {
        MachineRegistry.Machine memory machine = _quoted();
        bytes[] memory quorum = _sign(machine);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.OtherPlatform.selector, bytes32(0)));
        machines.register(machine, quorum);
    }

    function test_noOtherQuoteEnters() public {
        MachineRegistry.Machine memory machine = _quoted();
        IntelQuote.Parts memory parts = _quote(machine);
        parts.signed[100] = 0x01;
        _refuses(machine, parts, _bad("signature"));
        parts = _quote(machine);
        parts.enclaveReport[0] = 0x01;
        _refuses(machine, parts, _bad("enclave signature"));
        parts = _quote(machine);
        parts.attestationKey = _pair(PLATFORM);
        _refuses(machine, parts, _bad("attestation key"));
        parts = _quote(machine);
        parts.enclaveReport[383] = 0x01;
        _refuses(machine, parts, _bad("attestation key"));
        parts = _quote(machine);
        parts.enclaveReport = new bytes(383);
        _refuses(machine, parts, _bad("enclave report"));
        parts = _quote(machine);
        parts.enclaveSignature = new bytes(63);
        _refuses(machine, parts, _bad("enclave signature"));
        parts = _quote(machine);
        parts.signed = bytes.concat(parts.signed, hex"00");
        parts.signature = _signature(parts.signed, ENCLAVE);
        _refuses(machine, parts, _bad("body"));
    }

    /// Parts of any other length are refused before a signature is looked at, and no number beyond the curve's order is one.
    function test_partsOfAQuoteHaveTheirLengths() public {
        MachineRegistry.Machine memory machine = _quoted();
        IntelQuote.Parts memory parts = _quote(machine);
        parts.attestationKey = new bytes(63);
        _refuses(machine, parts, _bad("attestation key"));
        parts = _quote(machine);
        parts.authenticationData = new bytes(1_025);
        _refuses(machine, parts, _bad("attestation key"));
        parts = _quote(machine);
        parts.platformKey = bytes.concat(parts.platformKey, hex"00");
        _refuses(machine, parts, _bad("enclave signature"));
        parts = _quote(machine);
        (bytes32 r,) = vm.signP256(ENCLAVE, sha256(parts.signed));
        parts.signature = abi.encodePacked(r, P256.N);
        _refuses(machine, parts, _bad("signature"));
        parts = _quote(machine);
        parts.signed = new bytes(47);
        parts.signature = _signature(parts.signed, ENCLAVE);
        _refuses(machine, parts, _bad("body"));
    }

    /// Version 3 has an enclave's report, 5 a body that says what it is, and may go on behind the report data.
    function test_everyVersionHasItsReportDataInItsPlace() public {
        MachineRegistry.Machine memory machine = _quoted();
        bytes memory data = abi.encodePacked(machines.keysHash(machine), keccak256("nonce"));
        bytes[3] memory good = [
            bytes.concat(hex"0300", new bytes(46), new bytes(320), data),
            bytes.concat(hex"0500", new bytes(52), new bytes(520), data),
            bytes.concat(hex"0500", new bytes(52), new bytes(520), data, new bytes(64))
        ];
        for (uint256 i; i < good.length; ++i) {
            IntelQuote.Parts memory parts = _quote(machine);
            (parts.signed, parts.signature) = (good[i], _signature(good[i], ENCLAVE));
            machines.registerQuoted(machine, _sign(machine), parts);
            ++machine.until;
        }
        bytes[2] memory bad = [
            // Lengths that only version 5 allows, and that no version allows.
            bytes.concat(hex"0400", new bytes(46), new bytes(520), data, new bytes(64)),
            bytes.concat(hex"0500", new bytes(52), new bytes(520), data, new bytes(63))
        ];
        for (uint256 i; i < bad.length; ++i) {
            IntelQuote.Parts memory parts = _quote(machine);
            (parts.signed, parts.signature) = (bad[i], _signature(bad[i], ENCLAVE));
            _refuses(machine, parts, _bad("body"));
        }
    }

    function test_aQuoteOfAnotherPlatformOrOfOtherKeysEntersNothing() public {
        MachineRegistry.Machine memory machine = _quoted();
        IntelQuote.Parts memory parts = _quote(machine);
        machine.platformKey = sha256("another");
        _refuses(machine, parts, abi.encodeWithSelector(MachineRegistry.OtherPlatform.selector, sha256(_pair(PLATFORM))));
        machine = _quoted();
        machine.signingKey = keccak256("another key");
        _refuses(machine, parts, abi.encodeWithSelector(MachineRegistry.OtherReportData.selector));
        machine = _quoted();
        machine.sealKey = keccak256("another key");
        _refuses(machine, parts, abi.encodeWithSelector(MachineRegistry.OtherReportData.selector));
    }

    function test_anEntryCostsWithinItsLimit() public {
        MachineRegistry.Machine memory machine = _machine(_soon());
        bytes[] memory quorum = _sign(machine);
        uint256 before = gasleft();
        machines.register(machine, quorum);
        uint256 used = before - gasleft();
        check(used < GAS_LIMIT, "gas of an entry");
        check(used > 150_000, "nothing is skipped");
    }
}
