import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pin } from '@ogong/chain/registry/pins';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePinPlace } from '../daemon/fetch-pinned.ts';
import { findDueEpoch } from './pin-epochs.ts';
import { openPinStore } from './pin-store.ts';
import { refuseOffer } from './pin-terms.ts';

const ACCOUNT = `0x${'11'.repeat(20)}` as const;
const ROOT = `0x${'22'.repeat(32)}` as const;
const pin: Pin = {
  ...{ pin: 4n, payer: ACCOUNT, provider: ACCOUNT, blob: ROOT, pinRoot: ROOT, sizeBytes: 2 ** 29 },
  ...{ feePerEpoch: 500n, epochs: 3, epochBlocks: 400, start: 1_000n, proven: 0, provenUntil: 0, returned: 0 },
};

describe('the epoch that a proof in the next block is for', () => {
  const kindAt = (head: bigint, change: Partial<Pin> = {}) => findDueEpoch({ ...pin, ...change }, head);

  it('begins when its first block is there and ends with the window', () => {
    expect(kindAt(999n)).toEqual({ kind: 'waiting', until: 1_000n });
    expect(kindAt(1_000n)).toEqual({ kind: 'due', epoch: 0, seedBlock: 1_000n });
    expect(kindAt(1_249n)).toEqual({ kind: 'due', epoch: 0, seedBlock: 1_000n });
    expect(kindAt(1_250n)).toEqual({ kind: 'waiting', until: 1_400n });
    expect(kindAt(1_400n)).toEqual({ kind: 'due', epoch: 1, seedBlock: 1_400n });
    expect(kindAt(2_200n)).toEqual({ kind: 'over' });
  });

  it('is as long as a short epoch', () => {
    expect(kindAt(1_019n, { epochBlocks: 20 })).toEqual({ kind: 'due', epoch: 0, seedBlock: 1_000n });
    expect(kindAt(1_020n, { epochBlocks: 20 })).toEqual({ kind: 'due', epoch: 1, seedBlock: 1_020n });
  });

  it('is none of an offer, of a proven epoch, and after the last proof', () => {
    expect(kindAt(1_000n, { start: undefined })).toEqual({ kind: 'waiting', until: 1_001n });
    expect(kindAt(1_000n, { provenUntil: 1 })).toEqual({ kind: 'waiting', until: 1_400n });
    expect(kindAt(1_850n, { provenUntil: 3 })).toEqual({ kind: 'over' });
  });
});

describe('an offer', () => {
  const terms = { pricePerGib: 999n, leastFee: 100n, maxEpochBlocks: 400, roomBytes: 2 ** 30 };

  it.each([
    ['a fee below the price, rounded up', {}, { pricePerGib: 1_001n }, 0],
    ['a fee below the least one', { sizeBytes: 1, feePerEpoch: 99n }, {}, 0],
    ['a longer epoch', { epochBlocks: 401 }, {}, 0],
    ['more than the room', {}, {}, 2 ** 29 + 1],
    ['a payer that cancelled', { epochs: 0 }, {}, 0],
  ])('with %s is refused', (_, change, other, pinnedBytes) => {
    expect(refuseOffer({ ...terms, ...other }, { ...pin, ...change }, pinnedBytes)).toBeTypeOf('string');
  });

  it('at the price, in the room that is left, fits', () => {
    expect(refuseOffer(terms, pin, 2 ** 29)).toBeUndefined();
  });
});

describe('the place of an offer', () => {
  it('is any https address, or one that the operator allows', () => {
    expect(parsePinPlace('hub+https://mirror.example/models', [])).toBe('https://mirror.example/models/');
    expect(parsePinPlace('http://127.0.0.1:9/', ['http://127.0.0.1:9'])).toBe('http://127.0.0.1:9/');
  });

  it.each([
    ['http://127.0.0.1:9/', []],
    ['https://other.example/', ['https://mirror.example']],
    ['https://mirror.example.evil.example/', ['https://mirror.example']],
    ['https://user:password@mirror.example/', []],
    ['https://mirror.example/?to=elsewhere', []],
    ['file:///etc/passwd', []],
    ['', []],
  ])('%s is refused with %o', (place, allowed) => {
    expect(() => parsePinPlace(place, allowed)).toThrow();
  });
});

describe('the store of pins', () => {
  let directory: TestDirectory;
  beforeAll(() => {
    directory = createTestDirectory('pin-store');
  });
  afterAll(() => directory.remove());

  it('knows after a restart what it was told, and takes each offer once', () => {
    const path = join(directory.path, 'pins.json');
    const pinStore = openPinStore(path, 7n);
    expect(pinStore.nextBlock()).toBe(7n);
    pinStore.addOffers(
      [1n, 2n, 3n].map((number) => ({ pin: number, place: 'https://a.example/' })),
      20n,
    );
    pinStore.keep({ pin: 1n, blob: 'ab'.repeat(32), sizeBytes: 5, isFetched: true });
    pinStore.updateOffer({ pin: 2n, place: 'https://a.example/', failures: 1, isFetched: true });
    pinStore.dropOffer(3n);
    pinStore.addOffers(
      [1n, 2n].map((number) => ({ pin: number, place: 'https://b.example/' })),
      30n,
    );
    const again = openPinStore(path, 7n);
    expect(again.nextBlock()).toBe(30n);
    expect(again.offers()).toEqual([{ pin: 2n, place: 'https://a.example/', failures: 1, isFetched: true }]);
    expect(again.kept()).toEqual([{ pin: 1n, blob: 'ab'.repeat(32), sizeBytes: 5, isFetched: true }]);
    again.drop(1n);
    expect(openPinStore(path, 7n).kept()).toEqual([]);
  });

  it('is bounded, and refuses a damaged file', () => {
    const pinStore = openPinStore(join(directory.path, 'many.json'), 0n);
    pinStore.addOffers(
      Array.from({ length: 1_001 }, (_, i) => ({ pin: BigInt(i), place: '' })),
      1n,
    );
    expect(pinStore.offers()).toHaveLength(1_000);
    const path = join(directory.path, 'bad.json');
    writeFileSync(
      path,
      '{"nextBlock":"1","offers":[],"kept":[{"pin":"1","blob":"../x","sizeBytes":1,"isFetched":true}]}',
    );
    expect(() => openPinStore(path, 0n)).toThrow();
  });
});
