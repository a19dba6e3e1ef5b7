import { LinkError } from '@ogong/host/link/link-error';
import { createTestClock } from '@ogong/testing/validator/test-bench';
import { describe, expect, it } from 'vitest';
import { LEAST_BYTES_PER_SECOND } from './call-deadline.ts';
import { createPatience } from './patience.ts';

const WINDOW_MS = 600_000;
const FIRST_MS = 15_000;
const NEVER = { asks: 0, refusals: 0, waitedMs: 0, pauseMs: 0 };
const partyOf = (number: number): Uint8Array => new Uint8Array(20).fill(number);

function createAsking() {
  const awake = createTestClock();
  const { ask } = createPatience({ windowMs: WINDOW_MS, retryMs: 1_000 }, { awake, isConnected: () => true });
  return {
    awake,
    ask,
    /** An answer that comes after this share of the wait. @returns the wait for it. */
    async answer(party: number, share: number): Promise<number> {
      let waitMs = 0;
      await ask(NEVER, {
        party: partyOf(party),
        async call(deadline) {
          waitMs = deadline.leftMs();
          awake.advance(share * waitMs);
        },
      });
      return waitMs;
    },
  };
}

describe('one deadline for all messages of a call', () => {
  it('grows by the time of the bytes that the opening names, and ends the call', async () => {
    const { awake, ask } = createAsking();
    const asked = await ask(NEVER, {
      party: partyOf(1),
      async call(deadline) {
        expect(deadline.leftMs()).toBe(FIRST_MS);
        awake.advance(5_000);
        deadline.extend(4 * LEAST_BYTES_PER_SECOND);
        expect(deadline.leftMs()).toBe(FIRST_MS - 1_000);
        awake.advance(14_000);
        deadline.leftMs();
      },
    });
    expect(asked).toMatchObject({ error: { code: 'timeout' }, asks: { asks: 1, waitedMs: 19_000 } });
    expect('error' in asked && asked.error).toBeInstanceOf(LinkError);
  });
});

describe('the usual time of answers', () => {
  it('counts the opening alone, however long its blobs take', async () => {
    const { awake, ask, answer } = createAsking();
    await ask(NEVER, {
      party: partyOf(1),
      async call(deadline) {
        awake.advance(1_000);
        deadline.extend(64 * LEAST_BYTES_PER_SECOND);
        awake.advance(60_000);
      },
    });
    expect(await answer(2, 0)).toBe(FIRST_MS);
  });

  it('is not made longer by one slow party, however often it answers', async () => {
    const { answer } = createAsking();
    await answer(1, 0);
    for (let i = 0; i < 40; i++) expect(await answer(2, 0.99)).toBe(FIRST_MS);
  });

  it('is bounded where all parties are slow', async () => {
    const { answer } = createAsking();
    let waitMs = 0;
    for (let i = 0; i < 40; i++) waitMs = await answer(i % 4, 0.99);
    expect(waitMs).toBe(1.6 * WINDOW_MS);
  });
});
