import { create } from '@bufbuild/protobuf';
import { CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { encodeAttestation, parseAttestation } from '@ogong/protocol/tier/attestation';
import { createSoftwareMachine, softwarePolicy, strictPolicy } from '@ogong/testing/provider/software-machine';
import { ledger, payer, provider, providerId, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { createTestOrder } from '@ogong/testing/validator/test-reply';
import { beforeAll, describe, expect, it } from 'vitest';

const MODEL = 'ogong/tee/test/synthetic';

/** A batch of one reply of a machine, taken in by a validator that believes it. */
async function proposeAttested() {
  const four = await createFour({ audit: { honeypotPpm: 0 }, machinePolicy: softwarePolicy });
  const { own } = four;
  const order = createTestOrder({
    ...{ payer, ledger, provider, validator: own.signer.address, index: 0, model: MODEL },
    ...{ epoch: own.archive.latest().epoch, expiresAtMs: own.clock.nowMs() + 120_000 },
  });
  await own.intake.admit(order);
  const reply = own.serve(order, {
    bend: { header: (header) => ({ ...header, tier: 'tee', method: 'attested-replay' }) },
  });
  const machine = createSoftwareMachine(ledger, providerId);
  const attestation = await machine.attest({ order: order.order, record: reply.submission.record.record });
  await own.intake.pushRecord({ ...reply.submission, attestation });
  await four.certifyAll();
  await own.runAudits();
  return {
    own,
    peers: four.peers as readonly [TestValidator, TestValidator, TestValidator],
    request: await proposeUnheard(four),
    attestation,
  };
}

describe('a co-signer of a reply of a machine', () => {
  let proposal: Awaited<ReturnType<typeof proposeAttested>>;
  beforeAll(async () => {
    proposal = await proposeAttested();
  });
  const cosign = (machinePolicy: unknown, bend: (attestation: Uint8Array) => Uint8Array = (same) => same) => {
    const { own, peers, request } = proposal;
    // It signs nothing here: what was signed once is signed again.
    const [peer] = peers;
    Object.assign(peer.cosigning, { machinePolicy });
    const message = create(CosignBatchRequestSchema, structuredClone(request) as never);
    for (const entry of message.entries) entry.attestation = bend(entry.attestation);
    return peer.cosigner.cosign(own.signer.address, message);
  };

  it.each<[string, unknown, (attestation: Uint8Array) => Uint8Array, string]>([
    ['whose machine its own policy does not take', strictPolicy, (same) => same, 'no hardware is proven'],
    ['that shows none', softwarePolicy, () => new Uint8Array(), 'cannot be read'],
    [
      'whose key signed another reply',
      softwarePolicy,
      (bytes) => encodeAttestation({ ...parseAttestation(bytes), signature: new Uint8Array(64) }),
      'attested-reply',
    ],
    [
      'whose machine vouches for another key',
      softwarePolicy,
      (bytes) => encodeAttestation({ ...parseAttestation(bytes), attestedKey: new Uint8Array(32).fill(1) }),
      'attested-reply',
    ],
    [
      'with other evidence',
      softwarePolicy,
      (bytes) => encodeAttestation({ ...parseAttestation(bytes), evidence: new Uint8Array([0x7b]) }),
      'attested-reply',
    ],
  ])('refuses one %s', async (_name, policy, bend, why) => {
    await expect(cosign(policy, bend)).rejects.toMatchObject({
      code: 'refuted',
      message: expect.stringContaining(why),
    });
  });

  it('signs what it has seen and believes, and without a policy what the other validator says', async () => {
    const [entry] = proposal.request.entries;
    expect(parseVerdictEntry(entry?.logEntry as Uint8Array)).toMatchObject({ verdict: 'accept' });
    expect(entry?.attestation).toEqual(proposal.attestation);
    const [, believing, other] = proposal.peers;
    Object.assign(believing.cosigning, { machinePolicy: softwarePolicy });
    Object.assign(other.cosigning, { machinePolicy: undefined });
    for (const { cosigner } of [believing, other])
      expect((await cosigner.cosign(proposal.own.signer.address, proposal.request)).signature).toHaveLength(65);
  });
});
