import { Refusal } from '@ogong/host/link/link-error';
import type { OrderKeyView } from '@ogong/host/views/order-keys';
import { computeWitnessEpoch, drawWitnesses } from '@ogong/protocol/audit/witness-draw';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { EpochMember } from '@ogong/protocol/beacon/validator-set';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { type LedgerDomain, type NamedOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { verifyConsent } from '@ogong/protocol/exchange/order-consent';
import { hashJobRound } from '@ogong/protocol/exchange/round-signature';
import { hashAskedJob, hashAskedReport } from '@ogong/protocol/exchange/silence';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { hashScoreInputs, MAX_ROUND, type ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import { mayShowTexts } from '@ogong/protocol/tier/outcome';
import { openBoundRecord, verifySignedOrder } from '@ogong/protocol/verdict/claim';
import { findCommitmentProblem } from '@ogong/protocol/verdict/report-check';
import type { Statement } from '@ogong/protocol/verdict/witnessed';
import type { Contested } from '../audit/audit-state.ts';
import { countInquiries, type Question, readInquiry } from '../store/witness-store.ts';
import type { Inquirer, InquirerDependencies, ReplyPart, WitnessQuestion } from './inquirer.ts';

/** A handling validator's question to its witnesses. */
export type WitnessAsk =
  | Exclude<Contested, { readonly asked: 'report' }>
  | (Extract<Contested, { readonly asked: 'report' }> & { readonly word: Uint8Array });

export type WitnessAnswer =
  | { readonly kind: 'waiting' }
  | ({ readonly kind: 'silence' } & Omit<Statement, 'place'>)
  | ReplyPart;

export interface WitnessState extends Pick<InquirerDependencies, 'crypto' | 'clock' | 'store'> {
  readonly ledger: LedgerDomain;
  readonly signer: ValidatorSigner;
  readonly inquirer: Inquirer;
  /** Tells whether the order's validator has signed for a round (round-signature.ts). */
  readonly isOwnRound: InquirerDependencies['isOwnRound'];
  /** Tells whether it has signed for a record (accepted-record.ts). */
  readonly isTaken: InquirerDependencies['isTaken'];
  /** Reads if a key signs orders for their payer. Default: only payers' own keys count. */
  readonly learnOrderKey?: OrderKeyView['learn'] | undefined;
  /** Returns the value of an epoch's beacon. */
  readonly findBeacon: (epoch: bigint) => Promise<{ readonly value: Uint8Array } | undefined>;
  /** Returns the validators of an epoch. */
  readonly findMembers: (epoch: bigint) => Promise<readonly EpochMember[] | undefined>;
}

/** Most open questions of one validator: more than the slots of a provider, which may vanish at once. */
const MAX_OPEN = 4_096;
const NO_SUBJECT = new Uint8Array(32);

/**
 * Reads the question from signed data. It parses the request of a job.
 * @param order default: that of the question, whose signature is verified. @throws ClaimError, ProtocolError, Refusal
 */
export function readQuestion(
  { crypto, ledger }: Pick<WitnessState, 'crypto' | 'ledger'>,
  ask: WitnessAsk,
  order: NamedOrder = verifySignedOrder(crypto, ledger, ask.order),
): WitnessQuestion {
  const { replyId, orderHash, validator, providerId: target, expiresAtMs } = order;
  const shared = { ...{ validator, replyId, orderHash, target }, expiresAtMs: Number(expiresAtMs) };
  if (ask.asked === 'commitment') {
    const { verifierId, keyHash, job } = ask;
    const inputsHash = hashScoreInputs(crypto, { ...job, requestHash: hashJobRequest(crypto, job) });
    const subject = hashAskedJob(crypto, { jobId: job.jobId, keyHash, inputsHash });
    return {
      question: { ...shared, asked: 'commitment', target: verifierId, subject },
      order,
      asked: 'commitment',
      job,
      keyHash,
    };
  }
  if (ask.asked === 'report') return readReportQuestion(crypto, ask, { order, shared });
  if (ask.asked === 'opening') {
    const { record, header } = openBoundRecord(crypto, order, ask.bound);
    if (!mayShowTexts(header.tier))
      throw new Refusal('precondition', `no witness asks for an opening of tier ${header.tier}`);
    const subject = hashRecord(crypto, ask.bound.record);
    const texts = ask.intake && { texts: { claim: { order, record, header }, intake: ask.intake } };
    return {
      question: { ...shared, asked: 'opening', subject },
      order,
      asked: 'opening',
      record,
      rows: ask.rows,
      ...texts,
    };
  }
  if (!verifyConsent(crypto, ask.consent, order)) {
    throw new Refusal('invalid', 'the provider has not agreed to this order');
  }
  return { question: { ...shared, asked: 'record', subject: NO_SUBJECT }, order, asked: 'record' };
}

/** @throws Refusal */
function readReportQuestion(
  crypto: WitnessState['crypto'],
  ask: Extract<WitnessAsk, { readonly asked: 'report' }>,
  { order, shared }: { readonly order: NamedOrder; readonly shared: Omit<Question, 'asked' | 'subject'> },
): WitnessQuestion {
  const { verifierId: target, keyHash, jobId, inputsHash, committed, round } = ask;
  const isRound = round.length <= MAX_ROUND && round.some((digest) => equalBytes(digest, committed.digest));
  const problem = isRound
    ? findCommitmentProblem(crypto, { jobId, keyHash, committed })
    : 'the round does not name the commitment';
  if (problem !== undefined) throw new Refusal('invalid', problem);
  const job = hashAskedJob(crypto, { jobId, keyHash, inputsHash });
  const subject = hashAskedReport(crypto, { job, round: hashJobRound(crypto, { jobId, round }) });
  return { ...ask, question: { ...shared, asked: 'report', target, subject }, order };
}

/** @throws Refusal */
function hashJobRequest(crypto: WitnessState['crypto'], { endpoint, request }: ScoreJobMessage): Uint8Array {
  try {
    return hashRequest(crypto, endpoint, request);
  } catch (cause) {
    if (cause instanceof RequestError) throw new Refusal('invalid', 'the request of the job cannot be read');
    throw cause;
  }
}

/**
 * Answers a validator for which the beacon draws this one as a witness, with the result of its own question. A
 * statement of silence is on the disk before it is signed.
 * @param from the validator that asks. @throws Refusal, ClaimError, ProtocolError
 */
export async function answerWitness(state: WitnessState, from: Uint8Array, ask: WitnessAsk): Promise<WitnessAnswer> {
  const { store, ledger, signer, inquirer } = state;
  assertOfCaller(state, from, ask);
  await state.learnOrderKey?.(ask.order);
  const order = verifySignedOrder(state.crypto, ledger, ask.order);
  await assertDrawn(state, ask, order);
  const asked = readQuestion(state, ask, order);
  const { question } = asked;
  if (asked.asked === 'report' && !(await state.isOwnRound(order, asked))) {
    throw new Refusal('invalid', 'the validator has not signed for this round');
  }
  if (ask.asked === 'opening' && ask.intake !== undefined) {
    // A provider shows its texts only with the receipt. Without one its refusal says nothing.
    const isTaken = await state.isTaken(order, { recordHash: question.subject, intake: ask.intake });
    if (!isTaken) throw new Refusal('invalid', 'the validator has not signed for this record');
  }
  const known = store.read(() => ({ inquiry: readInquiry(store, question), open: countInquiries(store, from) }));
  if (
    !equalBytes(known.inquiry.orderHash, question.orderHash) ||
    !equalBytes(known.inquiry.subject, question.subject)
  ) {
    throw new Refusal('conflict', 'another order or record of this reply was asked about');
  }
  if (known.inquiry.asks === 0 && known.open >= MAX_OPEN) throw new Refusal('unavailable', 'too many open questions');
  const answer = await inquirer.ask(asked);
  if (answer.kind !== 'silent') return answer;
  const { isRefused, epoch, timeMs } = answer;
  const { validator, orderHash, target, subject, asked: what } = question;
  const signature = await signer.sign({
    ...{ kind: 'silence', domain: ledger, witness: signer.address, validator, orderHash, target, subject, asked: what },
    ...{ isRefused, epoch, timeMs },
  });
  return { kind: 'silence', isRefused, epoch, timeMs, signature };
}

/**
 * Checks the order's own fields before its signatures, which cost a hundred times more. @throws Refusal, ProtocolError
 */
function assertOfCaller({ clock }: Pick<WitnessState, 'clock'>, from: Uint8Array, ask: WitnessAsk): void {
  const { validator, expiresAtMs } = parseOrder(ask.order.order);
  if (!equalBytes(validator, from)) throw new Refusal('precondition', 'the order names another validator');
  if (ask.asked === 'record' && clock.nowMs() <= Number(expiresAtMs)) {
    throw new Refusal('precondition', 'the order has not expired yet');
  }
}

/** @throws Refusal unless the beacon draws this validator as a witness. */
async function assertDrawn(
  { crypto, signer, findBeacon, findMembers }: WitnessState,
  ask: WitnessAsk,
  order: NamedOrder,
): Promise<void> {
  const epoch = computeWitnessEpoch(order.epoch);
  const [beacon, members] = await Promise.all([findBeacon(epoch), findMembers(epoch)]);
  if (beacon === undefined || members === undefined) {
    throw new Refusal('unavailable', `beacon or validators of epoch ${epoch} are not known here`);
  }
  const { replyId, validator, providerId } = order;
  const target = 'verifierId' in ask ? ask.verifierId : providerId;
  const draw = { replyId, validator, target, asked: ask.asked, beacon: beacon.value };
  const drawn = drawWitnesses(crypto, draw, members);
  if (drawn.some(({ address }) => equalBytes(address, signer.address))) return;
  throw new Refusal('precondition', 'the beacon did not draw this validator as a witness');
}
