import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { passKeyOf } from '@ogong/provider/shard/cohort-chain';
import { askForRecords } from '@ogong/provider/shard/lent-watch';
import { createLentWork, LENT_ROWS, LENT_WORK_SCHEMA } from '@ogong/provider/shard/lent-work';
import { createTestChain } from '@ogong/testing/provider/shard-fixture';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { countTexts, defineAttack } from '../define-attack.ts';

const ORDERS = 60;
const POSITIONS = 32;
/** Passes of an order that compute the same positions again. */
const PASSES = 16;
const START_MS = 1_900_000_000_000;

/** The leader has shards compute order after order, and sends no record of any. */
export const unrecordedCohort = defineAttack({
  name: 'unrecorded-cohort',
  adversary: 'leader of a cohort that never sends a record',
  aim: "have the shards' work for nothing, or for the fine of an abandoned order",
  stoppedBy: 'A shard counts the rows that it computed for each leader until a record names it, on its disk',
  restarts: { none: 'the shard opens its count again after each order' },
  async play() {
    const directory = createTestDirectory('unrecorded');
    const path = `${directory.path}/shard.db`;
    const clock = { now: START_MS, nowMs: () => clock.now };
    const open = () => {
      const store = openStore(path, { schema: LENT_WORK_SCHEMA });
      const commits = createGroupCommit(store, { maxDelayMs: 0 });
      return { store, commits, lent: createLentWork({ store, commits, clock }) };
    };
    let count = open();
    const shards = createTestChain(undefined, {
      lent: {
        findProblem: (account, running) => count.lent.findProblem(account, running),
        add: (order, work) => count.lent.add(order, work),
      },
    });
    const {
      chain,
      begin,
      order,
      shards: [first],
    } = shards;
    const refusals: string[] = [];
    let rows = 0;
    for (let number = 1; number <= ORDERS; number++) {
      const given = order(number);
      try {
        await begin(given);
      } catch (error) {
        refusals.push((error as Error).message);
        continue;
      }
      for (let pass = 0; pass < PASSES; pass++) {
        const position = pass === 0 ? 0 : 1;
        const group = { sequence: 0, position, rows: POSITIONS - position, passKey: passKeyOf(given.order) };
        await chain.run({ kind: 'prompt', groups: [group], tokens: new Uint32Array(group.rows).fill(pass + 1) });
        rows += group.rows;
      }
      await chain.close(given.order.orderHash, POSITIONS);
      clock.now += MAX_ORDER_LIFETIME_MS;
      const providerId = first.member.providerId;
      await askForRecords({ lent: count.lent, clock, providerId, ask: async () => ({ detail: '{}' }) });
      await count.commits.close();
      count.store.close();
      count = open();
    }
    await count.commits.close();
    count.store.close();
    directory.remove();
    return { rows, refusals };
  },
  async stage({ play }) {
    const { rows, refusals } = await play();
    return {
      tried: `leads ${ORDERS} orders, and sends no record of any`,
      answered: [`each shard computes ${rows} rows`, ...countTexts(refusals)],
      money: 'nothing is paid for these rows, and no others are computed',
      worked: refusals.length === 0 || rows > LENT_ROWS + POSITIONS * PASSES,
    };
  },
});
