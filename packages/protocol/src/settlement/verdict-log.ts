import { createReader, createWriter, equalBytes, ProtocolError } from '../base/bytes.ts';
import { encodeDomain, readDomain, readFlag, readSafe, writeSafe } from '../base/canonical.ts';
import { type Check, fail, isOk, pass } from '../base/checks.ts';
import type { Crypto } from '../crypto/crypto.ts';

/**
 * The append-only log of one handling validator (docs/spec/verdict-log.md). Each entry names the hash of the one before,
 * so that a head commits to everything under it; heads are settled by a quorum in batches.
 */
export const VERDICTS = ['accept', 'reject', 'inconclusive', 'unaudited', 'abandoned'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** `exact`: an equality that failed or held, reproducible by anyone; `statistical`: scores against thresholds. */
export const EVIDENCE_KINDS = ['none', 'exact', 'statistical'] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

export interface VerdictEntry {
  /** From 0. */
  readonly index: bigint;
  /** Hash of the entry before, or the log's genesis head. */
  readonly previousHash: Uint8Array;
  /** 16 bytes. */
  readonly replyId: Uint8Array;
  /** SHA-256 of the signed record; zero where there is none (abandoned). */
  readonly recordHash: Uint8Array;
  readonly providerId: Uint8Array;
  /** 20 bytes: who the fee goes to. */
  readonly payee: Uint8Array;
  readonly verdict: Verdict;
  readonly evidence: EvidenceKind;
  /** What the payer owes; 0 for reject and abandoned. */
  readonly feeAtomic: bigint;
  /** 20 bytes. */
  readonly payer: Uint8Array;
  /** 20 bytes, zero where there was none. */
  readonly router: Uint8Array;
  /** In the order in which they were asked. */
  readonly verifierIds: readonly Uint8Array[];
  /** The epoch whose beacon selected or passed over the reply; 0 where none did. */
  readonly beaconEpoch: bigint;
  /** SHA-256 of the canonical evidence; zero where there is none. */
  readonly evidenceHash: Uint8Array;
  /** Whether the provider's sequential test, or exact evidence, ejects it with this entry. */
  readonly ejects: boolean;
  /** Unix time in ms, the validator's own claim. */
  readonly timeMs: number;
}

/** How far a log has grown. */
export interface LogPosition {
  readonly length: bigint;
  /** Hash of the last entry, or the genesis head. */
  readonly head: Uint8Array;
}

export const MAX_VERIFIERS_PER_REPLY = 16;

const ENTRY_DOMAIN = encodeDomain('ogong-verdict-v1');
const GENESIS_DOMAIN = encodeDomain('ogong-verdict-log-v1');

/** Whether a reply with this verdict is paid for: doubt never costs the provider, proof never pays it. */
export function isBillable(verdict: Verdict): boolean {
  return verdict === 'accept' || verdict === 'unaudited' || verdict === 'inconclusive';
}

/** The empty log of a validator on a chain: entries of one log cannot be replayed in another. */
export function computeGenesisPosition(
  crypto: Crypto,
  { chainId, validator }: { chainId: bigint; validator: Uint8Array },
): LogPosition {
  const bytes = createWriter().bytes(GENESIS_DOMAIN).u64(chainId).bytes(validator, 20).finish();
  return { length: 0n, head: crypto.sha256(bytes) };
}

/** @throws ProtocolError where the fields contradict each other, see assertConsistent. */
export function encodeVerdictEntry(entry: VerdictEntry): Uint8Array {
  assertConsistent(entry);
  const writer = createWriter(512)
    .bytes(ENTRY_DOMAIN)
    .u64(entry.index)
    .bytes(entry.previousHash, 32)
    .bytes(entry.replyId, 16)
    .bytes(entry.recordHash, 32)
    .bytes(entry.providerId, 32)
    .bytes(entry.payee, 20)
    .u8(VERDICTS.indexOf(entry.verdict))
    .u8(EVIDENCE_KINDS.indexOf(entry.evidence))
    .u128(entry.feeAtomic)
    .bytes(entry.payer, 20)
    .bytes(entry.router, 20)
    .u8(entry.verifierIds.length);
  for (const id of entry.verifierIds) writer.bytes(id, 32);
  writer
    .u64(entry.beaconEpoch)
    .bytes(entry.evidenceHash, 32)
    .u8(entry.ejects ? 1 : 0);
  return writeSafe(writer, entry.timeMs).finish();
}

/** @throws ProtocolError */
export function parseVerdictEntry(bytes: Uint8Array): VerdictEntry {
  const reader = createReader(bytes);
  readDomain(reader, ENTRY_DOMAIN, 'verdict entry');
  const entry: VerdictEntry = {
    index: reader.u64(),
    previousHash: reader.bytes(32),
    replyId: reader.bytes(16),
    recordHash: reader.bytes(32),
    providerId: reader.bytes(32),
    payee: reader.bytes(20),
    verdict: readName(VERDICTS, reader.u8(), 'verdict'),
    evidence: readName(EVIDENCE_KINDS, reader.u8(), 'evidence kind'),
    feeAtomic: reader.u128(),
    payer: reader.bytes(20),
    router: reader.bytes(20),
    verifierIds: Array.from({ length: assertVerifierCount(reader.u8()) }, () => reader.bytes(32)),
    beaconEpoch: reader.u64(),
    evidenceHash: reader.bytes(32),
    ejects: readFlag(reader),
    timeMs: readSafe(reader),
  };
  reader.end();
  assertConsistent(entry);
  return entry;
}

export function computeEntryHash(crypto: Crypto, bytes: Uint8Array): Uint8Array {
  return crypto.sha256(bytes);
}

export type VerdictFields = Omit<VerdictEntry, 'index' | 'previousHash'>;

/** The next entry of a log, and where the log stands after it. @throws ProtocolError like encodeVerdictEntry. */
export function appendVerdict(
  crypto: Crypto,
  position: LogPosition,
  fields: VerdictFields,
): { bytes: Uint8Array; entry: VerdictEntry; position: LogPosition } {
  const entry = { ...fields, index: position.length, previousHash: position.head };
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

/**
 * Whether entries, as the exact bytes received, follow a known position, and end at `expected` where one is given.
 */
export function verifyChain(
  crypto: Crypto,
  { from, entries: list, expected }: { from: LogPosition; entries: readonly Uint8Array[]; expected?: LogPosition },
): LogVerdict {
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

/** An entry says one thing: a fee is owed only for a billable verdict, and nobody is rejected or ejected for nothing. */
function assertConsistent(entry: VerdictEntry): void {
  assertVerifierCount(entry.verifierIds.length);
  if (entry.feeAtomic !== 0n && !isBillable(entry.verdict)) {
    throw new ProtocolError('malformed', `a fee for a reply with verdict ${entry.verdict}`);
  }
  if (entry.verdict === 'reject' && entry.evidence === 'none')
    throw new ProtocolError('malformed', 'reject without evidence');
  const isWeighed = entry.verdict === 'accept' || entry.verdict === 'inconclusive';
  if (entry.ejects && !(entry.verdict === 'reject' || (isWeighed && entry.evidence === 'statistical'))) {
    throw new ProtocolError('malformed', `ejection by ${entry.verdict} on evidence ${entry.evidence}`);
  }
}

function assertVerifierCount(count: number): number {
  if (count > MAX_VERIFIERS_PER_REPLY) throw new ProtocolError('too-large', `${count} verifiers of one reply`);
  return count;
}

function readName<T extends string>(names: readonly T[], code: number, what: string): T {
  const name = names[code];
  if (name === undefined) throw new ProtocolError('malformed', `unknown ${what} ${code}`);
  return name;
}
