import { parseEvidence } from '@ogong/attestation/evidence-file';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import type { MachineReads } from '@ogong/chain/registry/machines';
import type { ChainView } from '@ogong/host/views/chain-view';
import { type Check, fail } from '@ogong/protocol/base/checks';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import type { MachineProof } from '@ogong/protocol/machine/machine-ejection';
import { MACHINE_CHECK } from '@ogong/protocol/tier/attestation';
import { getPart } from '@ogong/protocol/tier/evidence-parts';
import { readAttestation } from '@ogong/protocol/tier/proxied';
import { getAttestationPart } from '@ogong/protocol/tier/registry';
import type { EvidenceReader, EvidenceReaders, ShownRecord } from '@ogong/protocol/tier/tier';

// How a validator reads the machine's evidence of tiers `tee` and `tee-proxy` (docs/spec/tee-tier.md).
// The code for evidence is imported with the first evidence: it takes 36 ms and a library for certificates.

/**
 * Returns the reader of a validator that accepts records: its own policy decides, and the registry of machines.
 * @param context.policy undefined where this validator believes no machine: then no record of a machine is accepted.
 */
export function createIntakeReaders({
  crypto,
  policy,
  findMachineProblem,
}: {
  readonly crypto: Crypto;
  readonly policy: MachinePolicy | undefined;
  /** Finds what the network says against a provider's machine, see ChainView. Default: nothing. */
  readonly findMachineProblem?: ChainView['findMachineProblem'] | undefined;
}): EvidenceReaders {
  if (policy === undefined) return new Map();
  return nameReader(async (shown, bytes, nowMs) => {
    const { checkRecordMachine } = await import('@ogong/attestation/machine-check');
    const found = await checkRecordMachine({ ...shown, attestation: bytes }, { crypto, policy, nowMs });
    // Without the provider's signature for the machine's key, nobody answers for what that key signs.
    const checks = found.map((one) =>
      one.id === 'attested-key' && one.status === 'skip' ? fail(one.id, one.detail) : one,
    );
    if (checks.some(isFailed)) return dropSkips(checks);
    const providerId = hashHybridKey(crypto, shown.record.providerKey);
    const problem = await findMachineProblem?.(providerId, readAttestation(bytes).attestedKey);
    return [...dropSkips(checks), ...(problem === undefined ? [] : [fail('registry', problem)])];
  });
}

/**
 * A policy that names no machine. A check that fails under it proves a forgery, or evidence of another reply, to every co-signer alike.
 * A refusal by an operator's own policy stops no entry. If a third of the validators refused one, the log could neither settle nor drop it.
 */
const PROVEN_POLICY: MachinePolicy = {
  acceptedTcb: [],
  minimumSnpTcb: { bootLoader: 0, tee: 0, snp: 0, microcode: 0 },
  softwareKeys: [],
  allow: ['authority', 'upstream'],
};
/** Checks that depend on an operator's trust, or sum the others up. */
const OPINIONS: readonly string[] = [MACHINE_CHECK, 'cpu-vendor', 'cpu-tcb'];

/** Returns the reader of a co-signer: checks that every co-signer answers alike. */
export function createCosignReaders({
  crypto,
  wasMachineRevoked,
}: {
  readonly crypto: Crypto;
  /** Tells whether the registry had a machine revoked in all of that time. Default: there is no registry. */
  readonly wasMachineRevoked?: MachineReads['wasMachineRevoked'] | undefined;
}): EvidenceReaders {
  const isOpinion = ({ id, detail }: Check): boolean => OPINIONS.includes(id) && !detail.includes('cannot be read');
  return nameReader(async (shown, bytes, nowMs) => {
    const { checkRecordMachine } = await import('@ogong/attestation/machine-check');
    const found = await checkRecordMachine({ ...shown, attestation: bytes }, { crypto, policy: PROVEN_POLICY, nowMs });
    const proven = dropSkips(found).filter((one) => !isOpinion(one));
    if (wasMachineRevoked === undefined || proven.some(isFailed)) return proven;
    return [...proven, ...(await findRevocation(wasMachineRevoked, shown, bytes))];
  });
}

/** Returns the reader of a co-signer's own policy, whose findings are reported and stop no entry. */
export const createOpinionReaders = ({
  crypto,
  policy,
}: {
  readonly crypto: Crypto;
  readonly policy: MachinePolicy;
}): EvidenceReaders =>
  nameReader(async (shown, bytes, nowMs) => {
    const { checkRecordMachine } = await import('@ogong/attestation/machine-check');
    return dropSkips(await checkRecordMachine({ ...shown, attestation: bytes }, { crypto, policy, nowMs }));
  });

/** How long after a revocation a validator may not know of it. */
const REVOKED_GRACE_MS = 3_600_000;

/**
 * The order's time counts, not the present: all co-signers find the same, however late they ask. The validator that accepted the record may
 * not have known of the revocation yet. @throws where the registry cannot be read
 */
async function findRevocation(
  wasMachineRevoked: MachineReads['wasMachineRevoked'],
  { order }: ShownRecord,
  bytes: Uint8Array,
): Promise<readonly Check[]> {
  const { nameMachine } = await import('@ogong/attestation/machine-name');
  let machine: Uint8Array;
  try {
    ({ machine } = await nameMachine(parseEvidence(readAttestation(bytes).evidence)));
  } catch (error) {
    return [fail('registry', `the machine has no name: ${(error as Error).message}`)];
  }
  const { fromMs, toMs: untilMs } = computeOrderSpan(parseOrder(order), { toleranceMs: REVOKED_GRACE_MS });
  const span = { fromMs, untilMs };
  return (await wasMachineRevoked(machine, span)) ? [fail('registry', 'the machine was revoked before the order')] : [];
}

/** Returns a refused record's machine evidence as a proof of a possible offence; undefined for a tier without machines. */
export function toMachineProof({ modelId, order, record, evidence }: ShownRecord): MachineProof | undefined {
  const part = getAttestationPart(parseModelId(modelId).tier);
  const attestation = part && getPart(evidence, part.name);
  if (attestation === undefined) return undefined;
  return { order, record: record.record, providerKey: record.providerKey, attestation, revokedList: new Uint8Array() };
}

const nameReader = (reader: EvidenceReader): EvidenceReaders => new Map([[MACHINE_CHECK, reader]]);
const isFailed = ({ status }: Check): boolean => status === 'fail';
/** A policy has allowed the skips that are left: `machine` sums them up. */
const dropSkips = (checks: readonly Check[]): readonly Check[] => checks.filter(({ status }) => status !== 'skip');
