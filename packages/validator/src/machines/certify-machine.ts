import { EvidenceError } from '@ogong/attestation/evidence-error';
import { parseEvidence } from '@ogong/attestation/evidence-file';
import { checkMachine } from '@ogong/attestation/machine-check';
import { type MachineName, nameMachine } from '@ogong/attestation/machine-name';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, fromHex, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { computeMachineNonce, MACHINE_ENTRY_S, type MachineEntry } from '@ogong/protocol/machine/machine-entry';
import { MAX_MACHINE_EVIDENCE_BYTES } from '@ogong/protocol/tier/attestation';
import { keepMachine } from '../store/machine-store.ts';
import type { AnsweringMachine, AskedMachine, MachinesState } from './machine-state.ts';

/** Validators read the time of their newest blocks, in seconds. */
const CLOCKS_S = 60n;
/** Evidence for an epoch's nonce is fresh while the epoch, or one of the next two, is the newest. */
const FRESH_EPOCHS = 2n;

export interface CertifiedMachine {
  readonly entry: MachineEntry;
  readonly named: MachineName;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/**
 * Checks a machine that somebody asks to be entered, by this validator's own policy, and signs for it. Its evidence is kept, so that others can check it.
 * @throws Refusal `precondition` where it is no machine that this validator signs for, or not now; ChainError, SignerError
 */
export async function certifyMachine(state: MachinesState, asked: AskedMachine): Promise<CertifiedMachine> {
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
  // Evidence holds for some epochs, and anybody can ask for it: that of a key before a restart must not come back.
  const isOtherKey = entered !== undefined && !equalBytes(fromHex(entered.signingKey.slice(2)), asked.attestedKey);
  if (entered && (epoch < entered.epoch || (isOtherKey && epoch === entered.epoch))) {
    throw new Refusal('precondition', 'newer evidence of this provider is entered');
  }
  // Whoever could ask for a longer one could keep a machine that starts again from being entered anew: an entry gives way to a later one alone.
  if (until <= now || until > now + MACHINE_ENTRY_S + CLOCKS_S)
    throw new Refusal('precondition', `an entry until ${until} is no entry of at most a week, now ${now}`);
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

/** What evidence of that epoch has to answer. @throws Refusal */
async function findNonce(
  { crypto, latestEpoch, findBeacon }: MachinesState,
  { epoch, providerId }: AskedMachine,
): Promise<Uint8Array> {
  const latest = latestEpoch();
  if (epoch > latest || epoch + FRESH_EPOCHS < latest)
    throw new Refusal('precondition', `epoch ${epoch} is too old, or to come: the newest is ${latest}`);
  const beacon = await findBeacon(epoch);
  if (beacon === undefined) throw new Refusal('unavailable', `the beacon of epoch ${epoch} is not known here`);
  return computeMachineNonce(crypto, { epoch, beacon, providerId });
}

/** Why a machine that answered `nonce` is none that the policy takes, or undefined. */
export async function findMachineProblem(
  { crypto, clock, ledger, policy }: Pick<MachinesState, 'crypto' | 'clock' | 'ledger' | 'policy'>,
  { providerId, attestedKey, sealKeyHash, evidence }: AnsweringMachine,
  nonce: Uint8Array,
): Promise<string | undefined> {
  if (policy === undefined) return 'this validator has no policy for machines (--machine-policy)';
  if (evidence.length > MAX_MACHINE_EVIDENCE_BYTES) return `evidence of ${evidence.length} bytes is too long`;
  try {
    const claim = { ledger, providerId, attestedKey, sealKeyHash, evidence, nonce };
    const [machine] = await checkMachine(claim, { crypto, policy, nowMs: clock.nowMs() });
    return machine?.status === 'pass' ? undefined : (machine?.detail ?? 'nothing could be checked');
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}

async function readName(evidence: Uint8Array): Promise<MachineName> {
  try {
    return await nameMachine(parseEvidence(evidence));
  } catch (error) {
    if (error instanceof EvidenceError) throw new Refusal('precondition', `the machine has no name: ${error.message}`);
    throw error;
  }
}
