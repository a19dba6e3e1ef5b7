import { Refusal } from '@ogong/host/link/link-error';
import { findAdmissionProblem, type SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { SignedDelivery } from '@ogong/protocol/exchange/delivery';
import { MAX_ORDER_LIFETIME_MS, OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { verifySignedOrder } from '@ogong/protocol/verdict/claim';
import { type DeliveredReply, verifyDelivery } from '@ogong/protocol/verdict/delivered-record';
import { countHeard, keepHeard, readHeard } from '../store/replies/heard-store.ts';
import { type DeliveryAnswer, signHeld } from './accept-delivery.ts';
import type { IntakeState } from './intake-state.ts';

/** What is kept of payers until their replies have settled: some 6 KB each. */
export interface HeardLimits {
  /** As many as a payer may have open at one validator. */
  readonly ofPayer: number;
  /**
   * In all. Where they are full, a validator still has its share: this number by how many validators there are. So nobody fills the
   * places of others with orders of its own making, and twice as many are kept at most.
   */
  readonly all: number;
}

export const HEARD_LIMITS: HeardLimits = { ofPayer: 4_096, all: 32_768 };

/** A payer's word about a reply that another validator handles, with that validator's word that the order is paid for. */
export interface ToldReply extends DeliveredReply {
  /** By the payer's own clock; 0 or absent where it did not measure. */
  readonly tookMs?: number;
  readonly admission?: SignedAdmission | undefined;
}

type HearState = Pick<
  IntakeState,
  'crypto' | 'ledger' | 'clock' | 'signer' | 'store' | 'group' | 'chain' | 'heardLimits' | 'learnOrderKey'
>;

/**
 * Keeps what a payer says that it was given by somebody else's provider, so that the handling validator cannot hide it
 * (docs/spec/delivery.md). No chain is read for it: the handling validator has signed that the payer's channel pays for the order.
 * @returns that it is kept, with this validator's word for it. @throws Refusal, ClaimError, ProtocolError
 */
export async function hearDelivery(state: HearState, told: ToldReply): Promise<DeliveryAnswer> {
  const { order: signed, delivery, bound, admission } = told;
  const { crypto, ledger, clock, store, group, chain, heardLimits = HEARD_LIMITS } = state;
  await state.learnOrderKey?.(signed);
  const order = verifySignedOrder(crypto, ledger, signed);
  const leftMs = Number(order.expiresAtMs) - clock.nowMs();
  if (leftMs < -OPENING_KEPT_MS) throw new Refusal('precondition', 'the order expired too long ago');
  if (leftMs > MAX_ORDER_LIFETIME_MS) throw new Refusal('invalid', 'the order expires too far ahead');
  const handling = chain.recallByAddress(order.validator);
  if (handling === undefined) throw new Refusal('precondition', 'the order names nobody who is a validator');
  if (admission === undefined) throw new Refusal('invalid', "the admission of the order's validator is missing");
  const signingKeys = [handling.signingKey];
  const problem = findAdmissionProblem(crypto, { ledger, order, signingKeys }, admission);
  if (problem !== undefined) throw new Refusal('invalid', problem);
  const { validator, replyId, payer } = order;
  const answer = async (kept: SignedDelivery | undefined, isNew: boolean): Promise<DeliveryAnswer> => ({
    ...{ outcome: 'heard', isNew },
    held: await signHeld(state, kept, told),
  });
  const known = store.read(() => readHeard(store, order));
  if (known !== undefined) {
    await group.synced();
    return answer(known.signed, false);
  }
  verifyDelivery(crypto, { ledger, order }, { ...delivery, bound });
  const reply = { validator, replyId, payer, expiresAtMs: Number(order.expiresAtMs) };
  const kept = await group.write((db) => {
    const { ofPayer, ofValidator, all } = countHeard(db, order);
    const share = heardLimits.all / Math.max(1, chain.validators().length);
    if (ofPayer >= heardLimits.ofPayer || (all >= heardLimits.all && ofValidator >= share)) return undefined;
    keepHeard(db, reply, { signed: delivery, bound });
    return readHeard(db, order)?.signed;
  });
  if (kept === undefined)
    throw new Refusal('unavailable', 'too many replies are waiting to be settled here; tell it later');
  return answer(kept, true);
}
