// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Bls12381} from "./libraries/Bls12381.sol";
import {Parameters} from "./Parameters.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Staking} from "./Staking.sol";
import {ValidatorRegistry} from "./ValidatorRegistry.sol";

/// @title The roster of voters, in the code of one contract
/// @notice Votes and keys of one voting delay ago are the same for everybody until the next change counts. Anyone writes them down once, as
/// code. It costs a fraction to read, compared with the storage of each signer. With it one signature that sums those of many is checked by
/// one pairing. If no roster is in force, signatures one by one are checked against what Staking says.
/// @dev Created by Staking. Code: a zero byte and the sum of all keys (96 bytes). Then signing key, account and vote of each member (56
/// bytes), ascending by signing key. Then the key of each member (96 bytes). A key is both coordinates, 48 bytes each; zeros where a member
/// has none.
contract Roster {
    using Checkpoints for Checkpoints.Trace208;

    /// As many as fit into the code of one contract. A larger set signs one by one.
    uint256 public constant MAX_MEMBERS = 160;
    /// One signature for many: its coordinates, then the signers, bit i for member i.
    uint256 public constant SUM_BYTES = 288;
    uint256 private constant VOTER_BYTES = 56;
    uint256 private constant KEY_BYTES = 96;
    uint256 private constant HEADER_BYTES = 97;
    /// The order of the field: its upper 16 bytes of 48, and the lower 32.
    uint256 private constant FIELD_UPPER = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant FIELD_LOWER = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    /// The key of a validator whose signatures can be summed, and the one before it. Each counts while the signing key that it was set for does.
    struct QuorumKey {
        bytes key;
        bytes before;
        address signer;
        uint48 since;
        address signerBefore;
        /// Keys that were ever set: consent to one is consent to no later one.
        uint64 count;
    }

    /// When a roster was in force.
    struct Term {
        uint48 from;
        /// Zero while it is the last that was taken.
        uint48 until;
    }

    /// The roster that was taken last.
    struct Taken {
        /// Contract with the roster; zero if there is none.
        address code;
        /// When votes or keys changed first after those that it holds; zero while they have not.
        uint48 firstChange;
    }

    Staking public immutable staking;
    ValidatorRegistry public immutable registry;
    /// Seconds until a change counts; nobody can change it.
    uint256 private immutable _voting;

    mapping(address account => QuorumKey) private _keys;
    /// When votes or keys changed; the value is the time itself.
    Checkpoints.Trace208 private _changes;
    Taken private _taken;
    mapping(address code => Term) private _terms;

    event QuorumKeySet(address indexed account, bytes key);
    event RosterTaken(address indexed code, uint256 members, uint256 total);

    error BadQuorumKey();
    error NoConsent(address account);
    error TooEarly(uint256 readyAt);
    error NotStaking(address caller);
    error RosterInForce(address code);
    error BadMember(uint256 index);
    error TooManyMembers(uint256 maximum);
    error IncompleteRoster(uint256 votes, uint256 total);
    error NoRoster();
    error NotInForce(address code, uint256 time);
    error BadSum();

    constructor(Staking staking_, ValidatorRegistry registry_, Parameters parameters_) {
        staking = staking_;
        registry = registry_;
        _voting = parameters_.delays().voting;
    }

    /// @notice Sets the key under which an account's signatures can be summed. It counts one voting delay later, as votes do; until then the
    /// one before it counts, and no other is taken. It ends with the signing key that it belongs to. Anyone may submit it.
    /// @param signer The account's signing key, in force or named last.
    /// @param key Its coordinates, 128 bytes.
    /// @param proof Signature under the key over `keyMessage`: without it, somebody could name a key that cancels those of others.
    /// @param consent 65-byte signature by that signing key over the hash of `keyMessage`; ignored where the account calls.
    function setKey(address account, address signer, bytes calldata key, bytes calldata proof, bytes calldata consent)
        external
    {
        QuorumKey storage theirs = _keys[account];
        if (theirs.since != 0 && block.timestamp < theirs.since + _voting) revert TooEarly(theirs.since + _voting);
        if (key.length != Bls12381.KEY_BYTES) revert BadQuorumKey();
        bytes memory message = keyMessage(account, signer, key);
        _requireSigner(account, signer);
        if (msg.sender != account) _requireConsent(account, signer, keccak256(message), consent);
        if (!Bls12381.verify(key, message, proof)) revert BadQuorumKey();
        ++theirs.count;
        theirs.before = theirs.key;
        theirs.signerBefore = theirs.signer;
        theirs.signer = signer;
        theirs.key = bytes.concat(key[16:64], key[80:128]);
        theirs.since = uint48(block.timestamp);
        emit QuorumKeySet(account, theirs.key);
        if (registry.isValidator(account)) _note();
    }

    /// @notice Notes that votes or signing keys change.
    function noteChange() external {
        if (msg.sender != address(staking) && msg.sender != address(registry)) revert NotStaking(msg.sender);
        _note();
    }

    /// @notice Ends the roster in force: a case has cut a vote, which counts at once.
    function drop() external {
        if (msg.sender != address(staking)) revert NotStaking(msg.sender);
        _end();
        delete _taken;
        emit RosterTaken(address(0), 0, 0);
    }

    /// @notice Writes down who votes now; anyone may, while no roster is in force: each has pots of its own, which many would cut small.
    /// @param accounts All that have a vote, in ascending order of their signing keys. An account has no own signing key if its key signs
    /// for another account. Such accounts stand first, by account: their votes are in the total, and nobody can give them.
    function take(address[] calldata accounts) external {
        address inForce = current();
        if (inForce != address(0)) revert RosterInForce(inForce);
        if (accounts.length > MAX_MEMBERS) revert TooManyMembers(MAX_MEMBERS);
        (uint256[] memory votes, address[] memory signers, uint256 total) = staking.votesOf(accounts);
        uint48 since = registry.inForceSince();
        bytes memory voters = new bytes(accounts.length * VOTER_BYTES);
        bytes memory keys = new bytes(accounts.length * KEY_BYTES);
        bytes memory sum = new bytes(Bls12381.KEY_BYTES);
        address previous;
        address previousMute;
        uint256 counted;
        for (uint256 i; i < accounts.length; ++i) {
            bool isMute = signers[i] == address(0);
            bool isOrdered = isMute ? previous == address(0) && accounts[i] > previousMute : signers[i] > previous;
            if (votes[i] == 0 || !isOrdered) revert BadMember(i);
            if (isMute) previousMute = accounts[i];
            else previous = signers[i];
            counted += votes[i];
            _putVoter(voters, i, signers[i], accounts[i], votes[i]);
            bytes memory key = keyAt(accounts[i], since);
            if (key.length != 0) sum = Bls12381.addKeys(sum, _putKey(keys, i, key));
        }
        // The list is complete and without duplicates. While a case cuts a vote, the total is as it was, and there is no roster.
        if (counted != total) revert IncompleteRoster(counted, total);
        address code = _write(bytes.concat(_pack(sum), voters, keys));
        _end();
        _terms[code] = Term(uint48(block.timestamp), 0);
        _taken = Taken(code, uint48(_changes.lowerLookup(since + 1)));
        emit RosterTaken(code, accounts.length, total);
    }

    /// @notice Reverts unless signers with more than two thirds of the votes have signed the digest.
    /// @param signatures 65 bytes each (r, s, v), in ascending order of their signers' addresses; or a single one of `SUM_BYTES`.
    /// @return signed The votes of the signers.
    /// @return code The roster in force; zero if there is none.
    /// @dev Bit i of `who`: member i of the roster has signed.
    function requireQuorum(bytes32 digest, bytes[] calldata signatures)
        external
        view
        returns (uint256 signed, address code, uint256 who)
    {
        code = current();
        uint256 total;
        if (signatures.length == 1 && signatures[0].length == SUM_BYTES) {
            if (code == address(0)) revert NoRoster();
            (signed, total, who) = _countSum(code, digest, signatures[0]);
        } else {
            address[] memory signers = _recover(digest, signatures);
            if (code == address(0)) (signed, total) = staking.votes(signers);
            else (signed, total, who) = _countEach(code, signers);
        }
        if (3 * signed <= 2 * total) revert Quorum.NoQuorum(signed, total);
    }

    /// @notice Whether an account's signature is in a sum, by the members of a roster that was in force at a time. Reverts unless the sum
    /// is valid.
    /// @dev Every account that a sum names has signed it: each key of a roster was shown to be nobody's combination of others.
    function isInSum(address code, uint256 time, address account, bytes32 digest, bytes calldata sum)
        external
        view
        returns (bool)
    {
        Term memory term = _terms[code];
        uint256 until = term.until == 0 ? _endOf(_taken.firstChange) : term.until;
        if (term.from == 0 || time < term.from || time >= until) revert NotInForce(code, time);
        if (sum.length != SUM_BYTES) revert BadSum();
        _countSum(code, digest, sum);
        uint256 who = uint256(bytes32(sum[256:]));
        (bytes memory data, uint256 count) = _read(code, false);
        for (uint256 i; i < count; ++i) {
            (, address member,) = _voterAt(data, i);
            if (member == account) return who >> i & 1 == 1;
        }
        return false;
    }

    /// @notice The roster in force; zero if there is none, because none was taken since the last change began to count.
    function current() public view returns (address) {
        Taken memory taken = _taken;
        return block.timestamp >= _endOf(taken.firstChange) ? address(0) : taken.code;
    }

    /// @notice The members of the roster in force, in the order of their bits; none if there is no roster.
    function members() external view returns (address[] memory accounts, uint256[] memory votes, bytes[] memory keys) {
        address code = current();
        if (code == address(0)) return (accounts, votes, keys);
        (bytes memory data, uint256 count) = _read(code, true);
        accounts = new address[](count);
        votes = new uint256[](count);
        keys = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            (, accounts[i], votes[i]) = _voterAt(data, i);
            if (_isKeyless(data, count, i)) continue;
            keys[i] = new bytes(KEY_BYTES);
            _copy(data, HEADER_BYTES - 1 + count * VOTER_BYTES + i * KEY_BYTES, keys[i]);
        }
    }

    /// @notice Account and vote of member `member` of a roster that was taken, also when it is no longer in force.
    function memberOf(address code, uint256 member) external view returns (address account, uint256 vote) {
        (bytes memory data, uint256 count) = _read(code, false);
        if (member >= count) revert BadMember(member);
        (, account, vote) = _voterAt(data, member);
    }

    /// @notice The key of an account that counted at a time; empty if there was none, or if another signing key counted then.
    function keyAt(address account, uint256 time) public view returns (bytes memory) {
        QuorumKey storage theirs = _keys[account];
        bool isNew = theirs.since != 0 && time >= theirs.since;
        address signer = isNew ? theirs.signer : theirs.signerBefore;
        if (signer == address(0) || registry.signerAt(account, time) != signer) return "";
        return isNew ? theirs.key : theirs.before;
    }

    /// @notice How many keys an account has set.
    function keyCountOf(address account) external view returns (uint64) {
        return _keys[account].count;
    }

    /// @notice The message for the proof of an account's next key, and for the consent to it.
    function keyMessage(address account, address signer, bytes memory key) public view returns (bytes memory) {
        bytes memory compressed = Bls12381.compress(key);
        uint64 number = _keys[account].count + 1;
        return abi.encodePacked(
            "ogong-quorum-key-v1\n", uint64(block.chainid), address(this), account, signer, number, compressed
        );
    }

    /// @notice The message of the sum: each member signs it.
    function quorumMessage(bytes32 digest) public pure returns (bytes memory) {
        return abi.encodePacked("ogong-quorum-v1\n", digest);
    }

    function _requireSigner(address account, address signer) private view {
        (address inForce, address named,) = registry.signerOf(account);
        if (signer == address(0) || (signer != inForce && signer != named)) revert NoConsent(account);
    }

    function _requireConsent(address account, address signer, bytes32 digest, bytes calldata consent) private pure {
        (address by, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, consent);
        if (failure != ECDSA.RecoverError.NoError || by != signer) revert NoConsent(account);
    }

    /// @dev When a roster ends, by the first change after its votes.
    function _endOf(uint48 firstChange) private view returns (uint256) {
        return firstChange == 0 ? type(uint256).max : uint256(firstChange) + _voting;
    }

    /// @dev Of the roster that was taken last, at the latest now.
    function _end() private {
        Taken memory taken = _taken;
        if (taken.code == address(0)) return;
        uint256 end = _endOf(taken.firstChange);
        _terms[taken.code].until = uint48(end < block.timestamp ? end : block.timestamp);
    }

    function _note() private {
        _changes.push(uint48(block.timestamp), uint208(block.timestamp));
        if (_taken.firstChange == 0) _taken.firstChange = uint48(block.timestamp);
    }

    function _recover(bytes32 digest, bytes[] calldata signatures) private pure returns (address[] memory signers) {
        signers = new address[](signatures.length);
        address previous;
        for (uint256 i; i < signatures.length; ++i) {
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            if (failure != ECDSA.RecoverError.NoError) revert Quorum.BadQuorumSignature(i);
            if (signer <= previous) revert Quorum.UnsortedSigners(previous, signer);
            signers[i] = previous = signer;
        }
    }

    /// @dev Both ascend, so that one walk finds all. An account that is no member adds nothing.
    function _countEach(address code, address[] memory signers)
        private
        view
        returns (uint256 signed, uint256 total, uint256 who)
    {
        (bytes memory data, uint256 count) = _read(code, false);
        uint256 at;
        for (uint256 i; i < count; ++i) {
            (address signer,, uint256 vote) = _voterAt(data, i);
            total += vote;
            while (at < signers.length && signers[at] < signer) {
                ++at;
            }
            if (at < signers.length && signers[at] == signer) {
                signed += vote;
                who |= 1 << i;
            }
        }
    }

    /// @dev Subtracts the keys of absent members from the sum of all keys: fewer than a third, if votes are equal.
    function _countSum(address code, bytes32 digest, bytes calldata sum)
        private
        view
        returns (uint256 signed, uint256 total, uint256 who)
    {
        (bytes memory data, uint256 count) = _read(code, true);
        who = uint256(bytes32(sum[256:]));
        if (who >> count != 0) revert BadSum();
        bytes memory absent;
        (signed, total, absent) = _walk(data, count, who);
        bytes memory all = new bytes(Bls12381.KEY_BYTES);
        _unpack(data, 0, all);
        _negate(absent);
        if (!Bls12381.verify(Bls12381.addKeys(all, absent), quorumMessage(digest), sum[:256])) revert BadSum();
    }

    /// @dev Votes, and the sum of the keys of the absent. A loop over fields in Solidity costs ten times as much, and this loop is the main
    /// cost of a large set.
    function _walk(bytes memory data, uint256 count, uint256 who)
        private
        view
        returns (uint256 signed, uint256 total, bytes memory absent)
    {
        absent = new bytes(Bls12381.KEY_BYTES);
        // The sum so far and the next key, each as precompiles take it: one buffer serves all additions.
        bytes memory pair = new bytes(2 * Bls12381.KEY_BYTES);
        bool isBad;
        assembly ("memory-safe") {
            let voter := add(add(data, 32), 96)
            let key := add(voter, mul(count, VOTER_BYTES))
            let sum := add(pair, 32)
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                let vote := shr(128, mload(add(voter, 40)))
                total := add(total, vote)
                // No point of the subgroup but infinity has an x that begins with 32 zero bytes.
                let isKeyed := gt(mload(key), 0)
                switch and(shr(i, who), 1)
                case 1 {
                    signed := add(signed, vote)
                    if iszero(isKeyed) { isBad := 1 }
                }
                default {
                    if isKeyed {
                        mcopy(add(sum, 144), key, 48)
                        mcopy(add(sum, 208), add(key, 48), 48)
                        if iszero(staticcall(gas(), 0x0b, sum, 256, sum, 128)) { isBad := 1 }
                    }
                }
                voter := add(voter, VOTER_BYTES)
                key := add(key, KEY_BYTES)
            }
            mcopy(add(absent, 32), sum, 128)
        }
        if (isBad) revert BadSum();
    }

    /// @dev The other point with the same x; infinity stays.
    function _negate(bytes memory key) private pure {
        uint256 upper;
        uint256 lower;
        assembly ("memory-safe") {
            upper := mload(add(key, 96))
            lower := mload(add(key, 128))
        }
        if (upper | lower == 0) return;
        unchecked {
            uint256 borrow = lower > FIELD_LOWER ? 1 : 0;
            lower = FIELD_LOWER - lower;
            upper = FIELD_UPPER - upper - borrow;
        }
        assembly ("memory-safe") {
            mstore(add(key, 96), upper)
            mstore(add(key, 128), lower)
        }
    }

    /// @dev Code that begins with a zero byte stops its caller.
    function _write(bytes memory data) private returns (address code) {
        // Returns the bytes after these ten.
        bytes memory creation = bytes.concat(hex"61", bytes2(uint16(data.length + 1)), hex"80600a3d393df3", hex"00", data);
        assembly ("memory-safe") {
            code := create(0, add(creation, 32), mload(creation))
        }
        require(code != address(0));
    }

    /// @dev The data behind the zero byte, or only the part that counts votes one by one.
    function _read(address code, bool isWhole) private view returns (bytes memory data, uint256 count) {
        count = (code.code.length - HEADER_BYTES) / (VOTER_BYTES + KEY_BYTES);
        uint256 voters = HEADER_BYTES - 1 + count * VOTER_BYTES;
        data = new bytes(isWhole ? code.code.length - 1 : voters);
        assembly ("memory-safe") {
            extcodecopy(code, add(data, 32), 1, mload(data))
        }
    }

    function _voterAt(bytes memory data, uint256 i) private pure returns (address signer, address account, uint256 vote) {
        uint256 offset = HEADER_BYTES - 1 + i * VOTER_BYTES;
        assembly ("memory-safe") {
            let at := add(add(data, 32), offset)
            signer := shr(96, mload(at))
            account := shr(96, mload(add(at, 20)))
            vote := shr(128, mload(add(at, 40)))
        }
    }

    /// @dev No point of the subgroup but infinity has an x that begins with 32 zero bytes, and nobody can prove possession of the key
    /// infinity.
    function _isKeyless(bytes memory data, uint256 count, uint256 i) private pure returns (bool) {
        uint256 offset = HEADER_BYTES - 1 + count * VOTER_BYTES + i * KEY_BYTES;
        uint256 word;
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), offset))
        }
        return word == 0;
    }

    function _copy(bytes memory data, uint256 offset, bytes memory key) private pure {
        assembly ("memory-safe") {
            mcopy(add(key, 32), add(add(data, 32), offset), 96)
        }
    }

    function _putVoter(bytes memory voters, uint256 i, address signer, address account, uint256 vote) private pure {
        assembly ("memory-safe") {
            let at := add(add(voters, 32), mul(i, VOTER_BYTES))
            // The last word would reach beyond. A later write covers the excess, or it is behind the end.
            let last := mload(add(at, 56))
            mstore(at, shl(96, signer))
            mstore(add(at, 20), shl(96, account))
            mstore(add(at, 40), or(shl(128, vote), shr(128, last)))
        }
    }

    /// @return point The key in the form that precompiles take.
    function _putKey(bytes memory keys, uint256 i, bytes memory key) private pure returns (bytes memory point) {
        assembly ("memory-safe") {
            mcopy(add(add(keys, 32), mul(i, KEY_BYTES)), add(key, 32), 96)
        }
        point = new bytes(Bls12381.KEY_BYTES);
        _unpack(key, 0, point);
    }

    function _unpack(bytes memory from, uint256 offset, bytes memory point) private pure {
        assembly ("memory-safe") {
            mcopy(add(point, 48), add(add(from, 32), offset), 48)
            mcopy(add(point, 112), add(add(from, 80), offset), 48)
        }
    }

    function _pack(bytes memory point) private pure returns (bytes memory packed) {
        packed = new bytes(KEY_BYTES);
        assembly ("memory-safe") {
            mcopy(add(packed, 32), add(point, 48), 48)
            mcopy(add(packed, 80), add(point, 112), 48)
        }
    }
}
