import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { openStore } from '@ogong/host/store/store';
import { fromHex } from '@ogong/protocol/base/bytes';
import { encodeOrder, hashOrder, type Order } from '@ogong/protocol/exchange/order';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { stepLiens } from './liens.ts';

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);

describe('on a real ledger', () => {
  let ledger: TestLedger;
  beforeAll(async () => {
    ledger = await startTestLedger({ limits: { withdrawalDelay: 3_600 } });
  });
  afterAll(() => ledger?.stop());

  it("a payer's debt stays covered for one more delay after its request for the reserve", async () => {
    const validator = await ledger.createMember();
    const payer = await ledger.createMember(100n * unit);
    await payer.client.deposit(100n * unit);
    await payer.client.admit(validator.address, 100n * unit);
    const signer = createNodeLedgerSigner(fromHex(payer.privateKey.slice(2)));
    const order: Order = {
      ...{ payer: signer.address, validator: fromHex(validator.address.slice(2)), cumulativeAtomic: 70n * unit },
      ...{ requestHash: fill(1, 32), nonce: fill(2, 32), modelRoot: fill(3, 32), providerId: fill(4, 32) },
      ...{ payee: fill(5, 20), router: fill(6, 20), choice: 0, contextSize: 512, maxFeeAtomic: 70n * unit },
      ...{ pricePer1kAtomic: 1n, epoch: 1n, expiresAtMs: 1n },
    };
    const { chainId, escrow } = ledger.deployment;
    const domain = { chainId: BigInt(chainId), verifyingContract: fromHex(escrow.slice(2)) };
    const signature = await signer.signDigest(hashOrder(crypto, domain, order));
    const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
    store
      .prepare(
        `INSERT INTO channels (payer, voucher_cumulative, voucher_order, voucher_signature, owed) VALUES (?, ?, ?, ?, ?)`,
      )
      .run(order.payer, `${order.cumulativeAtomic}`, encodeOrder(order), signature, `${order.cumulativeAtomic}`);
    const errors: unknown[] = [];
    const taken: bigint[] = [];
    const step = () =>
      stepLiens({
        ...{ crypto, store, signer: { address: order.validator }, chain: { client: async () => validator.client } },
        onLien: (_, cumulative) => taken.push(cumulative),
        onError: (_, error) => errors.push(error),
      });

    await step();
    expect({ taken, errors }).toEqual({ taken: [], errors: [] });
    await payer.client.requestRelease(validator.address, 100n * unit);
    await step();
    await step();
    expect({ taken, errors }).toEqual({ taken: [70n * unit], errors: [] });

    const rpc = ledger.governor.transactor.client;
    const skipHour = async (): Promise<void> => {
      await rpc.request({ method: 'evm_increaseTime', params: ['0xe10'] } as never);
      await rpc.request({ method: 'evm_mine', params: [] } as never);
    };
    await skipHour();
    await payer.client.finishRelease(validator.address);
    expect(await payer.client.freeOf(payer.address)).toBe(30n * unit);
    await expect(payer.client.finishRelease(validator.address)).rejects.toThrow(/TooEarly/);
    await skipHour();
    await payer.client.finishRelease(validator.address);
    expect(await payer.client.freeOf(payer.address)).toBe(100n * unit);
  });
});
