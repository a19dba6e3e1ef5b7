import { describe, expect, it } from 'vitest';
import { MAIN_PAIR } from '../plan/experiments.ts';
import { UNLISTED } from '../results.ts';
import { createDetector, type Detector } from './detector.ts';
import { measureUnlisted, type PairDetector } from './measure-unlisted.ts';
import { createReplies } from './synthetic-judged.ts';

const SEED = 41;
const ATTACK = 'far';
const replies = createReplies(50, SEED + 1, { scale: 6 });

/** A detector for honest drift of this scale, with the given replies of the cheat as an alternative. */
const fit = (scale: number, seed: number, known = replies): Detector =>
  createDetector({
    ...{ providerClass: `drift ${scale}`, verifierClass: 'b', codeVersion: '1' },
    ...{ honest: createReplies(1000, seed, { scale }), attacks: new Map(known.length === 0 ? [] : [[ATTACK, known]]) },
  });
const tight: PairDetector = { weights: 'f16', ...MAIN_PAIR, detector: fit(1, SEED) };
const loose: PairDetector = { ...tight, provider: 'cpu-fast', detector: fit(6, SEED + 2) };
const measure = (...detectors: PairDetector[]) =>
  measureUnlisted({ weights: 'f16', verifier: 'b', attack: ATTACK, replies, detectors, seed: SEED });

describe(`a cheat under a class that no row lists, seed ${SEED}`, () => {
  it('is rejected if every row rejects, by replies that no row was fitted to, and never ejected', () => {
    const [row, ...others] = measure(tight);
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      claimed: UNLISTED,
      attack: ATTACK,
      lying: { value: 1, of: 30 },
      tokensToDecide: undefined,
    });
  });

  it('is decided by the loosest row', () => {
    const [row] = measure(tight, loose);
    expect(row?.lying.value).toBeLessThan(0.1);
  });

  it('leaves out replies that any row was fitted to, whichever class served them', () => {
    // Half as many replies, so other seeds are fitted, and some seeds by both.
    const other: PairDetector = { ...loose, detector: fit(6, SEED + 2, replies.slice(1, 26)) };
    const fitted = (detector: Detector) =>
      replies.filter(({ seed, scored }) => detector.knows(ATTACK, { seed, evidence: scored!.first }));
    const [mine, theirs] = [fitted(tight.detector), fitted(other.detector)];
    expect([mine.length, theirs.length]).toEqual([20, 10]);
    const of = new Set([...mine, ...theirs]).size;
    expect(of).toBeGreaterThan(20);
    expect(measure(tight, other)[0]?.lying.of).toBe(replies.length - of);
  });

  it('keeps all replies if no row was fitted to the cheat', () => {
    const blind: PairDetector = { ...loose, detector: fit(6, SEED + 2, []) };
    expect(measure(blind)[0]?.lying.of).toBe(replies.length);
  });

  it('gives no row without samples', () => {
    expect(
      measureUnlisted({ weights: 'f16', verifier: 'b', attack: ATTACK, replies: [], detectors: [tight], seed: SEED }),
    ).toEqual([]);
  });
});
