import { toHex } from '../base/bytes.ts';
import type { DriftTable } from '../modality/text/drift/drift-table.ts';
import type { DecisionRates } from '../modality/text/drift/drift-verdict.ts';

/** The table and rates of a verdict. They are part of its evidence, so that a co-signer reaches the same verdict. */
export interface DriftNote {
  /** 32 bytes. */
  readonly tableHash: Uint8Array;
  /** In parts per billion, 1..999,999,999; `doubt` is at least `reject`. */
  readonly rejectPpb: number;
  readonly doubtPpb: number;
  readonly extrapolate: boolean;
}

/** The policy for scores between different classes. Without one, fixed thresholds decide. */
export interface DriftPolicy {
  readonly note: DriftNote;
  readonly table: DriftTable;
  /** The table as it is hashed, if it is available. */
  readonly bytes?: Uint8Array;
  /** Set if the chain names this table. Otherwise it is the operator's own choice. */
  readonly isNamed: boolean;
}

const PPB = 1e9;

/** Converts a rate to an integer for the wire, so that both sides compute with the same doubles. */
export const toPpb = (rate: number): number => Math.min(PPB - 1, Math.max(1, Math.round(rate * PPB)));

export function toRates({ rejectPpb, doubtPpb, extrapolate }: Omit<DriftNote, 'tableHash'>): DecisionRates {
  return { reject: rejectPpb / PPB, doubt: doubtPpb / PPB, extrapolate };
}

export function describePolicy({ note, table, isNamed }: DriftPolicy): string {
  const origin = isNamed ? 'named by the chain' : 'not named by the chain';
  return `version ${table.version}, hash ${toHex(note.tableHash)}, ${origin}`;
}

/** The largest allowed factor between two operators' rates. One must not sign a reject that the other regards as chance. */
const RATE_FACTOR = 10;

/** Finds a problem with a peer's rates, compared with the own ones. */
export function findRateProblem(own: DriftNote, peer: DriftNote): string | undefined {
  const isNear = (a: number, b: number): boolean => a <= b * RATE_FACTOR && b <= a * RATE_FACTOR;
  if (isNear(own.rejectPpb, peer.rejectPpb) && isNear(own.doubtPpb, peer.doubtPpb)) return undefined;
  const show = ({ reject, doubt }: DecisionRates): string => `${reject} and ${doubt}`;
  return `judged at rates of ${show(toRates(peer))}, here they are ${show(toRates(own))}: more than ${RATE_FACTOR}-fold`;
}
