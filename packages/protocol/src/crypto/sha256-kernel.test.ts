import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../base/bytes.ts';
import { findSha256Kernel, NUMBERED } from './sha256-kernel.ts';

const seed = Number(process.env.OGONG_SEED ?? 1);
const kernel = findSha256Kernel();
if (kernel === undefined) throw new Error('this host does not run WebAssembly');

const fill = (length: number, first: number): Uint8Array => Uint8Array.from({ length }, (_, i) => first + i * 7);

describe('SHA-256 in WebAssembly', () => {
  it('hashes as noble, however a message is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (parts) => {
        expect(kernel.hash(parts)).toEqual(sha256(concatBytes(...parts)));
      }),
      { seed, numRuns: 200 },
    );
  });

  it('hashes messages around the end of a block and of its memory', () => {
    for (const edge of [64, 63_424, 2 * 63_424]) {
      for (let length = edge - 66; length <= edge + 2; length++) {
        if (length < 0) continue;
        const message = fill(length, edge);
        const digest = sha256(message);
        expect(kernel.hash([message]), `${length} bytes`).toEqual(digest);
        expect(kernel.hash([message.subarray(0, 3), message.subarray(3)]), `${length} bytes`).toEqual(digest);
      }
    }
  });

  it('hashes a key with each of many numbers', () => {
    const out = new Uint32Array(NUMBERED);
    for (const first of [0, NUMBERED, 2 ** 32 - NUMBERED]) {
      const key = fill(40, first + 3).subarray(5, 37);
      kernel.hashNumbers(key, first, out);
      for (const [i, word] of out.entries()) {
        const number = new Uint8Array(4);
        new DataView(number.buffer).setUint32(0, first + i);
        const digest = sha256(concatBytes(key, number));
        expect(word).toBe(new DataView(digest.buffer).getUint32(0));
      }
    }
  });
});
