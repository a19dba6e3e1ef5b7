import type { AuditDraw } from '../audit/audit.ts';
import { findAttemptDraw } from '../audit/audit-attempt.ts';
import { drawPlace } from '../audit/place-draw.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { isSameSegment, type ListedSegment } from '../exchange/cohort/listed-segment.ts';
import type { CohortTerms } from '../settlement/cohort-agreement.ts';
import type { EvidenceCandidate } from './evidence.ts';
import { JudgeError } from './judgement.ts';
import type { OpenedReply } from './opened-reply.ts';
import type { DrawnAudit } from './verifier-draw.ts';

interface SubjectContext {
  readonly draw: AuditDraw | undefined;
  readonly laterBeacons?: readonly Uint8Array[];
  readonly claim: { readonly cohort?: CohortTerms | undefined };
}

/** The part of the model that an audit attempt may be about. */
export interface AuditSubject {
  /** The layers of the drawn shard; undefined if one provider served. */
  readonly segment: ListedSegment | undefined;
  /** Whether the attempt may be about the whole model. Then it is, if any verifier holds the whole model. */
  readonly mayBeWhole: boolean;
}

/** Returns the part of the model that the candidates of a list hold; undefined for all of it. */
export const findListedSegment = (
  list: readonly Pick<EvidenceCandidate, 'segment'>[] = [],
): ListedSegment | undefined => list[0]?.segment;

/**
 * Finds the subject of an audit attempt (docs/spec/audit-selection.md#place). The first report settles it, so that all reports of an
 * audit are about the same layers. Before that each attempt draws a shard by its own beacon.
 * @param audit attempts before this one count.
 */
export function findAuditSubject(
  crypto: Crypto,
  { draw: first, laterBeacons = [], claim: { cohort } }: SubjectContext,
  { lists, asked }: DrawnAudit,
  sitting: number,
): AuditSubject {
  const settled = asked.find((one) => one.weighed !== undefined && one.sitting < sitting);
  if (settled !== undefined) {
    const segment = findListedSegment(lists[settled.sitting]);
    return { segment, mayBeWhole: segment === undefined };
  }
  const draw = findAttemptDraw(first, laterBeacons, sitting);
  if (cohort === undefined || draw === undefined) return { segment: undefined, mayBeWhole: true };
  return { segment: findDrawnSegment(crypto, cohort, draw), mayBeWhole: true };
}

/** Finds the layers of the shard that the beacon of an audit attempt draws. */
export function findDrawnSegment(
  crypto: Crypto,
  { members, manifestHash }: Pick<CohortTerms, 'members' | 'manifestHash'>,
  draw: Pick<AuditDraw, 'beacon' | 'replyId'>,
): ListedSegment {
  const prices = members.map(({ pricePer1kAtomic }) => pricePer1kAtomic);
  const { firstLayer, layers } = members[drawPlace(crypto, draw, prices)] as (typeof members)[number];
  return { manifestHash, firstLayer, layers };
}

/**
 * Asserts that the candidates of each audit attempt hold the layers that it is about. @throws JudgeError
 */
export function assertSubjects(crypto: Crypto, context: SubjectContext, audit: DrawnAudit): void {
  for (const [sitting, list] of audit.lists.entries()) {
    if (list.length === 0) continue;
    const listed = findListedSegment(list);
    const { segment, mayBeWhole } = findAuditSubject(crypto, context, audit, sitting);
    const isDue = listed === undefined ? mayBeWhole : isSameSegment(listed, segment);
    if (isDue && list.every((one) => isSameSegment(one.segment, listed))) continue;
    throw new JudgeError('wrong-verifier', `the candidates of audit attempt ${sitting} hold other layers than are due`);
  }
}

/**
 * Finds the reason that nobody can repeat the layers that a list is about. The opening does not show their input, or their shard has
 * signed no rows. The leader signed such a record, so it answers, and no verifier is asked.
 */
export function findUnshown(
  { reply }: Pick<OpenedReply, 'reply'>,
  { cohort }: SubjectContext['claim'],
  list: readonly Pick<EvidenceCandidate, 'segment'>[] | undefined,
): string | undefined {
  const segment = findListedSegment(list);
  if (segment === undefined) return undefined;
  const input = reply.findShardInput?.(cohort, segment) ?? { problem: 'a reply of this modality has no shards' };
  return 'problem' in input ? input.problem : undefined;
}
