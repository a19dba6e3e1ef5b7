import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { Progress, SignedProgress } from '@ogong/protocol/exchange/progress';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { readProgress } from '@ogong/protocol/verdict/reply-fee';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { describe, expect, it } from 'vitest';
import { type AdmissionSigner, recoverAdmission, trustOrdered } from './ordered-crypto.ts';

const TEXT_BYTES = 8;
const honest = createSyntheticReceipt({
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
  tokens: 20,
  progress: { textBytes: TEXT_BYTES, hasLeft: false },
});

const spoil = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte));

const listFailed = (receipt: Receipt, isOrdered: boolean): Promise<string[]> =>
  listFailedBy(isOrdered ? trustOrdered(crypto, receipt) : crypto, receipt);

const spoil20 = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 10 ? byte ^ 1 : byte));

async function listFailedBy(by: Crypto, receipt: Receipt): Promise<string[]> {
  const { reply, trust, nowMs } = honest;
  const given = { request: reply.request, response: reply.response, trust, nowMs };
  const { checks } = await verifyReceipt(receipt, { crypto: by, ...given });
  return checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
}

describe('the receipt of a reply that was ordered here', () => {
  const { receipt } = honest;

  it('takes the signatures of order and ticket as known, and those alone', async () => {
    expect(await listFailed(receipt, true)).toEqual([]);
    const order = { ...receipt, order: { ...receipt.order, signature: spoil(receipt.order.signature) } };
    const ticket = { ...receipt, ticket: { ...receipt.ticket, signature: spoil(receipt.ticket.signature) } };
    expect((await listFailed(order, false)).length).toBeGreaterThan(0);
    expect(await listFailed(ticket, false)).toContain('ticket');
    expect([await listFailed(order, true), await listFailed(ticket, true)]).toEqual([[], []]);
  });

  it('takes the signature of its progress as known, for the text that it is about', () => {
    const { bytes: progress, signature } = receipt.progress as NonNullable<Receipt['progress']>;
    const order = nameOrder(crypto, receipt.ledger, parseOrder(receipt.order.bytes));
    const { request: body, response: text } = honest.reply;
    const { answer: blind } = computeBlinds(crypto, { body, replyId: order.replyId });
    const by = trustOrdered({ ...crypto, verifyAddress: () => false }, receipt);
    const read = (signed: SignedProgress, of = text): Progress | undefined =>
      readProgress(by, { ledger: receipt.ledger, order }, signed, { blind, text: of });
    expect(read({ progress, signature })?.textBytes).toBe(TEXT_BYTES);
    // Another signature with the same bytes is not the one of the receipt.
    expect(read({ progress, signature: signature.slice() })).toBeUndefined();
    expect(
      read(
        { progress, signature },
        text.map((byte) => byte ^ 1),
      ),
    ).toBeUndefined();
  });

  it('still holds provider and validator to every byte that they signed', async () => {
    const { record, admission } = receipt;
    const bent: readonly Receipt[] = [
      { ...receipt, record: { ...record, signature: spoil(record.signature) } },
      { ...receipt, record: { ...record, bytes: spoil(record.bytes) } },
      { ...receipt, admission: { ...admission, signature: spoil(admission.signature) } },
    ];
    for (const one of bent) {
      expect((await listFailed(one, true)).length).toBeGreaterThan(0);
      expect(await listFailed(one, true)).toEqual(await listFailed(one, false));
    }
  });

  it('compares the recovered signer of the admission with the key of the validator', async () => {
    const { admission } = receipt;
    const order = nameOrder(crypto, receipt.ledger, parseOrder(receipt.order.bytes));
    const admitted = recoverAdmission(crypto, receipt, order) as AdmissionSigner;
    // A signature that is not known fails.
    const bare: Crypto = { ...crypto, verifyAddress: () => false };
    expect(await listFailedBy(trustOrdered(bare, receipt), receipt)).toEqual(['admission', 'intake', 'beacon']);
    expect(await listFailedBy(trustOrdered(bare, receipt, admitted), receipt)).toEqual(['intake', 'beacon']);
    const stranger = { ...admitted, address: spoil20(admitted.address) };
    expect(await listFailedBy(trustOrdered(crypto, receipt, stranger), receipt)).toEqual(['admission']);
    // The signature holds for its own statement alone.
    const later = { ...receipt, admission: { ...admission, timeMs: admission.timeMs + 1n } };
    expect(await listFailedBy(trustOrdered(crypto, later, admitted), later)).toEqual(['admission']);
    const unsigned = { ...admission, signature: new Uint8Array(65) };
    expect(recoverAdmission(crypto, { ...receipt, admission: unsigned }, order)).toBeUndefined();
  });
});
