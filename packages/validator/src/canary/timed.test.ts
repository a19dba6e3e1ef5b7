import { parseTestReport } from '@ogong/protocol/audit/test-report';
import { toHex } from '@ogong/protocol/base/bytes';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { MODEL_ROOT, type TestReply } from '@ogong/testing/validator/test-reply';
import {
  answerByEngine,
  createTimedBench,
  reportWritten,
  type TimedBenchOptions,
  timedIdOf,
} from '@ogong/testing/validator/timed-bench';
import { afterEach, expect, it } from 'vitest';
import { findTextHeader } from '../store/timed-work.ts';
import { reportTests } from './report-tests.ts';

const close: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of close.splice(0)) await end();
});

async function open(options: Partial<TimedBenchOptions> = {}) {
  const bench = await createTimedBench({
    names: ['honest', 'other', 'wrong', 'gone', 'third'],
    answer(name, job) {
      if (name === 'gone') throw new Error('nobody answers');
      return reportWritten(job, name === 'wrong' ? { weights: 'others' } : {});
    },
    ...options,
  });
  close.push(bench.close);
  return bench;
}

const countsOf = (outcomes: readonly string[]): readonly string[] => [
  ...new Set(outcomes.filter((one) => one !== 'unknown')),
];

it('finds who answers rightly, wrongly, and not at all', async () => {
  const bench = await open();
  bench.run(24n);
  for (const name of ['honest', 'other', 'wrong', 'gone']) {
    await expect.poll(() => countsOf(bench.outcomesOf(name)).length).toBeGreaterThan(0);
  }
  for (const name of ['honest', 'other']) expect(countsOf(bench.outcomesOf(name))).toEqual(['answered']);
  for (const name of ['wrong', 'gone']) expect(countsOf(bench.outcomesOf(name))).toEqual(['missed']);
  // Every verifier gets four texts at once, with one deadline.
  expect(new Set(bench.asked.map(({ timeoutMs }) => timeoutMs))).toEqual(new Set([154_600]));
  const report = () =>
    parseTestReport(
      reportTests(bench.validator.store, 'timed', { chainId: 31_337n, validator: new Uint8Array(20), latest: 26n }),
    );
  await expect.poll(() => report().tests.some(({ isMissed }) => isMissed)).toBe(true);
  // A provider without a verifier gets no challenge.
  expect(report().tests.every(({ providerId }) => toHex(providerId) !== toHex(timedIdOf('provider')))).toBe(true);
});

it('counts a right answer as missed that comes after its deadline', async () => {
  const bench = await open({ onCommitted: (_name, { timeoutMs }, advance) => advance(timeoutMs + 1) });
  bench.run(12n);
  await expect.poll(() => countsOf(bench.outcomesOf('honest')).length).toBeGreaterThan(0);
  expect(countsOf(bench.outcomesOf('honest'))).toEqual(['missed']);
});

it.each([
  ['this validator hears of nobody', { isConnected: false }],
  ['no deadline is known', { slowestRate: undefined }],
  ['nobody else verifies the model', { names: ['honest'] }],
  ['referees contradict each other', { answer: (name, job) => reportWritten(job, { weights: name }) }],
  ['classes differ', { answer: (name, job) => reportWritten(job, { numericClass: name, weights: name }) }],
  ['classes are inexact', { answer: (_, job) => reportWritten(job, { exact: false }) }],
  [
    'the model is unknown to everybody',
    { answer: (_, job) => reportWritten(job, { vocabularyHash: new Uint8Array(32) }) },
  ],
] satisfies [string, Partial<TimedBenchOptions>][])('says nothing of anybody where %s', async (_, options) => {
  const bench = await open(options);
  bench.run(8n);
  await expect.poll(() => bench.ended.length).toBeGreaterThan(1);
  expect(new Set(bench.ended.map(({ outcome }) => outcome))).toEqual(new Set(['unknown']));
});

it('gives no text twice, but to who is tested and to referees', async () => {
  const bench = await open({ names: ['honest', 'other', 'third', 'fourth'], answer: (_, job) => reportWritten(job) });
  bench.run(12n);
  await expect.poll(() => bench.ended.length).toBeGreaterThan(8);
  const byWork = Map.groupBy(bench.asked, ({ work }) => work);
  for (const asked of byWork.values()) {
    expect(new Set(asked.map(({ name }) => name)).size).toBe(asked.length);
    expect(asked.length).toBeLessThanOrEqual(3);
  }
});

it('has an engine answer by the path of audits', async () => {
  const engine = createFakeEngine();
  const { modelRoot, ...info } = engine.info();
  const bench = await open({
    ...{ names: ['honest', 'other'], modelRoot, ratePpm: 4_000_000 },
    bendHeader: {
      ...{ vocabularyHash: info.vocabularyHash, vocabularySize: info.vocabularySize, answerFormat: info.answerFormat },
      ...{ embeddingSize: info.embeddingSize, numericClass: info.numericClass },
    },
    answer: answerByEngine(engine),
  });
  close.push(() => engine.close());
  bench.run(1n);
  await expect.poll(() => bench.outcomesOf('honest').length).toBeGreaterThan(0);
  // Two of a model have one referee each: enough to be right, and not to be wrong.
  expect(bench.outcomesOf('honest')[0]).toBe('answered');
});

it('knows how replies look from the newest that was accepted', async () => {
  const served = new Map<string, TestReply>();
  const validator = createTestValidator({ verifiers: answerHonestly(served) });
  close.push(() => validator.close());
  await validator.announce(provider);
  for (const name of ['honest', 'other', 'third']) await validator.announceVerifier(name);
  const reply = await validator.deliver(0);
  served.set(toHex(reply.reply.record.replyId), reply);
  const find = () => validator.store.read(() => findTextHeader(validator.store, MODEL_ROOT, 64));
  expect(find()).toBeUndefined();
  await validator.certify();
  for (let i = 0; i < 8; i++) await validator.runAudits();
  expect(find()).toEqual(reply.reply.header);
  expect(findTextHeader(validator.store, new Uint8Array(32), 64)).toBeUndefined();
});
