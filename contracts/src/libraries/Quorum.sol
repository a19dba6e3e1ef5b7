// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Roster} from "../Roster.sol";

/// @title Signatures of a quorum of validators
library Quorum {
    error BadQuorumSignature(uint256 index);
    error UnsortedSigners(address previous, address next);
    error NoQuorum(uint256 signed, uint256 total);

    /// @notice Reverts unless signers with more than two thirds of the votes have signed the digest.
    /// @param signatures 65 bytes each (r, s, v), in ascending order of their signers' addresses; or one that sums theirs (Roster).
    /// @return signed The votes behind it.
    function check(Roster roster, bytes32 digest, bytes[] calldata signatures) internal view returns (uint256 signed) {
        (signed,,) = roster.requireQuorum(digest, signatures);
    }
}
