import type { Caller } from '@ogong/host/link/link-admission';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import { type NamedOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { SignedValidatorSealKey } from '@ogong/protocol/sealing/validator-seal-key';
import { type EndedOrder, type HandedReply, isEnded, type Submission } from '@ogong/protocol/verdict/claim';
import { acceptAnnouncement } from './accept-announcement.ts';
import { acceptDelivery, type DeliveryAnswer } from './accept-delivery.ts';
import { acceptEnd, assertEnd } from './accept-end.ts';
import { acceptMilestone, acceptSealedPart, type ClaimedPart } from './accept-milestone.ts';
import { type Acknowledgement, acceptRecord, checkSubmission, readIntake } from './accept-record.ts';
import { type AgreedOrder, admitOrder } from './admit-order.ts';
import { type Complaint, type ComplaintOutcome, complain } from './complaint.ts';
import { type IntakeDependencies, type IntakeOptions, type IntakeState, openIntakeState } from './intake-state.ts';
import { refusing } from './refusing.ts';
import { acceptSecondDelivery, type SubmittedDelivery } from './second-recipient.ts';

export interface Intake {
  /** @param caller the sender. @returns this validator's signed admission. @throws Refusal */
  admit(order: AgreedOrder, caller?: Caller): Promise<SignedAdmission>;
  /** Accepts a provider's record, or its statement that it ended the order. @throws Refusal */
  pushRecord(submission: HandedReply | EndedOrder): Promise<Acknowledgement>;
  /** Accepts the same after its provider has shown it to a witness. @throws Refusal */
  acceptShown(submission: HandedReply | EndedOrder): Promise<Acknowledgement>;
  /** Accepts the milestone of an expired order as its record. */
  acceptMilestoneRecord(submission: HandedReply): Promise<Acknowledgement>;
  /** Accepts the last commitment of a dead provider from its payer. @throws Refusal */
  pushMilestone(submission: Submission, opening: Uint8Array): Promise<void>;
  /** Accepts the milestone of a sealed reply, whose texts and opening are sealed to this validator. @throws Refusal */
  pushSealedPart(claimed: ClaimedPart, envelope: Uint8Array): Promise<void>;
  /** Returns the signed key to which parts are sealed now. */
  showSealKey(): Promise<SignedValidatorSealKey>;
  /** Checks a reply that any validator handles. @throws Refusal, ClaimError, ProtocolError */
  checkSubmission(order: NamedOrder, submission: HandedReply | EndedOrder): Promise<unknown>;
  /**
   * Accepts a payer's delivery of a reply that this validator or another one handles. @param caller the sender. @throws
   * Refusal
   */
  acknowledge(told: SubmittedDelivery, caller?: Caller): Promise<DeliveryAnswer>;
  /** Returns this validator's receipt for an accepted record; undefined if it accepted none. */
  findIntake(replyId: Uint8Array): Promise<Acknowledgement | undefined>;
  /** @throws Refusal */
  complain(complaint: Complaint): Promise<ComplaintOutcome>;
  /** @param caller hash of the sender's certificate. @throws Refusal */
  announce(signed: SignedAnnouncement, caller: Uint8Array): Promise<void>;
}

/** Accepts orders, records, complaints and announcements. Each is checked, stored and acknowledged, in this order. */
export function createIntake(options: IntakeOptions, dependencies: IntakeDependencies): Intake {
  const state = openIntakeState(options, dependencies);
  return {
    admit: (order, caller) => refusing(() => admitOrder(state, order, caller)),
    pushRecord: (handed) => refusing(() => accept(state, handed, { isShown: false })),
    acceptShown: (handed) => refusing(() => accept(state, handed, { isShown: true })),
    acceptMilestoneRecord: (submission) =>
      refusing(() => acceptRecord(state, submission, { isShown: true, isPassed: true })),
    pushMilestone: (submission, opening) => refusing(() => acceptMilestone(state, submission, opening)),
    pushSealedPart: (claimed, envelope) => refusing(() => acceptSealedPart(state, claimed, envelope)),
    showSealKey: () => state.sealKeys.current(),
    checkSubmission: async (order, handed) =>
      isEnded(handed) ? assertEnd(state, order, handed) : checkSubmission(state, order, handed),
    acknowledge: (told, caller) => refusing(() => acknowledge(state, told, caller)),
    findIntake: (replyId) => readIntake(state, replyId),
    complain: (complaint) => refusing(() => complain(state, complaint)),
    announce: (signed, caller) => acceptAnnouncement(state, signed, caller),
  };
}

const accept = (
  state: IntakeState,
  handed: HandedReply | EndedOrder,
  options: { readonly isShown: boolean },
): Promise<Acknowledgement> => (isEnded(handed) ? acceptEnd(state, handed) : acceptRecord(state, handed, options));

/**
 * Calls that one delivery earns: the next delivery, twice if its record comes later, and questions about this reply's
 * verdict.
 */
const CALLS_OF_A_DELIVERY = 8;

async function acknowledge(
  state: IntakeState,
  told: SubmittedDelivery,
  caller: Caller | undefined,
): Promise<DeliveryAnswer> {
  const { validator } = parseOrder(told.order.order);
  const isOwn = equalBytes(validator, state.verdicts.validator);
  const answer = await (isOwn ? acceptDelivery(state, told) : acceptSecondDelivery(state, told));
  if (caller !== undefined && answer.isNew) state.earn?.(caller, CALLS_OF_A_DELIVERY);
  return answer;
}
