import type { Anchor } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { areModelsNamed, hashSettlement } from '@ogong/protocol/settlement/batch';
import {
  listEntries,
  readBatchedLength,
  readBooked,
  readLastBookedMs,
  readProposed,
  type StoredBatch,
} from '../store/batch-store.ts';
import { takeOut } from '../store/replies/refused-store.ts';
import { bookBatch, bookFound } from './book-batch.ts';
import { certifyHead } from './certify-head.ts';
import { gatherSignatures } from './gather-signatures.ts';
import { proposeAnew, proposeLonger, proposeNext, proposeSettled, proposeShorter } from './propose-batch.ts';
import { SettlementError } from './settlement-error.ts';
import type { SettlementChain, SettlementState } from './settlement-state.ts';
import { nameQuorumKey } from './sum-signatures.ts';

/** How long after a booking a reorganisation may take its transaction back: a quiet validator asks the chain for so long. */
const UNCERTAIN_MS = 900_000;

/**
 * One step towards settling decided replies: propose, gather signatures, submit, book. A batch that was booked and that the chain has lost
 * again is submitted again as it was, before anything else. Each part is durable before the next
 * begins, and each can be repeated: the chain takes a sequence once, and the log of a proposed batch never changes. Its debits
 * may change: payers whose channel no longer covers what they owe are left out, so that they do not block the others. It may
 * become shorter: a batch that no transaction can hold is proposed again as its first half, and entries that no quorum can sign
 * leave it.
 * @returns true where a batch was settled or replaced, so that there is more to do.
 * @throws ChainError, SettlementError; nothing is lost: the next step continues from the same place.
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
    await bookFound(state, client, proposed);
    return true;
  }
  // Makers have a share since, or none any more: nobody would sign it as it is.
  const isNamed = proposed && areModelsNamed(proposed.settlement);
  if (proposed && isNamed !== undefined && isNamed !== state.namesModels()) {
    if (await proposeAnew(state, client, proposed)) return true;
  }
  const batch = proposed ?? (await proposeNext(state, client, anchor));
  if (batch === undefined) return false;
  try {
    await submit(state, client, batch);
  } catch (error) {
    // Somebody else has submitted it, and the next step books it. Otherwise the chain was reset, or is another one.
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
    const bookedMs = readLastBookedMs(store);
    return bookedMs !== undefined && clock.nowMs() - bookedMs < UNCERTAIN_MS;
  });
}

/** The first booked batch that the chain no longer has: a reorganisation took its block back, and the transaction did not come again. */
function findLost(
  { store }: Pick<SettlementState, 'store'>,
  { sequence, logLength }: Pick<Anchor, 'sequence' | 'logLength'>,
): StoredBatch | undefined {
  const booked = store.read(() => readBooked(store, sequence + 1n));
  // Of another log than the chain's nothing is sent: `proposeNext` says what is wrong.
  return booked !== undefined && booked.from === logLength ? booked : undefined;
}

/** The same bytes, which a quorum has signed: whoever sees both transactions sees one batch, and the chain takes one. It is booked already. */
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
  await bookBatch(state, batch, { transactionHash, uncollectable: batch.settlement.uncollectable });
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
    // Too little is bonded behind it, and with more signatures more is.
    if (!(error instanceof ChainError) || error.revert?.name !== 'Unbacked') throw error;
    return settle(true);
  }
}

const isTooCostly = (error: unknown): boolean => error instanceof ChainError && error.code === 'too-costly';

/**
 * Whether a sum of signatures may be why a batch was refused: its roster ended since it was read, or another one is in force. A
 * transaction that was mined and reverted does not say why.
 */
function isAboutSum(error: unknown): boolean {
  if (!(error instanceof ChainError) || error.code !== 'reverted') return false;
  return error.revert === undefined || ['NoRoster', 'BadSum', 'NoQuorum'].includes(error.revert.name);
}

/**
 * Whether a batch comes to more than the bonds behind it carry, and a shorter one may not. Where earlier ones take all that they carry,
 * it waits as it is until these have vested.
 */
function isAboveBonds(error: unknown, { settlement }: Pick<StoredBatch, 'settlement'>): boolean {
  if (!(error instanceof ChainError) || error.revert?.name !== 'Unbacked') return false;
  const [unvested, bonds] = error.revert.args;
  if (typeof unvested !== 'bigint' || typeof bonds !== 'bigint') return true;
  const gross = settlement.lines.reduce((sum, line) => sum + line.gross, 0n);
  return 2n * (unvested - gross) < bonds;
}

/**
 * Whether the batch was refused because of a payer's channel or key, or by co-signers because a payer that is left out can be debited
 * now.
 */
export function isAboutChannels(
  error: unknown,
  { settlement }: { readonly settlement: Pick<StoredBatch['settlement'], 'uncollectable'> },
): boolean {
  if (error instanceof SettlementError) return error.code === 'no-quorum' && settlement.uncollectable.length > 0;
  const refusal = error instanceof ChainError ? error.revert?.name : undefined;
  return refusal === 'AllowanceExceeded' || refusal === 'VoucherExceeded' || refusal === 'BadPayerSignature';
}
