import { setImmediate as nextTurn } from 'node:timers/promises';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { QuorumSignature } from '@ogong/protocol/crypto/quorum';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type { BatchEntry, CosignBatchRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashBatchSummary, type Settlement, sumDebts, summarizeSettlement } from '@ogong/protocol/settlement/batch';
import type { HeadSignature } from '@ogong/protocol/settlement/head-certificate';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { SignerError } from '../../signer/signer-error.ts';
import {
  assertNets,
  checkUncollectable,
  findLogStart,
  findModels,
  isUncheckable,
  readLog,
  readProposal,
} from './batch-check.ts';
import { createListCheck } from './check-lists.ts';
import { findContradicted } from './contradicting-deliveries.ts';
import { CosignError, demand, type EntryFault, MAX_REASON } from './cosign-error.ts';
import type { CosignState } from './cosign-state.ts';
import { assertOneLog, castVote, findSigned, listPlaces, readVote } from './cosign-vote.ts';
import { describeEjection, type LogCounts, readCounts } from './count-log.ts';
import { checkEntry } from './entry-check.ts';

/** A signature, with the entries whose lists were not compared. */
export interface Cosignature extends QuorumSignature {
  /** A share of the aggregated signature, 96 bytes; undefined if this validator makes none. */
  readonly share?: Uint8Array | undefined;
  /** Entries whose candidate lists were not compared, because the co-signer knew no staked verifier. */
  readonly uncompared: readonly bigint[];
  /** The head signature for readers off the chain, if the signer has a key for it. */
  readonly head?: HeadSignature | undefined;
}

/**
 * Signs a peer's batch after it derives each verdict again from the evidence (docs/spec/co-signing.md lists the
 * checks). There is one log per validator and one place in it per reply. Both are on the disk before the signature
 * leaves. Under one number the uncollectable payers may change with their channels, and the log may end earlier or
 * later. The chain accepts one batch per number, so only one of the signed batches settles.
 * @param from ledger address behind the link. @throws CosignError
 */
export async function cosignBatch(
  state: CosignState,
  from: Uint8Array,
  request: CosignBatchRequest,
): Promise<Cosignature> {
  const { crypto, domain, signer, store, group, onError } = state;
  const settlement = readProposal(from, request.batch);
  const { validator, sequence, logHead } = settlement.batch;
  const summary = summarizeSettlement(crypto, settlement);
  const digest = hashBatchSummary(crypto, domain, summary);
  const known = store.read(() => readVote(store, validator, sequence));
  let uncompared: readonly bigint[] = [];
  if (known === undefined || !equalBytes(known.digest, digest)) {
    const { entries, findTests, ...checked } = await checkEntries(state, settlement, request);
    uncompared = checked.uncompared;
    const debts = sumDebts(entries, findTests);
    const orders = request.entries.flatMap(({ record }) =>
      record?.order ? [{ order: parseOrder(record.order.order), signature: record.order.signature }] : [],
    );
    await checkUncollectable(state, settlement, debts, known?.uncollectable ?? [], orders);
    const { uncollectable } = settlement;
    const replaces = known?.digest;
    const places = listPlaces(entries, { head: logHead });
    await group.write((db) => castVote(db, { validator, sequence, digest, uncollectable, places, replaces }));
  }
  const entries = request.entries.map(({ logEntry }) => logEntry);
  const statement = { domain, summary, entries };
  const signature = await signer.sign({ kind: 'batch', ...statement }).catch(toCosignError);
  // A vote counts without these signatures.
  const tell = (error: unknown): undefined => void onError(error);
  const head = await signer.signHead?.(statement).catch(tell);
  const share = await signer.signShare?.({ kind: 'batch', ...statement }).catch(tell);
  return { signer: signer.address, signature, share, uncompared, head };
}

/**
 * Converts a refusal of the signer to an answer for the peer. A batch that was signed once may come again with other
 * entries.
 */
function toCosignError(error: unknown): never {
  if (!(error instanceof SignerError)) throw error;
  const { code, message } = error;
  const shown = code === 'malformed' ? 'refuted' : code === 'conflict' ? 'conflict' : 'unavailable';
  throw new CosignError(shown, message, { cause: error });
}

export interface CosignAnswer extends Cosignature {
  readonly refused: EntryFault[];
}

/**
 * Answers a peer's batch: with a signature, or with the refused entries and their reasons, so that the peer can settle
 * the others. @throws CosignError if anything else is wrong.
 */
export async function answerPeer(
  { address: signer }: Pick<ValidatorSigner, 'address'>,
  vote: Promise<Cosignature>,
): Promise<CosignAnswer> {
  try {
    return { ...(await vote), refused: [] };
  } catch (error) {
    if (!(error instanceof CosignError) || error.refused.length === 0) throw error;
    const refused = error.refused.map((fault) => ({ ...fault, reason: fault.reason.slice(0, MAX_REASON) }));
    return { signer, signature: new Uint8Array(0), refused, uncompared: [] };
  }
}

async function checkEntries(
  state: CosignState,
  settlement: Settlement,
  { batch: bytes, entries: messages }: Pick<CosignBatchRequest, 'batch' | 'entries'>,
): Promise<
  { readonly entries: readonly VerdictEntry[] } & Pick<LogCounts, 'findTests'> & Pick<Cosignature, 'uncompared'>
> {
  const { batch } = settlement;
  const logEntries = messages.map(({ logEntry }) => logEntry);
  const start = await findLogStart(state, batch);
  const entries = readLog(state, batch, start, logEntries);
  const places = listPlaces(entries, { head: batch.logHead });
  const signed = state.store.read(() => {
    assertOneLog(state.store, batch.validator, places);
    return findSigned(state.store, batch.validator, places);
  });
  const { ejecting, balances, findTests } = await readCounts(state, batch.validator, start, entries);
  const unsigned = entries.flatMap((entry, i) => (signed.has(entry.index) ? [] : [i]));
  const contradicted = await findContradicted(
    state,
    batch.validator,
    unsigned.map((i) => entries[i] as VerdictEntry),
    unsigned.map((i) => messages[i] as BatchEntry),
  );
  const checkLists = createListCheck(state, entries);
  const refused: EntryFault[] = [];
  const uncompared: bigint[] = [];
  for (const [i, entry] of entries.entries()) {
    // An entry that was signed before is signed again. A table or a beacon may be gone since, and no other validator
    // could replace this vote.
    if (signed.has(entry.index)) continue;
    const delivery = contradicted.get(entry.index);
    try {
      demand(delivery === undefined, `entry ${entry.index} is not about the record that the payer has`);
      await checkEntry(state, batch.validator, entry, messages[i] as BatchEntry, balances.get(entry.index));
      if (!(await checkLists(entry, messages[i] as BatchEntry))) uncompared.push(entry.index);
      demand(entry.ejects === ejecting.has(entry.index), describeEjection(entry));
    } catch (error) {
      if (!(error instanceof CosignError)) throw error;
      if (error.code !== 'refuted' && !isUncheckable(state, entry, error)) throw error;
      refused.push({ index: entry.index, reason: error.message, delivery });
    }
    // One entry costs milliseconds, so links and timers get their turn between two entries.
    await nextTurn();
  }
  if (refused.length > 0) {
    throw new CosignError('refuted', refused.map(({ reason }) => reason).join('; '), { refused });
  }
  const modelRoots = findModels(state, settlement, entries, messages);
  const read = entries.map((entry, i) => ({ entry, bytes: logEntries[i] as Uint8Array }));
  assertNets(state, settlement, bytes, { entries: read, findTests, modelRoots });
  return { entries, findTests, uncompared };
}
