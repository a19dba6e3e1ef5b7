import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { toHex } from '../../base/bytes.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { computePooledRoot } from './pooled-root.ts';

it('is the hash of its tag and the root of the model', () => {
  const root = new Uint8Array(32).fill(7);
  const expected = createHash('sha256').update('ogong-pooled-model-v1\nmean\n').update(root).digest('hex');
  expect(toHex(computePooledRoot(crypto, root))).toBe(expected);
  expect(computePooledRoot(crypto, new Uint8Array(32).fill(8))).not.toEqual(computePooledRoot(crypto, root));
});
