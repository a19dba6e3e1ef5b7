import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/audit.json' with { type: 'json' };
import { fromHex, ProtocolError, toHex } from '../base/bytes.ts';
import { drawInteger } from '../crypto/draw-integer.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { computeWilsonInterval } from '../statistics/statistics.ts';
import {
  type AuditDraw,
  assignVerifier,
  isAudited,
  isPaired,
  keepStaked,
  PAIR_PPM,
  type VerifierCandidate,
} from './audit.ts';

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const draw = (seed: number): AuditDraw => ({
  replyId: nobleCrypto.sha256(Uint8Array.of(seed >> 8, seed)).slice(0, 16),
  orderEpoch: 1n,
  beaconEpoch: 5n,
  beacon: new Uint8Array(32).fill(9),
});

describe('audit selection', () => {
  it('always audits at one and never at zero', () => {
    fc.assert(
      fc.property(fixed(16), fixed(32), (replyId, beacon) => {
        const one = { replyId, beacon, orderEpoch: 0n, beaconEpoch: 4n };
        expect(isAudited(nobleCrypto, one, 1_000_000)).toBe(true);
        expect(isAudited(nobleCrypto, one, 0)).toBe(false);
      }),
      { seed: 61 },
    );
  });

  it('audits a fraction alpha; an audit at a lower coverage is also one at a higher coverage', () => {
    const count = 4000;
    const audited = (alpha: number): boolean[] =>
      Array.from({ length: count }, (_, i) => isAudited(nobleCrypto, draw(i), alpha));
    const [low, high] = [audited(100_000), audited(300_000)];
    const { low: from, high: to } = computeWilsonInterval(low.filter(Boolean).length, count, 4);
    expect(from).toBeLessThan(0.1);
    expect(to).toBeGreaterThan(0.1);
    expect(low.every((selected, i) => !selected || high[i])).toBe(true);
  });

  it('always audits late replies', () => {
    const late = Array.from({ length: 20 }, (_, i) => ({ ...draw(i), beaconEpoch: 17n }));
    expect(late.every((one) => isAudited(nobleCrypto, one, 1))).toBe(true);
    expect(late.some((one) => isAudited(nobleCrypto, { ...one, beaconEpoch: 5n }, 1))).toBe(false);
  });

  it('requires an epoch that decides about the order, and a coverage in range', () => {
    for (const beaconEpoch of [1n, 4n, 6n, 16n])
      expect(() => isAudited(nobleCrypto, { ...draw(1), beaconEpoch }, 500_000)).toThrow(ProtocolError);
    for (const alpha of [-1, 1_000_001, 0.5]) {
      expect(() => isAudited(nobleCrypto, draw(1), alpha)).toThrow(ProtocolError);
    }
  });

  it('matches the vectors', () => {
    for (const vector of vectors.selection) {
      const one = { ...draw(0), replyId: fromHex(vector.replyId), beacon: fromHex(vector.beacon) };
      expect(isAudited(nobleCrypto, one, vector.alphaPpm)).toBe(vector.audited);
    }
    for (const { seed, bound, value } of vectors.integers) {
      expect(drawInteger(nobleCrypto, fromHex(seed), BigInt(bound))).toBe(BigInt(value));
    }
  });
});

describe('pairs', () => {
  it('are drawn like audits, and independently of them', () => {
    const count = 4000;
    const draws = Array.from({ length: count }, (_, i) => draw(i));
    const both = draws.filter((one) => isPaired(nobleCrypto, one, 500_000) && isAudited(nobleCrypto, one, 500_000));
    for (const [hits, share] of [
      [draws.filter((one) => isPaired(nobleCrypto, one, PAIR_PPM)).length, PAIR_PPM / 1e6],
      [both.length, 0.25],
    ] as const) {
      const { low, high } = computeWilsonInterval(hits, count, 4);
      expect(low < share && high > share).toBe(true);
    }
    expect(isPaired(nobleCrypto, draw(1), 0)).toBe(false);
    expect(isPaired(nobleCrypto, draw(1), 1_000_000)).toBe(true);
    expect(() => isPaired(nobleCrypto, draw(1), 1_000_001)).toThrow(ProtocolError);
    expect(() => isPaired(nobleCrypto, { ...draw(1), orderEpoch: 5n }, 1)).toThrow(ProtocolError);
  });
});

describe('verifier assignment', () => {
  const root = new Uint8Array(32).fill(1);
  const candidate = (id: number, change: Partial<VerifierCandidate> = {}): VerifierCandidate => ({
    providerId: new Uint8Array(32).fill(id),
    payee: new Uint8Array(20).fill(id),
    modelRoot: root,
    ...change,
  });
  const server = candidate(1);
  const pool = [1, 2, 3, 4, 5].map((id) => candidate(id));
  const assign = (candidates: readonly VerifierCandidate[], tried: readonly Uint8Array[] = [], one = draw(1)) =>
    assignVerifier(nobleCrypto, { draw: one, modelRoot: root, server, candidates, tried });

  it('is the same whatever the order and repetition of candidates', () => {
    for (let i = 0; i < 20; i++) {
      const expected = assign(pool, [], draw(i));
      expect(assign([...pool].reverse(), [], draw(i))).toEqual(expected);
      expect(assign([...pool, ...pool], [], draw(i))).toEqual(expected);
    }
  });

  it('never takes the server, its operator, another model or a provider that was tried', () => {
    expect(assign([server])).toBeUndefined();
    expect(assign([candidate(2, { payee: server.payee })])).toBeUndefined();
    expect(assign([candidate(2, { modelRoot: new Uint8Array(32) })])).toBeUndefined();
    const tried: Uint8Array[] = [];
    for (let i = 0; i < 4; i++) tried.push(assign(pool, tried)!.providerId);
    expect(new Set(tried.map(toHex)).size).toBe(4);
    expect(assign(pool, tried)).toBeUndefined();
  });

  it('matches the vectors, which another implementation wrote', () => {
    for (const { replyId, beacon, candidates, asked } of vectors.verifiers) {
      const one = { ...draw(0), replyId: fromHex(replyId), beacon: fromHex(beacon) };
      const all = candidates.map((id) => candidate(9, { providerId: fromHex(id) }));
      asked.forEach((id, attempt) => {
        const tried = asked.slice(0, attempt).map((before) => fromHex(before));
        expect(toHex(assign(all, tried, one)!.providerId)).toBe(id);
      });
    }
  });

  it('gives everybody an equal chance', () => {
    const counts = new Map<string, number>();
    const draws = 2000;
    for (let i = 0; i < draws; i++) {
      const id = toHex(assign(pool, [], draw(i))!.providerId);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(counts.size).toBe(4);
    for (const count of counts.values()) {
      const { low, high } = computeWilsonInterval(count, draws, 4);
      expect(low < 0.25 && high > 0.25).toBe(true);
    }
  });

  it('gives chances in proportion to weights, and weight 1 to a candidate without one', () => {
    const weights = [0n, 0n, 1n, 3n, 6n];
    const weighed = pool.map((one, i) => ({ ...one, weight: weights[i] as bigint }));
    const counts = new Map<number, number>();
    const draws = 2200;
    for (let i = 0; i < draws; i++) {
      const id = assign(weighed, [], draw(i))!.providerId[0] as number;
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const [id, share] of [
      [2, 1],
      [3, 1],
      [4, 3],
      [5, 6],
    ] as const) {
      const { low, high } = computeWilsonInterval(counts.get(id) ?? 0, draws, 4);
      expect([id, low < share / 11 && high > share / 11]).toEqual([id, true]);
    }
  });

  it('never takes the operator of a verifier that was asked before', () => {
    const operator = new Uint8Array(32).fill(7);
    const other = new Uint8Array(32).fill(8);
    const owned = [candidate(2, { operator }), candidate(3, { operator }), candidate(4, { operator: other })];
    const one = { draw: draw(1), modelRoot: root, server, tried: [owned[0]!.providerId] };
    const next = assignVerifier(nobleCrypto, { ...one, candidates: owned, heard: [operator] });
    expect(next?.providerId).toEqual(owned[2]!.providerId);
    const nobody = { ...one, candidates: owned.slice(0, 2), heard: [operator] };
    expect(assignVerifier(nobleCrypto, nobody)).toBeUndefined();
    expect(assignVerifier(nobleCrypto, { ...nobody, heard: [] })?.providerId).toEqual(owned[1]!.providerId);
  });

  it('prefers a class if a candidate has it', () => {
    const classes = pool.map((one, i) => ({ ...one, numericClass: i === 3 ? 'a' : 'b' }));
    for (let i = 0; i < 20; i++) {
      const input = { draw: draw(i), modelRoot: root, server, tried: [], candidates: classes };
      expect(assignVerifier(nobleCrypto, { ...input, preferClass: 'a' })?.providerId).toEqual(pool[3]!.providerId);
      const inLanes = classes.map((one) => ({ ...one, numericClass: `${one.numericClass}/lanes` }));
      const ascending = assignVerifier(nobleCrypto, { ...input, candidates: inLanes, preferClass: 'a' });
      expect(ascending?.providerId).toEqual(pool[3]!.providerId);
      const free = assignVerifier(nobleCrypto, input);
      expect(assignVerifier(nobleCrypto, { ...input, preferClass: 'c' })).toEqual(free);
    }
  });

  it('leaves out candidates without stake if another operator than the server has stake', () => {
    const weighed = (weights: readonly bigint[]) => pool.map((one, i) => ({ ...one, weight: weights[i] ?? 1n }));
    const kept = (weights: readonly bigint[], payee = server.payee) =>
      keepStaked(weighed(weights), { ...server, payee }).map(({ weight }) => weight);
    expect(kept([1n, 1n])).toHaveLength(pool.length);
    expect(kept([1n, 2n, 5n])).toEqual([2n, 5n]);
    expect(kept([1n, 2n], pool[1]!.payee)).toHaveLength(pool.length);
    expect(kept([1n, 2n, 5n], pool[1]!.payee)).toEqual([2n, 5n]);
  });

  it('requires a later beacon too', () => {
    expect(() => assign(pool, [], { ...draw(1), orderEpoch: 5n })).toThrow(ProtocolError);
  });
});

describe('uniform integers', () => {
  it('stay below their bound and refuse an empty range', () => {
    fc.assert(
      fc.property(fixed(32), fc.bigInt(1n, 1n << 128n), (seed, bound) => {
        const value = drawInteger(nobleCrypto, seed, bound);
        expect(value >= 0n && value < bound).toBe(true);
      }),
      { seed: 62 },
    );
    expect(() => drawInteger(nobleCrypto, new Uint8Array(32), 0n)).toThrow(RangeError);
    expect(() => drawInteger(nobleCrypto, new Uint8Array(32), 1n << 129n)).toThrow(RangeError);
  });

  it('discard values above the last whole multiple', () => {
    // A hash of all ones lies in the cut-off rest of 2^256 mod 3; the next one does not.
    let calls = 0;
    const crypto = { ...nobleCrypto, sha256: () => new Uint8Array(32).fill(calls++ === 0 ? 0xff : 0) };
    expect(drawInteger(crypto, new Uint8Array(32), 3n)).toBe(0n);
    expect(calls).toBe(2);
  });
});
