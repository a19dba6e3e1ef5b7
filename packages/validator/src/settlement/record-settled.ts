import { toHex } from '@ogong/protocol/base/bytes';
import { sumDebts } from '@ogong/protocol/settlement/batch';
import { type Booking, type StoredBatch, settleBatch } from '../store/batch-store.ts';
import { createTestReader } from '../store/sequential-store.ts';
import { certifyHead } from './certify-head.ts';
import { readBatchEntries } from './propose-batch.ts';
import type { SettlementChain, SettlementState } from './settlement-state.ts';

/** Records a batch as settled, once for any number of calls. */
export async function recordSettledBatch(
  { clock, group, window, onSettled }: Pick<SettlementState, 'clock' | 'group' | 'window' | 'onSettled'>,
  batch: StoredBatch,
  { transactionHash, uncollectable }: Pick<Booking, 'transactionHash' | 'uncollectable'>,
): Promise<void> {
  const nowMs = clock.nowMs();
  const entries = readBatchEntries({ window }, batch).map(({ entry }) => entry);
  const unpaid = await group.write((db) => settleBatch(db, batch, entries, { transactionHash, nowMs, uncollectable }));
  window.clear();
  if (unpaid !== undefined) onSettled(batch, transactionHash, unpaid);
}

/**
 * Records a batch that the chain has. Another account may have submitted the replaced batch, so the debits of the chain
 * count.
 */
export async function recordFoundBatch(
  state: SettlementState,
  client: SettlementChain,
  batch: StoredBatch,
): Promise<void> {
  const found = await state.findSettled(state.signer.address, batch.sequence);
  // The head is certified first: a validator that stops in between finds the batch again.
  await certifyHead(state, client, batch, found?.blockNumber);
  const drawn = new Set(found?.payers.map(toHex));
  const findTests = createTestReader(state.store, state.signer.address);
  const entries = readBatchEntries(state, batch).map(({ entry }) => entry);
  const owing = sumDebts(entries, findTests).map(({ payer }) => payer);
  const uncollectable = found ? owing.filter((payer) => !drawn.has(toHex(payer))) : batch.settlement.uncollectable;
  await recordSettledBatch(state, batch, { transactionHash: found?.transactionHash ?? '', uncollectable });
}
