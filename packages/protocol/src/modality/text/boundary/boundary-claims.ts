import { equalBytes } from '../../../base/bytes.ts';
import type { SketchBank } from '../../../commitment/sketch.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import type { BoundaryEdge } from './boundary-pass.ts';
import { findRowsProblem, nextTurnOf, type UsedRows } from './boundary-proof.ts';
import {
  type BoundaryRoot,
  type BoundarySender,
  commitBoundary,
  verifyBoundaryRoot,
  verifyRootReceipt,
} from './boundary-root.ts';

/** Reasons of a finding (docs/spec/boundary.md#claims). */
export type FindingReason =
  | 'rows-unsigned'
  | 'rows-signed'
  | 'root-unsigned'
  | 'roots-equal'
  | 'two-roots'
  | 'root-against-passes'
  | 'passes-differ'
  | 'nothing-came'
  | 'root-listed'
  | 'root-hidden'
  | 'root-not-confirmed';

/** The decision about a claim. It names at most one place, as culprit or for an audit. */
export interface BoundaryFinding {
  readonly reason: FindingReason;
  /** Place of the shard that the signatures refute. */
  readonly culprit?: number;
  /** Place of the shard whose work has to be audited: signatures do not decide the claim. */
  readonly audit?: number;
  /** Places that get a mark. A mark is no evidence; marks with several partners lower a reputation. */
  readonly marked?: readonly number[];
}

/** An edge whose two ends disagree. */
export interface DisputedEdge<T = unknown> extends BoundaryEdge<T>, BoundarySender {
  /** Place of the receiver. */
  readonly receiver: number;
}

/**
 * Decides "garbage came": the rows that the receiver used. A receiver whose rows the sender did not sign loses.
 * @internal until programs make claims: tests of attackers use it
 */
export function judgeGarbage(crypto: Crypto, edge: DisputedEdge, shown: UsedRows): BoundaryFinding {
  return findRowsProblem(crypto, edge, edge.senderKey, shown) === undefined
    ? { reason: 'rows-signed', audit: edge.place }
    : { reason: 'rows-unsigned', culprit: edge.receiver };
}

/**
 * Decides whether one sender signed two roots for one order and place, which is exact evidence against it.
 * @internal until programs make claims: tests of attackers use it
 */
export function judgeTwoRoots(
  crypto: Crypto,
  sender: BoundarySender,
  [a, b]: readonly [BoundaryRoot, BoundaryRoot],
): BoundaryFinding {
  if (isSameStatement(a, b)) return { reason: 'roots-equal' };
  const areSigned = verifyBoundaryRoot(crypto, sender, a) && verifyBoundaryRoot(crypto, sender, b);
  return areSigned ? { reason: 'two-roots', culprit: sender.place } : { reason: 'root-unsigned' };
}

const isSameStatement = (a: BoundaryRoot, b: BoundaryRoot): boolean =>
  a.positions === b.positions && a.turns === b.turns && equalBytes(a.root, b.root) && equalBytes(a.input, b.input);

/**
 * Decides "roots differ": the sender's root against the rows that the receiver used. Both are the sender's own statements if the
 * receiver shows every pass before the root's `turns`, so a difference is exact evidence against the sender.
 * @internal until programs make claims: tests of attackers use it
 */
export function judgeRootOfRows(
  crypto: Crypto,
  edge: DisputedEdge,
  { root, shown, bank }: { readonly root: BoundaryRoot; readonly shown: UsedRows; readonly bank: SketchBank },
): BoundaryFinding {
  if (!verifyBoundaryRoot(crypto, edge, root)) return { reason: 'root-unsigned' };
  if (findRowsProblem(crypto, edge, edge.senderKey, shown) !== undefined)
    return { reason: 'rows-unsigned', culprit: edge.receiver };
  const turns = nextTurnOf(shown.proof);
  const { rowBytes } = edge.content;
  const positions = shown.rows.length / rowBytes;
  const kept = { positions, nextTurn: turns, rowBytes, standing: [{ bytes: shown.rows }] };
  const isEqual =
    positions === root.positions && equalBytes(commitBoundary(crypto, kept, { ...edge, bank }).root, root.root);
  if (isEqual) return { reason: 'roots-equal' };
  // A sender that signs passes behind its root contradicts itself, too. Fewer passes may have been lost or held back by either end.
  if (turns >= root.turns) return { reason: 'root-against-passes', culprit: edge.place };
  return { reason: 'passes-differ', audit: edge.place, marked: [edge.place, edge.receiver] };
}

/**
 * Decides "nothing came". An absence leaves no signature, so both ends get a mark and nobody is named.
 * @internal until programs make claims: tests of attackers use it
 */
export const judgeNothing = ({ place, receiver }: Pick<DisputedEdge, 'place' | 'receiver'>): BoundaryFinding => ({
  reason: 'nothing-came',
  marked: [place, receiver],
});

export interface HiddenRootClaim {
  /** Root of the shard that complains. */
  readonly root: BoundaryRoot;
  /** The leader's signed receipt for it, 64 bytes, if the shard has one. */
  readonly receipt?: Uint8Array | undefined;
  /** Roots of the leader's header, in the order of their places. */
  readonly listed: readonly (BoundaryRoot | undefined)[];
}

/**
 * Decides "the leader hides a root". A root that the leader confirmed and left out convicts the leader. Without a receipt the shard may
 * never have sent its root, so both get a mark.
 * @param leader place and session key of the last shard.
 */
export function judgeHiddenRoot(
  crypto: Crypto,
  sender: BoundarySender,
  leader: { readonly place: number; readonly key: Uint8Array },
  { root, receipt, listed }: HiddenRootClaim,
): BoundaryFinding {
  if (!verifyBoundaryRoot(crypto, sender, root)) return { reason: 'root-unsigned' };
  const own = listed[sender.place];
  if (own !== undefined && isSameStatement(own, root)) return { reason: 'root-listed' };
  if (own !== undefined && verifyBoundaryRoot(crypto, sender, own))
    return { reason: 'two-roots', culprit: sender.place };
  const isConfirmed = receipt !== undefined && verifyRootReceipt(crypto, { leaderKey: leader.key, root, receipt });
  return isConfirmed
    ? { reason: 'root-hidden', culprit: leader.place }
    : { reason: 'root-not-confirmed', marked: [sender.place, leader.place] };
}
