// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Announcements} from "./Announcements.sol";
import {CandidateList} from "./libraries/CandidateList.sol";
import {Ed25519} from "./libraries/Ed25519.sol";
import {Parameters} from "./Parameters.sol";
import {Staking} from "./Staking.sol";

/// @title Proof that a router misrouted
/// @notice A ticket that a router signed, and the list of candidates that the ticket names, which gives another provider or other terms. No
/// quorum, no owner. Formats: docs/spec/match.md and docs/spec/cases.md.
/// @dev A ticket carries two signatures, Ed25519 and ML-DSA-44. Only the first one is checked: an attacker that can forge it can forge
/// those of all accounts.
contract Misrouting is Announcements {
    bytes16 private constant TAG = "ogong-ticket-v1\n";
    /// Without the bytes of its two texts.
    uint256 private constant LEAST_TICKET = 240;
    uint256 private constant KEY_BYTES = 1_344;
    uint256 private constant SIGNATURE_BYTES = 64;
    /// Readers of the chain use a key for this time after it was replaced, and accept tickets dated a little ahead.
    uint256 public constant TOLERANCE = 10 minutes;
    /// A key still convicts for this time after it has ended. Its signer writes the ticket's date, so a later owner of the key can write an
    /// earlier one. earlier one.
    uint256 public constant FORMER_KEY_TIME = 1 days;

    /// How the ticket and its list differ.
    enum Fault {
        None,
        /// The list is of another model.
        Model,
        /// The draw gives another provider.
        Draw,
        /// The list has the drawn provider at another price, for another payee or with another context.
        Terms,
        /// The list has a provider above the requested highest price.
        Price,
        /// The list has a provider with less stake than requested.
        Stake,
        /// The list has a provider with less context than another one.
        Room
    }

    /// A ticket with the router's signature and its whole key.
    struct SignedTicket {
        bytes ticket;
        /// Ed25519 and ML-DSA-44.
        bytes routerKey;
        /// Of Ed25519.
        bytes signature;
    }

    struct Ticket {
        address router;
        /// Hash of the model's id.
        bytes32 model;
        bytes32 providerId;
        address payee;
        uint256 price;
        uint256 contextSize;
        bytes16 replyId;
        bytes32 listHash;
        /// Seconds since 1970.
        uint256 issuedAt;
    }

    Staking public immutable staking;
    Parameters public immutable parameters;

    error BadTicket();
    error OtherKey(address router);
    error BadTicketSignature();
    error OtherList(bytes32 named);
    error NoMisrouting();
    error TimeOutOfRange(uint256 time);

    /// @dev To be created by Cases.
    constructor(Staking staking_) {
        staking = staking_;
        parameters = staking_.parameters();
    }

    /// @notice Opens a case against the router that the ticket names, and names the caller as its reporter.
    /// @param salt Of the announcement.
    function prove(SignedTicket calldata signed, bytes calldata list, bytes32 salt) external {
        Ticket memory said = _read(signed.ticket);
        _requireSigned(signed, said);
        if (_findFault(said, list) == Fault.None) revert NoMisrouting();
        _openAnnounced(said.router, evidenceOf(signed.ticket), salt);
    }

    /// @notice The fault that `prove` would find in a ticket and a list. The signatures are not checked.
    function faultOf(bytes calldata ticket, bytes calldata list) external pure returns (Fault) {
        return _findFault(_read(ticket), list);
    }

    /// @notice Names a misrouting: one ticket convicts once.
    function evidenceOf(bytes calldata ticket) public pure returns (bytes32) {
        return sha256(ticket);
    }

    function _requireSigned(SignedTicket calldata signed, Ticket memory said) private view {
        // A key that was revoked long ago can do no more harm.
        uint256 until = said.issuedAt + parameters.limits().unbondingDelay;
        if (said.issuedAt > block.timestamp || until < block.timestamp) revert TimeOutOfRange(said.issuedAt);
        (bytes calldata key, bytes calldata signature) = (signed.routerKey, signed.signature);
        bytes32 name = sha256(key);
        Staking.Router memory found = staking.routerOf(said.router);
        // End of the key: with its router, or at its replacement. Zero for a key that is in force, or never was.
        bool isLast = found.ticketKey == name;
        uint256 ended = isLast ? found.until : staking.ticketKeyUntil(said.router, name);
        bool isIts = ended == 0
            ? isLast
            : said.issuedAt < ended + TOLERANCE && block.timestamp < ended + FORMER_KEY_TIME;
        if (key.length != KEY_BYTES || !isIts) revert OtherKey(said.router);
        bool isSigned = signature.length == SIGNATURE_BYTES
            && Ed25519.verify(bytes32(key[:32]), bytes32(signature[:32]), bytes32(signature[32:]), signed.ticket);
        if (!isSigned) revert BadTicketSignature();
    }

    function _read(bytes calldata ticket) private pure returns (Ticket memory said) {
        if (ticket.length < LEAST_TICKET || bytes16(ticket[:16]) != TAG) revert BadTicket();
        said.router = address(bytes20(ticket[16:36]));
        uint256 at = 38 + uint256(uint16(bytes2(ticket[36:38])));
        said.model = keccak256(ticket[38:at]);
        said.providerId = bytes32(ticket[at:at + 32]);
        // Over the endpoint, and the certificate's hash.
        at += 66 + uint256(uint16(bytes2(ticket[at + 32:at + 34])));
        bytes calldata rest = ticket[at:];
        if (rest.length != 136) revert BadTicket();
        said.payee = address(bytes20(rest[:20]));
        said.price = uint128(bytes16(rest[52:68]));
        said.contextSize = uint32(bytes4(rest[68:72]));
        said.replyId = bytes16(rest[72:88]);
        said.listHash = bytes32(rest[88:120]);
        said.issuedAt = uint64(bytes8(rest[120:128])) / 1_000;
    }

    function _findFault(Ticket memory said, bytes calldata list) private pure returns (Fault) {
        if (sha256(list) != said.listHash) revert OtherList(said.listHash);
        (CandidateList.Asked memory asked, CandidateList.Candidate[] memory candidates) = CandidateList.read(list);
        if (asked.model != said.model) return Fault.Model;
        if (candidates.length == 0) return Fault.Draw;
        uint256 total = CandidateList.weigh(candidates, asked.sort, said.listHash);
        CandidateList.Candidate memory drawn = CandidateList.draw(candidates, said.replyId, said.listHash, total);
        if (drawn.providerId != said.providerId) return Fault.Draw;
        bool isSame = drawn.payee == said.payee && drawn.price == said.price && drawn.contextSize == said.contextSize;
        return isSame ? _findListFault(asked, candidates) : Fault.Terms;
    }

    /// @dev Compares a list with its request: in the order of the faults, over all candidates each.
    function _findListFault(CandidateList.Asked memory asked, CandidateList.Candidate[] memory candidates)
        private
        pure
        returns (Fault found)
    {
        uint256 room = _roomOf(asked, candidates[0]);
        for (uint256 i; i < candidates.length; ++i) {
            CandidateList.Candidate memory one = candidates[i];
            if (one.price > asked.maxPrice) return Fault.Price;
            if (one.held < asked.minHeld) found = Fault.Stake;
            else if (found == Fault.None && _roomOf(asked, one) != room) found = Fault.Room;
        }
    }

    function _roomOf(CandidateList.Asked memory asked, CandidateList.Candidate memory one) private pure returns (uint256) {
        return one.contextSize < asked.contextSize ? one.contextSize : asked.contextSize;
    }
}
