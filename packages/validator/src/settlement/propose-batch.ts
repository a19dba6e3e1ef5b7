import type { Anchor } from '@ogong/chain/client';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import {
  areModelsNamed,
  buildSettlement,
  createVoucher,
  type Settlement,
  sumDebts,
} from '@ogong/protocol/settlement/batch';
import { createGasMeter, MAX_SETTLEMENT_GAS } from '@ogong/protocol/settlement/gas';
import { computeEntryHash, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import {
  encodeEntry,
  listEntries,
  proposeBatch,
  readBatchedLength,
  readProposed,
  replaceProposed,
  type StoredBatch,
} from '../store/batch-store.ts';
import { readVoucher } from '../store/channel-store.ts';
import { readHandled } from '../store/replies/reply-store.ts';
import { createTestReader } from '../store/sequential-store.ts';
import { findCovering, findUncollectable, type OrderVoucher } from './collect.ts';
import type { OpenEntry } from './entry-window.ts';
import { readBondRoom } from './read-bond-room.ts';
import { SettlementError } from './settlement-error.ts';
import type { SettlementChain, SettlementState } from './settlement-state.ts';

/** Proposes the next batch of the log. @returns the stored batch; undefined if nothing is decided. @throws SettlementError */
export async function proposeNext(
  state: SettlementState,
  client: SettlementChain,
  anchor: Anchor,
): Promise<StoredBatch | undefined> {
  const { store, group } = state;
  const from = store.read(() => readBatchedLength(store));
  if (anchor.logLength !== from) {
    throw new SettlementError(
      'anchor-mismatch',
      `the chain has settled ${anchor.logLength} entries of this log, the database ${from}: the database is not this validator's`,
    );
  }
  if (store.read(() => listEntries(store, from, 1)).length === 0) return undefined;
  const entries = takeEntries(state, from, await readRoom(state, client));
  const [first] = entries;
  if (first === undefined) return undefined;
  assertFollows(first.entry, anchor);
  const position = { sequence: anchor.sequence + 1n, to: from + BigInt(entries.length) };
  const settlement = await buildBatch(state, client, position, entries);
  await group.write((db) => proposeBatch(db, settlement, from));
  return store.read(() => readProposed(store));
}

/**
 * Proposes the same log with other debits, or with lines that name their models after makers got a share.
 * @returns false if the new batch would be the same.
 */
export async function proposeAnew(
  state: SettlementState,
  client: SettlementChain,
  batch: StoredBatch,
): Promise<boolean> {
  const { group, onReplaced } = state;
  const settlement = await buildBatch(state, client, batch, readBatchEntries(state, batch));
  const { uncollectable } = settlement;
  const isSame = uncollectable.map(toHex).join() === batch.settlement.uncollectable.map(toHex).join();
  if (isSame && areModelsNamed(settlement) === areModelsNamed(batch.settlement)) return false;
  await group.write((db) => replaceProposed(db, settlement));
  onReplaced(batch.sequence, uncollectable);
  return true;
}

/**
 * Proposes the first half of the same log under the same number. Co-signers accept it, because they have signed the
 * same log.
 * @returns false if the batch has one entry.
 */
export async function proposeShorter(
  state: SettlementState,
  client: SettlementChain,
  batch: StoredBatch,
): Promise<boolean> {
  const half = batch.from + (batch.to - batch.from) / 2n;
  if (half === batch.from) return false;
  const { uncollectable } = await proposeUpTo(state, client, batch, half);
  state.onReplaced(batch.sequence, uncollectable);
  return true;
}

/**
 * Proposes the same log under the same number, with later entries too. Co-signers accept it, because they have signed
 * its beginning.
 */
export async function proposeLonger(
  state: SettlementState,
  client: SettlementChain,
  batch: StoredBatch,
  to: bigint,
): Promise<void> {
  const { uncollectable } = await proposeUpTo(state, client, batch, to);
  state.onReplaced(batch.sequence, uncollectable);
}

/**
 * Proposes the same log under the same number as the chain accepted it, before it was proposed shorter.
 * @returns false if the batch stays the same. @throws SettlementError if the chain accepted another log.
 */
export async function proposeSettled(
  state: SettlementState,
  client: SettlementChain,
  batch: StoredBatch,
  { logLength, logHead }: Pick<Anchor, 'logLength' | 'logHead'>,
): Promise<boolean> {
  const entries = logLength > batch.from ? readBatchEntries(state, { from: batch.from, to: logLength }) : [];
  const last = entries.at(-1);
  const head = last && computeEntryHash(state.crypto, last.bytes);
  if (BigInt(entries.length) !== logLength - batch.from || !head || !equalBytes(head, fromHex(logHead.slice(2)))) {
    throw new SettlementError(
      'anchor-mismatch',
      `the chain has settled another log of ${logLength} entries as batch ${batch.sequence}: the database is an older copy, or of another validator`,
    );
  }
  if (logLength === batch.to) return false;
  await proposeUpTo(state, client, batch, logLength);
  return true;
}

/** Proposes the same log under the same number, up to another position. */
async function proposeUpTo(
  state: SettlementState,
  client: SettlementChain,
  batch: StoredBatch,
  to: bigint,
): Promise<Settlement> {
  const run = { ...batch, to };
  const settlement = await buildBatch(state, client, run, readBatchEntries(state, run));
  await state.group.write((db) => replaceProposed(db, settlement));
  return settlement;
}

export function readBatchEntries(
  { window }: Pick<SettlementState, 'window'>,
  { from, to }: Pick<StoredBatch, 'from' | 'to'>,
): OpenEntry[] {
  return window.list(from, Number(to - from));
}

async function buildBatch(
  { crypto, signer, store, isSigned, namesModels }: SettlementState,
  client: SettlementChain,
  { sequence, to }: Pick<StoredBatch, 'sequence' | 'to'>,
  entries: readonly OpenEntry[],
): Promise<Settlement> {
  const findTests = createTestReader(store, signer.address);
  const debts = sumDebts(
    entries.map(({ entry }) => entry),
    findTests,
  );
  const used = new Map<string, OrderVoucher>();
  for (const { payer } of debts) {
    const newest = store.read(() => readVoucher(store, payer));
    if (newest) used.set(toHex(payer), newest);
  }
  const uncollectable = await findUncollectable(
    {
      readChannel: (payer) => client.channelOf(payer, signer.address),
      async isCovered(payer, least) {
        const newest = used.get(toHex(payer));
        if (newest === undefined || (await findCovering(isSigned, [newest], least))) return true;
        const older = await findCovering(isSigned, listOrders(store, entries, payer), least);
        if (older) used.set(toHex(payer), older);
        return older !== undefined;
      },
    },
    debts,
  );
  return buildSettlement(crypto, {
    validator: signer.address,
    sequence,
    position: { length: to, head: computeEntryHash(crypto, (entries.at(-1) as OpenEntry).bytes) },
    entries,
    modelRoots: namesModels() ? entries.map(({ replyId }) => findModel(store, replyId)) : undefined,
    vouchers: [...used.values()].map(({ order, signature }) => createVoucher(crypto, order, signature)),
    findTests,
    uncollectable,
  });
}

/** Finds the model root of a reply, as its payer signed it. */
function findModel(store: SettlementState['store'], replyId: Uint8Array): Uint8Array {
  const row = store.read(() => readHandled(store, replyId));
  if (row === undefined) throw new Error('a log entry without its reply');
  return parseOrder(row.orderBytes).modelRoot;
}

/** Lists the orders of a payer in a batch, as co-signers see them. */
function listOrders(
  store: SettlementState['store'],
  entries: readonly Pick<OpenEntry, 'replyId'>[],
  payer: Uint8Array,
): OrderVoucher[] {
  const rows = store.read(() => entries.map(({ replyId }) => readHandled(store, replyId)));
  return rows.flatMap((row) => {
    const order = row && parseOrder(row.orderBytes);
    return order && equalBytes(order.payer, payer) ? [{ order, signature: row.orderSignature }] : [];
  });
}

/** @throws SettlementError unless the entry continues the log that the chain has settled. */
export function assertFollows(
  { previousHash }: Pick<VerdictEntry, 'previousHash'>,
  { sequence, logHead }: Pick<Anchor, 'sequence' | 'logHead'>,
): void {
  if (sequence === 0n || equalBytes(previousHash, fromHex(logHead.slice(2)))) return;
  throw new SettlementError('anchor-mismatch', 'the log does not follow the head that the chain has settled');
}

/**
 * Returns the largest amount of a batch that all bonds together cover; undefined if there is no limit, or the chain
 * does not answer.
 */
async function readRoom(
  { chain, onError }: Pick<SettlementState, 'chain' | 'onError'>,
  client: Pick<SettlementChain, 'unvested' | 'votesOf'>,
): Promise<bigint | undefined> {
  return readBondRoom(client, chain.validators()).catch((error: unknown): undefined => void onError(error));
}

/**
 * Takes as many entries as fit one message and one transaction; at least one.
 * @param room their largest amount. If the first entry alone exceeds it, the batch waits for earnings to vest, and has
 * no limit.
 */
export function takeEntries(
  {
    store,
    window,
    maxEntries,
    maxBatchBytes,
    namesModels,
    signer,
  }: Pick<SettlementState, 'store' | 'window' | 'maxEntries' | 'maxBatchBytes'> &
    Partial<Pick<SettlementState, 'namesModels' | 'signer'>>,
  from: bigint,
  room?: bigint,
): OpenEntry[] {
  const taken: OpenEntry[] = [];
  const meter = createGasMeter(signer && createTestReader(store, signer.address));
  const isNamed = namesModels?.() ?? false;
  let size = 0;
  let gross = 0n;
  let most = room;
  for (const open of window.list(from, maxEntries)) {
    size += encodeEntry(open.message()).length;
    const gas = meter.add(open.entry, isNamed ? findModel(store, open.replyId) : undefined);
    gross += open.entry.feeAtomic;
    const isAbove = most !== undefined && gross > most;
    if (taken.length === 0 && isAbove) most = undefined;
    if (taken.length > 0 && (size > maxBatchBytes || gas > MAX_SETTLEMENT_GAS || isAbove)) break;
    taken.push(open);
  }
  return taken;
}
