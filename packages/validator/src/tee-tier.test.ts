import { X509Certificate } from 'node:crypto';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import { encodeVouched, openVouched, parseAttestation } from '@ogong/protocol/tier/attestation';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';
import { encodeHttpsExchange, hashChain } from '@ogong/protocol/tier/testimony';
import type { EvidenceParts, ShownRecord } from '@ogong/protocol/tier/tier';
import { TEST_AUTHORITY, TEST_SERVER_CERTIFICATES } from '@ogong/testing/net/test-authority';
import { createSoftwareMachine, softwarePolicy, strictPolicy } from '@ogong/testing/provider/software-machine';
import {
  type BenchOptions,
  createTestValidator,
  ledger,
  payer,
  provider,
  providerId,
} from '@ogong/testing/validator/test-bench';
import { createTestOrder, submitWithProgress } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { toMachineProof } from './machines/machine-evidence.ts';

const MODEL = 'ogong/tee/test/synthetic';
const CHAIN = (
  `${TEST_SERVER_CERTIFICATES}${TEST_AUTHORITY}`.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []
).map((pem) => new Uint8Array(new X509Certificate(pem).raw));
const ROOT = toHex(crypto.sha256(CHAIN.at(-1) as Uint8Array));
const machine = createSoftwareMachine(ledger, providerId, { provider });

const show = (attestation: Uint8Array): EvidenceParts => ({ attestation });

/** A reply of tier tee, admitted, and its machine's evidence. */
async function serve(
  machinePolicy?: BenchOptions['machinePolicy'],
  index = 0,
  more: Pick<BenchOptions, 'findMachineProblem' | 'onEvidenceFault'> = {},
) {
  const validator = createTestValidator({ ...more, ...(machinePolicy && { machinePolicy }) });
  const order = createTestOrder({
    ...{ payer, ledger, provider, validator: validator.signer.address, index, model: MODEL },
    ...{ epoch: validator.archive.latest().epoch, expiresAtMs: validator.clock.nowMs() + 120_000 },
  });
  await validator.intake.admit(order);
  const { submission } = validator.serve(order, {
    bend: { header: (header) => ({ ...header, tier: 'tee', method: 'attested-replay' }) },
  });
  const { record } = submission.record;
  const part = validator.serve(order, {
    bend: {
      header: (header) => ({ ...header, tier: 'tee', method: 'attested-replay', stopReason: 'cancelled' }),
      record: (same) => ({ ...same, isMilestone: true }),
    },
  });
  const milestone = {
    evidence: show(await machine.attest({ order: order.order, record: part.submission.record.record })),
    opening: part.reply.openingBytes,
    submission: submitWithProgress(order, part, {
      ...{ payer, ledger },
      bend: { textBytes: part.reply.response.length, hasLeft: true },
    }),
  };
  const attestation = await machine.attest({ order: order.order, record });
  const signed = { order: order.order, signature: order.signature };
  const { replyId } = order.fields;
  return { validator, submission, attestation, evidence: show(attestation), milestone, replyId, order: signed };
}

describe('a record of tier tee', () => {
  it('is accepted with evidence that was made for its order', async () => {
    const { validator, submission, evidence, replyId } = await serve(softwarePolicy);
    await validator.intake.pushRecord({ ...submission, evidence: { ...evidence, other: new Uint8Array(9) } });
    // Nobody checks a part that the tier does not name, so it is not kept.
    expect(validator.find(replyId).ownEvidence).toEqual(evidence);
    expect(validator.find(replyId).state).toBe('recorded');
  });

  it('is kept without its texts, and settled without an audit, also after a complaint', async () => {
    const { validator, submission, evidence, order, replyId } = await serve(softwarePolicy);
    await validator.intake.pushRecord({ ...submission, evidence });
    expect(validator.find(replyId).submission).toBeUndefined();
    await validator.complain({ order, reason: 'x', opening: undefined, record: undefined });
    for (let epochs = 0; epochs < 2; epochs++) await validator.certify();
    await validator.runAudits();
    expect(validator.decided).toMatchObject([{ verdict: 'unaudited', evidence: 'none', feeAtomic: 86_000n }]);
    expect(validator.find(replyId)).toMatchObject({ opening: undefined, submission: undefined });
  });

  it('is no milestone, whose texts a validator would read', async () => {
    const { validator, milestone, replyId } = await serve(softwarePolicy);
    const { submission, evidence, opening } = milestone;
    const pushed = validator.intake.pushMilestone({ ...submission, evidence }, opening);
    await expect(pushed).rejects.toThrow('no validator takes a milestone of tier tee');
    expect(validator.find(replyId).state).toBe('admitted');
  });

  it('is not accepted if the registry has no such machine', async () => {
    const asked: unknown[] = [];
    const findMachineProblem: BenchOptions['findMachineProblem'] = async (id, key) => {
      asked.push(id, key);
      return 'no machine of this provider is entered';
    };
    const { validator, submission, attestation, evidence, replyId } = await serve(softwarePolicy, 0, {
      findMachineProblem,
    });
    await expect(validator.intake.pushRecord({ ...submission, evidence })).rejects.toThrow('registry: no machine');
    expect(asked).toEqual([providerId, parseAttestation(attestation).attestedKey]);
    expect(validator.find(replyId).state).toBe('admitted');
  });

  it('is not accepted if its provider vouches for no key of its machine, and its evidence is forwarded', async () => {
    const faults: ShownRecord[] = [];
    const onEvidenceFault = (shown: ShownRecord) => faults.push(shown);
    const { validator, submission, attestation, evidence, replyId } = await serve(softwarePolicy, 0, {
      onEvidenceFault,
    });
    const { attestation: bare } = openVouched(attestation);
    const push = (own: EvidenceParts) => validator.intake.pushRecord({ ...submission, evidence: own });
    await expect(push(show(bare))).rejects.toThrow('attested-key');
    const foreign = encodeVouched(new Uint8Array(2_484), bare);
    await expect(push(show(foreign))).rejects.toThrow('attested-key');
    expect(validator.find(replyId).state).toBe('admitted');
    expect(faults.map((one) => toMachineProof(one)?.attestation)).toEqual([bare, foreign]);
    await push(evidence);
    expect(faults).toHaveLength(2);
  });

  it.each<
    [what: string, policy: BenchOptions['machinePolicy'], shown: 'own' | 'none' | 'of another' | 'no form', why: RegExp]
  >([
    ['without evidence', softwarePolicy, 'none', /evidence: attested-reply: .*carries no attestation/],
    ['with evidence that cannot be read', softwarePolicy, 'no form', /evidence: attested-reply: .*cannot be read/],
    ['with the evidence of another reply', softwarePolicy, 'of another', /evidence: attested-reply/],
    ['whose machine the policy does not take', strictPolicy, 'own', /evidence: machine: .*no hardware is proven/],
    ['at a validator without a policy', undefined, 'own', /evidence: machine: .*takes a policy/],
  ])('%s is not accepted, and so never settled', async (_what, policy, which, why) => {
    const { validator, submission, replyId, ...own } = await serve(policy);
    const shown: Readonly<Record<typeof which, EvidenceParts>> = {
      own: own.evidence,
      none: {},
      'no form': show(new Uint8Array([1])),
      'of another': (await serve(policy, 1)).evidence,
    };
    const pushed = validator.intake.pushRecord({ ...submission, evidence: shown[which] });
    await expect(pushed).rejects.toThrow(why);
    expect(validator.find(replyId).state).toBe('admitted');
  });
});

describe('a record of tier tee-proxy', () => {
  const PROXIED = 'ogong/tee-proxy/test/synthetic';
  const statement = encodeHttpsExchange({
    ...{ method: 'POST', url: 'https://127.0.0.1/v1/chat/completions', status: 200, timeMs: 1_800_000_000_000 },
    ...{ requestHash: new Uint8Array(32), responseHash: new Uint8Array(32), chainHash: hashChain(crypto, CHAIN) },
  });
  const exchange = { statement, chain: CHAIN };

  async function proxy(policy: MachinePolicy, exchanges?: readonly ShownExchange[]) {
    const validator = createTestValidator({ machinePolicy: policy });
    const modelRoot = findNamedRoot(crypto, PROXIED) as Uint8Array;
    const order = createTestOrder({
      ...{ payer, ledger, provider, validator: validator.signer.address, index: 0, model: PROXIED },
      ...{ epoch: validator.archive.latest().epoch, expiresAtMs: validator.clock.nowMs() + 120_000 },
      bend: { modelRoot },
    });
    await validator.intake.admit(order);
    const { submission } = validator.serve(order, {
      said: 'counted',
      bend: { header: (header) => ({ ...header, tier: 'tee-proxy', method: 'attested-exchange' }) },
    });
    const { record } = submission.record;
    const attestation = await machine.attest({ order: order.order, record, ...(exchanges && { exchanges }) });
    const push = () => validator.intake.pushRecord({ ...submission, evidence: show(attestation) });
    return { push, stateOf: () => validator.find(order.fields.replyId).state };
  }
  const trusting = { ...softwarePolicy, authorities: [ROOT], upstreams: { test: ['https://127.0.0.1'] } };

  it('is accepted with the exchange with the hosted API, if a named root vouches for it', async () => {
    const { push, stateOf } = await proxy(trusting, [exchange]);
    await push();
    expect(stateOf()).toBe('recorded');
  });

  it.each<[what: string, policy: MachinePolicy, exchanges: readonly ShownExchange[] | undefined, why: RegExp]>([
    ['that shows no exchange', trusting, undefined, /cannot be read/],
    ['whose server no named root vouches for', softwarePolicy, [exchange], /authority/],
    ['that asked somebody else', { ...trusting, upstreams: { test: ['https://api.test'] } }, [exchange], /upstream/],
    ['with other certificates', trusting, [{ ...exchange, chain: CHAIN.slice(1) }], /exchange/],
    ['with a statement that cannot be read', trusting, [{ ...exchange, statement: new Uint8Array(3) }], /exchange/],
  ])('%s is not accepted', async (_what, policy, exchanges, why) => {
    const { push, stateOf } = await proxy(policy, exchanges);
    await expect(push()).rejects.toThrow(why);
    expect(stateOf()).toBe('admitted');
  });
});
