import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Anchor, Channel } from '@ogong/chain/client';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { type AuditDraw, isAudited } from '@ogong/protocol/audit/audit';
import { concatBytes, equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { QuorumSignature } from '@ogong/protocol/crypto/quorum';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import type { LedgerDomain, Order } from '@ogong/protocol/exchange/order';
import type { BatchEntry, CosignBatchRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  buildSettlement,
  encodeSettlement,
  hashSettlement,
  parseSettlement,
  type Settlement,
  sumDebts,
} from '@ogong/protocol/settlement/batch';
import { computeGenesisPosition, type VerdictEntry, verifyChain } from '@ogong/protocol/settlement/verdict-log';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import type { Submission } from '@ogong/protocol/verdict/claim';
import type { DriftNote, DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import { createPayeeWords } from '@ogong/protocol/verdict/payee-words';
import { assertVerdict, isRefutation, VerdictError } from '@ogong/protocol/verdict/verify-verdict';
import type { FoundPolicy } from '../store/drift-store.ts';
import { findUncollectable } from './collect.ts';

export interface CosignOptions {
  /** Domain of the escrow: what payers sign for. */
  readonly ledger: LedgerDomain;
  /** Domain of the settlement contract. */
  readonly domain: LedgerDomain;
  /** The network's least coverage, parts per million. */
  readonly alphaPpm: () => number;
  readonly allowFixedVerifier: boolean;
}

export interface CosignDependencies {
  readonly crypto: Crypto;
  readonly signer: LedgerSigner;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  /** Last settled state of a validator's log. */
  readonly anchorOf: (validator: Uint8Array) => Promise<Anchor>;
  /** A payer's channel with a validator, as the chain has it now. */
  readonly channelOf: (payer: Uint8Array, validator: Uint8Array) => Promise<Pick<Channel, 'admitted' | 'spent'>>;
  /** The network's lowest coverage at that time or later; undefined where nobody knows. */
  readonly findLeastAlphaPpm: (sinceMs: number) => Promise<number | undefined>;
  /** What scores of that time are judged by, as the evidence names it. */
  readonly findPolicy: (note: DriftNote | undefined, timeMs: number) => FoundPolicy;
  /** Beacon of an epoch, asked of a peer where it is not archived. */
  readonly getBeacon: (epoch: bigint) => Promise<{ value: Uint8Array; previous: Uint8Array } | undefined>;
}

export type CosignErrorCode =
  /** Something in the batch does not hold. */
  | 'refuted'
  /** A batch with another log was signed under this sequence, or a reply of it in another batch. */
  | 'conflict'
  /** It is not this batch's turn, as the chain has it. */
  | 'not-next'
  /** Something that is needed to check it cannot be had now. */
  | 'unavailable';

export class CosignError extends Error {
  override readonly name = 'CosignError';
  readonly code: CosignErrorCode;
  readonly retryable: boolean;
  constructor(code: CosignErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'unavailable' || code === 'not-next';
  }
}

/** For how long after a change of the coverage the one before it still passes: a validator may not have heard of it. */
const ALPHA_GRACE_MS = 3_600_000;

function demand(ok: boolean, message: string): asserts ok {
  if (!ok) throw new CosignError('refuted', message);
}

/**
 * Signs a peer's batch after coming to each of its verdicts anew from the bytes that they rest on (docs/spec/validator.md
 * lists what is re-checked). One log per validator and sequence, one batch per reply, both on the disk before the
 * signature leaves. Whom a batch of that log leaves out as uncollectable may change with the payers' channels: the chain
 * takes one batch per sequence, so that of all that were signed one settles.
 */
export function createCosigner(options: CosignOptions, dependencies: CosignDependencies) {
  const { ledger, domain, alphaPpm, allowFixedVerifier } = options;
  const { crypto, signer, clock, store, group, anchorOf, channelOf, findLeastAlphaPpm, findPolicy, getBeacon } =
    dependencies;
  const shared = {
    ...{ ledger, allowFixedVerifier, assertPassedOver },
    checkWord: createPayeeWords(crypto, ledger),
    async findBeacon(epoch: bigint): Promise<OrderBeacon> {
      const beacon = await getBeacon(epoch);
      if (beacon === undefined) throw new CosignError('unavailable', `the beacon of epoch ${epoch} is not known`);
      return beacon;
    },
    /** Another table proves nothing against the verdict: whoever asks may ask again when both hold the same. */
    findPolicy(note: DriftNote | undefined, { index, timeMs }: VerdictEntry): DriftPolicy | undefined {
      const found = findPolicy(note, timeMs);
      if ('policy' in found) return found.policy;
      throw new CosignError('unavailable', `entry ${index}: ${found.problem}`);
    },
  };

  /** @param from ledger address behind the link. @throws CosignError */
  async function cosign(from: Uint8Array, request: CosignBatchRequest): Promise<QuorumSignature> {
    let settlement: Settlement;
    try {
      settlement = parseSettlement(request.batch);
    } catch (cause) {
      throw new CosignError('refuted', `the batch does not parse: ${(cause as Error).message}`, { cause });
    }
    const { validator, sequence, logHead } = settlement.batch;
    demand(equalBytes(from, validator), 'the batch is of another validator than the one that asks');
    const digest = hashSettlement(crypto, domain, settlement);
    const known = store.read(() => readVote(store, validator, sequence));
    if (known === undefined || !equalBytes(known.digest, digest)) {
      const { uncollectable } = settlement;
      if (known !== undefined) assertReplaces(known, settlement);
      const entries = await verifyBatch(settlement, request);
      await verifyUncollectable(settlement, entries, known?.uncollectable ?? []);
      const replaces = known?.digest;
      await group.write((db) => vote(db, { validator, sequence, digest, logHead, uncollectable, entries, replaces }));
    }
    return { signer: signer.address, signature: signer.signDigest(digest) };
  }

  async function verifyBatch(settlement: Settlement, request: CosignBatchRequest): Promise<readonly VerdictEntry[]> {
    const { validator, sequence, logLength, logHead } = settlement.batch;
    const anchor = await anchorOf(validator).catch((cause: unknown) => {
      throw new CosignError('unavailable', 'the chain cannot be read', { cause });
    });
    if (sequence !== anchor.sequence + 1n) {
      throw new CosignError('not-next', `batch ${sequence}, the chain has settled ${anchor.sequence}`);
    }
    const start =
      anchor.sequence === 0n
        ? computeGenesisPosition(crypto, { chainId: ledger.chainId, validator })
        : { length: anchor.logLength, head: fromHex(anchor.logHead.slice(2), 32) };
    const list = request.entries.map(({ logEntry }) => logEntry);
    demand(list.length > 0, 'an empty batch');
    const chained = verifyChain(crypto, { from: start, entries: list, expected: { length: logLength, head: logHead } });
    const broken = chained.checks.find(({ status }) => status === 'fail');
    demand(broken === undefined, `the log does not hold: ${broken?.detail}`);
    const ids = new Set(chained.entries.map(({ replyId }) => toHex(replyId)));
    demand(ids.size === chained.entries.length, 'a reply stands twice in the batch');
    for (const [i, entry] of chained.entries.entries()) {
      await verifyEntry(validator, entry, request.entries[i] as BatchEntry);
      // One entry costs milliseconds; links and timers get their turn between two of them.
      await nextTurn();
    }
    assertSameSettlement(settlement, request.batch, list);
    return chained.entries;
  }

  /**
   * Left out is who cannot be drawn, and of those left out before nobody else comes back: then a payer who fills its
   * channel up again holds up a batch as little as one who empties it.
   */
  async function verifyUncollectable(
    { batch, uncollectable }: Settlement,
    entries: readonly VerdictEntry[],
    before: readonly Uint8Array[],
  ): Promise<void> {
    const named = new Set(uncollectable.map(toHex));
    const concerned = new Set([...uncollectable, ...before].map(toHex));
    const debts = sumDebts(entries).filter(({ payer }) => concerned.has(toHex(payer)));
    const readChannel = (payer: Uint8Array) => channelOf(payer, batch.validator);
    const found = await findUncollectable(readChannel, debts).catch((cause: unknown) => {
      throw new CosignError('unavailable', 'the channels cannot be read', { cause });
    });
    const undrawable = new Set(found.map(toHex));
    for (const payer of debts.map((debt) => toHex(debt.payer))) {
      demand(!named.has(payer) || undrawable.has(payer), `payer ${payer} can be drawn, by the chain as it is here`);
      demand(named.has(payer) || !undrawable.has(payer), `payer ${payer} can still not be drawn`);
    }
  }

  /** The vouchers are left to the contract, which checks them against the channel that only it knows exactly. */
  function assertSameSettlement(settlement: Settlement, bytes: Uint8Array, entries: readonly Uint8Array[]): void {
    const { validator, sequence, logLength, logHead } = settlement.batch;
    let rebuilt: Settlement;
    try {
      rebuilt = buildSettlement(crypto, {
        validator,
        sequence,
        position: { length: logLength, head: logHead },
        entries,
        vouchers: settlement.debits,
        uncollectable: settlement.uncollectable,
      });
    } catch (cause) {
      throw new CosignError('refuted', `the entries do not settle: ${(cause as Error).message}`, { cause });
    }
    demand(equalBytes(encodeSettlement(rebuilt), bytes), 'the batch is not what its entries net to');
  }

  async function verifyEntry(
    validator: Uint8Array,
    entry: VerdictEntry,
    { record: claimed, evidence }: BatchEntry,
  ): Promise<void> {
    demand(claimed?.order !== undefined, `entry ${entry.index} has no order`);
    const { order, record } = claimed;
    const submission = claimed.header.length > 0 ? (claimed as Submission) : undefined;
    const trust = { ...shared, validator, nowMs: clock.nowMs() };
    try {
      await assertVerdict(crypto, entry, { order, record, submission, evidence }, trust);
    } catch (error) {
      if (!isRefutation(error)) throw error;
      const where = error instanceof VerdictError ? '' : `entry ${entry.index}: `;
      throw new CosignError('refuted', `${where}${error.message}`, { cause: error });
    }
  }

  async function assertPassedOver(entry: VerdictEntry, order: Order, draw: AuditDraw): Promise<void> {
    if (!isAudited(crypto, draw, alphaPpm())) return;
    // The coverage may have been raised since. An entry cannot claim to be older than its order.
    const decidedMs = Math.max(entry.timeMs, Number(order.expiresAtMs) - MAX_ORDER_LIFETIME_MS);
    const leastPpm = await findLeastAlphaPpm(decidedMs - ALPHA_GRACE_MS).catch((cause: unknown) => {
      throw new CosignError('unavailable', 'the coverage of that time cannot be read', { cause });
    });
    const isPassedOver = leastPpm !== undefined && !isAudited(crypto, draw, leastPpm);
    demand(isPassedOver, `entry ${entry.index}: the beacon selected the reply for an audit`);
  }

  return { cosign };
}

interface Vote {
  readonly digest: Uint8Array;
  readonly logHead: Uint8Array;
  readonly uncollectable: readonly Uint8Array[];
}

function readVote(store: Store, validator: Uint8Array, sequence: bigint): Vote | undefined {
  const row = store
    .prepare('SELECT digest, log_head, uncollectable FROM cosigned WHERE validator = ? AND sequence = ?')
    .get(validator, sequence);
  if (row === undefined) return undefined;
  const payers = (row.uncollectable as Uint8Array | null) ?? new Uint8Array(0);
  return {
    digest: row.digest as Uint8Array,
    logHead: row.log_head as Uint8Array,
    uncollectable: Array.from({ length: payers.length / 20 }, (_, i) => payers.slice(i * 20, i * 20 + 20)),
  };
}

/** @throws CosignError unless the batch settles the log that was signed: whom it draws, and under which order, may differ. */
function assertReplaces({ logHead }: Vote, { batch }: Settlement): void {
  if (equalBytes(logHead, batch.logHead)) return;
  throw new CosignError('conflict', `another batch was signed as number ${batch.sequence}`);
}

interface Ballot extends Vote {
  readonly validator: Uint8Array;
  readonly sequence: bigint;
  readonly entries: readonly VerdictEntry[];
  /** Digest of the vote that this one was checked against. */
  readonly replaces: Uint8Array | undefined;
}

/** @throws CosignError where another vote stands against it. */
function vote(store: Store, { validator, sequence, digest, logHead, uncollectable, entries, replaces }: Ballot): void {
  const known = readVote(store, validator, sequence)?.digest;
  if (known !== undefined && !equalBytes(known, digest) && !(replaces && equalBytes(known, replaces))) {
    throw new CosignError('conflict', `another batch was signed as number ${sequence}`);
  }
  store
    .prepare(
      `INSERT OR REPLACE INTO cosigned (validator, sequence, digest, log_head, uncollectable) VALUES (?, ?, ?, ?, ?)`,
    )
    .run(validator, sequence, digest, logHead, concatBytes(...uncollectable));
  for (const { replyId, index } of entries) {
    const other = store.prepare('SELECT validator, sequence FROM cosigned_replies WHERE reply_id = ?').get(replyId);
    if (other === undefined) {
      store
        .prepare('INSERT INTO cosigned_replies (reply_id, validator, sequence) VALUES (?, ?, ?)')
        .run(replyId, validator, sequence);
    } else if (!equalBytes(other.validator as Uint8Array, validator) || BigInt(other.sequence as number) !== sequence) {
      throw new CosignError('conflict', `entry ${index}: the reply was settled in another batch`);
    }
  }
}
