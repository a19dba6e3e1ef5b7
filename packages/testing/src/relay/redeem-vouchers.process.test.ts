import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { redeemVouchers } from '@ogong/node/relay/redeem-vouchers';
import { createRelayPayments, listOpenVouchers, RELAY_SCHEMA } from '@ogong/node/relay/relay-payments';
import { fromHex } from '@ogong/protocol/base/bytes';
import { signRelayVoucher } from '@ogong/protocol/exchange/relay-voucher';
import { afterAll, expect, it } from 'vitest';
import { startTestLedger, type TestLedger, unit } from '../chain/test-ledger.ts';

const ledgers: TestLedger[] = [];
afterAll(() => Promise.all(ledgers.map((ledger) => ledger.stop())));

it('what nodes signed for their bytes is paid by the token, once, and no further voucher of its nonce is taken', async () => {
  const ledger = await startTestLedger({ blockTimeMs: 50 });
  ledgers.push(ledger);
  const { governor } = ledger;
  const { token: address, chainId } = governor.deployment;
  const token = { chainId: BigInt(chainId), verifyingContract: fromHex(address.slice(2)) };
  const [payer, relay] = [await ledger.createMember(10n * unit), await ledger.createMember(0n)];
  const payee = fromHex(computeAddress(generatePrivateKey()).slice(2));
  const signer = createNodeLedgerSigner(fromHex(payer.privateKey.slice(2)));
  const store = openStore(':memory:', { schema: RELAY_SCHEMA });
  const price = { payee, pricePerGibAtomic: unit, creditBytes: 1_000n, token };
  const group = createGroupCommit(store, { maxDelayMs: 0 });
  const clock = { nowMs: Date.now };
  const payments = createRelayPayments(price, { crypto, clock, store, group, balanceOf: governor.balanceOf });
  const node = new Uint8Array(32).fill(1);
  const sign = (nonce: number, valueAtomic: bigint) =>
    signRelayVoucher(crypto, signer, {
      ...{ token, payee, valueAtomic, nonce: new Uint8Array(32).fill(nonce) },
      validBeforeS: Math.floor(Date.now() / 1000) + 30 * 86_400,
    });
  const redeem = (leastAtomic = 1n) =>
    redeemVouchers({ store, transactor: relay.client.transactor, token: address, payee }, { leastAtomic });

  await payments.take(node, sign(1, unit));
  await payments.take(node, sign(1, 3n * unit));
  expect(await redeem(4n * unit)).toEqual([]);
  expect(await redeem()).toMatchObject([{ outcome: 'redeemed', valueAtomic: 3n * unit }]);
  expect(await governor.balanceOf(payee)).toBe(3n * unit);
  expect(await governor.balanceOf(payer.address)).toBe(7n * unit);
  expect(await redeem()).toEqual([]);
  await expect(payments.take(node, sign(1, 4n * unit))).rejects.toThrow('draw another nonce');

  // More than is left is not taken; what moves away afterwards is found when it is redeemed.
  await expect(payments.take(node, sign(2, 8n * unit))).rejects.toThrow('over');
  await payments.take(node, sign(2, 7n * unit));
  await payer.client.transfer(relay.address, 5n * unit);
  expect(await redeem()).toMatchObject([{ outcome: 'refused' }]);
  expect(listOpenVouchers(store)).toHaveLength(1);
  await relay.client.transfer(payer.address, 5n * unit);
  expect(await redeem()).toMatchObject([{ outcome: 'redeemed' }]);
  expect(await governor.balanceOf(payee)).toBe(10n * unit);
  await group.close();
  store.close();
});
