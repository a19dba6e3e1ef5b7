// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The call that a contract of proofs makes to its creator.
interface IProvenCases {
    function openProven(address accused, address reporter, bytes32 evidence) external;
}

/// @title Proofs that are announced before they are shown
/// @notice Reporters announce a proof first, so that nobody who sees it coming can take the reporter's share.
abstract contract Announcements {
    /// An announcement and its time.
    struct Seal {
        bytes32 hash;
        uint64 blockNumber;
    }

    /// It created this contract.
    IProvenCases public immutable cases;

    mapping(address reporter => Seal) private _seals;

    event ProofAnnounced(address indexed reporter, bytes32 seal);

    error NotAnnounced(bytes32 seal);

    /// @dev To be created by Cases.
    constructor() {
        cases = IProvenCases(msg.sender);
    }

    /// @notice Announces a proof, a block or more before `prove` shows it.
    /// @param seal `sealOf` the caller, the evidence and a random salt.
    function announce(bytes32 seal) external {
        _seals[msg.sender] = Seal(seal, uint64(block.number));
        emit ProofAnnounced(msg.sender, seal);
    }

    /// @notice The value that `announce` takes.
    function sealOf(address reporter, address accused, bytes32 evidence, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(reporter, accused, evidence, salt));
    }

    /// @dev Opens the case that the caller has announced, and names the caller as its reporter.
    function _openAnnounced(address accused, bytes32 evidence, bytes32 salt) internal {
        bytes32 seal = sealOf(msg.sender, accused, evidence, salt);
        if (_seals[msg.sender].hash != seal || _seals[msg.sender].blockNumber >= block.number) revert NotAnnounced(seal);
        delete _seals[msg.sender];
        cases.openProven(accused, msg.sender, evidence);
    }
}
