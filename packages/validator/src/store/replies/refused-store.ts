import type { Store } from '@ogong/host/store/store';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { coversFee, paysDebt } from '@ogong/protocol/settlement/audit-balance';
import { countEntry, createOverlay, type TestStates } from '@ogong/protocol/settlement/log-tests';
import { appendVerdict, parseVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { listEntries, readBatchedLength } from '../batch-store.ts';
import { adjustChannel } from '../channel-store.ts';
import { createTestStates, OWN_TESTS, resetOwnTests } from '../sequential-store.ts';
import type { VerdictContext } from '../verdict-store.ts';
import { forgetStatements } from '../witness-store.ts';
import { forgetMilestone } from './milestone-store.ts';

/**
 * Removes entries that no quorum can sign from the unsettled end of the log, and gives later entries their new places.
 * The proposed batch is dropped, and the next step proposes the rest. The replies are refused for good: nobody owes
 * anything for them, and the data that only audits need is deleted. The tests lose the steps of these entries. So a
 * later entry may no longer eject. A later reply in doubt is removed as well if its key's credit for its fee has changed.
 * Call it inside one transaction.
 * @param sequence number of the proposed batch with the entries.
 */
export function takeOut(
  store: Store,
  { crypto, validator }: Pick<VerdictContext, 'crypto' | 'validator'>,
  sequence: bigint,
  refused: readonly bigint[],
): void {
  const first = [...refused].sort((a, b) => (a < b ? -1 : 1))[0] as bigint;
  const entries = listEntries(store, first, -1).map(({ entry }) => parseVerdictEntry(entry));
  store.prepare('DELETE FROM batch_signatures WHERE sequence = ?').run(sequence);
  store.prepare("DELETE FROM batches WHERE sequence = ? AND state = 'proposed'").run(sequence);
  store.prepare('DELETE FROM log WHERE position >= ?').run(first);
  const tests = createTestStates(store, OWN_TESTS);
  resetOwnTests(store, validator);
  for (const { entry } of listEntries(store, readBatchedLength(store), -1)) countEntry(tests, parseVerdictEntry(entry));
  const out = new Set(refused);
  const before = listCovered(createOverlay(tests), entries);
  let position = { length: first, head: (entries[0] as VerdictEntry).previousHash };
  for (const entry of entries) {
    const { balance } = tests.find(entry.providerId);
    const isCovered = coversFee(balance, entry.verdict);
    if (out.has(entry.index) || isCovered !== before.has(entry.index)) {
      refuseReply(store, entry);
      continue;
    }
    const next = appendVerdict(crypto, position, { ...entry, ejects: countEntry(tests, entry) });
    position = next.position;
    const { index, replyId } = next.entry;
    store.prepare('INSERT INTO log (position, entry, reply_id) VALUES (?, ?, ?)').run(index, next.bytes, replyId);
    store
      .prepare('UPDATE replies SET entry_index = ?, burnt = ? WHERE reply_id = ?')
      .run(index, Number(paysDebt(balance, entry)), replyId);
  }
}

/** Lists the entries whose fee the audit balance of their key covers. */
function listCovered(tests: TestStates, entries: readonly VerdictEntry[]): ReadonlySet<bigint> {
  return new Set(
    entries.flatMap((entry) => {
      const { balance } = tests.find(entry.providerId);
      countEntry(tests, entry);
      return coversFee(balance, entry.verdict) ? [entry.index] : [];
    }),
  );
}

/** Ends a reply without a verdict: its record has just come, and no quorum will sign a fee for it. */
export function endUnpaid(
  store: Store,
  {
    order: { replyId, payer },
    feeAtomic,
  }: { readonly order: Pick<NamedOrder, 'replyId' | 'payer'>; readonly feeAtomic: bigint },
): void {
  refuseReply(store, { replyId, payer, feeAtomic });
  forgetMilestone(store, replyId);
  forgetStatements(store, replyId);
}

function refuseReply(
  store: Store,
  { replyId, payer, feeAtomic }: Pick<VerdictEntry, 'replyId' | 'payer' | 'feeAtomic'>,
): void {
  if (feeAtomic > 0n) adjustChannel(store, payer, { owed: -feeAtomic });
  store
    .prepare(
      `UPDATE replies SET state = 'refused', entry_index = NULL, request = NULL, response = NULL,
       request_summary = NULL, response_summary = NULL, evidence = NULL, payee_word = NULL, cohort = NULL, progress = NULL, progress_signature = NULL, own_evidence = NULL WHERE reply_id = ?`,
    )
    .run(replyId);
  store.prepare('DELETE FROM deliveries WHERE reply_id = ?').run(replyId);
  store.prepare('DELETE FROM divergences WHERE reply_id = ?').run(replyId);
}
