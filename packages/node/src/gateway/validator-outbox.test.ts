import type { LinkPool } from '@ogong/host/link/link-pool';
import type { WorkStore } from '@ogong/host/store/work-store';
import { expect, it } from 'vitest';
import { createValidatorOutbox } from './validator-outbox.ts';

function createOutbox() {
  let nowMs = 1_000_000;
  const sent: unknown[] = [];
  const outbox = createValidatorOutbox(
    {
      ...{ kind: 'delivery', lifetimeMs: 1_000_000, perRound: 2 },
      send: async (_service, { message }) => {
        sent.push(message[0]);
        return 'done';
      },
    },
    {
      // What is read again from the books is the other gateways' part.
      books: { isShared: true, read: async () => [], write: async () => {} } as unknown as WorkStore,
      chain: { findByAddress: () => ({}) } as never,
      links: { to: () => ({}) } as unknown as LinkPool,
      clock: { nowMs: () => nowMs } as never,
    },
  );
  const put = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, i) => outbox.put(new Uint8Array(20), { message: Uint8Array.of(i) })));
  return { outbox, sent, put, pass: (ms: number) => (nowMs += ms) };
}

it('tries first what was just put, and no more than another gateway leaves it the time for', async () => {
  const { outbox, sent, put, pass } = createOutbox();
  await put(100);
  for (let i = 0; i < 14; i++) await outbox.flush();
  expect(sent.length).toBe(28);
  // A try that begins now might not have ended when another gateway begins one.
  pass(15_000);
  await outbox.flush();
  expect(sent.length).toBe(28);
  await put(1);
  await outbox.flush();
  expect(sent.length).toBe(29);
});

it('keeps no more in memory than it sends in that time', async () => {
  const { outbox, sent, put } = createOutbox();
  await put(100);
  for (let i = 0; i < 100; i++) await outbox.flush();
  expect(sent.length).toBe(30);
});
