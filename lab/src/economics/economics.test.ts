import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { profiles } from '@ogong/chain/deploy/deploy';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { describe, expect, it } from 'vitest';
import { readConstant } from './contract-constants.ts';
import { toFeeShares } from './fee-shares.ts';
import { readCardRho, readMeasuredRho } from './measured-rho.ts';
import { planReplies } from './models/deterrence.ts';
import { budgetDefaults, computeVerificationCost } from './models/verification.ts';
import {
  ALL_ROLES,
  computeFixedBudgetProfit,
  computePoolProfit,
  computeWashProfit,
  drawShares,
  weighByPrice,
} from './models/wash.ts';
import { writePage } from './page.ts';
import { PROPOSITIONS, toScript } from './propositions.ts';
import { prove } from './prove.ts';
import { runModels } from './run-models.ts';

const docs = (name: string): string => fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
/** Only `npm run nightly -- long` solves the statements again. */
const IS_LONG = process.env.OGONG_LONG === '1';
const measured = [...readMeasuredRho(docs('bench.json')), ...readCardRho(docs('detection/cards.md'))];

describe('the economics lab', () => {
  it.runIf(IS_LONG)(
    'holds in every statement, and the page equals the computed one (only with OGONG_LONG=1)',
    async () => {
      const models = await runModels(measured);
      expect(models.flatMap(({ findings }) => findings.filter(({ holds }) => !holds))).toEqual([]);
      const proofs = PROPOSITIONS.map(({ says }) => ({ claim: says, holds: true, detail: '' }));
      expect(readFileSync(docs('economics.md'), 'utf8')).toBe(writePage({ models, proofs }));
    },
  );

  it('reports a statement that does not hold', () => {
    const findings = [{ claim: 'Two is three', holds: false, detail: 'it is not' }];
    const page = writePage({ models: [{ id: 'x', title: 'X', summary: 'x', findings }], proofs: [] });
    expect(page).toContain('**Does not hold.** Two is three');
    expect(page).toContain('1 do not hold');
  });

  it('rejects a bound that pays a dealer', () => {
    const shares = toFeeShares(profiles.emission.shares);
    const dealer = { fee: 10n ** 20n, others: 0n, shares, roles: ALL_ROLES };
    expect(computeWashProfit({ ...dealer, lambdaPpm: 900_000n })).toBeLessThan(0n);
    expect(() => computeWashProfit({ ...dealer, lambdaPpm: 1_100_000n })).toThrow('lambda');
    expect(computeFixedBudgetProfit(1e6, 1e6)).toBeGreaterThan(0);
    // The recycled share has no recipient. Without it a dealer breaks even.
    expect(computeWashProfit({ ...dealer, lambdaPpm: 0n })).toBe(-(10n ** 18n));
    expect(computeWashProfit({ ...dealer, lambdaPpm: 0n, shares: { ...shares, recycleBps: 0 } })).toBe(0n);
  });

  it('draws every share that the contracts admit, up to its bounds, and no other', () => {
    const random = createSeededRandom(3);
    const drawn = Array.from({ length: 5_000 }, () => drawShares(random));
    const recycled = drawn.map(({ recycleBps }) => recycleBps);
    expect([Math.min(...recycled), Math.max(...recycled)]).toEqual([50, 500]);
    expect(Math.min(...drawn.map(({ verificationBps }) => verificationBps))).toBe(100);
    expect(Math.max(...drawn.map(({ verificationBps }) => verificationBps))).toBeGreaterThan(1_400);
    expect(Math.max(...drawn.map(({ makerBps = 0 }) => makerBps))).toBe(500);
  });

  it('finds no gain in a pool for a dealer with equal parts of tokens and fees', () => {
    const dealer = { feePart: 0.3, tokenPart: 0.3, draws: 1, verificationBps: 400 };
    expect(computePoolProfit(dealer)).toBeCloseTo(0, 9);
    expect(computePoolProfit({ ...dealer, tokenPart: 0.6 })).toBeCloseTo(0.04 * 0.3, 9);
  });

  it('weighs replies by the price at which half of the fees are paid, and unpaid replies by their tokens', () => {
    const [cheap, usual] = [
      { fee: 0.1, tokens: 0.5, isPaid: true },
      { fee: 0.9, tokens: 0.45, isPaid: true },
    ];
    const rejected = { fee: 0, tokens: 0.05, isPaid: false };
    expect(weighByPrice([cheap, usual, rejected])).toEqual([0.05, 0.45, 0.05]);
    // An expensive reply gains nothing by its price. The price is set by the payers of half of the fees.
    expect(weighByPrice([usual, { fee: 0.1, tokens: 0.01, isPaid: true }])).toEqual([0.45, 0.01]);
    expect(weighByPrice([{ fee: 1, tokens: 0.9, isPaid: true }, usual])[0]).toBeCloseTo(0.9, 9);
    expect(weighByPrice([rejected])).toEqual([0.05]);
  });

  it('reads constants of the contracts, and no others', () => {
    expect(readConstant('Staking', 'PENALTY_PPM')).toBe(20_000);
    expect(readConstant('Cases', 'PERIOD')).toBe(86_400);
    expect(() => readConstant('Staking', 'NOTHING')).toThrow('no constant NOTHING');
  });

  it('compares every default with the most expensive measured audit, on each kind of machine', () => {
    const kinds = ['stories15M', 'with its prompt', 'vulkan', 'embeddings', 'H200', '8 replies made together'];
    for (const kind of kinds)
      expect(
        measured.some(({ what }) => what.includes(kind)),
        kind,
      ).toBe(true);
    const worst = Math.max(...measured.map(({ rho }) => rho));
    expect(worst).toBeGreaterThan(1);
    for (const { name, kept, needed } of budgetDefaults(worst)) expect(needed, name).toBeLessThanOrEqual(kept);
    // A machine on which an audit costs half as much again would be too dear for them.
    expect(budgetDefaults(1.5 * worst).some(({ kept, needed }) => needed > kept)).toBe(true);
  });

  it('takes every figure of a bench that says what an audit costs, and no other', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rho-'));
    const path = join(folder, 'bench.json');
    const rows = [
      { id: 'rho-1-a', what: 'a: rho, time to score / to generate, 1 reply, prompts left out of both', value: 0.4 },
      {
        id: 'rho-8-a',
        what: 'a: rho, time to score / to generate, 8 replies',
        value: 0.5,
        note: '0.72 with prompts of 1',
      },
      {
        id: 'rho-tiled-300-a',
        what: 'a: time to audit a reply of 96 tokens to 300 / to make it, tiled class',
        value: 0.9,
      },
      { id: 'verify-vulkan-wide', what: 'a on vulkan: score of a wide reply / making it', value: 0.6 },
      { id: 'make-and-verify-vulkan-wide', what: 'both', value: 5 },
      { id: 'audit-a', what: 'another ratio', value: 1.3 },
      { id: 'rho-1-b', what: 'not measured' },
    ];
    writeFileSync(path, JSON.stringify({ engine: { rows }, load: {} }));
    expect(readMeasuredRho(path)).toEqual([
      { what: 'a, 1 reply', rho: 0.4 },
      { what: 'a, 8 replies', rho: 0.5 },
      { what: 'a, 8 replies, with its prompt', rho: 0.72 },
      { what: 'a, tiled, a reply of 96 tokens to 300', rho: 0.9 },
      { what: 'a on vulkan, wide', rho: 0.6 },
    ]);
    rmSync(folder, { recursive: true });
    expect(readCardRho(docs('detection/cards.md'))).toHaveLength(6);
    expect(() => readCardRho(docs('bench.json'))).toThrow('no table');
  });

  it('plans cheats exactly where nothing deters', () => {
    const game = { fee: 1, saved: 0.4, franchise: 0, soundness: 0.9, falsePositive: 0.02, bond: 0 };
    expect(planReplies({ ...game, coverage: 0 }, 9, 10).cheats).toBe(9);
    expect(planReplies({ ...game, coverage: 1 }, 9, 10).cheats).toBe(0);
  });

  it('costs a hundredth of the fee where an audit costs a hundredth of the reply', () => {
    expect(computeVerificationCost(1, 0.01, { profile: profiles.whitepaper })).toBeCloseTo(0.0097, 4);
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
