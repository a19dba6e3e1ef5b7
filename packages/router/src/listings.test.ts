import type { Announcement } from '@ogong/protocol/exchange/announcement';
import { HELD_PREFIX_BYTES } from '@ogong/protocol/exchange/held-supply';
import { describe, expect, it } from 'vitest';
import { createListings, type Listings } from './listings.ts';

const [NEAR, FAR] = ['near', 'far'];

function announce(id: number, sequence: bigint, expiresAtMs = 1_000): Announcement {
  const of = (length: number) => new Uint8Array(length).fill(id);
  return { providerId: of(32), certHash: of(32), payee: of(20), sequence, expiresAtMs, models: [] } as never;
}

/** All places are taken by the providers 1 and 2, of which 1 has to make room. */
function open() {
  let nowMs = 0;
  const listings = createListings(2, { nowMs: () => nowMs });
  listings.put(announce(1, 5n), NEAR);
  listings.put(announce(2, 5n, 500), NEAR);
  const makeRoom = () => {
    expect(listings.isWanted(announce(3, 1n), FAR)).toBe(true);
    listings.put(announce(3, 1n), FAR);
    expect([...listings.current()].map(({ providerId }) => providerId[0])).toEqual([2, 3]);
  };
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { listings, makeRoom, pass };
}

it('an evicted provider is not listed again by an earlier announcement, from any sender', () => {
  const { listings, makeRoom, pass } = open();
  makeRoom();
  pass(600);
  listings.sweep(600);
  const third = 'third';
  expect([4n, 5n, 6n].map((sequence) => listings.isWanted(announce(1, sequence), third))).toEqual([false, true, true]);
  expect(() => listings.assertNewer(announce(1, 4n))).toThrow('does not follow');
  expect(() => listings.assertNewer(announce(1, 5n))).not.toThrow();
});

describe('a certificate that a forwarded announcement names', () => {
  const under = (id: number, certHash: Uint8Array) => ({ ...announce(id, 1n), certHash });
  const ids = (listings: Listings) => [...listings.current()].map(({ providerId }) => providerId[0]);

  it('stays free for its holder, on a link of its own and through another router', () => {
    const listings = createListings(8, { nowMs: () => 0 });
    const { certHash } = announce(2, 1n);
    listings.put(under(1, certHash), NEAR);
    expect(listings.isWanted(under(2, certHash), FAR)).toBe(true);
    listings.put(under(2, certHash), FAR);
    expect(ids(listings)).toEqual([1, 2]);
    listings.assertNewer(under(2, certHash));
    listings.put(under(2, certHash));
    expect(ids(listings)).toEqual([2]);
  });

  it('is refused to all others once its holder has a link', () => {
    const listings = createListings(8, { nowMs: () => 0 });
    const { certHash } = announce(2, 1n);
    listings.put(under(2, certHash));
    expect(listings.isWanted(under(1, certHash), NEAR)).toBe(false);
    expect(() => listings.assertNewer(under(1, certHash))).toThrow('listed under this certificate');
  });
});

it('and may say anything once that has expired', () => {
  const { listings, makeRoom, pass } = open();
  makeRoom();
  pass(1_001);
  listings.sweep(1_001);
  expect(listings.isWanted(announce(1, 4n, 5_000), 'third')).toBe(true);
});

it('a router that reported a provider gone while others had it is not believed after its return either', () => {
  const { listings, makeRoom } = open();
  const prefixes = new Set([
    Array.from(announce(1, 0n).providerId.subarray(0, HELD_PREFIX_BYTES), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join(''),
  ]);
  listings.suspendHanded(prefixes, NEAR);
  expect(listings.isCalledGone(announce(1, 5n).providerId)).toBe(true);
  listings.put(announce(1, 5n), FAR);
  listings.put(announce(1, 5n), NEAR);
  listings.suspendHanded(prefixes, NEAR);
  expect(listings.isCalledGone(announce(1, 5n).providerId)).toBe(false);
  makeRoom();
  listings.put(announce(1, 5n), NEAR);
  listings.suspendHanded(prefixes, NEAR);
  expect(listings.isCalledGone(announce(1, 5n).providerId)).toBe(false);
});
