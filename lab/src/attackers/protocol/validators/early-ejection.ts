import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Store } from '@ogong/host/store/store';
import {
  computeEntryHash,
  encodeVerdictEntry,
  parseVerdictEntry,
  type VerdictEntry,
} from '@ogong/protocol/settlement/verdict-log';
import { createScored } from '@ogong/testing/validator/test-scores';
import { openAttacked } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

type Lie = (entry: VerdictEntry, rejects: number) => Partial<VerdictEntry>;

/** Changes of the entry of the last reject. */
export const EJECTION_LIES = {
  /** It says that its test went far enough. */
  'too early': () => ({ ejects: true }),
  /** It says, too, that the reply weighs a thousand times more. */
  'heavy step': ({ eValuePpm }) => ({ ejects: true, eValuePpm: 1_000 * eValuePpm }),
  /** It says that the key was late as well. */
  'late step': () => ({ ejects: true, step: 'late', eValuePpm: 0 }),
  /** Its friend should be out, and it says nothing. */
  'spared friend': () => ({ ejects: false }),
} as const satisfies Record<string, Lie>;

function rewriteLast(store: Store, lie: Lie): void {
  const rows = store.prepare('SELECT position, entry FROM log ORDER BY position').all();
  const last = rows.at(-1) as { position: number; entry: Uint8Array };
  const entry = parseVerdictEntry(last.entry);
  const previous = rows.at(-2)?.entry as Uint8Array | undefined;
  const bytes = encodeVerdictEntry({
    ...entry,
    ...lie(entry, rows.length),
    ...(previous && { previousHash: computeEntryHash(crypto, previous) }),
  });
  store.prepare('UPDATE log SET entry = ? WHERE position = ?').run(bytes, last.position);
}

/**
 * A validator wants a competitor's provider out, or its own friend in. All that it has are rejects by scores, of which an honest
 * provider has some in its life: three in a row would eject. It lies about the last one.
 */
export const earlyEjection = defineAttack({
  name: 'early-ejection',
  adversary: 'validator with an early ejection',
  aim: 'Have an honest provider ejected by a few rejects on scores, or spare a cheat whose test went far enough',
  stoppedBy: 'Co-signers count the sequential tests from the settled log, and refuse an early or missing ejection',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ rejects, lie }: { readonly rejects: number; readonly lie: keyof typeof EJECTION_LIES }, breaks) {
    const four = await createScored((options) => openAttacked(breaks, options));
    await four.reject(rejects);
    await breaks.take();
    rewriteLast(four.own.store, EJECTION_LIES[lie]);
    const ids = four.own.decided.map(({ replyId }) => replyId);
    for (let step = 0; step < 8; step++) {
      await breaks.take();
      if (!(await four.own.settlement.step().catch(() => false))) break;
    }
    return {
      ejected: four.chain.settled.reduce((sum, { ejections }) => sum + ejections.length, 0),
      states: ids.map((id) => four.own.find(id).state),
      refusals: four.own.refusals,
    };
  },
  async stage({ play }) {
    const { ejected, states, refusals } = await play({ rejects: 2, lie: 'too early' });
    return {
      tried: 'had a validator eject a provider at its second reject by scores; three in a row would',
      answered: [...countTexts(refusals), `${states.filter((state) => state === 'settled').length} replies settled`],
      worked: ejected > 0,
    };
  },
});
