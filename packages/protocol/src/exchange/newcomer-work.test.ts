import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/newcomer-work.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import {
  countZeroBits,
  encodeNewcomerWork,
  hashNewcomerWork,
  parseNewcomerWork,
  searchNewcomerWork,
  verifyNewcomerWork,
} from './newcomer-work.ts';

const BITS = 8;
const subject = {
  ...{ chainId: 31_337n, settlement: new Uint8Array(20).fill(1), providerId: new Uint8Array(32).fill(2) },
  ...{ epoch: 100n, beacon: new Uint8Array(32).fill(3) },
};
const nonce = searchNewcomerWork(crypto, subject, { bits: BITS, from: 0n, tries: 10_000 }) as bigint;
const work = encodeNewcomerWork({ epoch: 100n, nonce });
const about = {
  ...{ chainId: subject.chainId, settlement: subject.settlement, providerId: subject.providerId },
  ...{ terms: { bits: BITS, epochs: 10 }, latest: 105n, beacon: subject.beacon },
};
const failed = (bytes: Uint8Array, bend: Partial<typeof about>): string | undefined =>
  verifyNewcomerWork(crypto, bytes, { ...about, ...bend }).checks.find(({ status }) => status === 'fail')?.id;

describe('work of newcomers', () => {
  it('matches the vectors', () => {
    expect(vectors.works.length).toBeGreaterThan(2);
    for (const {
      chainId,
      settlement,
      providerId,
      epoch,
      beacon,
      bits,
      from,
      nonce: found,
      hash,
      bytes,
    } of vectors.works) {
      const of = {
        ...{ chainId: BigInt(chainId), settlement: fromHex(settlement), providerId: fromHex(providerId) },
        ...{ epoch: BigInt(epoch), beacon: fromHex(beacon) },
      };
      expect(searchNewcomerWork(crypto, of, { bits, from: BigInt(from), tries: 100_000 })).toBe(BigInt(found));
      expect(toHex(hashNewcomerWork(crypto, of, BigInt(found)))).toBe(hash);
      expect(toHex(encodeNewcomerWork({ epoch: of.epoch, nonce: BigInt(found) }))).toBe(bytes);
      expect(parseNewcomerWork(fromHex(bytes))).toEqual({ epoch: of.epoch, nonce: BigInt(found) });
    }
  });

  it('counts only for its key, network and epoch, and for a limited time', () => {
    expect(failed(work, {})).toBeUndefined();
    expect(failed(work, { latest: 110n })).toBeUndefined();
    expect(failed(work, { latest: 100n })).toBeUndefined();
  });

  it.each([
    ['chainId', { chainId: 1n }],
    ['settlement', { settlement: new Uint8Array(20).fill(9) }],
    ['providerId', { providerId: new Uint8Array(32).fill(9) }],
    ['beacon', { beacon: new Uint8Array(32).fill(9) }],
    ['bits', { terms: { bits: 40, epochs: 10 } }],
  ])('fails with another %s', (_, bend) => {
    expect(failed(work, bend)).toBe('work-bits');
  });

  it('fails with another epoch or nonce', () => {
    expect(failed(encodeNewcomerWork({ epoch: 101n, nonce }), {})).toBe('work-bits');
    const others = [1n, 2n, 3n].map((more) => failed(encodeNewcomerWork({ epoch: 100n, nonce: nonce + more }), {}));
    expect(others).toContain('work-bits');
  });

  it('fails before its epoch, after its time, and without the value of its epoch', () => {
    expect(failed(work, { latest: 99n })).toBe('work-epoch');
    expect(failed(work, { latest: 111n })).toBe('work-epoch');
    expect(failed(work, { beacon: undefined as never })).toBe('work-bits');
  });

  it('is parsed exactly', () => {
    for (const bytes of [work.slice(0, -1), new Uint8Array([...work, 0]), new Uint8Array(0), work.slice(1)]) {
      expect(failed(bytes, {})).toBe('work-encoding');
    }
  });

  it('counts zero bits from the first one', () => {
    const counts = [[0x80], [0x40, 0], [0, 0x01], [0, 0]].map((bytes) => countZeroBits(Uint8Array.from(bytes)));
    expect(counts).toEqual([0, 1, 15, 16]);
  });
});
