import { fromBinary } from '@bufbuild/protobuf';
import type { ApiContext } from '@ogong/host/http/api-app';
import { getCallSignal } from '@ogong/host/http/api-app';
import { ApiError, toErrorBody } from '@ogong/host/http/api-error';
import { type BodyLimits, isFramed, parseJsonBody, readFramedBody, readJsonBody } from '@ogong/host/http/body';
import type { MediaBodyLimits } from '@ogong/host/http/media-body';
import { parseTraceParent } from '@ogong/host/metrics/trace-context';
import { streamEvents } from '@ogong/host/openai/event-stream';
import type { Json } from '@ogong/host/openai/format';
import { fromBase64, fromHex, ProtocolError, toBase64 } from '@ogong/protocol/base/bytes';
import { MAX_HEADER_BYTES } from '@ogong/protocol/commitment/opening';
import { MAX_RESPONSE_BYTES, MAX_SEALED_PART_BYTES, MAX_SEALED_REQUEST_BYTES } from '@ogong/protocol/exchange/limits';
import { type Milestone, MilestoneSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { ENDPOINTS } from '@ogong/protocol/modality/endpoints';
import { cutPieces } from '@ogong/protocol/modality/media/encoded-media';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { parsePreference } from '@ogong/protocol/modality/shared/preference-fields';
import { MAX_CHOICES, parseDemands, parseModelName } from '@ogong/protocol/modality/shared/request-fields';
import { isTextEndpoint } from '@ogong/protocol/modality/text/commitment/header';
import { MAX_MAX_TOKENS, MAX_PROMPT_BOUND } from '@ogong/protocol/modality/text/request/request';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { toSealedOfferJson } from '@ogong/protocol/stage1/sealed-offer';
import { MAX_HEADER_PROOF } from '@ogong/protocol/verdict/claim';
import { z } from 'zod';
import { toCompactReceipt } from '../books/receipt-store.ts';
import type { PayingKey } from '../buy/reply.ts';
import { readUnderPolicy, type SettlePolicy } from '../buy/settle-policy.ts';
import { assertModel } from '../front/completions.ts';
import type { InferenceGate } from '../front/inference-gate.ts';
import type { RateLimits } from '../front/rate-limits.ts';
import { readSealedType } from '../front/settlement-type.ts';
import type { KeyedHandler } from '../front/sign-in.ts';
import { createUnknown } from './broken-replies.ts';
import type { HeldPart } from './close-sealed.ts';
import type { SealedQuery } from './find-sealed.ts';
import type { SealedEvent } from './pass-sealed.ts';
import type { SealedCalls, SealedOutcome } from './sealed-calls.ts';

export interface SealedHandlersDependencies {
  readonly calls: SealedCalls;
  readonly gate: InferenceGate;
  readonly rates: RateLimits;
  readonly bodyLimits: MediaBodyLimits;
  readonly settle: SettlePolicy;
  readonly heartbeatMs: number;
}

/** Names of the routes for clients that seal. */
export type SealedRouteName = 'sealedOffer' | 'sealedReply' | 'sealedProgress' | 'sealedOutcome';

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits');
const offerBody = z.strictObject({
  endpoint: z.enum(ENDPOINTS),
  model: z.string(),
  request_hash: hash,
  nonce: hash,
  prompt_bound: z.int().min(1).max(MAX_PROMPT_BOUND),
  max_tokens: z.int().min(0).max(MAX_MAX_TOKENS),
  context_bound: z.int().min(1).max(MAX_PROMPT_BOUND).optional(),
  choice: z
    .int()
    .min(0)
    .max(MAX_CHOICES - 1)
    .optional(),
  ogong: z.record(z.string(), z.unknown()).nullish(),
  exclude: z.array(hash).max(8).optional(),
});
const replyId = z.string().regex(/^[0-9a-f]{32}$/, 'expected the id of a reply, 32 hexadecimal digits');
/** The envelope follows it, as bytes. If its length is named, sealed media follow the envelope. */
const replyBody = z.strictObject({
  reply_id: replyId,
  milestones: z.boolean().optional(),
  envelope_bytes: z.int().min(1).optional(),
});
const progressBody = z.strictObject({ text_bytes: z.int().min(0).max(MAX_RESPONSE_BYTES), text_hash: hash });
const outcomeBody = z.union([
  z.strictObject({
    outcome: z.literal('held'),
    header_proof: z.array(hash).max(MAX_HEADER_PROOF),
    response_bytes: z.int().min(0).max(MAX_RESPONSE_BYTES),
  }),
  z.strictObject({ outcome: z.literal('failed'), reason: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/) }),
]);
/** The sealed part follows it, as bytes. */
const partBody = z.strictObject({
  outcome: z.literal('part'),
  milestone: z.string(),
  header_proof: z.array(hash).max(MAX_HEADER_PROOF),
  text_hash: hash,
});

/** Size of an envelope relative to its body: padding at most; then the capsule and its description. */
const ENVELOPE_FACTOR = 1.125;
const AROUND_BYTES = 8 * 1024;
const SMALL_BODY_BYTES = 64 * 1024;
/** Record, keys, signatures and header. The windows are sealed. */
const MAX_MILESTONE_MESSAGE_BYTES = MAX_HEADER_BYTES + 32 * 1024;

/** Handlers for clients that seal their requests themselves (docs/spec/sealed-calls.md). */
export function createSealedHandlers({
  calls,
  gate,
  rates,
  bodyLimits,
  settle,
  heartbeatMs,
}: SealedHandlersDependencies): Readonly<Record<SealedRouteName, KeyedHandler>> {
  const small = { ...bodyLimits, maxBytes: Math.min(bodyLimits.maxBytes, SMALL_BODY_BYTES) };
  const longest = Math.min(bodyLimits.maxBytes, MAX_SEALED_REQUEST_BYTES) * ENVELOPE_FACTOR + AROUND_BYTES;
  const { mediaBytes = 0 } = bodyLimits;
  const mediaRoom = mediaBytes > 0 ? mediaBytes * ENVELOPE_FACTOR + AROUND_BYTES : 0;
  const large = { ...bodyLimits, maxBytes: longest + mediaRoom, maxJsonLength: AROUND_BYTES };
  /** The limit of a part of a reply, which does not depend on the limit of requests. */
  const parts = {
    ...bodyLimits,
    maxBytes: MAX_SEALED_PART_BYTES + SMALL_BODY_BYTES,
    maxJsonLength: SMALL_BODY_BYTES,
  };

  /** @throws ApiError */
  async function readOutcome(context: ApiContext): Promise<SealedOutcome> {
    const said = await read(context, small, outcomeBody);
    if (said.outcome === 'failed') return { reason: said.reason };
    return { headerProof: said.header_proof.map((one) => fromHex(one)), responseBytes: said.response_bytes };
  }

  /** @throws ApiError before it reads the body, if no part is awaited. */
  async function readPart(context: ApiContext, id: string, key: PayingKey): Promise<HeldPart> {
    if (!calls.awaitsPart(id, key)) throw createUnknown('reply that broke off', id);
    const { message: said, bytes: sealed } = await readFramedBody(context, parts, partBody);
    const milestone = readMilestone(readBase64(said.milestone, 'milestone'));
    const headerProof = said.header_proof.map((one) => fromHex(one));
    return { milestone, headerProof, textHash: fromHex(said.text_hash), sealed };
  }

  return {
    /** The request keeps its place in the gate until the offer is over. */
    async sealedOffer(context, key) {
      const leave = gate.enter(key);
      try {
        await rates.countRequest(context, key);
        const settlementType = readSealedType(context);
        const asked = { ...readOffer(await read(context, small, offerBody)), settlementType };
        assertModel(asked.request.model, key);
        readUnderPolicy({ body: new Uint8Array(), isChecked: true }, settle, () => asked.request);
        const offer = await calls.offer(asked, key, { leave, signal: getCallSignal(context) });
        return context.json(toSealedOfferJson(offer));
      } catch (error) {
        leave();
        throw error;
      }
    },

    async sealedReply(context, key) {
      const { message, bytes } = await readFramedBody(context, large, replyBody);
      const { reply_id: id, milestones = false } = message;
      const { envelope, media } = splitMedia(bytes, message.envelope_bytes);
      const { request } = calls.find(id, key);
      const giveBack = await rates.take(context, key, request);
      const caller = parseTraceParent(context.req.header('traceparent'));
      const events = calls.serve(id, key, { envelope, media, milestones, signal: getCallSignal(context), caller });
      return streamEvents(
        context,
        async (send) => {
          let usedTokens = 0;
          try {
            for (;;) {
              const next = await events.next();
              if (!next.done) {
                await send(formatEvent(next.value));
                continue;
              }
              usedTokens = next.value.tokens;
              await send({ type: 'finished', receipt: toReceiptJson(toCompactReceipt(next.value.receipt, id)) });
              return;
            }
          } finally {
            // A client that leaves early is counted for the whole bound, so that leaving is no way around the limit.
            if (!getCallSignal(context).aborted) await giveBack(usedTokens);
            await events.return(undefined as never);
          }
        },
        { headers: {}, heartbeatMs, toFailure: (error) => toErrorBody(context.get('explain')(error)) },
      );
    },

    async sealedProgress(context, key) {
      const { text_bytes: textBytes, text_hash: textHash } = await read(context, small, progressBody);
      calls.progress(context.req.param('id') ?? '', key, { textBytes, textHash: fromHex(textHash) });
      return context.json({});
    },

    async sealedOutcome(context, key) {
      const id = context.req.param('id') ?? '';
      const outcome = isFramed(context) ? await readPart(context, id, key) : await readOutcome(context);
      const receipt = await calls.close(id, key, outcome);
      return context.json(receipt ? { receipt: toReceiptJson(toCompactReceipt(receipt, id)) } : {});
    },
  };
}

/** @throws ApiError naming the field. */
async function read<T>(context: ApiContext, limits: BodyLimits, schema: z.ZodType<T>): Promise<T> {
  return parseJsonBody(await readJsonBody(context, limits), schema);
}

/** @throws ApiError for media that are empty, or an envelope that is cut short. */
function splitMedia(bytes: Uint8Array, envelopeBytes = bytes.length) {
  const envelope = bytes.subarray(0, envelopeBytes);
  const sealed = bytes.subarray(envelopeBytes);
  if (envelopeBytes > bytes.length)
    throw new ApiError('invalid_request', 'envelope_bytes: fewer bytes follow.', { param: 'envelope_bytes' });
  return { envelope, media: sealed.length === 0 ? [] : cutPieces(sealed) };
}

/** @throws ApiError */
function readBase64(text: string, param: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ApiError('invalid_request', `${param}: ${cause.message}.`, { cause, param });
  }
}

/** @throws ApiError */
function readMilestone(bytes: Uint8Array): Milestone {
  const refuse = (why: string, cause?: unknown): ApiError =>
    new ApiError('invalid_request', `milestone: ${why}.`, { cause, param: 'milestone' });
  if (bytes.length > MAX_MILESTONE_MESSAGE_BYTES) throw refuse('too large');
  let milestone: Milestone;
  try {
    milestone = fromBinary(MilestoneSchema, bytes);
  } catch (cause) {
    throw refuse('it cannot be read', cause);
  }
  if (milestone.textBytes > MAX_RESPONSE_BYTES) throw refuse('too large');
  return milestone;
}

/** @throws RequestError, ApiError */
function readOffer(body: z.infer<typeof offerBody>): Omit<SealedQuery, 'settlementType'> {
  const { endpoint, prompt_bound: promptTokenBound, max_tokens: maxTokens, context_bound: contextSize, ogong } = body;
  if (isTextEndpoint(endpoint) !== maxTokens > 0) {
    throw new ApiError('invalid_request', 'max_tokens: texts have 1 or more, vectors and scores 0.', {
      param: 'max_tokens',
    });
  }
  if (isTextEndpoint(endpoint) !== (contextSize === undefined)) {
    throw new ApiError('invalid_request', 'context_bound: named of vectors, scores and tensors, and of nothing else.', {
      param: 'context_bound',
    });
  }
  const named = parseModelName(body.model);
  const demands = parseDemands(ogong);
  const preference = parsePreference(ogong, named);
  return {
    endpoint,
    request: { endpoint, model: named.model, demands, preference, ...{ promptTokenBound, maxTokens } } as CommonRequest,
    requestHash: fromHex(body.request_hash),
    nonce: fromHex(body.nonce),
    choice: body.choice ?? 0,
    contextSize,
    exclude: (body.exclude ?? []).map((id) => fromHex(id)),
  };
}

function formatEvent(event: SealedEvent): Json {
  if (event.case === 'started') {
    const { calls, reasoning, marks } = event.value;
    return { type: 'started', calls, reasoning, marks };
  }
  const { head, unit } = event.value;
  return { type: 'sealed', ...(head.length > 0 && { head: toBase64(head) }), unit: toBase64(unit) };
}
