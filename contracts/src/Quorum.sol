// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Staking} from "./Staking.sol";

/// @title What a quorum of validators has signed
library Quorum {
    error BadQuorumSignature(uint256 index);
    error UnsortedSigners(address previous, address next);
    error NoQuorum(uint256 signed, uint256 total);

    /// @notice Reverts unless signers with more than two thirds of the votes have signed the digest.
    /// @param signatures 65 bytes each (r, s, v), in ascending order of their signers' addresses.
    function check(Staking staking, bytes32 digest, bytes[] calldata signatures) internal view {
        address[] memory signers = new address[](signatures.length);
        address previous;
        for (uint256 i; i < signatures.length; ++i) {
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            if (failure != ECDSA.RecoverError.NoError) revert BadQuorumSignature(i);
            if (signer <= previous) revert UnsortedSigners(previous, signer);
            signers[i] = previous = signer;
        }
        (uint256 signed, uint256 total) = staking.votes(signers);
        if (3 * signed <= 2 * total) revert NoQuorum(signed, total);
    }
}
