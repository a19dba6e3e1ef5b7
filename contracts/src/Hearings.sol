// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Staking} from "./Staking.sol";
import {ValidatorRegistry} from "./ValidatorRegistry.sol";

/// @title Panels that hear appeals
/// @notice A few validators are drawn by lot, each as likely as its vote is large, without the parties of the case. More than half of them
/// lift what was decided. The convicting party does not choose the panel. Each validator's lot depends only on the block, its own account
/// and its vote. So a validator that joins, leaves, or moves in the registry changes no other lot.
contract Hearings is EIP712 {
    bytes32 private constant ACQUITTAL_TYPEHASH = keccak256("Acquittal(bytes32 subject)");

    uint256 public constant SEATS = 7;
    /// Of a logarithm's fraction.
    uint256 private constant LOG_BITS = 48;

    struct Hearing {
        /// The block whose hash draws the panel; 0 without an appeal.
        uint64 drawnFrom;
        /// They cannot be members of the panel.
        address accused;
        address reporter;
        address[] panel;
    }

    Staking public immutable staking;
    ValidatorRegistry public immutable registry;
    /// The only contract that opens hearings: it created this one.
    address public immutable cases;

    mapping(bytes32 subject => Hearing) private _hearings;

    event HearingOpened(bytes32 indexed subject, address accused, address reporter, uint64 drawnFrom);
    event PanelDrawn(bytes32 indexed subject, address[] panel);

    error NotCases(address caller);
    error OpenAlready(bytes32 subject);
    error NoHearing(bytes32 subject);
    error TooEarly(uint256 blockNumber);
    error DrawnAlready(bytes32 subject);
    error NobodyLeft();
    error BadSignature(uint256 index);
    error UnsortedSigners(address previous, address next);
    error NotOnPanel(address account);
    error NoMajority(uint256 votes, uint256 seats);

    /// @dev To be created by Cases.
    constructor(Staking staking_) EIP712("OGONG", "1") {
        staking = staking_;
        registry = staking_.registry();
        cases = msg.sender;
    }

    function open(bytes32 subject, address accused, address reporter) external {
        if (msg.sender != cases) revert NotCases(msg.sender);
        Hearing storage hearing = _hearings[subject];
        if (hearing.drawnFrom != 0) revert OpenAlready(subject);
        hearing.drawnFrom = uint64(block.number);
        hearing.accused = accused;
        hearing.reporter = reporter;
        emit HearingOpened(subject, accused, reporter, uint64(block.number));
    }

    /// @notice Draws the panel, a block or more after the appeal; anyone may. If nobody did so while the chain knew that block's hash
    /// (8,191 blocks, EIP-2935), the present block takes its place.
    function draw(bytes32 subject) external {
        Hearing storage hearing = _hearings[subject];
        uint64 from = hearing.drawnFrom;
        if (from == 0) revert NoHearing(subject);
        if (hearing.panel.length != 0) revert DrawnAlready(subject);
        if (block.number <= from) revert TooEarly(from);
        bytes32 seed = Blockhash.blockHash(from);
        if (seed == 0) {
            hearing.drawnFrom = uint64(block.number);
            emit HearingOpened(subject, hearing.accused, hearing.reporter, uint64(block.number));
            return;
        }
        hearing.panel = _draw(keccak256(abi.encode(seed, subject)), hearing.accused, hearing.reporter);
        emit PanelDrawn(subject, hearing.panel);
    }

    function hearingOf(bytes32 subject) external view returns (Hearing memory) {
        return _hearings[subject];
    }

    /// @notice Reverts unless more than half of the panel has signed.
    /// @param panelOf The subject of the case for which the panel was drawn.
    /// @param subject The decision that they lift: for a payee, a later penalty than the one that was appealed against.
    /// @param signatures 65-byte signatures over `acquittalDigest` by their signing keys, in ascending order of the keys' addresses.
    function requireMajority(bytes32 panelOf, bytes32 subject, bytes[] calldata signatures) external view {
        address[] memory panel = _hearings[panelOf].panel;
        if (panel.length == 0) revert NoHearing(panelOf);
        bytes32 digest = acquittalDigest(subject);
        uint48 since = registry.inForceSince();
        address previous;
        for (uint256 i; i < signatures.length; ++i) {
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            if (failure != ECDSA.RecoverError.NoError) revert BadSignature(i);
            if (signer <= previous) revert UnsortedSigners(previous, signer);
            previous = signer;
            // At any time an account has one key, so that nobody votes twice.
            _requireSeat(panel, registry.accountAt(signer, since));
        }
        if (2 * signatures.length <= panel.length) revert NoMajority(signatures.length, panel.length);
    }

    /// @notice The EIP-712 digest that members of a panel sign to lift a decision.
    function acquittalDigest(bytes32 subject) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ACQUITTAL_TYPEHASH, subject)));
    }

    /// @notice A validator's lot, exponentially distributed with its vote as the rate: the lowest one has it with that part of all votes.
    /// @return -log2(hash / 2^256) times 2^48, rounded up, times 2^128 over the vote, rounded down.
    function lotOf(bytes32 seed, address account, uint256 vote) public pure returns (uint256) {
        uint256 hash = uint256(keccak256(abi.encode(seed, account))) | 1;
        uint256 log = Math.log2(hash);
        // The hash from its highest bit on, of 128 bits; each square doubles its logarithm.
        uint256 part = log < 128 ? hash << (127 - log) : hash >> (log - 127);
        unchecked {
            for (uint256 i; i < LOG_BITS; ++i) {
                part = part * part >> 127;
                uint256 bit = part >> 128;
                part >>= bit;
                log = log << 1 | bit;
            }
        }
        return (((256 << LOG_BITS) - log) << 128) / vote;
    }

    function _requireSeat(address[] memory panel, address account) private pure {
        for (uint256 i; i < panel.length; ++i) {
            if (panel[i] == account) return;
        }
        revert NotOnPanel(account);
    }

    /// @dev The lowest lots, ascending: by votes, without putting back. A bond that is split among many accounts has no more places on the
    /// panel than before.
    function _draw(bytes32 seed, address accused, address reporter) private view returns (address[] memory panel) {
        address[] memory accounts = registry.members();
        (uint256[] memory votes,,) = staking.votesOf(accounts);
        panel = new address[](SEATS);
        uint256[] memory lots = new uint256[](SEATS);
        uint256 seats;
        for (uint256 i; i < accounts.length; ++i) {
            address account = accounts[i];
            if (votes[i] == 0 || account == accused || account == reporter) continue;
            uint256 lot = lotOf(seed, account, votes[i]);
            uint256 at = seats < SEATS ? seats++ : SEATS;
            for (; at > 0 && (lot < lots[at - 1] || (lot == lots[at - 1] && account < panel[at - 1])); --at) {
                if (at < SEATS) (lots[at], panel[at]) = (lots[at - 1], panel[at - 1]);
            }
            if (at < SEATS) (lots[at], panel[at]) = (lot, account);
        }
        if (seats == 0) revert NobodyLeft();
        assembly ("memory-safe") {
            mstore(panel, seats)
        }
    }
}
