import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BLOCK_BYTES } from '@ogong/hub/block-size';
import { computeBlockRoot, countBlocks, hashBlock, sizeOfBlock } from '@ogong/hub/blocks';
import { toHex } from '@ogong/protocol/base/bytes';

/** A blob whose bytes are computed when they are asked for, so it takes no memory. */
export interface TestBlob {
  readonly bytes: number;
  readonly id: string;
  readonly root: Uint8Array;
  readonly hashes: readonly Uint8Array[];
  /** Returns the bytes of one block. */
  block(index: number): Uint8Array;
  /** Streams the bytes from a multiple of the block size on, in pieces that fit no block. */
  stream(from?: number): AsyncGenerator<Uint8Array>;
}

const PIECE_BYTES = 300_001;

/** Creates a blob that differs from others by its seed: each block begins with its index and the seed. */
export function createTestBlob(bytes: number, seed = 1): TestBlob {
  const pattern = Uint8Array.from(
    { length: Math.min(bytes, BLOCK_BYTES) },
    (_, i) => (i * 31 + (i >>> 8) + seed) & 255,
  );
  const block = (index: number): Uint8Array => {
    const content = pattern.slice(0, sizeOfBlock(bytes, index));
    content.set([index & 255, (index >>> 8) & 255, seed].slice(0, content.length));
    return content;
  };
  const hashes = Array.from({ length: countBlocks(bytes) }, (_, i) => hashBlock(block(i)));
  const root = computeBlockRoot(hashes);
  return {
    ...{ bytes, root, hashes, block },
    id: toHex(root),
    async *stream(from = 0) {
      for (let index = from / BLOCK_BYTES; index < hashes.length; index++) {
        const content = block(index);
        for (let at = 0; at < content.length; at += PIECE_BYTES) yield content.slice(at, at + PIECE_BYTES);
      }
    },
  };
}

/** Reads a stream to its end. */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece.slice());
  return new Uint8Array(Buffer.concat(pieces));
}

/** Passes a number of bytes on and throws then, as a broken connection does. */
export async function* breakAfter(stream: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let passed = 0;
  for await (const piece of stream) {
    const part = piece.subarray(0, bytes - passed);
    passed += part.length;
    if (part.length > 0) yield part;
    if (passed >= bytes) throw new Error('the connection broke');
  }
}

/** Passes a number of bytes on and nothing more, as a dead connection does. */
export async function* stallAfter(stream: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let passed = 0;
  for await (const piece of stream) {
    const part = piece.subarray(0, bytes - passed);
    passed += part.length;
    if (part.length > 0) yield part;
    if (passed >= bytes) break;
  }
  // The stream is closed by now, so it leaves no file open.
  if (passed >= bytes) await new Promise(() => undefined);
}

/** Returns a function that collects garbage and returns the bytes in use, those of buffers included. */
export function createMemoryMeter(): () => number {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  return () => {
    // The second collection waits for buffers that the first one frees beside other work.
    collectGarbage();
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
}
