import { LinkError, Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import type { RelayedLink } from '@ogong/host/link/reach/relay-wire';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { findAdmissionProblem, type SignedAdmission } from '@ogong/protocol/exchange/admission';
import { CLOCK_TOLERANCE_MS, MAX_ORDER_LIFETIME_MS, PROGRESS_STEP_BYTES } from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { OrderConsent } from '@ogong/protocol/exchange/order-consent';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import { mayShowTexts } from '@ogong/protocol/tier/outcome';
import { makeReplyEvidence } from '../../machine/reply-evidence.ts';
import type { AcceptedOrder, KeptBlob, ReplyEvent, ServeContext } from '../../modality/order-job.ts';
import { barePush } from '../bare-push.ts';
import { createEventSealer } from '../orders/sealed-order.ts';
import type { RunningStandby } from '../orders/untaken-orders.ts';
import type { Hold } from '../paid/receivables.ts';
import type { ProviderState } from '../provider-state.ts';
import { cutText } from './cut-text.ts';
import { createOrderEnding, type OrderEnding } from './order-ending.ts';

const ADMIT_TIMEOUT_MS = 10_000;
const NOTHING: Uint8Array = new Uint8Array();
/** Peer id of no certificate. */
const NOBODY: PeerId = new Uint8Array(32);

export interface ReplyReader {
  readonly consumer: PeerId;
  /** The address that it calls from, or its name. */
  readonly address: string;
  /** The relay between, if there is one. */
  readonly relayed?: RelayedLink | undefined;
  /** Called once its order is admitted, so that it may bring more orders. */
  readonly welcome: () => void;
  /** False once nobody reads any more. */
  readonly send: (event: ReplyEvent) => Promise<boolean>;
  /** Aborted once nobody reads any more. That ends no reply: a payer that wants no more of it signs so. */
  readonly gone: AbortSignal;
}

/** The part of serving that is the same for every modality. */
export function createServeContext(
  state: ProviderState,
  job: Pick<
    AcceptedOrder<unknown>,
    'order' | 'body' | 'media' | 'validator' | 'signedOrder' | 'ticket' | 'sealer' | 'claimed' | 'consent'
  > & {
    /** Room for the order in the payer's channel. */
    readonly hold: Hold;
    /** Present if its payer may leave the order untaken. Default: it may not. */
    readonly standby?: RunningStandby | undefined;
  },
  { consumer, welcome, send, gone }: ReplyReader,
): ServeContext & { readonly ending: OrderEnding } {
  const { crypto, clock, signer, getPayeeWord, openings, outbox, stopping, maxReplyMs } = state;
  const { replyId, validator, expiresAtMs } = job.order;
  // Soon after its order's expiry a reply counts as abandoned. So at the expiry the reply so far is committed, whether or not
  // the consumer has read it.
  const expired = AbortSignal.timeout(Math.max(1, Number(expiresAtMs) - clock.nowMs()));
  const blind = computeBlinds(crypto, { body: job.body, replyId }).answer;
  /** Whether validators may read the texts. If not, nothing on this disk contains them unless the consumer may ask for it. */
  const isShown = (): boolean => mayShowTexts(parseModelId(job.ticket.modelId).tier);
  // For the audit.
  const media = job.media.size > 0 && isShown() ? listMediaBlobs(crypto, job.media, blind) : [];
  const mediaSizes = media.map(({ ref }) => ref.bytes);
  if (media.length > 0) state.blobs.reserve(replyId, mediaSizes);
  const reply = state.replies.open(job.order, {
    consumer,
    blind,
    standby: job.standby && { gone, onTaken: job.standby.take },
  });
  /** Aborted once nobody reads, and nobody pays for further text. */
  const unpaid = new AbortController();
  const left = AbortSignal.any([reply.left, expired, unpaid.signal]);
  const over = AbortSignal.any([left, gone, reply.unwanted]);
  const ended = new Promise<false>((resolve) => over.addEventListener('abort', () => resolve(false), { once: true }));
  // Waits for the reader, but not after the reply is over: the slot must become free and the reply be committed.
  const sendPlain: ServeContext['send'] = (event) =>
    over.aborted ? Promise.resolve(false) : Promise.race([reply.readInTime(() => send(event)), ended]);
  const ending = createOrderEnding(state, job, sendPlain);
  let kept = NOTHING;
  const sealEvent = job.sealer && createEventSealer(job.sealer);
  /** A part of the text did not go out, so nothing about it does. */
  let isWithheld = false;
  const sendOne: ServeContext['send'] = async (event) => {
    let isRead = !isWithheld;
    if (event.event?.case === 'milestone') ending.showMilestone();
    if (isRead) for (const part of sealEvent?.(event, kept) ?? [event]) isRead &&= await sendPlain(part);
    return isRead;
  };
  const failed = AbortSignal.any([stopping.signal, AbortSignal.timeout(maxReplyMs)]);
  const waits = AbortSignal.any([over, failed]);
  let hasBegun = false;
  return {
    ending,
    ...{ crypto, clock, signer, payeeWord: getPayeeWord(), commit: state.commit },
    cohort: state.findAgreement?.(job.order.orderHash) ?? NOTHING,
    ...{ left, expired, unwanted: reply.unwanted, progress: reply.latest },
    begin() {
      hasBegun = true;
      reply.begin();
    },
    // A consumer that reads no more may still say so.
    waitForTake: () => reply.waitForTake(AbortSignal.any([left, failed])),
    send: sendOne,
    async sendText(text, tokens) {
      const pieces = cutText(text, PROGRESS_STEP_BYTES);
      let isRead = false;
      for (const [i, piece] of pieces.entries()) {
        isWithheld ||= !(await reply.waitToSend(piece, waits));
        if (gone.aborted && reply.isPastProgress()) unpaid.abort();
        const ends = i === pieces.length - 1;
        isRead = await sendOne({ event: { case: 'delta', value: { text: piece, tokens: ends ? tokens : [] } } });
      }
      return isRead;
    },
    failed,
    async admit(signal) {
      // If the order cannot be stored, it must not be admitted: it would count as abandoned.
      await job.claimed;
      ending.promise();
      const admission = await state.metrics.steps.run(replyId, 'have it admitted', () =>
        admitOrder(state, job, { signal, consent: job.consent, onRefused: ending.release }),
      );
      // Evidence may wait for the disk; the consumer does not wait for evidence.
      state.admissions
        .keep(job.order, job.signedOrder, admission)
        .catch((err: unknown) => state.log.error({ err }, 'an admission could not be kept'));
      state.served
        .begin(job.order, job.ticket.modelId, clock.nowMs())
        .catch((err: unknown) => state.log.error({ err }, 'an order could not be noted for the earnings'));
      welcome();
      return admission;
    },
    reserveBlobs: (sizes) => state.blobs.reserve(replyId, [...mediaSizes, ...sizes]),
    end() {
      state.blobs.release(replyId);
      const outcome = job.standby && hasBegun ? reply.outcome() : undefined;
      if (outcome) state.untaken.note(job.order, outcome);
      reply.end();
    },
    payers: state.payers,
    makeEvidence(record, exchange) {
      const { tier } = parseModelId(job.ticket.modelId);
      return makeReplyEvidence(state.machine, { tier, order: job.signedOrder.order, record, exchange });
    },
    async keep({ opening, blobs: own = [] }, push, { feeAtomic, owedAtomic = feeAtomic, isWithheld }) {
      kept = opening;
      // A sealed reply is opened in plain to no consumer: a carrier of the reply could ask in its place. Nor is what it does not pay.
      const opener = job.sealer || isWithheld ? NOBODY : consumer;
      const isReadable = isShown() || opener !== NOBODY;
      const openingExpiresAtMs = Number(expiresAtMs) + state.openingTtlMs;
      // Before the commit: no opening is kept whose blobs are not.
      const blobs = [...media, ...own];
      if (blobs.length > 0 && isReadable) {
        const orderer = isWithheld ? undefined : consumer;
        const refs = media.map(({ ref }) => ref);
        await state.blobs.put(replyId, { blobs, blind, expiresAtMs: openingExpiresAtMs, orderer, media: refs });
      }
      ending.keep();
      // One commit for all of it, and in this order: no record is due whose opening is not kept.
      await Promise.all([
        isReadable &&
          openings.put(replyId, {
            bytes: opening,
            consumer: opener,
            expiresAtMs: openingExpiresAtMs,
          }),
        outbox.add(replyId, validator, isShown() ? push : barePush(crypto, push)),
        job.hold.keep(owedAtomic),
        state.served.sign(replyId, feeAtomic),
      ]);
    },
  };
}

/** Makes blobs of the media of a request, in the order of their references. */
const listMediaBlobs = (crypto: Crypto, media: RequestMedia, blind: Uint8Array): readonly KeptBlob[] =>
  [...media.values()].map((bytes) => ({
    ref: { bytes: bytes.length, root: computeBlobRoot(crypto, blind, bytes) },
    bytes,
  }));

/**
 * Hands in the consent to the order, and asks its validator to reserve the fee.
 * @returns the validator's signed admission. @throws Refusal if it does not, or does not sign for it.
 */
export async function admitOrder(
  { crypto, clock, chain, links }: Pick<ProviderState, 'crypto' | 'clock' | 'chain' | 'links'>,
  { order, validator, signedOrder }: Pick<AcceptedOrder<unknown>, 'order' | 'validator' | 'signedOrder'>,
  {
    signal,
    consent,
    onRefused = () => {},
  }: {
    readonly signal: AbortSignal;
    readonly consent: Promise<OrderConsent>;
    /** Called if the validator certainly did not admit the order. */
    readonly onRefused?: () => void;
  },
): Promise<SignedAdmission> {
  const message = { order: signedOrder, consent: await consent };
  let admission: SignedAdmission;
  try {
    admission = await links.to(ValidatorService, validator).admit(message, { timeoutMs: ADMIT_TIMEOUT_MS, signal });
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    if (error.isUnsent || isRefusedForGood(error)) onRefused();
    if (error.code === 'canceled') throw new Refusal('unavailable', 'the provider gave this reply up; try another one');
    throw new Refusal('not-admitted', `the validator did not admit the order: ${error.message}`);
  }
  const aheadMs = Number(admission.timeMs) - clock.nowMs();
  const isOld = -aheadMs > MAX_ORDER_LIFETIME_MS + CLOCK_TOLERANCE_MS;
  const problem =
    findAdmissionProblem(crypto, { ledger: chain.ledger, order, signingKeys: [validator.signingKey] }, admission) ??
    // The channel may have held more then, so such an admission is no evidence.
    (aheadMs > CLOCK_TOLERANCE_MS || isOld
      ? `its admission is of a time ${aheadMs} ms ahead of this machine's clock`
      : undefined);
  if (problem !== undefined) throw new Refusal('not-admitted', `the order is not admitted: ${problem}`);
  return admission;
}

/** Returns whether the validator's answer means that it did not admit the order. After a lost answer it may have. */
const isRefusedForGood = ({ code, refusal }: LinkError): boolean =>
  code === 'rate-limited' || (refusal !== undefined && refusal !== 'unavailable');
