import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { openStore } from '@ogong/host/store/store';
import { createWorkStore } from '@ogong/host/store/work-store';
import { createModelRoots } from '@ogong/host/views/model-roots';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { computeFeeFloor } from '@ogong/protocol/exchange/fee';
import type { Ticket } from '@ogong/protocol/exchange/ticket';
import { NO_PREFERENCE } from '@ogong/protocol/modality/shared/preference-fields';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import type { RegisteredRouter } from '@ogong/protocol/stage1/registered-router';
import { expect, it } from 'vitest';
import { createChannelLedger } from '../books/channel-ledger.ts';
import { GATEWAY_SCHEMA } from '../books/schema.ts';
import { assertPublishedWeights, assertRouter, findOffer, type OfferContext } from './match/find-offer.ts';
import type { Match } from './match/provider-match.ts';
import { type OpenContext, openAttempt } from './open-attempt.ts';
import { buildTerms } from './order-offer.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const MODEL = 'ogong/verified/test/model';
const request = parseRequest(
  utf8Encode(JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 40 })),
  'chat',
);
const ticket = {
  modelRoot: bytes(32, 1),
  providerId: bytes(32, 2),
  payee: bytes(20, 3),
  router: bytes(20, 4),
  contextSize: 512,
  pricePer1kAtomic: 1_500n,
} as Ticket;
const input = {
  ticket,
  payer: bytes(20, 5),
  validator: bytes(20, 6),
  requestHash: bytes(32, 7),
  replyId: bytes(16, 8),
  nonce: bytes(32, 9),
  epoch: 10n,
  nowMs: 1_000,
  escrow: { chainId: 31_337n, verifyingContract: bytes(20, 4) },
};

it('promises the price, payee and room of the ticket, and at most what the request can cost', () => {
  const { nowMs: _, ticket: __, escrow: ___, ...drawn } = input;
  const { modelRoot, providerId, payee, router, contextSize, pricePer1kAtomic } = ticket;
  expect(buildTerms({ request, choice: 1 }, input)).toEqual({
    ...drawn,
    ...{ modelRoot, providerId, payee, router, contextSize, pricePer1kAtomic },
    choice: 1,
    // (2 bytes + 64 a message + 64 a request + 40 tokens) at 1.5 each.
    maxFeeAtomic: 255n,
    // Two minutes and 50 ms a token after now.
    expiresAtMs: 123_000n,
  });
});

it('offers and holds no more than the context can bill, however many tokens the request allows', () => {
  const asked = JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 8_192 });
  const { maxFeeAtomic, expiresAtMs } = buildTerms(
    { request: parseRequest(utf8Encode(asked), 'chat'), choice: 0 },
    input,
  );
  // 512 tokens at 1.5 each, and 50 ms for each.
  expect([maxFeeAtomic, expiresAtMs]).toEqual([768n, 121_000n + 512n * 50n]);
});

it('offers at least the floor where money is real', () => {
  const escrow = { ...input.escrow, chainId: 1n };
  const { maxFeeAtomic } = buildTerms({ request, choice: 1 }, { ...input, escrow });
  expect(maxFeeAtomic).toBe(computeFeeFloor(escrow));
  expect(maxFeeAtomic).toBeGreaterThan(255n);
});

it('takes no other weights than those published under a name', async () => {
  const modelRoots = createModelRoots({ [MODEL]: bytes(32, 1) });
  const clock = { nowMs: () => 0 };
  const assert = (model: string, root: Uint8Array) => assertPublishedWeights({ modelRoots, clock }, model, root);
  await assert(MODEL, bytes(32, 1));
  await expect(assert(MODEL, bytes(32, 2))).rejects.toThrow(/other weights/);
  await expect(assert(MODEL, bytes(31, 1))).rejects.toThrow(/other weights/);
  await expect(assert('constructor', bytes(32, 2))).rejects.toThrow(/nobody has published/);
  // The operator believes providers.
  await assertPublishedWeights({ clock }, MODEL, bytes(32, 2));
});

it('takes no ticket of a router without a bond, nor of another key than its own', async () => {
  const clock = { nowMs: () => 0 };
  const routerKey = bytes(1344, 7);
  const match = { ticket: { router: bytes(20, 1) }, signed: { routerKey } } as unknown as Match;
  const assert = (found: RegisteredRouter | undefined) =>
    assertRouter({ chain: { router: async () => found }, clock }, match);
  const own = { ticketKey: hashHybridKey(nodeCrypto, routerKey), sinceMs: 0, untilMs: undefined };
  await assert(own);
  await expect(assert({ ...own, ticketKey: bytes(32, 1) })).rejects.toThrow(/another key than the router's/);
  await expect(assert(undefined)).rejects.toMatchObject({ code: 'router_unreachable' });
  const unread = { router: () => Promise.reject(new Error('down')) };
  await expect(assertRouter({ chain: unread, clock }, match)).rejects.toThrow(/cannot be looked up/);
});

it('gives back each ticket of which no order comes', async () => {
  const given: { readonly replyId: Uint8Array; readonly outcome: string }[] = [];
  const report = async (message: (typeof given)[number]) => void given.push(message);
  const routerKey = bytes(1344, 7);
  const ticketKey = hashHybridKey(nodeCrypto, routerKey);
  const context = {
    clock: { nowMs: () => 0 },
    payer: { address: bytes(20, 5) },
    validators: { pick: async () => ({ address: bytes(20, 6) }) },
    randomBytes: (length: number) => bytes(length, 9),
    links: { to: () => ({ report }) },
    matches: {
      match: async () => ({ ticket: { ...ticket, modelId: MODEL }, signed: { routerKey } }),
      leastTerms: () => ({ pricePer1kAtomic: 0n, contextSize: 0 }),
    },
    beacon: { latest: () => ({ epoch: 10n }) },
    ledger: { channel: () => Promise.reject(new Error('nothing is left')), assertBudgets: async () => undefined },
    chain: {
      ledger: input.escrow,
      validators: () => [],
      router: async () => ({ ticketKey, sinceMs: 0, untilMs: undefined }),
    },
  } as unknown as OpenContext;
  const job = { request, body: utf8Encode('{}'), key: { id: 'key' } } as unknown as Parameters<typeof openAttempt>[1];
  const asked = { requestHash: bytes(32, 7), tried: [] };
  const { replyId } = await findOffer(context, job, asked);
  expect(given).toEqual([]);

  const modelRoots = createModelRoots({ [MODEL]: bytes(32, 2) });
  await expect(findOffer({ ...context, modelRoots }, job, asked)).rejects.toThrow(/other weights/);
  await expect(openAttempt(context, job, [])).rejects.toThrow('nothing is left');
  const isGivenBack = { replyId, outcome: 'unused' };
  expect(given).toEqual([expect.objectContaining(isGivenBack), expect.objectContaining(isGivenBack)]);
});

it('keeps one ticket more only after an ordinary request without one is ordered, and reserves nothing for a client that left', async () => {
  const moves: string[] = [];
  const signed = { routerKey: bytes(1344, 7) };
  const ticketKey = hashHybridKey(nodeCrypto, signed.routerKey);
  let isFunded = false;
  const context = {
    clock: { nowMs: () => 0 },
    payer: { address: bytes(20, 5), signDigest: () => bytes(65, 1) },
    validators: { pick: async () => ({ address: bytes(20, 6) }) },
    attested: { pickValidator: async (picked: unknown) => picked, show: async () => new Map() },
    randomBytes: (length: number) => bytes(length, 9),
    links: { to: () => ({ report: async () => undefined }) },
    matches: {
      match: async () => ({ ticket: { ...ticket, modelId: MODEL }, signed }),
      leastTerms: () => ({ pricePer1kAtomic: 0n, contextSize: 0 }),
    },
    beacon: { latest: () => ({ epoch: 10n }) },
    funding: {
      async provide() {
        if (!isFunded) throw new Error('nothing is left');
        return { spendable: 1n, spent: 0n };
      },
    },
    ledger: {
      channel: async () => ({ owedAtomic: 0n, outstandingAtomic: 0n }),
      held: async () => 0n,
      assertBudgets: async () => undefined,
      reserve: async () => {
        moves.push('reserve');
        return { order: bytes(1, 1), signature: bytes(65, 1) };
      },
    },
    chain: {
      ledger: input.escrow,
      validators: () => [],
      router: async () => ({ ticketKey, sinceMs: 0, untilMs: undefined }),
    },
    ahead: { take: () => void moves.push('take'), keep: () => void moves.push('keep'), drop: () => undefined },
  } as unknown as OpenContext;
  const { signal } = new AbortController();
  const job = { request, body: utf8Encode('{}'), key: { id: 'key' }, signal } as unknown as Parameters<
    typeof openAttempt
  >[1];
  await expect(openAttempt(context, job, [])).rejects.toThrow('nothing is left');
  expect(moves).toEqual(['take']);
  isFunded = true;
  await openAttempt(context, job, []);
  expect(moves).toEqual(['take', 'take', 'reserve', 'keep']);
  // Its validator is another, so that the kept ones would be given back for it.
  const preference = { ...NO_PREFERENCE, attested: ['validator' as const] };
  await openAttempt(context, { ...job, request: { ...request, preference } }, []);
  expect(moves.slice(4)).toEqual(['reserve']);
  const left = openAttempt(context, { ...job, signal: AbortSignal.abort() }, []);
  await expect(left).rejects.toThrow('aborted');
  expect(moves.slice(5)).toEqual(['take']);
});

it.each([
  ['nothing is known of prices, the floor', 1n, 0n, computeFeeFloor({ chainId: 1n })],
  ['the lowest price is known, at that', 31_337n, 2_000n, 340n],
])('asks no router where a budget does not cover a request: where %s', async (_what, chainId, price, needed) => {
  let asked = 0;
  const match = () => {
    asked++;
    throw new Error('asked');
  };
  const findFor = (budgetAtomic: bigint) => {
    const context = {
      payer: { address: bytes(20, 5) },
      clock: { nowMs: () => 0 },
      validators: { pick: async () => ({ address: bytes(20, 6) }) },
      randomBytes: (length: number) => bytes(length, 9),
      matches: { match, leastTerms: () => ({ pricePer1kAtomic: price, contextSize: 4_096 }) },
      chain: { ledger: { ...input.escrow, chainId }, validators: () => [] },
      ledger: createChannelLedger(createWorkStore(openStore(':memory:', { schema: GATEWAY_SCHEMA }))),
    } as unknown as OfferContext;
    const key = { id: 'key', budgetAtomic };
    return findOffer(context, { request, key } as never, { requestHash: bytes(32, 7), tried: [] });
  };
  await expect(findFor(needed - 1n)).rejects.toMatchObject({ code: 'budget_exceeded' });
  expect(asked).toBe(0);
  await expect(findFor(needed)).rejects.toThrow('asked');
});
