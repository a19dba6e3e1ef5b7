import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ConfigError } from '@ogong/host/config/config-error';
import { computeBlockRoot, cutBlocks, hashBlock } from '@ogong/hub/blocks';
import { computePinTree } from '@ogong/hub/pin-tree';

/** Content of an offer, as the contract has it. */
export interface PinnedContent {
  /** Id of the blob, 32 bytes. */
  readonly blob: Uint8Array;
  /** 32 bytes. */
  readonly pinRoot: Uint8Array;
  readonly sizeBytes: number;
}

/** Computes both roots of a file in one reading. @throws ConfigError for an empty or missing file. */
export async function readPinnedFile(program: string, path: string): Promise<PinnedContent> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size === 0) throw new ConfigError(program, [`${path} is no file with content`]);
  const hashes: Uint8Array[] = [];
  const watched = async function* (): AsyncGenerator<Uint8Array> {
    for await (const block of cutBlocks(createReadStream(path, { highWaterMark: 1 << 20 }))) {
      hashes.push(hashBlock(block));
      yield block;
    }
  };
  const { sizeBytes, pinRoot } = await computePinTree(watched());
  return { blob: computeBlockRoot(hashes), pinRoot, sizeBytes };
}
