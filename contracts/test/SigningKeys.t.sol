// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Quorum} from "../src/libraries/Quorum.sol";
import {Settlement} from "../src/Settlement.sol";
import {Staking} from "../src/Staking.sol";
import {ValidatorRegistry} from "../src/ValidatorRegistry.sol";
import {Batch, Debit, Line} from "../src/libraries/Types.sol";
import {Fixture} from "./Fixture.sol";
import {bound, check, checkEqual, vm} from "./Vm.sol";

/// The key that signs for an account, and its times.
contract SigningKeysTest is Fixture {
    uint256 private constant NEXT = 0x51611;
    uint256 private constant THIRD = 0x51612;
    bytes32[] private none;

    function _voteOf(uint256 key) private view returns (uint256 signed) {
        address[] memory signers = new address[](1);
        signers[0] = vm.addr(key);
        (signed,) = staking.votes(signers);
    }

    /// Signed by the first validator with this key, and by the others with their own.
    function _signedWith(uint256 key) private view returns (Batch memory batch, bytes[] memory quorum) {
        batch = _batch(1);
        uint256[] memory keys = new uint256[](3);
        (keys[0], keys[1], keys[2]) = (key, validatorKeys[1], validatorKeys[2]);
        quorum = _signAll(keys, settlement.batchDigest(batch, new Debit[](0), new Line[](0), none, _idle()));
    }

    function _settles(Batch memory batch, bytes[] memory quorum) private {
        settlement.settle(batch, new Debit[](0), new Line[](0), none, _idle(), quorum);
    }

    function _listed(address account) private view returns (address) {
        ValidatorRegistry.Validator[] memory list = registry.validators();
        for (uint256 i; i < list.length; ++i) {
            if (list[i].account == account) return list[i].signer;
        }
        return address(0);
    }

    function test_theOwnKeySignsUntilAnotherIsNamed() public view {
        (address signer, address named, uint256 from) = registry.signerOf(validator);
        check(signer == validator && named == validator && from == 0, "own");
        check(_listed(validator) == validator, "listed");
        checkEqual(_voteOf(validatorKeys[0]), BOND, "vote");
    }

    function test_aNamedKeyCountsOneDelayLaterAndTheOldOneUntilThen() public {
        _setSigner(validator, NEXT);
        uint256 at = this.clock();
        (address signer, address named, uint256 from) = registry.signerOf(validator);
        check(signer == validator && named == vm.addr(NEXT), "announced");
        checkEqual(from, at + VOTING, "from");
        _wait(VOTING - 1);
        check(_listed(validator) == validator, "still");
        checkEqual(_voteOf(validatorKeys[0]), BOND, "own key");
        checkEqual(_voteOf(NEXT), 0, "next key");
        _wait(1);
        check(_listed(validator) == vm.addr(NEXT), "listed");
        checkEqual(_voteOf(validatorKeys[0]), 0, "own key no longer");
        checkEqual(_voteOf(NEXT), BOND, "next key");
        (uint256[] memory each, address[] memory signers,) = staking.votesOf(_alone(validator));
        check(signers[0] == vm.addr(NEXT) && each[0] == BOND, "told to those who gather");
        check(registry.signerAt(validator, at - 1) == validator, "history");
        check(registry.accountAt(vm.addr(NEXT), at - 1) == vm.addr(NEXT), "history of the key");
    }

    function _alone(address one) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = one;
    }

    function test_aChangeOfKeysSpoilsNoSettlement() public {
        (Batch memory batch, bytes[] memory quorum) = _signedWith(validatorKeys[0]);
        // Each of them changes its key between signing and submission.
        for (uint256 i; i < 3; ++i) {
            _setSigner(vm.addr(validatorKeys[i]), NEXT + i);
        }
        _wait(VOTING - 1);
        _settles(batch, quorum);
    }

    function test_aKeyThatWasReplacedSignsNothingOnceItsDelayIsOver() public {
        _setSigner(validator, NEXT);
        _wait(VOTING);
        (Batch memory batch, bytes[] memory quorum) = _signedWith(validatorKeys[0]);
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoQuorum.selector, 2 * BOND, 3 * BOND));
        _settles(batch, quorum);
        (batch, quorum) = _signedWith(NEXT);
        _settles(batch, quorum);
        _setSigner(validator, THIRD);
        _wait(VOTING);
        checkEqual(_voteOf(NEXT), 0, "replaced");
        checkEqual(_voteOf(THIRD), BOND, "third");
    }

    function test_anAccountTakesItsKeyBack() public {
        _setSigner(validator, NEXT);
        _wait(VOTING);
        vm.prank(validator);
        registry.setSigner(validator, "");
        _wait(VOTING);
        checkEqual(_voteOf(NEXT), 0, "the key");
        checkEqual(_voteOf(validatorKeys[0]), BOND, "own key");
        // The key is free for another account.
        _setSigner(vm.addr(validatorKeys[1]), NEXT);
        _wait(VOTING);
        checkEqual(_voteOf(NEXT), BOND, "of another account");
    }

    /// For any named keys and times, no vote is counted twice, and none beyond the account's votes.
    function testFuzz_votesAreThoseOfTheAccounts(uint256[12] memory steps) public {
        uint256[5] memory keys = [validatorKeys[0], validatorKeys[1], validatorKeys[2], NEXT, THIRD];
        address[] memory signers = new address[](5);
        for (uint256 i; i < 5; ++i) {
            signers[i] = vm.addr(keys[i]);
        }
        for (uint256 i; i < 12; ++i) {
            address account = vm.addr(validatorKeys[steps[i] % 3]);
            uint256 key = keys[steps[i] / 3 % 5];
            bytes memory consent = _signature(key, registry.signerDigest(account, vm.addr(key)));
            vm.prank(account);
            // A key that signs for another account is refused.
            try registry.setSigner(vm.addr(key), consent) {} catch {}
            _wait(bound(steps[i] / 15, 0, 2 * VOTING));
            (uint256 signed,) = staking.votes(signers);
            uint256 voices;
            for (uint256 j; j < 3; ++j) {
                if (registry.signerAt(vm.addr(validatorKeys[j]), registry.inForceSince()) != address(0)) ++voices;
            }
            checkEqual(signed, voices * BOND, "votes of those who have a key");
        }
    }

    function test_aKeySignsForOneAccount() public {
        _setSigner(validator, NEXT);
        address other = vm.addr(validatorKeys[1]);
        bytes memory consent = _signature(NEXT, registry.signerDigest(other, vm.addr(NEXT)));
        vm.prank(other);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.SignerTaken.selector, vm.addr(NEXT), validator));
        registry.setSigner(vm.addr(NEXT), consent);
        // The same account may name it again.
        _setSigner(validator, NEXT);
        _wait(VOTING);
        checkEqual(_voteOf(NEXT), BOND, "vote");
    }

    function test_nobodyNamesAKeyWithoutItsConsent() public {
        address signer = vm.addr(NEXT);
        bytes[4] memory consents;
        consents[0] = "";
        consents[1] = _signature(THIRD, registry.signerDigest(validator, signer));
        consents[2] = _signature(NEXT, registry.signerDigest(vm.addr(validatorKeys[1]), signer));
        consents[3] = _signature(NEXT, settlement.reinstatementDigest(bytes32(uint256(uint160(validator))), 1));
        for (uint256 i; i < 4; ++i) {
            vm.prank(validator);
            vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.NoConsent.selector, signer));
            registry.setSigner(signer, consents[i]);
        }
        vm.prank(validator);
        vm.expectRevert(ValidatorRegistry.ZeroKey.selector);
        registry.setSigner(address(0), "");
    }

    /// The other account has no voice until it names a key of its own, and one signature never counts for two accounts.
    function test_anAccountMayLendItsOwnKey() public {
        address other = vm.addr(validatorKeys[1]);
        _setSigner(validator, validatorKeys[1]);
        _wait(VOTING);
        checkEqual(_voteOf(validatorKeys[1]), BOND, "one vote");
        check(_listed(other) == address(0), "no key");
        checkEqual(_voteOf(validatorKeys[0]), 0, "own key");
        _setSigner(other, NEXT);
        _wait(VOTING);
        checkEqual(_voteOf(NEXT), BOND, "its new key");
        checkEqual(_voteOf(validatorKeys[1]), BOND, "the lent one");
    }

    function test_aKeyThatIsNamedBeforeTheAccountJoinsCountsFromTheFirstVoteOn() public {
        uint256 accountKey = uint256(keccak256("cold"));
        _setSigner(vm.addr(accountKey), NEXT);
        _wait(VOTING);
        _join(accountKey, BOND);
        _wait(VOTING);
        checkEqual(_voteOf(NEXT), BOND, "vote");
        checkEqual(_voteOf(accountKey), 0, "own key");
    }

    /// A thief of the signing key can take neither bond nor earnings, and cannot give the account's voice to another key.
    function test_theSigningKeyReachesNoMoney() public {
        _setSigner(validator, NEXT);
        _wait(VOTING);
        address thief = vm.addr(NEXT);
        vm.prank(thief);
        vm.expectRevert(abi.encodeWithSelector(Staking.InsufficientBond.selector, 0, 1));
        staking.requestUnbond(1);
        vm.prank(thief);
        vm.expectRevert(Staking.NothingToUnbond.selector);
        staking.finishUnbond();
        vm.prank(thief);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.NotRegistered.selector, thief));
        registry.deregister();
        vm.prank(thief);
        vm.expectRevert(abi.encodeWithSelector(ValidatorRegistry.NotRegistered.selector, thief));
        registry.update("https://thief", keccak256("thief"), SALT);
        _fund(payer, 1e18, 1e18);
        Batch memory batch = _batch(1);
        Debit[] memory debits = _one(_debit(PAYER_KEY, 1e18, 1e18));
        Line[] memory lines = _one(Line(KEY, PROVIDER, ROUTER, 1e18, 0, 0));
        uint256[] memory keys = new uint256[](3);
        (keys[0], keys[1], keys[2]) = (NEXT, validatorKeys[1], validatorKeys[2]);
        settlement.settle(
            batch, debits, lines, none, _idle(), _signAll(keys, settlement.batchDigest(batch, debits, lines, none, _idle()))
        );
        uint256 credit = escrow.creditOf(validator);
        check(credit > 0, "earned");
        checkEqual(escrow.creditOf(thief), 0, "by the account alone");
        vm.prank(thief);
        try escrow.claim() {} catch {}
        checkEqual(token.balanceOf(thief), 0, "nothing to claim");
        checkEqual(escrow.creditOf(validator), credit, "still there");
        _setSigner(thief, THIRD);
        _wait(VOTING);
        checkEqual(_voteOf(THIRD), 0, "no vote to hand on");
        checkEqual(_voteOf(NEXT), BOND, "the account decides");
    }
}
