import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { BLOCK_BYTES } from '../block-size.ts';
import { createFileDigest } from './file-digest.ts';

it.each([1, 2 ** 40])(
  'computes the SHA-256 of a file of %i bytes from blocks whose buffer is used again',
  async (bytes) => {
    const hash = createFileDigest(bytes);
    const plain = createHash('sha256');
    const block = new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES));
    for (const fill of [1, 2, 3]) {
      const part = block.fill(fill).subarray(0, BLOCK_BYTES - fill);
      plain.update(part);
      await hash.update(part);
    }
    expect(Buffer.from((await hash.digest()) ?? [])).toEqual(plain.digest());
    await hash.close();
  },
);

it('has no digest once its thread has ended', async () => {
  const hash = createFileDigest(2 ** 40);
  const updated = hash.update(new Uint8Array(5));
  await hash.close();
  await updated;
  expect(await hash.digest()).toBeUndefined();
});
