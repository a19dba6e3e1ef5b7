import {
  compareBytes,
  concatBytes,
  createReader,
  createWriter,
  ProtocolError,
  toHex,
  utf8Encode,
} from '../base/bytes.ts';
import { assertAscending, encodeDomain, readDomain } from '../base/canonical.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { computeMerkleRoot, hashLeaf } from '../crypto/merkle.ts';
import { abiWord, hashLedgerDomain, hashTerms, hashTyped, type LedgerDomain, type Order } from '../exchange/order.ts';
import { isBillable, type LogPosition, parseVerdictEntry, type VerdictEntry } from './verdict-log.ts';

/**
 * A batch as the settlement contract takes it (docs/spec/settlement.md): a run of one validator's verdict log, netted
 * per payer and per (payee, router). Field names and units are the contract's; amounts are atomic.
 */
export interface Batch {
  /** 20 bytes. */
  readonly validator: Uint8Array;
  /** From 1, without gaps. */
  readonly sequence: bigint;
  readonly logHead: Uint8Array;
  readonly logLength: bigint;
  /** RFC 6962 root over the log entries that are paid for, in log order. */
  readonly recordsRoot: Uint8Array;
  /** How many those are. */
  readonly replies: number;
}

/** What one payer owes, under the newest order that it signed. */
export interface Debit {
  readonly payer: Uint8Array;
  readonly amount: bigint;
  readonly cumulative: bigint;
  readonly termsHash: Uint8Array;
  /** 65 bytes: the payer's, over that order. */
  readonly signature: Uint8Array;
}

/** What is owed for the replies of one provider that came through one router. */
export interface Line {
  /** The payee, 20 bytes. */
  readonly provider: Uint8Array;
  /** Zero address where no router took part. */
  readonly router: Uint8Array;
  readonly gross: bigint;
}

export interface Settlement {
  readonly batch: Batch;
  /** Ascending by payer. */
  readonly debits: readonly Debit[];
  /** Ascending by provider, then router. */
  readonly lines: readonly Line[];
  /** Provider ids, ascending. */
  readonly ejections: readonly Uint8Array[];
  /**
   * Payers, ascending, whose channel cannot be drawn for what they owe here: in no debit and no line. The contract does
   * not see this list; it says why less is drawn than the log's fees come to.
   */
  readonly uncollectable: readonly Uint8Array[];
}

/** What one payer owes for a run of the log. */
export interface Debt {
  readonly payer: Uint8Array;
  readonly amount: bigint;
}

/** A payer's leave to draw on its channel: the part of an order that the chain checks. */
export type Voucher = Omit<Debit, 'amount'>;

/** Keeps a settlement within the gas of one transaction. */
export const MAX_PARTIES = 2048;

const DOMAIN = encodeDomain('ogong-batch-v2');
const BATCH_TYPE =
  'Batch(address validator,uint64 sequence,bytes32 logHead,uint64 logLength,bytes32 recordsRoot,uint32 replies,' +
  'bytes32 debitsHash,bytes32 linesHash,bytes32 ejectedHash)';

export function createVoucher(crypto: Crypto, order: Order, signature: Uint8Array): Voucher {
  return { payer: order.payer, cumulative: order.cumulativeAtomic, termsHash: hashTerms(crypto, order), signature };
}

/** The EIP-712 digest that validators sign; payers' signatures are not part of it. */
export function hashSettlement(
  crypto: Crypto,
  domain: LedgerDomain,
  settlement: Omit<Settlement, 'uncollectable'>,
): Uint8Array {
  const { batch, debits, lines, ejections } = settlement;
  const hashWords = (words: readonly Uint8Array[]): Uint8Array => crypto.keccak256(concatBytes(...words));
  return hashTyped(
    crypto,
    hashLedgerDomain(crypto, domain),
    hashWords([
      crypto.keccak256(utf8Encode(BATCH_TYPE)),
      abiWord(batch.validator),
      abiWord(batch.sequence),
      batch.logHead,
      abiWord(batch.logLength),
      batch.recordsRoot,
      abiWord(BigInt(batch.replies)),
      hashWords(debits.flatMap((d) => [abiWord(d.payer), abiWord(d.amount), abiWord(d.cumulative), d.termsHash])),
      hashWords(lines.flatMap((line) => [abiWord(line.provider), abiWord(line.router), abiWord(line.gross)])),
      hashWords(ejections),
    ]),
  );
}

export interface BatchInput {
  readonly validator: Uint8Array;
  readonly sequence: bigint;
  /** Where the log stands after the entries. */
  readonly position: LogPosition;
  /** The exact bytes of the log entries since the batch before. */
  readonly entries: readonly Uint8Array[];
  /** At least the newest of every payer that owes something. */
  readonly vouchers: readonly Voucher[];
  /** Payers who owe something here that cannot be drawn, ascending. Default: none. */
  readonly uncollectable?: readonly Uint8Array[];
}

/** What each payer owes for the entries, ascending by payer; nobody who owes nothing. */
export function sumDebts(entries: readonly VerdictEntry[]): Debt[] {
  const debts = new Map<string, Debt>();
  for (const { payer, feeAtomic } of entries.filter(isOwing)) {
    debts.set(toHex(payer), { payer, amount: (debts.get(toHex(payer))?.amount ?? 0n) + feeAtomic });
  }
  return [...debts.values()].sort((a, b) => compareBytes(a.payer, b.payer));
}

const isOwing = ({ verdict, feeAtomic }: VerdictEntry): boolean => isBillable(verdict) && feeAtomic > 0n;

/**
 * The settlement of a run of log entries; the same for every validator that holds the same entries and vouchers.
 * Rejected and abandoned replies owe nothing and appear in no list; what uncollectable payers owe is counted, and neither
 * drawn nor paid.
 * @throws ProtocolError `malformed` where a payer owes without a voucher, one is uncollectable without owing, or an entry
 * does not parse; `too-large` where there are more parties than one transaction settles: settle fewer entries at a time.
 */
export function buildSettlement(crypto: Crypto, input: BatchInput): Settlement {
  const parsed = input.entries.map((bytes) => ({ bytes, entry: parseVerdictEntry(bytes) }));
  const paid = parsed.filter(({ entry }) => isBillable(entry.verdict));
  const { uncollectable = [] } = input;
  const unpaid = new Set(uncollectable.map(toHex));
  const owing = paid.map(({ entry }) => entry).filter(isOwing);
  const drawn = owing.filter(({ payer }) => !unpaid.has(toHex(payer)));
  const debts = sumDebts(owing);
  if (debts.filter(({ payer }) => unpaid.has(toHex(payer))).length !== uncollectable.length) {
    throw new ProtocolError('malformed', 'a payer that is called uncollectable owes nothing, or stands twice');
  }
  const settlement: Settlement = {
    batch: {
      validator: input.validator,
      sequence: input.sequence,
      logHead: input.position.head,
      logLength: input.position.length,
      recordsRoot: computeMerkleRoot(
        crypto,
        paid.map(({ bytes }) => hashLeaf(crypto, bytes)),
      ),
      replies: paid.length,
    },
    debits: netDebits(sumDebts(drawn), input.vouchers),
    lines: netLines(drawn),
    ejections: sortUnique(parsed.filter(({ entry }) => entry.ejects).map(({ entry }) => entry.providerId)),
    uncollectable,
  };
  assertSettlement(settlement);
  return settlement;
}

export function encodeSettlement(settlement: Settlement): Uint8Array {
  assertSettlement(settlement);
  const { batch, debits, lines, ejections, uncollectable } = settlement;
  const writer = createWriter(1024)
    .bytes(DOMAIN)
    .bytes(batch.validator, 20)
    .u64(batch.sequence)
    .bytes(batch.logHead, 32)
    .u64(batch.logLength)
    .bytes(batch.recordsRoot, 32)
    .u32(batch.replies)
    .u16(debits.length);
  for (const debit of debits) {
    writer.bytes(debit.payer, 20).u128(debit.amount).u128(debit.cumulative);
    writer.bytes(debit.termsHash, 32).bytes(debit.signature, 65);
  }
  writer.u16(lines.length);
  for (const line of lines) writer.bytes(line.provider, 20).bytes(line.router, 20).u128(line.gross);
  writer.u16(ejections.length);
  for (const id of ejections) writer.bytes(id, 32);
  writer.u16(uncollectable.length);
  for (const payer of uncollectable) writer.bytes(payer, 20);
  return writer.finish();
}

/** @throws ProtocolError */
export function parseSettlement(bytes: Uint8Array): Settlement {
  const reader = createReader(bytes);
  readDomain(reader, DOMAIN, 'batch');
  const list = <T>(read: () => T): T[] => Array.from({ length: assertCount(reader.u16()) }, read);
  const settlement: Settlement = {
    batch: {
      validator: reader.bytes(20),
      sequence: reader.u64(),
      logHead: reader.bytes(32),
      logLength: reader.u64(),
      recordsRoot: reader.bytes(32),
      replies: reader.u32(),
    },
    debits: list(() => ({
      payer: reader.bytes(20),
      amount: reader.u128(),
      cumulative: reader.u128(),
      termsHash: reader.bytes(32),
      signature: reader.bytes(65),
    })),
    lines: list(() => ({ provider: reader.bytes(20), router: reader.bytes(20), gross: reader.u128() })),
    ejections: list(() => reader.bytes(32)),
    uncollectable: list(() => reader.bytes(20)),
  };
  reader.end();
  assertSettlement(settlement);
  return settlement;
}

function netDebits(debts: readonly Debt[], vouchers: readonly Voucher[]): Debit[] {
  const newest = new Map<string, Voucher>();
  for (const voucher of vouchers) {
    const known = newest.get(toHex(voucher.payer));
    if (known === undefined || voucher.cumulative > known.cumulative) newest.set(toHex(voucher.payer), voucher);
  }
  return debts.map(({ payer, amount }) => {
    const voucher = newest.get(toHex(payer));
    if (voucher === undefined || amount > voucher.cumulative) {
      const signed = voucher?.cumulative ?? 0n;
      throw new ProtocolError('malformed', `payer ${toHex(payer)} owes ${amount} and signed for ${signed}`);
    }
    return { ...voucher, amount };
  });
}

function netLines(owing: readonly VerdictEntry[]): Line[] {
  const lines = new Map<string, Line>();
  for (const { payee, router, feeAtomic } of owing) {
    const key = toHex(payee) + toHex(router);
    lines.set(key, { provider: payee, router, gross: (lines.get(key)?.gross ?? 0n) + feeAtomic });
  }
  return [...lines.values()].sort(compareLines);
}

function compareLines(a: Line, b: Line): number {
  return compareBytes(a.provider, b.provider) || compareBytes(a.router, b.router);
}

function sortUnique(ids: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(ids.map((id) => [toHex(id), id])).values()].sort(compareBytes);
}

/** One canonical form, and nothing created or lost: what the debits draw is what the lines pay. */
function assertSettlement({ debits, lines, ejections, uncollectable }: Settlement): void {
  for (const { length } of [debits, lines, ejections, uncollectable]) assertCount(length);
  assertAscending(debits, (a, b) => compareBytes(a.payer, b.payer), 'debits');
  assertAscending(lines, compareLines, 'lines');
  assertAscending(ejections, compareBytes, 'ejections');
  assertAscending(uncollectable, compareBytes, 'uncollectable payers');
  if (uncollectable.some((payer) => debits.some((debit) => compareBytes(debit.payer, payer) === 0))) {
    throw new ProtocolError('malformed', 'a payer is drawn and uncollectable');
  }
  const debited = debits.reduce((sum, { amount }) => sum + amount, 0n);
  const gross = lines.reduce((sum, line) => sum + line.gross, 0n);
  if (debited !== gross) throw new ProtocolError('malformed', `debits of ${debited} for lines of ${gross}`);
}

function assertCount(count: number): number {
  if (count > MAX_PARTIES) throw new ProtocolError('too-large', `${count} parties in one batch`);
  return count;
}
