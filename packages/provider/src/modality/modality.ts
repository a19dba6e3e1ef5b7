import type { Engine } from '@ogong/engine/open-engine';
import type { FormFields } from '@ogong/host/http/form-body';
import type { Clock } from '@ogong/host/time/clock';
import type { Check, Outcome } from '@ogong/protocol/base/checks';
import type { Opening } from '@ogong/protocol/commitment/opening';
import type { RecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { GenerateRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import type { CommonRequest, FindBlob, ReplayedReply } from '@ogong/protocol/modality/modality';
import type { RequestPreference } from '@ogong/protocol/modality/shared/preference-fields';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import type { DistanceRow } from '@ogong/protocol/modality/text/drift/distance-rows';
import type { SignedTrace } from '@ogong/protocol/modality/text/stage2/trace-report';
import type { TierEntry } from '@ogong/protocol/tier/tier';
import type { CohortChain } from '../shard/cohort-chain.ts';
import type { KeptReply } from './local-reply.ts';
import type { AcceptedOrder, CheckedOrder, ReadRequest, ServeContext, ServedCounts } from './order-job.ts';

/**
 * One kind of model, as provider, verifier and local mode serve it. Everything else of these roles is the same for every modality.
 * A new modality is a folder beside `embedding`, and a line in `registry.ts`.
 */
export interface ProviderModality<E extends Engine = Engine> {
  readonly specificationVersion: E['specificationVersion'];
  /** The modality of its replies. */
  readonly name: string;
  /** Name of such a model in a sentence, such as "an embedding model". */
  readonly modelNoun: string;
  /** Whether its models write texts, so that one can talk with them. */
  readonly writes: boolean;
  /** Default: false. */
  readonly makesPictures?: boolean;
  /** Returns the number of replies that an engine was opened for: decoded or scored at a time. */
  countSequences(engine: E): number;
  /** Returns facts of a loaded model for the log. */
  describe(engine: E): Readonly<Record<string, unknown>>;
  /**
   * Wraps an engine that is sold by its model's name, without its weights. Default: such models of this machine are not served.
   * @param modelRoot of the name, 32 bytes.
   */
  hideWeights?(engine: E, modelRoot: Uint8Array): E;
  /** Returns the calls of an engine whose model is loaded anew for each of them. */
  wrapOnDemand(calls: OnDemandCalls<E>): Omit<E, 'info' | 'close'>;
  readonly orders: OrderHandling<E>;
  /** Counts the tokens of a chat. Default: its models read no chats. @throws RequestError, EngineError */
  countPrompt?(engine: E, chat: GivenChat): Promise<number>;
  /** Reads a verifier's job. @throws Refusal naming the field that is out of range. */
  openScoreJob(message: ScoreJobMessage, means: ScoringMeans<E>): ScorableJob;
  /**
   * Runs a reply again on an engine at hand, and compares.
   * @throws EngineError; Refusal if the engine is of another modality than the reply.
   */
  rerun(claim: RerunClaim, means: RerunMeans<E>): Promise<RerunFindings>;
  /**
   * Measures how far two engines of different classes differ on honest replies. Default: the modality has no limits for distances.
   * @throws RangeError for too few replies, two models, or one class; EngineError.
   */
  measureDistances?(engines: EnginesApart<E>, options: DistanceOptions): Promise<DistanceRow>;
  /** Default: its replies have no positions that could be traced. */
  readonly tracing?: Tracing<E>;
  /** Endpoints of OpenAI's API on this machine whose answers come at once. Default: none; its answers come part by part. */
  readonly atOnce?: AnsweringEndpoints<E>;
  /** Returns the reason why a model does not serve a use of the local API; undefined if it does. */
  findMisuse(engine: E, use: LocalUse): string | undefined;
  /** Returns the capabilities of a model file, in Ollama's terms. */
  listCapabilities(file: FileCapabilities): readonly string[];
}

/** Endpoints of OpenAI's API that are answered with one document, or with events once it is complete. */
export interface AnsweringEndpoints<E extends Engine = Engine, R extends LocalRequest = LocalRequest> {
  readonly names: readonly string[];
  /** Its endpoints read forms, too, and these fields are no text. Default: JSON alone. */
  readonly formFields?: FormFields;
  /** Splits a body into those of the orders that the network has for it. Default: one has all of it. @throws RequestError */
  split?(body: Uint8Array, endpoint: string): readonly Uint8Array[];
  /** @throws RequestError */
  parse(body: Uint8Array, endpoint: string): R;
  nameUse(request: R): LocalUse;
  /** @throws EngineError */
  answer(means: LocalMeans, job: AtOnceJob<E, R>): Promise<LocalAnswer>;
}

/** One order of a call. */
export interface RequestPart<R> {
  readonly request: R;
  /** The bytes that the request was read from. */
  readonly body: Uint8Array;
}

export type RequestParts<R> = readonly [RequestPart<R>, ...RequestPart<R>[]];

/** A call whose answer comes at once. */
export interface AtOnceJob<E extends Engine, R> {
  readonly engine: E;
  readonly parts: RequestParts<R>;
  /** Media of all parts. Default: none. */
  readonly media?: RequestMedia;
}

/** Fields of a request that local mode checks for every modality. */
export interface LocalRequest extends CommonRequest {
  readonly preference: RequestPreference;
  /** Names of the fields that were left out. */
  readonly dropped: readonly string[];
  /** Whether the caller wants events. Default: one document. */
  readonly stream?: boolean;
}

export interface LocalMeans {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Aborted when the caller leaves. */
  readonly signal: AbortSignal;
  /** Sends an event ahead of those of the answer. Default: the caller wants one document. */
  readonly send?: (event: object) => Promise<void>;
  /** Whether the caller wants events of steps, which OpenAI's API does not have. Default: none. */
  readonly namesSteps?: boolean;
}

export interface LocalAnswer {
  /** Name under which its receipt is found. */
  readonly answerId: string;
  /** One for each choice, or for each part, in order. */
  readonly replies: readonly KeptReply[];
  /** The document of the answer. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The events of the answer, one for each choice and named by its type, if the caller wants events. */
  readonly events?: readonly Readonly<Record<string, unknown>>[];
}

/** A use of a model by an API of this machine, as error messages name it. */
export type LocalUse = 'chat' | 'completion' | 'generate' | 'embeddings' | 'reranking' | 'pictures' | 'tensors';

export interface OnDemandCalls<E extends Engine> {
  /** Calls the engine, and keeps its model loaded meanwhile. @throws ModelError, EngineError */
  readonly use: <T>(work: (engine: E) => Promise<T>) => Promise<T>;
  /** Loads the model until it is released. @throws ModelError, EngineError */
  readonly borrow: () => Promise<{ readonly engine: E; readonly release: () => void }>;
}

/** The model that an order is for. */
export interface OfferedEngine<E extends Engine> {
  readonly engine: E;
  /** The engine's info when the provider started. */
  readonly info: ReturnType<E['info']>;
  /** Shards of other providers that compute the layers before the engine's. Default: the engine has the whole model. */
  readonly chain?: CohortChain | undefined;
}

/** The steps of an order that depend on its modality, in the order in which a provider takes them. */
export interface OrderHandling<E extends Engine, R = unknown, J extends AcceptedOrder<R> = AcceptedOrder<R>> {
  readonly readRequest: ReadRequest<R>;
  /** Whether a payer may order a reply without taking it, and pay for standing by. */
  readonly allowsStandby: boolean;
  /** Checks a request against the offer before a model is loaded for it. @throws Refusal */
  assertServable(request: R, offer: OfferedEngine<E>): void;
  /**
   * Counts the prompt, checks that the order pays for the reply, and claims the order.
   * @param claim takes the reply id, so that the order cannot be served twice. It is called once.
   * @throws Refusal, RequestError, EngineError
   */
  accept(
    offer: OfferedEngine<E>,
    checked: CheckedOrder<R>,
    { message, claim }: { readonly message: GenerateRequest; readonly claim: () => Promise<AcceptedOrder<R>> },
  ): Promise<J>;
  /** Serves the reply, from its first event to its signed record. @throws Refusal, EngineError */
  serve(job: J, context: ServeContext, offer: OfferedEngine<E>): Promise<ServedCounts>;
}

/** A chat whose tokens are counted. */
export interface GivenChat {
  readonly body: Uint8Array;
  readonly media: RequestMedia;
  readonly nowMs: number;
}

/** Two engines that run one model in two classes. */
export interface EnginesApart<E extends Engine> {
  /** Serves the replies. */
  readonly provider: E;
  /** Runs them again. */
  readonly verifier: E;
}

export interface DistanceOptions {
  readonly crypto: Crypto;
  /** Honest replies, at least MIN_DISTANCE_REPLIES. */
  readonly replies: number;
  /** Default: the model's own number. */
  readonly steps: number | undefined;
  /** Version of the measuring software, as the row states it. */
  readonly codeVersion: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (measured: number) => void;
}

export interface ScoringMeans<E extends Engine> {
  readonly engine: E;
  readonly crypto: Crypto;
  /** The media of the request; see mediaBytes. Default: none. */
  readonly media?: RequestMedia;
}

/** A job of the engine's modality, every field in range. */
export interface ScorableJob {
  readonly jobId: Uint8Array;
  /** Claimed outputs: tokens of a text, inputs of an embedding. */
  readonly outputs: number;
  /** @returns the canonical report. @throws EngineError, Refusal */
  score(signal: AbortSignal): Promise<Uint8Array>;
}

/** A reply that passed stage 1, to be run again. */
export interface RerunClaim {
  readonly endpoint: string;
  readonly record: RecordV2;
  readonly opening: Opening;
  readonly request: Uint8Array;
  readonly tiers: readonly TierEntry[];
  readonly reply: ReplayedReply;
  /** Default: no blob is at hand. */
  readonly blobs?: FindBlob | undefined;
  /** Media of the request. Default: none. */
  readonly media?: RequestMedia | undefined;
}

export interface RerunMeans<E extends Engine> extends ScoringMeans<E> {
  readonly signal: AbortSignal;
  /**
   * Selects the parts to re-run, if the modality re-runs only some: 32 random bytes, so that the provider cannot have known the
   * parts. Default: NO_DRAW.
   */
  readonly draw?: Uint8Array;
}

export interface RerunFindings {
  readonly outcome: Outcome;
  readonly checks: readonly Check[];
  /** Class in which the pass ran here. */
  readonly numericClass: string | undefined;
  /** First position that differs from this machine's pass in the provider's own class, and the values of this machine's stages. */
  readonly difference: { readonly position: number; readonly stages: readonly string[] } | undefined;
}

/** Looks into one position of a reply, layer by layer. */
export interface Tracing<E extends Engine> {
  /** Reads a validator's question to a verifier. @throws Refusal */
  openJob(
    message: ScoreJobMessage,
    at: { readonly record: Uint8Array; readonly position: number },
    means: TracingMeans<E>,
  ): TraceJob;
  /**
   * Reads a question to a provider about a reply that it served. It traces the stored opening, so nobody can make it run anything else.
   * @throws Refusal, ProtocolError, RequestError
   */
  openReply(
    message: TracedPosition,
    findOpening: (replyId: Uint8Array) => Promise<{ readonly bytes: Uint8Array } | undefined>,
    means: TracingMeans<E>,
  ): Promise<TraceJob>;
}

export interface TracingMeans<E extends Engine> extends ScoringMeans<E> {
  readonly signer: HybridSigner;
}

export interface TraceJob {
  readonly outputs: number;
  /** @throws EngineError, Refusal */
  trace(signal: AbortSignal): Promise<SignedTrace>;
}

export interface TracedPosition {
  readonly record: Uint8Array;
  readonly request: Uint8Array;
  readonly endpoint: string;
  readonly position: number;
}

/** Facts of a model file from which its capabilities follow. */
export interface FileCapabilities {
  readonly template: string | undefined;
  /** Whether it can write a text between two others. */
  readonly canFill: boolean;
  readonly isReranker: boolean;
}
