import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { CountedRow } from '@ogong/hub/evaluation/evaluation-lines';
import type { SetQuestion } from '@ogong/hub/evaluation/evaluation-set';
import { pass } from '@ogong/protocol/base/checks';
import { type Client, GatewayApiError } from '@ogong/sdk';
import { type AnsweredQuestion, createTestEvaluation } from '@ogong/testing/hub/test-evaluation';
import { describe, expect, it } from 'vitest';
import { computeCost, createBudget } from './evaluation-cost.ts';
import { type RunTask, runQuestions } from './evaluation-run.ts';

const { header, answered } = createTestEvaluation(crypto);
const [one] = header.set.questions as [SetQuestion];
const pricePer1kAtomic = 2_000_000n;
const FEE = 7n;

/** Answers each question at a small fee. @param refused number of the first call that the gateway refuses. */
function createTask(changes: Partial<RunTask> = {}, { refused = Number.POSITIVE_INFINITY } = {}) {
  const kept: CountedRow[] = [];
  const bodies: object[] = [];
  const create = async (params: object) => {
    bodies.push(params);
    if (bodies.length >= refused) throw new GatewayApiError(403, { error: { message: 'no' } });
    const body = JSON.stringify(params);
    const { row } = answered.find(({ reply }) => Buffer.from(reply.request).toString() === body) as AnsweredQuestion;
    return { replies: [{ ...row, checks: [pass('fee', `${FEE} atomic units for 3 + 8 tokens`)] }] };
  };
  const client = { chat: { completions: { create } }, completions: { create } } as unknown as Client;
  const budget = createBudget(header, { maxCostAtomic: undefined, pricePer1kAtomic });
  const part = { kept: [], append: async (row: CountedRow) => void kept.push(row) };
  const { signal } = new AbortController();
  return {
    task: { client, header, part, budget, concurrency: 2, signal, onRow: () => undefined, ...changes },
    kept,
    bodies,
  };
}

describe('a run of questions', () => {
  it('keeps the answers on their way if it is interrupted, and asks no more', async () => {
    const ending = new AbortController();
    const { task, kept, bodies } = createTask({ signal: ending.signal, onRow: () => ending.abort() });
    expect(await runQuestions(task)).toMatchObject({ stopped: 'interrupted', counted: 2 });
    expect([bodies.length, kept.length]).toEqual([2, 2]);
  });

  it('keeps the answers beside a fault, and asks no more', async () => {
    const { task, kept, bodies } = createTask({}, { refused: 2 });
    await expect(runQuestions(task)).rejects.toThrow('no');
    expect([bodies.length, kept.length]).toEqual([2, 1]);
  });

  it('waits for the fees of the questions on their way before it says that the money ends', async () => {
    const highest = computeCost([one], { header, pricePer1kAtomic });
    const enough = createBudget(header, { maxCostAtomic: highest + 2n * FEE, pricePer1kAtomic });
    expect(await runQuestions(createTask({ budget: enough }).task)).toMatchObject({ stopped: undefined, counted: 3 });
    expect(enough.spentAtomic).toBe(3n * FEE);
    const scarce = createBudget(header, { maxCostAtomic: highest, pricePer1kAtomic });
    expect(await runQuestions(createTask({ budget: scarce }).task)).toMatchObject({ stopped: 'cost', counted: 1 });
  });
});
