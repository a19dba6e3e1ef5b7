import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { OrderConsent } from '@ogong/protocol/exchange/order-consent';
import type { PushRecordRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { NO_MEDIA } from '@ogong/protocol/modality/media/media';
import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { toPushMessage } from '@ogong/testing/validator/test-reply';
import { expect, it } from 'vitest';
import type { ProviderState } from '../provider-state.ts';
import { createRunningReplies } from './running-replies.ts';
import { createServeContext } from './serve-context.ts';

const NOW = 1_800_000_000_000;
const LEDGER = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
const CONSENT: OrderConsent = { providerKey: new Uint8Array(1_344), signature: new Uint8Array(2_484) };
const EVENT = { event: { case: 'started', value: { promptTokens: 1 } } } as const;

/** For a consumer whose link lives, and who takes nothing. */
function createContext({ lifetimeMs, gone = new AbortController() }: { lifetimeMs: number; gone?: AbortController }) {
  const replies = createRunningReplies({ crypto, ledger: LEDGER });
  const state = {
    ...{ crypto, clock: { nowMs: () => NOW }, stopping: new AbortController(), maxReplyMs: 600_000, replies },
    getPayeeWord: () => new Uint8Array(73),
  };
  const order = { replyId: new Uint8Array(16), validator: new Uint8Array(20), expiresAtMs: BigInt(NOW + lifetimeMs) };
  const reader = {
    consumer: new Uint8Array(32),
    address: '10.0.0.1',
    welcome() {},
    send: () => new Promise<boolean>(() => {}),
    gone: gone.signal,
  };
  return createServeContext(
    state as unknown as ProviderState,
    { order, body: new Uint8Array(), media: NO_MEDIA } as never,
    reader,
  );
}

it('does not wait past the order for a consumer who takes nothing', async () => {
  const context = createContext({ lifetimeMs: 1 });
  expect(await context.send(EVENT)).toBe(false);
  expect(context.left.aborted).toBe(true);
  expect(await context.send(EVENT)).toBe(false);
});

it('does not wait for a consumer who is gone, and goes on with the reply', async () => {
  const gone = new AbortController();
  const context = createContext({ lifetimeMs: 600_000, gone });
  const sent = context.send(EVENT);
  gone.abort();
  expect(await sent).toBe(false);
  expect(context.left.aborted).toBe(false);
});

it('has nothing admitted before the claim is on the disk and the consent is signed', async () => {
  const order = {
    ...{ replyId: new Uint8Array(16), orderHash: new Uint8Array(32), validator: new Uint8Array(20) },
    ...{ router: new Uint8Array(20), expiresAtMs: BigInt(NOW + 1_000) },
  };
  const steps: string[] = [];
  const state = {
    ...{ crypto, clock: { nowMs: () => NOW }, stopping: new AbortController(), maxReplyMs: 600_000 },
    replies: createRunningReplies({ crypto, ledger: LEDGER }),
    getPayeeWord: () => new Uint8Array(73),
    metrics: { steps: { run: (_id: Uint8Array, _name: string, work: () => unknown) => work() } },
    links: {
      to: () => ({
        async admit() {
          steps.push('admit');
          throw new Error('nobody there');
        },
      }),
    },
  };
  const reader = {
    consumer: order.replyId,
    address: '',
    welcome: () => steps.push('welcome'),
    send: async () => true,
    gone: new AbortController().signal,
  };
  const open = (claimed: Promise<void>, consent: Promise<OrderConsent>) => {
    const job = { body: new Uint8Array(), media: NO_MEDIA, order, claimed, consent };
    return createServeContext(state as never, job as never, reader).admit(new AbortController().signal);
  };
  const [claim, consent] = [Promise.withResolvers<void>(), Promise.withResolvers<OrderConsent>()];
  const admission = open(claim.promise, consent.promise);
  for (const resolve of [() => claim.resolve(), () => consent.resolve(CONSENT)]) {
    await new Promise(setImmediate);
    expect(steps).toEqual([]);
    resolve();
  }
  await expect(admission).rejects.toThrow('nobody there');
  expect(steps.splice(0)).toEqual(['admit']);
  const failed = Promise.reject(new Error('the disk is full'));
  await expect(open(failed, Promise.resolve(CONSENT))).rejects.toThrow('the disk is full');
  expect(steps).toEqual([]);
});

const bench = createTestValidator();

/** Keeps a reply and returns everything that a disk then holds of its texts. */
async function keepReply(tier: string, { isSealed = true, isWithheld = false }) {
  const served = bench.order(0);
  const header = (fields: object) => ({ ...fields, tier });
  const { submission } = bench.serve(served, { bend: { header } as never });
  const openings: object[] = [];
  const pushes: PushRecordRequest[] = [];
  const state = {
    ...{ crypto, clock: { nowMs: () => NOW }, stopping: new AbortController(), maxReplyMs: 600_000, openingTtlMs: 1 },
    replies: createRunningReplies({ crypto, ledger: LEDGER }),
    getPayeeWord: () => new Uint8Array(73),
    openings: { put: async (_id: Uint8Array, opening: object) => void openings.push(opening) },
    outbox: { add: async (_id: Uint8Array, _to: Uint8Array, push: PushRecordRequest) => void pushes.push(push) },
    served: { sign: async () => {} },
  };
  const order = { ...served.fields, orderHash: new Uint8Array(32), expiresAtMs: BigInt(NOW + 1_000) };
  const job = {
    ...{ order, body: submission.request, media: NO_MEDIA, ticket: { modelId: `ogong/${tier}/test/toy` } },
    ...{ hold: { keep: async () => {} }, sealer: isSealed ? {} : undefined },
  };
  const reader = { consumer: new Uint8Array(32).fill(1), address: '', welcome() {}, send: async () => true };
  const context = createServeContext(state as never, job as never, { ...reader, gone: new AbortController().signal });
  const committed = { opening: new Uint8Array(9) } as never;
  await context.keep(committed, toPushMessage(submission) as PushRecordRequest, { feeAtomic: 1n, isWithheld });
  return { openings: openings.length, hasTexts: pushes.some(({ request }) => request.length > 0) };
}

it.each([
  ['tee, sealed', 'tee', { isSealed: true }, { openings: 0, hasTexts: false }],
  ['tee, in plain', 'tee', { isSealed: false }, { openings: 1, hasTexts: false }],
  ['tee, in plain and unpaid', 'tee', { isSealed: false, isWithheld: true }, { openings: 0, hasTexts: false }],
  ['verified, sealed', 'verified', { isSealed: true }, { openings: 1, hasTexts: true }],
])('stores of a reply of tier %s no texts that nobody may ask for', async (_what, tier, how, expected) => {
  expect(await keepReply(tier, how)).toEqual(expected);
});
