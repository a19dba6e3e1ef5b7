import { Refusal } from '@ogong/host/link/link-error';
import type { Store } from '@ogong/host/store/store';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { type Delivery, hashDelivery, parseDelivery, type SignedDelivery } from '@ogong/protocol/exchange/delivery';
import type { IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import { isEpochNear } from '@ogong/protocol/exchange/limits';
import { type NamedOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { findHeaderModality } from '@ogong/protocol/modality/registry';
import { type BoundRecord, ClaimError } from '@ogong/protocol/verdict/claim';
import {
  assertDeliveredRecord,
  assertDeliveredTokens,
  type DeliveredReply,
  verifyDelivery,
  verifySignedDelivery,
} from '@ogong/protocol/verdict/delivered-record';
import { movesDecision, putDelivery, readDelivery } from '../store/replies/delivery-store.ts';
import { keepObserved } from '../store/replies/reply-changes.ts';
import { type HandledReply, readHandled, readOrder } from '../store/replies/reply-store.ts';
import { findAdmitted, signAccepted } from './accept-record.ts';
import { upholdEquivocation } from './exact-evidence.ts';
import type { IntakeState } from './intake-state.ts';

/**
 * `taken`: the audit is about this record. `awaited`: so it is, and the provider has not handed the record in yet.
 * `late`: the audit is drawn already. `contradicted`: the provider has also signed another record for this order, and
 * is rejected for it. `heard`: another validator handles the reply, and this one stores the delivery as a second
 * recipient.
 */
export type DeliveryOutcome = 'taken' | 'awaited' | 'late' | 'contradicted' | 'heard';

export interface DeliveryAnswer {
  readonly outcome: DeliveryOutcome;
  /** This validator's receipt, if it has accepted the payer's record. */
  readonly intake?: IntakeSignature | undefined;
  /** This validator's signed confirmation, 65 bytes, if it stores exactly this delivery. */
  readonly held?: Uint8Array | undefined;
  /** True for the first delivery of its reply. */
  readonly isNew: boolean;
}

/**
 * Accepts a payer's delivery: it is checked, stored durably and acknowledged, in this order (docs/spec/delivery.md).
 * Only records that the provider has signed count, so a payer cannot invent one.
 * @throws Refusal, ClaimError, ProtocolError
 */
export async function acceptDelivery(
  state: IntakeState,
  delivered: DeliveredReply & { readonly tookMs?: number },
): Promise<DeliveryAnswer> {
  const { archive, group } = state;
  const row = findAdmitted(state, delivered);
  const { epoch } = await verifyPayers(state, row, delivered);
  const latest = archive.latest().epoch;
  if (epoch > latest && !isEpochNear(epoch, latest)) {
    throw new Refusal('unavailable', `a delivery of epoch ${epoch} in epoch ${latest}`);
  }
  const kept = await group.write((db) => {
    const { tookMs = 0 } = delivered;
    if (tookMs > 0) keepObserved(db, row.replyId, tookMs);
    const done = keepDelivery(db, { row, delivered, latest: archive.latest().epoch });
    // The signed rows are read here. They are on the disk with this write. Rows that other calls write meanwhile may
    // not be.
    return { ...done, signed: readDelivery(db, row.replyId)?.signed, taken: readHandled(db, row.replyId) };
  });
  if (kept.contradicts === undefined) {
    const { outcome, signed, taken } = kept;
    const isKept = outcome === 'taken' || outcome === 'awaited';
    const held = isKept ? await signStoredDelivery(state, signed, delivered) : undefined;
    return { outcome, intake: await signAccepted(state, taken), held, isNew: kept.isNew };
  }
  await upholdEquivocation(state, { ...row, signedRecord: kept.contradicts }, delivered.bound);
  return { outcome: 'contradicted', isNew: false };
}

/**
 * Signs a confirmation that this validator stores a delivery; none for another one than the first. @param kept is on
 * the disk.
 */
export async function signStoredDelivery(
  { crypto, ledger, signer }: Pick<IntakeState, 'crypto' | 'ledger' | 'signer'>,
  kept: SignedDelivery | undefined,
  { delivery: signed }: Pick<DeliveredReply, 'delivery'>,
): Promise<Uint8Array | undefined> {
  if (kept === undefined || !equalBytes(kept.delivery, signed.delivery)) return undefined;
  const delivery = hashDelivery(crypto, ledger, parseDelivery(kept.delivery));
  return signer.sign({ kind: 'held', domain: ledger, validator: signer.address, delivery });
}

/**
 * Verifies the payer's signature. A validator that restarted since it admitted the order knows no delegated key of its
 * payer. @throws ClaimError
 */
async function verifyPayers(state: IntakeState, row: HandledReply, delivered: DeliveredReply): Promise<Delivery> {
  try {
    return verifyDelivered(state, row, delivered);
  } catch (error) {
    if (state.learnOrderKey === undefined || !(error instanceof ClaimError)) throw error;
    await state.learnOrderKey({ order: row.orderBytes, signature: row.orderSignature });
    return verifyDelivered(state, row, delivered);
  }
}

/** Verifies delivery and record. The signatures of a known record were checked when it came. @throws ClaimError */
function verifyDelivered(
  { crypto, ledger }: Pick<IntakeState, 'crypto' | 'ledger'>,
  row: HandledReply,
  { delivery: signed, bound }: DeliveredReply,
): Delivery {
  const order: NamedOrder = readOrder(row);
  const here = row.signedRecord;
  if (here === undefined || !equalBytes(here.record, bound.record)) {
    return verifyDelivery(crypto, { ledger, order }, { ...signed, bound });
  }
  const delivery = verifySignedDelivery(crypto, { ledger, order }, signed);
  assertDeliveredRecord(crypto, delivery, here);
  const modality = findHeaderModality(here.header);
  if (modality === undefined)
    throw new ClaimError('malformed', 'this version does not know the modality of the header');
  assertDeliveredTokens(delivery, modality.parseHeader(here.header));
  return delivery;
}

type Kept =
  | { readonly outcome: DeliveryOutcome; readonly isNew: boolean; readonly contradicts?: undefined }
  | { readonly contradicts: BoundRecord };

/** Call it inside one transaction. */
function keepDelivery(
  store: Store,
  {
    row,
    delivered,
    latest,
  }: { readonly row: HandledReply; readonly delivered: DeliveredReply; readonly latest: bigint },
): Kept {
  const { delivery: signed, bound } = delivered;
  const { replyId, orderBytes } = row;
  const { state, signedRecord, intakeEpoch } = readHandled(store, replyId) as HandledReply;
  const known = readDelivery(store, replyId);
  const other = signedRecord ?? known?.awaited;
  if (other && !equalBytes(other.record, bound.record)) return { contradicts: other };
  if (signedRecord === undefined) {
    if (state !== 'admitted') return { outcome: 'late', isNew: false };
    putDelivery(store, replyId, { signed, awaited: bound });
    return { outcome: 'awaited', isNew: known === undefined };
  }
  if (known) return { outcome: 'taken', isNew: false };
  // Once the deciding beacon is known, a selection may be running. It must use the same epochs as co-signers will.
  const epochs = { orderEpoch: parseOrder(orderBytes).epoch, intakeEpoch: intakeEpoch ?? latest };
  const isDrawn = state !== 'recorded' || computeDecidingEpoch(epochs).epoch <= latest;
  if (isDrawn || movesDecision(parseDelivery(signed.delivery), epochs)) return { outcome: 'late', isNew: false };
  putDelivery(store, replyId, { signed, awaited: undefined });
  return { outcome: 'taken', isNew: true };
}
