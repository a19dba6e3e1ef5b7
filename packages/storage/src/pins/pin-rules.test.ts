import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pin } from '@ogong/chain/registry/pins';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PlaceRefused, parsePinPlace, parsePlaceBeginning } from '../daemon/pin-place.ts';
import { countMissed, findDueEpoch } from './pin-epochs.ts';
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
    expect(kindAt(1_000n, { start: undefined, epochs: 0 })).toEqual({ kind: 'over' });
  });
});

describe('missed epochs', () => {
  it.each<[string, bigint, Partial<Pin>, number]>([
    ['none of an offer', 9_999n, { start: undefined }, 0],
    ['none in the last block before which a proof can come', 1_249n, {}, 0],
    ['one when the window closes', 1_250n, {}, 1],
    ['none of a proven epoch', 1_250n, { proven: 1, provenUntil: 1 }, 0],
    ['the earlier one beside a proven one whose window is open', 1_500n, { proven: 1, provenUntil: 2 }, 1],
    ['none after the last epoch', 9_999n, { proven: 1, provenUntil: 3 }, 2],
    ['those that are returned, too', 9_999n, { returned: 3 }, 3],
    ['none after a short epoch that is open', 1_019n, { epochBlocks: 20 }, 0],
  ])('are %s', (_, head, change, missed) => {
    expect(countMissed({ ...pin, ...change }, head)).toBe(missed);
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
  it.each([
    ['hub+https://mirror.example/models', [], 'https://mirror.example/models/'],
    ['http://127.0.0.1:9/', ['http://127.0.0.1:9'], 'http://127.0.0.1:9/'],
    ['hub+s3://models/small', [], 's3://models/small'],
    ['s3://models/small', ['s3://models'], 's3://models/small'],
    [`hf:acme/small@${'1c'.repeat(20)}`, ['hf:acme/'], `hf:acme/small@${'1c'.repeat(20)}`],
    [`walrus:${'a'.repeat(43)}`, ['walrus:'], `walrus:${'a'.repeat(43)}`],
  ])('%s is asked with %o', (place, allowed, address) => {
    const beginnings = allowed.map((text) => parsePlaceBeginning(text) ?? '');
    expect(parsePinPlace(place, beginnings).address).toBe(address);
  });

  it.each([
    ['http://127.0.0.1:9/', []],
    ['http://mirror.example/', ['http://mirror.example']],
    ['https://other.example/', ['https://mirror.example']],
    ['https://mirror.example.evil.example/', ['https://mirror.example']],
    ['https://user:password@mirror.example/', []],
    ['https://mirror.example/?to=elsewhere', []],
    ['s3://models-of-others/small', ['s3://models']],
    [`hf:acme-of-others/small@${'1c'.repeat(20)}`, ['hf:acme/', 'ipfs:']],
    ['s3://models/../secret', ['s3://models']],
    ['file:///etc/passwd', []],
    ['/etc', []],
    ['', []],
  ])('%s is refused with %o', (place, allowed) => {
    const beginnings = allowed.map((text) => parsePlaceBeginning(text) ?? text);
    expect(() => parsePinPlace(place, beginnings)).toThrow(PlaceRefused);
  });

  it('has no beginning of another kind', () => {
    expect(['ftp://x', 'https://', 'folder:/', ''].map(parsePlaceBeginning)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
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
    pinStore.keep({ pin: 1n, blob: 'ab'.repeat(32), sizeBytes: 5, isFetched: true, missed: 0 });
    pinStore.updateOffer({ pin: 2n, place: 'https://a.example/', failures: 1, isFetched: true });
    pinStore.dropOffer(3n);
    pinStore.addOffers(
      [1n, 2n].map((number) => ({ pin: number, place: 'https://b.example/' })),
      30n,
    );
    const again = openPinStore(path, 7n);
    expect(again.nextBlock()).toBe(30n);
    expect(again.offers()).toEqual([{ pin: 2n, place: 'https://a.example/', failures: 1, isFetched: true }]);
    expect(again.kept()).toEqual([{ pin: 1n, blob: 'ab'.repeat(32), sizeBytes: 5, isFetched: true, missed: 0 }]);
    expect([again.recordMissed(1n, 2), again.recordMissed(1n, 2), again.recordMissed(1n, 3)]).toEqual([2, 0, 1]);
    expect(openPinStore(path, 7n).kept()).toMatchObject([{ missed: 3 }]);
    again.drop(1n);
    const last = openPinStore(path, 7n);
    expect([last.kept(), last.missedEpochs()]).toEqual([[], 3]);
  });

  it('has room for 1,000 offers, and reads the others again later', () => {
    const path = join(directory.path, 'many.json');
    const pinStore = openPinStore(path, 0n);
    const offers = Array.from({ length: 1_002 }, (_, i) => ({ pin: BigInt(i), place: '' }));
    pinStore.addOffers(offers, 9n);
    expect([pinStore.offers().length, pinStore.hasRoom(), pinStore.nextBlock()]).toEqual([1_000, false, 0n]);
    for (const { pin } of offers.slice(0, 1_000)) if (pin !== 7n) pinStore.dropOffer(pin);
    const again = openPinStore(path, 0n);
    again.addOffers(offers, 9n);
    expect(again.offers().map(({ pin }) => pin)).toEqual([7n, 1_000n, 1_001n]);
    expect([again.hasRoom(), again.nextBlock()]).toEqual([true, 9n]);
  });

  it('refuses a damaged file', () => {
    const path = join(directory.path, 'bad.json');
    writeFileSync(
      path,
      '{"nextBlock":"1","offers":[],"kept":[{"pin":"1","blob":"../x","sizeBytes":1,"isFetched":true}]}',
    );
    expect(() => openPinStore(path, 0n)).toThrow();
  });
});
