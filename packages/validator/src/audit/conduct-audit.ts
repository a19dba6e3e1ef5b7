import { hasHoneypot } from '@ogong/protocol/audit/audit';
import { computeAttemptEpoch, MAX_AUDIT_ATTEMPTS } from '@ogong/protocol/audit/audit-attempt';
import { pass } from '@ogong/protocol/base/checks';
import type { BlobRef } from '@ogong/protocol/commitment/blob';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { isComparable, mayShowTexts } from '@ogong/protocol/tier/outcome';
import { ClaimError, type ReplyTexts, verifyTexts } from '@ogong/protocol/verdict/claim';
import type { AuditEvidence, Evidence, HoneypotEvidence } from '@ogong/protocol/verdict/evidence';
import { computeHoneypotId } from '@ogong/protocol/verdict/honeypot/honeypot-draw';
import { giveUpUntold, judge } from '@ogong/protocol/verdict/judge';
import type { AuditContext } from '@ogong/protocol/verdict/judgement';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { beginAuditAttempt, closeAuditAttempt, listDueAuditAttempts } from '../store/audit-attempt-store.ts';
import { readPolicy } from '../store/drift-store.ts';
import { awaitHoneypot, findHoneypot, type HoneypotRow } from '../store/honeypot-store.ts';
import { listAttempts } from '../store/replies/attempt-store.ts';
import { readMilestone } from '../store/replies/milestone-store.ts';
import { findReply, hasOpening, type ReplyRow, toClaim } from '../store/replies/reply-store.ts';
import { contestHoneypot } from './ask-honeypot.ts';
import { type AuditState, computeAskDelay, decide, type FoundOpening, findDraw } from './audit-state.ts';
import { computePairPpm } from './deterrence.ts';
import { planLate, prepareCandidates } from './draw-round.ts';
import { findBlobJob, isJobDue, lacksBlobs } from './finish-round.ts';
import { findWantedJob, holdParts, releaseParts } from './honeypot-parts.ts';
import type { FetchedOpening } from './opening-fetch.ts';
import { areReplayBlobs, findWantedRows, readShown } from './replay-blobs.ts';
import { areMedia, namesMedia } from './request-media.ts';
import { isUnfinished, readLists } from './round-state.ts';
import { findDeterringPpm } from './select-replies.ts';
import { runRounds } from './verifier-rounds.ts';

/** A reply that a beacon has selected. */
type SelectedReply = ReplyRow & { readonly beaconEpoch: bigint; readonly deadlineMs: number };

/** Continues an audit from its last state as far as possible now. */
export async function conductAudit(state: AuditState, replyId: Uint8Array): Promise<void> {
  const { crypto, clock, stopping, rounds } = state;
  const { signal } = stopping;
  const row = findReply(state, replyId);
  if (!isSelected(row)) return;
  const judged = await readContext(state, row);
  if (judged === undefined) return;
  // A complaint without an opening. This validator may not ask for one.
  if (row.opening === undefined && !mayShowTexts(judged.claim.header.tier)) {
    await decide(state, replyId, { verdict: 'unaudited', beaconEpoch: row.beaconEpoch });
    return;
  }
  const kept = row.opening && (openReply(crypto, judged.claim.record, row.opening) as OpenedReply);
  const rows = kept && findWantedRows(kept, findBlobJob(state, row, judged));
  const opened =
    kept && !mustFetchBlobs(state, row, judged, kept) ? kept : await fetchOpening(state, row, judged, rows);
  if (signal.aborted || opened === undefined) return;
  if (opened.outcome === 'consistent') {
    // The opening came from a payer's complaint. Verifiers can compare nothing in it.
    if (!isComparable(judged.claim.header.tier)) {
      await decide(state, replyId, { verdict: 'unaudited', beaconEpoch: row.beaconEpoch });
      return;
    }
    const open = findReply(state, replyId) ?? row;
    await freezeList(state, open, judged, opened);
    if (clock.nowMs() < (open.askAtMs ?? 0)) return;
    await runRounds(rounds, open, judged, opened);
  }
  if (signal.aborted || state.store.read(() => listAttempts(state.store, replyId)).some(isUnfinished)) return;
  rounds.jobBlobs.release(replyId);
  rounds.jobMedia.release(replyId);
  const latest = findReply(state, replyId);
  if (!isSelected(latest)) return;
  const reports = collectEvidence(state, latest, judged, opened);
  const first = judge(crypto, judged, reports, opened);
  const honeypot = first.isUntold ? await findHoneypotEvidence(state, latest, judged, opened) : undefined;
  if (honeypot === 'open') return;
  const told = honeypot && honeypot !== 'lost' ? { ...reports, honeypot } : undefined;
  const evidence = told ?? reports;
  const judgement = told ? judge(crypto, judged, told, opened) : honeypot === 'lost' ? giveUpUntold(first) : first;
  if (judgement.wants && latest.sitting + 1 < MAX_AUDIT_ATTEMPTS) {
    const waitEpoch = computeAttemptEpoch(row.beaconEpoch, latest.sitting + 1);
    await state.group.write((db) => closeAuditAttempt(db, replyId, waitEpoch));
  } else {
    await decide(state, replyId, { judgement, evidence, beaconEpoch: row.beaconEpoch, draw: judged.draw });
    releaseParts(rounds.honeypots, replyId);
  }
}

/** Begins the next audit attempt of waiting replies whose beacon is here. */
export async function resumeWaiting(state: AuditState, limit: number): Promise<void> {
  const { clock, store, group, archive, windowMs } = state;
  const due = store.read(() => listDueAuditAttempts(store, archive.latest().epoch, limit));
  if (due.length === 0) return;
  await group.write((db) => {
    for (const replyId of due) {
      const nowMs = clock.nowMs();
      const askAtMs = nowMs + computeAskDelay(state, replyId);
      beginAuditAttempt(db, replyId, { deadlineMs: askAtMs + windowMs, askAtMs });
    }
  });
}

/** Returns whether the next step sends a job whose blobs or media are not in memory. The payer of a milestone has no blobs to hand in. */
function mustFetchBlobs(
  { store, rounds }: Pick<AuditState, 'store' | 'rounds'>,
  row: SelectedReply,
  judged: AuditContext,
  opened: OpenedReply,
): boolean {
  const about = findBlobJob({ store }, row, judged);
  if (judged.claim.record.isMilestone || !lacksBlobs(rounds, row, opened, about)) return false;
  return isJobDue(
    store.read(() => listAttempts(store, row.replyId)),
    row,
  );
}

function isSelected(row: ReplyRow | undefined): row is SelectedReply {
  return row?.state === 'auditing' && row.beaconEpoch !== undefined && row.deadlineMs !== undefined;
}

/** @returns undefined if no answering peer has the beacon of its audit attempt. */
async function readContext(state: AuditState, row: SelectedReply): Promise<AuditContext | undefined> {
  const { crypto, store, verdicts, drift, fixedVerifier, honeypots, getBeacon } = state;
  const epochs = Array.from({ length: row.sitting }, (_, i) => computeAttemptEpoch(row.beaconEpoch, i + 1));
  const beacons = await Promise.all(epochs.map(getBeacon));
  const laterBeacons = beacons.flatMap((beacon) => (beacon ? [beacon.value] : []));
  const draw = await findDraw(state, row, row.beaconEpoch);
  if (laterBeacons.length < epochs.length) return undefined;
  const isTrapped = draw !== undefined && hasHoneypot(crypto, draw, honeypots.honeypotPpm);
  // If the validators of the epoch are unknown, the audit goes on, and the verdict waits (findHoneypotEvidence).
  const found = isTrapped ? await honeypots.vrf.findKey(row.beaconEpoch).catch(() => undefined) : undefined;
  const claim = toClaim(row);
  const [deterringPpm] = (await findDeterringPpm(state, [{ ...row, ...claim }])) as [number];
  return {
    claim,
    signed: row.signedRecord as NonNullable<ReplyRow['signedRecord']>,
    validator: verdicts.validator,
    draw,
    vrfKey: found?.vrfKey,
    pairPpm: computePairPpm(deterringPpm),
    honeypotPpm: honeypots.honeypotPpm,
    laterBeacons,
    allowFixedVerifier: fixedVerifier !== undefined,
    drift: store.read(() => readPolicy(store, drift, row.drift)),
  };
}

/** Fixes the first list of candidates early, so that its honeypot is planned before verifiers are asked. */
async function freezeList(
  { rounds }: AuditState,
  row: ReplyRow,
  judged: AuditContext,
  opened: OpenedReply,
): Promise<void> {
  if (row.sitting > 0) return;
  const history = { lists: [[]], attempts: [], weighed: new Map() };
  await prepareCandidates(rounds, row, judged, { opened, history });
}

/**
 * Returns the evidence of the honeypot that the beacon draws for an audit, if its answer is known.
 * @returns `open` if its verifier has yet to answer, here or to witnesses. `lost` if there was no answer within a day.
 * Undefined if this validator was no member of the deciding epoch and needs no honeypot.
 */
async function findHoneypotEvidence(
  state: AuditState,
  reply: SelectedReply,
  judged: AuditContext,
  opened: OpenedReply,
): Promise<HoneypotEvidence | 'open' | 'lost' | undefined> {
  const { crypto, clock, store, group, stopping, honeypots, rounds } = state;
  const known = await honeypots.vrf.findKey(reply.beaconEpoch);
  if (known !== undefined && known.vrfKey === undefined) return undefined;
  const id = computeHoneypotId(crypto, reply.replyId);
  const read = (): HoneypotRow | undefined => store.read(() => findHoneypot(store, id));
  const wait = async (untilMs = clock.nowMs() + honeypots.contestPauseMs): Promise<'open'> => {
    if (!stopping.signal.aborted) await group.write((db) => awaitHoneypot(db, reply, untilMs));
    return 'open';
  };
  if (clock.nowMs() > Number(judged.claim.order.expiresAtMs) + OPENING_KEPT_MS) {
    const row = read();
    return (row && describeHoneypotEvidence(row)) ?? 'lost';
  }
  if (known === undefined) return wait();
  const row = read() ?? (await planLate(rounds, reply, { ...judged, vrfKey: known.vrfKey }, opened));
  if (row === undefined) return wait();
  const told = describeHoneypotEvidence(row);
  if (told !== undefined) return told;
  if (!row.isGivenUp && clock.nowMs() < row.deadlineMs) {
    // The answer may have come since the row was read. Then the audit goes on at once.
    return group.write((db) => {
      if (describeHoneypotEvidence(findHoneypot(db, id) ?? row) === undefined) awaitHoneypot(db, row, row.deadlineMs);
      return 'open' as const;
    });
  }
  if (await contestHoneypot(honeypots, reply, row)) return describeHoneypotEvidence(read() ?? row) ?? 'open';
  return wait();
}

/** @returns undefined if its verifier has yet to answer or to be called silent. */
function describeHoneypotEvidence({
  verifierId,
  proof,
  committed,
  opened,
  credential,
  statements,
}: HoneypotRow): HoneypotEvidence | undefined {
  const told = { verifierId, proof, committed, ...(credential && { credential }) };
  if (opened !== undefined) return { ...told, opened };
  return statements && { ...told, opened, statements };
}

/** Collects the evidence of the verdict for co-signers: opening, candidates of the draws, and their answers. */
export function collectEvidence(
  { store }: Pick<AuditState, 'store'>,
  { replyId }: Pick<ReplyRow, 'replyId'>,
  { drift }: Pick<AuditContext, 'drift'>,
  { bytes, outcome }: Pick<OpenedReply, 'bytes' | 'outcome'>,
): AuditEvidence {
  const attempts = store
    .read(() => listAttempts(store, replyId))
    .map(({ verifierId, sitting, round, nonce, committed, opened, credential, statements }) => ({
      ...{ verifierId, sitting, round, nonce, committed, opened },
      ...(opened === undefined && { statements: statements ?? [] }),
      ...(credential && { credential }),
    }));
  return {
    kind: 'audit',
    opening: bytes,
    drift: attempts.length === 0 ? undefined : drift?.note,
    lists: outcome === 'consistent' ? readLists({ store }, replyId) : [],
    attempts,
  };
}

/**
 * Fetches the opening with the blobs that stage 1 reads.
 * @returns undefined if they have not come yet, or if they are withheld and the reply has its verdict.
 */
async function fetchOpening(
  state: AuditState,
  row: SelectedReply,
  judged: AuditContext,
  rows?: BlobRef,
): Promise<OpenedReply | undefined> {
  const { stopping, openings, contest, findIntake, crypto } = state;
  const { record, order } = judged.claim;
  if (record.isMilestone) return keepPassed(state, judged);
  const needsTexts = row.submission === undefined;
  const request = row.submission?.request;
  const intake = needsTexts ? await findIntake(order.replyId) : undefined;
  if (needsTexts && intake === undefined) throw new Error('an accepted record has no receipt');
  const asked = await openings.ask(judged.claim, {
    ...{ intake, request, isKept: row.opening !== undefined, job: findWantedJob(state.rounds.honeypots, judged) },
    rows,
  });
  if (asked.outcome === 'opened') return readBlobs(state, row, judged, asked);
  if (asked.outcome === 'waiting' || stopping.signal.aborted) return undefined;
  const { header, headerProof } = row.summary as NonNullable<ReplyRow['summary']>;
  const signedOrder = { order: row.orderBytes, signature: row.orderSignature };
  const found = await contest.ask({
    order: signedOrder,
    asked: 'opening',
    bound: { ...judged.signed, header, headerProof },
    // A witness reads from the texts which media it has to ask for.
    intake: namesMedia(request) ? await findIntake(order.replyId) : intake,
    ...(rows && { rows: rows.root }),
  });
  if (stopping.signal.aborted) return undefined;
  if (found.kind === 'opening') return keepFound(state, row, judged, { ...found, needsTexts, wantedRows: rows });
  if (found.kind !== 'silent') return undefined;
  // The payer may have handed the opening over while witnesses were asked.
  if (row.opening === undefined && state.store.read(() => hasOpening(state.store, order.replyId))) return undefined;
  const { statements, isTimely } = found;
  const isWithheld = asked.outcome === 'withheld' && isTimely;
  if (!isWithheld && !isComparable(judged.claim.header.tier)) {
    await decide(state, order.replyId, { verdict: 'unaudited', beaconEpoch: row.beaconEpoch });
    return undefined;
  }
  const evidence: Evidence = isWithheld
    ? { kind: 'withheld', statements }
    : { kind: 'unasked', consent: undefined, statements };
  const { checks, ...judgement } = judge(crypto, judged, evidence);
  const withDetail = { ...judgement, checks: [...checks, pass('opening-asked', asked.detail)] };
  const { beaconEpoch } = row;
  await decide(state, order.replyId, { judgement: withDetail, evidence, beaconEpoch, draw: judged.draw });
  return undefined;
}

/**
 * Stores the opening of a milestone, which the payer handed in with it. The provider may be dead, so it is not asked.
 */
async function keepPassed(
  { crypto, openings, store }: Pick<AuditState, 'crypto' | 'openings' | 'store'>,
  { claim: { record, order } }: AuditContext,
): Promise<OpenedReply | undefined> {
  const milestone = store.read(() => readMilestone(store, order.replyId));
  const opened = milestone && openReply(crypto, record, milestone.opening);
  if (opened === undefined || opened.outcome === 'nothing') throw new Error('a milestone without its opening');
  await openings.keep(order.replyId, { opened, texts: undefined });
  return opened;
}

/** Stores an opening that the provider gave to a witness. */
async function keepFound(
  state: AuditState,
  row: SelectedReply,
  judged: AuditContext,
  {
    opening,
    texts,
    blobs: sent = [],
    media = [],
    needsTexts,
    wantedRows,
  }: Omit<FoundOpening, 'kind'> & { readonly needsTexts: boolean; readonly wantedRows: BlobRef | undefined },
): Promise<OpenedReply | undefined> {
  const { crypto, openings } = state;
  const { claim } = judged;
  const { record, order } = claim;
  const opened = openReply(crypto, record, opening);
  // The witness has checked the texts, but it may lie.
  if (needsTexts && (texts === undefined || !isOfClaim(crypto, claim, texts))) return undefined;
  if (opened === undefined || opened.outcome === 'nothing') return undefined;
  if (!areReplayBlobs(crypto, opened, sent, wantedRows)) return undefined;
  const blobs = wantedRows ? sent.slice(0, -1) : sent;
  const rows = wantedRows && sent.at(-1);
  const request = row.submission?.request ?? texts?.request;
  if (request === undefined || !areMedia(crypto, request, media)) return undefined;
  if (row.opening !== undefined) await openings.forget(order.replyId);
  else await openings.keep(order.replyId, { opened, texts: needsTexts ? texts : undefined });
  return readBlobs(state, row, judged, { opened, blobs, media, rows });
}

/**
 * Replays the opening with its blobs, and keeps the bytes that the verifiers get, those of the media too. Blobs that refute the opening are exact evidence.
 * @returns undefined if the reply has its verdict.
 */
async function readBlobs(
  state: AuditState,
  { beaconEpoch }: SelectedReply,
  judged: AuditContext,
  { opened, blobs, walked, media, rows }: Omit<FetchedOpening, 'texts'>,
): Promise<OpenedReply | undefined> {
  const { crypto, rounds } = state;
  const { order } = judged.claim;
  rounds.jobMedia.hold(order.replyId, media);
  if (rows) rounds.jobBlobs.hold(order.replyId, [rows]);
  if (blobs.length === 0 && walked === undefined) {
    if (media.length > 0) holdParts(rounds.honeypots, judged, opened, media);
    return opened;
  }
  const { shown, jobBlobs, refutedBy } = await readShown(
    crypto,
    opened,
    { blobs, walked },
    findWantedJob(rounds.honeypots, judged),
  );
  if (refutedBy === undefined) {
    if (rows === undefined) rounds.jobBlobs.hold(order.replyId, jobBlobs);
    holdParts(rounds.honeypots, judged, shown, media);
    return opened;
  }
  const evidence: Evidence = { kind: 'shown', opening: opened.bytes, blobs: refutedBy };
  const judgement = judge(crypto, judged, evidence);
  await decide(state, order.replyId, { judgement, evidence, beaconEpoch, draw: judged.draw });
  return undefined;
}

function isOfClaim(crypto: AuditState['crypto'], claim: AuditContext['claim'], texts: ReplyTexts): boolean {
  try {
    verifyTexts(crypto, claim, texts);
    return true;
  } catch (error) {
    if (error instanceof ClaimError) return false;
    throw error;
  }
}
