import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { SealedQuery } from './find-sealed.ts';
import { createSealedCalls, type SealedCallsDependencies } from './sealed-calls.ts';

let drawn = 0;
vi.mock('./find-sealed.ts', () => ({
  findSealed: async () => [{ replyId: Uint8Array.of(drawn >> 8, drawn++ & 0xff), match: {} }, {}],
}));
vi.mock('../buy/match/find-match.ts', () => ({ giveBack: async () => {} }));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('a key whose offers run out again and again gets no more of them for a while, and others do', async () => {
  const clock = { nowMs: () => Date.now() };
  const context = { clock, ledger: { find: async () => undefined } };
  const calls = createSealedCalls({ context } as unknown as SealedCallsDependencies);
  let open = 0;
  const ask = async (id: string) => {
    const asked = { request: { model: 'ogong/verified/a/b' } } as SealedQuery;
    const options = { leave: () => void open--, signal: new AbortController().signal };
    await calls.offer(asked, { id, budgetAtomic: undefined }, options);
    open++;
  };
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 20; i++) await ask('hoarder').catch(() => undefined);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(open).toBe(0);
  }
  await expect(ask('hoarder')).rejects.toMatchObject({ code: 'too_many_requests' });
  await ask('honest');
  calls.stop();
});
