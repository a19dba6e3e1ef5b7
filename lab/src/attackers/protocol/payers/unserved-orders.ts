import { computeAbandonmentFine } from '@ogong/protocol/exchange/fee';
import { encodeVerdictEntry, parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { TestValidator } from '@ogong/testing/validator/test-bench';
import type { Four } from '@ogong/testing/validator/test-four';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS } from '../breaks.ts';

/** Orders that the provider takes and leaves, beside one that it serves. */
const LEFT = 3;

export interface UnservedOutcome {
  /** Replies that the chain has as abandoned. */
  readonly abandoned: number;
  /** What the payers owe for the replies of the provider, atomic units. */
  readonly earnedAtomic: bigint;
  /** What of it went to the verification pool whole. */
  readonly finedAtomic: bigint;
  /** What the orders that it left come to. */
  readonly dueAtomic: bigint;
  /** Why co-signers took entries out of the log. */
  readonly refusals: readonly string[];
}

/** Writes the entries of the log again, without what they fine. */
function spare({ store }: TestValidator): void {
  const rows = store.prepare('SELECT position, entry FROM log ORDER BY position').all();
  const [last] = rows.slice(-1);
  const entry = parseVerdictEntry(last?.entry as Uint8Array);
  const bytes = encodeVerdictEntry({ ...entry, fineAtomic: 0n });
  store.prepare('UPDATE log SET entry = ? WHERE position = ?').run(bytes, last?.position as bigint);
}

/**
 * A provider agrees to orders and delivers nothing, so that payers wait, and other providers do not get the orders. It serves one in
 * between, and keeps its fee. With a validator in league, the log says nothing of a fine.
 */
export const unservedOrders: ProtocolAttack<
  { readonly four: Four; readonly isValidatorInLeague: boolean },
  Promise<UnservedOutcome>
> = {
  name: 'unserved-orders',
  adversary: 'provider that accepts orders and serves none',
  aim: 'take orders for nothing, so that payers wait and nobody else serves them',
  stoppedBy: 'Each abandoned order costs its provider a hundredth of the maximum fee, from its earnings of the batch',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ four, isValidatorInLeague }, breaks = NO_BREAKS) {
    const { own, chain } = four;
    const left = Array.from({ length: LEFT }, (_, index) => own.order(index + 1));
    for (const order of left) await own.intake.admit(order);
    await breaks.take();
    await own.deliver(0);
    await four.certifyAll();
    await own.runAudits();
    await breaks.take();
    await own.runAbandonments();
    if (isValidatorInLeague) spare(own);
    do await breaks.take();
    while (await own.settlement.step().catch(() => false));
    const lines = chain.settled.flatMap((call) => call.lines);
    const entries = own.decided.filter(({ verdict }) => verdict === 'abandoned').length;
    const settled = chain.settled.reduce((sum, { batch }) => sum + Number(batch.logLength), 0);
    return {
      abandoned: Math.min(entries, settled - 1),
      earnedAtomic: lines.reduce((sum, { gross }) => sum + gross, 0n),
      finedAtomic: lines.reduce((sum, { fine = 0n }) => sum + fine, 0n),
      dueAtomic: left.reduce((sum, { fields }) => sum + computeAbandonmentFine(fields), 0n),
      refusals: own.refusals.flatMap((reasons) => reasons.split('; ')),
    };
  },
};
