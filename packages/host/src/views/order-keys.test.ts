import { toHex } from '@ogong/protocol/base/bytes';
import {
  encodeOrder,
  hashOrder,
  nameOrder,
  type Order,
  verifyOrder,
  verifyPayer,
} from '@ogong/protocol/exchange/order';
import { expect, it } from 'vitest';
import { nodeCrypto } from '../crypto/node-crypto.ts';
import { createNodeLedgerSigner } from '../crypto/signers.ts';
import { createOrderKeys, type OrderKeyAsker } from './order-keys.ts';

const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(0xe5) };
const wallet = new Uint8Array(20).fill(0x3a);
const key = createNodeLedgerSigner(new Uint8Array(32).fill(7));
const stranger = createNodeLedgerSigner(new Uint8Array(32).fill(8));
const own = createNodeLedgerSigner(new Uint8Array(32).fill(9));
const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const template: Order = {
  ...{ payer: wallet, validator: fill(2, 20), requestHash: fill(3), nonce: fill(4), modelRoot: fill(5) },
  ...{ providerId: fill(6), payee: fill(7, 20), router: fill(0, 20), choice: 0, contextSize: 64 },
  ...{ maxFeeAtomic: 10n, cumulativeAtomic: 100n, pricePer1kAtomic: 1n, epoch: 1n, expiresAtMs: 1_000n },
};

function sign(signer: typeof key, change: Partial<Order> = {}) {
  const order = { ...template, ...change };
  const signature = signer.signDigest(hashOrder(nodeCrypto, ledger, order));
  return { order: encodeOrder(order), signature, named: nameOrder(nodeCrypto, ledger, order) };
}

function create(limit: bigint, clock = { nowMs: () => 0 }) {
  const asked: string[] = [];
  const view = createOrderKeys(nodeCrypto, ledger, {
    clock,
    async readLimit(payer, _validator, signer) {
      asked.push(toHex(signer));
      return toHex(payer) === toHex(wallet) && toHex(signer) === toHex(key.address) ? limit : 0n;
    },
  });
  return { view, asked };
}

it('a key signs for a wallet as far as the chain says, once that was read', async () => {
  const { view, asked } = create(100n);
  const sent = sign(key);
  expect(verifyOrder(view.crypto, sent.named, sent.signature)).toBe(false);
  await view.learn(sent);
  await view.learn(sent);
  expect(asked).toHaveLength(1);
  expect(verifyOrder(view.crypto, sent.named, sent.signature)).toBe(true);
  expect(verifyOrder(nodeCrypto, sent.named, sent.signature)).toBe(false);
  const more = sign(key, { cumulativeAtomic: 101n });
  await view.learn(more);
  expect(verifyOrder(view.crypto, more.named, more.signature)).toBe(false);
  const elsewhere = sign(key, { validator: new Uint8Array(20).fill(1) });
  expect(verifyOrder(view.crypto, elsewhere.named, elsewhere.signature)).toBe(false);
});

it('a statement of the key about the reply counts as the payer’s, at that validator', async () => {
  const { view } = create(100n);
  const sent = sign(key);
  await view.learn(sent);
  const digest = new Uint8Array(32).fill(4);
  const said = { digest, signature: key.signDigest(digest) };
  const { payer, validator } = sent.named;
  expect(verifyPayer(view.crypto, { payer, validator }, said)).toBe(true);
  expect(verifyPayer(view.crypto, { payer }, said)).toBe(false);
  expect(verifyPayer(view.crypto, { payer, validator }, { digest, signature: stranger.signDigest(digest) })).toBe(
    false,
  );
});

it('a stranger’s key signs nothing, and an account’s own key needs no chain', async () => {
  const { view, asked } = create(100n);
  const sent = sign(stranger);
  await view.learn(sent);
  expect(verifyOrder(view.crypto, sent.named, sent.signature)).toBe(false);
  asked.length = 0;
  const plain = sign(own, { payer: own.address });
  await view.learn(plain);
  expect(asked).toEqual([]);
  expect(verifyOrder(view.crypto, plain.named, plain.signature)).toBe(true);
});

it('a flood of invalid signatures causes no more chain reads than the budget', async () => {
  const { view, asked } = create(0n);
  const learn = (i: number, asker?: OrderKeyAsker) =>
    view.learn(sign(createNodeLedgerSigner(new Uint8Array(32).fill(i))), asker);
  for (let i = 1; i <= 100; i++) await learn(i);
  // It says nothing about the key: the caller tries again.
  for (let i = 101; i <= 150; i++) await expect(learn(i)).rejects.toMatchObject({ code: 'timeout', retryable: true });
  expect(asked).toHaveLength(100);
  await learn(151, 'co-signing');
  expect(asked.splice(100)).toHaveLength(1);
  await view.learn({ order: new Uint8Array(3), signature: new Uint8Array(65) });
  await view.learn({ ...sign(key), signature: new Uint8Array(65) });
  expect(asked).toHaveLength(100);
});

it('a flooding address leaves the rest of the budget to others', async () => {
  const { view, asked } = create(0n);
  const learn = (i: number, address: string) =>
    view.learn(sign(createNodeLedgerSigner(new Uint8Array(32).fill(i))), { address });
  for (let i = 1; i <= 100; i++) await learn(i, `flooder ${i % 4}`).catch(() => undefined);
  expect(asked).toHaveLength(50 + 4 * 8);
  await learn(101, 'honest');
  expect(asked).toHaveLength(50 + 4 * 8 + 1);
});

it('a provider that serves many wallets has their keys read by a validator that starts again', async () => {
  let nowMs = 0;
  const { view, asked } = create(0n, { nowMs: () => nowMs });
  const waiting = Array.from({ length: 100 }, (_, i) => sign(createNodeLedgerSigner(new Uint8Array(32).fill(i + 1))));
  for (; nowMs < 5_000; nowMs += 1_000) {
    for (const sent of waiting.splice(0)) {
      await view.learn(sent, { address: 'provider' }).catch(() => waiting.push(sent));
    }
  }
  expect([asked.length, waiting.length]).toEqual([100, 0]);
});
