import { createReadStream } from 'node:fs';
import { computeBlockRoot, cutBlocks, hashBlock } from '@ogong/hub/blocks';
import { toHex } from '@ogong/protocol/base/bytes';

/** Computes the root of a file's blocks, hex. */
export async function hashFile(path: string): Promise<string> {
  const hashes: Uint8Array[] = [];
  for await (const block of cutBlocks(createReadStream(path))) hashes.push(hashBlock(block));
  return toHex(computeBlockRoot(hashes));
}
