import { compareBytes, concatBytes, ProtocolError, toHex } from '../base/bytes.ts';
import {
  address,
  bytes,
  type Codec,
  type CodecType,
  createFormat,
  hash,
  list,
  refine,
  struct,
  u16,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { computeMerkleRoot, hashLeaf } from '../crypto/merkle.ts';
import { abi, createTypedStruct, encodeWords, hashTyped } from '../crypto/typed-data.ts';
import { OPENING_KEPT_MS } from '../exchange/limits.ts';
import { hashLedgerDomain, hashTerms, type LedgerDomain, type Order } from '../exchange/order.ts';
import { type FeePart, findAccountable } from './cohort.ts';
import { computeSettlementGas, MAX_BATCH_ENTRIES, MAX_SETTLEMENT_GAS } from './gas.ts';
import { countBalance, countSilence, createOverlay, INITIAL_TESTS, isProof, type TestStates } from './log-tests.ts';
import { isBillable, isPayable, type LogPosition, type VerdictEntry } from './verdict-log.ts';

const BATCH = {
  validator: abi.address,
  /** Number of the batch, from 1 without gaps. */
  sequence: abi.uint64,
  logHead: abi.bytes32,
  logLength: abi.uint64,
  /** RFC 6962 root over the paid log entries, in log order. */
  recordsRoot: abi.bytes32,
  /** Number of those entries. */
  replies: abi.uint32,
};
const batchCodec = struct(BATCH);

/**
 * A batch as the settlement contract takes it (docs/spec/settlement.md): a run of one validator's verdict log. It is netted per
 * payer and per (provider, payee, router), and per model if makers have a share. Field names and units are the contract's;
 * amounts are atomic.
 */
export interface Batch extends CodecType<typeof batchCodec> {}

const DEBIT = { payer: abi.address, amount: abi.uint128, cumulative: abi.uint128, termsHash: abi.bytes32 };
const debitCodec = struct({
  ...DEBIT,
  /** The payer's signature over that order. */
  signature: bytes(65),
});

/** The debt of one payer, under the newest order that it signed. */
export interface Debit extends CodecType<typeof debitCodec> {}

const LINE = {
  /** The key that served. The line adds to its earnings. */
  providerId: abi.bytes32,
  payee: abi.address,
  /** Zero address if no router took part. */
  router: abi.address,
  gross: abi.uint128,
  /** The part of gross that goes to the verification pool as a whole. The rest is shared. */
  fine: abi.uint128,
  /** Content root of the model, whose maker the registry names; zero while makers have no share. */
  modelRoot: abi.bytes32,
};
const lineCodec = struct(LINE);

/** The debt for one provider's replies to one payer through one router. If makers have a share, it is for one model. */
export interface Line extends CodecType<typeof lineCodec> {}

const TALLY = {
  payee: abi.address,
  /** Tokens of the valid reports of all its verifiers. MAX_CREDITS also stands for more. */
  credits: abi.uint32,
  /** Number of refuted reports and of charged silent half hours of all its verifiers. */
  refuted: abi.uint32,
};
const tallyCodec = struct(TALLY);

/** The most credits of one payee in one batch: the largest value of the field. */
const MAX_CREDITS = 2 ** 32 - 1;

/** The work of one payee's verifiers for the entries of a batch. */
export interface VerifierTally extends CodecType<typeof tallyCodec> {}

const parties = <T>(item: Codec<T>, ascending: (a: T, b: T) => number): Codec<readonly T[]> =>
  list(item, { count: u16, max: MAX_BATCH_ENTRIES, ascending });

const debitsCodec = parties<Debit>(debitCodec, (a, b) => compareBytes(a.payer, b.payer));
const markFields = {
  /** Provider ids, ascending. */
  ejections: parties(hash, compareBytes),
  /** Ascending by payee. These payees share the rest of the fees for verification, and their stake pays for refuted reports. */
  tallies: parties<VerifierTally>(tallyCodec, (a, b) => compareBytes(a.payee, b.payee)),
  /**
   * Payers, ascending, whose channel cannot be drawn for their debts here. They are in no debit and no line. The contract does
   * not see this list. It explains why less is drawn than the log's fees sum to.
   */
  uncollectable: parties(address, compareBytes),
};

const settlementCodec = struct({
  batch: batchCodec as Codec<Batch>,
  /** Ascending by payer. */
  debits: debitsCodec,
  /** Ascending by provider, then payee, then router, then model. All lines name a model, or none. */
  lines: parties<Line>(lineCodec, compareLines),
  ...markFields,
});

export interface Settlement extends CodecType<typeof settlementCodec> {}

/** The domain tag of a batch. */
export const BATCH_TAG = 'ogong-batch-v1';

const settlementFormat = createFormat(refine(settlementCodec, assertSettlement), { tag: BATCH_TAG });

export const encodeSettlement: (settlement: Settlement) => Uint8Array = settlementFormat.encode;
/** @throws ProtocolError */
export const parseSettlement: (bytes: Uint8Array) => Settlement = settlementFormat.decode;

const NO_MODEL: Uint8Array = new Uint8Array(32);

const BATCH_SUMMARY = {
  ...BATCH,
  debitsHash: abi.bytes32,
  linesHash: abi.bytes32,
  ejectedHash: abi.bytes32,
  talliesHash: abi.bytes32,
};
const typedBatch = createTypedStruct('Batch', BATCH_SUMMARY);
const batchSummaryCodec = struct(BATCH_SUMMARY);

/** The signed part of a settlement: the batch, and the hashes of its lists. */
export interface BatchSummary extends CodecType<typeof batchSummaryCodec> {}

export const batchSummary: Codec<BatchSummary> = batchSummaryCodec;

/** The debt of one payer for a run of the log. */
export interface Debt {
  readonly payer: Uint8Array;
  readonly amount: bigint;
}

/** A payer's permission to draw on its channel: the part of an order that the chain checks. */
export type Voucher = Omit<Debit, 'amount'>;

export function createVoucher(crypto: Crypto, order: Order, signature: Uint8Array): Voucher {
  return { payer: order.payer, cumulative: order.cumulativeAtomic, termsHash: hashTerms(crypto, order), signature };
}

/** Summarizes a settlement. Payers' signatures are not part of it. */
export function summarizeSettlement(crypto: Crypto, settlement: Omit<Settlement, 'uncollectable'>): BatchSummary {
  const { batch, debits, lines, ejections, tallies } = settlement;
  const hashAll = <T>(items: readonly T[], pack: (item: T) => Uint8Array): Uint8Array =>
    crypto.keccak256(concatBytes(...items.map(pack)));
  return {
    ...batch,
    debitsHash: hashAll(debits, (debit) => encodeWords(crypto, DEBIT, debit)),
    linesHash: hashAll(lines, (line) => encodeWords(crypto, LINE, line)),
    ejectedHash: hashAll(ejections, (id) => id),
    talliesHash: hashAll(tallies, (tally) => encodeWords(crypto, TALLY, tally)),
  };
}

/** Computes the EIP-712 digest that validators sign. */
export function hashBatchSummary(crypto: Crypto, domain: LedgerDomain, summary: BatchSummary): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), typedBatch.hash(crypto, summary));
}

/** Computes the same digest from a whole settlement. */
export function hashSettlement(
  crypto: Crypto,
  domain: LedgerDomain,
  settlement: Omit<Settlement, 'uncollectable'>,
): Uint8Array {
  return hashBatchSummary(crypto, domain, summarizeSettlement(crypto, settlement));
}

/** An entry, and the exact bytes that it was parsed from. */
export interface ReadEntry {
  readonly bytes: Uint8Array;
  readonly entry: VerdictEntry;
}

export interface BatchInput {
  readonly validator: Uint8Array;
  readonly sequence: bigint;
  /** Position of the log after the entries. */
  readonly position: LogPosition;
  /** The log entries since the batch before. */
  readonly entries: readonly ReadEntry[];
  /**
   * The content root of each entry's model, if makers have a share. It is undefined for an entry without a record, which owes
   * nothing. Default: makers have no share, and lines name no model.
   */
  readonly modelRoots?: readonly (Uint8Array | undefined)[] | undefined;
  /** At least the newest voucher of every payer with a debt. */
  readonly vouchers: readonly Voucher[];
  /** Payers whose debt here cannot be drawn, ascending. Default: none. */
  readonly uncollectable?: readonly Uint8Array[];
  /** Tests of the log before the entries. Default: the log begins here. */
  readonly findTests?: FindTests;
}

/** Finds the tests of a provider or of a payee in the log before this run. */
export type FindTests = TestStates['find'];

const findNothing: FindTests = () => INITIAL_TESTS;

/** Time after exact evidence in which all earlier commitments of its provider are decided. */
const VOID_AFTER_MS = OPENING_KEPT_MS;

/** Sums the debts of each payer for the entries, ascending by payer, without payers that owe nothing. */
export function sumDebts(entries: readonly VerdictEntry[], findTests: FindTests): Debt[] {
  return sumFees(listPaid(entries, findTests));
}

/** Sums the fees of paid entries for each payer, ascending by payer, without payers that owe nothing. */
export function sumFees(paid: readonly VerdictEntry[]): Debt[] {
  const debts = new Map<string, Debt>();
  for (const { payer, feeAtomic } of paid.filter(isOwing)) {
    debts.set(toHex(payer), { payer, amount: (debts.get(toHex(payer))?.amount ?? 0n) + feeAtomic });
  }
  return [...debts.values()].sort((a, b) => compareBytes(a.payer, b.payer));
}

const isOwing = ({ feeAtomic }: VerdictEntry): boolean => feeAtomic > 0n;

/**
 * Lists the entries of one run whose replies are paid for. Exact evidence voids fees of its provider: those of earlier replies
 * in the same run, and those that the log decides within VOID_AFTER_MS.
 */
export function listPaid(entries: readonly VerdictEntry[], findTests: FindTests): VerdictEntry[] {
  const proven = new Map<string, number>();
  for (const entry of entries) {
    if (isProof(entry)) proven.set(toHex(findAccountable(entry).providerId), entry.timeMs);
  }
  return entries.filter(({ verdict, providerId, timeMs }) => {
    const provenMs = proven.get(toHex(providerId)) ?? findTests(providerId).provenMs;
    const isVoid = provenMs !== 0 && timeMs <= provenMs + VOID_AFTER_MS;
    return isBillable(verdict) && !isVoid;
  });
}

/**
 * Builds the settlement of a run of log entries. It is the same for every validator with the same entries and vouchers.
 * Rejected and abandoned replies owe nothing and appear in no list. Debts of uncollectable payers are counted, and neither
 * drawn nor paid.
 * @throws ProtocolError `malformed` if a payer owes without a voucher, or an uncollectable payer owes nothing. Also if a paid
 * entry has no model while others have one.
 * @throws ProtocolError `too-large` if there are more parties than one transaction settles: settle fewer entries at a time.
 */
export function buildSettlement(crypto: Crypto, input: BatchInput): Settlement {
  const parsed = input.entries;
  const entries = parsed.map(({ entry }) => entry);
  const findModel = nameModels(entries, input.modelRoots);
  const { findTests = findNothing } = input;
  const payable = new Set(listPaid(entries, findTests));
  const paid = parsed.filter(({ entry }) => payable.has(entry));
  const { uncollectable = [] } = input;
  const unpaid = new Set(uncollectable.map(toHex));
  const owing = paid.map(({ entry }) => entry).filter(isOwing);
  const drawn = owing.filter(({ payer }) => !unpaid.has(toHex(payer)));
  const debts = sumFees(owing);
  const shares = listShares(entries, findTests);
  if (debts.filter(({ payer }) => unpaid.has(toHex(payer))).length !== uncollectable.length) {
    throw new ProtocolError('malformed', 'an uncollectable payer owes nothing, or is listed twice');
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
    debits: netDebits(sumFees(drawn), input.vouchers),
    lines: fineLines(
      netLines(
        drawn.flatMap((entry) => {
          const modelRoot = findModel(entry);
          return (shares.get(entry) ?? []).map((part) => ({ ...part, router: entry.router, modelRoot }));
        }),
      ),
      entries,
    ),
    ejections: sortUnique(entries.filter(({ ejects }) => ejects).map((entry) => findAccountable(entry).providerId)),
    tallies: tallyVerifiers(entries, findTests),
    uncollectable,
  };
  encodeSettlement(settlement);
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

/** A provider's part of one reply's fee, with the other parties of its line. */
type FeeShare = FeePart & Pick<Line, 'router'> & Partial<Pick<Line, 'modelRoot'>>;

function nameModels(entries: readonly VerdictEntry[], roots: BatchInput['modelRoots']) {
  if (roots === undefined) return () => NO_MODEL;
  const named = new Map(entries.map((entry, i) => [entry, roots[i]]));
  return (entry: VerdictEntry): Uint8Array => {
    const root = named.get(entry);
    if (root === undefined || isUnnamed(root))
      throw new ProtocolError('malformed', `entry ${entry.index} has no model`);
    return root;
  };
}

const isUnnamed = (modelRoot: Uint8Array): boolean => modelRoot.every((byte) => byte === 0);

/** Returns whether the lines name models; undefined if there is no line. */
export function areModelsNamed({ lines }: Pick<Settlement, 'lines'>): boolean | undefined {
  return lines[0] && !isUnnamed(lines[0].modelRoot);
}

/** Lists the parts of each entry's fee. */
function listShares(
  entries: readonly VerdictEntry[],
  findTests: FindTests,
): ReadonlyMap<VerdictEntry, readonly FeePart[]> {
  const tests = createOverlay({ find: findTests });
  return new Map(entries.map((entry) => [entry, countBalance(tests, entry)]));
}

/** Nets one line for each provider, payee, router and model, in the order of a batch. */
export function netLines(owing: readonly FeeShare[]): Line[] {
  const lines = new Map<string, Line>();
  for (const { providerId, payee, router, feeAtomic, modelRoot = NO_MODEL } of owing) {
    const key = toHex(concatBytes(providerId, payee, router, modelRoot));
    const gross = (lines.get(key)?.gross ?? 0n) + feeAtomic;
    lines.set(key, { providerId, payee, router, gross, fine: 0n, modelRoot });
  }
  return [...lines.values()].sort(compareLines);
}

/**
 * Takes the fines for abandoned replies from the provider's lines, in their order, each up to its gross. If the provider earns less here
 * than its fines, it pays all it earns. Burnt fees pay no fine.
 */
function fineLines(lines: readonly Line[], entries: readonly VerdictEntry[]): Line[] {
  const due = new Map<string, bigint>();
  for (const { providerId, fineAtomic } of entries.filter(({ verdict }) => verdict === 'abandoned')) {
    due.set(toHex(providerId), (due.get(toHex(providerId)) ?? 0n) + fineAtomic);
  }
  return lines.map((line) => {
    const key = toHex(line.providerId);
    const left = due.get(key) ?? 0n;
    const fine = left < line.gross ? left : line.gross;
    due.set(key, left - fine);
    return { ...line, fine };
  });
}

/**
 * Tallies the work of each payee's verifiers in every entry, paid or not. A verifier that was paid only for accepts would
 * always accept. A verifier without a payee is in no tally.
 */
function tallyVerifiers(entries: readonly VerdictEntry[], findTests: FindTests): VerifierTally[] {
  const tests = createOverlay({ find: findTests });
  const tallies = new Map<string, VerifierTally>();
  for (const mark of entries.flatMap(({ verifiers }) => verifiers)) {
    const { payee, outcome } = mark;
    const isFree = outcome === 'silent' && !countSilence(tests, mark);
    if (!isPayable(payee) || isFree) continue;
    const { credits, refuted } = tallies.get(toHex(payee)) ?? { credits: 0, refuted: 0 };
    const tokens = outcome === 'credited' ? mark.tokens : 0;
    const tally = {
      credits: Math.min(credits + tokens, MAX_CREDITS),
      refuted: refuted + (outcome === 'refuted' || outcome === 'silent' ? 1 : 0),
    };
    if (tally.credits + tally.refuted > 0) tallies.set(toHex(payee), { payee, ...tally });
  }
  return [...tallies.values()].sort((a, b) => compareBytes(a.payee, b.payee));
}

function compareParties(a: Omit<Line, 'modelRoot'>, b: Omit<Line, 'modelRoot'>): number {
  return compareBytes(a.providerId, b.providerId) || compareBytes(a.payee, b.payee) || compareBytes(a.router, b.router);
}

function compareLines(a: Line, b: Line): number {
  return compareParties(a, b) || compareBytes(a.modelRoot, b.modelRoot);
}

function sortUnique(ids: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(ids.map((id) => [toHex(id), id])).values()].sort(compareBytes);
}

/** Asserts that debits equal lines, fines included. No money is created or lost, and one transaction is enough. */
function assertSettlement({ debits, lines, ejections, tallies, uncollectable }: Settlement): void {
  const gas = computeSettlementGas({ debits, lines, ejections, tallies });
  if (gas > MAX_SETTLEMENT_GAS) {
    throw new ProtocolError('too-large', `the batch may take ${gas} gas, more than ${MAX_SETTLEMENT_GAS}`);
  }
  if (uncollectable.some((payer) => debits.some((debit) => compareBytes(debit.payer, payer) === 0))) {
    throw new ProtocolError('malformed', 'a payer is both debited and uncollectable');
  }
  if (new Set(lines.map(({ modelRoot }) => isUnnamed(modelRoot))).size > 1) {
    throw new ProtocolError('malformed', 'lines name all models, or none');
  }
  const excess = lines.find(({ gross, fine }) => fine > gross);
  if (excess) throw new ProtocolError('malformed', `a fine of ${excess.fine} on a line of ${excess.gross}`);
  const debited = debits.reduce((sum, { amount }) => sum + amount, 0n);
  const gross = lines.reduce((sum, line) => sum + line.gross, 0n);
  if (debited !== gross) throw new ProtocolError('malformed', `debits of ${debited} for lines of ${gross}`);
}
