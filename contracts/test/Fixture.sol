// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Cases} from "../src/Cases.sol";
import {Earnings} from "../src/Earnings.sol";
import {Escrow} from "../src/Escrow.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {Genesis, OgongToken} from "../src/OgongToken.sol";
import {Parameters} from "../src/Parameters.sol";
import {Settlement} from "../src/Settlement.sol";
import {Staking} from "../src/Staking.sol";
import {ValidatorRegistry} from "../src/ValidatorRegistry.sol";
import {Batch, Debit, Delays, Holding, Issuance, Line, Recipients, Shares, Tally} from "../src/libraries/Types.sol";
import {create, vm} from "./Vm.sol";

/// Of a network whose file names none.
function usualTests() pure returns (Parameters.Tests memory) {
    return Parameters.Tests({canaryRate: 50_000, timedRate: 0, slowestRate: 20});
}

/// Newcomers are asked for none.
function noWork() pure returns (Parameters.Work memory) {
    return Parameters.Work({bits: 0, epochs: 0});
}

/// A ledger with three validators of equal bond, and the signing that daemons do.
abstract contract Fixture {
    uint128 internal constant BOND = 1_000e18;
    uint128 internal constant ROUTER_BOND = 50e18;
    uint32 internal constant DELAY = 1 hours;
    uint32 internal constant UNBONDING = 1 days;
    uint32 internal constant VOTING = 10 minutes;
    uint32 internal constant NOTICE = 2 days;
    uint32 internal constant APPEAL = 3 hours;
    uint32 internal constant PERIOD = 1 days;
    uint128 internal constant ENTRANCE = 1_000;
    uint32 internal constant GROWTH = 2_000_000;
    uint32 internal constant LEAST_DELAY = 30 minutes;
    uint32 internal constant LEAST_UNBONDING = 12 hours;
    address internal constant VERIFICATION = address(0xF1);
    address internal constant TREASURY = address(0xF2);
    address internal constant LICENSE = address(0xF3);
    address internal constant VAULT = address(0xF4);
    uint256 internal constant REPORTER_PPM = 250_000;
    uint128 internal constant DEPOSIT = 7e18;
    address internal constant ROUTER = address(0xA1);
    bytes32 internal constant KEY = keccak256("provider's key");
    address internal constant PROVIDER = address(0xB1);
    bytes32 internal constant SALT = keccak256("salt");
    bytes32 internal constant TERMS = keccak256("terms");

    uint256 internal constant PAYER_KEY = 0x9A7E;
    address internal immutable payer = vm.addr(PAYER_KEY);

    OgongToken internal token;
    Parameters internal parameters;
    Staking internal staking;
    ValidatorRegistry internal registry;
    Settlement internal settlement;
    Escrow internal escrow;
    Earnings internal earnings;
    Cases internal cases;
    ModelRegistry internal models;

    /// In ascending order of address, as a quorum has to be.
    uint256[] internal validatorKeys;
    address internal validator;
    uint256 private _blockNumber = 1_000;

    function setUp() public virtual {
        _deploy(Shares(100, 100, 100, 100, 2, 0, 0));
    }

    function _deploy(Shares memory shares) internal {
        _deploy(shares, Holding(PERIOD, ENTRANCE, GROWTH));
    }

    function _deploy(Shares memory shares, Holding memory holding) internal {
        // The tests have the whole of it, but for what vests.
        token = _createToken();
        parameters = Parameters(create("Parameters.sol:Parameters", abi.encode(
            address(this),
            Delays(VOTING, NOTICE, APPEAL, LEAST_DELAY, LEAST_UNBONDING),
            holding,
            shares,
            Recipients(VERIFICATION, TREASURY, LICENSE),
            Parameters.Limits(1_000_000, DELAY, UNBONDING, BOND, ROUTER_BOND, 0),
            VAULT,
            usualTests(),
            noWork()
        )));
        models = ModelRegistry(create("ModelRegistry.sol:ModelRegistry", abi.encode(token, parameters, 1e18)));
        staking = _createStaking();
        registry = staking.registry();
        settlement = Settlement(create("Settlement.sol:Settlement", abi.encode(token, parameters, staking, _issuance(), models)));
        cases = Cases(create("Cases.sol:Cases", abi.encode(staking, settlement, REPORTER_PPM, DEPOSIT)));
        escrow = settlement.escrow();
        earnings = settlement.earnings();
        _joinAll();
    }

    /// Three validators, whose votes count.
    function _joinAll() internal {
        delete validatorKeys;
        for (uint256 i; i < 3; ++i) {
            uint256 key = uint256(keccak256(abi.encode("validator", i)));
            _join(key, BOND);
            validatorKeys.push(key);
            for (uint256 j = i; j > 0 && vm.addr(validatorKeys[j]) < vm.addr(validatorKeys[j - 1]); --j) {
                (validatorKeys[j], validatorKeys[j - 1]) = (validatorKeys[j - 1], validatorKeys[j]);
            }
        }
        validator = vm.addr(validatorKeys[0]);
        vm.warp(block.timestamp + VOTING);
    }

    function _createToken() internal virtual returns (OgongToken) {
        return OgongToken(create("OgongToken.sol:OgongToken", abi.encode(Genesis(address(this), address(this), address(this), address(this), address(this)))));
    }

    /// Without emission, unless a test says otherwise.
    function _issuance() internal view virtual returns (Issuance memory) {
        return Issuance(0, 0, 0);
    }

    /// For the settlement that is created right after it, and the cases after that.
    function _createStaking() internal returns (Staking) {
        uint256 nonce = vm.getNonce(address(this));
        address next = vm.computeCreateAddress(address(this), nonce + 1);
        return Staking(create("Staking.sol:Staking", abi.encode(token, parameters, next, vm.computeCreateAddress(address(this), nonce + 2))));
    }

    /// Takes a bond as a case does.
    function _takeBond(address account, uint128 amount) internal returns (uint128) {
        vm.prank(address(cases));
        return staking.takeBond(account, amount);
    }

    function _join(uint256 key, uint128 amount) internal {
        address signer = vm.addr(key);
        _bond(signer, amount);
        bytes32 certHash = keccak256(abi.encode("certificate", key));
        _announce(signer, certHash);
        vm.prank(signer);
        registry.register("https://validator.example:4543", certHash, SALT, bytes32(key));
    }

    /// Announces a certificate, and lets a block pass.
    function _announce(address signer, bytes32 certHash) internal {
        bytes32 seal = registry.sealOf(signer, certHash, SALT);
        vm.prank(signer);
        registry.announce(seal);
        _nextBlock();
    }

    /// The compiler takes the block's number for constant within a call, so it is counted here.
    function _nextBlock() internal {
        vm.roll(++_blockNumber);
    }

    function _bond(address signer, uint128 amount) internal {
        token.transfer(signer, amount);
        vm.prank(signer);
        token.approve(address(staking), amount);
        vm.prank(signer);
        staking.bond(amount);
    }

    function _fund(address who, uint128 deposited, uint128 admitted) internal {
        token.transfer(who, deposited);
        vm.prank(who);
        token.approve(address(escrow), deposited);
        vm.prank(who);
        escrow.deposit(deposited);
        if (admitted == 0) return;
        vm.prank(who);
        escrow.admit(validator, admitted);
    }

    function _signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _debit(uint256 key, uint128 amount, uint128 cumulative) internal view returns (Debit memory) {
        address who = vm.addr(key);
        bytes32 digest = escrow.orderDigest(who, validator, cumulative, TERMS);
        return _signedDebit(key, who, amount, cumulative, digest);
    }

    function _signedDebit(uint256 key, address who, uint128 amount, uint128 cumulative, bytes32 digest)
        internal
        pure
        returns (Debit memory)
    {
        (bytes32 r, bytes32 vs) = _short(key, digest);
        return Debit(who, amount, cumulative, TERMS, r, vs);
    }

    /// A signature in 64 bytes.
    function _short(uint256 key, bytes32 digest) internal pure returns (bytes32 r, bytes32 vs) {
        uint8 v;
        bytes32 s;
        (v, r, s) = vm.sign(key, digest);
        vs = bytes32(uint256(s) | uint256(v - 27) << 255);
    }

    /// The same in 65 bytes.
    function _long(Debit memory debit) internal pure returns (bytes memory) {
        bytes32 s = debit.vs & bytes32(type(uint256).max >> 1);
        return abi.encodePacked(debit.r, s, uint8(uint256(debit.vs) >> 255) + 27);
    }

    function _quorum(bytes32 digest, uint256 signers) internal view returns (bytes[] memory quorum) {
        uint256[] memory keys = new uint256[](signers);
        for (uint256 i; i < signers; ++i) {
            keys[i] = _signingKey(validatorKeys[i]);
        }
        return _signAll(keys, digest);
    }

    /// The private key that signs for an account now, given the account's own.
    function _signingKey(uint256 accountKey) internal view virtual returns (uint256) {
        return accountKey;
    }

    /// In the order that the contract asks for.
    function _signAll(uint256[] memory keys, bytes32 digest) internal pure returns (bytes[] memory signatures) {
        signatures = new bytes[](keys.length);
        for (uint256 i = 1; i < keys.length; ++i) {
            for (uint256 j = i; j > 0 && vm.addr(keys[j]) < vm.addr(keys[j - 1]); --j) {
                (keys[j], keys[j - 1]) = (keys[j - 1], keys[j]);
            }
        }
        for (uint256 i; i < keys.length; ++i) {
            signatures[i] = _signature(keys[i], digest);
        }
    }

    /// Names a key for an account, with the key's consent.
    function _setSigner(address account, uint256 key) internal {
        address signer = vm.addr(key);
        bytes memory consent = _signature(key, registry.signerDigest(account, signer));
        vm.prank(account);
        registry.setSigner(signer, consent);
    }

    function _batch(uint64 sequence) internal view returns (Batch memory) {
        return Batch(validator, sequence, keccak256(abi.encode(sequence)), sequence, keccak256("records"), 1);
    }

    function _one(Debit memory debit) internal pure returns (Debit[] memory list) {
        list = new Debit[](1);
        list[0] = debit;
    }

    function _one(Line memory line) internal pure returns (Line[] memory list) {
        list = new Line[](1);
        list[0] = line;
    }

    /// Nobody verified anything.
    function _idle() internal pure returns (Tally[] memory) {
        return new Tally[](0);
    }

    /// Settles one payer's debt to one provider with the signatures of all validators.
    function _settle(uint64 sequence, uint128 amount, uint128 cumulative) internal {
        _submit(_batch(sequence), _one(_debit(PAYER_KEY, amount, cumulative)), _one(Line(KEY, PROVIDER, ROUTER, amount, 0, 0)));
    }

    function _submit(Batch memory batch, Debit[] memory debits, Line[] memory lines) internal {
        bytes32[] memory none;
        bytes[] memory quorum = _quorum(settlement.batchDigest(batch, debits, lines, none, _idle()), 3);
        settlement.settle(batch, debits, lines, none, _idle(), quorum);
    }

    /// Settles an ejection, by all validators.
    function _eject(uint64 sequence, bytes32 providerId) internal {
        bytes32[] memory list = new bytes32[](1);
        list[0] = providerId;
        Batch memory batch = _batch(sequence);
        bytes32 digest = settlement.batchDigest(batch, new Debit[](0), new Line[](0), list, _idle());
        settlement.settle(batch, new Debit[](0), new Line[](0), list, _idle(), _quorum(digest, 3));
    }

    function _wait(uint256 duration) internal {
        vm.warp(this.clock() + duration);
    }

    /// Asked from outside: the optimiser takes the time for a constant.
    function clock() external view returns (uint256) {
        return block.timestamp;
    }
}
