import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { ApiContext } from '@ogong/host/http/api-app';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { expect, it } from 'vitest';
import { DEFAULT_TERMS } from '../books/call-store.ts';
import type { OrderRow } from '../books/order-store.ts';
import type { StoredReply } from '../books/receipt-store.ts';
import { createPublicReceipt } from './public-receipt.ts';

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const REPLY = 'ab'.repeat(16);
const TRANSACTION = `0x${'5e'.repeat(32)}`;
const { receipt } = createSyntheticReceipt({
  ...{ crypto, tokens: 2, ledger: { chainId: 31_337n, verifyingContract: fill(20, 3) } },
  ...{ provider: createNobleHybridSigner(fill(64, 7)), router: createNobleHybridSigner(fill(64, 8)) },
  payer: createNobleLedgerSigner(fill(32, 9)),
});
const settled = {
  ...{ replyId: REPLY, completionId: 'chatcmpl-1', validator: '04'.repeat(20), state: 'closed', verdict: 'accept' },
  ...{ settlement: TRANSACTION, heldRecord: 'aa', judgedRecord: 'aa', feeAtomic: 1n, maxFeeAtomic: 2n, detail: '' },
} as unknown as OrderRow;
const kept: StoredReply = { replyId: REPLY, receipt, request: fill(2, 1), response: fill(2, 2), checks: [] };

interface Given {
  readonly order?: Partial<OrderRow>;
  readonly type?: 'private' | 'batch';
  readonly stored?: Partial<StoredReply> | null;
  readonly id?: string;
}

/** @returns the shown receipt, or the error. */
function show({ order, type, stored = {}, id = REPLY }: Given): Promise<unknown> {
  const read = createPublicReceipt(
    {
      ledger: { find: async (replyId) => (replyId === REPLY ? { ...settled, ...order } : undefined) },
      calls: { find: async () => ({ ...DEFAULT_TERMS, settlementType: type ?? 'individual' }) },
      receipts: { get: async () => (stored === null ? undefined : { ...kept, ...stored }), listHeld: async () => [] },
    },
    // No validator is registered any more, so the inclusion is unknown.
    { reader: {} as never, chain: { findByAddress: () => undefined } },
  );
  const context = { req: { param: () => id } } as unknown as ApiContext;
  return read(context).catch((error: unknown) => error);
}

it('shows a settled reply of type individual', async () => {
  const shown = { reply_id: REPLY, settlement_type: 'individual', settled: null, request: 'AQE=', response: 'AgI=' };
  expect(await show({})).toMatchObject(shown);
  expect(await show({ id: `0x${REPLY}` })).toMatchObject(shown);
});

it.each<[what: string, given: Given, code: string]>([
  ['of type batch', { type: 'batch' }, 'receipt_not_found'],
  ['of type private', { type: 'private' }, 'receipt_not_found'],
  ['that is unknown', { id: 'cd'.repeat(16) }, 'receipt_not_found'],
  ['without a verdict', { order: { state: 'delivered', settlement: '' } }, 'receipt_not_settled'],
  ['without a batch yet', { order: { settlement: '' } }, 'receipt_not_settled'],
  ['that is rejected', { order: { settlement: 'none' } }, 'receipt_not_settled'],
  ['whose verdict is about another record', { order: { judgedRecord: 'bb' } }, 'receipt_not_settled'],
  ['whose receipt expired', { stored: null }, 'receipt_not_found'],
  ['that is too long', { stored: { response: new Uint8Array(16 * 1024 * 1024 + 1) } }, 'receipt_too_long'],
])('shows nothing of a reply %s', async (_what, given, publicCode) => {
  expect(await show(given)).toMatchObject({ code: 'not_found', publicCode });
});

it('refuses an id that is none', async () => {
  expect(await show({ id: 'chatcmpl-1' })).toMatchObject({ code: 'invalid_request' });
});
