import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createBrokenReplies } from './broken-replies.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const key = { id: 'one', budgetAtomic: undefined };
/** Refused: it has no record. */
const unsigned = { milestone: {} } as never;
const nothing = { reason: 'draw-replay' };

function open(isDiskBroken = false, isUnsaid = false, isEnded = false) {
  const accused: string[] = [];
  const reported: string[] = [];
  const words: boolean[] = [];
  const context = {
    clock: { nowMs: () => Date.now() },
    validators: { doubt: () => {} },
    complaints: {
      put: async (_validator: Uint8Array, { reason }: { readonly reason: string }) => {
        if (isDiskBroken) throw new Error('the disk is full');
        accused.push(reason);
        return true;
      },
    },
    ledger: { abandon: async () => {} },
    links: { to: () => ({ report: async ({ outcome }: { readonly outcome: string }) => void reported.push(outcome) }) },
  };
  const broken = createBrokenReplies(context as never, { note: (_provider, _key, isGood) => void words.push(isGood) });
  const attempt = { replyId: new Uint8Array(16), match: { ticket: { providerId: new Uint8Array(32) } } };
  broken.put('a', { keyId: 'one', attempt, isUnsaid, isEnded } as never);
  return { broken, accused, words, reported };
}

it('accuses a provider of whose reply nobody says anything', async () => {
  const { broken, accused, words } = open();
  await vi.advanceTimersByTimeAsync(19_999);
  expect(accused).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(accused).toEqual(['abandoned']);
  expect(words).toEqual([]);
  await expect(broken.close('a', key, nothing)).rejects.toThrow('no reply that broke off');
});

it('hears one word at a time, and waits on for as long as was left where a part is refused', async () => {
  const { broken, accused } = open();
  await vi.advanceTimersByTimeAsync(15_000);
  const first = expect(broken.close('a', key, unsigned)).rejects.toThrow('no record');
  // Nobody else says anything of it, and nobody is accused, while a part is kept.
  expect(broken.has('a', key)).toBe(false);
  await expect(broken.close('a', key, nothing)).rejects.toThrow('no reply that broke off');
  await first;
  expect(broken.has('a', key)).toBe(true);
  await vi.advanceTimersByTimeAsync(4_999);
  expect(accused).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(accused).toEqual(['abandoned']);
});

it('counts a word once the complaint is kept, and accuses where it stops while a part is kept', async () => {
  const { broken, accused, words } = open();
  await broken.close('a', key, nothing);
  expect([accused, words]).toEqual([['abandoned'], [false]]);
  const full = open(true);
  await expect(full.broken.close('a', key, nothing)).rejects.toThrow('disk is full');
  expect(full.words).toEqual([]);
  const stopping = open();
  const kept = expect(stopping.broken.close('a', key, unsigned)).rejects.toThrow('no record');
  stopping.broken.stop();
  await kept;
  expect(stopping.accused).toEqual(['abandoned']);
});

it('accuses nobody where the provider may have waited for its client, unless that says what is wrong', async () => {
  const silent = open(false, true);
  await vi.advanceTimersByTimeAsync(20_000);
  expect([silent.accused, silent.reported]).toEqual([[], ['unused']]);
  const told = open(false, true);
  await told.broken.close('a', key, nothing);
  expect(told.accused).toEqual(['abandoned']);
});

it('accuses nobody where the provider has ended the order by a signed statement', async () => {
  const silent = open(false, false, true);
  await vi.advanceTimersByTimeAsync(20_000);
  expect([silent.accused, silent.reported]).toEqual([[], []]);
  const told = open(false, false, true);
  await told.broken.close('a', key, nothing);
  expect(told.accused).toEqual([]);
});
