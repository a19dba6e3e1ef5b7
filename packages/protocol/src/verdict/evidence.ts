import { MAX_ASKED, MAX_AUDIT_ATTEMPTS } from '../audit/audit-attempt.ts';
import { ProtocolError } from '../base/bytes.ts';
import {
  address,
  bytes,
  bytes16,
  bytes32,
  type Codec,
  createFormat,
  flag,
  hash,
  list,
  optional,
  refine,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../base/codec.ts';
import { MAX_HEADER_BYTES, MAX_OPENING_BYTES } from '../commitment/opening.ts';
import { MAX_RECORD_BYTES } from '../commitment/record.ts';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES } from '../crypto/hybrid.ts';
import { VRF_PROOF_BYTES } from '../crypto/vrf.ts';
import type { SignedAnnouncement } from '../exchange/announcement.ts';
import { type ListedSegment, listedSegmentCodec } from '../exchange/cohort/listed-segment.ts';
import { END_BYTES, type SignedEnd } from '../exchange/ending/order-end.ts';
import { MAX_NUMERIC_CLASS_BYTES } from '../exchange/limits.ts';
import type { OrderConsent } from '../exchange/order-consent.ts';
import { SALT_BYTES } from '../modality/shared/score-commitment.ts';
import { areRates } from '../modality/text/drift/drift-verdict.ts';
import { MAX_REPORT_BYTES } from '../modality/text/stage2/score-report.ts';
import { type BoundRecord, MAX_HEADER_PROOF, type SignedRecord } from './claim.ts';
import { credentialCodec } from './credential.ts';
import { type DriftNote, toRates } from './drift-policy.ts';
import { type Statement, statementList } from './witnessed.ts';

export const EVIDENCE_TAG = 'ogong-evidence-v1';

/** The evidence for a verdict. Anybody with the bytes reaches the same verdict (docs/spec/evidence.md). */
export type Evidence =
  | AuditEvidence
  | EquivocationEvidence
  | WithheldEvidence
  | UnaskedEvidence
  | AbandonedEvidence
  | ShownEvidence
  | EndedEvidence;

export interface AuditEvidence {
  readonly kind: 'audit';
  /** Canonical opening. */
  readonly opening: Uint8Array;
  /**
   * For each audit attempt the candidates that its verifiers were drawn from, ascending by provider id. Empty if stage 1
   * decided. A single list is empty if no candidate could be drawn.
   */
  readonly lists: readonly (readonly EvidenceCandidate[])[];
  /** The drift policy for the scores; absent if fixed thresholds decided. */
  readonly drift?: DriftNote | undefined;
  /** In the order in which they were asked. */
  readonly attempts: readonly Attempt[];
  /** The state of the honeypot that the beacon drew to go along. */
  readonly honeypot?: HoneypotEvidence | undefined;
}

/** The honeypot of an audit. Its verifier and its subject follow from the audit and the proof. */
export interface HoneypotEvidence
  extends Pick<Attempt, 'verifierId' | 'committed' | 'opened' | 'credential' | 'statements'> {
  /** Proof of the handling validator's VRF, 80 bytes. Its output is the nonce. */
  readonly proof: Uint8Array;
}

export interface EvidenceCandidate {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  /** Hash of the key that signs the reports. */
  readonly keyHash: Uint8Array;
  /** Operator, 32 bytes, equal for all candidates that seem to have one operator. */
  readonly operator: Uint8Array;
  /** The class in which it announces the model. */
  readonly numericClass: string;
  /** Tokens of prompt and reply for which it announces room. */
  readonly contextSize: number;
  /** The part of the model that it holds. Default: all of it. */
  readonly segment?: ListedSegment | undefined;
  /** Chances in the draw, 1 at least, below 2^64. */
  readonly weight: bigint;
}

export interface Attempt {
  /** Provider id of the candidate that was drawn. */
  readonly verifierId: Uint8Array;
  /** Number of the audit attempt, from 0, and of its list. */
  readonly sitting: number;
  /** From 0, counted through all audit attempts. Attempts of one round were asked at the same time. */
  readonly round: number;
  /** 16 bytes, the validator's secret until the verdict. The job id derives from it. */
  readonly nonce: Uint8Array;
  /** Absent if it committed to nothing in time. */
  readonly committed: SignedCommitment | undefined;
  /** Absent if it did not open its commitment. An opened report that does not parse does not count. */
  readonly opened: OpenedReport | undefined;
  /**
   * Credential of the payee that is liable for the report, or for the silence; absent for a verifier that the operators agreed
   * on.
   */
  readonly credential?: SignedAnnouncement | undefined;
  /** Statements of the witnesses that asked it too, if it committed to nothing or opened nothing. */
  readonly statements?: readonly Statement[] | undefined;
}

export interface SignedCommitment {
  readonly verifierKey: Uint8Array;
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

export interface OpenedReport {
  readonly salt: Uint8Array;
  readonly report: Uint8Array;
  /** Signature of the opening: salt, report, and the digests of the whole round. */
  readonly signature: Uint8Array;
}

/** Two records that the provider signed for one order. The verdict is about the first one. */
export interface EquivocationEvidence {
  readonly kind: 'equivocation';
  readonly first: HeaderLeaf;
  readonly second: HeaderLeaf & Pick<SignedRecord, 'record' | 'signature'>;
}

/** Leaf 0 of a record's commitment, which names the record's order, with its inclusion proof. */
export type HeaderLeaf = Pick<BoundRecord, 'header' | 'headerProof'>;

/** The provider did not open within the audit window. Witnesses state it, so this is never exact. */
export interface WithheldEvidence {
  readonly kind: 'withheld';
  readonly statements: readonly Statement[];
}

/**
 * The validator did not ask often enough while the provider had to store record and opening, and witnesses found nothing later.
 * So the contents of the reply are unknown.
 */
export interface UnaskedEvidence {
  readonly kind: 'unasked';
  /** The provider's signed consent to the order, if there is no record. */
  readonly consent: OrderConsent | undefined;
  readonly statements: readonly Statement[];
}

/**
 * The provider promised a reply, and witnesses that asked for the record received nothing. Without its consent and their
 * statements nobody may call a reply abandoned.
 */
export interface AbandonedEvidence {
  readonly kind: 'abandoned';
  readonly consent: OrderConsent;
  readonly statements: readonly Statement[];
}

/** An opening that blobs refute which it names, such as a latent that does not follow from the step before. */
export interface ShownEvidence {
  readonly kind: 'shown';
  /** Canonical opening. */
  readonly opening: Uint8Array;
  /** The bytes of each blob. Their roots under the answer's blind stand in the opening. */
  readonly blobs: readonly Uint8Array[];
}

/** The provider ended the order without a record. Its statement is all of the evidence. */
export interface EndedEvidence {
  readonly kind: 'ended';
  readonly end: SignedEnd;
}

/** The most blobs of one piece of evidence, and the bytes of each at most. */
export const MAX_SHOWN_BLOBS = 8;
export const MAX_SHOWN_BYTES = 4 * 1024 * 1024;

export const MAX_LISTED_VERIFIERS = 256;
/** The most attempts in all audit attempts together. */
const MAX_ATTEMPTS = MAX_AUDIT_ATTEMPTS * MAX_ASKED;
export const JOB_NONCE_BYTES = 16;

const driftCodec: Codec<DriftNote> = refine(
  struct({ tableHash: hash, rejectPpb: u32, doubtPpb: u32, extrapolate: flag }),
  (note) => {
    if (areRates(toRates(note))) return;
    throw new ProtocolError('out-of-range', `rates of ${note.rejectPpb} and ${note.doubtPpb} parts per billion`);
  },
);
const driftFormat = createFormat(optional(driftCodec), {});

/** The fields of a candidate that follow from its announcement. */
const described = {
  providerId: hash,
  payee: address,
  keyHash: hash,
  operator: hash,
  numericClass: text(MAX_NUMERIC_CLASS_BYTES),
  contextSize: u32,
  segment: optional<ListedSegment>(listedSegmentCodec),
};
const describedFormat = createFormat<Omit<EvidenceCandidate, 'weight'>>(struct(described), {});

const candidatesCodec: Codec<readonly EvidenceCandidate[]> = list(struct({ ...described, weight: u64 }), {
  count: u16,
  max: MAX_LISTED_VERIFIERS,
});
const candidatesFormat = createFormat(candidatesCodec, {});

const signature = bytes(HYBRID_SIGNATURE_BYTES);
const commitment = struct({ verifierKey: bytes(HYBRID_PUBLIC_KEY_BYTES), digest: hash, signature });
const opened = struct({ salt: bytes(SALT_BYTES), report: bytes32(MAX_REPORT_BYTES), signature });
const call = struct({ verifierId: hash, sitting: u8, round: u8, nonce: bytes(JOB_NONCE_BYTES) });
/** The progress of a verifier. */
const progress = union('state', {
  silent: struct({ statements: statementList, credential: optional(credentialCodec) }),
  committed: struct({ committed: commitment, statements: statementList, credential: optional(credentialCodec) }),
  opened: struct({ committed: commitment, opened, credential: optional(credentialCodec) }),
});

type Progress = Pick<Attempt, 'committed' | 'opened' | 'credential' | 'statements'>;

/** Codec of a question and the progress of its verifier. */
const createAskedCodec = <C extends object>(asked: Codec<C>): Codec<C & Progress> => ({
  write(writer, one) {
    const { committed, opened, credential, statements = [] } = one;
    if (opened && !committed) throw new ProtocolError('malformed', 'a report that nobody committed to');
    asked.write(writer, one);
    if (committed === undefined) progress.write(writer, { state: 'silent', statements, credential });
    else if (opened === undefined) progress.write(writer, { state: 'committed', committed, statements, credential });
    else progress.write(writer, { state: 'opened', committed, opened, credential });
  },
  read(reader) {
    const what = asked.read(reader);
    const { state: _state, ...answer } = progress.read(reader);
    return { ...what, committed: undefined, opened: undefined, ...answer };
  },
});

const attemptCodec: Codec<Attempt> = createAskedCodec(call);
const honeypotCodec: Codec<HoneypotEvidence> = createAskedCodec(
  struct({ verifierId: hash, proof: bytes(VRF_PROOF_BYTES) }),
);

const headerLeaf = {
  header: bytes16(MAX_HEADER_BYTES),
  headerProof: list(hash, { count: u8, max: MAX_HEADER_PROOF }),
};

const consentCodec: Codec<OrderConsent> = struct({ providerKey: bytes(HYBRID_PUBLIC_KEY_BYTES), signature });
const consentFormat = createFormat(consentCodec, {});

const endCodec: Codec<SignedEnd> = struct({
  end: bytes(END_BYTES),
  providerKey: bytes(HYBRID_PUBLIC_KEY_BYTES),
  signature,
});

const evidenceFormat = createFormat(
  union('kind', {
    audit: struct({
      opening: bytes32(MAX_OPENING_BYTES),
      drift: optional(driftCodec),
      lists: list(candidatesCodec, { count: u8, max: MAX_AUDIT_ATTEMPTS }),
      attempts: list(attemptCodec, { count: u8, max: MAX_ATTEMPTS }),
      honeypot: optional(honeypotCodec),
    }),
    equivocation: struct({
      first: struct(headerLeaf),
      second: struct({ record: bytes16(MAX_RECORD_BYTES), signature, ...headerLeaf }),
    }),
    withheld: struct({ statements: statementList }),
    unasked: struct({ consent: optional(consentCodec), statements: statementList }),
    abandoned: struct({ consent: consentCodec, statements: statementList }),
    shown: struct({
      opening: bytes32(MAX_OPENING_BYTES),
      blobs: list(bytes32(MAX_SHOWN_BYTES), { count: u8, min: 1, max: MAX_SHOWN_BLOBS }),
    }),
    ended: struct({ end: endCodec }),
  }),
  { tag: EVIDENCE_TAG },
);

/** @throws ProtocolError */
export const encodeEvidence = (evidence: Evidence): Uint8Array =>
  evidenceFormat.encode(evidence.kind === 'audit' ? encodable(evidence) : evidence);

const encodable = ({ drift, honeypot, ...evidence }: AuditEvidence) => ({ ...evidence, drift, honeypot });

/** @throws ProtocolError */
export const parseEvidence = (bytes: Uint8Array): Evidence => evidenceFormat.decode(bytes);

/** Encodes a provider's consent for storage between admission and verdict. */
export const encodeKeptConsent = (consent: OrderConsent): Uint8Array => consentFormat.encode(consent);

/** @throws ProtocolError */
export const parseKeptConsent = (bytes: Uint8Array): OrderConsent => consentFormat.decode(bytes);

/** Encodes the drift policy of a reply for storage between the draw of its verifiers and the verdict. */
export const encodeDrift = (note: DriftNote | undefined): Uint8Array => driftFormat.encode(note);

/** @throws ProtocolError */
export const parseDrift = (bytes: Uint8Array): DriftNote | undefined => driftFormat.decode(bytes);

/** Encodes a candidate of a list without its weight. */
export const encodeDescribed = (candidate: Omit<EvidenceCandidate, 'weight'>): Uint8Array =>
  describedFormat.encode(candidate);

export const encodeCandidates = (candidates: readonly EvidenceCandidate[]): Uint8Array =>
  candidatesFormat.encode(candidates);

/** @throws ProtocolError */
export const parseCandidates = (bytes: Uint8Array): EvidenceCandidate[] => [...candidatesFormat.decode(bytes)];
