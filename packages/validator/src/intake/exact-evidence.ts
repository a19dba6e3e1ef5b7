import { type BoundRecord, verifySignedRecord } from '@ogong/protocol/verdict/claim';
import type { Evidence } from '@ogong/protocol/verdict/evidence';
import { judge } from '@ogong/protocol/verdict/judge';
import { JudgeError } from '@ogong/protocol/verdict/judgement';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { correctReply } from '../store/replies/correction-store.ts';
import { attachRecord } from '../store/replies/reply-changes.ts';
import { type HandledReply, readOrder } from '../store/replies/reply-store.ts';
import { decideReply } from '../store/verdict-store.ts';
import type { IntakeState } from './intake-state.ts';

/** Opens a reply by the record that its provider signed for this order. Undefined if the bytes are no opening. @throws ClaimError */
export function openSigned(
  { crypto }: Pick<IntakeState, 'crypto'>,
  row: HandledReply,
  { signed, opening }: { readonly signed: BoundRecord; readonly opening: Uint8Array },
): OpenedReply | undefined {
  return openReply(crypto, verifySignedRecord(crypto, readOrder(row), signed), opening);
}

/**
 * Rejects a reply on exact evidence. If the reply has its verdict already, a separate entry ejects the provider.
 * @param signed the record of the evidence. It is stored if only the payer's side brought it.
 * @param opened the reply as `openSigned` opened it by this record, so that stage 1 does not run again.
 * @throws JudgeError, ClaimError if it proves nothing.
 */
export async function decideExact(
  {
    crypto,
    clock,
    group,
    verdicts,
    onVerdict,
  }: Pick<IntakeState, 'crypto' | 'clock' | 'group' | 'verdicts' | 'onVerdict'>,
  row: HandledReply,
  signed: BoundRecord,
  evidence: Evidence,
  opened?: OpenedReply,
): Promise<void> {
  const order = readOrder(row);
  const record = opened?.record ?? verifySignedRecord(crypto, order, signed);
  const judgement = judge(
    crypto,
    { claim: { order, record }, signed, validator: verdicts.validator, draw: undefined, allowFixedVerifier: false },
    evidence,
    opened,
  );
  if (judgement.verdict !== 'reject' || judgement.evidence !== 'exact') {
    throw new JudgeError('proves-nothing', 'the opening is consistent with the record');
  }
  const entry = await group.write((db) => {
    attachRecord(db, row.replyId, signed);
    const nowMs = clock.nowMs();
    const decision = { judgement, evidence, beaconEpoch: row.beaconEpoch ?? 0n };
    const decided = decideReply(db, verdicts, { replyId: row.replyId, decision, nowMs });
    return decided ?? correctReply(db, verdicts, { row, signed, decision, nowMs });
  });
  if (entry) onVerdict(entry);
}

/** @throws ClaimError if the second record is not this provider's, or is about another order. */
export async function upholdEquivocation(
  state: IntakeState,
  row: HandledReply & { readonly signedRecord: BoundRecord },
  { record, signature, header, headerProof }: BoundRecord,
): Promise<void> {
  const { signedRecord: first } = row;
  await decideExact(state, row, first, {
    kind: 'equivocation',
    first: { header: first.header, headerProof: first.headerProof },
    second: { record, signature, header, headerProof },
  });
}
