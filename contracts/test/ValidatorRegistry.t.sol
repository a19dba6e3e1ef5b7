// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Parameters} from "../src/Parameters.sol";
import {ValidatorRegistry} from "../src/ValidatorRegistry.sol";
import {Batch, Debit, Line} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// Validators and their keys.
contract ValidatorRegistryTest is Fixture {
    function test_registryListsEndpointsKeysAndStakes() public view {
        ValidatorRegistry.Validator[] memory list = registry.validators();
        checkEqual(list.length, 3, "validators");
        for (uint256 i; i < 3; ++i) {
            check(registry.accountOf(list[i].certHash) == list[i].account, "certificate");
            checkEqual(list[i].stake, BOND, "stake");
            check(list[i].vrfKey != 0, "key");
        }
    }

    function test_registrationIsRefusedWithoutBondOrEndpoint() public {
        bytes32 hash = keccak256("certificate");
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.BondTooLow.selector, 0, BOND));
        registry.register("https://x", hash, SALT, hash);
        _bond(payer, BOND);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.BadEndpoint.selector, 0));
        registry.register("", hash, SALT, hash);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.BadEndpoint.selector, 256));
        registry.register(string(new bytes(256)), hash, SALT, hash);
        vm.prank(payer);
        vm.expectRevert(ValidatorRegistry.ZeroKey.selector);
        registry.register("https://x", 0, SALT, hash);
        vm.prank(payer);
        vm.expectRevert(ValidatorRegistry.ZeroKey.selector);
        registry.register("https://x", hash, SALT, 0);
        bytes32 taken = registry.validators()[0].certHash;
        vm.prank(payer);
        vm.expectPartialRevert(ValidatorRegistry.CertificateTaken.selector);
        registry.register("https://x", taken, SALT, hash);
        vm.prank(validator);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.AlreadyRegistered.selector, validator));
        registry.register("https://x", hash, SALT, hash);
    }

    function test_updateMovesTheCertificate() public {
        bytes32 next = keccak256("next certificate");
        bytes32 first = registry.validators()[0].certHash;
        address holder = registry.accountOf(first);
        _announce(holder, next);
        vm.prank(holder);
        registry.update("https://elsewhere", next, SALT);
        check(registry.accountOf(next) == holder && registry.accountOf(first) == address(0), "moved");
        // The same certificate needs no second announcement.
        vm.prank(holder);
        registry.update("https://elsewhere.again", next, 0);
        vm.prank(holder);
        registry.deregister();
        check(registry.accountOf(next) == address(0), "freed");
        vm.prank(holder);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.NotRegistered.selector, holder));
        registry.update("https://x", next, SALT);
    }

    function test_addressThatComesBackHasItsOldVrfKeyOrNone() public {
        bytes32 before = registry.vrfKeyOf(validator);
        check(before != 0, "key");
        vm.prank(validator);
        registry.deregister();
        check(registry.vrfKeyOf(validator) == before, "kept");
        bytes32 certHash = keccak256("next certificate");
        _announce(validator, certHash);
        vm.prank(validator);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.VrfKeyFixed.selector, before));
        registry.register("https://x", certHash, SALT, keccak256("a key that was ground"));
        vm.prank(validator);
        registry.register("https://x", certHash, SALT, before);
        check(registry.isValidator(validator), "back");
    }

    function test_nobodyTakesACertificateThatItSeesComing() public {
        bytes32 hash = keccak256("certificate");
        bytes32 seal = registry.sealOf(payer, hash, SALT);
        _bond(payer, BOND);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.NotAnnounced.selector, seal));
        registry.register("https://x", hash, SALT, hash);
        _announce(payer, hash);
        // A member sees the call below before it is in a block. It has announced nothing, or does so in the same block, or
        // repeats the announcement of the other.
        bytes32 own = registry.sealOf(validator, hash, SALT);
        bytes[2] memory calls;
        calls[0] = abi.encodeCall(registry.announce, (own));
        calls[1] = abi.encodeCall(registry.announce, (seal));
        for (uint256 i; i < 2; ++i) {
            vm.prank(validator);
            vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.NotAnnounced.selector, own));
            registry.update("https://x", hash, SALT);
            vm.prank(validator);
            (bool ok,) = address(registry).call(calls[i]);
            check(ok, "announced");
            if (i == 1) _nextBlock();
            vm.prank(validator);
            vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.NotAnnounced.selector, own));
            registry.update("https://x", hash, SALT);
        }
        vm.prank(payer);
        registry.register("https://x", hash, SALT, hash);
        check(registry.accountOf(hash) == payer, "registered");
    }

    function test_anyoneEvictsAValidatorBelowTheLeastBond() public {
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.BondSuffices.selector, BOND, BOND));
        registry.evict(validator);
        // A higher minimum puts nobody out who joined before.
        parameters.setLimits(Parameters.Limits(0, DELAY, UNBONDING, BOND + 1, 1, 0));
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.BondSuffices.selector, BOND, BOND));
        registry.evict(validator);
        _takeBond(validator, 1);
        parameters.setLimits(Parameters.Limits(0, DELAY, UNBONDING, BOND - 1, 1, 0));
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.BondSuffices.selector, BOND - 1, BOND - 1));
        registry.evict(validator);
        parameters.setLimits(Parameters.Limits(0, DELAY, UNBONDING, BOND, 1, 0));
        vm.prank(payer);
        registry.evict(validator);
        check(!registry.isValidator(validator), "member");
        checkEqual(registry.totalStake(), 2 * BOND, "votes");
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.NotRegistered.selector, validator));
        registry.evict(validator);
    }

    function test_setIsBounded() public {
        parameters.setLimits(Parameters.Limits(0, DELAY, UNBONDING, 1, 1, 0));
        uint256 maximum = registry.MAX_VALIDATORS();
        for (uint256 i = 3; i < maximum; ++i) {
            _join(i + 1, 1);
        }
        address late = vm.addr(5_000);
        _bond(late, 1);
        bytes32 hash = keccak256("late");
        _announce(late, hash);
        vm.prank(late);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.RegistryFull.selector, maximum));
        registry.register("https://x", hash, SALT, hash);
    }

    /// Members join, leave, bond, unbond, and are slashed, evicted and settled in any order. The votes are those of the members, keys stay,
    /// and a batch that a quorum signs is accepted.
    function testFuzz_setAndStakeInAnyOrder(uint256[24] memory steps) public {
        bytes32[4] memory keys;
        uint256[4] memory secrets = [validatorKeys[0], validatorKeys[1], validatorKeys[2], 0xD00D];
        uint64 sequence;
        for (uint256 i; i < steps.length; ++i) {
            uint256 step = steps[i];
            uint256 who = (step >> 8) % 4;
            address account = vm.addr(secrets[who]);
            uint128 amount = uint128(bound(step >> 16, 1, 2 * BOND));
            uint256 kind = step % 8;
            if (kind == 0) {
                bytes32 certHash = keccak256(abi.encode(i));
                _announce(account, certHash);
                bytes32 key = keys[who] == 0 ? registry.vrfKeyOf(account) : keys[who];
                if (key == 0) key = bytes32(step | 1);
                vm.prank(account);
                try registry.register("https://x", certHash, SALT, key) {
                    keys[who] = key;
                } catch {}
            } else if (kind == 1) {
                vm.prank(account);
                try registry.deregister() {} catch {}
            } else if (kind == 2) {
                _bond(account, amount);
            } else if (kind == 3) {
                vm.prank(account);
                try staking.requestUnbond(amount) {} catch {}
            } else if (kind == 4) {
                _wait(UNBONDING);
                vm.prank(account);
                try staking.finishUnbond() {} catch {}
            } else if (kind == 5) {
                _takeBond(account, amount);
            } else if (kind == 6) {
                try registry.evict(account) {} catch {}
            } else if (_signedStake() * 3 > registry.totalStake() * 2) {
                _wait(VOTING);
                _settleByMembers(++sequence);
            }
            _assertSet();
            for (uint256 j; j < 4; ++j) {
                if (keys[j] != 0) check(registry.vrfKeyOf(vm.addr(secrets[j])) == keys[j], "key");
            }
        }
    }

    /// Votes of the validators that the fixture can sign for.
    function _signedStake() private view returns (uint256 signed) {
        for (uint256 i; i < 3; ++i) {
            address signer = vm.addr(validatorKeys[i]);
            if (registry.isValidator(signer)) signed += staking.bondOf(signer).amount;
        }
    }

    function _settleByMembers(uint64 sequence) private {
        Debit[] memory debits = new Debit[](0);
        Line[] memory lines = new Line[](0);
        bytes32[] memory none;
        Batch memory batch = _batch(sequence);
        bytes32 digest = settlement.batchDigest(batch, debits, lines, none, _idle());
        uint256 count;
        for (uint256 i; i < 3; ++i) {
            if (registry.isValidator(vm.addr(validatorKeys[i]))) ++count;
        }
        bytes[] memory quorum = new bytes[](count);
        for (uint256 i = 3; i > 0; --i) {
            if (registry.isValidator(vm.addr(validatorKeys[i - 1]))) {
                quorum[--count] = _signature(validatorKeys[i - 1], digest);
            }
        }
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
        checkEqual(settlement.anchorOf(validator).sequence, sequence, "settled");
    }

    function _assertSet() private view {
        ValidatorRegistry.Validator[] memory list = registry.validators();
        uint256 total;
        for (uint256 i; i < list.length; ++i) {
            total += staking.bondOf(list[i].account).amount;
            check(registry.accountOf(list[i].certHash) == list[i].account, "certificate");
        }
        checkEqual(registry.totalStake(), total, "total");
    }
}
