// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Announcements} from "./Announcements.sol";
import {Parameters} from "./Parameters.sol";
import {Roster} from "./Roster.sol";
import {Settlement} from "./Settlement.sol";
import {Staking} from "./Staking.sol";
import {ValidatorRegistry} from "./ValidatorRegistry.sol";

/// @title Proof that a validator contradicted itself
/// @notice Two signed statements of one kind about one thing that say different things. Signatures are all it takes: no quorum, no owner.
/// Formats: docs/spec/cases.md.
contract Equivocation is Announcements {
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant ADMISSION_TYPEHASH =
        keccak256("Admission(address validator,bytes32 orderHash,uint64 epoch,uint64 time)");
    bytes32 private constant INTAKE_TYPEHASH =
        keccak256("Intake(address validator,bytes32 orderHash,bytes32 recordHash,uint64 epoch)");
    bytes32 private constant BATCH_TYPEHASH = keccak256(
        "Batch(address validator,uint64 sequence,bytes32 logHead,uint64 logLength,bytes32 recordsRoot,uint32 replies,bytes32 debitsHash,bytes32 linesHash,bytes32 ejectedHash,bytes32 talliesHash)"
    );
    bytes32 private constant ALLOTMENT_TYPEHASH =
        keccak256("Allotment(uint32 number,uint64 until,bytes32 root,uint128 units)");

    /// The code of a roster, and a sum.
    uint256 private constant SUM_EVIDENCE_BYTES = 308;

    enum Kind {
        /// Two times or epochs at which one order was admitted.
        Admission,
        /// Two records accepted for one order.
        Intake,
        /// Two logs of one validator: another head at the same length.
        Log,
        /// Two tallies of the emission under one number.
        Allotment
    }

    /// A signed statement.
    struct Statement {
        /// The members of the signed struct, 32 bytes each, without its type.
        bytes members;
        /// 65 bytes; or the code of a roster, 20 bytes, and a sum of signatures of its members.
        bytes signature;
        /// When the key signed for the accused, or the roster was in force, seconds since 1970: at most one unbonding delay ago.
        uint64 time;
    }

    Staking public immutable staking;
    Parameters public immutable parameters;
    ValidatorRegistry public immutable registry;
    Settlement public immutable settlement;

    error BadMembers(uint256 length);
    error OtherAccused(address named);
    error OtherPlace();
    error NoContradiction();
    error BadStatementSignature();
    error NotSignedFor(address signer, address accused);
    error NotInSum(address accused);
    error TimeOutOfRange(uint256 time);

    /// @dev To be created by Cases.
    constructor(Staking staking_, Settlement settlement_) {
        staking = staking_;
        parameters = staking_.parameters();
        registry = staking_.registry();
        settlement = settlement_;
    }

    /// @notice Opens a case against the accused, and names the caller as its reporter.
    /// @param salt Of the announcement.
    function prove(Kind kind, address accused, Statement calldata first, Statement calldata second, bytes32 salt) external {
        (bytes32 place, bytes32 said) = _check(kind, accused, first);
        (bytes32 otherPlace, bytes32 otherSaid) = _check(kind, accused, second);
        if (place != otherPlace) revert OtherPlace();
        if (said == otherSaid) revert NoContradiction();
        _openAnnounced(accused, evidenceOf(kind, place), salt);
    }

    /// @notice Names a contradiction by its place: further statements about the same subject are no further evidence.
    function evidenceOf(Kind kind, bytes32 place) public pure returns (bytes32) {
        return keccak256(abi.encode(kind, place));
    }

    /// @notice Returns the subject of a statement, its content, its signer and the digest that was signed. The signer is zero if anybody's
    /// signature may stand under it.
    function read(Kind kind, bytes calldata members)
        public
        view
        returns (bytes32 place, bytes32 said, address named, bytes32 digest)
    {
        if (kind == Kind.Admission || kind == Kind.Intake) {
            _requireWords(members, 4);
            named = address(uint160(uint256(bytes32(members[:32]))));
            place = bytes32(members[32:64]);
            // Of an intake, the record; of an admission, epoch and time. The epoch of an intake is its time, not its content.
            bool isIntake = kind == Kind.Intake;
            said = isIntake ? bytes32(members[64:96]) : keccak256(members[64:128]);
            digest = _hash(isIntake ? INTAKE_TYPEHASH : ADMISSION_TYPEHASH, members, address(settlement.escrow()));
        } else if (kind == Kind.Log) {
            _requireWords(members, 10);
            // The owner of the log, and its length.
            place = keccak256(bytes.concat(members[:32], members[96:128]));
            said = bytes32(members[64:96]);
            digest = _hash(BATCH_TYPEHASH, members, address(settlement));
        } else {
            _requireWords(members, 4);
            place = bytes32(members[:32]);
            said = keccak256(members[32:128]);
            digest = _hash(ALLOTMENT_TYPEHASH, members, address(settlement.emission()));
        }
    }

    function _check(Kind kind, address accused, Statement calldata statement)
        private
        view
        returns (bytes32 place, bytes32 said)
    {
        address named;
        bytes32 digest;
        (place, said, named, digest) = read(kind, statement.members);
        if (named != address(0) && named != accused) revert OtherAccused(named);
        // A key that was revoked long ago can do no more harm.
        uint256 until = uint256(statement.time) + parameters.limits().unbondingDelay;
        if (statement.time > block.timestamp || until < block.timestamp) revert TimeOutOfRange(statement.time);
        if (statement.signature.length == SUM_EVIDENCE_BYTES) {
            Roster roster = staking.roster();
            address code = address(bytes20(statement.signature[:20]));
            if (!roster.isInSum(code, statement.time, accused, digest, statement.signature[20:])) revert NotInSum(accused);
            return (place, said);
        }
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, statement.signature);
        if (failure != ECDSA.RecoverError.NoError) revert BadStatementSignature();
        if (registry.accountAt(signer, statement.time) != accused) revert NotSignedFor(signer, accused);
    }

    function _requireWords(bytes calldata members, uint256 count) private pure {
        if (members.length != 32 * count) revert BadMembers(members.length);
    }

    function _hash(bytes32 typeHash, bytes calldata members, address verifyingContract) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("OGONG"), keccak256("1"), block.chainid, verifyingContract)
        );
        return MessageHashUtils.toTypedDataHash(domain, keccak256(abi.encodePacked(typeHash, members)));
    }
}
