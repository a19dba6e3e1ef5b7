import type { EvidenceKind, Verdict, VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { checkEpoch, readGenerations } from '../data/beacon-history.ts';
import type { NetworkState } from '../data/store.ts';

/** The audit of a reply, by the log of its validator. */
export interface AuditReading {
  readonly verdict: Verdict;
  readonly evidence: EvidenceKind;
  /** Number of asked verifiers; 0 without an audit. */
  readonly verifiers: number;
  /** The epoch whose beacon selected or skipped the reply; 0 without one. */
  readonly epoch: bigint;
  /** Value of that beacon, if the page could read its certificate and nothing refutes it. */
  readonly draw: Uint8Array | undefined;
}

/** Reads the audit from a log entry. The draw is read only if verifiers were asked. Never rejects. */
export async function readAudit(
  { verdict, evidence, verifiers, beaconEpoch: epoch }: VerdictEntry,
  state: Pick<NetworkState, 'api' | 'info' | 'ledger' | 'reader' | 'deployment'>,
): Promise<AuditReading> {
  const isAudited = verifiers.length > 0 && epoch > 0n;
  const draw = isAudited ? await readDraw(epoch, state).catch(() => undefined) : undefined;
  return { verdict, evidence, verifiers: verifiers.length, epoch, draw };
}

async function readDraw(
  epoch: bigint,
  { api, info, ledger, reader, deployment }: Parameters<typeof readAudit>[1],
): Promise<Uint8Array | undefined> {
  if (info === undefined) return undefined;
  const [bytes, generations] = await Promise.all([api.certificate(epoch), readGenerations(reader, deployment)]);
  const read = checkEpoch(bytes, { info, validators: ledger?.validators ?? info.validators, generations });
  // A gateway may answer with another epoch's.
  return read.epoch === epoch && read.standing !== 'refuted' ? read.value : undefined;
}
