// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Proofs of chunks of a blob
/// @notice The tree is that of RFC 6962 over SHA-256: leaf = H(0x00 || chunk), node = H(0x01 || left || right).
library ChunkProof {
    uint256 internal constant CHUNK_BYTES = 1024;

    error BadProof(uint256 draw);
    error BadProofSize(uint256 sizeBytes);

    /// @notice Reverts unless the proof shows all chunks that the seed draws, and nothing else.
    /// @param sizeBytes Of the blob, not 0. It says how many chunks there are, and how long the last one is.
    function requireValid(
        bytes32 seed,
        uint256 pin,
        uint256 draws,
        bytes32 root,
        uint256 sizeBytes,
        bytes calldata proof
    ) internal pure {
        uint256 count = (sizeBytes + CHUNK_BYTES - 1) / CHUNK_BYTES;
        uint256 offset;
        for (uint256 draw; draw < draws; ++draw) {
            uint256 index = indexOf(seed, pin, draw, count);
            uint256 left = sizeBytes - index * CHUNK_BYTES;
            uint256 end = offset + (left < CHUNK_BYTES ? left : CHUNK_BYTES);
            if (end > proof.length) revert BadProofSize(proof.length);
            bytes32 hash = sha256(bytes.concat(hex"00", proof[offset:end]));
            (hash, offset) = _climb(hash, index, count - 1, proof, end);
            if (hash != root) revert BadProof(draw);
        }
        if (offset != proof.length) revert BadProofSize(proof.length);
    }

    /// @notice The chunk of a draw. Draws are independent, so one may repeat another.
    function indexOf(bytes32 seed, uint256 pin, uint256 draw, uint256 count) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, pin, draw))) % count;
    }

    /// @dev From a leaf to the root. A node that is the last of its level and has no sibling goes up alone.
    function _climb(bytes32 hash, uint256 index, uint256 last, bytes calldata proof, uint256 offset)
        private
        pure
        returns (bytes32, uint256)
    {
        for (; last != 0; (index, last) = (index >> 1, last >> 1)) {
            bool isRight = index & 1 == 1;
            if (!isRight && index == last) continue;
            if (offset + 32 > proof.length) revert BadProofSize(proof.length);
            bytes32 sibling = bytes32(proof[offset:offset + 32]);
            hash = sha256(isRight ? abi.encodePacked(hex"01", sibling, hash) : abi.encodePacked(hex"01", hash, sibling));
            offset += 32;
        }
        return (hash, offset);
    }
}
