import { EvidenceError } from '@ogong/attestation/evidence-error';
import { parseEvidence } from '@ogong/attestation/evidence-file';
import type { MachineName } from '@ogong/attestation/machine-name';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, fromHex, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { computeMachineNonce, MACHINE_ENTRY_S, type MachineEntry } from '@ogong/protocol/machine/machine-entry';
import { MAX_MACHINE_EVIDENCE_BYTES } from '@ogong/protocol/tier/attestation';
import { keepMachine } from '../store/machine-store.ts';
import type { AnsweringMachine, MachineRequest, MachinesState } from './machine-state.ts';

/** Tolerance between the times of the newest blocks that validators read, in seconds. */
const CLOCKS_S = 60n;
/** Number of newer epochs for which evidence for an epoch's nonce is fresh. */
const FRESH_EPOCHS = 2n;

export interface CertifiedMachine {
  readonly entry: MachineEntry;
  readonly named: MachineName;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/**
 * Checks a machine for the registry by this validator's own policy, and signs for it. Stores its evidence, so that
 * others can check it.
 * @throws Refusal `precondition` if this validator does not sign for the machine, or not now; ChainError, SignerError
 */
export async function certifyMachine(state: MachinesState, asked: MachineRequest): Promise<CertifiedMachine> {
  const { crypto, signer, domain, chain, lapsed } = state;
  const { providerId, epoch, until, evidence } = asked;
  const nonce = await findNonce(state, asked);
  const why = await findMachineProblem(state, asked, nonce);
  if (why !== undefined) throw new Refusal('precondition', `the machine is refused: ${why}`);
  const before = lapsed.get(toHex(providerId));
  if (before !== undefined) throw new Refusal('precondition', `the machine did not pass when it was asked: ${before}`);
  const named = await readName(evidence);
  const client = await chain.client();
  const [now, isEjected, { isRevoked }, entered] = await Promise.all([
    client.now(),
    client.isEjected(providerId),
    client.machineRevocation(named.machine),
    client.machineOf(providerId),
  ]);
  if (isEjected) throw new Refusal('precondition', 'the provider is ejected');
  if (isRevoked) throw new Refusal('precondition', 'the machine is revoked');
  // Evidence stays valid for some epochs, and every caller can request it: that of a key from before a restart must not
  // come back.
  const isOtherKey = entered !== undefined && !equalBytes(fromHex(entered.signingKey.slice(2)), asked.attestedKey);
  if (entered && (epoch < entered.epoch || (isOtherKey && epoch === entered.epoch))) {
    throw new Refusal('precondition', 'newer evidence of this provider is entered');
  }
  // An entry gives way to a later one only. So a longer entry could block the next entry of a machine that starts
  // again.
  if (until <= now || until > now + MACHINE_ENTRY_S + CLOCKS_S)
    throw new Refusal('precondition', `an entry may last a week at most: until ${until}, now ${now}`);
  const { machine, image, platformKey } = named;
  const entry = {
    ...{ providerId, machine, image, evidence: crypto.sha256(evidence), platformKey, epoch, until },
    ...{ signingKey: asked.attestedKey, sealKey: asked.sealKeyHash },
  };
  const signature = await signer.sign({ kind: 'machine', domain, ...entry });
  const kept = { hash: entry.evidence, providerId, evidence, epoch };
  const onChain = entered && fromHex(entered.evidence.slice(2));
  await state.group.write((db) => keepMachine(db, kept, onChain));
  return { entry, named, signature };
}

/** Returns the nonce that evidence of that epoch must answer. @throws Refusal */
async function findNonce(
  { crypto, latestEpoch, findBeacon }: MachinesState,
  { epoch, providerId }: MachineRequest,
): Promise<Uint8Array> {
  const latest = latestEpoch();
  if (epoch > latest || epoch + FRESH_EPOCHS < latest)
    throw new Refusal('precondition', `epoch ${epoch} is too old or in the future: the newest is ${latest}`);
  const beacon = await findBeacon(epoch);
  if (beacon === undefined) throw new Refusal('unavailable', `the beacon of epoch ${epoch} is not known here`);
  return computeMachineNonce(crypto, { epoch, beacon, providerId });
}

/** Tells why the policy does not accept a machine that answered `nonce`, or undefined. */
export async function findMachineProblem(
  { crypto, clock, ledger, policy }: Pick<MachinesState, 'crypto' | 'clock' | 'ledger' | 'policy'>,
  { providerId, attestedKey, sealKeyHash, evidence }: AnsweringMachine,
  nonce: Uint8Array,
): Promise<string | undefined> {
  if (policy === undefined) return 'this validator has no policy for machines (--machine-policy)';
  if (evidence.length > MAX_MACHINE_EVIDENCE_BYTES) return `evidence of ${evidence.length} bytes is too long`;
  try {
    const claim = { ledger, providerId, attestedKey, sealKeyHash, evidence, nonce };
    const { checkMachine } = await import('@ogong/attestation/machine-check');
    const [machine] = await checkMachine(claim, { crypto, policy, nowMs: clock.nowMs() });
    return machine?.status === 'pass' ? undefined : (machine?.detail ?? 'nothing could be checked');
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}

async function readName(evidence: Uint8Array): Promise<MachineName> {
  const { nameMachine } = await import('@ogong/attestation/machine-name');
  try {
    return await nameMachine(parseEvidence(evidence));
  } catch (error) {
    if (error instanceof EvidenceError) throw new Refusal('precondition', `the machine has no name: ${error.message}`);
    throw error;
  }
}
