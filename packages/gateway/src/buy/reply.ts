import type { MachinePolicy } from '@ogong/attestation/policy-file';
import type { LinkPool } from '@ogong/host/link/link-pool';
import type { ReplySteps } from '@ogong/host/metrics/reply-steps';
import type { SpanPlace } from '@ogong/host/metrics/trace-context';
import type { Clock } from '@ogong/host/time/clock';
import type { BeaconView, KnownBeacon } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import type { ModelRoots } from '@ogong/host/views/model-roots';
import type { Check } from '@ogong/protocol/base/checks';
import type { Opening } from '@ogong/protocol/commitment/opening';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { TokenLogprob } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { AnswerFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import type { StopReason } from '@ogong/protocol/modality/text/commitment/header';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { AttestedRole } from '@ogong/protocol/tier/attested-role';
import type { KeyHolder } from '../books/api-keys.ts';
import type { ChannelLedger } from '../books/channel-ledger.ts';
import type { EscrowFunding } from '../books/escrow-funding.ts';
import type { OrderBytes, TryFailure } from '../books/order-book.ts';
import type { ReceiptStore } from '../books/receipt-store.ts';
import type { ComplaintOutbox } from '../outbox/complaint-outbox.ts';
import type { DeliveryOutbox } from '../outbox/delivery-outbox.ts';
import type { MilestoneOutbox } from '../outbox/milestone-outbox.ts';
import type { NameCacheScope } from './cache-scope.ts';
import type { ProviderAnswer } from './follow-provider.ts';
import type { RaceInput } from './hedged-lanes.ts';
import type { Hedging } from './hedging.ts';
import type { AttestedRoles } from './match/attested-roles.ts';
import type { Match, ProviderMatch } from './match/provider-match.ts';
import type { TicketAges } from './match/ticket-ages.ts';
import type { TicketsAhead } from './match/tickets-ahead.ts';
import type { PayingSigner } from './paying-signer.ts';
import type { ProviderCall } from './provider-call.ts';
import type { ReceiptChecker } from './receipt-checker.ts';
import type { ReadBody } from './settle-policy.ts';
import type { ValidatorChoice } from './validator-choice.ts';

/** Whose money an order is. */
export type PayingKey = Pick<KeyHolder, 'id' | 'budgetAtomic' | 'organisation'>;

/** One prompt as the gateway orders it. */
export type OrderedPrompt = ReadBody<InferenceRequest> & Pick<ReplyJob, 'isHedged' | 'plain'>;

/** One reply to be bought: a choice of a completion, or all inputs of an embedding. */
export interface ReplyJob<Q extends CommonRequest = InferenceRequest, R extends BoughtAnswer = BoughtReply> {
  readonly completionId: string;
  /** Which reply to its request. */
  readonly choice: number;
  /** Which of the answer, where one call has several requests. Default: `choice`. */
  readonly index?: number;
  readonly endpoint: string;
  /** The exact body, which is what is hashed, forwarded and signed for. */
  readonly body: Uint8Array;
  readonly request: Q;
  readonly form: AnswerForm<R>;
  readonly key: PayingKey;
  readonly signal: AbortSignal;
  /** Who is to answer, and nobody else. Default: whoever the router draws. */
  readonly provider?: Uint8Array | undefined;
  /** A second provider may be asked while the first has shown nothing. Its body names a standby price. Default: nobody else is. */
  readonly isHedged?: boolean | undefined;
  /** The same request for providers that do not stand by. Default: it is served by those who do, or by nobody. */
  readonly plain?: { readonly body: Uint8Array; readonly request: Q } | undefined;
  /** The trace that the client writes of its own program. */
  readonly caller?: SpanPlace | undefined;
  /** Told whose offer is taken, before anything is bought. */
  readonly onMatch?: (ticket: Match['ticket']) => void;
}

/** A job as it is tried with one provider. */
export interface TriedJob<Q extends CommonRequest = InferenceRequest, R extends BoughtAnswer = BoughtReply>
  extends ReplyJob<Q, R> {
  /** Something of the reply is there. @returns whether it is shown. Default: it is. */
  readonly claim?: () => boolean;
}

/** One try with one provider. Each has its own reply id and so its own order. */
export interface ProviderAttempt {
  readonly replyId: Uint8Array;
  readonly match: Match;
  readonly beacon: KnownBeacon;
  readonly validator: Uint8Array;
  /** Those who were registered when the validator was picked: it may leave before the reply is there. */
  readonly validators: readonly QuorumMember[];
  readonly order: OrderBytes;
  readonly startedMs: number;
  /** What the machines of router and validator have shown, by the parts of a receipt. Default: nothing was asked. */
  readonly machines?: ReadonlyMap<string, Uint8Array>;
}

/** What is the same of whatever was bought and checked. */
export interface BoughtAnswer {
  readonly choice: number;
  readonly replyId: string;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** By this gateway's own clock. */
  readonly timing: Pick<ProviderAnswer, 'tookMs' | 'firstMs'>;
  readonly receipt: Receipt;
  readonly checks: readonly Check[];
  /** Tries before the one that answered, in order; absent where there were none. */
  readonly earlierTries?: readonly FailedTry[];
}

/** An order that brought no whole answer. */
export interface FailedTry {
  /** Hex. */
  readonly replyId: string;
  /** Hex. */
  readonly providerId: string;
  readonly failure: TryFailure;
  /** UTF-8 bytes of its text that its provider had signed and that stage 1 has passed; 0 where it has no receipt. */
  readonly signedBytes: number;
}

/** A choice of a completion. */
export interface BoughtReply extends BoughtAnswer {
  readonly text: string;
  readonly tokens: readonly TokenLogprob[];
  /** How the text is read, as the provider signed it. */
  readonly format: AnswerFormat;
  readonly stopReason: StopReason;
}

/** How what a provider says is read, by modality. */
export interface AnswerForm<R extends BoughtAnswer> {
  /** Whether what comes is passed on as it comes. */
  readonly streams: boolean;
  /** Whether another provider of the same model draws the same tokens, so that a reply that broke off can go on. */
  readonly hasFixedDraws: boolean;
  /** Tokens that the request allows; a provider that streams more is cut off. */
  readonly maxTokens: number;
  /** Alternatives that the request wants with each token; undefined where it wants no log-probabilities at all. */
  readonly topLogprobs: number | undefined;
  /** The canonical bytes, which the record has to sign. */
  toResponse(answer: ProviderAnswer): Uint8Array;
  /** What the client gets of a reply that holds, or the check by which it was shown something else. */
  read(
    checked: BoughtAnswer,
    answer: ProviderAnswer,
    opened: Opening,
  ): { readonly reply: R } | { readonly failed: Check };
}

/** What the steps from a job to its reply share: open-attempt, follow-provider, check-reply, report-attempt. */
export interface ReplyContext {
  /** Default: providers are believed which weights bear a name. */
  readonly modelRoots?: ModelRoots;
  /** Which machines of tier `tee` are believed. */
  readonly machinePolicy?: MachinePolicy | undefined;
  /** The machines of routers and validators. Default: none is asked, and a request that demands one is refused. */
  readonly attested?: AttestedRoles;
  /** Which of them have to be shown for every request. Default: none. */
  readonly demandedRoles?: readonly AttestedRole[];
  readonly chain: Pick<ChainView, 'ledger' | 'network' | 'validators' | 'generations' | 'router'>;
  readonly beacon: Pick<BeaconView, 'latest'>;
  readonly links: LinkPool;
  readonly payer: PayingSigner;
  readonly matches: ProviderMatch;
  /** Default: each request asks a router. */
  readonly ahead?: Pick<TicketsAhead, 'take' | 'keep' | 'begun' | 'drop'>;
  /** Default: a request that names its provider is ordered at once. */
  readonly ages?: TicketAges;
  readonly providers: ProviderCall;
  readonly validators: ValidatorChoice;
  readonly funding: EscrowFunding;
  readonly ledger: ChannelLedger;
  readonly receipts: ReceiptStore;
  readonly complaints: ComplaintOutbox;
  readonly deliveries: DeliveryOutbox;
  readonly milestones: Pick<MilestoneOutbox, 'put'>;
  readonly checker: ReceiptChecker;
  /** Between two checks of what came of a running reply. Default: 3 s. */
  readonly milestonePauseMs?: number | undefined;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly nameCacheScope: NameCacheScope;
  /** A key as it is now; undefined where it has ended. Default: as it was when its request came. */
  readonly renewKey?: (key: PayingKey) => Promise<PayingKey | undefined>;
  /** Default: no request is hedged. */
  readonly hedging?: Pick<Hedging, 'begin' | 'take' | 'note'>;
  readonly onHedge?: RaceInput<unknown>['onOutcome'];
  /** Told how each reply goes on. Default: nobody is. */
  readonly steps?: ReplySteps;
  readonly onFault?: (reason: string, providerId: Uint8Array) => void;
  readonly onError?: (error: unknown) => void;
}
