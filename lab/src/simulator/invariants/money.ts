import { listEntries } from '@ogong/node/validator/store/batch-store';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { listValidator } from '../roles/validator.ts';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';

/** An order without a record is open until it expires, and a little longer. */
const ABANDONED_AFTER_MS = 90_000;
const OPEN_REPLIES = `SELECT state, count(*) AS n FROM replies
  WHERE state NOT IN ('settled', 'admitted') OR (state = 'admitted' AND expires_at < ?) GROUP BY state`;

export interface MoneyWatch {
  check(): void;
  finish(): void;
  readonly verdicts: ReadonlyMap<string, number>;
  settled(): number;
  /** From taking a reply in to its settlement, ms. */
  readonly waits: readonly number[];
}

/** Money is neither made nor lost, nothing is paid twice, nobody honest is ejected or slashed, and what was taken in settles. */
export function watchMoney(
  world: World,
  honest: readonly Machine[],
  /** Ids of replies that a client was answered with. */
  answered: ReadonlySet<string>,
): MoneyWatch {
  const byAddress = new Map<string, Machine>();
  for (const machine of honest) {
    const { address } = listValidator(world.seed, Number(machine.name.split('-').at(-1)));
    byAddress.set(toHex(address), machine);
  }
  const paid = new Set<string>();
  const lengths = new Map<string, bigint>();
  const verdicts = new Map<string, number>();
  const waits: number[] = [];
  let seen = 0;

  function readBatch(index: number): void {
    const { call } = world.ledger.settled[index] as (typeof world.ledger.settled)[number];
    const { there, minted } = world.ledger.audit();
    if (there !== minted) world.violate('money-is-conserved', `${minted} were made, ${there} are there`);
    const [ejected] = world.ledger.ejected.keys();
    if (ejected !== undefined) world.violate('nobody-honest-is-ejected', ejected);
    const [slashed] = world.ledger.refuted.keys();
    if (slashed !== undefined) world.violate('nobody-honest-is-slashed', slashed);
    const name = toHex(call.batch.validator as Uint8Array);
    const machine = byAddress.get(name);
    const store = machine?.disk.find('validator');
    if (machine === undefined || store === undefined) return;
    const from = lengths.get(name) ?? 0n;
    lengths.set(name, call.batch.logLength);
    let owed = 0n;
    for (const { entry } of listEntries(store, from, Number(call.batch.logLength - from))) {
      const { replyId, verdict, feeAtomic } = parseVerdictEntry(entry);
      const id = toHex(replyId);
      if (paid.has(id)) world.violate('nothing-is-paid-twice', `${id} by ${machine.name}`);
      paid.add(id);
      owed += feeAtomic;
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      if (verdict === 'reject') world.violate('nobody-honest-is-rejected', `${id} by ${machine.name}`);
      if (verdict === 'abandoned' && answered.has(id)) {
        world.violate('delivered-work-is-paid', `${id} counts as abandoned at ${machine.name}`);
      }
      const row = store.prepare('SELECT admitted_at FROM replies WHERE reply_id = ?').get(replyId);
      if (row) waits.push(world.time.wallMs() - (row.admitted_at as number));
    }
    const drawn = call.debits.reduce((sum, { amount }) => sum + amount, 0n);
    if (drawn !== owed) world.violate('what-is-drawn-is-owed', `${drawn} drawn, ${owed} owed at ${machine.name}`);
  }

  return {
    verdicts,
    waits,
    settled: () => paid.size,
    check() {
      for (; seen < world.ledger.settled.length; seen++) readBatch(seen);
    },
    finish() {
      for (const machine of honest) {
        const store = machine.disk.find('validator');
        const open = store?.prepare(OPEN_REPLIES).all(world.time.wallMs() - ABANDONED_AFTER_MS) ?? [];
        const text = open.map(({ state, n }) => `${n} ${state}`).join(', ');
        if (text !== '') world.violate('what-was-taken-in-settles', `${machine.name} has ${text}`);
      }
    },
  };
}
