import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import {
  computeReplyId,
  encodeOrder,
  hashOrder,
  hashTerms,
  type LedgerDomain,
  nameOrder,
  type Order,
  parseOrder,
  verifyOrder,
} from './order.ts';

interface Vector {
  readonly name: string;
  readonly payer: string;
  readonly validator: string;
  readonly cumulative: string;
  readonly terms: Record<string, string | number>;
  readonly termsHash: string;
  readonly orderDigest: string;
  readonly replyId: string;
  readonly signature: string;
}

// viem and the contracts agreed on these digests. This is the third implementation.
const vectors = JSON.parse(readFileSync(new URL('../../vectors/eip712.json', import.meta.url), 'utf8')) as {
  domain: { chainId: number; escrow: string };
  orders: Vector[];
};
const bytes = (hex: string | number | undefined): Uint8Array => fromHex(String(hex).slice(2));
const domain: LedgerDomain = {
  chainId: BigInt(vectors.domain.chainId),
  verifyingContract: bytes(vectors.domain.escrow),
};

function toOrder(vector: Vector): Order {
  const t = vector.terms;
  return {
    payer: bytes(vector.payer),
    validator: bytes(vector.validator),
    cumulativeAtomic: BigInt(vector.cumulative),
    requestHash: bytes(t.requestHash),
    nonce: bytes(t.nonce),
    modelRoot: bytes(t.modelRoot),
    providerId: bytes(t.providerId),
    payee: bytes(t.payee),
    router: bytes(t.router),
    choice: Number(t.choice),
    contextSize: Number(t.contextSize),
    maxFeeAtomic: BigInt(t.maxFee ?? 0),
    pricePer1kAtomic: BigInt(t.pricePer1k ?? 0),
    epoch: BigInt(t.epoch ?? 0),
    expiresAtMs: BigInt(t.expiresAt ?? 0),
  };
}

const verify = (order: Order, signature: Uint8Array, ledger = domain): boolean =>
  verifyOrder(crypto, nameOrder(crypto, ledger, order), signature);

describe.each(vectors.orders)('order "$name"', (vector) => {
  const order = toOrder(vector);

  it('hashes as viem and the contracts do', () => {
    expect(`0x${toHex(hashTerms(crypto, order))}`).toBe(vector.termsHash);
    expect(`0x${toHex(hashOrder(crypto, domain, order))}`).toBe(vector.orderDigest);
  });

  it('verifies for its payer, and fails after one bit changes', () => {
    const signature = bytes(vector.signature);
    expect(verify(order, signature)).toBe(true);
    expect(verify({ ...order, epoch: order.epoch ^ 1n }, signature)).toBe(false);
    expect(verify(order, signature, { ...domain, chainId: 1n })).toBe(false);
    const bent = signature.slice();
    bent[5] = (bent[5] as number) ^ 1;
    expect(verify(order, bent)).toBe(false);
    expect(verify(order, signature.subarray(1))).toBe(false);
  });

  it('names its reply by the public rule', () => {
    expect(`0x${toHex(computeReplyId(crypto, domain, order))}`).toBe(vector.replyId);
    const { replyId, orderHash } = nameOrder(crypto, domain, order);
    expect([`0x${toHex(replyId)}`, `0x${toHex(orderHash)}`]).toEqual([vector.replyId, vector.orderDigest]);
  });

  it.each<[string, LedgerDomain, Partial<Order>]>([
    ['payer', domain, { payer: new Uint8Array(20).fill(9) }],
    ['validator', domain, { validator: new Uint8Array(20).fill(9) }],
    ['nonce', domain, { nonce: new Uint8Array(32).fill(9) }],
    ['chain', { ...domain, chainId: domain.chainId + 1n }, {}],
    ['escrow', { ...domain, verifyingContract: new Uint8Array(20).fill(9) }, {}],
  ])('has another reply under another %s', (_what, ledger, change) => {
    expect(toHex(computeReplyId(crypto, ledger, { ...order, ...change }))).not.toBe(vector.replyId.slice(2));
  });

  it('survives its transport encoding, which is canonical', () => {
    const encoded = encodeOrder(order);
    expect(parseOrder(encoded)).toEqual(order);
    expect(() => parseOrder(encoded.subarray(0, encoded.length - 1))).toThrow('truncated');
    expect(() => parseOrder(new Uint8Array([...encoded, 0]))).toThrow('left over');
    expect(() => parseOrder(new Uint8Array([...encoded.subarray(1), 0]))).toThrow('ogong-order-v1');
  });
});
