import { waitForNextBlock } from '@ogong/chain/next-block';
import { nameSubject } from '@ogong/chain/validators/cases';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { fromHex } from '@ogong/protocol/base/bytes';
import { findOverAdmission, type OverAdmission } from '@ogong/protocol/exchange/over-admission';
import type { Conviction } from '@ogong/protocol/settlement/conviction';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { keepChainFresh } from '@ogong/testing/chain/fresh-chain';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createOrderAdmission } from '@ogong/testing/synthetic/synthetic-over-admission';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signAcquittal, submitAcquittal } from './acquittal.ts';
import { signCharge, signConviction, submitCharge, submitConviction } from './conviction.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50, delays: { appeal: 3_600 } });
});
afterAll(() => ledger.stop());

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
const toSigner = (privateKey: string) => createNodeLedgerSigner(bytes(privateKey));

keepChainFresh(() => ledger);

it('a quorum takes a tenth of the bond of a validator that admitted more than a channel held, by the chain alone', async () => {
  const validators = await Promise.all([1, 2, 3].map(() => ledger.createValidator()));
  const [accused] = validators as [(typeof validators)[number], ...typeof validators];
  const payer = await ledger.createMember(500n);
  await payer.client.deposit(200n);
  await payer.client.admit(accused.address, 100n);
  const chainId = BigInt(ledger.chain.chainId);
  const context = {
    crypto,
    ledger: { chainId, verifyingContract: bytes(ledger.deployment.escrow) },
    domain: { chainId, verifyingContract: bytes(ledger.deployment.cases) },
  };
  const nowMs = BigInt(Date.now());
  const admit = (number: number) =>
    createOrderAdmission(crypto, {
      ...{ ledger: context.ledger, payer: toSigner(payer.privateKey), signer: toSigner(accused.privateKey), number },
      ...{ maxFeeAtomic: 40n, admittedAtMs: nowMs + BigInt(number), expiresAtMs: nowMs + 120_000n },
    });
  const collect = (orders: readonly ReturnType<typeof admit>[]): OverAdmission =>
    findOverAdmission(crypto, context.ledger, { orders, capacityOf: () => 0n }) as OverAdmission;
  const evidence = collect([admit(1), admit(2), admit(3)]);
  const judge = ({ privateKey, client }: typeof accused, shown: OverAdmission) =>
    signConviction({ ...context, signer: createKeySigner(crypto, toSigner(privateKey)) }, client, shown);

  const covered = await judge(accused, collect([admit(1), admit(2)]));
  expect(covered.signed).toBeUndefined();
  expect(covered.judged).toMatchObject({ capacityAtomic: 100n, claim: { heldAtomic: 80n } });

  const signed = await Promise.all(validators.map((validator) => judge(validator, evidence)));
  const signatures = signed.flatMap((one) => (one.signed ? [one.signed.signature] : []));
  expect(signatures).toHaveLength(3);
  const submit = (of: readonly Uint8Array[]) => submitConviction(context, payer.client, { evidence, signatures: of });
  await expect(submit(signatures.slice(1))).rejects.toMatchObject({ revert: { name: 'NoQuorum' } });
  expect((await submit(signatures.toReversed())).transaction).toMatch(/^0x[0-9a-f]{64}$/);
  expect((await payer.client.bondOf(accused.address)).amount).toBe(90n * unit);
  expect(await payer.client.caseOf(0)).toMatchObject({ accused: accused.address, amount: 10n * unit, isOver: false });

  // The orders admitted by then are paid, and stored signatures serve nobody.
  const again = await submit(signatures);
  expect(again.transaction).toBeUndefined();
  expect(again.judged.checks.find(({ status }) => status === 'fail')).toMatchObject({ id: 'unpunished' });

  // The accused asks for a panel. The other two are its members, and both are needed.
  const appealed = { case: 0 } as const;
  await waitForNextBlock(accused.client.transactor, await accused.client.appeal(appealed, 0n));
  await payer.client.drawPanel(nameSubject(appealed));
  const hearings = { chainId, verifyingContract: bytes(ledger.deployment.hearings) };
  const votes = await Promise.all(
    validators.map(({ privateKey, client }) =>
      signAcquittal({ signer: createKeySigner(crypto, toSigner(privateKey)), domain: hearings }, client, appealed),
    ),
  );
  expect(votes.map((vote) => vote !== undefined)).toEqual([false, true, true]);
  const lift = (of: readonly (Uint8Array | undefined)[]) =>
    submitAcquittal({ crypto, domain: hearings }, payer.client, {
      subject: appealed,
      votes: of.filter((vote) => vote !== undefined),
    });
  await expect(lift(votes.slice(2))).rejects.toMatchObject({ revert: { name: 'NoMajority' } });
  expect(await lift(votes.toReversed())).toMatch(/^0x[0-9a-f]{64}$/);
  expect(await payer.client.stakeOf(accused.address)).toBe(10n * unit);
  expect(await payer.client.caseOf(0)).toMatchObject({ isOver: true });
});

it('no quorum signs if the channel held enough at some time around the admissions, or another key signed', async () => {
  const accused = await ledger.createValidator();
  const payer = await ledger.createMember(500n);
  await payer.client.deposit(200n);
  await payer.client.admit(accused.address, 50n);
  const chainId = BigInt(ledger.chain.chainId);
  const domain = { chainId, verifyingContract: bytes(ledger.deployment.cases) };
  const escrow = { chainId, verifyingContract: bytes(ledger.deployment.escrow) };
  const nowMs = BigInt(Date.now());
  const build = (signer: string, startMs = nowMs): OverAdmission => {
    const orders = [1, 2].map((number) =>
      createOrderAdmission(crypto, {
        ...{ ledger: escrow, payer: toSigner(payer.privateKey), validator: bytes(accused.address), number },
        ...{ signer: toSigner(signer), maxFeeAtomic: 40n, admittedAtMs: startMs, expiresAtMs: startMs + 60_000n },
      }),
    );
    return findOverAdmission(crypto, escrow, { orders, capacityOf: () => 0n }) as OverAdmission;
  };
  const signer = createKeySigner(crypto, toSigner(accused.privateKey));
  const failing = async (evidence: OverAdmission) => {
    const { judged, signed } = await signConviction({ crypto, ledger: escrow, domain, signer }, payer.client, evidence);
    const failed = judged.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    expect(failed.length > 0).toBe(signed === undefined);
    return failed;
  };
  expect(await failing(build(accused.privateKey))).toEqual([]);
  expect(await failing(build(payer.privateKey))).toEqual(['admissions']);
  await payer.client.admit(accused.address, 50n);
  expect(await failing(build(accused.privateKey))).toEqual(['capacity']);
  // Money that came an hour later excuses nothing.
  expect(await failing(build(accused.privateKey, nowMs - 2n * 3_600_000n))).toEqual([]);
});

it('a charge that operators have checked themselves costs a router a part of its stake, and its reporter gets a share in the end', async () => {
  const validators = await Promise.all([1, 2, 3].map(() => ledger.createValidator(400n * unit)));
  const router = await ledger.createMember(50n * unit);
  await router.client.stake(50n * unit);
  const reporter = await ledger.createMember();
  const domain = { chainId: BigInt(ledger.chain.chainId), verifyingContract: bytes(ledger.deployment.cases) };
  const charge: Omit<Conviction, 'conviction'> = {
    ...{ offence: 'misrouting', accused: bytes(router.address), reporter: bytes(reporter.address) },
    evidence: crypto.sha256(new Uint8Array(3)),
  };
  const signatures = await Promise.all(
    validators.map(async ({ privateKey, client }) => {
      const signer = createKeySigner(crypto, toSigner(privateKey));
      return (await signCharge({ signer, domain }, client, charge)).signature;
    }),
  );
  const submit = (of: readonly Uint8Array[], what = charge) =>
    submitCharge({ crypto, domain }, reporter.client, { charge: what, signatures: of });
  await expect(submit(signatures.slice(1))).rejects.toMatchObject({ revert: { name: 'NoQuorum' } });
  // The reporter is signed for, too.
  await expect(submit(signatures, { ...charge, reporter: bytes(router.address) })).rejects.toThrow();
  expect(await submit(signatures)).toMatch(/^0x[0-9a-f]{64}$/);
  expect(await reporter.client.stakeOf(router.address)).toBe(45n * unit);
  const id = (await reporter.client.caseCount()) - 1;
  await expect(reporter.client.closeCase(id)).rejects.toMatchObject({ revert: { name: 'TooEarly' } });
  const rpc = ledger.governor.transactor.client;
  await rpc.request({ method: 'evm_increaseTime', params: [3_600] } as never);
  await rpc.request({ method: 'evm_mine' } as never);
  await reporter.client.closeCase(id);
  expect(await reporter.client.balanceOf(reporter.address)).toBe((5n * unit) / 4n);
});
