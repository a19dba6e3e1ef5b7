import { MAX_ASKED, MAX_SITTINGS } from '../audit/sitting.ts';
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
  refine,
  safeInteger,
  struct,
  u8,
  u32,
  u64,
  u128,
  union,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { countLayers, shardsCodec } from './cohort.ts';

/**
 * The append-only log of one handling validator (docs/spec/verdict-log.md). Each entry names the hash of the one before,
 * so that a head commits to everything under it; heads are settled by a quorum in batches.
 */
export const VERDICTS = ['accept', 'reject', 'inconclusive', 'unaudited', 'abandoned', 'unjudged'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** `exact`: an equality that failed or held, reproducible by anyone; `statistical`: scores against thresholds. */
export const EVIDENCE_KINDS = ['none', 'exact', 'statistical'] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

/**
 * What the entry means for the tests of its provider (log-tests.ts). `none`: nothing was decided or measured. `reply`: one step with
 * the e-value. `late`: the opening did not come, a step of the other test.
 */
export const LOG_STEPS = ['none', 'reply', 'late'] as const;

/** Everybody whom all sittings of a reply may ask. */
export const MAX_VERIFIERS_PER_REPLY = MAX_SITTINGS * MAX_ASKED;

const markedVerifier = struct({
  verifierId: hash,
  /** Who is paid for its work, and liable for it; zero for a verifier that its operators agreed on. */
  payee: address,
});

/**
 * What the entry says of a verifier. `credited`: its report was opened and nobody refuted it, whatever the verdict. `refuted`: the other
 * reports show that it is wrong. `silent`: it committed to nothing, to witnesses either. `doubted`: its answer to a honeypot is unlikely by
 * measured drift; it is not paid and loses no stake, and counts in the tests of every validator.
 */
const verifierOutcome = union('outcome', {
  credited: struct({
    /** That its pass took: what it is paid by. */
    tokens: u32,
  }),
  refuted: struct({}),
  silent: struct({
    /** When, see toHalfHour. */
    halfHour: u32,
  }),
  doubted: struct({}),
});

/** What an audit says of one verifier. */
export type VerifierMark = CodecType<typeof markedVerifier> & CodecType<typeof verifierOutcome>;

const verifierMarkCodec: Codec<VerifierMark> = {
  write(writer, mark) {
    markedVerifier.write(writer, mark);
    verifierOutcome.write(writer, mark);
  },
  read: (reader) => ({ ...markedVerifier.read(reader), ...verifierOutcome.read(reader) }),
};

const subjectFields = {
  /** From 0. */
  index: u64,
  /** Hash of the entry before, or the log's genesis head. */
  previousHash: hash,
  replyId: bytes(16),
  /** SHA-256 of the signed record; zero where there is none (abandoned). */
  recordHash: hash,
  providerId: hash,
  /** Who the fee goes to. */
  payee: address,
  verdict: oneOf(VERDICTS),
  evidence: oneOf(EVIDENCE_KINDS),
  /** What the payer owes; 0 for reject, abandoned and unjudged. */
  feeAtomic: u128,
  /** What a provider is fined for a reply that it abandoned (docs/spec/deposits.md); 0 for every other verdict. */
  fineAtomic: u128,
  payer: address,
  /** Zero where there was none. */
  router: address,
};

const outcomeFields = {
  /** The epoch whose beacon selected or passed over the reply; 0 where none did. */
  beaconEpoch: u64,
  /** SHA-256 of the canonical evidence; zero where there is none. */
  evidenceHash: hash,
  step: oneOf(LOG_STEPS),
  /** The e-value of the step in parts per million, rounded down; 0 without one. */
  eValuePpm: safeInteger,
  /** Whether the tests of this log, or exact evidence, eject the provider with this entry. */
  ejects: flag,
  /** Unix time in ms, the validator's own claim. */
  timeMs: safeInteger,
};

const verdictEntryCodec = struct({
  ...subjectFields,
  /** Who served the reply with the provider, which leads and comes first; empty where it served alone. */
  shards: shardsCodec,
  /** In the order in which they were asked. */
  verifiers: list<VerifierMark>(verifierMarkCodec, { count: u8, max: MAX_VERIFIERS_PER_REPLY }),
  ...outcomeFields,
});

export interface VerdictEntry extends CodecType<typeof verdictEntryCodec> {}

/** The domain tag of a log entry. */
export const VERDICT_ENTRY_TAG = 'ogong-verdict-v6';

const verdictEntryFormat = createFormat(refine<VerdictEntry>(verdictEntryCodec, assertConsistent), {
  tag: VERDICT_ENTRY_TAG,
});

export const encodeVerdictEntry: (entry: VerdictEntry) => Uint8Array = verdictEntryFormat.encode;
/** @throws ProtocolError */
export const parseVerdictEntry: (bytes: Uint8Array) => VerdictEntry = verdictEntryFormat.decode;

/** How far a log has grown. */
export interface LogPosition {
  readonly length: bigint;
  /** Hash of the last entry, or the genesis head. */
  readonly head: Uint8Array;
}

const GENESIS_DOMAIN = encodeDomain('ogong-verdict-log-v1');

/** Whether a reply with this verdict is paid for. In doubt the provider is paid; refuted, or judged by nobody, it is not. */
export function isBillable(verdict: Verdict): boolean {
  return verdict === 'accept' || verdict === 'unaudited' || verdict === 'inconclusive';
}

/**
 * The name of the entry that corrects a reply after its verdict, since a log names each reply once: the reply id with every bit
 * turned. No order makes an id on purpose, so none is another one's correction.
 */
export function computeCorrectionId(replyId: Uint8Array): Uint8Array {
  return replyId.map((byte) => byte ^ 0xff);
}

/** The empty log of a validator on a chain: entries of one log cannot be replayed in another. */
export function computeGenesisPosition(
  crypto: Crypto,
  { chainId, validator }: { chainId: bigint; validator: Uint8Array },
): LogPosition {
  const bytes = createWriter().bytes(GENESIS_DOMAIN).u64(chainId).bytes(validator, 20).finish();
  return { length: 0n, head: crypto.sha256(bytes) };
}

export function computeEntryHash(crypto: Crypto, bytes: Uint8Array): Uint8Array {
  return crypto.sha256(bytes);
}

/** Whether a verifier's payee can be paid: the zero address stands for none. */
export function isPayable(payee: Uint8Array): boolean {
  return payee.some((byte) => byte !== 0);
}

/** The verifiers of which an entry says this, in its order. */
export function listVerifierIds(
  { verifiers }: Pick<VerdictEntry, 'verifiers'>,
  said: VerifierMark['outcome'],
): readonly Uint8Array[] {
  return verifiers.filter(({ outcome }) => outcome === said).map(({ verifierId }) => verifierId);
}

/** `shards` default: the provider served alone. */
export type VerdictFields = Omit<VerdictEntry, 'index' | 'previousHash' | 'shards'> &
  Partial<Pick<VerdictEntry, 'shards'>>;

/** The next entry of a log, and where the log stands after it. @throws ProtocolError like encodeVerdictEntry. */
export function appendVerdict(
  crypto: Crypto,
  position: LogPosition,
  fields: VerdictFields,
): { bytes: Uint8Array; entry: VerdictEntry; position: LogPosition } {
  const entry = { shards: [], ...fields, index: position.length, previousHash: position.head };
  const bytes = encodeVerdictEntry(entry);
  return { bytes, entry, position: { length: position.length + 1n, head: computeEntryHash(crypto, bytes) } };
}

export interface LogVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** The entries that hold, up to the first that does not. */
  readonly entries: readonly VerdictEntry[];
  /** Where the log stands after them. */
  readonly position: LogPosition;
}

export interface LogPart {
  readonly from: LogPosition;
  readonly entries: readonly Uint8Array[];
  readonly expected?: LogPosition;
}

/**
 * Whether entries, as the exact bytes received, follow a known position, and end at `expected` where one is given.
 */
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

/** What an audit may have said about a reply. */
const JUDGED: ReadonlySet<Verdict> = new Set(['accept', 'reject', 'inconclusive']);

/** Whether the reply was audited, and somebody said something about it. */
export const isJudged = (verdict: Verdict): boolean => JUDGED.has(verdict);

/**
 * An entry must not contradict itself: a fee is owed only for a billable verdict, every reject and every ejection has
 * evidence, and only what was judged is a step of a test.
 */
function assertConsistent(entry: VerdictEntry): void {
  if (entry.feeAtomic !== 0n && !isBillable(entry.verdict)) {
    throw new ProtocolError('malformed', `a fee for a reply with verdict ${entry.verdict}`);
  }
  if (entry.fineAtomic !== 0n && entry.verdict !== 'abandoned') {
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
  const [lead] = entry.shards;
  if (lead === undefined) return;
  countLayers(entry.shards);
  if (!equalBytes(lead.providerId, entry.providerId) || !equalBytes(lead.payee, entry.payee)) {
    throw new ProtocolError('malformed', 'a cohort that another provider leads');
  }
}
