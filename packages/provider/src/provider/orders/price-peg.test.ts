import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPricePeg, PRICE_MEMORY_MS, RATE_KNOWN_MS } from './price-peg.ts';
import type { UsdRate } from './usd-feed.ts';

const CENT = 10_000_000n;
const NOW = 1_764_000_000_000;
/** Held at five cents a token. */
const PEGGED = 5n * CENT;

function open(range = 4n) {
  const clock = { now: NOW, nowMs: () => clock.now };
  const errors: string[] = [];
  let answer: UsdRate | Error = { nanoUsd: PEGGED, atMs: NOW };
  const peg = createPricePeg(
    { nanoUsd: PEGGED, range, intervalMs: 60_000 },
    {
      clock,
      async readRate() {
        if (answer instanceof Error) throw answer;
        return answer;
      },
      onError: (error) => errors.push((error as Error).message),
    },
  );
  const set = async (next: UsdRate | Error): Promise<void> => {
    answer = next;
    await peg.trigger();
  };
  return { peg, clock, errors, set };
}

describe('a price that is held in dollars', () => {
  it('is the named one until a rate is known, and where the rate is the one that it was named for', async () => {
    const { peg, set } = open();
    expect(peg.announced(1_000n)).toBe(1_000n);
    await set({ nanoUsd: PEGGED, atMs: NOW });
    expect(peg.announced(1_000n)).toBe(1_000n);
    expect(peg.announced(0n)).toBe(0n);
  });

  it('doubles where the token loses half, and halves where it doubles', async () => {
    const { peg, set } = open();
    await set({ nanoUsd: PEGGED / 2n, atMs: NOW });
    expect(peg.announced(1_001n)).toBe(2_002n);
    await set({ nanoUsd: PEGGED * 2n, atMs: NOW });
    expect(peg.announced(1_001n)).toBe(501n);
  });

  it('stays within its range, whatever the feed says', async () => {
    const { peg, set } = open();
    await set({ nanoUsd: 1n, atMs: NOW });
    expect(peg.announced(1_000n)).toBe(4_000n);
    await set({ nanoUsd: 10n ** 18n, atMs: NOW });
    expect(peg.announced(1_000n)).toBe(250n);
  });

  it('is the named one again once the rate is an hour old', async () => {
    const { peg, set, clock } = open();
    await set({ nanoUsd: PEGGED / 2n, atMs: NOW });
    clock.now += RATE_KNOWN_MS;
    expect(peg.announced(1_000n)).toBe(2_000n);
    clock.now += 1;
    expect(peg.announced(1_000n)).toBe(1_000n);
  });

  it('is taken from the last announcements, too: a ticket of before is good', async () => {
    const { peg, set, clock } = open();
    peg.announced(1_000n);
    await set({ nanoUsd: PEGGED / 2n, atMs: NOW });
    expect(peg.announced(1_000n)).toBe(2_000n);
    expect(peg.least(1_000n)).toBe(1_000n);
    clock.now += PRICE_MEMORY_MS + 1;
    expect(peg.least(1_000n)).toBe(2_000n);
  });

  it('takes less at once where it falls', async () => {
    const { peg, set } = open();
    peg.announced(1_000n);
    await set({ nanoUsd: PEGGED * 2n, atMs: NOW });
    expect(peg.least(1_000n)).toBe(500n);
  });

  it.each([
    ['does not answer', new Error('down'), 'down'],
    ['has a rate from the future', { nanoUsd: 1n, atMs: NOW + 60_001 }, 'the rate is from the future'],
    ['has an old rate', { nanoUsd: 1n, atMs: NOW - RATE_KNOWN_MS - 1 }, 'the rate is older than an hour'],
    ['goes back', { nanoUsd: 1n, atMs: NOW - 1 }, 'the rate is older than the one before'],
  ])('stays where the feed %s', async (_what, answer, message) => {
    const { peg, set, errors } = open();
    await set({ nanoUsd: PEGGED / 2n, atMs: NOW });
    await set(answer);
    expect(errors).toEqual([message]);
    expect(peg.announced(1_000n)).toBe(2_000n);
  });

  it('is worth as much as before, to the unit above, and refuses no order of its own announcement', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt({ min: 0n, max: 10n ** 24n }),
        fc.array(fc.bigInt({ min: 1n, max: 10n ** 12n }), { minLength: 1, maxLength: 6 }),
        async (price, rates) => {
          const { peg, set } = open(1_000_000n);
          for (const [i, nanoUsd] of rates.entries()) {
            await set({ nanoUsd, atMs: NOW - rates.length + i });
            const announced = peg.announced(price);
            const [low, high] = [(PEGGED + 999_999n) / 1_000_000n, PEGGED * 1_000_000n];
            const used = nanoUsd < low ? low : nanoUsd > high ? high : nanoUsd;
            expect(announced * used >= price * PEGGED).toBe(true);
            expect((announced - 1n) * used < price * PEGGED).toBe(true);
            expect(peg.least(price) <= announced).toBe(true);
          }
        },
      ),
      { seed: 5, numRuns: 200 },
    );
  });
});
