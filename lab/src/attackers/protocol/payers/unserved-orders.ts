import { isDeepStrictEqual } from 'node:util';
import { computeAbandonmentFine } from '@ogong/protocol/exchange/fee';
import { encodeVerdictEntry, parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { TestValidator } from '@ogong/testing/validator/test-bench';
import type { Four } from '@ogong/testing/validator/test-four';
import { createFour } from '@ogong/testing/validator/test-four';
import { openAttacked } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

/** Orders that the provider takes and leaves, beside one that it serves. */
const LEFT = 3;

/** Writes the entries of the log again, without what they fine. */
function spare({ store }: TestValidator): void {
  const rows = store.prepare('SELECT position, entry FROM log ORDER BY position').all();
  const [last] = rows.slice(-1);
  const entry = parseVerdictEntry(last?.entry as Uint8Array);
  const bytes = encodeVerdictEntry({ ...entry, fineAtomic: 0n });
  store.prepare('UPDATE log SET entry = ? WHERE position = ?').run(bytes, last?.position as bigint);
}

/** The outcome without a validator in league. */
const FINED = { abandoned: 3, earnedAtomic: 86_000n, finedAtomic: 30_000n, dueAtomic: 30_000n, refusals: [] };

/**
 * A provider agrees to orders and delivers nothing, so that payers wait, and other providers do not get the orders. It serves one in
 * between, and keeps its fee. With a validator in league, the log says nothing of a fine.
 */
export const unservedOrders = defineAttack({
  name: 'unserved-orders',
  adversary: 'provider that accepts orders and serves none',
  aim: 'take orders for nothing, so that payers wait and nobody else serves them',
  stoppedBy: 'Each abandoned order costs its provider a hundredth of the maximum fee, from its earnings of the batch',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ four, isValidatorInLeague }: { readonly four: Four; readonly isValidatorInLeague: boolean }, breaks) {
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
  async stage({ play, breaks }) {
    const open = () => createFour({}, (options) => openAttacked(breaks, options));
    const alone = await play({ four: await open(), isValidatorInLeague: false });
    const spared = await play({ four: await open(), isValidatorInLeague: true });
    return {
      tried: 'took orders and delivered nothing, alone and with a validator that logs one of them without its fine',
      answered: [`${alone.abandoned} of its orders are abandoned on the chain`, ...countTexts(spared.refusals)],
      money: `it is fined ${alone.finedAtomic} of the ${alone.earnedAtomic} atomic units that it earned`,
      worked:
        !isDeepStrictEqual(alone, FINED) ||
        // The changed entry is out of the log, and the others are fined.
        spared.abandoned !== 2 ||
        spared.finedAtomic !== 20_000n ||
        !spared.refusals.some((text) => text.includes('a fine of 0, its order comes to 10000')),
    };
  },
});
