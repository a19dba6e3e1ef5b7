import { equalBytes } from '@ogong/protocol/base/bytes';
import {
  type EvidenceCandidate,
  encodeCandidates,
  encodeDrift,
  parseCandidates,
} from '@ogong/protocol/verdict/evidence';
import type { AuditContext } from '@ogong/protocol/verdict/judge';
import type { OpenedReply } from '@ogong/protocol/verdict/opened-reply';
import type { WeighedReport } from '@ogong/protocol/verdict/report-check';
import {
  type AttemptSummary,
  computeDrawState,
  computeJobNonce,
  computeRoundSize,
  drawVerifier,
} from '@ogong/protocol/verdict/verifier-draw';
import { countContext, listCandidates } from '../store/announcement-store.ts';
import type { AttemptRow } from '../store/attempt-store.ts';
import { putHoneypot } from '../store/honeypot-store.ts';
import { keepCandidates, type ReplyRow } from '../store/reply-store.ts';
import type { RoundState } from './round-state.ts';

/** The verifiers that the beacon draws for the next round, all asked at the same time; empty if none is left. */
export function drawRound(
  { crypto, pairPpm, fixedVerifier, jobSecret }: Pick<RoundState, 'crypto' | 'pairPpm' | 'fixedVerifier' | 'jobSecret'>,
  judged: AuditContext,
  candidates: readonly EvidenceCandidate[],
  attempts: readonly AttemptRow[],
  weighed: ReadonlyMap<number, WeighedReport>,
): AttemptRow[] {
  const round = (attempts.at(-1)?.round ?? -1) + 1;
  const { replyId } = judged.claim.order;
  const asked: AttemptSummary[] = attempts.map(({ attempt, verifierId, round: of }) => ({
    verifierId,
    round: of,
    isOpened: weighed.has(attempt),
    isDoubtful: weighed.get(attempt)?.outcome === 'inconclusive',
  }));
  const drawn: AttemptRow[] = [];
  const size = computeRoundSize(crypto, judged.draw, round, pairPpm);
  while (drawn.length < size) {
    const attempt = attempts.length + drawn.length;
    const isFixed = fixedVerifier !== undefined && attempt === 0;
    const candidate = isFixed
      ? undefined
      : drawVerifier(crypto, judged, candidates, computeDrawState(candidates, asked, round));
    if (!isFixed && candidate === undefined) break;
    const verifierId = candidate?.providerId ?? new Uint8Array(32);
    asked.push({ verifierId, round, isOpened: false, isDoubtful: false });
    drawn.push({
      attempt,
      round,
      verifierId,
      keyHash: candidate?.keyHash,
      nonce: computeJobNonce(crypto, { secret: jobSecret, replyId, attempt }),
      outcome: 'asked',
      committed: undefined,
      opened: undefined,
    });
  }
  return drawn;
}

/**
 * The list of candidates that all draws until the verdict use, so that a co-signer can repeat them. It is frozen once it is not
 * empty; then the honeypots of this audit are planned.
 */
export async function prepareCandidates(
  state: RoundState,
  row: ReplyRow,
  judged: AuditContext,
  opened: OpenedReply,
): Promise<EvidenceCandidate[]> {
  const { crypto, clock, store, group, stakeOf, windowMs, planHoneypots } = state;
  if (row.candidates) return parseCandidates(row.candidates);
  const { draw, claim } = judged;
  if (draw === undefined) return [];
  const { modelRoot, providerId: serverId } = claim.order;
  const { openedAt } = row;
  const context = countContext(claim.header, row.submission?.request);
  const query = { modelRoot, serverId, openedAt, salt: draw.beacon, stakeOf, context, nowMs: clock.nowMs() };
  const candidates = store.read(() => listCandidates(store, crypto, query));
  const nobody = { tried: [], heard: [], isDoubtful: false };
  if (drawVerifier(crypto, judged, candidates, nobody) === undefined) return [];
  const pair = drawRound(state, judged, candidates, [], new Map())
    .map(({ verifierId }) => candidates.find(({ providerId }) => equalBytes(providerId, verifierId)))
    .filter((candidate) => candidate !== undefined);
  const deadlineMs = row.deadlineMs ?? 0;
  const times = { selectedMs: deadlineMs - windowMs, deadlineMs };
  const planned = planHoneypots(judged, opened, { candidates, pair, ...times });
  await group.write((db) => {
    keepCandidates(db, row.replyId, encodeCandidates(candidates), encodeDrift(judged.drift?.note));
    for (const honeypot of planned) putHoneypot(db, honeypot);
  });
  return candidates;
}
