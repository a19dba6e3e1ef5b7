import type { AuditDraw } from '../audit/audit.ts';
import type { Check } from '../base/checks.ts';
import type { EvidenceKind, VerifierMark } from '../settlement/verdict-log.ts';
import type { Claim, SignedRecord, StoredClaim } from './claim.ts';
import type { DriftPolicy } from './drift-policy.ts';
import type { HoneypotKey } from './honeypot/honeypot.ts';
import type { SilenceClaim } from './witnessed.ts';

/** From evidence to verdict: the deciding validator and its co-signers call the same function. */
export interface Judgement {
  readonly verdict: 'accept' | 'reject' | 'inconclusive' | 'unjudged';
  readonly evidence: EvidenceKind;
  readonly checks: readonly Check[];
  /** What the reports say of those who gave them, in the order in which they were asked. */
  readonly verifiers: readonly VerifierMark[];
  /**
   * Against "this reply is honest", where a drift table was asked: expectation at most 1 for an honest one. Undefined where
   * only the verdict speaks.
   */
  readonly eValue?: number | undefined;
  /** A report that two of different operators agreed on to the bit. */
  readonly agreed?: Uint8Array | undefined;
  /** Whose answer to the honeypot is in doubt, and past the fixed limits: too little for the log. */
  readonly suspect?: Uint8Array | undefined;
  /** The beacon draws a honeypot whose answer is known, and nothing is said of it: refused of whoever is of the deciding epoch's set. */
  readonly isUntold?: boolean | undefined;
  /**
   * A reject that nobody outside the draw has repeated. It costs the fee and not the name: verifiers in league can say anything.
   */
  readonly isUnproven?: boolean | undefined;
  /** The opening did not come. */
  readonly isWithheld?: boolean | undefined;
  /**
   * What another sitting is for: without it nobody, or only one verifier, has judged the reply (`verdict`), the provider cannot be
   * ejected yet (`ejection`), or only one verifier was asked, and it measured what speaks against the provider (`evidence`).
   */
  readonly wants?: 'verdict' | 'ejection' | 'evidence' | undefined;
}

export type JudgeErrorCode = 'proves-nothing' | 'wrong-verifier' | 'bad-report';

/** The evidence does not prove what it should. Whoever brought it is wrong, not the provider. */
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
    /** As submitted. Without it no report can be read, since the verifier's job is unknown. */
    readonly endpoint?: string;
  };
  readonly signed: SignedRecord;
  readonly validator: Uint8Array;
  /** Beacon that selected the reply; only stage 2 needs it. */
  readonly draw: AuditDraw | undefined;
  /** The least share of audits like this one that ask two verifiers at the same time, parts per million. Default: PAIR_PPM. */
  readonly pairPpm?: number;
  /** The share of audits that bring a honeypot along, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
  /** By what the honeypot's nonce is checked, where the evidence tells of one. */
  readonly vrfKey?: HoneypotKey;
  /** Beacons of the sittings after the first, in order. */
  readonly laterBeacons?: readonly Uint8Array[];
  /** Whether the first attempt may have gone to a verifier that the operators agreed on, named by its key hash. */
  readonly allowFixedVerifier: boolean;
  /** What scores are judged by; fixed thresholds where absent. */
  readonly drift?: DriftPolicy | undefined;
  /** By what the silence of verifiers is checked; it is believed where absent. */
  readonly witnessed?: WitnessedBy | undefined;
}

/** Who had to ask a verifier that is said to have been silent. */
export interface WitnessedBy extends Pick<SilenceClaim, 'ledger' | 'beacon' | 'members'> {
  /** Whether whoever judges was given that itself. */
  readonly wasShown?: ((question: Pick<SilenceClaim, 'asked' | 'target' | 'subject'>) => boolean) | undefined;
}

/** With all that verifiers are asked with. */
export type AuditContext = JudgementContext & { readonly claim: StoredClaim };
