import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Store } from '@ogong/host/store/store';
import { computeEntryHash, encodeVerdictEntry, parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { createFour } from '@ogong/testing/validator/test-four';
import { openAttacked } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

/**
 * Somebody has brought a validator to log what no peer can sign. How it does that is left open: here the entry names an
 * epoch that does not decide about its order. The entries behind it follow it, as in a real log.
 */
function poison(store: Store, position: number): void {
  const rows = store.prepare('SELECT position, entry FROM log WHERE position >= ? ORDER BY position').all(position);
  let previous: Uint8Array | undefined;
  for (const row of rows) {
    const entry = parseVerdictEntry(row.entry as Uint8Array);
    const bytes = encodeVerdictEntry({
      ...entry,
      ...(previous === undefined ? { beaconEpoch: entry.beaconEpoch - 1n } : { previousHash: previous }),
    });
    store.prepare('UPDATE log SET entry = ? WHERE position = ?').run(bytes, row.position as number);
    previous = computeEntryHash(crypto, bytes);
  }
}

/** One bad entry among good ones, in a log that cannot change behind it once it is signed. */
export const poisonedEntry = defineAttack({
  name: 'poisoned-entry',
  adversary: 'validator with a false entry',
  aim: 'stop a validator from settling: bring one entry into its log that no peer signs, so that no batch from there on passes',
  stoppedBy: 'Co-signers refuse single entries; the others settle',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ replies, at }: { readonly replies: number; readonly at: number }, breaks) {
    const none = { alphaPpm: () => 0 };
    const { own, chain, certifyAll } = await createFour({ audit: none, cosign: none }, (options) =>
      openAttacked(breaks, options),
    );
    for (let number = 0; number < replies; number++) await own.deliver(number);
    await breaks.take();
    await certifyAll();
    await own.runAudits();
    poison(own.store, at);
    const ids = own.decided.map(({ replyId }) => replyId);
    for (let step = 0; step < 2 * replies; step++) {
      await breaks.take();
      if (!(await own.settlement.step().catch(() => false))) break;
    }
    const states = ids.map((id) => own.find(id).state);
    const row = own.store.prepare('SELECT owed FROM channels').get();
    return {
      states: states.filter((_, i) => i !== at),
      poisoned: states[at] as string,
      settledReplies: chain.settled.reduce((sum, { batch }) => sum + batch.replies, 0),
      owed: BigInt(row?.owed as string),
    };
  },
  async stage({ play }) {
    const { states, poisoned, settledReplies, owed } = await play({ replies: 5, at: 2 });
    return {
      tried: 'brought an entry into the log, third of five, that no co-signer can sign',
      answered: [...countTexts(states.map((state) => `an honest entry is ${state}`)), `the bad entry is ${poisoned}`],
      money: `${settledReplies} replies are settled; ${owed} atomic units are still reserved`,
      worked: states.some((state) => state !== 'settled') || poisoned === 'settled',
    };
  },
});
