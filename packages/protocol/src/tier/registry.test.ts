import { readFileSync } from 'node:fs';
import { attested, listWith } from '@ogong/testing/tier/attested-tier';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../base/checks.ts';
import { judgeOutcome, opensDispute } from './outcome.ts';
import { checkPosture, describePosture, findEngineProblem, findTierProblem, readPosture } from './posture.ts';
import { getTier, isTier, listServedTiers, lookUpTier, TIERS } from './registry.ts';

const EXACT = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
const INEXACT = 'llama.cpp-0.5.0/cpu/haswell/fast/q8_0/kv-f16';
const OUTCOMES: readonly Outcome[] = ['accept', 'reject', 'inconclusive'];

const LISTS = [
  ['the tiers of this version', TIERS],
  ['with a third one', listWith(attested)],
] as const;

describe.each(LISTS)('each tier, %s', (_name, tiers) => {
  const served = listServedTiers(tiers);

  it('has a name and a method of its own', () => {
    expect(new Set(tiers.map(({ name }) => name)).size).toBe(tiers.length);
    expect(new Set(served.map(({ method }) => method)).size).toBe(served.length);
  });

  it.each(served.map((tier) => [tier.name, tier] as const))(
    '%s is found and passes with its own method',
    (name, tier) => {
      expect(isTier(name, tiers)).toBe(true);
      expect(getTier(name, tiers)).toBe(tier);
      const exact = tier.classes !== 'inexact';
      const numericClass = exact ? EXACT : INEXACT;
      const posture = { tier: name, method: tier.method, numericClass };
      expect(checkPosture(posture, tiers).status).toBe('pass');
      expect(findEngineProblem(name, { numericClass, exact }, tiers)).toBeUndefined();
      expect(describePosture(readPosture(posture), tiers)).toContain(tier.describeAudit({ exact }));
      expect(opensDispute(name, tiers)).toBe(tier.verifierWork.includes('trace'));
    },
  );

  it.each(served.map((tier) => [tier.name, tier] as const))('%s takes no other method', (name, { method }) => {
    for (const other of ['', 'none', ...served.map((tier) => tier.method)].filter((each) => each !== method)) {
      expect(checkPosture({ tier: name, method: other, numericClass: EXACT }, tiers).status, other).toBe('fail');
    }
  });

  it.each(served.map((tier) => [tier.name, tier] as const))('%s takes the classes that it names', (name, tier) => {
    const isTaken = tier.classes !== 'exact';
    const posture = { tier: name, method: tier.method, numericClass: INEXACT };
    expect(checkPosture(posture, tiers).status).toBe(isTaken ? 'pass' : 'fail');
    expect(findTierProblem(name, INEXACT, tiers) === undefined).toBe(isTaken);
    const exact = { numericClass: EXACT, exact: false };
    expect(findEngineProblem(name, exact, tiers) === undefined).toBe(tier.classes === 'any');
    expect(findTierProblem(name, EXACT, tiers) === undefined).toBe(tier.classes !== 'inexact');
  });

  it.each(served.map((tier) => [tier.name, tier] as const))(
    '%s lets stand what it admits, and nothing else',
    (name, tier) => {
      for (const outcome of OUTCOMES) {
        for (const exact of [true, false]) {
          const problem = tier.findOutcomeProblem(outcome, { exact });
          const judged = judgeOutcome(name, { outcome, exact, checks: [] }, tiers);
          expect(judged).toEqual(
            problem === undefined
              ? { outcome, checks: [] }
              : { outcome: 'inconclusive', checks: [{ id: name, status: 'skip', detail: problem }] },
          );
        }
      }
    },
  );

  it('refuses what is planned and what is unknown, in one sentence, wherever it is asked for', () => {
    const refused = [
      ...tiers.filter((entry) => 'missing' in entry).map(({ name }) => name),
      'Verified',
      '',
      '__proto__',
    ];
    for (const name of refused) {
      const { tier, refusal } = lookUpTier(name, tiers);
      expect(tier).toBeUndefined();
      expect(findTierProblem(name, EXACT, tiers)).toBe(refusal);
      expect(findEngineProblem(name, { numericClass: EXACT, exact: true }, tiers)).toBe(refusal);
      expect(checkPosture({ tier: name, method: 'none', numericClass: EXACT }, tiers)).toMatchObject({
        detail: refusal,
      });
      expect(() => getTier(name, tiers)).toThrow(refusal);
      expect(opensDispute(name, tiers)).toBe(false);
      expect(judgeOutcome(name, { outcome: 'accept', exact: true, checks: [] }, tiers).outcome).toBe('inconclusive');
      expect(judgeOutcome(name, { outcome: 'reject', exact: false, checks: [] }, tiers).outcome).toBe('reject');
    }
  });
});

describe('the outcomes that a tier admits', () => {
  const judge = (name: string, outcome: Outcome, exact: boolean) =>
    judgeOutcome(name, { outcome, exact, checks: [] }, listWith(attested)).outcome;

  it('are all in tier verified', () => {
    for (const outcome of OUTCOMES)
      for (const exact of [true, false]) expect(judge('verified', outcome, exact)).toBe(outcome);
  });

  it('include no accept without equality in tier replay', () => {
    expect(judge('replay', 'accept', true)).toBe('accept');
    expect(judge('replay', 'accept', false)).toBe('inconclusive');
    for (const exact of [true, false]) expect(judge('replay', 'reject', exact)).toBe('reject');
  });

  it('are those of the third tier itself', () => {
    expect(judge('proof', 'reject', false)).toBe('inconclusive');
    expect(judge('proof', 'accept', false)).toBe('accept');
  });

  it('are none of the third tier if the list lacks it', () => {
    expect(lookUpTier(attested.name).refusal).toMatch(
      /^tier proof is not served yet: it takes a check of zero-knowledge proofs/,
    );
  });
});

it('is what the page of the specification says of each', () => {
  const page = readFileSync(new URL('../../../../docs/spec/tiers.md', import.meta.url), 'utf8');
  const rows = TIERS.map((entry) =>
    'missing' in entry
      ? `| \`${entry.name}\` | none yet | | | | |`
      : `| \`${entry.name}\` | \`${entry.method}\` | ${entry.classes} | ${entry.evidence.join(', ')} | ${entry.verifierWork.join(', ') || 'nobody'} | ${entry.settledBy} |`,
  );
  expect(page).toContain(`${rows.join('\n')}\n\n`);
});
