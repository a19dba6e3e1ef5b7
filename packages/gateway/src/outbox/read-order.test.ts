import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { encodeOrder, nameOrder } from '@ogong/protocol/exchange/order';
import { expect, it } from 'vitest';
import { readOrder } from './read-order.ts';

const byte = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const order = {
  ...{ payer: byte(1, 20), validator: byte(2, 20), payee: byte(3, 20), router: byte(4, 20) },
  ...{ requestHash: byte(5, 32), nonce: byte(6, 32), modelRoot: byte(7, 32), providerId: byte(8, 32) },
  ...{ choice: 0, contextSize: 512, cumulativeAtomic: 9n, maxFeeAtomic: 9n, pricePer1kAtomic: 1n },
  ...{ epoch: 3n, expiresAtMs: 1_000n },
};
const ledgers = [1n, 2n].map((chainId) => ({ chainId, verifyingContract: byte(9, 20) }));

it('computes the names of an order once for the same bytes, and apart for each ledger and order', () => {
  const orders = [order, { ...order, nonce: byte(10, 32) }];
  for (const ledger of ledgers) {
    for (const one of orders) {
      const first = readOrder(ledger, { order: encodeOrder(one) });
      expect(first).toEqual(nameOrder(crypto, ledger, one));
      expect(readOrder({ ...ledger }, { order: encodeOrder(one) })).toBe(first);
    }
  }
});

it('refuses bytes that are no order, each time', () => {
  const [ledger = { chainId: 1n, verifyingContract: byte(9, 20) }] = ledgers;
  const cut = encodeOrder(order).subarray(1);
  for (let i = 0; i < 2; i++) expect(() => readOrder(ledger, { order: cut })).toThrow();
});
