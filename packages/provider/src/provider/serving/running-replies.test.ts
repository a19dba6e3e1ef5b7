import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { PROGRESS_STEP_BYTES, PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { hashBeginning, type Progress, signProgress } from '@ogong/protocol/exchange/progress';
import { afterEach, expect, it, vi } from 'vitest';
import { createRunningReplies } from './running-replies.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
const payer = createNobleLedgerSigner(new Uint8Array(32).fill(9));
const replyId = new Uint8Array(16).fill(1);
const orderHash = new Uint8Array(32).fill(2);
const consumer = new Uint8Array(32).fill(4);
const blind = new Uint8Array(32).fill(5);

/** A reply of which so many bytes were sent. */
const open = (sentBytes: number, takeWithinMs?: number) => openText('x'.repeat(sentBytes), false, takeWithinMs);
/** One of which this was sent, and that its payer may leave untaken. */
const openStandby = (text: string) => openText(text, true);

function openText(text: string, isStandby: boolean, takeWithinMs?: number) {
  const replies = createRunningReplies({ crypto, ledger, takeWithinMs });
  const gone = new AbortController();
  const onTaken = vi.fn();
  const order = { replyId, orderHash, payer: payer.address } as NamedOrder;
  const reply = replies.open(order, { consumer, blind, ...(isStandby && { standby: { gone: gone.signal, onTaken } }) });
  if (text !== '') void reply.waitToSend(text, new AbortController().signal);
  const say = (textBytes: number, bend: Partial<Progress> = {}) => {
    const said = text === '' ? 'x'.repeat(textBytes) : text.slice(0, textBytes);
    const textHash = hashBeginning(crypto, blind, new TextEncoder().encode(said));
    const word = { orderHash, textBytes, textHash, hasLeft: false, ...bend };
    replies.take(consumer, replyId, signProgress(crypto, payer, { ledger, ...word }));
  };
  return { reply, say, gone, onTaken };
}

afterEach(() => {
  vi.useRealTimers();
});

/** Whether there is room without anything else happening. */
async function isOpen(room: Promise<unknown>): Promise<boolean> {
  let opened = false;
  room.then(() => {
    opened = true;
  });
  await new Promise(setImmediate);
  return opened;
}

it('a text goes out within one window ahead of the payer, and further ones once it has signed', async () => {
  const { signal } = new AbortController();
  expect(await isOpen(open(PROGRESS_WINDOW_BYTES - 3).reply.waitToSend('xxx', signal))).toBe(true);
  const { reply, say } = open(PROGRESS_WINDOW_BYTES - 3);
  const sent = reply.waitToSend('xxxx', signal);
  expect(await isOpen(sent)).toBe(false);
  say(PROGRESS_STEP_BYTES);
  expect(await isOpen(sent)).toBe(true);
});

it('the longest piece of a text goes out once the payer has said the least that it has to say of all before it', async () => {
  const { signal } = new AbortController();
  const sentBytes = PROGRESS_WINDOW_BYTES - 1;
  const { reply, say } = open(sentBytes);
  const sent = reply.waitToSend('x'.repeat(PROGRESS_STEP_BYTES), signal);
  expect(await isOpen(sent)).toBe(false);
  // It says no more before it has a step more.
  say(sentBytes - PROGRESS_STEP_BYTES + 1);
  expect(await isOpen(sent)).toBe(true);
});

it('nobody waits for room once the payer has left, or the reply is over', async () => {
  const { reply, say } = open(PROGRESS_WINDOW_BYTES);
  const over = new AbortController();
  const [first, second] = [reply.waitToSend('x', over.signal), reply.waitToSend('x', over.signal)];
  over.abort();
  expect([await isOpen(first), await isOpen(second)]).toEqual([true, true]);
  const { signal } = new AbortController();
  const third = reply.waitToSend('x', signal);
  expect(await isOpen(third)).toBe(false);
  say(0, { hasLeft: true });
  expect(await isOpen(third)).toBe(true);
});

it('a payer that leaves before there is a token is waited for until there is one', () => {
  const { reply, say } = open(0);
  say(0, { hasLeft: true });
  expect(reply.left.aborted).toBe(false);
  reply.begin();
  expect(reply.left.aborted).toBe(true);
});

it('a signed progress without news is refused, and so is each one after the last', () => {
  const { say } = open(4 * PROGRESS_STEP_BYTES);
  expect(() => say(PROGRESS_STEP_BYTES - 1)).toThrow('less than');
  say(PROGRESS_STEP_BYTES);
  expect(() => say(2 * PROGRESS_STEP_BYTES - 1)).toThrow('less than');
  expect(() => say(0, { hasLeft: true })).toThrow('less than');
  say(PROGRESS_STEP_BYTES, { hasLeft: true });
  expect(() => say(3 * PROGRESS_STEP_BYTES)).toThrow('left already');
});

it('a reply that may stay untaken shows one part, and the rest once its payer has signed for some of it', async () => {
  const { signal } = new AbortController();
  const { reply, say, onTaken } = openStandby('Once');
  const more = reply.waitToSend(' upon', signal);
  expect(await isOpen(more)).toBe(false);
  // Its time is not over.
  expect(reply.outcome()).toBeUndefined();
  expect(() => say(0)).toThrow('less than');
  say(1);
  expect(await isOpen(more)).toBe(true);
  expect([reply.outcome(), onTaken.mock.calls.length]).toEqual(['taken', 1]);
  // Having taken it once is no licence for small steps.
  expect(() => say(2)).toThrow('less than');
  expect(await isOpen(reply.waitForTake(signal))).toBe(true);
});

it('a reply that may stay untaken ends once its payer takes it, leaves it, or is gone', async () => {
  const { signal } = new AbortController();
  const taken = openStandby('Once');
  const end = taken.reply.waitForTake(signal);
  expect(await isOpen(end)).toBe(false);
  taken.say(4);
  expect(await isOpen(end)).toBe(true);

  const left = openStandby('Once');
  const leftEnd = left.reply.waitForTake(signal);
  left.say(0, { hasLeft: true });
  expect(await isOpen(leftEnd)).toBe(true);
  expect(left.reply.outcome()).toBe('left');

  const gone = new AbortController();
  const goneEnd = openStandby('Once').reply.waitForTake(gone.signal);
  gone.abort();
  expect(await isOpen(goneEnd)).toBe(true);
  const hungUp = openStandby('');
  hungUp.gone.abort();
  expect(hungUp.reply.outcome()).toBe('silent');
  // Nobody can take a text without a byte, and nobody waits where every reply is paid.
  expect(openStandby('').reply.outcome()).toBeUndefined();
  expect(await isOpen(openStandby('').reply.waitForTake(signal))).toBe(true);
  expect(await isOpen(open(4).reply.waitForTake(signal))).toBe(true);
});

it('a reply that nobody takes in time stops its engine, sends nothing more, and waits no longer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { signal } = new AbortController();
  const { reply, say } = openStandby('Once');
  reply.begin();
  const more = reply.waitToSend(' upon', signal);
  vi.advanceTimersByTime(4_999);
  expect(reply.unwanted.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(reply.unwanted.aborted).toBe(true);
  expect(await more).toBe(false);
  expect(() => say(4)).toThrow('time to take this reply is over');
  expect(reply.outcome()).toBe('silent');
  expect(await isOpen(reply.waitForTake(signal))).toBe(true);

  const taken = openStandby('Once');
  taken.reply.begin();
  taken.say(4);
  vi.advanceTimersByTime(5_000);
  taken.gone.abort();
  expect(taken.reply.unwanted.aborted).toBe(false);
});

it('a caller that reads nothing of a reply that may stay untaken is waited for as long', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const never = new Promise<boolean>(() => {});
  const { reply } = openStandby('');
  const read = reply.readInTime(() => never);
  vi.advanceTimersByTime(4_999);
  expect(await isOpen(read.then(() => {}))).toBe(false);
  vi.advanceTimersByTime(1);
  expect(await read).toBe(false);
  expect(reply.unwanted.aborted).toBe(false);
  reply.begin();
  expect(reply.unwanted.aborted).toBe(true);

  const paid = open(0).reply.readInTime(() => never);
  vi.advanceTimersByTime(600_000);
  expect(await isOpen(paid.then(() => {}))).toBe(false);
});

it('a reply that may stay untaken stops its engine once its caller is gone and there is a token', async () => {
  const { reply, gone, say } = openStandby('Once');
  gone.abort();
  expect(reply.unwanted.aborted).toBe(false);
  reply.begin();
  expect(reply.unwanted.aborted).toBe(true);
  // It may still say that it leaves, which is paid.
  const end = reply.waitForTake(new AbortController().signal);
  expect(await isOpen(end)).toBe(false);
  say(0, { hasLeft: true });
  expect(await isOpen(end)).toBe(true);
});

it('knows whether more was sent than the signed progress pays for, once there is one', async () => {
  const { reply, say } = open(PROGRESS_WINDOW_BYTES);
  const over = AbortSignal.abort();
  for (let piece = 0; piece < 2; piece++) await reply.waitToSend('x'.repeat(PROGRESS_STEP_BYTES), over);
  expect(reply.isPastProgress()).toBe(false);
  say(PROGRESS_STEP_BYTES);
  expect(reply.isPastProgress()).toBe(true);
  say(2 * PROGRESS_STEP_BYTES);
  expect(reply.isPastProgress()).toBe(false);
});
