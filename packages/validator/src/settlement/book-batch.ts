import { toHex } from '@ogong/protocol/base/bytes';
import { sumDebts } from '@ogong/protocol/settlement/batch';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { type Booking, type StoredBatch, settleBatch } from '../store/batch-store.ts';
import { createTestReader } from '../store/sequential-store.ts';
import { certifyHead } from './certify-head.ts';
import { readBatchEntries } from './propose-batch.ts';
import type { SettlementChain, SettlementState } from './settlement-state.ts';

/** Books a batch once, however often it is called. */
export async function bookBatch(
  { clock, group, onSettled }: Pick<SettlementState, 'clock' | 'group' | 'onSettled'>,
  batch: StoredBatch,
  { transactionHash, uncollectable }: Pick<Booking, 'transactionHash' | 'uncollectable'>,
): Promise<void> {
  const nowMs = clock.nowMs();
  const unpaid = await group.write((db) => settleBatch(db, batch, { transactionHash, nowMs, uncollectable }));
  if (unpaid !== undefined) onSettled(batch, transactionHash, unpaid);
}

/** Somebody may have submitted the batch that this one replaced. What the chain has debited counts. */
export async function bookFound(state: SettlementState, client: SettlementChain, batch: StoredBatch): Promise<void> {
  const found = await state.findSettled(state.signer.address, batch.sequence);
  // Before it is booked: whoever is cut off in between finds it again.
  await certifyHead(state, client, batch, found?.blockNumber);
  const drawn = new Set(found?.payers.map(toHex));
  const findTests = createTestReader(state.store, state.signer.address);
  const entries = readBatchEntries(state, batch).map(parseVerdictEntry);
  const owing = state.store.read(() => sumDebts(entries, findTests)).map(({ payer }) => payer);
  const uncollectable = found ? owing.filter((payer) => !drawn.has(toHex(payer))) : batch.settlement.uncollectable;
  await bookBatch(state, batch, { transactionHash: found?.transactionHash ?? '', uncollectable });
}
