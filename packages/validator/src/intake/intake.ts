import type { Caller } from '@ogong/host/link/link-door';
import { Refusal } from '@ogong/host/link/link-error';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import { type NamedOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { SignedValidatorSealKey } from '@ogong/protocol/sealing/validator-seal-key';
import { ClaimError, type HandedReply, type Submission } from '@ogong/protocol/verdict/claim';
import { JudgeError } from '@ogong/protocol/verdict/judgement';
import { AdmissionError } from '../store/admission-store.ts';
import { acceptAnnouncement } from './accept-announcement.ts';
import { acceptDelivery, type DeliveryAnswer } from './accept-delivery.ts';
import { acceptMilestone, acceptSealedPart, type ClaimedPart } from './accept-milestone.ts';
import { type Acknowledgement, acceptRecord, checkSubmission, readIntake } from './accept-record.ts';
import { type AgreedOrder, admitOrder } from './admit-order.ts';
import { type Complaint, type ComplaintOutcome, complain } from './complaint.ts';
import { hearDelivery, type ToldReply } from './hear-delivery.ts';
import { type IntakeDependencies, type IntakeOptions, type IntakeState, openIntakeState } from './intake-state.ts';

export interface Intake {
  /** @param caller who brings it. @returns this validator's word for it. @throws Refusal */
  admit(order: AgreedOrder, caller?: Caller): Promise<SignedAdmission>;
  /** @throws Refusal */
  pushRecord(submission: HandedReply): Promise<Acknowledgement>;
  /** The same of a reply that its provider showed when it was asked for. @throws Refusal */
  takeIn(submission: HandedReply): Promise<Acknowledgement>;
  /** The milestone of an order that is over. */
  takePassed(submission: HandedReply): Promise<Acknowledgement>;
  /** What a provider had committed to when it died, from its payer. @throws Refusal */
  pushMilestone(submission: Submission, opening: Uint8Array): Promise<void>;
  /** The same of a sealed reply: its texts and its opening come sealed to this validator. @throws Refusal */
  pushSealedPart(claimed: ClaimedPart, envelope: Uint8Array): Promise<void>;
  /** What this validator says of the key that parts are sealed to now. */
  showSealKey(): Promise<SignedValidatorSealKey>;
  /** All that a reply has to hold, whoever handles it. @throws Refusal, ClaimError, ProtocolError */
  checkSubmission(order: NamedOrder, submission: HandedReply): Promise<unknown>;
  /** What a payer says, about a reply of this validator or of another one. @param caller who brings it. @throws Refusal */
  acknowledge(told: ToldReply, caller?: Caller): Promise<DeliveryAnswer>;
  /** This validator's word for a record that it has taken in; undefined where it has none. */
  findIntake(replyId: Uint8Array): Promise<Acknowledgement | undefined>;
  /** @throws Refusal */
  complain(complaint: Complaint): Promise<ComplaintOutcome>;
  /** @param caller certificate that it comes under. @throws Refusal */
  announce(signed: SignedAnnouncement, caller: Uint8Array): Promise<void>;
}

/** Takes orders, records, complaints and announcements in. Each is checked, stored and acknowledged, in this order. */
export function createIntake(options: IntakeOptions, dependencies: IntakeDependencies): Intake {
  const state = openIntakeState(options, dependencies);
  return {
    admit: (order, caller) => refusing(() => admitOrder(state, order, caller)),
    pushRecord: (submission) => refusing(() => acceptRecord(state, submission)),
    takeIn: (submission) => refusing(() => acceptRecord(state, submission, { isShown: true })),
    takePassed: (submission) => refusing(() => acceptRecord(state, submission, { isShown: true, isPassed: true })),
    pushMilestone: (submission, opening) => refusing(() => acceptMilestone(state, submission, opening)),
    pushSealedPart: (claimed, envelope) => refusing(() => acceptSealedPart(state, claimed, envelope)),
    showSealKey: () => state.sealKeys.current(),
    checkSubmission: (order, submission) => checkSubmission(state, order, submission),
    acknowledge: (told, caller) => refusing(() => acknowledge(state, told, caller)),
    findIntake: (replyId) => readIntake(state, replyId),
    complain: (complaint) => refusing(() => complain(state, complaint)),
    announce: (signed, caller) => acceptAnnouncement(state, signed, caller),
  };
}

/** Of a reply: what is said of the next one, twice where its record comes later, and questions about this one's verdict. */
const CALLS_OF_A_DELIVERY = 8;

async function acknowledge(state: IntakeState, told: ToldReply, caller: Caller | undefined): Promise<DeliveryAnswer> {
  const { validator } = parseOrder(told.order.order);
  const isOwn = equalBytes(validator, state.verdicts.validator);
  const answer = await (isOwn ? acceptDelivery(state, told) : hearDelivery(state, told));
  if (caller !== undefined && answer.isNew) state.earn?.(caller, CALLS_OF_A_DELIVERY);
  return answer;
}

/** Turns an expected error into a Refusal that the peer may read. */
export async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ClaimError || error instanceof ProtocolError || error instanceof JudgeError) {
      throw new Refusal('invalid', `${error.code}: ${error.message}`);
    }
    if (error instanceof AdmissionError) {
      throw new Refusal(error.code === 'conflict' ? 'conflict' : 'precondition', `${error.code}: ${error.message}`);
    }
    throw error;
  }
}
