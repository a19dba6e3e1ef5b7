import { ChainError } from '@ogong/chain/errors';
import { hashSettlement } from '@ogong/protocol/settlement/batch';
import { listEntries, readBatchedLength, readProposed, type StoredBatch } from '../store/batch-store.ts';
import { takeOut } from '../store/refused-store.ts';
import { bookBatch, bookFound } from './book-batch.ts';
import { gatherSignatures } from './gather-signatures.ts';
import { proposeAnew, proposeLonger, proposeNext, proposeSettled, proposeShorter } from './propose-batch.ts';
import { SettlementError } from './settlement-error.ts';
import type { SettlementChain, SettlementState } from './settlement-state.ts';

/**
 * One step towards settling decided replies: propose, gather signatures, submit, book. Each part is durable before the next
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
  const anchor = await client.anchorOf(signer.address);
  const proposed = store.read(() => readProposed(store));
  if (proposed && anchor.sequence >= proposed.sequence) {
    const isLast = anchor.sequence === proposed.sequence;
    if (isLast && (await proposeSettled(state, client, proposed, anchor))) return true;
    await bookFound(state, proposed);
    return true;
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
    if (isTooCostly(error) && (await proposeShorter(state, client, batch))) return true;
    throw error;
  }
  return true;
}

function hasWork({ store }: Pick<SettlementState, 'store'>): boolean {
  return store.read(
    () => readProposed(store) !== undefined || listEntries(store, readBatchedLength(store), 1).length > 0,
  );
}

async function submit(state: SettlementState, client: SettlementChain, batch: StoredBatch): Promise<void> {
  const { crypto, domain } = state;
  const { batch: header, debits, lines, ejections, tallies, uncollectable } = batch.settlement;
  const quorum = await gatherSignatures(state, client, {
    batch,
    digest: hashSettlement(crypto, domain, batch.settlement),
  });
  const receipt = await client.settle({ batch: header, debits, lines, ejections, tallies, quorum });
  await bookBatch(state, batch, { transactionHash: receipt.transactionHash, uncollectable });
}

const isTooCostly = (error: unknown): boolean => error instanceof ChainError && error.code === 'too-costly';

/**
 * Whether the batch was refused because of a payer's channel, or by co-signers because a payer that is left out can be debited
 * now.
 */
export function isAboutChannels(
  error: unknown,
  { settlement }: { readonly settlement: Pick<StoredBatch['settlement'], 'uncollectable'> },
): boolean {
  if (error instanceof SettlementError) return error.code === 'no-quorum' && settlement.uncollectable.length > 0;
  const refusal = error instanceof ChainError ? error.revert?.name : undefined;
  return refusal === 'AllowanceExceeded' || refusal === 'VoucherExceeded';
}
