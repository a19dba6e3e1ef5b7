import { expect, it } from 'vitest';
import type { AcceptedOrder } from './order-intake.ts';
import type { ProviderState } from './provider-state.ts';
import { createServeContext } from './serve-context.ts';

const NOW = 1_800_000_000_000;
const EVENT = { event: { case: 'started', value: { promptTokens: 1 } } } as const;

/** For a consumer whose link lives, and who takes nothing. */
function createContext({ lifetimeMs, left = new AbortController() }: { lifetimeMs: number; left?: AbortController }) {
  const state = { clock: { nowMs: () => NOW }, stopping: new AbortController(), maxReplyMs: 600_000 };
  const order = { replyId: new Uint8Array(16), validator: new Uint8Array(20), expiresAtMs: BigInt(NOW + lifetimeMs) };
  const reader = { consumer: new Uint8Array(32), send: () => new Promise<boolean>(() => {}), left: left.signal };
  return createServeContext(state as unknown as ProviderState, { order } as unknown as AcceptedOrder<unknown>, reader);
}

it('does not wait past the order for a consumer who takes nothing', async () => {
  const context = createContext({ lifetimeMs: 1 });
  expect(await context.send(EVENT)).toBe(false);
  expect(context.left.aborted).toBe(true);
  expect(await context.send(EVENT)).toBe(false);
});

it('does not wait for a consumer who has left', async () => {
  const left = new AbortController();
  const context = createContext({ lifetimeMs: 600_000, left });
  const sent = context.send(EVENT);
  left.abort();
  expect(await sent).toBe(false);
});
