import type { Store } from '@ogong/host/store/store';
import type { SignedProgress } from '@ogong/protocol/exchange/progress';
import { encodeParts } from '@ogong/protocol/tier/evidence-parts';
import type { EvidenceParts } from '@ogong/protocol/tier/tier';
import type { BoundRecord, Claim, ReplyTexts } from '@ogong/protocol/verdict/claim';
import { adjustChannel, readChannel } from '../channel-store.ts';
import { hashList } from './hash-list.ts';
import { forgetMilestone } from './milestone-store.ts';
import { forgetAsks } from './opening-store.ts';
import { readReply, type StoredSummary } from './reply-store.ts';

// Changes of a reply after its admission. Each function belongs inside a group commit.

/** Replaces the reservation by the fee, which is owed unless the audit rejects. */
export function recordReply(
  store: Store,
  claim: Claim,
  {
    summary,
    texts,
    ownEvidence,
  }: {
    readonly summary: StoredSummary;
    readonly texts: ReplyTexts | undefined;
    /** Parts that the tier names. */
    readonly ownEvidence: EvidenceParts;
  },
  intake: { readonly epoch: bigint; readonly timeMs: number },
): void {
  const { order, header, feeAtomic } = claim;
  const { record, providerKey, signature } = summary.record;
  store
    .prepare(
      `UPDATE replies SET state = 'recorded', record = ?, provider_key = ?, record_signature = ?, header = ?,
       header_proof = ?, request_summary = ?, response_summary = ?, request = ?, endpoint = ?, response = ?, fee = ?, payee = ?,
       payee_word = ?, cohort = ?, intake_epoch = ?, recorded_at = ?, progress = ?, progress_signature = ?, own_evidence = ?, consent = NULL
       WHERE reply_id = ? AND state = 'admitted'`,
    )
    .run(
      record,
      providerKey,
      signature,
      summary.header,
      hashList.write(summary.headerProof),
      summary.requestSummary,
      summary.responseSummary,
      texts?.request ?? null,
      summary.endpoint,
      texts?.response ?? null,
      feeAtomic.toString(),
      header.payee,
      summary.payeeWord,
      claim.shards.length === 0 ? null : (summary.cohort ?? null),
      intake.epoch,
      intake.timeMs,
      summary.progress?.progress ?? null,
      summary.progress?.signature ?? null,
      Object.keys(ownEvidence).length === 0 ? null : encodeParts(ownEvidence),
      order.replyId,
    );
  if (claim.record.isMilestone === undefined) forgetMilestone(store, order.replyId);
  adjustChannel(store, order.payer, { outstanding: -order.maxFeeAtomic, owed: feeAtomic });
}

/**
 * @param spentAtomic amount debited from the channel on the chain. Default: the amount in this store.
 * @returns the raise of a recorded reply's bill, and the payer's largest debt after it; undefined if there is no raise.
 */
export function computeRaise(
  store: Store,
  { order, feeAtomic }: Pick<Claim, 'order' | 'feeAtomic'>,
  spentAtomic = 0n,
): { readonly more: bigint; readonly liability: bigint } | undefined {
  const before = readReply(store, order.replyId);
  if (before?.state !== 'recorded' || before.feeAtomic === undefined || feeAtomic <= before.feeAtomic) return undefined;
  const more = feeAtomic - before.feeAtomic;
  const { settled, owed, outstanding } = readChannel(store, order.payer);
  return { more, liability: (settled > spentAtomic ? settled : spentAtomic) + owed + outstanding + more };
}

/**
 * Raises the bill of a reply that no audit has begun, by a better progress statement of the payer. Its reservation is
 * over, and other orders may have its room. So the raise must fit the payer's voucher and its channel.
 */
export function raiseBill(
  store: Store,
  claim: Claim,
  {
    word,
    channel,
  }: {
    readonly word: SignedProgress;
    /** The channel on the chain. */
    readonly channel: { readonly spendable: bigint; readonly spent: bigint };
  },
): void {
  const { order, feeAtomic } = claim;
  const raise = computeRaise(store, claim, channel.spent);
  if (raise === undefined) return;
  const { more, liability } = raise;
  if (liability > readChannel(store, order.payer).voucher || liability > channel.spendable) return;
  store
    .prepare('UPDATE replies SET fee = ?, progress = ?, progress_signature = ? WHERE reply_id = ?')
    .run(feeAtomic.toString(), word.progress, word.signature, order.replyId);
  adjustChannel(store, order.payer, { owed: more });
}

/** Stores a record that came without the reply, unless there is one. */
export function attachRecord(
  store: Store,
  replyId: Uint8Array,
  { record, providerKey, signature, header, headerProof }: BoundRecord,
): void {
  store
    .prepare(
      `UPDATE replies SET record = ?, provider_key = ?, record_signature = ?, header = ?, header_proof = ?
       WHERE reply_id = ? AND state = 'admitted' AND record IS NULL`,
    )
    .run(record, providerKey, signature, header, hashList.write(headerProof), replyId);
}

/** Marks the reply for an audit, independent of the beacon's draw. */
export function forceAudit(store: Store, replyId: Uint8Array): void {
  store
    .prepare(
      "UPDATE replies SET forced = 1 WHERE reply_id = ? AND state IN ('admitted', 'recorded', 'auditing', 'waiting')",
    )
    .run(replyId);
}

export function beginAudit(
  store: Store,
  replyId: Uint8Array,
  beaconEpoch: bigint,
  { deadlineMs, askAtMs }: { deadlineMs: number; askAtMs: number },
): void {
  store
    .prepare(
      `UPDATE replies SET state = 'auditing', beacon_epoch = ?, deadline = ?, ask_at = ?
       WHERE reply_id = ? AND state = 'recorded'`,
    )
    .run(beaconEpoch, deadlineMs, askAtMs, replyId);
}

/**
 * Stores the opening. The time of verifiers starts now, even after a late opening.
 * @param texts if the provider had handed the reply in without them.
 */
export function keepOpening(
  store: Store,
  replyId: Uint8Array,
  opening: Uint8Array,
  { deadlineMs, texts }: { readonly deadlineMs: number; readonly texts: ReplyTexts | undefined },
): void {
  store
    .prepare(
      `UPDATE replies SET opening = ?1, deadline = ?2, ask_at = ask_at + ?2 - deadline,
       request = coalesce(request, ?4), response = coalesce(response, ?5)
       WHERE reply_id = ?3 AND state = 'auditing'`,
    )
    .run(opening, deadlineMs, replyId, texts?.request ?? null, texts?.response ?? null);
  forgetAsks(store, replyId);
}

/** @param drift policy for the weights of candidates and for their reports. */
export function keepCandidates(store: Store, replyId: Uint8Array, candidates: Uint8Array, drift: Uint8Array): void {
  store
    .prepare(
      `UPDATE replies SET candidates = ?, drift = ? WHERE reply_id = ? AND state = 'auditing' AND candidates IS NULL`,
    )
    .run(candidates, drift, replyId);
}

/** Stores the payer's measurement. The first one counts. */
export function keepObserved(store: Store, replyId: Uint8Array, observedMs: number): void {
  store
    .prepare('UPDATE replies SET observed_ms = ? WHERE reply_id = ? AND observed_ms IS NULL')
    .run(observedMs, replyId);
}
