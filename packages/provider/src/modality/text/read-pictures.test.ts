import type { EncodedPicture } from '@ogong/engine/interface/vision';
import { expect, it } from 'vitest';
import type { ModelRequest } from './model-request.ts';
import { readPictures } from './read-pictures.ts';

const ROW_BYTES = 8;

/** A request that shows these references, each of one row. */
function ask(references: readonly string[]) {
  const parts = references.map((picture) => ({ picture }));
  const request = { asked: { messages: [{ role: 'user', parts }] }, prompt: {} } as unknown as ModelRequest;
  const media = new Map(references.map((reference, i) => [reference, Uint8Array.of(i)]));
  const encoded: number[] = [];
  const encodePicture = async ([file = 0]: Uint8Array): Promise<EncodedPicture> => {
    encoded.push(file);
    return { rows: new Float32Array(ROW_BYTES / 4) } as EncodedPicture;
  };
  return { engine: { encodePicture }, request, media, encoded };
}

it('encodes equal pictures once, and counts their rows each', async () => {
  const { engine, request, media, encoded } = ask(['a', 'b', 'a']);
  const counted: number[] = [];
  const assertRows = (bytes: number): void => void counted.push(bytes);
  const { pictures } = await readPictures(engine, request, { media, assertRows });
  expect([pictures.length, encoded, counted]).toEqual([3, [2, 1], [8, 16, 24]]);
});

it('encodes no further picture once there are too many rows', async () => {
  const { engine, request, media, encoded } = ask(['a', 'b', 'c', 'd']);
  const assertRows = (bytes: number): void => {
    if (bytes > ROW_BYTES) throw new RangeError('too many rows');
  };
  await expect(readPictures(engine, request, { media, assertRows })).rejects.toThrow('too many rows');
  expect(encoded).toEqual([0, 1]);
});
