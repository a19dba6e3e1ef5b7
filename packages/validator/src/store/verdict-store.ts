import { bigInteger, bytes, columns, flag, integer } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { AuditDraw } from '@ogong/protocol/audit/audit';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { type Check, skip } from '@ogong/protocol/base/checks';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { describeEnd, parseEnd, type SignedEnd } from '@ogong/protocol/exchange/ending/order-end';
import { computeAbandonmentFine } from '@ogong/protocol/exchange/fee';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { findModality } from '@ogong/protocol/modality/registry';
import { type AuditBalance, coversFee, paysDebt } from '@ogong/protocol/settlement/audit-balance';
import { findAccountable } from '@ogong/protocol/settlement/cohort';
import { listShards, parseCohortAgreement } from '@ogong/protocol/settlement/cohort-agreement';
import { type CountedEntry, countEntry } from '@ogong/protocol/settlement/log-tests';
import {
  appendVerdict,
  computeEntryHash,
  computeGenesisPosition,
  isBillable,
  type LogName,
  type LogPosition,
  type Verdict,
  type VerdictEntry,
} from '@ogong/protocol/settlement/verdict-log';
import { computeCharge } from '@ogong/protocol/verdict/audit-charge';
import { type Evidence, encodeEvidence, parseKeptConsent } from '@ogong/protocol/verdict/evidence';
import type { Judgement } from '@ogong/protocol/verdict/judgement';
import { computeStep } from '@ogong/protocol/verdict/log-step';
import { isPaidFor } from '@ogong/protocol/verdict/reply-fee';
import type { Statement } from '@ogong/protocol/verdict/witnessed';
import { forgetAuditAttempts } from './audit-attempt-store.ts';
import { adjustChannel } from './channel-store.ts';
import { closeHoneypotOf } from './honeypot-store.ts';
import { forgetMilestone } from './replies/milestone-store.ts';
import { readUndecided, type UndecidedReply } from './replies/narrow-rows.ts';
import { forgetAsks } from './replies/opening-store.ts';
import { OPEN_STATES } from './replies/reply-states.ts';
import { createTestStates, OWN_TESTS } from './sequential-store.ts';
import { recordMarks } from './verifier-store.ts';
import { forgetStatements } from './witness-store.ts';

/** The log of this validator. */
export interface VerdictContext extends LogName {
  readonly crypto: Crypto;
}

export type Decision =
  | { readonly verdict: 'unaudited'; readonly beaconEpoch: bigint }
  /**
   * Witnesses did not receive a promised reply either. `abandoned`: while the provider had to keep it. `unasked`:
   * later.
   */
  | { readonly undelivered: 'abandoned' | 'unasked'; readonly statements: readonly Statement[] }
  /** Its provider ended the order without a record. */
  | { readonly end: SignedEnd }
  | {
      readonly judgement: Judgement;
      readonly evidence: Evidence;
      readonly beaconEpoch: bigint;
      /** The draw that selected the reply. It is not needed for exact evidence. */
      readonly draw?: AuditDraw | undefined;
    };

const ZERO_HASH = new Uint8Array(32);
const ZERO_ADDRESS = new Uint8Array(20);
/** Id of the finding that a provider ended its order. */
const ENDED_CHECK = 'ended';
const NO_STEP = { step: 'none', eValuePpm: 0 } as const;

const positionColumns = columns({ position: bigInteger, entry: bytes });
const providerColumns = columns({ audits: integer, rejects: integer, ejected: flag });

export function readPosition(store: Store, { crypto, ...log }: VerdictContext): LogPosition {
  const row = positionColumns.get(store.prepare('SELECT position, entry FROM log ORDER BY position DESC LIMIT 1'));
  if (row === undefined) return computeGenesisPosition(crypto, log);
  return { length: row.position + 1n, head: computeEntryHash(crypto, row.entry) };
}

/** Results of a provider's audits here. */
export interface ProviderRecord {
  readonly audits: number;
  readonly rejects: number;
  /** True if no order for it is admitted any more. */
  readonly ejected: boolean;
}

export function readProvider(store: Store, providerId: Uint8Array): ProviderRecord {
  const sql = `SELECT ${providerColumns.list} FROM providers WHERE provider_id = ?`;
  return providerColumns.get(store.prepare(sql), providerId) ?? { audits: 0, rejects: 0, ejected: false };
}

function writeProvider(
  store: Store,
  providerId: Uint8Array,
  payee: Uint8Array | undefined,
  { audits, rejects, ejected }: ProviderRecord,
): void {
  store
    .prepare(
      `INSERT INTO providers (provider_id, payee, audits, rejects, ejected) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET payee = coalesce(excluded.payee, payee), audits = excluded.audits,
       rejects = excluded.rejects, ejected = excluded.ejected`,
    )
    .run(providerId, payee ?? null, audits, rejects, ejected ? 1 : 0);
}

/**
 * Gives a reply its verdict. This is the only place that does: log, sequential test, channel and reply change together,
 * in the caller's transaction, once.
 * @returns undefined if the reply has its verdict already.
 */
export function decideReply(
  store: Store,
  context: VerdictContext,
  { replyId, decision, nowMs }: { replyId: Uint8Array; decision: Decision; nowMs: number },
): VerdictEntry | undefined {
  const { crypto } = context;
  const row = readUndecided(store, replyId);
  if (row === undefined || !OPEN_STATES.has(row.state)) return undefined;
  const order = parseOrder(row.orderBytes);
  const payee = row.handed && findModality(row.handed.endpoint).parseHeader(row.handed.header).payee;
  const judgement = 'judgement' in decision ? decision.judgement : undefined;
  const verdict = nameVerdict(decision);
  const evidence = findEvidence(decision, row);
  const tests = createTestStates(store, OWN_TESTS);
  const { balance } = tests.find(order.providerId);
  const feeAtomic = isPaid(row, verdict, balance) ? (row.feeAtomic ?? 0n) : 0n;

  const counted = {
    providerId: order.providerId,
    payee: payee ?? ZERO_ADDRESS,
    verdict,
    evidence: judgement?.evidence ?? 'none',
    feeAtomic,
    fineAtomic: computeFine(crypto, row, decision, balance),
    beaconEpoch: 'beaconEpoch' in decision ? decision.beaconEpoch : 0n,
    ...(judgement ? computeStep(judgement) : NO_STEP),
    timeMs: nowMs,
    verifiers: judgement?.verifiers ?? [],
    shards: row.cohort === undefined ? [] : listShards(parseCohortAgreement(row.cohort).terms),
    culprit: judgement?.culprit,
  } as const;
  const ejects = countEntry(tests, counted);
  if (judgement) countAudit(store, counted, ejects);

  const { bytes, entry } = appendVerdict(crypto, readPosition(store, context), {
    ...counted,
    ejects,
    replyId,
    recordHash: row.record ? hashRecord(crypto, row.record) : ZERO_HASH,
    payer: order.payer,
    router: order.router,
    evidenceHash: evidence ? crypto.sha256(evidence) : ZERO_HASH,
  });
  // The request is stored for a shorter time than the fee.
  const isUnpaid = isBillable(verdict) && feeAtomic === 0n;
  store.prepare('INSERT INTO log (position, entry, reply_id) VALUES (?, ?, ?)').run(entry.index, bytes, replyId);
  store
    .prepare(
      `UPDATE replies SET state = 'decided', verdict = ?, checks = ?, evidence = ?, entry_index = ?, burnt = ?,
       consent = NULL, opening = NULL, candidates = NULL, fee = CASE WHEN ? THEN '0' ELSE fee END WHERE reply_id = ?`,
    )
    .run(
      ...[verdict, JSON.stringify(listChecks(decision)), evidence ?? null, entry.index],
      ...[Number(paysDebt(balance, entry)), isUnpaid ? 1 : 0, replyId],
    );
  forgetMilestone(store, replyId);
  forgetStatements(store, replyId);
  // A recorded reply has met no audit.
  if (row.state !== 'recorded') {
    endAudit(store, replyId, { outcome: nameHoneypot(decision), suspect: judgement?.suspect, nowMs });
  }
  if (row.state === 'admitted') adjustChannel(store, order.payer, { outstanding: -row.maxFeeAtomic });
  else if (feeAtomic === 0n) adjustChannel(store, order.payer, { owed: -(row.feeAtomic ?? 0n) });
  recordMarks(store, entry, { nowMs, isOwn: true });
  return entry;
}

function endAudit(store: Store, replyId: Uint8Array, honeypot: Parameters<typeof closeHoneypotOf>[2]): void {
  store.prepare('DELETE FROM attempts WHERE reply_id = ?').run(replyId);
  forgetAsks(store, replyId);
  forgetAuditAttempts(store, replyId);
  closeHoneypotOf(store, replyId, honeypot);
}

/** `dropped`: the right answer is unknown, or its verifier withdrew its endorsement. */
function nameHoneypot(decision: Decision): 'passed' | 'failed' | 'silent' | 'dropped' {
  if (!('judgement' in decision) || decision.evidence.kind !== 'audit') return 'dropped';
  const { honeypot } = decision.evidence;
  if (honeypot === undefined) return 'dropped';
  if (honeypot.opened === undefined) return 'silent';
  const { verifiers, suspect } = decision.judgement;
  const mark = verifiers.find(({ verifierId }) => equalBytes(verifierId, honeypot.verifierId));
  if (mark === undefined) return 'dropped';
  return mark.outcome === 'credited' && suspect === undefined ? 'passed' : 'failed';
}

/** Returns whether a verdict is paid, by its request and by the audit balance of its key. */
function isPaid({ handed }: UndecidedReply, verdict: Verdict, balance: AuditBalance): boolean {
  if (handed === undefined) return isBillable(verdict);
  const request = findModality(handed.endpoint).parseSummary(handed.requestSummary);
  return isPaidFor(verdict, request) && coversFee(balance, verdict);
}

/** Computes the provider's fine: for an abandoned reply, or for an audit without an accept. */
function computeFine(
  crypto: Crypto,
  { orderBytes, feeAtomic }: UndecidedReply,
  decision: Decision,
  balance: AuditBalance,
): bigint {
  if ('judgement' in decision) {
    const { judgement, draw } = decision;
    return computeCharge(crypto, { judgement, draw, feeAtomic }, balance);
  }
  return nameVerdict(decision) === 'abandoned' ? computeAbandonmentFine(parseOrder(orderBytes)) : 0n;
}

function nameVerdict(decision: Decision): Verdict {
  if ('judgement' in decision) return decision.judgement.verdict;
  if ('verdict' in decision) return decision.verdict;
  if ('end' in decision) return 'unjudged';
  return decision.undelivered === 'abandoned' ? 'abandoned' : 'unjudged';
}

/** Lists the findings that anybody may read beside the verdict. */
function listChecks(decision: Decision): readonly Check[] {
  if ('judgement' in decision) return decision.judgement.checks;
  return 'end' in decision ? [skip(ENDED_CHECK, describeEnd(parseEnd(decision.end.end).code))] : [];
}

/** Returns the evidence. For an undelivered reply it is the provider's consent with the statements of witnesses. */
function findEvidence(decision: Decision, row: Pick<UndecidedReply, 'consent'>): Uint8Array | undefined {
  if ('judgement' in decision) return encodeEvidence(decision.evidence);
  if ('verdict' in decision) return undefined;
  if ('end' in decision) return encodeEvidence({ kind: 'ended', end: decision.end });
  const { undelivered: kind, statements } = decision;
  if (row.consent === undefined) throw new Error('a reply was admitted without the consent of its provider');
  return encodeEvidence({ kind, consent: parseKeptConsent(row.consent), statements });
}

/** Counts an audit in the record of the key that its finding is about. An ejected provider gets no orders. */
function countAudit(store: Store, entry: CountedEntry, ejects: boolean): void {
  const { verdict } = entry;
  const { providerId, payee } = findAccountable(entry);
  const { audits, rejects, ejected } = readProvider(store, providerId);
  const isCounted = verdict === 'accept' || verdict === 'reject';
  writeProvider(store, providerId, payee.some((byte) => byte !== 0) ? payee : undefined, {
    audits: audits + (isCounted ? 1 : 0),
    rejects: rejects + (verdict === 'reject' ? 1 : 0),
    ejected: ejected || ejects,
  });
}
