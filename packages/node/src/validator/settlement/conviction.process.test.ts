import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { fromHex } from '@ogong/protocol/base/bytes';
import { findOverAdmission, type OverAdmission } from '@ogong/protocol/exchange/over-admission';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createOrderAdmission } from '@ogong/testing/synthetic/synthetic-over-admission';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signConviction, submitConviction } from './conviction.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50, delays: { appeal: 3_600 } });
}, 60_000);
afterAll(() => ledger.stop());

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
const toSigner = (privateKey: string) => createNodeLedgerSigner(bytes(privateKey));

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
    domain: { chainId, verifyingContract: bytes(ledger.deployment.settlement) },
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
  expect(await payer.client.heldPenaltyOf(accused.address)).toEqual({ amountAtomic: 10n * unit, penalty: 1 });

  // What was admitted by then is paid for, and kept signatures serve nobody.
  const again = await submit(signatures);
  expect(again.transaction).toBeUndefined();
  expect(again.judged.checks.find(({ status }) => status === 'fail')).toMatchObject({ id: 'unpunished' });
}, 60_000);

it('no quorum signs where the channel held enough at some time around the admissions, or another key signed', async () => {
  const accused = await ledger.createValidator();
  const payer = await ledger.createMember(500n);
  await payer.client.deposit(200n);
  await payer.client.admit(accused.address, 50n);
  const chainId = BigInt(ledger.chain.chainId);
  const domain = { chainId, verifyingContract: bytes(ledger.deployment.settlement) };
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
}, 60_000);
