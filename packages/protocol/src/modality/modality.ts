import type { Check } from '../base/checks.ts';
import type { BlobRef } from '../commitment/blob.ts';
import type { CommonHeader } from '../commitment/common-header.ts';
import type { Opening } from '../commitment/opening.ts';
import type { RecordV2 } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { TokenBound } from '../exchange/fee.ts';
import type { OrderContext } from '../stage1/common-checks.ts';
import type { TierEntry } from '../tier/tier.ts';
import type { BlobWalk, WalkedBlobs, WantedJob } from './blob-walk.ts';
import type { Demands } from './demands.ts';
import type { RequestPreference } from './shared/preference-fields.ts';
import type { ScoreInputs } from './shared/score-commitment.ts';
import type { ServingCohort } from './shared/serving-cohort.ts';
import type { ReportVerdict } from './text/adjudicate.ts';
import type { DriftTable } from './text/drift/drift-table.ts';
import type { DecisionRates } from './text/drift/drift-verdict.ts';
import type { ShardInput } from './text/shard-audit.ts';
import type { JobSegment } from './text/stage2/text-claim.ts';

/** The fields that every request has. */
export interface CommonRequest {
  readonly endpoint: string;
  /** `ogong/<tier>/<maker>/<model>`. */
  readonly model: string;
  readonly demands: Demands;
  /** The preference of a body. A summary has none, since it has no effect on the verdict. */
  readonly preference?: RequestPreference;
}

/**
 * One kind of model, from the request to the verdict (docs/spec/modality.md). Everything else is the same for every modality:
 * orders, records, the commitment tree, commit and reveal, combining reports, settlement. A new modality is a folder beside
 * `embedding`, and a line in `registry.ts`.
 */
export interface Modality {
  readonly name: string;
  /** The units that its prices and fees count, plural: prices are per 1,000 of them. */
  readonly units: string;
  /** Endpoint names in records and receipts. */
  readonly endpoints: readonly string[];
  /** @throws RequestError */
  parseRequest(body: Uint8Array, endpoint: string): CommonRequest;
  /** Encodes the co-signers' view of a request, without its texts. The request's hash is that of these bytes. */
  encodeSummary(crypto: Crypto, request: CommonRequest, bodyHash: Uint8Array): Uint8Array;
  /** Parses all fields of a request except its texts. @throws ProtocolError */
  parseSummary(bytes: Uint8Array): CommonRequest;
  /** The most that a request can bill. */
  boundTokens(asked: CommonRequest): TokenBound;
  /** The most tokens that a reply of a provider with this context can bill. The maximum fee of an order follows from it. */
  boundBilled(asked: CommonRequest, contextSize: number): number;
  /**
   * Returns the longest time that a provider with this context is expected to need, ms. The lifetime of an order follows from it, so a
   * slow but honest machine must finish within it.
   */
  expectMs(asked: CommonRequest, contextSize: number): number;
  /** The most tokens of one pass over it. A provider's context must have room for them. */
  boundContext(request: CommonRequest): number;
  /** The tag at the beginning of its headers. */
  readonly headerTag: string;
  /** @throws ProtocolError */
  parseHeader(bytes: Uint8Array): CommonHeader;
  /** Tokens of the longest pass, as committed. */
  countContext(header: CommonHeader): number;
  /** The number that the record counts: tokens of a text, vectors of an embedding. */
  countOutputs(header: CommonHeader): number;
  /** The most bytes of a canonical response. */
  readonly maxResponseBytes: number;
  /**
   * Whether the reply comes part by part. Then its payer signs its progress, and the fee depends on that statement
   * (docs/spec/progress.md).
   */
  readonly hasProgress: boolean;
  /** Returns whether the reply was truncated. Without its payer's progress statement nothing is paid for it. */
  wasCutShort(header: CommonHeader): boolean;
  /**
   * Returns the longest time that a verifier is expected to need for a job, ms. The timeout of its calls follows from it. 0: the usual
   * timeout is long enough. It depends on the size of a job and does not reveal of which kind the job is.
   * @throws ProtocolError
   */
  expectJobMs(job: SizedJob): number;
  /** Counts leaves of a commitment without its header; 0 if so many outputs cannot be committed. */
  countLeaves(outputs: number): number;
  /** Directions of the sketches of local mode. Default: DEFAULT_DIRECTIONS. */
  readonly localDirections?: number;
  /** Checks that a header agrees with order, request and beacon. */
  checkHeader(crypto: Crypto, header: CommonHeader, context: ModalityContext): readonly Check[];
  /** Checks a header that a machine made for its own user: no order and no beacon fix its fields. */
  checkLocalHeader(crypto: Crypto, header: CommonHeader, context: LocalReplyContext): readonly Check[];
  /** Every check that needs the opening. A compact receipt skips them by name. */
  readonly openingChecks: readonly string[];
  /** Lists the blobs that stage 1 reads, in order. Default: none. @throws ProtocolError if the opening's form is wrong. */
  listReplayBlobs?(opening: Opening): readonly BlobRef[];
  /** Lists the blobs that a job for verifiers needs, in order. Default: those that stage 1 reads. @throws ProtocolError as above. */
  listJobBlobs?(opening: Opening): readonly BlobRef[];
  /**
   * Runs the checks of stage 1 that read blobs, over one blob after another. Default: stage 1 reads all of them at once.
   * @param job the kept values are for it. @throws ProtocolError if the opening is not that of the record, or has a wrong form.
   */
  walkBlobs?(crypto: Crypto, record: RecordV2, opening: Opening, job?: WantedJob): BlobWalk;
  /** Checks of stage 1 that read these blobs. Default: none. */
  readonly blobChecks?: readonly string[];
  /** The form of requests that test providers. Default: the modality has no tests. */
  readonly canary?: CanaryForm;
  /** Returns whether a reply with this header may become a honeypot. Default: none may. */
  plants?(header: CommonHeader): boolean;
  /** Runs stage 1 of an opening that hashes to the record's root. */
  replay(crypto: Crypto, record: RecordV2, opening: Opening, options?: ReplayOptions): ReplayedReply;
}

/** The parts of a verifier's job that tell its size. */
export interface SizedJob extends Pick<ScoreInputs, 'header' | 'claim'> {
  /** The exact bytes. */
  readonly request: Uint8Array;
}

/** The form of requests that look like those of consumers and test a provider (docs/spec/canary.md). */
export interface CanaryForm {
  readonly endpoints: readonly string[];
  /**
   * Copies the fields of a real request, with other texts of the same length.
   * @param write returns another text in place of a given one.
   * @returns undefined if a part cannot be copied without the consumer's text, or the test would cost too much.
   */
  copy(
    given: Readonly<Record<string, unknown>>,
    write: (text: string) => string,
  ): Readonly<Record<string, unknown>> | undefined;
  /** Composes the fields for a model without traffic. @param cut returns a text of that many characters. @param random 0..1. */
  compose(
    cut: (length: number) => string,
    random: () => number,
  ): { readonly endpoint: string; readonly fields: Readonly<Record<string, unknown>> };
  /** Returns whether an object is a whole answer that came in one piece. */
  isAnswer(answer: Readonly<Record<string, unknown>>): boolean;
}

/** Finds the bytes of a blob by its root. They were checked against the root. Undefined if the blob is not at hand. */
export type FindBlob = (root: Uint8Array) => Uint8Array | undefined;

export interface ReplayOptions {
  /** The tiers that a header may state. Default: those of the network. */
  readonly tiers?: readonly TierEntry[] | undefined;
  /** Default: no blob is at hand, and every check that reads one is skipped. */
  readonly blobs?: FindBlob | undefined;
  /** The result of `walkBlobs` for the same commitment. It takes the place of the blobs. */
  readonly walked?: WalkedBlobs | undefined;
}

/** The draw of a job that no beacon selected. Anybody can predict it, so it protects no reply. */
export const NO_DRAW: Uint8Array = new Uint8Array(32);

/** A reply of local mode, without the signatures that the network adds. */
export interface LocalReplyContext<R extends CommonRequest = CommonRequest> {
  readonly request: R;
  readonly record: RecordV2;
  readonly response: Uint8Array;
  /** Whether the header states the tier of local mode. */
  readonly hasTier: boolean;
}

export interface ModalityContext extends OrderContext {
  readonly request: CommonRequest;
}

/** A reply after stage 1: its checks, and the inputs of stage 2. */
export interface ReplayedReply {
  readonly checks: readonly Check[];
  /** The header, if there is one. */
  readonly header: CommonHeader | undefined;
  /** The bytes of the blobs that a failed check rests on. Evidence shows them. Default: the opening alone refutes itself. */
  readonly refutedBy?: readonly Uint8Array[] | undefined;
  /**
   * Describes the parts of the reply that a verifier receives, as bytes. Only if no check failed.
   * @param draw value of the beacon that selected the reply, 32 bytes. It selects the parts, if the modality sends only some.
   * @param cohort terms of the providers that served together. Default: one provider served.
   * @param segment layers of the one shard that the job is about. Default: all layers. @throws ProtocolError if findShardInput finds none.
   */
  describeJob(
    endpoint: string,
    draw: Uint8Array,
    cohort?: ServingCohort,
    segment?: JobSegment,
  ): Omit<ScoreInputs, 'requestHash'>;
  /**
   * Finds the input that verifiers of one shard repeat, or the reason that the opening shows no such input. Only if no check failed.
   * Default: the modality has no shards.
   */
  findShardInput?(cohort: ServingCohort | undefined, segment: JobSegment): ShardInput | { readonly problem: string };
  /**
   * Makes the bytes that travel beside the job of this draw, in the order in which the claim names them. Undefined if stage 1 could not
   * read the blobs that they follow from. Only if no check failed. Default: none travel.
   */
  makeJobBlobs?(draw: Uint8Array): readonly Uint8Array[] | undefined;
  /** Makes a honeypot of the reply, if the modality plants one with this header. Only if no check failed. */
  plant?(terms: PlantTerms): PlantedReply;
  /** Reads a verifier's report that answers the job, or the reason that it does not. Only if no check failed. */
  readReport(bytes: Uint8Array, job: ReportedJob): ReadReport;
}

export interface ReportedJob {
  readonly jobId: Uint8Array;
  /** As for `describeJob`. */
  readonly draw: Uint8Array;
  /** Tokens for which the verifier announced room. */
  readonly contextSize: number;
  /** As for `describeJob`. */
  readonly cohort?: ServingCohort | undefined;
  /** As for `describeJob`. */
  readonly segment?: JobSegment | undefined;
  /** The class in which the verifier signed that it computes this model; undefined without a signature. */
  readonly endorsedClass?: string | undefined;
}

export interface PlantTerms {
  readonly endpoint: string;
  /** As for `describeJob`. */
  readonly draw: Uint8Array;
  /** 32 bytes that nobody else knows before the verdict. They decide the change, if there is one. */
  readonly seed: Uint8Array;
  /** The class in which the honeypot's verifier has signed that it computes this model. */
  readonly endorsedClass: string;
}

/** A reply as the verifier of a honeypot receives it (docs/spec/honeypots.md). */
export interface PlantedReply {
  readonly inputs: Omit<ScoreInputs, 'requestHash'>;
  /** As `makeJobBlobs` of the reply. Default: no bytes travel beside the job. */
  makeBlobs?(): readonly Uint8Array[] | undefined;
  /** Reads a report that answers the job. @throws ProtocolError */
  read(bytes: Uint8Array, job: { readonly jobId: Uint8Array }): PlantedAnswer | PlantedProblem;
}

/** The reason that a report does not answer a honeypot. */
export interface PlantedProblem {
  readonly problem: string;
  /** Set if the report has the shape of the job, and breaks its verifier's own statement. */
  readonly isWellFormed?: true;
}

export interface PlantedAnswer {
  /** As of a VerifierReport. */
  readonly tokens: number;
  /**
   * Compares the answer with the known one. `doubted`: unlikely by measured drift. `isSuspect`: too little is measured for a log entry.
   * @param known the common answer of both verifiers of the pair.
   */
  compare(
    known: Uint8Array,
    drift: WeighPolicy['drift'] | undefined,
  ): { readonly outcome: 'refuted' | 'doubted' | 'credited'; readonly isSuspect?: boolean };
}

export type ReadReport = VerifierReport | { readonly problem: string };

export interface VerifierReport {
  /** The class in which it was made. */
  readonly numericClass: string;
  /** The class of the shard that it is about. Default: that of the reply. */
  readonly servedClass?: string;
  /** Whether the verifier claims that its pass reproduces the provider's class. */
  readonly claimsExact: boolean;
  /** Whether it compares no position, because nothing of the reply fits into the verifier's context. */
  readonly isBlank: boolean;
  /** Tokens of the verifier's pass, by the header's count of the prompt; it is paid per token. A blank report has none. */
  readonly tokens: number;
  /** Equal for two verifiers with the same result. */
  readonly finding: Uint8Array;
  /** The data for a honeypot, if the modality has honeypots. */
  readonly answer?: Uint8Array;
  weigh(policy: WeighPolicy): ReportVerdict;
}

/** The policy for scores if no equality holds. */
export interface WeighPolicy {
  readonly drift?: { readonly table: DriftTable; readonly rates?: DecisionRates };
}
