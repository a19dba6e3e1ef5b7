import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readMeasuredRho } from './measured-rho.ts';
import { planReplies } from './models/deterrence.ts';
import { computeVerificationCost } from './models/verification.ts';
import { computeFixedBudgetProfit, computeWashProfit } from './models/wash.ts';
import { writePage } from './page.ts';
import { toScript } from './propositions.ts';
import { prove } from './prove.ts';
import { runModels } from './run-models.ts';

const docs = (name: string): string => fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
const measured = readMeasuredRho(docs('bench.json'));

describe('the economics lab', () => {
  it('holds in every statement, and the page says what was computed', () => {
    const models = runModels(measured);
    expect(models.flatMap(({ findings }) => findings.filter(({ holds }) => !holds))).toEqual([]);
    const { proofs } = JSON.parse(readFileSync(docs('economics.json'), 'utf8'));
    expect(readFileSync(docs('economics.md'), 'utf8')).toBe(writePage({ models, proofs }));
  }, 60_000);

  it('says of itself what does not hold', () => {
    const findings = [{ claim: 'Two is three', holds: false, detail: 'it is not' }];
    const page = writePage({ models: [{ id: 'x', title: 'X', summary: 'x', findings }], proofs: [] });
    expect(page).toContain('**Does not hold.** Two is three');
    expect(page).toContain('1 do not hold');
  });

  it('would notice a bound that pays back', () => {
    const dealer = { fee: 10n ** 20n, others: 0n, ownsTreasury: true, ownsLicense: true, routed: true };
    expect(computeWashProfit({ ...dealer, lambdaPpm: 900_000n })).toBeLessThan(0n);
    expect(() => computeWashProfit({ ...dealer, lambdaPpm: 1_100_000n })).toThrow('lambda');
    expect(computeFixedBudgetProfit(1e6, 1e6)).toBeGreaterThan(0);
  });

  it('plans cheats exactly where nothing deters', () => {
    const game = { fee: 1, saved: 0.4, franchise: 0, soundness: 0.9, falsePositive: 0.02, bond: 0 };
    expect(planReplies({ ...game, coverage: 0 }, 9, 10).cheats).toBe(9);
    expect(planReplies({ ...game, coverage: 1 }, 9, 10).cheats).toBe(0);
  });

  it('costs a hundredth of the fee where an audit costs a hundredth of the reply', () => {
    expect(computeVerificationCost(1, 0.01)).toBeCloseTo(0.00976, 4);
    expect(measured.length).toBeGreaterThan(0);
  });
});

describe('proofs', () => {
  const proposition = {
    ...{ id: 'x', says: 'x', reals: ['x'], assume: ['(> x 0)'], claim: '(> x 0)' },
    twin: { says: 'negative', claim: '(< x 0)' },
  };

  it('need both answers: the statement proven, the twin refuted', async () => {
    const answers = (first: string, second: string) => {
      const queue = [first, second];
      return prove(async () => queue.shift() as string, [proposition]);
    };
    expect((await answers('unsat', 'sat'))[0]?.holds).toBe(true);
    expect((await answers('unsat', 'unsat'))[0]?.holds).toBe(false);
    expect((await answers('unknown', 'sat'))[0]?.holds).toBe(false);
    expect(toScript(proposition)).toContain('(assert (not (> x 0)))');
  });
});
