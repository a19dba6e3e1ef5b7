import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { NARROW, SINGLE, WIDE } from '@ogong/protocol/modality/text/commitment/shape-classes';
import { countPasses, encodeTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { describe, expect, it } from 'vitest';
import { computeCallTimeout, countJobPasses, mixJobs, type VerifierCalls } from './verifier-call.ts';

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
  it.each([
    ['the usual one for a usual reply', 1_024, SINGLE, 200_000, 60_000],
    ['more for each single pass past it', 1_524, SINGLE, 200_000, 110_000],
    ['bounded', 100_000, SINGLE, 200_000, 200_000],
    ['never less than the usual one', 100_000, SINGLE, 10_000, 60_000],
    ['the usual one for many tokens in few passes', 100_000, WIDE, 200_000, 60_000],
  ])('is %s', (_, tokens, shapeClass, mostMs, expected) => {
    const shapeClasses = new Uint8Array(tokens).fill(shapeClass);
    expect(computeCallTimeout(countPasses(shapeClasses), { callTimeoutMs: 60_000, mostMs })).toBe(expected);
  });

  it('of a claim that no modality can read is the usual one', () => {
    const garbage = { claim: Uint8Array.of(1, 2, 3) };
    for (const endpoint of ['chat', 'poem']) expect(countJobPasses({ endpoint, ...garbage })).toBe(0);
    const shown = { blind: new Uint8Array(32), outputTokens: new Uint8Array(8), listSizes: new Uint8Array(2) };
    const claim = encodeTextClaim({ ...shown, shapeClasses: Uint8Array.of(SINGLE, SINGLE) });
    expect(countJobPasses({ endpoint: 'chat', claim })).toBe(2);
  });

  it('counts each change of the class as a pass', () => {
    const shapeClasses = Uint8Array.from({ length: 1_124 }, (_, i) => (i % 2 === 0 ? WIDE : NARROW));
    expect(computeCallTimeout(countPasses(shapeClasses), { callTimeoutMs: 60_000, mostMs: 200_000 })).toBe(70_000);
  });
});
