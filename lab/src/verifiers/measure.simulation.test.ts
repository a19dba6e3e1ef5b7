import { describe, expect, it, vi } from 'vitest';
import { chooseSeed } from '../bad-days/random.ts';
import { estimateMean, measureVerifiers, type VerifierRow } from './measure.ts';
import { SETTINGS, type Setting } from './settings.ts';
import { renderVerifierTable } from './verifier-tables.ts';

const seed = chooseSeed(1);
/** By day one honest verifier is measured. The lives of all strategies take minutes. */
const IS_LONG = process.env.OGONG_LONG === '1';
vi.setConfig({ testTimeout: 300_000 });
/** Strategies by name, in the first setting. */
const pick = (...names: string[]): readonly Setting[] => pickIn(0, ...names);
const pickIn = (setting: number, ...names: string[]): readonly Setting[] => {
  const { strategies, ...rest } = SETTINGS[setting] as Setting;
  return [{ ...rest, strategies: strategies.filter(({ name }) => names.includes(name)) }];
};

describe('honest verifiers', () => {
  it('with work are not excluded', async () => {
    const [row] = await measureVerifiers({ seed, replies: 48, runs: 1, settings: pick('honest') });
    expect(row).toMatchObject({ excluded: 0, creditedShare: 1, honestVerifiersExcluded: 0 });
    // The table shows a lower bound for a verifier that is never excluded.
    expect(renderVerifierTable([row as VerifierRow])).toMatch(/\| honest \|.*\| 0 of 1 \| > /);
  });
});

describe.runIf(IS_LONG)('strategies of verifiers (only with OGONG_LONG=1)', () => {
  const idle = ['always accepts', 'doubts always', 'cheap model', 'copies', 'never opens', 'lazy when fresh'];
  let measured: Promise<readonly VerifierRow[]> | undefined;
  const measureIdle = () => (measured ??= measureVerifiers({ seed, replies: 48, runs: 1, settings: pick(...idle) }));

  it('without work are excluded, and no honest party loses anything', async () => {
    const rows = await measureIdle();
    expect(rows.length).toBe(6);
    for (const row of rows) {
      expect([row.strategy, row.excluded, row.creditedShare]).toEqual([row.strategy, 1, 0]);
      expect(row.honestRejected.count).toBe(0);
      expect([row.honestProvidersEjected, row.honestVerifiersExcluded]).toEqual([0, 0]);
    }
  });

  it('that report what a cheat tells them are found by a second or third verifier, and so is the cheat', async () => {
    const [row] = await measureVerifiers({ seed, replies: 96, runs: 1, settings: pick('told') });
    expect(row).toMatchObject({ excluded: 1, honestRejected: { count: 0 }, honestVerifiersExcluded: 0 });
    expect(row!.cheatsPaid.of).toBeGreaterThan(row!.cheatsPaid.count);
  });

  it('that agree on the values of a cheat are found by a third verifier, and so is the cheat', async () => {
    const [row] = await measureVerifiers({ seed, replies: 240, runs: 1, settings: pickIn(2, 'told') });
    expect(row).toMatchObject({ excluded: 1, honestRejected: { count: 0 }, honestVerifiersExcluded: 0 });
    expect(row!.cheatsPaid.of).toBeGreaterThan(row!.cheatsPaid.count);
  });

  it('without work are excluded even if only a tenth is audited', async () => {
    const [row] = await measureVerifiers({ seed, replies: 60, runs: 1, settings: pickIn(1, 'lazy when fresh') });
    expect(row).toMatchObject({ excluded: 1, honestRejected: { count: 0 }, honestVerifiersExcluded: 0 });
  });

  it('that stall when they see a second digest learn nothing, since there always is one, and earn nothing', async () => {
    const [row] = await measureVerifiers({ seed, replies: 48, runs: 1, settings: pick('told, still in pairs') });
    expect(row).toMatchObject({ creditedShare: 0, honestRejected: { count: 0 }, honestVerifiersExcluded: 0 });
    expect(row!.cheatsPaid.of).toBeGreaterThan(row!.cheatsPaid.count);
  });

  it('give the same numbers for the same seed', async () => {
    const again = await measureVerifiers({ seed, replies: 48, runs: 1, settings: pick('copies', 'cheap model') });
    expect(again).toEqual((await measureIdle()).filter(({ strategy }) => ['copies', 'cheap model'].includes(strategy)));
    const lazy = () => measureVerifiers({ seed, replies: 36, runs: 1, settings: pick('lazy 0.5') });
    expect(await lazy()).toEqual(await lazy());
  });
});

describe('an estimate', () => {
  it('contains its mean, and has no width if all values are equal', () => {
    const { mean, low, high } = estimateMean([1, 2, 3, 4], seed);
    expect(mean).toBe(2.5);
    expect(low < mean && mean < high).toBe(true);
    expect(estimateMean([2, 2], seed)).toEqual({ mean: 2, low: 2, high: 2 });
  });
});
