import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { SetQuestion } from '@ogong/hub/evaluation/evaluation-set';
import { createTestEvaluation } from '@ogong/testing/hub/test-evaluation';
import { expect, it } from 'vitest';
import { computeCost, createBudget } from './evaluation-cost.ts';

const { header } = createTestEvaluation(crypto);
const [one, two, three] = header.set.questions as [SetQuestion, SetQuestion, SetQuestion];
const pricePer1kAtomic = 2_000_000n;
const costOf = (question: SetQuestion): bigint => computeCost([question], { header, pricePer1kAtomic });

it('reserves the highest cost of each question, and gives back what its fee leaves', () => {
  const budget = createBudget(header, { maxCostAtomic: costOf(one) + 10n, pricePer1kAtomic });
  expect(budget.reserve(one)).toBe(true);
  expect(budget.reserve(two)).toBe(false);
  budget.settle(one, 10n);
  expect(costOf(two)).toBe(costOf(one));
  expect(budget.reserve(two)).toBe(true);
  // Without a receipt nobody knows the fee.
  budget.settle(two, undefined);
  expect(budget.spentAtomic).toBe(costOf(two) + 10n);
  expect(budget.reserve(three)).toBe(false);
});

it('has no limit without a maximum', () => {
  const budget = createBudget(header, { maxCostAtomic: undefined, pricePer1kAtomic });
  expect([one, two, three].map((question) => budget.reserve(question))).toEqual([true, true, true]);
});
