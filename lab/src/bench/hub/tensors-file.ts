import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BLOCK_BYTES } from '@ogong/hub/block-size';
import { createSafetensors } from '@ogong/testing/hub/hub-model';

/** Writes a safetensors file of one tensor. Its blocks differ. @param blocks of data. */
export async function writeTensorsFile(path: string, blocks: number): Promise<void> {
  const dataBytes = blocks * BLOCK_BYTES;
  const write = function* (): Generator<Uint8Array> {
    const small = createSafetensors(BLOCK_BYTES);
    const header = Buffer.from(small.subarray(8, small.length - BLOCK_BYTES)).toString();
    const full = Buffer.from(header.replaceAll(String(BLOCK_BYTES), String(dataBytes)));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(full.length));
    yield Buffer.concat([length, full]);
    const block = Buffer.from(small.subarray(small.length - BLOCK_BYTES));
    for (let index = 0; index < blocks; index++) {
      const copy = Buffer.from(block);
      copy.writeUInt32LE(index);
      yield copy;
    }
  };
  await pipeline(Readable.from(write()), createWriteStream(path));
}
