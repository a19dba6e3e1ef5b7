import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { computeMatchSeed, encodeCandidates, replayMatch } from '@ogong/protocol/exchange/match';
import { NO_FIGURES } from '@ogong/protocol/exchange/preference';
import { TICKET_WINDOW_MS } from '@ogong/protocol/exchange/ticket';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type OpenContext, openAttempt } from '../open-attempt.ts';
import { findMatch } from './find-match.ts';
import type { MatchQuery } from './provider-match.ts';
import { createTicketAges, waitUntil } from './ticket-ages.ts';
import { createTicketsAhead } from './tickets-ahead.ts';

const START_MS = 1_700_000_000_000 - (1_700_000_000_000 % TICKET_WINDOW_MS);
const MODEL = 'ogong/verified/test/aged';
const PROVIDERS = 3;
const ROUTER_MS = 3;
const MINUTES = 14;
const TRAFFIC_PER_S = 1.2;
const TESTS_PER_S = 0.15;
/** So many deviations from an even chance; chance alone reaches it in one of a hundred thousand looks. */
const DEVIATIONS = 4.5;

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const body = utf8Encode(JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 40 }));
const request = parseRequest(body, 'chat');
const signed = { routerKey: bytes(1344, 7) };
const candidates = encodeCandidates({
  modelId: MODEL,
  asked: { sort: 'none', maxPricePer1kAtomic: 100n, contextSize: 512, minHeldTokens: 0n },
  candidates: Array.from({ length: PROVIDERS }, (_, n) => ({
    ...{ providerId: bytes(32, n), pricePer1kAtomic: 100n, reputationPpm: 500_000, stakeTokens: 0n, heldTokens: 0n },
    ...{ figures: NO_FIGURES, payee: bytes(20, n), contextSize: 4_096 },
  })),
});

/** Knowledge of a provider that dates each ticket to the millisecond. */
interface Dated {
  readonly isTest: boolean;
  readonly ageMs: number;
  readonly drawnMs: number;
  readonly orderedMs: number;
}

/**
 * A gateway that keeps tickets ahead, as far as an order that is signed. @param isAged as built; otherwise tests are ordered at
 * once.
 */
function openGateway(random: () => number, isAged: boolean) {
  const clock = { nowMs: () => Date.now() };
  const drawn = new Map<string, number>();
  const orders: Dated[] = [];
  const matches = {
    leastTerms: () => ({ pricePer1kAtomic: 0n, contextSize: 0 }),
    async match({ replyId }: MatchQuery) {
      await new Promise((resolve) => setTimeout(resolve, ROUTER_MS));
      drawn.set(toHex(replyId), Date.now());
      const { providerId } = replayMatch(crypto, candidates, computeMatchSeed(crypto, replyId)) ?? {};
      const issuedAtMs = Date.now() - (Date.now() % TICKET_WINDOW_MS);
      const ticket = {
        ...{ modelId: MODEL, providerId, issuedAtMs, modelRoot: bytes(32, 1), payee: bytes(20, 3) },
        ...{ router: bytes(20, 4), contextSize: 4_096, pricePer1kAtomic: 100n },
      };
      return { ticket, signed, candidates };
    },
  };
  const links = { to: () => ({ report: async () => undefined }) };
  const chain = {
    ledger: { chainId: 31_337n, verifyingContract: bytes(20, 4) },
    validators: () => [],
    router: async () => ({ ticketKey: hashHybridKey(crypto, signed.routerKey), sinceMs: 0, untilMs: undefined }),
  };
  const randomBytes = (length: number) => Uint8Array.from({ length }, () => Math.floor(random() * 256));
  const found = { matches, chain, randomBytes, links, clock } as unknown as Parameters<typeof findMatch>[0];
  const ahead = createTicketsAhead(
    { max: 8 },
    {
      find: (query, signal) => findMatch(found, { provider: undefined, signal }, { ...query, exclude: [] }),
      giveBack: async () => undefined,
      ...{ clock, random },
    },
  );
  const context = {
    ...found,
    payer: { address: bytes(20, 5), signDigest: () => bytes(65, 1) },
    validators: { pick: async () => ({ address: bytes(20, 6) }) },
    beacon: { latest: () => ({ epoch: 10n }) },
    funding: { provide: async () => ({ spendable: 1n, spent: 0n }) },
    ledger: {
      channel: async () => ({ owedAtomic: 0n, outstandingAtomic: 0n }),
      held: async () => 0n,
      assertBudgets: async () => undefined,
      reserve: async () => ({ order: bytes(1, 1), signature: bytes(65, 1) }),
    },
    ahead,
    ...(isAged && { ages: createTicketAges({ clock, random }) }),
  } as unknown as OpenContext;
  const { signal } = new AbortController();
  async function order(provider: Uint8Array | undefined): Promise<void> {
    const job = { request, body, key: { id: 'key' }, signal, provider } as unknown as Parameters<typeof openAttempt>[1];
    const { replyId, match } = await openAttempt(context, job, []);
    // The provider that is tested looks at its own orders alone.
    if (!equalBytes(match.ticket.providerId, bytes(32, 0))) return;
    const drawnMs = drawn.get(toHex(replyId)) as number;
    const isTest = provider !== undefined;
    const place = { drawnMs: drawnMs % TICKET_WINDOW_MS, orderedMs: Date.now() % TICKET_WINDOW_MS };
    orders.push({ isTest, ageMs: Date.now() - drawnMs, ...place });
  }
  return { order, orders, stop: ahead.stop };
}

async function play(seed: number, isAged: boolean): Promise<readonly Dated[]> {
  const random = createSeededRandom(seed);
  const gateway = openGateway(random, isAged);
  const arrivals = [
    ...listArrivals(random, TRAFFIC_PER_S).map((atMs) => ({ atMs, provider: undefined })),
    ...listArrivals(random, TESTS_PER_S).map((atMs) => ({ atMs, provider: bytes(32, 0) })),
  ].sort((a, b) => a.atMs - b.atMs);
  const ordered: Promise<void>[] = [];
  for (const { atMs, provider } of arrivals) {
    await vi.advanceTimersByTimeAsync(Math.max(0, START_MS + atMs - Date.now()));
    ordered.push(gateway.order(provider));
  }
  await vi.advanceTimersByTimeAsync(3 * TICKET_WINDOW_MS);
  await Promise.all(ordered);
  await gateway.stop();
  return gateway.orders;
}

/** A Poisson process. */
function listArrivals(random: () => number, perSecond: number): number[] {
  const arrivals: number[] = [];
  for (let atMs = 0; atMs < MINUTES * 60_000; atMs += (-Math.log(1 - random()) * 1_000) / perSecond)
    arrivals.push(atMs);
  return arrivals;
}

/** By the share of pairs that a threshold orders rightly, ties as halves: how many deviations it is from an even chance. */
function tellApart(orders: readonly Dated[], what: 'ageMs' | 'drawnMs' | 'orderedMs'): number {
  const [own, other] = [true, false].map((isTest) =>
    orders.filter((one) => one.isTest === isTest).map((one) => one[what]),
  ) as [number[], number[]];
  const pairs = own.reduce((sum, a) => sum + other.reduce((part, b) => part + (a > b ? 1 : a === b ? 0.5 : 0), 0), 0);
  const deviation = Math.sqrt((own.length + other.length + 1) / (12 * own.length * other.length));
  return Math.abs(pairs / (own.length * other.length) - 0.5) / deviation;
}

beforeEach(() => void vi.useFakeTimers({ now: START_MS }));
afterEach(() => void vi.useRealTimers());

describe('tickets of requests that name their provider', () => {
  it.each([1, 2])('are as old as those of others, to a provider that dates each (seed %i)', async (seed) => {
    const orders = await play(seed, true);
    const tests = orders.filter(({ isTest }) => isTest).length;
    expect(tests).toBeGreaterThan(100);
    expect(orders.length - tests).toBeGreaterThan(250);
    for (const what of ['ageMs', 'drawnMs', 'orderedMs'] as const)
      expect(tellApart(orders, what), what).toBeLessThan(DEVIATIONS);
  });

  it('are told by their age where they are drawn and used at once', async () => {
    const orders = await play(1, false);
    expect(tellApart(orders, 'ageMs')).toBeGreaterThan(2 * DEVIATIONS);
  });
});

describe('the age of a ticket', () => {
  const query = { model: MODEL, contextSize: 512, demands: request.demands, preference: undefined } as never;
  const clock = { nowMs: () => Date.now() };

  it('is planned for the next window in which its place is still to come', () => {
    const ages = createTicketAges({ clock, random: () => 0 });
    expect(ages.plan(query)).toBeUndefined();
    ages.note(query, { drawnMs: START_MS + 1_000, orderedMs: START_MS + 3_500 });
    vi.setSystemTime(START_MS + 2_000);
    expect(ages.plan(query)).toEqual({ drawnMs: START_MS + 6_000, orderedMs: START_MS + 8_500 });
    vi.setSystemTime(START_MS + 10_900);
    expect(ages.plan(query)).toEqual({ drawnMs: START_MS + 11_000, orderedMs: START_MS + 13_500 });
  });

  it('follows the last orders of the same kind alone', () => {
    const ages = createTicketAges({ clock, random: () => 0.999 });
    ages.note(query, { drawnMs: START_MS, orderedMs: START_MS + 1 });
    expect(ages.plan({ ...(query as object), contextSize: 2_048 } as never)).toBeUndefined();
    for (let i = 0; i < 300; i++) ages.note(query, { drawnMs: START_MS, orderedMs: START_MS + 1_000 + i });
    expect(ages.plan(query)?.orderedMs).toBe(START_MS + 1_299);
  });

  it('is waited for no longer than somebody wants the answer', async () => {
    const leaving = new AbortController();
    const waited = waitUntil(START_MS + 5_000, clock, leaving.signal);
    leaving.abort(new Error('left'));
    await expect(waited).rejects.toThrow('left');
    await expect(waitUntil(START_MS + 5_000, clock, leaving.signal)).rejects.toThrow('left');
    await waitUntil(START_MS, clock, leaving.signal);
    expect(vi.getTimerCount()).toBe(0);
  });
});
