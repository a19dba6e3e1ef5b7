import { Refusal } from '@ogong/host/link/link-error';
import { findAdmissionProblem, type SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { SignedDelivery } from '@ogong/protocol/exchange/delivery';
import { MAX_ORDER_LIFETIME_MS, OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { verifySignedOrder } from '@ogong/protocol/verdict/claim';
import { type DeliveredReply, verifyDelivery } from '@ogong/protocol/verdict/delivered-record';
import {
  countSecondDeliveries,
  keepSecondDelivery,
  readSecondDelivery,
} from '../store/replies/second-delivery-store.ts';
import { type DeliveryAnswer, signStoredDelivery } from './accept-delivery.ts';
import type { IntakeState } from './intake-state.ts';

/** Limits for stored deliveries of other validators' replies, some 6 KB each. */
export interface SecondDeliveryLimits {
  /** For one payer: as many as it may have open at one validator. */
  readonly ofPayer: number;
  /**
   * For all payers. If they are full, each handling validator still has its share: this number divided by the number of
   * validators. So no payer can use up the room of other validators, and twice as many are stored at most.
   */
  readonly all: number;
}

export const SECOND_DELIVERY_LIMITS: SecondDeliveryLimits = { ofPayer: 4_096, all: 32_768 };

/** A payer's delivery of a reply that another validator handles, with that validator's admission of the order. */
export interface SubmittedDelivery extends DeliveredReply {
  /** Duration of the reply by the payer's clock; 0 or absent if not measured. */
  readonly tookMs?: number;
  readonly admission?: SignedAdmission | undefined;
}

type SecondRecipientState = Pick<
  IntakeState,
  'crypto' | 'ledger' | 'clock' | 'signer' | 'store' | 'group' | 'chain' | 'secondDeliveryLimits' | 'learnOrderKey'
>;

/**
 * Stores a payer's delivery of a reply that another validator handles, so that the handling validator cannot hide it
 * (docs/spec/delivery.md). No reading of the chain is needed: the handling validator has signed that the payer's
 * channel covers the order.
 * @returns this validator's signed confirmation that it is stored. @throws Refusal, ClaimError, ProtocolError
 */
export async function acceptSecondDelivery(
  state: SecondRecipientState,
  told: SubmittedDelivery,
): Promise<DeliveryAnswer> {
  const { order: signed, delivery, bound, admission } = told;
  const { crypto, ledger, clock, store, group, chain, secondDeliveryLimits = SECOND_DELIVERY_LIMITS } = state;
  await state.learnOrderKey?.(signed);
  const order = verifySignedOrder(crypto, ledger, signed);
  const leftMs = Number(order.expiresAtMs) - clock.nowMs();
  if (leftMs < -OPENING_KEPT_MS) throw new Refusal('precondition', 'the order expired too long ago');
  if (leftMs > MAX_ORDER_LIFETIME_MS) throw new Refusal('invalid', 'the order expires too far ahead');
  const handling = chain.recallByAddress(order.validator);
  if (handling === undefined) throw new Refusal('precondition', 'the order names no registered validator');
  if (admission === undefined) throw new Refusal('invalid', "the admission of the order's validator is missing");
  const signingKeys = [handling.signingKey];
  const problem = findAdmissionProblem(crypto, { ledger, order, signingKeys }, admission);
  if (problem !== undefined) throw new Refusal('invalid', problem);
  const { validator, replyId, payer } = order;
  const answer = async (kept: SignedDelivery | undefined, isNew: boolean): Promise<DeliveryAnswer> => ({
    ...{ outcome: 'heard', isNew },
    held: await signStoredDelivery(state, kept, told),
  });
  const known = store.read(() => readSecondDelivery(store, order));
  if (known !== undefined) {
    await group.synced();
    return answer(known.signed, false);
  }
  verifyDelivery(crypto, { ledger, order }, { ...delivery, bound });
  const reply = { validator, replyId, payer, expiresAtMs: Number(order.expiresAtMs) };
  const kept = await group.write((db) => {
    const { ofPayer, ofValidator, all } = countSecondDeliveries(db, order);
    const share = secondDeliveryLimits.all / Math.max(1, chain.validators().length);
    if (ofPayer >= secondDeliveryLimits.ofPayer || (all >= secondDeliveryLimits.all && ofValidator >= share))
      return undefined;
    keepSecondDelivery(db, reply, { signed: delivery, bound });
    return readSecondDelivery(db, order)?.signed;
  });
  if (kept === undefined)
    throw new Refusal('unavailable', 'too many deliveries are stored here until their replies settle; send it later');
  return answer(kept, true);
}
