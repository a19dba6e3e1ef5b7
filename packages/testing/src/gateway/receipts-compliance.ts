import { randomBytes } from 'node:crypto';
import { createReceiptStore, type ReceiptStore, type StoredReply } from '@ogong/gateway/books/receipt-store';
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

  const reply = (replyId: string, given: Partial<StoredReply> = {}): StoredReply => ({
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
  });
}
