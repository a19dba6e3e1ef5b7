import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { encodeOrder, hashOrder, hashTerms, type LedgerDomain, type Order, parseOrder, verifyOrder } from './order.ts';

interface Vector {
  readonly name: string;
  readonly payer: string;
  readonly validator: string;
  readonly cumulative: string;
  readonly terms: Record<string, string | number>;
  readonly termsHash: string;
  readonly orderDigest: string;
  readonly signature: string;
}

// viem and the contracts agreed on these digests; this is the third implementation.
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
    replyId: bytes(t.replyId),
    router: bytes(t.router),
    choice: Number(t.choice),
    contextSize: Number(t.contextSize),
    maxFeeAtomic: BigInt(t.maxFee ?? 0),
    pricePer1kAtomic: BigInt(t.pricePer1k ?? 0),
    epoch: BigInt(t.epoch ?? 0),
    expiresAtMs: BigInt(t.expiresAt ?? 0),
  };
}

describe.each(vectors.orders)('order "$name"', (vector) => {
  const order = toOrder(vector);

  it('hashes as viem and the contracts do', () => {
    expect(`0x${toHex(hashTerms(crypto, order))}`).toBe(vector.termsHash);
    expect(`0x${toHex(hashOrder(crypto, domain, order))}`).toBe(vector.orderDigest);
  });

  it('verifies for its payer, and for nobody after one bit changes', () => {
    const signature = bytes(vector.signature);
    expect(verifyOrder(crypto, domain, order, signature)).toBe(true);
    expect(verifyOrder(crypto, domain, { ...order, epoch: order.epoch ^ 1n }, signature)).toBe(false);
    expect(verifyOrder(crypto, { ...domain, chainId: 1n }, order, signature)).toBe(false);
    const bent = signature.slice();
    bent[5] = (bent[5] as number) ^ 1;
    expect(verifyOrder(crypto, domain, order, bent)).toBe(false);
    expect(verifyOrder(crypto, domain, order, signature.subarray(1))).toBe(false);
  });

  it('survives its transport encoding, which has no second form', () => {
    const encoded = encodeOrder(order);
    expect(parseOrder(encoded)).toEqual(order);
    expect(() => parseOrder(encoded.subarray(0, encoded.length - 1))).toThrow('truncated');
    expect(() => parseOrder(new Uint8Array([...encoded, 0]))).toThrow('left over');
    expect(() => parseOrder(new Uint8Array([...encoded.subarray(1), 0]))).toThrow('ogong-order-v2');
  });
});
