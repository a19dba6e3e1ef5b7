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
import { CosignError, demand, type EntryFault, MAX_REASON } from './cosign-error.ts';
import { findContradicted } from './cosign-heard.ts';
import type { CosignState } from './cosign-state.ts';
import { assertOneLog, castVote, findSigned, listPlaces, readVote } from './cosign-vote.ts';
import { describeEjection, type LogCounts, readCounts } from './count-log.ts';
import { checkEntry } from './entry-check.ts';

/** A signature, and what was signed on the validator's word. */
export interface Cosignature extends QuorumSignature {
  /** The same, of the kind that is summed, 96 bytes; undefined where this validator makes none. */
  readonly share?: Uint8Array | undefined;
  /** Entries with lists of candidates that were compared with none of the co-signer's own, because it knew nobody with stake. */
  readonly uncompared: readonly bigint[];
  /** The same word for readers off the chain, where the signer has a key for it. */
  readonly head?: HeadSignature | undefined;
}

/**
 * Signs a peer's batch after deriving each of its verdicts again from the evidence (docs/spec/co-signing.md lists the checks).
 * One log per validator, one place in it per reply, both on the disk before the signature leaves. Under one number the list of
 * uncollectable payers may change with their channels, and the log may end earlier or later: the chain takes one batch per
 * sequence, so only one of the signed batches settles.
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
  // A vote counts without them.
  const tell = (error: unknown): undefined => void onError(error);
  const head = await signer.signHead?.(statement).catch(tell);
  const share = await signer.signShare?.({ kind: 'batch', ...statement }).catch(tell);
  return { signer: signer.address, signature, share, uncompared, head };
}

/** What a peer is told where the holder of the key does not sign: a batch that was signed once may come again with other entries. */
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
 * What a peer gets for its batch: a signature, or the entries that are refused, each with its reason, so that it can settle
 * the others. @throws CosignError where something else is wrong.
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
  const { ejecting, findTests } = await readCounts(state, batch.validator, start, entries);
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
    // What was signed once is signed again: a table or a beacon may have gone since, and nobody else could replace this vote.
    if (signed.has(entry.index)) continue;
    const delivery = contradicted.get(entry.index);
    try {
      demand(delivery === undefined, `entry ${entry.index} is about another record than the payer holds`);
      await checkEntry(state, batch.validator, entry, messages[i] as BatchEntry);
      if (!(await checkLists(entry, messages[i] as BatchEntry))) uncompared.push(entry.index);
      demand(entry.ejects === ejecting.has(entry.index), describeEjection(entry));
    } catch (error) {
      if (!(error instanceof CosignError)) throw error;
      if (error.code !== 'refuted' && !isUncheckable(state, entry, error)) throw error;
      refused.push({ index: entry.index, reason: error.message, delivery });
    }
    // One entry costs milliseconds; links and timers get their turn between two of them.
    await nextTurn();
  }
  if (refused.length > 0) {
    throw new CosignError('refuted', refused.map(({ reason }) => reason).join('; '), { refused });
  }
  const modelRoots = findModels(state, settlement, entries, messages);
  assertNets(state, settlement, bytes, { logEntries, findTests, modelRoots });
  return { entries, findTests, uncompared };
}
