import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { EdgeValues } from '@ogong/protocol/commitment/edge-values';
import type { OpenedPrompt, WindowBytes } from '@ogong/protocol/commitment/opening';
import { computeCommitment, encodeOpening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { computeReplyFee } from '@ogong/protocol/exchange/fee';
import { MAX_RESPONSE_BYTES, MAX_ROWS_BYTES } from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { computeOrderDay, type NamedOrder } from '@ogong/protocol/exchange/order';
import { createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import { encodeHeader, type Header } from '@ogong/protocol/modality/text/commitment/header';
import { boundTextTokens } from '@ogong/protocol/modality/text/request/request-bound';
import { showsPrompt } from '@ogong/protocol/modality/text/stage1/boundary-roots';
import { keepsGrammar } from '@ogong/protocol/modality/text/stage1/reply-text';
import { getTier } from '@ogong/protocol/tier/registry';
import type { ClosedEdge } from '../../shard/cohort-chain.ts';
import type { CommittedReply, KeptBlob } from '../order-job.ts';
import { NO_PICTURES } from './read-pictures.ts';
import { composeHeader, type HeaderInputs } from './reply-header.ts';

/** A reply as it was served, before anything is signed. */
export interface ServedReply
  extends Pick<
    HeaderInputs,
    | 'endpoint'
    | 'asked'
    | 'blinds'
    | 'info'
    | 'sketch'
    | 'drawKey'
    | 'promptTokens'
    | 'shown'
    | 'outputTokens'
    | 'counted'
    | 'stopReason'
  > {
  readonly order: NamedOrder;
  readonly windows: readonly WindowBytes[];
  /** By place, from a leader of a cohort: see CohortChain.close. Roots that are not about exactly this reply are not listed. */
  readonly boundaries?: readonly (ClosedEdge | undefined)[] | undefined;
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  /** The reply still runs: this part of it is signed as a milestone. */
  readonly isMilestone?: true;
}

/** A reply before it is signed. */
export interface ReplyDraft {
  readonly order: NamedOrder;
  /** Blind of the answer. */
  readonly blind: Uint8Array;
  readonly header: Header;
  readonly windows: readonly WindowBytes[];
  readonly edges: readonly EdgeValues[];
  /** Present if the header lists the root of the first shard. */
  readonly prompt?: OpenedPrompt | undefined;
  /** The blobs that the header names. */
  readonly blobs: readonly KeptBlob[];
  readonly text: string;
  /** Tokens that the record states and bills. */
  readonly tokenCount: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly isMilestone?: true;
}

/** The text is too long, or breaks its grammar: validators would refuse the record, and the provider would not be paid. */
export class ReplyTextError extends Error {
  override readonly name = 'ReplyTextError';
  readonly code: 'too-long' | 'grammar';
  readonly retryable = false;
  constructor(code: ReplyTextError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** @param sizeBytes of the text, UTF-8. @throws ReplyTextError */
export function assertTextSize(sizeBytes: number): void {
  if (sizeBytes <= MAX_RESPONSE_BYTES) return;
  throw new ReplyTextError(
    'too-long',
    `a reply of more than ${MAX_RESPONSE_BYTES} bytes of text, which no validator takes`,
  );
}

export type CommitReply = (crypto: Crypto, signer: HybridSigner, reply: ServedReply) => CommittedReply;

/**
 * Header, commitment tree and signed record of one reply. ML-DSA signatures are hedged: call it once per reply.
 * @throws FeeError, ReplyTextError if the reply would bill more than its order and request allow or its text is too long:
 * nobody would accept its signature.
 */
export const commitReply: CommitReply = (crypto, signer, reply) => {
  const draft = draftReply(crypto, reply);
  computeReplyFee(draft.order, boundTextTokens(reply.asked), draft.header);
  assertTextSize(Buffer.byteLength(draft.text));
  const { grammar } = reply.asked;
  if (grammar !== undefined && !keepsGrammar(utf8Encode(draft.text), grammar, reply.stopReason))
    throw new ReplyTextError('grammar', 'a reply that anybody could refute: its text is none that the grammar allows');
  return signReply(crypto, signer, draft);
};

export function draftReply(crypto: Crypto, reply: ServedReply): ReplyDraft {
  const { order, windows, text, startMs, endMs } = reply;
  const needed = reply.promptTokens.length + reply.outputTokens.length - 1;
  const boundaries = reply.boundaries?.map((edge) => (edge?.positions === needed ? edge : undefined)) ?? [];
  const { name, method } = getTier(parseModelId(reply.asked.model).tier);
  const { orderHash, choice, payee } = order;
  const bound = { orderHash, choice, payee, promptDay: computeOrderDay(order), tier: name, method };
  const header = composeHeader(crypto, { ...reply, ...bound, boundaries });
  const milestone = reply.isMilestone && { isMilestone: reply.isMilestone };
  const { answer: blind } = reply.blinds;
  const blobs = [...(reply.shown ?? NO_PICTURES).blobs, ...boundaries.flatMap(listRows)];
  return {
    order,
    blind,
    header,
    windows,
    edges: boundaries.flatMap((edge) => (edge === undefined ? [] : [edge.values])),
    ...(showsPrompt(header) && {
      prompt: {
        blind: reply.blinds.prompt,
        tokens: createTokenContent(header.vocabularySize).encode(reply.promptTokens),
      },
    }),
    blobs,
    text,
    tokenCount: header.outputTokenCount,
    startMs,
    endMs,
    ...milestone,
  };
}

/** Lists the blob of the rows of an edge. No job of a verifier carries a larger one. */
const listRows = (edge: ClosedEdge | undefined): readonly KeptBlob[] =>
  edge === undefined || edge.values.rows.bytes > MAX_ROWS_BYTES ? [] : [{ ref: edge.values.rows, bytes: edge.bytes }];

export function signReply(crypto: Crypto, signer: HybridSigner, draft: ReplyDraft): CommittedReply {
  const { order, blind } = draft;
  const header = encodeHeader(draft.header);
  const opening = { blind, header, windows: draft.windows, edges: draft.edges, prompt: draft.prompt };
  const { root, headerProof } = computeCommitment(crypto, opening);
  const response = utf8Encode(draft.text);
  const record = encodeRecordV2({
    replyId: order.replyId,
    requestHash: order.requestHash,
    responseHash: hashResponse(crypto, blind, response),
    modelRoot: order.modelRoot,
    commitRoot: root,
    tokenCount: draft.tokenCount,
    startNs: BigInt(Math.round(draft.startMs)) * 1_000_000n,
    endNs: BigInt(Math.round(draft.endMs)) * 1_000_000n,
    ...(draft.isMilestone && { isMilestone: draft.isMilestone }),
  });
  const signed = { record, signature: signer.sign(record), ...(draft.blobs.length > 0 && { blobs: draft.blobs }) };
  return { header, headerProof, opening: encodeOpening(opening), response, ...signed };
}
