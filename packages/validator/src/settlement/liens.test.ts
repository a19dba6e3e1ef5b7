import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { encodeOrder, type Order } from '@ogong/protocol/exchange/order';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { describe, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { stepLiens } from './liens.ts';

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const validator = fill(9, 20);

const createOrder = (payer: Uint8Array, cumulativeAtomic: bigint): Order => ({
  ...{ payer, validator, cumulativeAtomic, requestHash: fill(1, 32), nonce: fill(2, 32), modelRoot: fill(3, 32) },
  ...{ providerId: fill(4, 32), payee: fill(5, 20), router: fill(6, 20), choice: 0, contextSize: 512 },
  ...{ maxFeeAtomic: 10n, pricePer1kAtomic: 1n, epoch: 1n, expiresAtMs: 1n },
});

interface OnChain {
  releasing: bigint;
  spendable: bigint;
  spent: bigint;
  lien: { cumulative: bigint; until: bigint };
  /** Why the chain takes no lien. */
  refusal?: string;
}

/** A validator that payers owe 40, and may come to owe 20 more, under vouchers for 100. */
function createOwed(payers: readonly Uint8Array[], change: Partial<OnChain> = {}) {
  const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  const insert = store.prepare(
    `INSERT INTO channels (payer, voucher_cumulative, voucher_order, voucher_signature, owed, outstanding)
     VALUES (?, '100', ?, ?, '40', '20')`,
  );
  for (const payer of payers) insert.run(payer, encodeOrder(createOrder(payer, 100n)), fill(7, 65));
  const chain: OnChain = { releasing: 60n, spendable: 49n, spent: 0n, lien: { cumulative: 0n, until: 0n }, ...change };
  const taken: bigint[] = [];
  const reads: Uint8Array[] = [];
  const errors: string[] = [];
  const client = {
    async channelOf(payer: Uint8Array) {
      reads.push(payer);
      return { ...chain, admitted: chain.spendable + chain.releasing, releasableAt: 5n };
    },
    lienOf: async () => chain.lien,
    async takeLien(_validator: unknown, { cumulative }: { readonly cumulative: bigint }) {
      if (chain.refusal !== undefined) throw new Error(chain.refusal);
      chain.lien = { cumulative, until: 10n };
      taken.push(cumulative);
    },
  };
  const step = () =>
    stepLiens({
      ...{ crypto, store, signer: { address: validator }, chain: { client: async () => client as never } },
      onLien: () => {},
      onError: (payer, error) => errors.push(`${toHex(payer).slice(0, 2)} ${(error as Error).message}`),
    });
  return { store, chain, taken, reads, errors, step };
}

const payer = fill(1, 20);

describe('a payer that asks back what it owes', () => {
  it('meets a lien by its newest voucher, taken once', async () => {
    const { taken, step } = createOwed([payer]);
    await step();
    await step();
    expect(taken).toEqual([100n]);
  });

  it.each([
    ['asks nothing back', { releasing: 0n }],
    ['leaves what it owes and may come to owe', { spendable: 60n }],
    ['has a lien of this request', { lien: { cumulative: 100n, until: 1n } }],
  ])('meets none if it %s', async (_, change) => {
    const { taken, step } = createOwed([payer], change);
    await step();
    expect(taken).toEqual([]);
  });

  it.each([
    ['of an earlier request', { lien: { cumulative: 100n, until: 0n } }],
    ['of an older voucher', { lien: { cumulative: 99n, until: 1n } }],
  ])('meets another if its lien is %s', async (_, change) => {
    const { taken, step } = createOwed([payer], change);
    await step();
    expect(taken).toEqual([100n]);
  });

  it('keeps no other payer from its lien, with any error of the chain', async () => {
    const { taken, errors, chain, step } = createOwed([payer, fill(2, 20)], { refusal: 'reverted' });
    await step();
    expect(errors).toEqual(['01 reverted', '02 reverted']);
    delete chain.refusal;
    await step();
    expect(taken).toEqual([100n]);
  });
});

it('reads no channel of a payer that owes nothing', async () => {
  const { store, reads, step } = createOwed([payer]);
  store.prepare("UPDATE channels SET owed = '0', outstanding = '0'").run();
  await step();
  expect(reads).toEqual([]);
});
