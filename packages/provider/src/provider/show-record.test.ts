import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { PeerId } from '@ogong/host/link/link-identity';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { CLOCK_TOLERANCE_MS } from '@ogong/protocol/exchange/limits';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type { PushRecordRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { toPushMessage } from '@ogong/testing/validator/test-reply';
import { expect, it } from 'vitest';
import { barePush } from './bare-push.ts';
import { showRecord } from './provider-service.ts';
import type { KeptRecord } from './serving/outbox.ts';

const validator = createTestValidator();
const order = validator.order(0);
const { submission } = validator.serve(order);
const push = toPushMessage(submission) as PushRecordRequest;
const bare = barePush(crypto, push);
const { replyId } = order.fields;
const EXPIRES_MS = Number(parseOrder(order.order).expiresAtMs);
const recordHash = hashRecord(crypto, submission.record.record);
const intake = { epoch: 3n, signature: new Uint8Array(65) };

const [OWN, OTHER, STRANGER] = [1, 2, 3] as const;

/** Returns the record that a caller receives. */
function show(caller: 1 | 2 | 3, kept: KeptRecord, nowMs: number, id = replyId) {
  const address = caller === OWN ? validator.signer.address : new Uint8Array(20).fill(9);
  const findByCertHash = () => (caller === STRANGER ? undefined : { ...validator.member, address });
  const state = {
    crypto,
    clock: { nowMs: () => nowMs },
    outbox: { find: async () => kept },
    chain: { findByCertHash },
  };
  return showRecord(state, id, new Uint8Array(32).fill(caller) as PeerId);
}

it("shows the reply to its order's validator, at any time, without its texts", async () => {
  expect(await show(OWN, { push, intake: undefined }, 0)).toEqual({ push: bare, intake: undefined });
  expect(await show(OWN, { push, intake }, EXPIRES_MS)).toEqual({ push: bare, intake });
  expect([bare.request.length, bare.response.length, bare.endpoint]).toEqual([0, 0, '']);
  expect(bare.requestSummary.length).toBeGreaterThan(0);
});

it('shows other validators the receipt alone, or the whole where there is none, after the expiry', async () => {
  const late = EXPIRES_MS - CLOCK_TOLERANCE_MS + 1;
  expect(await show(OTHER, { push, intake }, late)).toEqual({ intake, recordHash });
  expect(await show(OTHER, { push, intake: undefined }, late)).toEqual({ push: bare, intake: undefined });
});

it.each<[string, () => Promise<unknown>]>([
  ['another validator before the expiry', () => show(OTHER, { push, intake }, EXPIRES_MS - CLOCK_TOLERANCE_MS)],
  ['a stranger', () => show(STRANGER, { push, intake: undefined }, EXPIRES_MS + 1)],
  ['a caller that names no reply', () => show(OWN, { push, intake }, EXPIRES_MS, new Uint8Array(3))],
])('shows nothing to %s', async (_who, ask) => {
  await expect(ask()).rejects.toThrow('no record of this reply for you');
});

it.each([
  ['verified', 'draw-replay', 'with'],
  ['tee', 'attested-replay', 'without'],
] as const)('leaves in tier %s (%s) %s its texts, if it was cut short', (tier, method, how) => {
  const header = (fields: object) => ({ ...fields, tier, method, stopReason: 'cancelled' as const });
  const cut = toPushMessage(validator.serve(order, { bend: { header } as never }).submission) as PushRecordRequest;
  const { request, response, requestSummary } = barePush(crypto, cut);
  const sizes = [request, response].map(({ length }) => length);
  if (how === 'with') expect(sizes).toEqual([cut.request.length, cut.response.length]);
  else expect([...sizes, requestSummary.length > 0]).toEqual([0, 0, true]);
});
