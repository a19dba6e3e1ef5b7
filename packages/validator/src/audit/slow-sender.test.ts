import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import {
  createTestClock,
  createTestValidator,
  otherProvider,
  provider,
  providerId,
} from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { deliverPictured, TEST_PICTURES } from '@ogong/testing/validator/test-pictures';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { expect, it } from 'vitest';
import { readAsks } from '../store/replies/opening-store.ts';

const WINDOW_MS = 600_000;
/** The first wait, and the time of the bytes of all pictures. */
const DEADLINE_MS = 15_025;
const slowPayee = createTestPayee('slow');

/**
 * A validator with one place for audits, and a provider that sends slowly.
 * @param tookMs time of each of its messages, by the time that the validator waits for it.
 */
async function openSlow(tookMs: (timeoutMs: number) => number) {
  const clock = createTestClock();
  const blobs = new Map<string, Uint8Array>();
  const slow = new Set<string>();
  const validator = createTestValidator({
    ...{ clock, verifiers: (peer, job) => answerHonestly(validator.served)(peer, job) },
    audit: { windowMs: WINDOW_MS, concurrency: 1, honeypotPpm: 0 },
    async getOpening(_peer, replyId, call) {
      const { reply } = validator.served.get(toHex(replyId)) as TestReply;
      if (slow.has(toHex(replyId))) send(call.timeoutMs);
      // A provider keeps an opening for a day.
      const { expiresAtMs } = validator.find(replyId);
      if (clock.nowMs() > expiresAtMs + OPENING_KEPT_MS)
        throw new LinkError('remote', 'gone', { refusal: 'not-found' });
      return reply.openingBytes;
    },
    async getBlob(_peer, _replyId, ref, _blind, { timeoutMs }) {
      send(timeoutMs);
      return blobs.get(toHex(ref.root)) as Uint8Array;
    },
    getMedia: async () => TEST_PICTURES,
  });
  function send(timeoutMs: number): void {
    const ms = tookMs(timeoutMs);
    clock.advance(Math.min(ms, timeoutMs));
    if (ms >= timeoutMs) throw new LinkError('timeout', 'the deadline passed');
  }
  await validator.announce(provider);
  await validator.announce(otherProvider, {}, slowPayee);
  for (const name of ['v1', 'v2']) await validator.announceVerifier(name);
  return {
    ...{ validator, clock },
    async deliverSlow(number: number): Promise<Uint8Array> {
      const { served, blobs: sent } = await deliverPictured(validator, number, {
        provider: otherProvider,
        payee: slowPayee,
      });
      const { replyId } = served.reply.record;
      slow.add(toHex(replyId));
      for (const [root, bytes] of sent) blobs.set(root, bytes);
      return replyId;
    },
  };
}

/** The most that a provider may wait with a message which still counts. */
const barelyInTime = (timeoutMs: number): number => timeoutMs - 1;

it.each([
  ['each message in 14 s', () => 14_000, { asks: 1, waitedMs: DEADLINE_MS }],
  ['each message as late as it may', barelyInTime, { asks: 0, waitedMs: 0 }],
])('a provider that sends %s has one deadline for all of them', async (_, tookMs, counted) => {
  const { validator, clock, deliverSlow } = await openSlow(tookMs);
  const replyId = await deliverSlow(0);
  await validator.certify();
  const beganMs = clock.nowMs();
  await validator.audit.tick();
  await validator.audit.idle();
  expect(clock.nowMs() - beganMs).toBeLessThanOrEqual(DEADLINE_MS);
  expect(readAsks(validator.store, replyId)).toMatchObject({ ...counted, refusals: 0 });
});

it('openings of others are audited while a provider sends as slowly as it may', async () => {
  const { validator, clock, deliverSlow } = await openSlow(barelyInTime);
  for (let number = 0; number < 12; number++) await deliverSlow(number);
  for (let number = 12; number < 16; number++) await validator.deliver(number);
  await validator.certify();
  const untilMs = clock.nowMs() + 2 * OPENING_KEPT_MS;
  for (let looks = 0; looks < 200 && validator.decided.length < 16 && clock.nowMs() < untilMs; looks++) {
    await validator.runSittings();
    clock.advance(1_000);
  }
  const honest = validator.decided.filter(({ providerId: id }) => toHex(id) === toHex(providerId));
  expect(honest.map(({ verdict }) => verdict)).toEqual(Array(4).fill('accept'));
});

it('a provider whose blobs come in time is audited', async () => {
  const { validator, clock, deliverSlow } = await openSlow((timeoutMs) => Math.floor(timeoutMs / 40));
  for (let number = 0; number < 3; number++) await deliverSlow(number);
  await validator.certify();
  for (let looks = 0; looks < 10 && validator.decided.length < 3; looks++) {
    await validator.runSittings();
    clock.advance(1_000);
  }
  expect(validator.decided.map(({ verdict }) => verdict)).toEqual(Array(3).fill('accept'));
});
