import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { NARROW, SINGLE, WIDE } from '@ogong/protocol/modality/text/commitment/shape-classes';
import { encodeTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { describe, expect, it } from 'vitest';
import { computeCallTimeout, computeJobWindow, expectJobMs, mixJobs, type VerifierCalls } from './verifier-call.ts';

const peer = { endpoint: 'v:1', certHash: new Uint8Array(32) };
const call = { timeoutMs: 1_000, signal: new AbortController().signal };
const jobOf = (byte: number) => ({ jobId: new Uint8Array(16).fill(byte) }) as unknown as ScoreJobMessage;

function create() {
  const sent: number[] = [];
  const calls: VerifierCalls = {
    async commit(_peer, { jobId }) {
      sent.push(jobId[0] as number);
      return { digest: new Uint8Array(32), verifierKey: new Uint8Array(0), signature: new Uint8Array(0) };
    },
    reveal: () => Promise.reject(new Error('not asked')),
  };
  return { sent, mixed: mixJobs(calls, 20) };
}

describe('mixed jobs', () => {
  it('leave in the order of their ids, whichever was ready first', async () => {
    const { sent, mixed } = create();
    await Promise.all([9, 3, 200, 1].map((byte) => mixed.commit(peer, jobOf(byte), call)));
    expect(sent).toEqual([1, 3, 9, 200]);
    await mixed.commit(peer, jobOf(2), call);
    expect(sent).toEqual([1, 3, 9, 200, 2]);
  });

  it('do not leave once the validator stops', async () => {
    const { sent, mixed } = create();
    const stopping = new AbortController();
    const asked = mixed.commit(peer, jobOf(1), { ...call, signal: stopping.signal });
    stopping.abort();
    await expect(asked).rejects.toThrow();
    expect(sent).toEqual([]);
  });
});

describe('the time of a call', () => {
  const times = { callTimeoutMs: 60_000, mostMs: 200_000 };

  it.each([
    ['the usual one for a short job', 59_000, times, 60_000],
    ['as long as the job', 120_000, times, 120_000],
    ['bounded', 1_000_000, times, 200_000],
    ['never less than the usual one', 1_000_000, { ...times, mostMs: 10_000 }, 60_000],
  ])('is %s', (_, expectedMs, limits, expected) => {
    expect(computeCallTimeout(expectedMs, limits)).toBe(expected);
  });

  const shown = { blind: new Uint8Array(32), outputTokens: new Uint8Array(0), listSizes: new Uint8Array(0) };
  const textOf = (shapeClasses: Uint8Array, bytes = 0) => ({
    ...{ endpoint: 'chat', header: new Uint8Array(0), request: new Uint8Array(bytes) },
    claim: encodeTextClaim({
      ...{ ...shown, shapeClasses },
      outputTokens: new Uint8Array(4 * shapeClasses.length),
      listSizes: new Uint8Array(shapeClasses.length),
    }),
  });

  it('grows with the passes of a text, its tokens, and the words of its request', () => {
    expect(expectJobMs(textOf(new Uint8Array(1_000).fill(SINGLE)))).toBe(110_000);
    expect(expectJobMs(textOf(new Uint8Array(1_000).fill(WIDE)))).toBe(10_100);
    // Each change of the class is a pass.
    const mixed = Uint8Array.from({ length: 1_000 }, (_, i) => (i % 2 === 0 ? WIDE : NARROW));
    expect(expectJobMs(textOf(mixed))).toBe(110_000);
    expect(expectJobMs(textOf(Uint8Array.of(SINGLE), 40_000))).toBe(80_110);
  });

  it('of a job that no modality can read is the usual one', () => {
    const garbage = { header: new Uint8Array(0), claim: Uint8Array.of(1, 2, 3), request: new Uint8Array(0) };
    for (const endpoint of ['chat', 'image', 'poem']) expect(expectJobMs({ endpoint, ...garbage })).toBe(0);
  });

  it('of a question of witnesses is twice that', () => {
    expect(computeJobWindow(textOf(new Uint8Array(1_000).fill(SINGLE)), times)).toBe(220_000);
  });
});
