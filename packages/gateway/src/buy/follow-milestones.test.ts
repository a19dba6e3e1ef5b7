import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { fail, pass } from '@ogong/protocol/base/checks';
import { FIRST_MILESTONE_TOKENS, MAX_MILESTONE_OPENING_BYTES } from '@ogong/protocol/exchange/limits';
import { type Milestone, MilestoneSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { encodeHeader } from '@ogong/protocol/modality/text/commitment/header';
import { fakePayer } from '@ogong/testing/gateway/fake-network';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { expect, it } from 'vitest';
import type { CheckJob } from './check/receipt-checker.ts';
import { createMilestoneFollower } from './follow-milestones.ts';

const ledger = { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(9) };
const reply = createSyntheticReply({
  ...{ crypto, ledger, payer: fakePayer, tokens: 64 },
  provider: createNodeHybridSigner(new Uint8Array(64).fill(5)),
});
const TEXT = 'x'.repeat(100_000);

/** Makes a milestone whose text has as many bytes as tokens, by which the checker of these tests knows it. */
function createMilestone(tokens: number, bend: Partial<Milestone> = {}): Milestone {
  const header = encodeHeader({ ...reply.header, outputTokenCount: tokens });
  const record = { record: Uint8Array.of(tokens), providerKey: new Uint8Array(9), signature: new Uint8Array(9) };
  const admission = { epoch: 1n, timeMs: 1n, signature: new Uint8Array(65) };
  return Object.assign(create(MilestoneSchema, { header, record, admission, textBytes: tokens }), bend);
}

/** Each a quarter longer than the one before. */
function listDue(count: number): number[] {
  const due: number[] = [FIRST_MILESTONE_TOKENS];
  while (due.length < count) due.push(Math.ceil(1.25 * (due.at(-1) as number)));
  return due;
}

/** @param answer of the checker, to a text of so many bytes: by default it holds. */
function follow(answer: (textBytes: number) => Promise<boolean> | boolean, pauseMs = 60_000) {
  const checked: number[] = [];
  const checker = {
    async check({ response: { length } }: CheckJob) {
      checked.push(length);
      const holds = await answer(length);
      const checks = [holds ? pass('draw-replay', 'replayed') : fail('draw-replay', 'not what was drawn')];
      return { ok: holds, checks, missing: [], allowed: [] };
    },
  };
  const context = {
    ...{ payer: fakePayer, checker, clock: { nowMs: () => 0 }, milestonePauseMs: pauseMs },
    chain: { ledger, network: { settlement: new Uint8Array(20) }, generations: () => [] },
  };
  const signed = { ticket: new Uint8Array(1), routerKey: new Uint8Array(1), signature: new Uint8Array(1) };
  const attempt = {
    ...{ replyId: reply.order.replyId, validators: [], beacon: { certificate: new Uint8Array() } },
    match: { signed, ticket: { modelId: 'ogong/verified/test/synthetic' } },
    order: { order: reply.orderBytes, signature: reply.orderSignature },
  };
  const job = { body: reply.request, endpoint: 'chat' };
  const follower = createMilestoneFollower(context as never, job as never, attempt as never);
  return { follower, checked, take: (milestone: Milestone) => follower.take(milestone, TEXT) };
}

const isShort = (textBytes: number): boolean => textBytes < 64;

const RUBBISH: Readonly<Record<string, readonly Milestone[]>> = {
  'one without a record': [createMilestone(80, { record: undefined })],
  'a header that is none': [createMilestone(80, { header: new Uint8Array(3) })],
  'a header that no opening can have': [createMilestone(80, { header: new Uint8Array(70_000) })],
  'more than are kept': listDue(40)
    .slice(1)
    .map((tokens) => createMilestone(tokens)),
  'more bytes than are kept': [80, 100, 125].map((tokens) =>
    createMilestone(tokens, { payeeWord: new Uint8Array(MAX_MILESTONE_OPENING_BYTES) }),
  ),
  'larger windows than it may have': [
    createMilestone(80, {
      windows: Array.from(
        { length: 129 },
        () => ({ draws: new Uint8Array(32_768), sketch: new Uint8Array() }) as never,
      ),
    }),
  ],
  'one that comes too early': [createMilestone(65)],
};

it.each(Object.entries(RUBBISH))('a false milestone is found although behind it comes %s', async (_what, behind) => {
  const { follower, take } = follow(isShort);
  take(createMilestone(64));
  for (const milestone of behind) take(milestone);
  const { standing, failed } = await follower.settle();
  expect(standing).toBeUndefined();
  expect(failed?.id).toBe('draw-replay');
  expect(failed?.evidence).toMatchObject({ record: { record: Uint8Array.of(64) }, opening: {} });
});

it('a false milestone is found although the check of the one behind it breaks down', async () => {
  const { follower, take } = follow((textBytes) => {
    if (textBytes === 80) throw new Error('the receipt checker ended with SIGABRT');
    return false;
  });
  for (const tokens of [64, 80]) take(createMilestone(tokens));
  expect((await follower.settle()).failed).toMatchObject({
    id: 'draw-replay',
    evidence: { record: { record: Uint8Array.of(64) } },
  });
});

it.each(Object.entries(RUBBISH))('the good part stands although the next message is %s', async (what, behind) => {
  const { follower, take } = follow(() => true);
  take(createMilestone(64));
  for (const milestone of behind) take(milestone);
  const { standing, failed } = await follower.settle();
  if (!what.startsWith('more')) expect(standing?.textBytes).toBe(64);
  else expect(standing?.textBytes).toBeGreaterThanOrEqual(64);
  expect(failed?.id).toBe('milestone');
  expect(follower.spoiled.aborted).toBe(true);
});

it('the first false one counts, and those before it stand', async () => {
  const { follower, take, checked } = follow((textBytes) => textBytes < 100);
  for (const tokens of [64, 80, 100, 125, 157]) take(createMilestone(tokens));
  const { standing, failed } = await follower.settle();
  expect(standing?.textBytes).toBe(80);
  expect(failed?.evidence.record?.record).toEqual(Uint8Array.of(100));
  expect(checked).toEqual([157, 64, 80, 100]);
});

it('nothing more is shown once the newest is false, while the first one is looked for', async () => {
  const looking = Promise.withResolvers<boolean>();
  const { follower, take } = follow((textBytes) => (textBytes === 64 ? looking.promise : false));
  for (const tokens of [64, 80]) take(createMilestone(tokens));
  const settled = follower.settle();
  await expect.poll(() => follower.spoiled.aborted).toBe(true);
  looking.resolve(true);
  expect((await settled).standing?.textBytes).toBe(64);
});

it('a provider that is faster than a check every few seconds is checked sooner, and not accused', async () => {
  const { follower, take, checked } = follow(() => true);
  const due = listDue(24);
  for (const tokens of due.slice(0, 16)) take(createMilestone(tokens));
  await expect.poll(() => checked).toEqual([due[15]]);
  for (const tokens of due.slice(16)) take(createMilestone(tokens));
  const { standing, failed } = await follower.settle();
  expect(failed).toBeUndefined();
  expect(standing?.textBytes).toBe(due.at(-1));
  expect(checked).toEqual([due[15], due[23]]);
});
