import { setImmediate as breathe } from 'node:timers/promises';
import { LinkError } from '@ogong/host/link/link-error';
import { PROGRESS_STEP_BYTES } from '@ogong/protocol/exchange/limits';
import type { SignedProgress } from '@ogong/protocol/exchange/progress';
import { parseProgress } from '@ogong/protocol/exchange/progress';
import { fakePayer } from '@ogong/testing/gateway/fake-network';
import { ledger } from '@ogong/testing/validator/test-bench';
import { describe, expect, it } from 'vitest';
import { createReplyProgress } from './reply-progress.ts';

const LOST = () => new LinkError('timeout', 'no answer');

/** @param answer to each word that is sent. */
function open(answer: (sent: number) => Error | undefined) {
  const words: { readonly textBytes: number; readonly hasLeft: boolean }[] = [];
  const pauses: number[] = [];
  const progress = createReplyProgress({
    ...{ payer: fakePayer, ledger, orderHash: new Uint8Array(32), blind: new Uint8Array(32), isStandby: true },
    async send({ progress: bytes }: SignedProgress) {
      const { textBytes, hasLeft } = parseProgress(bytes);
      words.push({ textBytes, hasLeft });
      const error = answer(words.length);
      if (error) throw error;
    },
    async pause(ms, signal) {
      await breathe();
      signal.throwIfAborted();
      pauses.push(ms);
    },
  });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await breathe();
  };
  return { progress, words, pauses, settle };
}

it('knows progress that the provider accepted apart from signed progress, and notes a refusal', async () => {
  const answers = [undefined, LOST(), new LinkError('remote', 'not the text', { refusal: 'invalid' })];
  const { progress, settle } = open((sent) => answers[sent - 1]);
  const text = 'a'.repeat(PROGRESS_STEP_BYTES);
  progress.add(text);
  const taken = progress.latest();
  await settle();
  progress.add(text);
  await settle();
  expect([progress.heard() === taken, progress.latest() === taken, progress.isDoubted()]).toEqual([true, false, false]);
  progress.add(text);
  await settle();
  expect([progress.heard() === taken, progress.isDoubted()]).toEqual([true, true]);
});

describe('the word by which a reply is taken', () => {
  it('is said until it is heard, for as long as a provider waits for it', async () => {
    const late = open((sent) => (sent < 6 ? LOST() : undefined));
    late.progress.add('a');
    expect(late.progress.isTakeLost()).toBe(true);
    await late.settle();
    expect(late.words).toEqual(Array.from({ length: 6 }, () => ({ textBytes: 1, hasLeft: false })));
    expect(late.progress.isTakeLost()).toBe(false);

    const never = open(LOST);
    never.progress.add('a');
    await never.settle();
    expect(never.progress.isTakeLost()).toBe(true);
    const waitedMs = never.pauses.reduce((sum, ms) => sum + ms, 0);
    expect([waitedMs > 4_000, waitedMs < 5_000]).toEqual([true, true]);
  });

  it('is known where more text comes, and heard where it is refused', async () => {
    const { progress, words, settle } = open(LOST);
    progress.add('a');
    progress.add('b');
    expect(progress.isTakeLost()).toBe(false);
    await settle();
    expect(words).toHaveLength(1);

    const refusing = open(() => new LinkError('remote', 'it is no news', { refusal: 'invalid' }));
    refusing.progress.add('a');
    await refusing.settle();
    expect([refusing.progress.isTakeLost(), refusing.words.length]).toEqual([false, 1]);
  });

  it('is said no more once the reply is over, or its payer leaves', async () => {
    for (const isLeft of [true, false]) {
      const { progress, words, settle } = open((sent) => (sent === 1 ? LOST() : undefined));
      progress.add('a');
      if (isLeft) await progress.leave();
      else progress.end();
      await settle();
      expect(words.map(({ hasLeft }) => hasLeft)).toEqual(isLeft ? [false, true] : [false]);
      expect(progress.isTakeLost()).toBe(true);
    }
  });
});
