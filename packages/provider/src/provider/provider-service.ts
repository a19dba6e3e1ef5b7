import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { answerEvidence } from '@ogong/host/link/answer-evidence';
import type { Caller } from '@ogong/host/link/link-admission';
import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { getCaller, getCallerPlace, type LinkServer } from '@ogong/host/link/link-server';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import { CLOCK_TOLERANCE_MS } from '@ogong/protocol/exchange/limits';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type {
  CountTokensRequest,
  GenerateRequest,
  GetBlobRequest,
  GetOpeningRequest,
  GetTextsRequest,
  ProgressRequest,
  ProviderService,
  PutMediaRequest,
  ShowRecordRequest,
  TraceReplyRequest,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { barePush } from './bare-push.ts';
import { answerOrder } from './orders/answer-order.ts';
import { createTokenCounts } from './orders/token-counts.ts';
import { hashHanded } from './paid/intake-receipt.ts';
import type { ProviderState } from './provider-state.ts';
import type { KeptRecord } from './serving/outbox.ts';
import { createBlobReader } from './serving/read-blob.ts';
import { readOpening, readTexts } from './serving/read-opening.ts';
import { createReplyTracer } from './serving/trace-reply.ts';

/**
 * The caller of each method is limited. Anybody orders, has tokens counted, and asks for the seal key and for evidence of the machine. A served
 * consumer sends its media and reports its progress. An opening and its blobs are for the consumer, its validator and drawn witnesses. Only validators
 * ask for a record or a trace.
 */
export function createProviderService(
  state: ProviderState,
  { earn }: Pick<LinkServer, 'earn'>,
): ServiceImpl<typeof ProviderService> {
  const traceReply = createReplyTracer(state);
  const readBlob = createBlobReader(state);
  const countTokens = createTokenCounts(state);
  return {
    generate(message: GenerateRequest, context: HandlerContext) {
      const caller = getCallerPlace(context);
      const onAdmitted = (): void => earn(caller, EARNED_BY_ORDER);
      return answerOrder(state, message, { ...nameCaller(caller), onAdmitted, signal: context.signal });
    },
    getSealKey: () => state.sealKeys.current(),
    getEvidence: ({ nonce }) => answerEvidence('provider', state.machine?.show, nonce),
    getOpening: ({ replyId }: GetOpeningRequest, context: HandlerContext) =>
      readOpening(state, replyId, getCaller(context)),
    async *getBlob(asked: GetBlobRequest, context: HandlerContext) {
      for await (const { proof, ...chunk } of readBlob(asked, getCaller(context)))
        yield { ...chunk, proof: [...proof] };
    },
    putMedia(message: PutMediaRequest, context: HandlerContext) {
      state.media.put(getCaller(context), message);
      return {};
    },
    getTexts: (asked: GetTextsRequest, context: HandlerContext) => readTexts(state, asked, getCaller(context)),
    progress({ replyId, progress }: ProgressRequest, context: HandlerContext) {
      if (progress === undefined) throw new Refusal('invalid', 'the progress is missing');
      state.replies.take(getCaller(context), replyId, progress);
      return {};
    },
    showRecord: ({ replyId }: ShowRecordRequest, context: HandlerContext) =>
      showRecord(state, replyId, getCaller(context)),
    countTokens: async (message: CountTokensRequest, context: HandlerContext) => ({
      tokens: await countTokens(message, context.signal),
    }),
    async trace(message: TraceReplyRequest, context: HandlerContext) {
      if (state.chain.findByCertHash(getCaller(context)) === undefined) {
        throw new Refusal('precondition', 'only registered validators may ask for a trace');
      }
      return traceReply(message, AbortSignal.any([context.signal, state.stopping.signal]));
    },
  };
}

/** Further calls that an address may make, since somebody pays for its order. */
const EARNED_BY_ORDER = 2;

const nameCaller = ({ peer, group, relayed }: Caller) => ({ consumer: peer, group, relayed });

/**
 * For a validator that wants to know whether a reply was delivered. The order's own validator gets it as it was handed in, as does a
 * witness while nobody has signed for the record. Where there is a receipt, that is all that a witness needs: it sees no text.
 * @throws Refusal
 */
export async function showRecord(
  {
    crypto,
    clock,
    outbox,
    chain,
  }: Pick<ProviderState, 'crypto' | 'clock'> & {
    readonly outbox: Pick<ProviderState['outbox'], 'find'>;
    readonly chain: Pick<ProviderState['chain'], 'findByCertHash'>;
  },
  replyId: Uint8Array,
  caller: PeerId,
): Promise<KeptRecord | (Pick<KeptRecord, 'intake'> & { readonly recordHash: Uint8Array })> {
  const validator = replyId.length === REPLY_ID_BYTES ? chain.findByCertHash(caller) : undefined;
  const kept = validator && (await outbox.find(replyId));
  const order = kept?.push.order && parseOrder(kept.push.order.order);
  const isOwn = order && validator && equalBytes(order.validator, validator.address);
  // No witness asks in a validator's place before the order has expired.
  const isOver = order && clock.nowMs() + CLOCK_TOLERANCE_MS > Number(order.expiresAtMs);
  if (kept === undefined || !(isOwn || isOver)) throw new Refusal('not-found', 'no record of this reply for you');
  const { push, intake } = kept;
  if (isOwn || intake === undefined) return { push: barePush(crypto, push), intake };
  return { intake, recordHash: hashHanded(crypto, push) };
}
