import { toHex } from '../base/bytes.ts';
import type { DriftTable } from '../modality/text/drift/drift-table.ts';
import type { DecisionRates } from '../modality/text/drift/drift-verdict.ts';

/** The table and rates of a verdict. They are part of its evidence, so that a co-signer comes to the same verdict. */
export interface DriftNote {
  /** 32 bytes. */
  readonly tableHash: Uint8Array;
  /** In parts per billion, 1..999,999,999; `doubt` is at least `reject`. */
  readonly rejectPpb: number;
  readonly doubtPpb: number;
  readonly extrapolate: boolean;
}

/** What judges scores where the classes differ. Without one, fixed thresholds decide. */
export interface DriftPolicy {
  readonly note: DriftNote;
  readonly table: DriftTable;
  /** The table as it is hashed, where it is at hand. */
  readonly bytes?: Uint8Array;
  /** Whether the chain names this table; otherwise it is the operator's own choice. */
  readonly isNamed: boolean;
}

const PPB = 1e9;

/** Integers on the wire, so that both sides compute with the same doubles. */
export const toPpb = (rate: number): number => Math.min(PPB - 1, Math.max(1, Math.round(rate * PPB)));

export function toRates({ rejectPpb, doubtPpb, extrapolate }: Omit<DriftNote, 'tableHash'>): DecisionRates {
  return { reject: rejectPpb / PPB, doubt: doubtPpb / PPB, extrapolate };
}

export function describePolicy({ note, table, isNamed }: DriftPolicy): string {
  const origin = isNamed ? 'named by the chain' : 'not named by the chain';
  return `version ${table.version}, hash ${toHex(note.tableHash)}, ${origin}`;
}

/** Operators may use different rates, but one must not sign a reject that the other takes for chance. */
const RATE_FACTOR = 10;

/** @returns what is wrong with a peer's rates, seen from here. */
export function findRateProblem(own: DriftNote, peer: DriftNote): string | undefined {
  const isNear = (a: number, b: number): boolean => a <= b * RATE_FACTOR && b <= a * RATE_FACTOR;
  if (isNear(own.rejectPpb, peer.rejectPpb) && isNear(own.doubtPpb, peer.doubtPpb)) return undefined;
  const show = ({ reject, doubt }: DecisionRates): string => `${reject} and ${doubt}`;
  return `judged at rates of ${show(toRates(peer))}, here they are ${show(toRates(own))}: more than ${RATE_FACTOR}-fold`;
}
