import { MAX_TREE_LEAVES } from '@ogong/protocol/crypto/merkle';

/** Bytes of a block. The last block of a file may have fewer, and none is empty. */
export const BLOCK_BYTES = 2 ** 20;
/** The largest file: a tree of 2^20 blocks. */
export const MAX_FILE_BYTES = MAX_TREE_LEAVES * BLOCK_BYTES;
