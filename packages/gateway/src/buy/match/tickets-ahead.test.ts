import { TICKET_WINDOW_MS, type Ticket } from '@ogong/protocol/exchange/ticket';
import { NO_DEMANDS } from '@ogong/protocol/modality/demands';
import { NO_PREFERENCE, type RequestPreference } from '@ogong/protocol/modality/shared/preference-fields';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FoundMatch } from './find-match.ts';
import { type AheadQuery, createTicketsAhead } from './tickets-ahead.ts';

const START_MS = 1_700_000_000_000 - (1_700_000_000_000 % TICKET_WINDOW_MS);
const MODEL = 'ogong/verified/test/fake';
const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

function ask(bend: Partial<AheadQuery> & { readonly validator?: number } = {}): AheadQuery {
  const { validator = 2, ...rest } = bend;
  const named = { payer: bytes(20, 1), validator: bytes(20, validator) };
  return { model: MODEL, contextSize: 1_000, demands: NO_DEMANDS, preference: NO_PREFERENCE, named, ...rest };
}

/** A router that draws a provider of its own for each ticket; it is asked over nothing. */
function open(max: number, { lateMs = 0 } = {}) {
  const drawn: FoundMatch[] = [];
  const back: FoundMatch[] = [];
  const outcomes: string[] = [];
  let isAway = false;
  let asked = 0;
  let answered: Promise<unknown> | undefined;
  const ahead = createTicketsAhead(
    { max },
    {
      async find(_query, signal) {
        asked++;
        await Promise.race([answered, new Promise((_, reject) => signal?.addEventListener('abort', reject))]);
        if (isAway) throw new Error('the router is away');
        const nowMs = Date.now() - lateMs;
        const ticket = { providerId: bytes(32, drawn.length + 1), issuedAtMs: nowMs - (nowMs % TICKET_WINDOW_MS) };
        const found = { replyId: bytes(16, drawn.length + 1), match: { ticket } } as unknown as FoundMatch;
        drawn.push(found);
        return found;
      },
      giveBack: async (found) => void back.push(found),
      clock: { nowMs: () => Date.now() },
      random: () => 0.5,
      onOutcome: (outcome) => void outcomes.push(outcome),
    },
  );
  const setAway = (away: boolean): void => {
    isAway = away;
  };
  /** It answers no more until the result is called. */
  const pause = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = promise;
    return resolve;
  };
  /** A request that is ordered: under a ticket that was kept, or one that its router drew for it. */
  const order = (query = ask()): FoundMatch | undefined => {
    const found = ahead.take(query);
    if (found === undefined) ahead.keep(query);
    ahead.begun();
    return found;
  };
  return { ahead, order, drawn, back, outcomes, setAway, pause, asked: () => asked };
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => void vi.useFakeTimers({ now: START_MS }));
afterEach(() => void vi.useRealTimers());

describe('tickets ahead of their requests', () => {
  it('are there for the second request of a kind, and each is used once', async () => {
    const { ahead, order, drawn, back, outcomes } = open(8);
    expect(order()).toBeUndefined();
    await pass(20);
    expect(order()).toBe(drawn[0]);
    expect(order()).toBeUndefined();
    await pass(20);
    const taken = [order(), order(), order()];
    expect(taken).toEqual([drawn[1], drawn[2], undefined]);
    expect(outcomes).toEqual(['missed', 'used', 'missed', 'used', 'used', 'missed']);
    await ahead.stop();
    expect(back).toEqual([]);
  });

  it('are drawn anew once an answer has begun, or a tenth of a second later', async () => {
    const { ahead, drawn } = open(8);
    ahead.keep(ask());
    await pass(50);
    expect(drawn.length).toBe(0);
    ahead.begun();
    await pass(4);
    // The first text goes to its client. Another answer that begins meanwhile does not put the draw off.
    expect(drawn.length).toBe(0);
    ahead.begun();
    await pass(1);
    expect(drawn.length).toBe(1);
    expect(ahead.take(ask())).toBe(drawn[0]);
    await pass(99);
    expect(drawn.length).toBe(1);
    await pass(1);
    expect(drawn.length).toBe(2);
    await ahead.stop();
  });

  it('are drawn anew once all requests that came together have begun, and wait a tenth of a second for one that fails', async () => {
    const { ahead, order, drawn } = open(8);
    for (let i = 0; i < 3; i++) order();
    await pass(5);
    expect(drawn.length).toBe(3);
    for (let i = 0; i < 3; i++) expect(ahead.take(ask())).toBe(drawn[i]);
    for (let i = 0; i < 2; i++) ahead.begun();
    await pass(50);
    expect(drawn.length).toBe(3);
    ahead.begun();
    await pass(5);
    expect(drawn.length).toBe(6);
    for (let i = 3; i < 5; i++) expect(ahead.take(ask())).toBe(drawn[i]);
    ahead.begun();
    await pass(99);
    expect(drawn.length).toBe(6);
    await pass(1);
    expect(drawn.length).toBe(8);
    // The failed one delays no further draws.
    expect(order()).toBe(drawn[5]);
    await pass(5);
    expect(drawn.length).toBe(9);
    await ahead.stop();
  });

  it('are as many as requests came at once, up to the most', async () => {
    const { ahead, order, drawn } = open(3);
    for (let i = 0; i < 100; i++) order();
    await pass(1_000);
    expect(drawn.length).toBe(3);
    await ahead.stop();
  });

  it('are kept by none that keeps none', async () => {
    const { order, drawn } = open(0);
    order();
    await pass(1_000);
    expect(drawn).toEqual([]);
  });

  it.each<[string, Partial<AheadQuery>]>([
    ['another model', { model: 'ogong/verified/test/other' }],
    ['more context', { contextSize: 1_025 }],
    ['an exact class', { demands: { ...NO_DEMANDS, exact: true } }],
    ['other weights', { demands: { ...NO_DEMANDS, modelRoot: bytes(32, 1) } }],
    ['another preference', { preference: { ...NO_PREFERENCE, sort: 'latency' } as RequestPreference }],
    ['a lower price', { preference: { ...NO_PREFERENCE, maxPricePer1kAtomic: 5n } as RequestPreference }],
  ])('are not for a request of %s', async (_what, bend) => {
    const { ahead, order, drawn } = open(8);
    order();
    await pass(20);
    expect(order(ask(bend))).toBeUndefined();
    expect(order(ask({ contextSize: 1_024 }))).toBe(drawn[0]);
    await ahead.stop();
  });

  it('are given back at the end of their window, and drawn anew while somebody asks', async () => {
    const { order, drawn, back } = open(8);
    order();
    await pass(TICKET_WINDOW_MS - 90);
    expect([drawn.length, back.length]).toEqual([1, 1]);
    await pass(500);
    expect([drawn.length, back.length]).toEqual([2, 1]);
    expect(order()).toBe(drawn[1]);
    // Nobody comes any more.
    await pass(20 * 60_000);
    expect(back.length).toBe(drawn.length - 1);
    expect(drawn.length).toBeLessThan(20);
    const before = drawn.length;
    await pass(20 * 60_000);
    expect(drawn.length).toBe(before);
  });

  it('are not kept where the router is a window behind', async () => {
    const { ahead, order, drawn, back } = open(8, { lateMs: TICKET_WINDOW_MS });
    order();
    await pass(20);
    expect(order()).toBeUndefined();
    expect(back).toEqual(drawn);
    await ahead.stop();
  });

  it('are given back with the provider that failed, the validator that has gone, and for a waiting request', async () => {
    const { ahead, order, drawn, back } = open(8);
    for (let i = 0; i < 3; i++) order();
    await pass(20);
    ahead.drop(bytes(32, 2));
    expect(back).toEqual([drawn[1]]);
    const isFor = (n: number) => (ticket: Ticket) => ticket.providerId[0] === n;
    expect(await ahead.release('ogong/verified/test/other', () => true)).toBe(false);
    expect(await ahead.release(MODEL, isFor(2))).toBe(false);
    expect(await ahead.release(MODEL, isFor(3))).toBe(true);
    expect(back).toEqual([drawn[1], drawn[2]]);
    // One for each that waits.
    expect(await ahead.release(MODEL, () => true)).toBe(true);
    expect(back).toEqual([drawn[1], drawn[2], drawn[0]]);
    expect(await ahead.release(MODEL, () => true)).toBe(false);
    order();
    await pass(20);
    expect(order(ask({ validator: 3 }))).toBeUndefined();
    expect(back.length).toBe(drawn.length);
    await ahead.stop();
  });

  it('are all given back when the gateway stops', async () => {
    const { ahead, order, drawn, back } = open(8);
    for (let i = 0; i < 5; i++) order();
    await pass(20);
    await ahead.stop();
    expect(back).toEqual(drawn);
    expect(order()).toBeUndefined();
    await pass(60_000);
    expect(drawn.length).toBe(5);
  });

  it('are given back where their draws still run at the stop, which waits a second for them', async () => {
    const { ahead, order, drawn, back, pause } = open(8);
    const answer = pause();
    order();
    await pass(20);
    const stopped = ahead.stop();
    await pass(999);
    answer();
    await stopped;
    expect([drawn.length, back]).toEqual([1, drawn]);
    const other = open(8);
    other.pause();
    other.order();
    await pass(20);
    let isStopped = false;
    const given = other.ahead.stop().then(() => {
      isStopped = true;
    });
    await pass(999);
    expect(isStopped).toBe(false);
    await pass(1);
    await given;
    expect(other.drawn).toEqual([]);
  });

  it('are not drawn again and again at a router that is away', async () => {
    const { ahead, order, drawn, setAway, asked } = open(8);
    setAway(true);
    for (let i = 0; i < 500; i++) {
      order();
      await pass(10);
    }
    // One failed draw, and the next one a window later.
    expect(asked()).toBeLessThanOrEqual(2);
    await pass(10 * TICKET_WINDOW_MS);
    expect(asked()).toBeLessThanOrEqual(2);
    setAway(false);
    order();
    await pass(20);
    expect(order()).toBe(drawn[0]);
    await ahead.stop();
  });

  it('are drawn for nobody whose own request is not ordered', async () => {
    const { ahead, order, asked } = open(8);
    for (let i = 0; i < 100; i++) {
      const modelRoot = bytes(32, i);
      for (let j = 0; j < 8; j++) ahead.take(ask({ demands: { ...NO_DEMANDS, modelRoot } }));
    }
    await pass(10_000);
    expect(asked()).toBe(0);
    // An honest kind beside it draws its own alone.
    order();
    await pass(20);
    expect(asked()).toBe(1);
    await ahead.stop();
  });

  it('are drawn anew for the kind that was asked for, not for all', async () => {
    const { ahead, order, drawn } = open(8);
    const one = (n: number): AheadQuery => ask({ model: `${MODEL}-${n}` });
    for (let n = 0; n < 3; n++) order(one(n));
    await pass(20);
    expect(drawn.length).toBe(3);
    const release = await ahead.release(one(2).model, () => true);
    expect(release).toBe(true);
    for (let i = 0; i < 4; i++) {
      order(one(0));
      await pass(20);
    }
    expect(drawn.length).toBe(3 + 4);
    await ahead.stop();
  });

  it('are not for requests with prices of their own, which are as many kinds as there are prices', async () => {
    const { ahead, order, drawn, asked } = open(8);
    for (let n = 0; n < 64; n++) {
      const preference = { ...NO_PREFERENCE, maxPricePer1kAtomic: 10n ** 18n + BigInt(n) };
      for (let j = 0; j < 8; j++) order(ask({ preference }));
    }
    await pass(1_000);
    expect([asked(), drawn.length]).toEqual([0, 0]);
    await ahead.stop();
  });

  it('hold no more places than eight full kinds do, those that are coming included', async () => {
    const { ahead, order, drawn, back, pause, asked } = open(2);
    const resume = pause();
    for (let n = 0; n < 100; n++) {
      for (let j = 0; j < 2; j++) order(ask({ model: `${MODEL}-${n}` }));
      await pass(20);
    }
    expect(asked()).toBe(16);
    resume();
    await pass(20);
    expect(drawn.length - back.length).toBeLessThanOrEqual(16);
    await pass(2 * TICKET_WINDOW_MS);
    expect(drawn.length - back.length).toBeLessThanOrEqual(16);
    await ahead.stop();
  });

  it('are forgotten where none of them could be drawn', async () => {
    const { ahead, order, setAway } = open(8);
    setAway(true);
    order();
    await pass(20);
    expect(vi.getTimerCount()).toBe(1);
    await pass(61_000);
    expect(vi.getTimerCount()).toBe(0);
    await ahead.stop();
  });

  it('are not kept of a provider that failed while they were drawn', async () => {
    const { ahead, order, drawn, back, pause } = open(8);
    const resume = pause();
    for (let i = 0; i < 2; i++) order();
    await pass(20);
    ahead.drop(bytes(32, 2));
    resume();
    await pass(20);
    expect(back).toEqual([drawn[1]]);
    expect(order()).toBe(drawn[0]);
    await ahead.stop();
  });
});
