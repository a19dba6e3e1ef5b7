// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Staking} from "./Staking.sol";
import {ValidatorRegistry} from "./ValidatorRegistry.sol";

/// @title Panels that hear appeals
/// @notice A few validators are drawn by lot, each as likely as its vote is large, without the parties of the case. More than half of
/// them lift what was decided. Whoever convicts does not choose who hears the appeal.
contract Hearings is EIP712 {
    bytes32 private constant ACQUITTAL_TYPEHASH = keccak256("Acquittal(bytes32 subject)");

    uint256 public constant SEATS = 7;

    struct Hearing {
        /// The block whose hash draws the panel; 0 where nobody appealed.
        uint64 drawnFrom;
        /// They have no seat.
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

    /// @notice Draws the panel, a block or more after the appeal; anyone may. Where nobody did so while the chain knew that block's
    /// hash, the present block takes its place.
    function draw(bytes32 subject) external {
        Hearing storage hearing = _hearings[subject];
        uint64 from = hearing.drawnFrom;
        if (from == 0) revert NoHearing(subject);
        if (hearing.panel.length != 0) revert DrawnAlready(subject);
        if (block.number <= from) revert TooEarly(from);
        bytes32 seed = blockhash(from);
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
    /// @param signatures 65-byte signatures over `acquittalDigest` by their signing keys, in ascending order of the keys' addresses.
    function requireMajority(bytes32 subject, bytes[] calldata signatures) external view {
        address[] memory panel = _hearings[subject].panel;
        if (panel.length == 0) revert NoHearing(subject);
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

    /// @notice The EIP-712 digest that those on a panel sign who lift what was decided.
    function acquittalDigest(bytes32 subject) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ACQUITTAL_TYPEHASH, subject)));
    }

    function _requireSeat(address[] memory panel, address account) private pure {
        for (uint256 i; i < panel.length; ++i) {
            if (panel[i] == account) return;
        }
        revert NotOnPanel(account);
    }

    /// @dev By votes, without putting back: bond split among many accounts has no more seats than it had.
    function _draw(bytes32 seed, address accused, address reporter) private view returns (address[] memory panel) {
        address[] memory accounts = registry.members();
        (uint256[] memory votes,,) = staking.votesOf(accounts);
        uint256 total;
        uint256 seats;
        for (uint256 i; i < accounts.length; ++i) {
            if (accounts[i] == accused || accounts[i] == reporter) votes[i] = 0;
            if (votes[i] != 0) ++seats;
            total += votes[i];
        }
        if (seats == 0) revert NobodyLeft();
        if (seats > SEATS) seats = SEATS;
        panel = new address[](seats);
        for (uint256 seat; seat < seats; ++seat) {
            uint256 at = uint256(keccak256(abi.encode(seed, seat))) % total;
            uint256 i;
            for (; at >= votes[i]; ++i) {
                at -= votes[i];
            }
            panel[seat] = accounts[i];
            total -= votes[i];
            votes[i] = 0;
        }
    }
}
