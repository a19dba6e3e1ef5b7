import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { expect, it } from 'vitest';
import { nativeHash } from './native-hash.ts';
import { createSketchBanks } from './sketch-banks.ts';

it('makes another bank for another seed or other directions, and one for requests that share both', () => {
  const embeddingSize = 48;
  const open = createSketchBanks(embeddingSize);
  const bankSeed = new Uint8Array(32);
  const first = open({ bankSeed, directions: 16 });
  expect(open({ bankSeed: bankSeed.slice(), directions: 16 })).toBe(first);
  bankSeed[31] = 1;
  const sketches = [
    { bankSeed, directions: 16 },
    { bankSeed, directions: 8 },
    { bankSeed: new Uint8Array(32), directions: 8 },
    { bankSeed: new Uint8Array(32), directions: 16 },
  ];
  for (const sketch of sketches)
    expect(open(sketch)).toEqual(createSketchBank(nativeHash, { ...sketch, embeddingSize }));
});
