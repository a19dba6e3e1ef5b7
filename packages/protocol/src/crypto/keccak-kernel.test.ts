import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findKeccakKernel } from './keccak-kernel.ts';

const seed = Number(process.env.OGONG_SEED ?? 1);
const keccak256 = findKeccakKernel();
if (keccak256 === undefined) throw new Error('this host does not run WebAssembly');

describe('Keccak-256 in WebAssembly', () => {
  it('hashes as noble', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (message) => {
        expect(keccak256(message)).toEqual(keccak_256(message));
      }),
      { seed, numRuns: 200 },
    );
  });

  it('hashes messages around the end of a block and of its memory', () => {
    for (const edge of [0, 136, 272, 64_872, 65_008, 2 * 65_008]) {
      for (let length = Math.max(0, edge - 2); length <= edge + 2; length++) {
        const message = Uint8Array.from({ length }, (_, i) => edge + i * 7);
        expect(keccak256(message), `${length} bytes`).toEqual(keccak_256(message));
      }
    }
  });

  it('hands out bytes that a later hash leaves alone', () => {
    const first = keccak256(Uint8Array.of(1));
    const copy = first.slice();
    keccak256(Uint8Array.of(2));
    expect(first).toEqual(copy);
  });
});
