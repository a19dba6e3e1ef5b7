import { randomBytes } from 'node:crypto';
import { createCallStore, DEFAULT_TERMS, describePermit, describeTransfer } from '@ogong/gateway/books/call-store';
import { creditPayment, forgetPayments, takePayment } from '@ogong/gateway/books/payment-store';
import { forgetPermits, notePermit, takePermit } from '@ogong/gateway/books/permit-store';
import { createReceiptStore, type NewReply, type ReceiptStore } from '@ogong/gateway/books/receipt-store';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { change } from '@ogong/host/store/work';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSteadySigner } from '../protocol/steady-signer.ts';
import { createSyntheticReceipt } from '../synthetic/synthetic-receipt.ts';
import type { OpenBooks, TestBooksPlace } from './books-place.ts';

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const HOUR_MS = 3_600_000;

/** Tests of a gateway's receipts, for every store. */
export function describeReceipts(createPlace: () => Promise<TestBooksPlace>): void {
  const { receipt } = createSyntheticReceipt({
    ...{ crypto: nodeCrypto, provider: createSteadySigner(fill(64, 0x31)), router: createSteadySigner(fill(64, 0x32)) },
    ...{ payer: createNobleLedgerSigner(fill(32, 0x33)), tokens: 3 },
    ledger: { chainId: 31_337n, verifyingContract: fill(20, 0x34) },
  });
  let place: TestBooksPlace;
  let opened: OpenBooks;
  let receipts: ReceiptStore;
  async function open(): Promise<void> {
    opened = await place.open();
    receipts = createReceiptStore(opened.books);
  }
  beforeEach(async () => {
    place = await createPlace();
    await open();
  });
  afterEach(async () => {
    await opened.close();
    await place.remove();
  });

  const reply = (replyId: string, given: Partial<NewReply> = {}): NewReply => ({
    ...{ replyId, receipt, request: randomBytes(40), response: randomBytes(70_000) },
    checks: [
      { id: 'intake', status: 'skip', detail: 'no word yet' },
      { id: 'stage1', status: 'pass', detail: '' },
    ],
    ...given,
  });
  const word = (validator: string, byte: number) => ({
    ...{ validator, delivery: new Uint8Array([byte]), payerSignature: new Uint8Array(65).fill(byte) },
    signature: new Uint8Array(65).fill(byte),
  });

  describe('receipts', () => {
    it('survive a crash byte for byte, and each is kept once', async () => {
      const first = reply('aa');
      await receipts.put(first, 1);
      await receipts.put(reply('bb'), 1);
      // A repeated call after another failure changes nothing.
      await receipts.put(reply('aa'), 2);
      await opened.close();
      await open();
      const kept = await receipts.get('aa');
      expect(kept?.receipt).toEqual(first.receipt);
      expect(Buffer.from(kept?.request ?? []).equals(first.request)).toBe(true);
      expect(Buffer.from(kept?.response ?? []).equals(first.response)).toBe(true);
      expect(kept?.checks).toEqual(first.checks);
      const { opening } = first.receipt;
      expect(await receipts.getOpening('aa')).toEqual('bytes' in opening ? new Uint8Array(opening.bytes) : undefined);
      expect(await receipts.get('cc')).toBeUndefined();
      expect(await receipts.getOpening('cc')).toBeUndefined();
    });

    it("accept their validator's signature once, and the result of its check", async () => {
      const { intake, ...without } = receipt;
      if (intake === undefined) throw new Error('the synthetic receipt has no word');
      await receipts.put(reply('aa', { receipt: without }), 1);
      const passed = { id: 'intake', status: 'pass', detail: 'in time' } as const;
      await receipts.complete('aa', intake, passed);
      expect(await receipts.get('aa')).toMatchObject({ receipt: { intake }, checks: [passed, { id: 'stage1' }] });
      await receipts.complete('aa', intake, { ...passed, status: 'fail' });
      expect((await receipts.get('aa'))?.checks[0]).toEqual(passed);
      await receipts.complete('cc', intake, passed);
      expect(await receipts.get('cc')).toBeUndefined();
    });

    it('keep the first signature of each validator, and none without a receipt', async () => {
      await receipts.put(reply('aa'), 1);
      await Promise.all([
        receipts.hold('aa', word('v2', 2)),
        receipts.hold('aa', word('v1', 1)),
        receipts.hold('aa', word('v1', 9)),
        receipts.hold('cc', word('v1', 1)),
      ]);
      const held = await receipts.listHeld('aa');
      expect(held.map(({ validator, delivery }) => [validator, ...delivery])).toEqual([
        ['v1', 1],
        ['v2', 2],
      ]);
      expect(await receipts.listHeld('cc')).toEqual([]);
    });

    it('are deleted when old, with all signatures; with an archive, only after it has them', async () => {
      await receipts.put(reply('old'), 1);
      await receipts.put(reply('copied'), 2);
      await receipts.put(reply('young'), HOUR_MS);
      await receipts.hold('copied', word('v1', 1));
      const { intake, ...without } = receipt;
      await receipts.put(reply('silent', { receipt: without }), 1);
      await receipts.complete('silent', intake as IntakeSignature, { id: 'intake', status: 'pass', detail: 'in time' });
      await opened.books.write(() => change("INSERT INTO archived VALUES ('copied', 'a', 'b', 1)"));
      expect(await receipts.expire(HOUR_MS, true)).toBe(1);
      expect(await receipts.get('copied')).toBeUndefined();
      expect(await receipts.listHeld('copied')).toEqual([]);
      expect(await receipts.expire(HOUR_MS)).toBe(2);
      await receipts.put(reply('silent', { receipt: without }), HOUR_MS);
      expect((await receipts.get('silent'))?.receipt.intake).toBeUndefined();
      expect([await receipts.get('old'), (await receipts.get('young'))?.replyId]).toEqual([undefined, 'young']);
    });

    it('of private calls are deleted once the verdict is known, and not before', async () => {
      const sql = `INSERT INTO orders (reply_id, completion_id, choice, validator, key_id, organisation, model, max_fee,
        order_bytes, signature, created_ms, expires_ms, state) VALUES (?, ?, 0, '', '', '', '', '1', ?, ?, 1, 1, ?)`;
      const none = new Uint8Array();
      const order = (replyId: string, state: string) =>
        opened.books.write(() => change(sql, replyId, `of-${replyId}`, none, none, state));
      await Promise.all([order('open', 'delivered'), order('judged', 'closed'), order('shown', 'closed')]);
      for (const replyId of ['open', 'judged']) await receipts.put(reply(replyId, { settlementType: 'private' }), 1);
      await receipts.put(reply('fresh', { settlementType: 'private' }), 5);
      await receipts.put(reply('shown', { settlementType: 'individual' }), 1);
      await receipts.hold('judged', word('v1', 1));
      expect(await receipts.dropPrivate(5)).toBe(1);
      const list = async () =>
        (await Promise.all(['open', 'judged', 'fresh', 'shown'].map(receipts.get))).map((one) => one?.replyId);
      expect(await list()).toEqual(['open', undefined, 'fresh', 'shown']);
      expect(await receipts.listHeld('judged')).toEqual([]);
      // An archive never has them, so their age alone counts at last.
      expect(await receipts.expire(2, true)).toBe(1);
      expect(await list()).toEqual([undefined, undefined, 'fresh', 'shown']);
    });
  });

  describe('calls', () => {
    const place = { network: 'eip155:31337', asset: `0x${'ee'.repeat(20)}` } as const;
    const payer = `0x${'aa'.repeat(20)}` as const;
    const credit = { fromBlock: 1n, madeMs: 1, neededAtomic: 5n };

    it('keep their settlement type, and show the present state of their payments', async () => {
      const { books } = opened;
      const calls = createCallStore(books);
      const times = { validAfter: 0n, validBefore: 9n };
      const authorization = { from: payer, to: payer, value: 7n, nonce: `0x${'01'.repeat(32)}` as const, ...times };
      const paid = await books.write(() =>
        takePayment({ authorization, signature: '0x' }, { ...credit, account: 'pay:a', balanceAtomic: 7n }),
      );
      const permit = {
        from: payer,
        to: payer,
        facilitator: payer,
        maximum: 9n,
        nonce: 2n ** 200n,
        ...times,
        deadline: 9n,
      };
      const limits = {
        ...credit,
        funds: { balanceAtomic: 9n, allowanceAtomic: 9n, approvalNonce: 0n },
        mostUnsettledAtomic: 9n,
      };
      const promised = await books.write(() => takePermit({ permit, signature: '0x', approval: undefined }, limits));
      if (typeof paid === 'string' || typeof promised === 'string') throw new Error('a payment is refused');
      await calls.put('chatcmpl-a', { settlementType: 'batch', payment: describeTransfer(paid, place) }, 1);
      await calls.put('chatcmpl-b', { settlementType: 'individual', payment: describePermit(promised, place) }, 1);
      await calls.put('chatcmpl-c', { settlementType: 'private', payment: undefined }, 1);
      const open = { takenAtomic: undefined, transactionHash: undefined };
      const exact = { scheme: 'exact', ...place, payer, nonce: authorization.nonce, maximumAtomic: 7n };
      const upto = { scheme: 'upto', ...place, payer, nonce: `${2n ** 200n}`, maximumAtomic: 9n };
      expect(await calls.find('chatcmpl-a')).toEqual({ settlementType: 'batch', payment: { ...exact, ...open } });
      expect(await calls.find('chatcmpl-b')).toEqual({ settlementType: 'individual', payment: { ...upto, ...open } });
      expect(await calls.find('chatcmpl-c')).toEqual({ settlementType: 'private', payment: undefined });
      expect(await calls.find('chatcmpl-d')).toEqual(DEFAULT_TERMS);

      await books.write(() => creditPayment(paid, '0xa1', 2));
      await books.write(() => change("UPDATE permits SET state = 'taking', taken_atomic = '4'"));
      expect((await calls.find('chatcmpl-a')).payment).toMatchObject({ takenAtomic: 7n, transactionHash: '0xa1' });
      expect((await calls.find('chatcmpl-b')).payment).toMatchObject(open);
      await books.write(() =>
        notePermit({ ...promised, state: 'taking', takenAtomic: 4n }, { value: 4n, transactionHash: '0xb1' }),
      );
      expect((await calls.find('chatcmpl-b')).payment).toMatchObject({ takenAtomic: 4n, transactionHash: '0xb1' });

      // Payments stay as long as a call names them, and calls as long as an order does.
      await books.write(() => change("UPDATE payments SET state = 'final'"));
      await books.write(() => change("UPDATE permits SET state = 'done'"));
      expect(await books.write(() => forgetPayments(9))).toBe(0);
      expect(await books.write(() => forgetPermits(9))).toBe(0);
      expect(await calls.expire(2)).toBe(3);
      expect([await books.write(() => forgetPayments(9)), await books.write(() => forgetPermits(9))]).toEqual([1, 1]);
    });
  });
}
