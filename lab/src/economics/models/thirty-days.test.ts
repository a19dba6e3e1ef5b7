import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { isAudited } from '@ogong/protocol/audit/audit';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describe, expect, it } from 'vitest';
import { drawBinomial } from './thirty-days/draw-binomial.ts';
import { createAudits, VERIFIER_SETTING } from './thirty-days/network.ts';
import { LEAGUES } from './thirty-days/search.ts';
import { describe as describeRates, FULL, listBills, playControls, playRate, type ThirtyDays } from './thirty-days.ts';

/** Twelve days at one rate, one life of each strategy. */
const SHORT: ThirtyDays = {
  ...{ ...FULL, rates: [10], days: 12, mixes: () => 4, noise: 0.05 },
  effort: { pool: 100, lives: () => 1 },
};

/** One kind of reply, audited often. */
function playMany(
  kind: Parameters<ReturnType<typeof createAudits>>[0]['kind'],
  league: keyof typeof LEAGUES,
  isShy = false,
) {
  const audits = createAudits(VERIFIER_SETTING, LEAGUES[league], { size: 100, seed: 3 });
  const outcomes = Array.from({ length: 200 }, () => audits({ kind, isShy }, 100_000));
  const count = (verdict: string): number => outcomes.filter((one) => one.verdict === verdict).length / 200;
  return { outcomes, count };
}

describe('thirty days of forging', () => {
  it('holds in its short form, with each cure and without it', async () => {
    const rates = [await playRate(10, SHORT)];
    const findings = describeRates(SHORT, { rates, controls: await playControls(SHORT), bills: await listBills() });
    expect(findings.filter(({ holds }) => !holds)).toEqual([]);
  });

  it('selects as many replies as the draw of the protocol', () => {
    const random = createSeededRandom(5);
    const trials = 20_000;
    const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(256 * random()));
    const isDrawn = (): boolean =>
      isAudited(crypto, { replyId: bytes(16), orderEpoch: 0n, beaconEpoch: 4n, beacon: bytes(32) }, 25_000);
    const drawn = Array.from({ length: trials }, isDrawn).filter(Boolean).length;
    let counted = 0;
    for (let i = 0; i < trials; i += 25) counted += drawBinomial(25, 0.025, random);
    const spread = 4 * Math.sqrt(trials * 0.025 * 0.975);
    expect(Math.abs(drawn - 500)).toBeLessThan(spread);
    expect(Math.abs(counted - 500)).toBeLessThan(spread);
    expect(drawBinomial(7, 1, random)).toBe(7);
    expect(drawBinomial(7, 0, random)).toBe(0);
  });

  it('bills no more than the size check, the prompt meter and the order allow', async () => {
    const fees = await listBills();
    expect(fees.map((fee) => Math.round(100 * fee) / 100)).toEqual([3.33, 4.26, 5]);
  });

  it('accepts honest replies and rejects forged ones, whatever verifiers without stake report', () => {
    expect(playMany('honest', 'none').count('accept')).toBeGreaterThan(0.9);
    expect(playMany('foreign', 'unstaked').count('reject')).toBe(1);
    expect(playMany('overbilled', 'none').outcomes.every(({ evidence }) => evidence === 'exact')).toBe(true);
    expect(playMany('foreign', 'third').count('accept')).toBeGreaterThan(0.15);
  });

  it('seldom accepts by verifiers of little stake where honest ones are silent', () => {
    expect(playMany('odd', 'least').count('accept')).toBeLessThan(0.1);
    expect(playMany('odd', 'third').count('accept')).toBeGreaterThan(0.2);
  });

  it('has no verdict where nobody answers, and a late opening where the forger withholds it', () => {
    expect(playMany('odd', 'none').count('unjudged')).toBe(1);
    expect(playMany('near', 'none').count('inconclusive')).toBe(1);
    expect(playMany('foreign', 'none', true).outcomes.every(({ step }) => step === 'late')).toBe(true);
  });
});
