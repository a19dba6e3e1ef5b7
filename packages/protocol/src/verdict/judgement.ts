import type { AuditDraw } from '../audit/audit.ts';
import type { Check } from '../base/checks.ts';
import type { EvidenceKind, VerifierMark } from '../settlement/verdict-log.ts';
import type { Claim, SignedRecord, StoredClaim } from './claim.ts';
import type { DriftPolicy } from './drift-policy.ts';
import type { HoneypotKey } from './honeypot/honeypot.ts';
import type { SilenceClaim } from './witnessed.ts';

/** The result of evidence. The deciding validator and its co-signers compute it by the same function. */
export interface Judgement {
  readonly verdict: 'accept' | 'reject' | 'inconclusive' | 'unjudged';
  readonly evidence: EvidenceKind;
  readonly checks: readonly Check[];
  /** The marks of the verifiers by their reports, in the order in which they were asked. */
  readonly verifiers: readonly VerifierMark[];
  /**
   * E-value against "this reply is honest", if a drift table was used. Its expectation is at most 1 for an honest reply.
   * Undefined if only the verdict counts.
   */
  readonly eValue?: number | undefined;
  /** A report that two verifiers of different operators agreed on to the bit. */
  readonly agreed?: Uint8Array | undefined;
  /** The verifier whose answer to the honeypot is in doubt and past the fixed limits. That is too little for the log. */
  readonly suspect?: Uint8Array | undefined;
  /**
   * Set if the beacon draws a honeypot with a known answer and the evidence omits it. This is refused from a validator of the
   * deciding epoch's set, until a day is over.
   */
  readonly isUntold?: boolean | undefined;
  /**
   * Set for a reject that no verifier outside the draw has repeated. It costs the fee and does not eject, because colluding
   * verifiers can report anything.
   */
  readonly isUnproven?: boolean | undefined;
  /** Index of the shard that a reject is about, if a cohort served. Default: the provider that signed the record. */
  readonly culprit?: number | undefined;
  /** Set if the opening did not come. */
  readonly isWithheld?: boolean | undefined;
  /** Set if the validator did not ask for the opening in time. This is no fault of the provider. */
  readonly isUnasked?: boolean | undefined;
  /**
   * The need for another audit attempt:
   * - `verdict`: no verifier, or only one, has reported on the reply.
   * - `ejection`: the provider cannot be ejected yet.
   * - `evidence`: only one verifier was asked, and its measurement counts against the provider.
   */
  readonly wants?: 'verdict' | 'ejection' | 'evidence' | undefined;
}

export type JudgeErrorCode = 'proves-nothing' | 'wrong-verifier' | 'bad-report';

/** The error of evidence that does not prove its claim. Its sender is wrong, not the provider. */
export class JudgeError extends Error {
  override readonly name = 'JudgeError';
  readonly code: JudgeErrorCode;
  readonly retryable = false;
  constructor(code: JudgeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface JudgementContext {
  readonly claim: Pick<Claim, 'order' | 'record'> & {
    readonly header?: Claim['header'];
    /** The endpoint as submitted. Without it no report can be parsed, since the verifier's job is unknown. */
    readonly endpoint?: string;
    /** The terms of the cohort that served. Default: one provider served. */
    readonly cohort?: Claim['cohort'];
  };
  readonly signed: SignedRecord;
  readonly validator: Uint8Array;
  /** Beacon that selected the reply. Only stage 2 needs it. */
  readonly draw: AuditDraw | undefined;
  /** The least share of audits like this one that ask two verifiers at the same time, parts per million. Default: PAIR_PPM. */
  readonly pairPpm?: number;
  /** The share of audits that bring a honeypot along, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
  /** The key that checks the honeypot's nonce, if the evidence has a honeypot. */
  readonly vrfKey?: HoneypotKey;
  /** Beacons of the audit attempts after the first, in order. */
  readonly laterBeacons?: readonly Uint8Array[];
  /** Set if the first attempt may have gone to a verifier that the operators agreed on, named by its key hash. */
  readonly allowFixedVerifier: boolean;
  /** The drift policy for scores. Without it fixed thresholds decide. */
  readonly drift?: DriftPolicy | undefined;
  /** The data that verifies the silence of verifiers. Without it silence is believed. */
  readonly witnessed?: WitnessedBy | undefined;
}

/** The possible witnesses of a verifier's silence. */
export interface WitnessedBy extends Pick<SilenceClaim, 'ledger' | 'beacon' | 'members'> {
  /** Returns whether this validator itself received the missing thing. */
  readonly wasShown?: ((question: Pick<SilenceClaim, 'asked' | 'target' | 'subject'>) => boolean) | undefined;
}

/** The context with all inputs of the verifiers. */
export type AuditContext = JudgementContext & { readonly claim: StoredClaim };
