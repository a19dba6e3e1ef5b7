import { TICKET_WINDOW_MS } from '@ogong/protocol/exchange/ticket';
import { NO_DEMANDS } from '@ogong/protocol/modality/demands';
import { NO_PREFERENCE, type RequestPreference } from '@ogong/protocol/modality/text/request/preference-fields';
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
  const ahead = createTicketsAhead(
    { max },
    {
      async find() {
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
  const leave = (): void => {
    isAway = true;
  };
  return { ahead, drawn, back, outcomes, leave };
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => void vi.useFakeTimers({ now: START_MS }));
afterEach(() => void vi.useRealTimers());

describe('tickets ahead of their requests', () => {
  it('are there for the second request of a kind, and each is used once', async () => {
    const { ahead, drawn, back, outcomes } = open(8);
    expect(ahead.take(ask())).toBeUndefined();
    await pass(20);
    expect(ahead.take(ask())).toBe(drawn[0]);
    expect(ahead.take(ask())).toBeUndefined();
    await pass(20);
    const taken = [ahead.take(ask()), ahead.take(ask()), ahead.take(ask())];
    expect(taken).toEqual([drawn[1], drawn[2], undefined]);
    expect(outcomes).toEqual(['missed', 'used', 'missed', 'used', 'used', 'missed']);
    await ahead.stop();
    expect(back).toEqual([]);
  });

  it('are as many as requests came at once, up to the most', async () => {
    const { ahead, drawn } = open(3);
    for (let i = 0; i < 100; i++) ahead.take(ask());
    await pass(1_000);
    expect(drawn.length).toBe(3);
    await ahead.stop();
  });

  it('are kept by none that keeps none', async () => {
    const { ahead, drawn } = open(0);
    ahead.take(ask());
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
    const { ahead, drawn } = open(8);
    ahead.take(ask());
    await pass(20);
    expect(ahead.take(ask(bend))).toBeUndefined();
    expect(ahead.take(ask({ contextSize: 1_024 }))).toBe(drawn[0]);
    await ahead.stop();
  });

  it('are given back at the end of their window, and drawn anew while somebody asks', async () => {
    const { ahead, drawn, back } = open(8);
    ahead.take(ask());
    await pass(TICKET_WINDOW_MS - 90);
    expect([drawn.length, back.length]).toEqual([1, 1]);
    await pass(500);
    expect([drawn.length, back.length]).toEqual([2, 1]);
    expect(ahead.take(ask())).toBe(drawn[1]);
    // Nobody comes any more.
    await pass(20 * 60_000);
    expect(back.length).toBe(drawn.length - 1);
    expect(drawn.length).toBeLessThan(20);
    const before = drawn.length;
    await pass(20 * 60_000);
    expect(drawn.length).toBe(before);
  });

  it('are not kept where the router is a window behind', async () => {
    const { ahead, drawn, back } = open(8, { lateMs: TICKET_WINDOW_MS });
    ahead.take(ask());
    await pass(20);
    expect(ahead.take(ask())).toBeUndefined();
    expect(back).toEqual(drawn);
    await ahead.stop();
  });

  it('are given back with the provider that failed, the validator that has gone, and for whoever waits', async () => {
    const { ahead, drawn, back } = open(8);
    for (let i = 0; i < 3; i++) ahead.take(ask());
    await pass(20);
    ahead.drop(bytes(32, 2));
    expect(back).toEqual([drawn[1]]);
    expect(await ahead.release('ogong/verified/test/other')).toBe(false);
    expect(await ahead.release(MODEL)).toBe(true);
    expect(back).toEqual([drawn[1], drawn[0], drawn[2]]);
    expect(await ahead.release(MODEL)).toBe(false);
    ahead.take(ask());
    await pass(20);
    expect(ahead.take(ask({ validator: 3 }))).toBeUndefined();
    expect(back.length).toBe(drawn.length);
    await ahead.stop();
  });

  it('are all given back when the gateway stops', async () => {
    const { ahead, drawn, back } = open(8);
    for (let i = 0; i < 5; i++) ahead.take(ask());
    await pass(20);
    await ahead.stop();
    expect(back).toEqual(drawn);
    expect(ahead.take(ask())).toBeUndefined();
    await pass(60_000);
    expect(drawn.length).toBe(5);
  });

  it('are not drawn again and again at a router that is away', async () => {
    const { ahead, drawn, leave } = open(8);
    leave();
    ahead.take(ask());
    await pass(10 * TICKET_WINDOW_MS);
    expect(drawn).toEqual([]);
    await ahead.stop();
  });
});
