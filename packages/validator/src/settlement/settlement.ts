import type { Anchor } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { areModelsNamed, hashSettlement } from '@ogong/protocol/settlement/batch';
import {
  findSettledBatch,
  listEntries,
  readBatchedLength,
  readLastSettledMs,
  readProposed,
  type StoredBatch,
} from '../store/batch-store.ts';
import { takeOut } from '../store/replies/refused-store.ts';
import { certifyHead } from './certify-head.ts';
import { gatherSignatures } from './gather-signatures.ts';
import { proposeAnew, proposeLonger, proposeNext, proposeSettled, proposeShorter } from './propose-batch.ts';
import { recordFoundBatch, recordSettledBatch } from './record-settled.ts';
import { SettlementError } from './settlement-error.ts';
import type { SettlementChain, SettlementState } from './settlement-state.ts';
import { nameQuorumKey } from './sum-signatures.ts';

/**
 * Time after a settlement in which a reorganisation may undo its transaction. A quiet validator asks the chain for so
 * long.
 */
const UNCERTAIN_MS = 900_000;

/**
 * Runs one step of settlement: propose, gather signatures, submit, record. A settled batch that the chain has lost is
 * submitted again unchanged, before anything else. Each part is durable before the next begins, and each can be
 * repeated. The chain accepts a number once, and the log of a proposed batch never changes. Its debits may change:
 * payers whose channel no longer covers their debt are left out, so that they do not block the others. It may become
 * shorter. A batch that no transaction can contain is proposed again as its first half, and entries that no quorum can
 * sign leave it.
 * @returns true if a batch was settled or replaced, so that there is more to do.
 * @throws ChainError, SettlementError. The next step continues from the same place.
 */
export async function stepSettlement(state: SettlementState): Promise<boolean> {
  const { crypto, store, signer, chain } = state;
  if (!hasWork(state)) return false;
  const client = await chain.client();
  await nameQuorumKey(state, client).catch(state.onError);
  const anchor = await client.anchorOf(signer.address);
  const lost = findLost(state, anchor);
  if (lost !== undefined) return submitAgain(state, client, lost);
  const proposed = store.read(() => readProposed(store));
  if (proposed && anchor.sequence >= proposed.sequence) {
    const isLast = anchor.sequence === proposed.sequence;
    if (isLast && (await proposeSettled(state, client, proposed, anchor))) return true;
    await recordFoundBatch(state, client, proposed);
    return true;
  }
  // Makers got or lost their share since the proposal, so no peer would sign it as it is.
  const isNamed = proposed && areModelsNamed(proposed.settlement);
  if (proposed && isNamed !== undefined && isNamed !== state.namesModels()) {
    if (await proposeAnew(state, client, proposed)) return true;
  }
  const batch = proposed ?? (await proposeNext(state, client, anchor));
  if (batch === undefined) return false;
  try {
    await submit(state, client, batch);
  } catch (error) {
    // Another account has submitted it, and the next step records it. Otherwise the chain was reset, or is another one.
    const isTaken = error instanceof ChainError && error.revert?.name === 'WrongSequence';
    if (isTaken && (await client.anchorOf(signer.address)).sequence >= batch.sequence) return true;
    if (isAboutChannels(error, batch) && (await proposeAnew(state, client, batch))) return true;
    if (error instanceof SettlementError && error.code === 'entries-refused') {
      await state.group.write((db) =>
        takeOut(db, { crypto, validator: signer.address }, batch.sequence, error.refused),
      );
      state.onRefused(batch.sequence, error.message);
      return true;
    }
    if (error instanceof SettlementError && error.upTo !== undefined) {
      await proposeLonger(state, client, batch, error.upTo);
      return true;
    }
    if ((isTooCostly(error) || isAboveBonds(error, batch)) && (await proposeShorter(state, client, batch))) return true;
    throw error;
  }
  return true;
}

function hasWork({ store, clock }: Pick<SettlementState, 'store' | 'clock'>): boolean {
  return store.read(() => {
    if (readProposed(store) !== undefined || listEntries(store, readBatchedLength(store), 1).length > 0) return true;
    const bookedMs = readLastSettledMs(store);
    return bookedMs !== undefined && clock.nowMs() - bookedMs < UNCERTAIN_MS;
  });
}

/**
 * Finds the first settled batch that the chain no longer has: a reorganisation undid its block, and the transaction did
 * not return.
 */
function findLost(
  { store }: Pick<SettlementState, 'store'>,
  { sequence, logLength }: Pick<Anchor, 'sequence' | 'logLength'>,
): StoredBatch | undefined {
  const booked = store.read(() => findSettledBatch(store, sequence + 1n));
  // A log that differs from the chain's is not sent: `proposeNext` reports the error.
  return booked !== undefined && booked.from === logLength ? booked : undefined;
}

/**
 * Submits the same bytes with the same quorum again. The chain accepts one of two equal transactions. The batch is
 * recorded already.
 */
async function submitAgain(state: SettlementState, client: SettlementChain, batch: StoredBatch): Promise<boolean> {
  try {
    await settleBatch(state, client, batch);
  } catch (error) {
    const isBack = error instanceof ChainError && error.revert?.name === 'WrongSequence';
    if (isBack && (await client.anchorOf(state.signer.address)).sequence >= batch.sequence) return true;
    throw error;
  }
  state.onSubmittedAgain(batch.sequence);
  return true;
}

async function submit(state: SettlementState, client: SettlementChain, batch: StoredBatch): Promise<void> {
  const { transactionHash, blockNumber } = await settleBatch(state, client, batch);
  await certifyHead(state, client, batch, blockNumber);
  await recordSettledBatch(state, batch, { transactionHash, uncollectable: batch.settlement.uncollectable });
}

async function settleBatch(state: SettlementState, client: SettlementChain, batch: StoredBatch) {
  const { crypto, domain } = state;
  const { batch: header, debits, lines, ejections, tallies } = batch.settlement;
  const digest = hashSettlement(crypto, domain, batch.settlement);
  const call = { batch: header, debits, lines, ejections, tallies };
  const settle = async (isWhole: boolean) => {
    const { quorum, each } = await gatherSignatures(state, client, { batch, digest, isWhole });
    try {
      return await client.settle({ ...call, quorum });
    } catch (error) {
      if (each === undefined || !isAboutSum(error)) throw error;
      state.onError(error);
      return client.settle({ ...call, quorum: each });
    }
  };
  try {
    return await settle(false);
  } catch (error) {
    // The bonds of the signers are too small. More signatures add bonds.
    if (!(error instanceof ChainError) || error.revert?.name !== 'Unbacked') throw error;
    return settle(true);
  }
}

const isTooCostly = (error: unknown): boolean => error instanceof ChainError && error.code === 'too-costly';

/**
 * Tells whether an aggregated signature may be the reason of a refusal: its roster ended since it was read, or another
 * one is in force. A mined and reverted transaction has no reason.
 */
function isAboutSum(error: unknown): boolean {
  if (!(error instanceof ChainError) || error.code !== 'reverted') return false;
  return error.revert === undefined || ['NoRoster', 'BadSum', 'NoQuorum'].includes(error.revert.name);
}

/**
 * Tells whether a batch exceeds its signers' bonds and a shorter one may not. If earlier batches use all of the bonds,
 * it waits unchanged until these have vested.
 */
function isAboveBonds(error: unknown, { settlement }: Pick<StoredBatch, 'settlement'>): boolean {
  if (!(error instanceof ChainError) || error.revert?.name !== 'Unbacked') return false;
  const [unvested, bonds] = error.revert.args;
  if (typeof unvested !== 'bigint' || typeof bonds !== 'bigint') return true;
  const gross = settlement.lines.reduce((sum, line) => sum + line.gross, 0n);
  return 2n * (unvested - gross) < bonds;
}

/**
 * Tells whether the batch was refused because of a payer's channel or key. Co-signers may also refuse it because a
 * payer that it leaves out can be debited now.
 */
export function isAboutChannels(
  error: unknown,
  { settlement }: { readonly settlement: Pick<StoredBatch['settlement'], 'uncollectable'> },
): boolean {
  if (error instanceof SettlementError) return error.code === 'no-quorum' && settlement.uncollectable.length > 0;
  const refusal = error instanceof ChainError ? error.revert?.name : undefined;
  return refusal === 'AllowanceExceeded' || refusal === 'VoucherExceeded' || refusal === 'BadPayerSignature';
}
