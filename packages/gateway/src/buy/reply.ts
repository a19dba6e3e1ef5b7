import type { SpanPlace } from '@ogong/host/metrics/trace-context';
import type { KnownBeacon } from '@ogong/host/views/beacon-view';
import type { Check } from '@ogong/protocol/base/checks';
import type { Opening } from '@ogong/protocol/commitment/opening';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { SignedProgress } from '@ogong/protocol/exchange/progress';
import type { Finished, TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { SettlementType } from '@ogong/protocol/http/routes';
import type { EndpointName } from '@ogong/protocol/modality/endpoints';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { AnswerFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import type { StopReason } from '@ogong/protocol/modality/text/commitment/header';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { KeyHolder } from '../books/api-keys.ts';
import type { OrderBytes, TryFailure } from '../books/order-store.ts';
import type { Match } from './match/provider-match.ts';
import type { ReadBody } from './settle-policy.ts';
import type { StepLimits } from './step-follower.ts';

/** The account that pays for an order. */
export type PayingKey = Pick<KeyHolder, 'id' | 'budgetAtomic' | 'dayBudgetAtomic' | 'organisation'>;

/** One prompt as the gateway orders it. */
export type OrderedPrompt = ReadBody<InferenceRequest> & Pick<ReplyJob, 'isHedged' | 'plain'>;

/** One reply to buy: a choice of a completion, or all inputs of an embedding. */
export interface ReplyJob<Q extends CommonRequest = InferenceRequest, R extends BoughtAnswer = BoughtReply> {
  readonly completionId: string;
  /** Number of this reply among the replies to its request. */
  readonly choice: number;
  /** Number of this reply in the answer, if one call has several requests. Default: `choice`. */
  readonly index?: number;
  readonly endpoint: EndpointName;
  /** The exact body that is hashed, forwarded and signed. */
  readonly body: Uint8Array;
  /** The media that the body names. Default: none. */
  readonly media?: RequestMedia | undefined;
  readonly request: Q;
  readonly form: AnswerForm<R>;
  readonly key: PayingKey;
  /** Default: `batch`. */
  readonly settlementType?: SettlementType | undefined;
  readonly signal: AbortSignal;
  /** The only provider that may answer. Default: the one that the router draws. */
  readonly provider?: Uint8Array | undefined;
  /** A second provider may receive the request while the first has shown nothing. The body names a standby price. Default: false. */
  readonly isHedged?: boolean | undefined;
  /** The same request without a standby price, for ordinary providers. Default: only standby providers may serve. */
  readonly plain?: { readonly body: Uint8Array; readonly request: Q } | undefined;
  /** The client's trace, as its program reports it. */
  readonly caller?: SpanPlace | undefined;
  /** Receives the ticket of the chosen offer before anything is bought. */
  readonly onMatch?: (ticket: Match['ticket']) => void;
}

/** A job as one attempt runs it. */
export interface TriedJob<Q extends CommonRequest = InferenceRequest, R extends BoughtAnswer = BoughtReply>
  extends ReplyJob<Q, R> {
  /** Called when the first text arrives. @returns true if this attempt may show it. Default: true. */
  readonly claim?: () => boolean;
}

/** One attempt with one provider. Each has its own reply id and its own order. */
export interface ProviderAttempt {
  readonly replyId: Uint8Array;
  readonly match: Match;
  readonly beacon: KnownBeacon;
  readonly validator: Uint8Array;
  /** The validators that were registered when this one was picked; it may leave before the reply arrives. */
  readonly validators: readonly QuorumMember[];
  readonly order: OrderBytes;
  readonly startedMs: number;
  /** Evidence of the machines of router and validator, by part of the receipt. Default: none was requested. */
  readonly machines?: ReadonlyMap<string, Uint8Array>;
}

/** The whole answer of a provider in one attempt. None of it is checked. */
export interface ProviderAnswer {
  readonly finished: Finished;
  /** The opening of a sealed reply. Other openings are fetched later. */
  readonly opening: Uint8Array | undefined;
  readonly text: string;
  readonly tokens: readonly TokenLogprob[];
  /** The format of the text; undefined if nothing arrived. */
  readonly format: AnswerFormat | undefined;
  /** The progress that this gateway signed while the text arrived. */
  readonly progress: SignedProgress | undefined;
  /** Time from the request to the last token, by this gateway's own clock. */
  readonly tookMs: number;
  /** Time from the request to the first part of the answer, or to its end if it has no part. */
  readonly firstMs: number;
}

/** The fields that a bought and checked reply of each modality has. */
export interface BoughtAnswer {
  readonly choice: number;
  readonly replyId: string;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** By this gateway's own clock. */
  readonly timing: Pick<ProviderAnswer, 'tookMs' | 'firstMs'>;
  readonly receipt: Receipt;
  readonly checks: readonly Check[];
  /** Failed attempts before this one, in order; absent if there were none. */
  readonly earlierTries?: readonly FailedTry[];
}

/** An order that brought no whole answer. */
export interface FailedTry {
  /** Hex. */
  readonly replyId: string;
  /** Hex. */
  readonly providerId: string;
  readonly failure: TryFailure;
  /** UTF-8 bytes of the text that the provider signed and that passed stage 1; 0 without a receipt. */
  readonly signedBytes: number;
}

/** A choice of a completion. */
export interface BoughtReply extends BoughtAnswer {
  readonly text: string;
  readonly tokens: readonly TokenLogprob[];
  /** The format of the text, as the provider signed it. */
  readonly format: AnswerFormat;
  readonly stopReason: StopReason;
}

/** Rules for reading a provider's answer, by modality. */
export interface AnswerForm<R extends BoughtAnswer> {
  /** Whether parts of the answer are passed on as they arrive. */
  readonly streams: boolean;
  /** Whether another provider of the same model draws the same tokens, so that it can continue a reply that broke off. */
  readonly hasFixedDraws: boolean;
  /** Tokens that the request allows; a provider that streams more is cut off. */
  readonly maxTokens: number;
  /** Alternatives that the request wants for each token; undefined if it wants no log-probabilities. */
  readonly topLogprobs: number | undefined;
  /** The steps of a picture, which are passed on as they arrive. Default: the reply has none. */
  readonly steps?: StepLimits;
  /** Returns the canonical bytes that the record has to sign. */
  toResponse(answer: ProviderAnswer): Uint8Array;
  /** Returns the client's reply, or the check that shows a difference between the stream and the signed reply. */
  read(
    checked: BoughtAnswer,
    answer: ProviderAnswer,
    opened: Opening,
  ): { readonly reply: R } | { readonly failed: Check };
}
