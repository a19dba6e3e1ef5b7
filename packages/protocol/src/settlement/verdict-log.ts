import { MAX_ASKED, MAX_AUDIT_ATTEMPTS } from '../audit/audit-attempt.ts';
import { createWriter, equalBytes, ProtocolError } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import { type Check, fail, isOk, pass } from '../base/checks.ts';
import {
  address,
  bytes,
  type Codec,
  type CodecType,
  createFormat,
  flag,
  hash,
  list,
  oneOf,
  optional,
  refine,
  safeInteger,
  struct,
  u8,
  u32,
  u64,
  u128,
  union,
  within,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { countLayers, MAX_SHARDS, shardsCodec } from './cohort.ts';

/**
 * The verdicts in the append-only log of one handling validator (docs/spec/verdict-log.md). Each entry names the hash of the
 * one before, so a head commits to all earlier entries. A quorum settles heads in batches.
 */
export const VERDICTS = ['accept', 'reject', 'inconclusive', 'unaudited', 'abandoned', 'unjudged'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** `exact`: an equality that failed or held, reproducible by anyone. `statistical`: scores against thresholds. */
export const EVIDENCE_KINDS = ['none', 'exact', 'statistical'] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

/**
 * The effect of an entry on the tests of its provider (log-tests.ts).
 * - `none`: nothing was decided or measured.
 * - `reply`: one step with the e-value.
 * - `late`: the opening did not come; a step of the other test.
 */
export const LOG_STEPS = ['none', 'reply', 'late'] as const;

/** The most verifiers that all audit attempts of a reply may ask. */
export const MAX_VERIFIERS_PER_REPLY = MAX_AUDIT_ATTEMPTS * MAX_ASKED;

const markedVerifier = struct({
  verifierId: hash,
  /** The payee of its work, which is also liable for it; zero for a verifier that its operators agreed on. */
  payee: address,
});

/**
 * The outcome of a verifier.
 * - `credited`: its report was opened and not refuted, for any verdict.
 * - `refuted`: the other reports show that it is wrong.
 * - `silent`: it committed to nothing, also to witnesses.
 * - `doubted`: its answer to a honeypot is unlikely by measured drift. It is not paid, loses no stake, and counts in the tests
 * of every validator.
 */
const verifierOutcome = union('outcome', {
  credited: struct({
    /** Tokens of the verifier's pass; it is paid per token. */
    tokens: u32,
  }),
  refuted: struct({}),
  silent: struct({
    /** Time of the silence, see toHalfHour. */
    halfHour: u32,
  }),
  doubted: struct({}),
});

/** An audit's outcome for one verifier. */
export type VerifierMark = CodecType<typeof markedVerifier> & CodecType<typeof verifierOutcome>;

const verifierMarkCodec: Codec<VerifierMark> = {
  write(writer, mark) {
    markedVerifier.write(writer, mark);
    verifierOutcome.write(writer, mark);
  },
  read: (reader) => ({ ...markedVerifier.read(reader), ...verifierOutcome.read(reader) }),
};

const subjectFields = {
  /** Number of the entry, from 0. */
  index: u64,
  /** Hash of the entry before, or the log's genesis head. */
  previousHash: hash,
  replyId: bytes(16),
  /** SHA-256 of the signed record; zero without a record (abandoned). */
  recordHash: hash,
  providerId: hash,
  /** The account that the fee goes to. */
  payee: address,
  verdict: oneOf(VERDICTS),
  evidence: oneOf(EVIDENCE_KINDS),
  /** The payer's debt; 0 for reject, abandoned and unjudged. */
  feeAtomic: u128,
  /**
   * A provider's fine. For an abandoned reply its batch takes it (docs/spec/deposits.md). For an audit without an accept it adds to the
   * debt of the key (audit-balance.ts).
   */
  fineAtomic: u128,
  payer: address,
  /** Zero if no router took part. */
  router: address,
};

const outcomeFields = {
  /** The epoch whose beacon selected or skipped the reply; 0 without one. */
  beaconEpoch: u64,
  /** SHA-256 of the canonical evidence; zero without evidence. */
  evidenceHash: hash,
  step: oneOf(LOG_STEPS),
  /** The e-value of the step in parts per million, rounded down; 0 without one. */
  eValuePpm: safeInteger,
  /** Whether the tests of this log, or exact evidence, eject the provider with this entry, or its culprit if it names one. */
  ejects: flag,
  /** Unix time in ms, the validator's own claim. */
  timeMs: safeInteger,
};

const verdictEntryCodec = struct({
  ...subjectFields,
  /**
   * The providers that served the reply together. The provider of the entry leads and comes last. Empty if it served alone.
   */
  shards: shardsCodec,
  /** Index of the shard that a reject is about. Undefined if it is about the provider of the entry. */
  culprit: optional(within(u8, 0, MAX_SHARDS - 1)),
  /** Verifiers in the order in which they were asked. */
  verifiers: list<VerifierMark>(verifierMarkCodec, { count: u8, max: MAX_VERIFIERS_PER_REPLY }),
  ...outcomeFields,
});

export interface VerdictEntry extends CodecType<typeof verdictEntryCodec> {}

/** The domain tag of a log entry. */
export const VERDICT_ENTRY_TAG = 'ogong-verdict-v1';

const verdictEntryFormat = createFormat(refine<VerdictEntry>(verdictEntryCodec, assertConsistent), {
  tag: VERDICT_ENTRY_TAG,
});

export const encodeVerdictEntry: (entry: VerdictEntry) => Uint8Array = verdictEntryFormat.encode;
/** @throws ProtocolError */
export const parseVerdictEntry: (bytes: Uint8Array) => VerdictEntry = verdictEntryFormat.decode;

/** The position at the end of a log. */
export interface LogPosition {
  readonly length: bigint;
  /** Hash of the last entry, or the genesis head. */
  readonly head: Uint8Array;
}

const GENESIS_DOMAIN = encodeDomain('ogong-verdict-log-v1');

/**
 * Returns whether a reply with this verdict can have a fee. The audit balance of its key decides about replies in doubt
 * (audit-balance.ts).
 */
export function isBillable(verdict: Verdict): boolean {
  return verdict === 'accept' || verdict === 'unaudited' || verdict === 'inconclusive';
}

/**
 * Computes the name of the entry that corrects a reply after its verdict, since a log names each reply once. It is the reply id
 * with every bit inverted. Ids are hashes of orders, so no id is another reply's correction.
 */
export function computeCorrectionId(replyId: Uint8Array): Uint8Array {
  return replyId.map((byte) => byte ^ 0xff);
}

/** The log of one validator at one settlement contract. */
export interface LogName {
  readonly chainId: bigint;
  /** Address of the settlement contract, 20 bytes. */
  readonly settlement: Uint8Array;
  /** Address of the validator, 20 bytes. */
  readonly validator: Uint8Array;
}

/** Computes the beginning of a log. Entries of one log cannot be replayed in another. */
export function computeGenesisPosition(crypto: Crypto, { chainId, settlement, validator }: LogName): LogPosition {
  const bytes = createWriter().bytes(GENESIS_DOMAIN).u64(chainId).bytes(settlement, 20).bytes(validator, 20).finish();
  return { length: 0n, head: crypto.sha256(bytes) };
}

export function computeEntryHash(crypto: Crypto, bytes: Uint8Array): Uint8Array {
  return crypto.sha256(bytes);
}

/** Returns whether a verifier's payee can be paid. The zero address stands for none. */
export function isPayable(payee: Uint8Array): boolean {
  return payee.some((byte) => byte !== 0);
}

/** Lists the verifiers with this outcome, in the order of the entry. */
export function listVerifierIds(
  { verifiers }: Pick<VerdictEntry, 'verifiers'>,
  said: VerifierMark['outcome'],
): readonly Uint8Array[] {
  return verifiers.filter(({ outcome }) => outcome === said).map(({ verifierId }) => verifierId);
}

/** The fields of a new entry. Default of `shards` and `culprit`: the provider served alone. */
export type VerdictFields = Omit<VerdictEntry, 'index' | 'previousHash' | 'shards' | 'culprit'> &
  Partial<Pick<VerdictEntry, 'shards' | 'culprit'>>;

/** Appends the next entry of a log, and returns the log's new position. @throws ProtocolError like encodeVerdictEntry. */
export function appendVerdict(
  crypto: Crypto,
  position: LogPosition,
  fields: VerdictFields,
): { bytes: Uint8Array; entry: VerdictEntry; position: LogPosition } {
  const entry = { shards: [], culprit: undefined, ...fields, index: position.length, previousHash: position.head };
  const bytes = encodeVerdictEntry(entry);
  return { bytes, entry, position: { length: position.length + 1n, head: computeEntryHash(crypto, bytes) } };
}

export interface LogVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** The valid entries, up to the first invalid one. */
  readonly entries: readonly VerdictEntry[];
  /** Position of the log after them. */
  readonly position: LogPosition;
}

export interface LogPart {
  readonly from: LogPosition;
  readonly entries: readonly Uint8Array[];
  readonly expected?: LogPosition;
}

/** Verifies that entries, as the exact bytes received, follow a known position, and end at `expected` if it is present. */
export function verifyChain(crypto: Crypto, { from, entries: list, expected }: LogPart): LogVerdict {
  const entries: VerdictEntry[] = [];
  let position = from;
  for (const bytes of list) {
    const problem = ((): string | undefined => {
      try {
        const entry = parseVerdictEntry(bytes);
        if (entry.index !== position.length) return `has index ${entry.index}`;
        if (!equalBytes(entry.previousHash, position.head)) return 'does not follow the entry before';
        entries.push(entry);
        return undefined;
      } catch (error) {
        if (error instanceof ProtocolError) return `does not parse: ${error.message}`;
        throw error;
      }
    })();
    if (problem !== undefined) {
      return { ok: false, checks: [fail('log-chain', `entry ${position.length} ${problem}`)], entries, position };
    }
    position = { length: position.length + 1n, head: computeEntryHash(crypto, bytes) };
  }
  const checks = [pass('log-chain', `${entries.length} entries follow each other`)];
  if (expected !== undefined) {
    const reached = position.length === expected.length && equalBytes(position.head, expected.head);
    checks.push(
      reached
        ? pass('log-head', `ends at length ${expected.length}`)
        : fail('log-head', `ends at length ${position.length}, not at the head of length ${expected.length}`),
    );
  }
  return { ok: isOk(checks), checks, entries, position };
}

/** The verdicts of an audit. */
const JUDGED: ReadonlySet<Verdict> = new Set(['accept', 'reject', 'inconclusive']);

/** Returns whether the reply was audited with a result. */
export const isJudged = (verdict: Verdict): boolean => JUDGED.has(verdict);

/** Returns whether the entry may have a fine: its reply was abandoned, or a beacon selected it and it is not paid. */
function isFinable({ verdict, evidence, beaconEpoch, feeAtomic }: VerdictEntry): boolean {
  if (verdict === 'abandoned') return true;
  const isAudit =
    verdict === 'unjudged' || verdict === 'inconclusive' || (verdict === 'reject' && evidence !== 'exact');
  return isAudit && beaconEpoch !== 0n && feeAtomic === 0n;
}

/**
 * Asserts that an entry does not contradict itself. A fee is owed only for a billable verdict. Every reject and every ejection
 * has evidence. Only a judged reply is a step of a test.
 */
function assertConsistent(entry: VerdictEntry): void {
  if (entry.feeAtomic !== 0n && !isBillable(entry.verdict)) {
    throw new ProtocolError('malformed', `a fee for a reply with verdict ${entry.verdict}`);
  }
  if (entry.fineAtomic !== 0n && !isFinable(entry)) {
    throw new ProtocolError('malformed', `a fine for a reply with verdict ${entry.verdict}`);
  }
  if (entry.verdict === 'reject' && entry.evidence === 'none')
    throw new ProtocolError('malformed', 'reject without evidence');
  const isWeighed = entry.verdict === 'accept' || entry.verdict === 'inconclusive';
  if (entry.ejects && !(entry.verdict === 'reject' || (isWeighed && entry.evidence === 'statistical'))) {
    throw new ProtocolError('malformed', `ejection by ${entry.verdict} on evidence ${entry.evidence}`);
  }
  if (entry.step !== 'none' && !isJudged(entry.verdict)) {
    throw new ProtocolError('malformed', `a step of a test by ${entry.verdict}`);
  }
  if (entry.step !== 'reply' && entry.eValuePpm !== 0)
    throw new ProtocolError('malformed', 'an e-value without a step');
  if (entry.step === 'late' && entry.verdict !== 'reject') {
    throw new ProtocolError('malformed', `a late opening with verdict ${entry.verdict}`);
  }
  assertCohort(entry);
}

/** Asserts that the provider of an entry leads its cohort, and that a culprit is a shard of a rejected reply. */
function assertCohort({ shards, culprit, providerId, payee, verdict }: VerdictEntry): void {
  if (culprit !== undefined && (verdict !== 'reject' || culprit >= shards.length)) {
    throw new ProtocolError('malformed', `shard ${culprit} of ${shards.length} as the culprit of ${verdict}`);
  }
  const lead = shards.at(-1);
  if (lead === undefined) return;
  countLayers(shards);
  // A correction names a culprit and no payee.
  const isPayee = equalBytes(lead.payee, payee) || (culprit !== undefined && !isPayable(payee));
  if (!equalBytes(lead.providerId, providerId) || !isPayee) {
    throw new ProtocolError('malformed', 'a cohort that another provider leads');
  }
}
