import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignVerifier } from '../audit/audit.ts';
import { equalBytes, ProtocolError, utf8Encode } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { computeWilsonInterval } from '../statistics/statistics.ts';
import { computeStakeShare, keepByStake, weighByStake } from './stake-weights.ts';

const TOKEN = 10n ** 18n;
const MODEL_ROOT = new Uint8Array(32);
const server = { providerId: new Uint8Array(32), payee: new Uint8Array(20) };
const beaconOf = (number: number): Uint8Array => crypto.sha256(utf8Encode(`beacon ${number}`));

/** Verifiers of one payee each, or all of one payee. */
function create(name: string, count: number, { payee }: { payee?: string } = {}) {
  return Array.from({ length: count }, (_, i) => ({
    name,
    providerId: crypto.sha256(utf8Encode(`${name} ${i}`)),
    payee: crypto.sha256(utf8Encode(payee ?? `payee of ${name} ${i}`)).slice(0, 20),
    modelRoot: MODEL_ROOT,
  }));
}

type Verifier = ReturnType<typeof create>[number];

/** Stake by the owner of the verifiers. */
const stakeOfAll =
  (list: readonly Verifier[], tokens: Readonly<Record<string, bigint>>) =>
  (payee: Uint8Array): bigint =>
    (tokens[list.find((one) => equalBytes(one.payee, payee))?.name ?? ''] ?? 0n) * TOKEN;

/** Counts the draws of a verifier by name, over lists that may differ from beacon to beacon. */
function countDraws(name: string, draws: number, listOf: (beacon: Uint8Array) => readonly Verifier[]): number {
  const perList = 50;
  let drawn = 0;
  for (let number = 0; number < draws / perList; number++) {
    const beacon = beaconOf(number);
    const candidates = listOf(beacon);
    for (let reply = 0; reply < perList; reply++) {
      const draw = { replyId: new Uint8Array(16).fill(reply), orderEpoch: 0n, beaconEpoch: 4n, beacon };
      const found = assignVerifier(crypto, { draw, modelRoot: MODEL_ROOT, server, candidates, tried: [] });
      if (found?.name === name) drawn++;
    }
  }
  return drawn;
}

describe('the stake that counts for a key', () => {
  it('is in whole tokens, rounded down twice', () => {
    expect(computeStakeShare(0n, 1)).toBe(0n);
    expect(computeStakeShare(TOKEN - 1n, 1)).toBe(0n);
    expect(computeStakeShare(11n * TOKEN, 3)).toBe(3n);
    expect(computeStakeShare(12n * TOKEN - 1n, 4)).toBe(2n);
    for (const [stake, keys] of [
      [-1n, 1],
      [1n, 0],
      [1n, 1.5],
    ] as const) {
      expect(() => computeStakeShare(stake, keys)).toThrow(ProtocolError);
    }
  });

  it('is never more than the stake, over all keys of all payees', () => {
    const anyList = fc.array(fc.nat(5), { maxLength: 40 });
    const anyStakes = fc.array(fc.bigInt(0n, 10n ** 28n), { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(anyList, anyStakes, (payees, stakes) => {
        const list = payees.map((payee) => ({ payee: new Uint8Array(20).fill(payee) }));
        const weighed = weighByStake(list, (payee) => stakes[payee[0] as number] as bigint);
        for (const payee of new Set(payees)) {
          const own = weighed.filter((one) => one.payee[0] === payee);
          const tokens = own.reduce((sum, { weight }) => sum + weight - 1n, 0n);
          expect(tokens * TOKEN <= (stakes[payee] as bigint)).toBe(true);
          expect(tokens + BigInt(own.length) > (stakes[payee] as bigint) / TOKEN).toBe(true);
        }
      }),
      { seed: 11 },
    );
  });
});

describe('a crowd of free names', () => {
  const honest = create('honest', 3);
  const crowd = create('free', 1_000);
  const all = [...honest, ...crowd];
  const stakeOf = stakeOfAll(honest, { honest: 1_000n });

  it('is drawn by its weight among staked verifiers, and no more', () => {
    const listOf = (salt: Uint8Array) => keepByStake(crypto, all, { salt, limit: 256, stakeOf });
    const draws = 2_000;
    const { low, high } = computeWilsonInterval(countDraws('free', draws, listOf), draws, 4);
    const share = 253 / (253 + 3 * 1_001);
    expect([low < share, high > share]).toEqual([true, true]);
    // The same list without stake.
    const even = (salt: Uint8Array) => keepByStake(crypto, all, { salt, limit: 256, stakeOf: () => 0n });
    const before = computeWilsonInterval(countDraws('free', draws, even), draws, 4);
    expect(before.low).toBeGreaterThan(high);
  });

  it('keeps every staked candidate in a list that is cut, however small the stake', () => {
    for (const tokens of [1n, 1_000n]) {
      for (let number = 0; number < 10; number++) {
        const given = { salt: beaconOf(number), limit: 256, stakeOf: stakeOfAll(honest, { honest: tokens }) };
        const kept = keepByStake(crypto, all, given);
        expect(kept.length).toBe(256);
        expect(kept.filter(({ name }) => name === 'honest').map(({ weight }) => weight)).toEqual(
          Array.from({ length: 3 }, () => tokens + 1n),
        );
      }
    }
  });

  it('is left out by the beacon, not by its ids', () => {
    const stayed = (number: number) =>
      keepByStake(crypto, all, { salt: beaconOf(number), limit: 256, stakeOf }).map(({ providerId }) => providerId);
    expect(stayed(1)).toEqual(stayed(1));
    expect(stayed(1)).not.toEqual(stayed(2));
  });
});

describe('one payee with many keys', () => {
  const honest = create('honest', 3);
  const cheat = create('cheat', 200, { payee: 'cheat' });
  const all = [...honest, ...cheat];
  const stakeOf = stakeOfAll(all, { honest: 100n, cheat: 100n });
  const draws = 800;
  const interval = (listOf: () => readonly Verifier[]) =>
    computeWilsonInterval(countDraws('cheat', draws, listOf), draws, 4);
  const share = 200 / (200 + 3 * 101);

  it('has the chances of its stake, once, and of as many free names', () => {
    const { low, high } = interval(() => weighByStake(all, stakeOf));
    expect([low < share, high > share]).toEqual([true, true]);
  });

  it('would have nearly all of them were its stake counted for every key', () => {
    const { low } = interval(() => all.map((one) => ({ ...one, weight: 1n + stakeOf(one.payee) / TOKEN })));
    expect(low).toBeGreaterThan(0.95);
  });
});

describe('a list of too many staked verifiers', () => {
  it('keeps a payee about in proportion to its weight, and small stakes over many names cannot take over a list', () => {
    const honest = create('honest', 60);
    const many = create('many', 200);
    const stakeOf = stakeOfAll([...honest, ...many], { honest: 2n, many: 3n });
    const limit = 32;
    let kept = 0;
    for (let number = 0; number < 60; number++) {
      const list = keepByStake(crypto, [...honest, ...many], { salt: beaconOf(number), limit, stakeOf });
      kept += list.filter(({ name }) => name === 'honest').length;
    }
    // Inclusion is in proportion to weight: 60 * 3 of 60 * 3 + 200 * 4, about a fifth. By weight alone it would be zero.
    const { low, high } = computeWilsonInterval(kept, 60 * limit, 4);
    expect([low < 180 / 980, high > 180 / 980]).toEqual([true, true]);
  });
});
