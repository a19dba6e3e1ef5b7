import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { getCaller } from '@ogong/host/link/link-server';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import type {
  GenerateRequest,
  GetOpeningRequest,
  ProgressRequest,
  ProviderService,
  ShowRecordRequest,
  TraceReplyRequest,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { answerOrder } from './answer-order.ts';
import type { KeptRecord } from './outbox.ts';
import type { ProviderState } from './provider-state.ts';
import { createReplyTracer } from './trace-reply.ts';

/**
 * Who may call what: anybody orders, whoever is served says how much it has, the consumer and registered validators read an opening,
 * validators alone ask for a record or a trace.
 */
export function createProviderService(state: ProviderState): ServiceImpl<typeof ProviderService> {
  const traceReply = createReplyTracer(state);
  return {
    generate: (message: GenerateRequest, context: HandlerContext) =>
      answerOrder(state, message, { consumer: getCaller(context), signal: context.signal }),
    getOpening: ({ replyId }: GetOpeningRequest, context: HandlerContext) =>
      readOpening(state, replyId, getCaller(context)),
    progress({ replyId, progress }: ProgressRequest, context: HandlerContext) {
      if (progress === undefined) throw new Refusal('invalid', 'the progress is missing');
      state.replies.take(getCaller(context), replyId, progress);
      return {};
    },
    showRecord: ({ replyId }: ShowRecordRequest, context: HandlerContext) =>
      showRecord(state, replyId, getCaller(context)),
    async trace(message: TraceReplyRequest, context: HandlerContext) {
      if (state.chain.findByCertHash(getCaller(context)) === undefined) {
        throw new Refusal('precondition', 'only registered validators may ask for a trace');
      }
      return traceReply(message, AbortSignal.any([context.signal, state.stopping.signal]));
    },
  };
}

/** @throws Refusal: a stranger learns nothing, not even that there is such a reply. */
export async function readOpening(
  {
    openings,
    chain,
  }: { openings: Pick<ProviderState['openings'], 'get'>; chain: Pick<ProviderState['chain'], 'findByCertHash'> },
  replyId: Uint8Array,
  caller: PeerId,
): Promise<{ readonly opening: Uint8Array }> {
  const opening = replyId.length === REPLY_ID_BYTES ? await openings.get(replyId) : undefined;
  const isAllowed =
    opening !== undefined && (equalBytes(opening.consumer, caller) || chain.findByCertHash(caller) !== undefined);
  if (!isAllowed) throw new Refusal('not-found', 'no opening of this reply for you');
  return { opening: opening.bytes };
}

/**
 * For a validator that wants to know whether a reply was delivered: its own handling one, or a witness. @throws Refusal
 */
export function showRecord(
  {
    outbox,
    chain,
  }: { outbox: Pick<ProviderState['outbox'], 'find'>; chain: Pick<ProviderState['chain'], 'findByCertHash'> },
  replyId: Uint8Array,
  caller: PeerId,
): KeptRecord {
  const isAllowed = replyId.length === REPLY_ID_BYTES && chain.findByCertHash(caller) !== undefined;
  const kept = isAllowed ? outbox.find(replyId) : undefined;
  if (kept === undefined) throw new Refusal('not-found', 'no record of this reply for you');
  return kept;
}
