import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { isOverstated } from '@ogong/protocol/audit/candidate-stakes';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Conviction } from '@ogong/protocol/settlement/conviction';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { keepChainFresh } from '@ogong/testing/chain/fresh-chain';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { signCharge, submitCharge } from './conviction.ts';
import { signPardon, submitPardon } from './pardon.ts';

const APPEAL_S = 3_600;
type Validator = Awaited<ReturnType<TestLedger['createValidator']>>;
let ledger: TestLedger;
let validators: Validator[];
beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50, delays: { appeal: APPEAL_S } });
  validators = await Promise.all([1, 2].map(() => ledger.createValidator()));
});
afterAll(() => ledger.stop());

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
const toSigner = ({ privateKey }: Validator) => createKeySigner(crypto, createNodeLedgerSigner(bytes(privateKey)));
const domainOf = (contract: 'settlement' | 'cases') => ({
  chainId: BigInt(ledger.chain.chainId),
  verifyingContract: bytes(ledger.deployment[contract]),
});

let sequence = 0n;
/** A batch says so many reports of a payee's verifiers were refuted. */
async function refute(payee: `0x${string}`, refuted = 1): Promise<void> {
  const [first] = validators as [Validator, ...Validator[]];
  const zero = `0x${'00'.repeat(32)}` as const;
  const log = { sequence: ++sequence, logHead: zero, logLength: sequence, recordsRoot: zero };
  const batch = { validator: first.address, ...log, replies: 1 };
  const lists = { debits: [], lines: [], ejections: [], tallies: [{ payee, credits: 0, refuted }] };
  const keys = validators.map(({ privateKey }) => privateKey);
  await first.client.settle(await ledger.signBatch({ batch, ...lists }, keys));
}

/** The time of the chain's next block is so much later. */
async function passTime(seconds: number): Promise<void> {
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
}

keepChainFresh(() => ledger);
beforeEach(() => {
  sequence = 0n;
});

it('gives a payee its stake back by a quorum, and pays it to the treasury if nobody does', async () => {
  const [first] = validators as [Validator, ...Validator[]];
  const { client, address } = await ledger.createMember(100n * unit);
  await client.stake(100n * unit);
  const payee = bytes(address);
  const domain = domainOf('settlement');
  const sign = (validator: Validator) => signPardon({ signer: toSigner(validator), domain }, client, payee);

  expect(await sign(first)).toBeUndefined();
  await refute(address);
  expect(await client.stakeOf(address)).toBe(98n * unit);
  const signed = await Promise.all(validators.map(sign));
  expect(signed[0]).toMatchObject({ penalty: 1, amountAtomic: 2n * unit });
  const signatures = signed.flatMap((one) => (one ? [one.signature] : []));
  const submit = (of: readonly Uint8Array[]) => submitPardon({ crypto, domain }, client, { payee, signatures: of });
  await expect(submit(signatures.slice(1))).rejects.toMatchObject({ revert: { name: 'NoQuorum' } });
  expect(await submit([...signatures].reverse())).toMatch(/^0x[0-9a-f]{64}$/);
  expect(await client.stakeOf(address)).toBe(100n * unit);
  expect(await submit(signatures)).toBeUndefined();

  await refute(address);
  // Kept signatures take back no later penalty.
  await expect(submit(signatures)).rejects.toThrow();
  await expect(client.collectPenalty(address)).rejects.toMatchObject({ revert: { name: 'TooEarly' } });
  expect(await client.heldPenaltyOf(address)).toEqual({ amountAtomic: 2n * unit, penalty: 2 });
  expect(await client.backingOf(address)).toBe(100n * unit);
  await passTime(APPEAL_S);
  await client.collectPenalty(address);
  expect(await client.backingOf(address)).toBe(98n * unit);
  expect(await client.balanceOf(ledger.treasury)).toBe(2n * unit);
  expect(await client.heldPenaltyOf(address)).toEqual({ amountAtomic: 0n, penalty: 2 });
});

it('a list of candidates may count what penalties and cases of both sides of a midnight took within minutes', async () => {
  const { client, address } = await ledger.createMember(100n * unit);
  await client.stake(100n * unit);
  await client.requestUnstake(30n * unit);
  const context = { crypto, domain: domainOf('cases') };
  async function convict(accused: string, offence: Conviction['offence'], day: number): Promise<void> {
    const evidence = crypto.sha256(Uint8Array.of(day));
    const charge = { offence, accused: bytes(accused), reporter: bytes(address), evidence };
    const signed = await Promise.all(
      validators.map((one) => signCharge({ ...context, signer: toSigner(one) }, client, charge)),
    );
    await submitCharge(context, client, { charge, signatures: signed.map(({ signature }) => signature) });
  }
  const { timestamp } = await ledger.governor.transactor.client.getBlock();
  // Just before midnight, tomorrow's where today's is nearer.
  await passTime((2 * 86_400 - Number(timestamp % 86_400n) - 300) % 86_400);
  for (const day of [0, 1]) {
    await convict(address, 'passed-honeypot', day);
    await refute(address, 5);
    await passTime(300);
  }
  const { amount, leaving } = await client.stakingOf(address);
  // The tenth of a penalty is of what was there at it, the tenth of a case of what is left.
  expect(amount + leaving).toBe((81n * 81n * unit) / 100n);
  const list = { payee: bytes(address), tokens: 100n };
  expect(isOverstated(list, amount + leaving)).toBe(true);
  expect(await client.backingOf(address)).toBe(100n * unit);
  expect(isOverstated(list, await client.backingOf(address))).toBe(false);
  // Nobody else has the amount of these cases. The part of a bond in a case was no stake.
  const other = (validators[0] as Validator).address;
  await convict(other, 'false-verdict', 0);
  expect(await client.caseOf((await client.caseCount()) - 1)).toMatchObject({ accused: other, isOver: false });
  expect(await client.backingOf(other)).toBe(0n);
  // Once the appeal is over it is nobody's stake.
  await passTime(APPEAL_S);
  await client.collectPenalty(address);
  const count = await client.caseCount();
  for (const id of [count - 3, count - 2]) await client.closeCase(id);
  expect(await client.backingOf(address)).toBe(amount + leaving);
});
