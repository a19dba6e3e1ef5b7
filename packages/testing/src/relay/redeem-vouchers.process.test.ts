import { ChainError } from '@ogong/chain/errors';
import { ogongTokenAbi } from '@ogong/chain/generated/abi';
import { toHex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { TOKEN_DOMAIN } from '@ogong/chain/money/authorizations';
import { isTransferUsed, submitTransfer } from '@ogong/chain/money/signed-transfers';
import type { Transactor } from '@ogong/chain/transactor';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { fromHex } from '@ogong/protocol/base/bytes';
import { openRelayVoucher, parseRelayVoucher, signRelayVoucher } from '@ogong/protocol/exchange/relay/relay-voucher';
import { describeRedeemed, redeemVouchers } from '@ogong/router/relay/redeem-vouchers';
import { closeVoucher, createRelayPayments, listOpenVouchers, RELAY_SCHEMA } from '@ogong/router/relay/relay-payments';
import { BaseError, encodeFunctionData } from 'viem';
import { sign as signHash } from 'viem/accounts';
import { hashTypedData } from 'viem/utils';
import { afterAll, expect, it } from 'vitest';
import { startTestLedger, type TestLedger, unit } from '../chain/test-ledger.ts';

const ledgers: TestLedger[] = [];
afterAll(() => Promise.all(ledgers.map((ledger) => ledger.stop())));

async function open() {
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
  const { transactor } = relay.client;
  const payments = createRelayPayments(price, {
    ...{ crypto, clock, store, group, balanceOf: governor.balanceOf },
    isNonceUsed: (from, nonce) => isTransferUsed(transactor, address, { from, nonce }),
    blockNumber: () => transactor.read('block', (client) => client.getBlockNumber({ cacheTime: 0 })),
  });
  const node = new Uint8Array(32).fill(1);
  const sign = (nonce: number, valueAtomic: bigint, to = payee) =>
    signRelayVoucher(crypto, signer, {
      ...{ token, payee: to, valueAtomic, nonce: new Uint8Array(32).fill(nonce) },
      validBeforeS: Math.floor(Date.now() / 1000) + 30 * 86_400,
    });
  const redeem = (leastAtomic = 1n, sent: Partial<Transactor> = {}) =>
    redeemVouchers({ store, transactor: { ...transactor, ...sent }, token: address, payee }, { leastAtomic });
  /** Cancels a voucher, as its payer may at any time. */
  const cancel = async (byte: number) => {
    const nonce = toHex(new Uint8Array(32).fill(byte), 'nonce');
    const hash = hashTypedData({
      domain: { ...TOKEN_DOMAIN, chainId, verifyingContract: address },
      types: {
        CancelAuthorization: [
          { name: 'authorizer', type: 'address' },
          { name: 'nonce', type: 'bytes32' },
        ],
      },
      primaryType: 'CancelAuthorization',
      message: { authorizer: payer.address, nonce },
    });
    const { r, s, v = 27n } = await signHash({ hash, privateKey: payer.privateKey });
    const args = [payer.address, nonce, Number(v), r, s] as const;
    await transactor.send(
      'cancel',
      address,
      encodeFunctionData({ abi: ogongTokenAbi, functionName: 'cancelAuthorization', args }),
    );
  };
  /** Submits a voucher, as anybody may who has seen it. */
  const submit = async (signed: ReturnType<typeof sign>) => {
    const { payee: to } = parseRelayVoucher(signed.voucher);
    const voucher = openRelayVoucher(crypto, { token, payee: to }, signed);
    if (!voucher) throw new Error('the voucher does not open');
    const { payer: from, valueAtomic: value, validBeforeS, nonce } = voucher;
    const transfer = { from, to, value, validBefore: BigInt(validBeforeS), nonce, signature: signed.signature };
    await submitTransfer(transactor, address, transfer);
  };
  const close = async () => {
    await group.close();
    store.close();
  };
  return { governor, payer, relay, payee, store, payments, node, sign, redeem, cancel, submit, transactor, close };
}

it("the token pays a node's voucher once, and refuses further vouchers of its nonce", async () => {
  const { governor, payer, relay, payee, store, payments, node, sign, redeem, close } = await open();
  await payments.take(node, sign(1, unit));
  await payments.take(node, sign(1, 3n * unit));
  const early = await redeem(4n * unit);
  expect(early).toEqual([]);
  expect(describeRedeemed(early, { leastAtomic: 4n * unit }).note).toContain('--least');
  expect(await redeem()).toMatchObject([{ outcome: 'redeemed', valueAtomic: 3n * unit }]);
  expect(await governor.balanceOf(payee)).toBe(3n * unit);
  expect(await governor.balanceOf(payer.address)).toBe(7n * unit);
  expect(await redeem()).toEqual([]);
  await expect(payments.take(node, sign(1, 4n * unit))).rejects.toThrow('draw another nonce');

  // A voucher above the balance is not submitted. Redemption also finds a balance that fell afterwards.
  await expect(payments.take(node, sign(2, 8n * unit))).rejects.toThrow('over');
  await payments.take(node, sign(2, 7n * unit));
  await payer.client.transfer(relay.address, 5n * unit);
  expect(await redeem()).toMatchObject([{ outcome: 'refused' }]);
  expect(listOpenVouchers(store)).toHaveLength(1);
  await relay.client.transfer(payer.address, 5n * unit);
  expect(await redeem()).toMatchObject([{ outcome: 'redeemed' }]);
  expect(await governor.balanceOf(payee)).toBe(10n * unit);
  await close();
});

it('a nonce that its payer cancelled or used otherwise is not reported as redeemed', async () => {
  const { governor, payee, store, payments, node, sign, redeem, cancel, submit, close } = await open();
  await payments.take(node, sign(1, 3n * unit));
  await cancel(1);
  await expect(payments.take(node, sign(1, 4n * unit))).rejects.toThrow('cancelled it');
  const transaction = /transaction 0x[0-9a-f]{64}/;
  const [cancelled] = await redeem();
  expect(cancelled).toMatchObject({ outcome: 'cancelled', valueAtomic: 3n * unit });
  expect(cancelled?.detail).toMatch(transaction);
  expect(await governor.balanceOf(payee)).toBe(0n);
  expect(await redeem()).toEqual([]);

  await payments.take(node, sign(2, 2n * unit));
  await submit(sign(2, unit));
  const [lesser] = await redeem();
  expect(lesser).toMatchObject({ outcome: 'replaced', valueAtomic: 2n * unit });
  expect(lesser?.detail).toContain(`over ${unit} was paid`);
  await payments.take(node, sign(3, unit));
  await submit(sign(3, 2n * unit, new Uint8Array(20).fill(5)));
  const [elsewhere] = await redeem();
  expect(elsewhere).toMatchObject({ outcome: 'replaced' });
  expect(elsewhere?.detail).toContain('to 0x0505');
  expect(await governor.balanceOf(payee)).toBe(unit);
  expect(listOpenVouchers(store).length).toBe(3);
  await close();
});

it('a used nonce without a log entry is reported as used only, and is checked again', async () => {
  const { payments, node, sign, redeem, submit, transactor, close } = await open();
  await payments.take(node, sign(1, 3n * unit));
  await submit(sign(1, 3n * unit));
  const asking =
    (getContractEvents: () => Promise<never[]>): Transactor['read'] =>
    (what, work) =>
      transactor.read(what, (client) => work({ ...client, getContractEvents } as typeof client));
  const pruned = () => Promise.reject(new BaseError('logs of that block are pruned'));
  for (const events of [pruned, async () => []]) {
    const [unseen] = await redeem(1n, { read: asking(events) });
    expect(unseen).toMatchObject({ outcome: 'unknown', valueAtomic: 3n * unit });
    expect(unseen?.detail).toContain('--rpc-url');
  }
  expect(await redeem()).toMatchObject([{ outcome: 'redeemed' }]);
  await close();
});

it('a voucher that somebody else submitted counts as redeemed, also in the run after a crash', async () => {
  const { governor, payee, store, payments, node, sign, redeem, cancel, submit, transactor, close } = await open();
  const [first, second] = [sign(1, 3n * unit), sign(2, unit)];
  await payments.take(node, first);
  await payments.take(node, second);
  await submit(first);
  await submit(second);
  // One block more, so that the newest one has neither.
  await cancel(9);
  const newest = await transactor.read('block', (client) => client.getBlockNumber());
  // As if months had passed since then.
  store.transact((db) => closeVoucher(db, new Uint8Array(32).fill(2), newest + 5_000_000n));
  expect(await redeem()).toMatchObject([{ outcome: 'redeemed' }, { outcome: 'redeemed' }]);
  expect(await governor.balanceOf(payee)).toBe(4n * unit);
  expect(listOpenVouchers(store)).toEqual([]);
  await close();
});

it('a voucher that may still be mined stays pending, and the next run finds it on the chain or submits it', async () => {
  const { governor, payee, payments, node, sign, redeem, cancel, transactor, close } = await open();
  const late = new ChainError('timeout', 'no block took the transaction');
  const sentLate: Transactor['send'] = async (...given) => {
    await transactor.send(...given);
    throw late;
  };
  await payments.take(node, sign(1, 2n * unit));
  expect(await redeem(1n, { send: sentLate })).toMatchObject([{ outcome: 'unknown', valueAtomic: 2n * unit }]);
  await expect(payments.take(node, sign(1, 9n * unit))).rejects.toThrow('draw another nonce');
  expect(await redeem()).toMatchObject([{ outcome: 'redeemed', valueAtomic: 2n * unit }]);
  expect(await governor.balanceOf(payee)).toBe(2n * unit);

  const unsent: Transactor['send'] = () => Promise.reject(late);
  await payments.take(node, sign(2, unit));
  expect(await redeem(1n, { send: unsent })).toMatchObject([{ outcome: 'unknown' }]);
  expect(await redeem()).toMatchObject([{ outcome: 'redeemed', valueAtomic: unit }]);
  expect(await governor.balanceOf(payee)).toBe(3n * unit);

  // A sent voucher is never open again, whatever the chain answers to the next attempt.
  await payments.take(node, sign(3, unit));
  expect(await redeem(1n, { send: unsent })).toMatchObject([{ outcome: 'unknown' }]);
  const refused: Transactor['send'] = () => Promise.reject(new ChainError('reverted', 'too little'));
  expect(await redeem(1n, { send: refused })).toMatchObject([{ outcome: 'unknown' }]);
  await expect(payments.take(node, sign(3, 2n * unit))).rejects.toThrow('draw another nonce');
  await cancel(3);
  expect(await redeem()).toMatchObject([{ outcome: 'cancelled' }]);
  await close();
});
