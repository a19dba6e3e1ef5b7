import type { Store } from '@ogong/host/store/store';
import { computeMostAsked, findAttemptDraw } from '@ogong/protocol/audit/audit-attempt';
import { isListLacking } from '@ogong/protocol/audit/candidate-stakes';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { ListedSegment } from '@ogong/protocol/exchange/cohort/listed-segment';
import { findAuditSubject, findUnshown } from '@ogong/protocol/verdict/audit-subject';
import {
  type EvidenceCandidate,
  encodeCandidates,
  encodeDrift,
  parseCandidates,
} from '@ogong/protocol/verdict/evidence';
import type { AuditContext } from '@ogong/protocol/verdict/judgement';
import type { OpenedReply } from '@ogong/protocol/verdict/opened-reply';
import type { WeighedReport } from '@ogong/protocol/verdict/report-check';
import {
  type AttemptSummary,
  computeJobNonce,
  computeRoundSize,
  countAttempt,
  type DrawnAudit,
  drawNext,
} from '@ogong/protocol/verdict/verifier-draw';
import { findCredential, isAnnouncedAsListed } from '../store/announcement-store.ts';
import { countContext, listCandidates, listKnown } from '../store/candidates.ts';
import { type HoneypotRow, putHoneypot } from '../store/honeypot-store.ts';
import { readListedCredential } from '../store/listed-credential-store.ts';
import { type AttemptRow, listAttempts } from '../store/replies/attempt-store.ts';
import { keepCandidates } from '../store/replies/reply-changes.ts';
import type { ReplyRow } from '../store/replies/reply-store.ts';
import { planHoneypot } from './plan-honeypots.ts';
import { type RoundState, readLists } from './round-state.ts';

/** Present state of an audit. */
export interface RoundHistory {
  /** Candidates of each audit attempt. The last list belongs to the running one. */
  readonly lists: DrawnAudit['lists'];
  readonly attempts: readonly AttemptRow[];
  /** The opened reports, by attempt. */
  readonly weighed: ReadonlyMap<number, WeighedReport>;
}

/**
 * Draws the verifiers of the next round by the beacon of this audit attempt. All are asked at the same time. Empty if
 * none is left.
 */
export function drawRound(
  { crypto, pairPpm, fixedVerifier, jobSecret }: Pick<RoundState, 'crypto' | 'pairPpm' | 'fixedVerifier' | 'jobSecret'>,
  judged: AuditContext,
  { lists, attempts, weighed }: RoundHistory,
): AttemptRow[] {
  const place = { sitting: lists.length - 1, round: (attempts.at(-1)?.round ?? -1) + 1 };
  const { replyId } = judged.claim.order;
  const asked: AttemptSummary[] = listAsked(attempts, weighed);
  const drawn: AttemptRow[] = [];
  const draw = findAttemptDraw(judged.draw, judged.laterBeacons ?? [], place.sitting);
  const least = computeRoundSize(crypto, draw, place.round, Math.max(pairPpm, judged.pairPpm ?? 0));
  const size = computeMostAsked(countAttempt(attempts, place), least);
  while (drawn.length < size) {
    const attempt = attempts.length + drawn.length;
    const isFixed = fixedVerifier !== undefined && attempt === 0;
    const candidate = isFixed ? undefined : drawNext(crypto, judged, { lists, asked }, place);
    if (!isFixed && candidate === undefined) break;
    const verifierId = candidate?.providerId ?? new Uint8Array(32);
    asked.push({ verifierId, ...place, weighed: undefined });
    drawn.push({
      ...{ attempt, verifierId, ...place },
      keyHash: candidate?.keyHash,
      nonce: computeJobNonce(crypto, { secret: jobSecret, replyId, attempt }),
      outcome: 'asked',
      committed: undefined,
      opened: undefined,
    });
  }
  return drawn;
}

/** Lists the verifiers asked so far, with their reports. */
export function listAsked(
  attempts: readonly AttemptRow[],
  weighed: ReadonlyMap<number, WeighedReport>,
): AttemptSummary[] {
  return attempts.map(({ attempt, verifierId, sitting, round }) => ({
    ...{ verifierId, sitting, round },
    weighed: weighed.get(attempt),
  }));
}

/** List of candidates of an audit attempt. */
export interface PreparedList {
  readonly candidates: readonly EvidenceCandidate[];
  /**
   * True if many verifiers were announced until recently and are not now. This validator may have been cut off, and
   * co-signers would miss them.
   */
  readonly isLacking: boolean;
}

/**
 * Returns the list of candidates that all draws of an audit attempt use, so that a co-signer can repeat them. The list
 * is fixed once the beacon may draw somebody from it. The first list also plans the honeypot of this audit.
 */
export async function prepareCandidates(
  state: RoundState,
  row: ReplyRow,
  judged: AuditContext,
  { opened, history }: { readonly opened: OpenedReply; readonly history: RoundHistory },
): Promise<PreparedList> {
  const { crypto, group, mostPostponedMs } = state;
  if (row.candidates) return { candidates: parseCandidates(row.candidates), isLacking: false };
  const { attempts, weighed } = history;
  const mayWait = row.postponedMs < mostPostponedMs;
  const before = { lists: history.lists, asked: listAsked(attempts, weighed) };
  const { candidates, isLacking } = listNow(state, row, judged, { before, mayWait });
  if (isLacking && mayWait) return { candidates: [], isLacking };
  const listed = { candidates, isLacking: false };
  const lists = [...history.lists.slice(0, row.sitting), candidates];
  const place = { sitting: row.sitting, round: (attempts.at(-1)?.round ?? -1) + 1 };
  const isUnshown = findUnshown(opened, judged.claim, candidates) !== undefined;
  if (!isUnshown && drawNext(crypto, judged, { lists, asked: listAsked(attempts, weighed) }, place) === undefined)
    return listed;
  const pair = drawRound(state, judged, { ...history, lists }).map(({ verifierId }) => verifierId);
  const planned = row.sitting === 0 ? plan(state, row, judged, { opened, candidates, pair }) : undefined;
  const { modelRoot } = judged.claim.order;
  const isFrozen = await group.write((db) => {
    // The credential of each candidate is stored from here on, so it must be here now.
    if (!candidates.every((one) => isAnnouncedAsListed(db, one, modelRoot))) return false;
    freezeCandidates(db, row, judged, candidates);
    if (planned) putHoneypot(db, withLiable(db, planned, { candidates, modelRoot }));
    return true;
  });
  return isFrozen ? listed : prepareCandidates(state, row, judged, { opened, history });
}

function plan(
  { honeypots, windowMs }: Pick<RoundState, 'honeypots' | 'windowMs'>,
  { deadlineMs = 0 }: Pick<ReplyRow, 'deadlineMs'>,
  judged: AuditContext,
  {
    opened,
    candidates,
    pair,
  }: {
    readonly opened: OpenedReply;
    readonly candidates: readonly EvidenceCandidate[];
    /** Ids of the verifiers of the first round. */
    readonly pair: readonly Uint8Array[];
  },
): HoneypotRow | undefined {
  const asked = pair.flatMap((id) => candidates.filter(({ providerId }) => equalBytes(providerId, id)));
  const times = { selectedMs: deadlineMs - windowMs, deadlineMs };
  return planHoneypot(honeypots, judged, opened, { candidates, pair: asked, ...times });
}

/**
 * Plans the honeypot of an audit whose list was fixed before the validators of the epoch were known. @returns undefined
 * if nobody could be liable for its answer: no entry could mark its verifier.
 */
export async function planLate(
  state: RoundState,
  row: ReplyRow,
  judged: AuditContext,
  opened: OpenedReply,
): Promise<HoneypotRow | undefined> {
  const { store, group } = state;
  const candidates = readLists(state, row.replyId)[0] ?? [];
  const attempts = store.read(() => listAttempts(store, row.replyId));
  const pair = attempts.filter(({ round }) => round === 0).map(({ verifierId }) => verifierId);
  const planned = plan(state, row, judged, { opened, candidates, pair });
  const { modelRoot } = judged.claim.order;
  if (planned === undefined) throw new Error('the verdict waits for a honeypot that cannot be planned');
  return group.write((db) => {
    const liable = withLiable(db, planned, { candidates, modelRoot });
    if (liable.credential === undefined) return undefined;
    putHoneypot(db, liable);
    return liable;
  });
}

/** Adds the liable payee, as announced at the time of the list. */
function withLiable(
  store: Store,
  row: HoneypotRow,
  { candidates, modelRoot }: { readonly candidates: readonly EvidenceCandidate[]; readonly modelRoot: Uint8Array },
): HoneypotRow {
  const candidate = candidates.find(({ providerId }) => equalBytes(providerId, row.verifierId));
  const listed = readListedCredential(store, row.replyId, row.verifierId);
  return { ...row, credential: listed ?? (candidate && findCredential(store, candidate, modelRoot)) };
}

/**
 * Fixes the list of an audit attempt. A list from which nobody can be drawn is fixed, too, once the attempt is over.
 */
export function freezeCandidates(
  store: Store,
  { replyId }: Pick<ReplyRow, 'replyId'>,
  { drift }: Pick<AuditContext, 'drift'>,
  candidates: readonly EvidenceCandidate[],
): void {
  keepCandidates(store, replyId, encodeCandidates(candidates), encodeDrift(drift?.note));
}

/** Share of the window: a verifier that was announced so recently may return soon, so its absence delays the list. */
const LATELY = 1 / 2;

function listNow(
  state: RoundState,
  row: ReplyRow,
  judged: AuditContext,
  { before, mayWait }: { readonly before: DrawnAudit; readonly mayWait: boolean },
): PreparedList {
  const { claim, draw: first, laterBeacons } = judged;
  const { crypto, clock, store, stakeOf, requiredStakes, windowMs, fixedVerifier } = state;
  const draw = findAttemptDraw(first, laterBeacons ?? [], row.sitting);
  if (draw === undefined) return { candidates: [], isLacking: false };
  const nowMs = clock.nowMs();
  const { modelRoot, providerId: serverId } = claim.order;
  const cohortIds = claim.cohort?.members.map(({ providerId }) => providerId) ?? [];
  const query = { modelRoot, serverId, cohortIds, salt: draw.beacon, nowMs };
  const context = countContext(claim.header, row.submission?.request);
  const asked = requiredStakes();
  const lately = { sinceMs: nowMs, nowMs: nowMs - LATELY * windowMs, uncounted: new Set<string>() };
  const list = (segment?: ListedSegment): PreparedList =>
    store.read(() => {
      const candidates = listCandidates(store, crypto, { ...query, segment, stakeOf, leastStake: asked.now, context });
      const known = listKnown(store, crypto, { ...query, segment, ...lately, leastStake: asked.greatest });
      return { candidates, isLacking: isListLacking(known, candidates) };
    });
  // Operators agree on a fixed verifier of the whole model.
  if (fixedVerifier !== undefined && row.sitting === 0) return list();
  const { segment, mayBeWhole } = findAuditSubject(crypto, judged, before, row.sitting);
  if (segment === undefined) return list();
  const part = list(segment);
  const whole = mayBeWhole ? list() : undefined;
  return whole !== undefined && comesFirst(whole, part, mayWait) ? whole : part;
}

/**
 * Returns whether verifiers of the whole model are drawn, and not those of one shard. Names without stake give way to verifiers with
 * stake, as in keepStaked.
 */
function comesFirst(whole: PreparedList, part: PreparedList, mayWait: boolean): boolean {
  const isStaked = ({ candidates }: PreparedList): boolean => candidates.some(({ weight }) => weight > 1n);
  if (isStaked(whole) || (whole.isLacking && mayWait)) return true;
  return whole.candidates.length > 0 && !isStaked(part);
}
