import type { Check } from '../base/checks.ts';
import type { CommonHeader } from '../commitment/common-header.ts';
import type { Opening } from '../commitment/opening.ts';
import type { RecordV2 } from '../commitment/record.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { TokenBound } from '../exchange/fee.ts';
import type { OrderContext } from '../stage1/common-checks.ts';
import type { TierEntry } from '../tier/tier.ts';
import type { Demands } from './demands.ts';
import type { RequestPreference } from './shared/preference-fields.ts';
import type { ScoreInputs } from './shared/score-commitment.ts';
import type { ReportVerdict } from './text/adjudicate.ts';
import type { DriftTable } from './text/drift/drift-table.ts';
import type { DecisionRates } from './text/drift/drift-verdict.ts';

/** The fields that every request has. */
export interface CommonRequest {
  readonly endpoint: string;
  /** `ogong/<tier>/<maker>/<model>`. */
  readonly model: string;
  readonly demands: Demands;
  /** Of a body; no summary has it, since no reply is held against it. */
  readonly preference?: RequestPreference;
}

/**
 * One kind of model, from the request to the verdict (docs/spec/modality.md). Everything else is the same for every modality:
 * orders, records, the commitment tree, commit and reveal, combining reports, settlement. A new modality is a folder beside
 * `embedding`, and a line in `registry.ts`.
 */
export interface Modality {
  readonly name: string;
  /** As records and receipts name them. */
  readonly endpoints: readonly string[];
  /** @throws RequestError */
  parseRequest(body: Uint8Array, endpoint: string): CommonRequest;
  /** What co-signers see of a request, without its texts. The request's hash is that of these bytes. */
  encodeSummary(crypto: Crypto, request: CommonRequest, bodyHash: Uint8Array): Uint8Array;
  /** All of a request but its texts. @throws ProtocolError */
  parseSummary(bytes: Uint8Array): CommonRequest;
  /** The most that a request can bill. */
  boundTokens(asked: CommonRequest): TokenBound;
  /** The most tokens that one pass over it can take, which is what a provider's context has to hold. */
  boundContext(request: CommonRequest): number;
  /** The tag that its headers open with. */
  readonly headerTag: string;
  /** @throws ProtocolError */
  parseHeader(bytes: Uint8Array): CommonHeader;
  /** Tokens of the longest pass, as committed. */
  countContext(header: CommonHeader): number;
  /** What the record counts: tokens of a text, vectors of an embedding. */
  countOutputs(header: CommonHeader): number;
  /** Its reply comes part by part, and its payer signs how much of it has come: then it is paid by that word (docs/spec/progress.md). */
  readonly hasProgress: boolean;
  /** Whether the reply was ended before it was over. Without its payer's word nothing is paid for it. */
  wasCutShort(header: CommonHeader): boolean;
  /** Forward passes that a verifier of the claim needs; the time for one call follows from it. @throws ProtocolError */
  countPasses(claim: Uint8Array): number;
  /** Leaves of a commitment besides its header; 0 if so many outputs cannot be committed. */
  countLeaves(outputs: number): number;
  /** Whether a header says what order, request and beacon fix. */
  checkHeader(crypto: Crypto, header: CommonHeader, context: ModalityContext): readonly Check[];
  /** Every check that needs the opening, so that a compact receipt skips them by name. */
  readonly openingChecks: readonly string[];
  /**
   * Stage 1 of an opening that hashes to the record's root.
   * @param tiers those that a header may state. Default: those of the network.
   */
  replay(crypto: Crypto, record: RecordV2, opening: Opening, tiers?: readonly TierEntry[]): ReplayedReply;
}

export interface ModalityContext extends OrderContext {
  readonly request: CommonRequest;
}

/** A reply whose own bytes were read: the checks of stage 1, and what stage 2 needs. */
export interface ReplayedReply {
  readonly checks: readonly Check[];
  /** Where there is one. */
  readonly header: CommonHeader | undefined;
  /** The parts of the reply that a verifier gets, as the bytes that it gets. Only where no check failed. */
  describeJob(endpoint: string): Omit<ScoreInputs, 'requestHash'>;
  /** A verifier's report that answers the job, or why it does not. Only where no check failed. */
  readReport(bytes: Uint8Array, job: ReportedJob): ReadReport;
}

export interface ReportedJob {
  readonly jobId: Uint8Array;
  /** Tokens that the verifier announced room for. */
  readonly contextSize: number;
  /** In which the verifier signed that it computes this model; undefined where nobody has signed. */
  readonly endorsedClass?: string | undefined;
}

export type ReadReport = VerifierReport | { readonly problem: string };

export interface VerifierReport {
  /** The class in which it was made. */
  readonly numericClass: string;
  /** Whether the verifier says that its pass reproduces the provider's class. */
  readonly claimsExact: boolean;
  /** Whether it compares no position, because nothing of the reply fits into the verifier's room. */
  readonly isBlank: boolean;
  /** That the verifier's pass took, by the header's count of the prompt: what it is paid by. A blank report took none. */
  readonly tokens: number;
  /** Equal for two verifiers that computed the same. */
  readonly finding: Uint8Array;
  /** What a honeypot can be made of, where the modality has them. */
  readonly answer?: Uint8Array;
  weigh(policy: WeighPolicy): ReportVerdict;
}

/** How scores are judged where no equality holds. */
export interface WeighPolicy {
  readonly drift?: { readonly table: DriftTable; readonly rates?: DecisionRates };
}
