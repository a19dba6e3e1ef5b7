import type { LinkPool } from '@ogong/host/link/link-pool';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { type SignedEnd, signEnd } from '@ogong/protocol/exchange/ending/order-end';
import { PROGRESS_STEP_BYTES } from '@ogong/protocol/exchange/limits';
import { createTestValidator, ledger, provider } from '@ogong/testing/validator/test-bench';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createOrderPacing } from '../buy/order-pacing.ts';
import { followSealed, type SealedRun, UnsaidText } from './follow-sealed.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const PATIENCE_MS = 1_000;
const ordered = createTestValidator().order(0);

/**
 * A provider that sends so many units of 512 bytes, and then is silent, or breaks off. @returns what the gateway did about it.
 */
async function follow(given: {
  readonly units: number;
  /** The unit after which the client reported its progress. */
  readonly saidAt?: number;
  readonly maxTokens?: number | undefined;
  readonly breaks?: boolean;
  /** The statement by which it ends the order. Default: none. */
  readonly end?: SignedEnd;
  /** The provider's answer to that progress. Default: it took it. */
  readonly answer?: 'refused' | 'lost';
}) {
  const { units, saidAt, breaks = false, answer } = given;
  const maxTokens = 'maxTokens' in given ? given.maxTokens : 100;
  const done: string[] = [];
  let word: object | undefined;
  async function* generate(_order: unknown, { signal }: { readonly signal: AbortSignal }) {
    for (let i = 0; i < units; i++) {
      yield { event: { case: 'sealed', value: { unit: new Uint8Array(512), head: new Uint8Array() } } };
      if (i + 1 === saidAt) word = {};
    }
    if (given.end) yield { event: { case: 'ended', value: given.end } };
    if (breaks) return;
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
  const links = { to: () => ({ generate }) } as unknown as LinkPool;
  const context = {
    clock: { nowMs: () => Date.now() },
    validators: { doubt: () => {}, noteRefused: () => {}, answers: async () => true },
    chain: { ledger },
    complaints: { put: async (_validator: unknown, { reason }: { readonly reason: string }) => done.push(reason) > 0 },
    ledger: { abandon: async () => {} },
    links: { to: () => ({ report: async ({ outcome }: { readonly outcome: string }) => void done.push(outcome) }) },
  };
  const options = { firstTokenTimeoutMs: PATIENCE_MS, idleTimeoutMs: PATIENCE_MS, totalTimeoutMs: 60_000 };
  const providerId = new Uint8Array(32);
  const run = {
    attempt: {
      replyId: new Uint8Array(16),
      match: { ticket: { providerId, providerCertHash: providerId } },
      order: { order: ordered.order },
    },
    ...{ envelope: new Uint8Array(), maxTokens, milestones: false, signal: new AbortController().signal },
    progress: {
      ...{
        latest: () => word,
        heard: () => (answer ? undefined : word),
        isDoubted: () => answer === 'refused' && !!word,
      },
      leave: async () => void done.push('left'),
    },
  } as unknown as SealedRun;
  const stream = followSealed(context as never, { links, options, pacing: createOrderPacing() }, run);
  const read = async (): Promise<void> => {
    while (!(await stream.next()).done);
  };
  const over = read().catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(PATIENCE_MS);
  const error = await over;
  return { done, isUnsaid: error instanceof UnsaidText, code: (error as { readonly code?: string }).code };
}

const endBy = (signer: HybridSigner): SignedEnd =>
  signEnd(signer, { orderHash: ordered.fields.orderHash, code: 'machine-failed', timeMs: 1 });

it('a provider that ends the order by a signed statement is not accused', async () => {
  const { code, done } = await follow({ units: 1, breaks: true, end: endBy(provider) });
  expect([code, done]).toEqual(['provider_ended', ['refused']]);
});

it('a provider that ends the order by a statement of another key is accused', async () => {
  const { code, done } = await follow({ units: 1, breaks: true, end: endBy(createTestHybrid('stranger')) });
  expect([code, done]).toEqual(['provider_failed', ['abandoned', 'abandoned']]);
});

const step = PROGRESS_STEP_BYTES / 512;

it("tells a provider that may wait for its client's progress to stop, and does not accuse it", async () => {
  expect(await follow({ units: step + 1 })).toEqual({
    ...{ code: 'provider_timeout', isUnsaid: true },
    done: ['left', 'unused'],
  });
  expect(await follow({ units: 2 * step + 2, saidAt: step + 1 })).toMatchObject({ done: ['left', 'unused'] });
});

it.each(['refused', 'lost'] as const)('a word that was %s accuses nobody', async (answer) => {
  expect(await follow({ units: 3 * step, saidAt: 2 * step, answer })).toEqual({
    ...{ code: 'provider_timeout', isUnsaid: true },
    done: ['left', 'unused'],
  });
});

it.each([
  ['sent less than a client says by itself', { units: step }, 'provider_timeout'],
  ['has just heard what its client has', { units: 3 * step, saidAt: 2 * step }, 'provider_timeout'],
  ['sends no text, of which nothing is said', { units: step + 1, maxTokens: undefined }, 'provider_timeout'],
  ['ends its stream', { units: step + 1, breaks: true }, 'provider_failed'],
])('a provider that %s is accused', async (_what, given, code) => {
  const { done, ...rest } = await follow(given);
  expect(rest).toEqual({ code, isUnsaid: false });
  expect(done).toContain('abandoned');
});
