// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BeaconKeys} from "../src/BeaconKeys.sol";
import {Bls12381} from "../src/libraries/Bls12381.sol";
import {MachineRegistry} from "../src/MachineRegistry.sol";
import {ModelRegistry} from "../src/ModelRegistry.sol";
import {Fixture} from "./Fixture.sol";
import {Lives} from "./Lives.sol";
import {bound, check, checkEqual, create, vm} from "./Vm.sol";

/// Random lives of names, weights, machines and keys of the beacon. Every call has to succeed, and what is refused has to be.
contract RegistryHandler is Fixture {
    uint256 private constant NAMES = 3;
    uint256 private constant OWNERS = 3;
    uint256 private constant MODELS = 2;
    uint256 private constant PLACES = 3;
    uint64 private constant BEACON_PERIOD = 60;
    bytes32 private constant EVIDENCE = keccak256("evidence");
    bytes private constant GENERATOR =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb0000000000000000000000000000000008b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1";

    struct Pending {
        uint256 root;
        uint256 blockNumber;
        uint256 time;
    }

    MachineRegistry private machines;
    BeaconKeys private keys;
    /// Names, as an observer of all calls knows them.
    mapping(uint256 name => address) private _owner;
    mapping(uint256 name => address) private _heir;
    uint256 private _fees;
    /// Weights: the block of the earliest announcement, and the name.
    mapping(uint256 root => uint256) private _announcedIn;
    mapping(uint256 root => uint256) private _nameOf;
    mapping(uint256 owner => Pending) private _pending;
    /// Machines.
    mapping(uint256 provider => MachineRegistry.Machine) private _machine;
    mapping(uint256 provider => bytes[]) private _signed;
    mapping(uint256 provider => uint256) private _enteredAt;
    mapping(uint256 hardware => uint32) private _revocations;
    mapping(uint256 hardware => bool) private _isRevoked;
    uint256 private _entered;
    uint256 private _secret = 7;
    uint256 private _eras;
    uint256 public done;
    uint256 public refused;

    function setUp() public override {
        super.setUp();
        machines = MachineRegistry(create("MachineRegistry.sol:MachineRegistry", abi.encode(staking, address(escrow))));
        keys = BeaconKeys(create("BeaconKeys.sol:BeaconKeys", abi.encode(staking, address(settlement), uint64(block.timestamp), BEACON_PERIOD)));
        for (uint256 i; i < OWNERS; ++i) {
            token.transfer(ownerAt(i), 100e18);
            vm.prank(ownerAt(i));
            token.approve(address(models), type(uint256).max);
        }
    }

    function ownerAt(uint256 who) public pure returns (address) {
        return address(uint160(0xACE + who % OWNERS));
    }

    function nameAt(uint256 which) public pure returns (string memory) {
        return ["ann", "bob", "cid"][which % NAMES];
    }

    function modelAt(uint256 which) public pure returns (string memory) {
        return ["one", "two"][which % MODELS];
    }

    function _count(bool isDone, bool isDue, string memory what) private {
        check(isDone == isDue, what);
        if (isDone) ++done;
        else ++refused;
    }

    function wait(uint256 duration) external {
        _wait(bound(duration, 0, 5 days));
        _nextBlock();
    }

    function claimName(uint256 who, uint256 which) external {
        string memory name = nameAt(which);
        vm.startPrank(ownerAt(who));
        models.announce(models.sealOf(ownerAt(who), name, SALT));
        delete _pending[who % OWNERS];
        _nextBlock();
        bool isFree = _owner[which % NAMES] == address(0);
        try models.claim(name, SALT) {
            _count(true, isFree, "a name that nobody has");
            _owner[which % NAMES] = ownerAt(who);
            _fees += models.fee();
        } catch {
            _count(false, isFree, "a name that nobody has");
        }
        vm.stopPrank();
    }

    function handOver(uint256 who, uint256 which, uint256 to) external {
        bool isOwner = _owner[which % NAMES] == ownerAt(who);
        vm.prank(ownerAt(who));
        try models.offer(nameAt(which), ownerAt(to)) {
            _count(true, isOwner, "whose name it is");
            _heir[which % NAMES] = ownerAt(to);
        } catch {
            _count(false, isOwner, "whose name it is");
        }
    }

    function accept(uint256 who, uint256 which) external {
        bool isHeir = _heir[which % NAMES] == ownerAt(who);
        vm.prank(ownerAt(who));
        try models.accept(nameAt(which)) {
            _count(true, isHeir, "whom it was offered");
            (_owner[which % NAMES], _heir[which % NAMES]) = (ownerAt(who), address(0));
        } catch {
            _count(false, isHeir, "whom it was offered");
        }
    }

    function publish(uint256 who, uint256 which, uint256 model, uint64 ahead) external {
        bool isOwner = _owner[which % NAMES] == ownerAt(who);
        ModelRegistry.Description memory next;
        (next.modelRoot, next.licence) = (bytes32(done + 1), "MIT");
        uint64 from = uint64(this.clock()) + uint64(bound(ahead, 0, 5 days));
        vm.prank(ownerAt(who));
        try models.publish(nameAt(which), modelAt(model), from, next) {
            _count(true, isOwner, "whose name it is");
        } catch {
            _count(false, isOwner, "whose name it is");
        }
    }

    function revokeModel(uint256 who, uint256 which, uint256 model) external {
        bool isOwner = _owner[which % NAMES] == ownerAt(who);
        bool isThere = models.versionsOf(nameAt(which), modelAt(model)).length > 0;
        vm.prank(ownerAt(who));
        try models.revoke(nameAt(which), modelAt(model)) {
            _count(true, isOwner && isThere, "of its owner, if there is something");
            ModelRegistry.Version memory found = models.versionAt(nameAt(which), modelAt(model), uint64(this.clock()));
            checkEqual(found.from, 0, "nothing is in force");
        } catch {
            ++refused;
        }
    }

    /// The last announcement of an account, unless it was a name.
    function announceRoot(uint256 who, uint256 root) external {
        root = 1 + root % PLACES;
        bytes32 sealed_ = models.rootSealOf(ownerAt(who), bytes32(root), SALT);
        vm.prank(ownerAt(who));
        models.announce(sealed_);
        _pending[who % OWNERS] = Pending(root, _blockNow(), this.clock());
    }

    function _blockNow() private view returns (uint256) {
        return this.height();
    }

    function height() external view returns (uint256) {
        return block.number;
    }

    function claimRoot(uint256 who, uint256 which) external {
        Pending memory pending = _pending[who % OWNERS];
        uint256 first = _announcedIn[pending.root];
        bool isDue = pending.root != 0 && pending.blockNumber < _blockNow() && this.clock() < pending.time + 7 days
            && _owner[which % NAMES] == ownerAt(who) && (first == 0 || pending.blockNumber < first);
        vm.prank(ownerAt(who));
        try models.claimRoot(nameAt(which), bytes32(pending.root), SALT) {
            _count(true, isDue, "the earliest announcement, within its term");
            (_announcedIn[pending.root], _nameOf[pending.root]) = (pending.blockNumber, which % NAMES);
            delete _pending[who % OWNERS];
        } catch {
            _count(false, isDue, "the earliest announcement, within its term");
        }
    }

    function _hardware(uint256 which) private pure returns (bytes32) {
        return bytes32(0x1000 + which % PLACES);
    }

    function register(uint256 provider, uint256 hardware, uint256 duration) external {
        provider %= PLACES;
        uint64 until = uint64(this.clock() + bound(duration, 0, 8 days));
        MachineRegistry.Machine memory next = MachineRegistry.Machine(
            bytes32(provider), _hardware(hardware), "image", EVIDENCE, "key", "seal", 0, 7, until
        );
        bytes[] memory quorum = _quorum(machines.machineDigest(next), 3);
        bool isTime = until > this.clock() && until <= this.clock() + 7 days && until > _machine[provider].until;
        bool isDue = isTime && !_isRevoked[hardware % PLACES];
        try machines.register(next, quorum) {
            _count(true, isDue, "a later one that is not revoked");
            if (_enteredAt[provider] == 0) ++_entered;
            _machine[provider] = next;
            _signed[provider] = quorum;
            _enteredAt[provider] = this.clock();
        } catch {
            _count(false, isDue, "a later one that is not revoked");
        }
    }

    /// A used signature enters nothing again.
    function registerAgain(uint256 provider) external {
        provider %= PLACES;
        if (_enteredAt[provider] == 0) return;
        try machines.register(_machine[provider], _signed[provider]) {
            check(false, "a statement enters once");
        } catch {
            ++refused;
        }
    }

    function revokeMachine(uint256 which, bool revoked) external {
        which %= PLACES;
        bytes32 digest = machines.revocationDigest(_hardware(which), EVIDENCE, revoked, _revocations[which] + 1);
        bytes[] memory quorum = _quorum(digest, 3);
        bool isDue = _isRevoked[which] != revoked;
        try machines.revoke(_hardware(which), EVIDENCE, revoked, quorum) {
            _count(true, isDue, "a change");
            ++_revocations[which];
            _isRevoked[which] = revoked;
        } catch {
            _count(false, isDue, "a change");
        }
    }

    /// An era of the key that there is, or of a new one; or of one that cannot be.
    function activate(uint256 kind) external {
        BeaconKeys.Generation[] memory list = keys.generations();
        bool isNew = kind % 3 != 0;
        bool isWrong = kind % 7 == 0;
        uint32 generation = uint32(list.length) + (isNew ? 1 : 0) + (isWrong ? 2 : 0);
        if (isNew) ++_secret;
        BeaconKeys.Outcome memory outcome = BeaconKeys.Outcome(generation, uint32(_eras) + 1, 0, "set", "transcript");
        bytes memory key = _keyOf(_secret);
        bytes32 digest = keys.outcomeDigest(outcome, Bls12381.compress(key));
        (, bytes memory activation) = address(0x0e).staticcall(
            bytes.concat(Bls12381.hashToPoint(abi.encodePacked("ogong-beacon-activation-v1\n", digest)), bytes32(_secret))
        );
        bool isOpen = list.length > 0 && list[list.length - 1].lastEpoch == 0
            && keccak256(list[list.length - 1].key) == keccak256(Bls12381.compress(key));
        bool isDue = !isWrong && (isNew || isOpen);
        try keys.activate(outcome, key, _quorum(digest, 3), activation) {
            _count(true, isDue, "the next generation, or the one that goes on");
            ++_eras;
        } catch {
            _count(false, isDue, "the next generation, or the one that goes on");
        }
    }

    function _keyOf(uint256 secret) private view returns (bytes memory key) {
        (, key) = address(0x0c).staticcall(bytes.concat(GENERATOR, bytes32(secret)));
    }

    function retire(uint256 ahead) external {
        BeaconKeys.Generation[] memory list = keys.generations();
        uint32 generation = uint32(list.length);
        uint64 epoch = keys.epochNow();
        uint64 last = epoch + uint64(bound(ahead, 0, 5));
        bool isDue = generation > 0 && list[generation - 1].lastEpoch == 0 && last > epoch
            && last >= list[generation - 1].firstEpoch;
        bytes[] memory quorum = _quorum(keys.retirementDigest(generation, last), 3);
        try keys.retire(generation, last, quorum) {
            _count(true, isDue, "the last one, once");
        } catch {
            _count(false, isDue, "the last one, once");
        }
    }

    function assertNames() external view {
        for (uint256 i; i < NAMES; ++i) {
            check(models.ownerOf(nameAt(i)) == _owner[i] && models.heirOf(nameAt(i)) == _heir[i], "an owner and an heir");
            for (uint256 j; j < MODELS; ++j) {
                _assertVersions(models.versionsOf(nameAt(i), modelAt(j)));
            }
        }
        checkEqual(token.balanceOf(TREASURY), _fees, "fees");
        for (uint256 root = 1; root <= PLACES; ++root) {
            address due = _announcedIn[root] == 0 ? address(0) : _owner[_nameOf[root]];
            check(models.makerOf(bytes32(root)) == due, "a maker");
        }
    }

    /// One after the other, at most one of them announced only.
    function _assertVersions(ModelRegistry.Version[] memory list) private view {
        for (uint256 i; i < list.length; ++i) {
            check(list[i].until == 0 || list[i].until >= list[i].from, "an end after its begin");
            if (i + 1 == list.length) break;
            check(list[i].until != 0 && list[i].until <= list[i + 1].from, "never two in force");
            check(list[i].from <= this.clock(), "one is announced");
        }
    }

    function assertMachines() external view {
        checkEqual(machines.providerCount(), _entered, "each provider once");
        for (uint256 i; i < PLACES; ++i) {
            (MachineRegistry.Machine memory found, bool isGood) = machines.machineOf(bytes32(i));
            check(keccak256(abi.encode(found)) == keccak256(abi.encode(_machine[i])), "what was entered last");
            bool isRevoked = found.until != 0 && machines.isRevoked(found.machine);
            check(isGood == (this.clock() < found.until && !isRevoked), "good while it lasts");
            check(found.until <= _enteredAt[i] + 7 days, "a week at most");
            check(machines.isRevoked(_hardware(i)) == _isRevoked[i], "revoked");
            checkEqual(machines.revocationCount(_hardware(i)), _revocations[i], "how often");
        }
    }

    function assertKeys() external view {
        BeaconKeys.Generation[] memory list = keys.generations();
        for (uint256 i; i < list.length; ++i) {
            if (i + 1 == list.length) break;
            check(list[i].lastEpoch != 0 && list[i].lastEpoch < list[i + 1].firstEpoch, "an epoch has one key");
        }
        BeaconKeys.Era[] memory eras = keys.eras();
        checkEqual(eras.length, _eras, "eras");
        for (uint256 i = 1; i < eras.length; ++i) {
            check(eras[i].generation >= eras[i - 1].generation && eras[i].firstEpoch >= eras[i - 1].firstEpoch, "in order");
        }
    }

    /// Somebody else has a name, past all rules.
    function forceName() external {
        _owner[0] = address(0xBAD);
    }
}

contract RegistryLivesTest is Lives {
    RegistryHandler private handler;

    function setUp() public {
        handler = new RegistryHandler();
        handler.setUp();
    }

    function _actions() internal view override returns (address actor, bytes memory actions) {
        actor = address(handler);
        actions = abi.encodePacked([
            handler.wait.selector, handler.claimName.selector, handler.handOver.selector, handler.accept.selector,
            handler.publish.selector, handler.revokeModel.selector, handler.claimRoot.selector, handler.register.selector,
            handler.registerAgain.selector, handler.revokeMachine.selector, handler.activate.selector, handler.retire.selector,
            handler.announceRoot.selector
        ]);
    }

    function invariant_registriesSayWhatTheyWereTold() public view {
        handler.assertNames();
        handler.assertMachines();
        handler.assertKeys();
    }

    /// The controls: each action is taken and refused, and another model is noticed.
    function test_handlerReachesEveryActionAndAnotherModelIsNoticed() public {
        handler.claimName(0, 0);
        handler.claimName(1, 0);
        handler.publish(0, 0, 0, 0);
        handler.publish(0, 0, 0, 3 days);
        handler.publish(1, 0, 0, 0);
        handler.announceRoot(0, 0);
        handler.claimRoot(0, 0);
        handler.wait(1 days);
        handler.claimRoot(0, 0);
        handler.claimRoot(0, 0);
        handler.announceRoot(0, 0);
        handler.wait(1 days);
        handler.claimRoot(0, 0);
        handler.announceRoot(0, 1);
        handler.wait(5 days);
        handler.wait(2 days);
        handler.claimRoot(0, 0);
        // The first announcer has the weights, in any order of claims.
        handler.claimName(1, 1);
        handler.announceRoot(1, 1);
        handler.wait(1);
        handler.announceRoot(0, 1);
        handler.wait(1);
        handler.claimRoot(0, 0);
        handler.claimRoot(1, 1);
        handler.revokeModel(1, 0, 0);
        handler.revokeModel(0, 0, 0);
        handler.handOver(0, 0, 1);
        handler.accept(2, 0);
        handler.accept(1, 0);
        check(handler.done() == 10 && handler.refused() == 8, "names");
        handler.register(0, 0, 1 days);
        handler.registerAgain(0);
        handler.register(1, 1, 8 days);
        handler.revokeMachine(0, true);
        handler.revokeMachine(0, true);
        handler.register(2, 0, 1 days);
        check(handler.done() == 12 && handler.refused() == 12, "machines");
        handler.activate(3);
        handler.activate(1);
        handler.activate(3);
        handler.activate(7);
        handler.retire(0);
        handler.retire(5);
        handler.activate(3);
        check(handler.done() == 15 && handler.refused() == 16, "keys");
        this.invariant_registriesSayWhatTheyWereTold();
        handler.forceName();
        try this.invariant_registriesSayWhatTheyWereTold() {
            check(false, "another model went unnoticed");
        } catch {}
    }
}
