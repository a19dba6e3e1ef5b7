import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { fromHex } from '@ogong/protocol/base/bytes';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signPardon, submitPardon } from './pardon.ts';

const APPEAL_S = 3_600;
let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50, delays: { appeal: APPEAL_S } });
}, 60_000);
afterAll(() => ledger.stop());

it('gives a payee its stake back by a quorum, and pays it to the treasury where nobody does', async () => {
  const validators = await Promise.all([1, 2].map(() => ledger.createValidator()));
  const [first] = validators as [(typeof validators)[number], ...typeof validators];
  const { client, address } = await ledger.createMember(100n * unit);
  await client.stake(100n * unit);
  const payee = fromHex(address.slice(2), 20);
  const domain = {
    chainId: BigInt(ledger.chain.chainId),
    verifyingContract: fromHex(ledger.deployment.settlement.slice(2), 20),
  };

  async function refute(sequence: bigint): Promise<void> {
    const zero = `0x${'00'.repeat(32)}` as const;
    const batch = {
      validator: first.address,
      sequence,
      logHead: zero,
      logLength: sequence,
      recordsRoot: zero,
      replies: 1,
    };
    const lists = { debits: [], lines: [], ejections: [], tallies: [{ payee: address, credits: 0, refuted: 1 }] };
    const keys = validators.map(({ privateKey }) => privateKey);
    await first.client.settle(await ledger.signBatch({ batch, ...lists }, keys));
  }
  const sign = async (privateKey: string) => {
    const signer = createKeySigner(crypto, createNodeLedgerSigner(fromHex(privateKey.slice(2), 32)));
    return signPardon({ signer, domain }, client, payee);
  };

  expect(await sign(first.privateKey)).toBeUndefined();
  await refute(1n);
  expect(await client.stakeOf(address)).toBe(98n * unit);
  const signed = await Promise.all(validators.map(({ privateKey }) => sign(privateKey)));
  expect(signed[0]).toMatchObject({ penalty: 1, amountAtomic: 2n * unit });
  const signatures = signed.flatMap((one) => (one ? [one.signature] : []));
  const submit = (of: readonly Uint8Array[]) => submitPardon({ crypto, domain }, client, { payee, signatures: of });
  await expect(submit(signatures.slice(1))).rejects.toMatchObject({ revert: { name: 'NoQuorum' } });
  expect(await submit([...signatures].reverse())).toMatch(/^0x[0-9a-f]{64}$/);
  expect(await client.stakeOf(address)).toBe(100n * unit);
  expect(await submit(signatures)).toBeUndefined();

  await refute(2n);
  // Kept signatures take back no later penalty.
  await expect(submit(signatures)).rejects.toThrow();
  await expect(client.collectPenalty(address)).rejects.toMatchObject({ revert: { name: 'TooEarly' } });
  expect(await client.heldPenaltyOf(address)).toEqual({ amountAtomic: 2n * unit, penalty: 2 });
  const call = { jsonrpc: '2.0', id: 1, method: 'evm_increaseTime', params: [APPEAL_S] };
  const headers = { 'content-type': 'application/json' };
  await fetch(ledger.chain.rpcUrl, { method: 'POST', headers, body: JSON.stringify(call) });
  // The next block has the later time.
  await expect
    .poll(
      () =>
        client.collectPenalty(address).then(
          () => 'collected',
          () => 'too early',
        ),
      { timeout: 10_000 },
    )
    .toBe('collected');
  expect(await client.balanceOf(ledger.treasury)).toBe(2n * unit);
  expect(await client.heldPenaltyOf(address)).toEqual({ amountAtomic: 0n, penalty: 2 });
}, 60_000);
