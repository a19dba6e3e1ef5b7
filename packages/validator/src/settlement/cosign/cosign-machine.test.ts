import { create } from '@bufbuild/protobuf';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { type BatchEntry, CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { encodeAttestation, parseAttestation } from '@ogong/protocol/tier/attestation';
import { createSoftwareMachine, softwarePolicy, strictPolicy } from '@ogong/testing/provider/software-machine';
import { ledger, payer, provider, providerId, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { createTestOrder } from '@ogong/testing/validator/test-reply';
import { beforeAll, describe, expect, it } from 'vitest';
import { createCosignReaders, createOpinionReaders } from '../../machines/machine-evidence.ts';
import { checkEntry } from './entry-check.ts';

const readBy = (policy: MachinePolicy | undefined) => policy && createOpinionReaders({ crypto, policy });

const MODEL = 'ogong/tee/test/synthetic';

/** A batch of one reply of a machine, accepted by a validator that trusts it. */
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
  const machine = createSoftwareMachine(ledger, providerId, { provider });
  const attestation = await machine.attest({ order: order.order, record: reply.submission.record.record });
  await own.intake.pushRecord({ ...reply.submission, evidence: { attestation } });
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
  const cosign = (policy: MachinePolicy | undefined, bend: (attestation: Uint8Array) => Uint8Array | undefined) => {
    const { own, peers, request } = proposal;
    // It signs nothing here, because an entry that was signed once is signed again.
    const [peer] = peers;
    Object.assign(peer.cosigning, { opinionReaders: readBy(policy) });
    const message = create(CosignBatchRequestSchema, structuredClone(request) as never);
    for (const entry of message.entries) {
      const bent = bend(entry.ownEvidence.attestation as Uint8Array);
      entry.ownEvidence = bent === undefined ? {} : { attestation: bent };
    }
    return peer.cosigner.cosign(own.signer.address, message);
  };

  it.each<[string, MachinePolicy, (attestation: Uint8Array) => Uint8Array, string]>([
    ['that shows no attestation that can be read', softwarePolicy, () => new Uint8Array([1]), 'cannot be read'],
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

  it.each<[string, MachinePolicy]>([
    ['that names no machine', strictPolicy],
    ['whose list of images is not in force', { ...softwarePolicy, imageList: 'maker/images', images: [] }],
    ['that demands a GPU', { ...softwarePolicy, gpu: true }],
  ])('signs what is not refuted under a policy %s, and reports it', async (_name, policy) => {
    const { own, peers, request } = proposal;
    const [entry] = request.entries;
    const reported: string[] = [];
    const onDisbelief = (what: string) => reported.push(what);
    const state = { ...peers[0].cosigning, opinionReaders: readBy(policy), onDisbelief };
    const log = parseVerdictEntry(entry?.logEntry as Uint8Array);
    await checkEntry(state, own.signer.address, log, entry as BatchEntry);
    expect(reported).toHaveLength(1);
    // Years later the vendor's words have run out here, and not at the time that was signed.
    const later = { nowMs: () => peers[0].clock.nowMs() + 5 * 365 * 86_400_000 };
    await checkEntry({ ...state, clock: { ...state.clock, ...later } }, own.signer.address, log, entry as BatchEntry);
  });

  it('refuses a machine that the registry had out before the order, by the time of the order alone', async () => {
    const { own, peers, request } = proposal;
    const [entry] = request.entries;
    const log = parseVerdictEntry(entry?.logEntry as Uint8Array);
    const { expiresAtMs } = parseOrder(entry?.record?.order?.order as Uint8Array);
    const check = (revokedMs: number) =>
      checkEntry(
        {
          ...peers[0].cosigning,
          evidenceReaders: createCosignReaders({
            crypto,
            wasMachineRevoked: async (_machine, { fromMs, untilMs }) => {
              expect(untilMs).toBe(Number(expiresAtMs));
              return fromMs >= revokedMs;
            },
          }),
        },
        ...([own.signer.address, log, entry as BatchEntry] as const),
      );
    await expect(check(Number(expiresAtMs) - 86_400_000)).rejects.toMatchObject({ code: 'refuted' });
    await check(Number(expiresAtMs) - 600_000);
    const wasMachineRevoked = async () => Promise.reject(new Error('down'));
    const state = { ...peers[0].cosigning, evidenceReaders: createCosignReaders({ crypto, wasMachineRevoked }) };
    const unread = checkEntry(state, own.signer.address, log, entry as BatchEntry);
    await expect(unread).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('waits for an attestation that is missing, whatever its policy', async () => {
    for (const policy of [softwarePolicy, undefined])
      await expect(cosign(policy, () => undefined)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('does not sign without a reader of its own for the evidence', async () => {
    const { own, peers, request } = proposal;
    const [entry] = request.entries;
    const log = parseVerdictEntry(entry?.logEntry as Uint8Array);
    const state = { ...peers[0].cosigning, evidenceReaders: undefined };
    const unread = checkEntry(state, own.signer.address, log, entry as BatchEntry);
    await expect(unread).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('machine') });
  });

  it('refuses what is forged without a policy, too', async () => {
    const forged = (bytes: Uint8Array) =>
      encodeAttestation({ ...parseAttestation(bytes), signature: new Uint8Array(64) });
    await expect(cosign(undefined, forged)).rejects.toMatchObject({ code: 'refuted' });
  });

  it('signs what it has seen and believes, and without a policy what the other validator says', async () => {
    const [entry] = proposal.request.entries;
    expect(parseVerdictEntry(entry?.logEntry as Uint8Array)).toMatchObject({ verdict: 'unaudited' });
    expect(entry?.ownEvidence).toEqual({ attestation: proposal.attestation });
    const [, believing, other] = proposal.peers;
    Object.assign(believing.cosigning, { opinionReaders: readBy(softwarePolicy) });
    Object.assign(other.cosigning, { opinionReaders: undefined });
    for (const { cosigner } of [believing, other])
      expect((await cosigner.cosign(proposal.own.signer.address, proposal.request)).signature).toHaveLength(65);
  });
});
