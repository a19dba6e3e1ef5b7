import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { PROGRESS_STEP_BYTES, PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { hashBeginning, type Progress, signProgress } from '@ogong/protocol/exchange/progress';
import { expect, it } from 'vitest';
import { createRunningReplies } from './running-replies.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
const payer = createNobleLedgerSigner(new Uint8Array(32).fill(9));
const replyId = new Uint8Array(16).fill(1);
const orderHash = new Uint8Array(32).fill(2);
const consumer = new Uint8Array(32).fill(4);
const blind = new Uint8Array(32).fill(5);

/** A reply of which so many bytes were sent. */
function open(sentBytes: number) {
  const replies = createRunningReplies({ crypto, ledger });
  const reply = replies.open({ replyId, orderHash, payer: payer.address } as NamedOrder, { consumer, blind });
  void reply.waitToSend('x'.repeat(sentBytes), new AbortController().signal);
  const say = (textBytes: number, bend: Partial<Progress> = {}) => {
    const textHash = hashBeginning(crypto, blind, new Uint8Array(textBytes).fill(0x78));
    const word = { orderHash, textBytes, textHash, hasLeft: false, ...bend };
    replies.take(consumer, replyId, signProgress(crypto, payer, { ledger, ...word }));
  };
  return { reply, say };
}

/** Whether there is room without anything else happening. */
async function isOpen(room: Promise<void>): Promise<boolean> {
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

it('a text longer than a window goes out once the payer has said what it may ever say of all before it', async () => {
  const { signal } = new AbortController();
  // It says no more before it has a step more.
  const { reply, say } = open(2 * PROGRESS_STEP_BYTES - 1);
  const sent = reply.waitToSend('x'.repeat(PROGRESS_WINDOW_BYTES + 1), signal);
  expect(await isOpen(sent)).toBe(false);
  say(PROGRESS_STEP_BYTES);
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

it('a word that is no news is refused, and so is whatever follows the last one', () => {
  const { say } = open(4 * PROGRESS_STEP_BYTES);
  expect(() => say(PROGRESS_STEP_BYTES - 1)).toThrow('less than');
  say(PROGRESS_STEP_BYTES);
  expect(() => say(2 * PROGRESS_STEP_BYTES - 1)).toThrow('less than');
  expect(() => say(0, { hasLeft: true })).toThrow('less than');
  say(PROGRESS_STEP_BYTES, { hasLeft: true });
  expect(() => say(3 * PROGRESS_STEP_BYTES)).toThrow('left already');
});
