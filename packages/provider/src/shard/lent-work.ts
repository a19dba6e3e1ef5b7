import { bytes, columns, integer, text } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { NamedOrder } from '@ogong/protocol/exchange/order';

/** Rows that a shard computed for leaders, until the order's validator has a record that names the shard. */
export const LENT_WORK_SCHEMA = `
   CREATE TABLE lent_order (
     reply_id BLOB PRIMARY KEY,
     validator BLOB NOT NULL,
     account TEXT NOT NULL,
     rows INTEGER NOT NULL,
     expires_at_ms INTEGER NOT NULL,
     next_ask_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE leader_account (
     account TEXT PRIMARY KEY,
     lost INTEGER NOT NULL,
     recorded INTEGER NOT NULL,
     since_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;`;

const orderRow = columns({
  ...{ replyId: bytes, validator: bytes, account: text, rows: integer, expiresAtMs: integer, nextAskMs: integer },
});
export type LentOrder = ReturnType<typeof orderRow.read>;

const accountRow = columns({ account: text, lost: integer, recorded: integer, sinceMs: integer });
type Account = ReturnType<typeof accountRow.read>;

/** Rows without a record that a shard computes for one leader. */
export const LENT_ROWS = 16_384;
/** A leader may leave one row in so many without a record, beside LENT_ROWS: its machine may fail. */
export const RECORDED_ROWS_PER_ROW = 16;
/** Time after which the rows of a leader are counted anew. */
export const ACCOUNT_MS = 7 * 86_400_000;
const FIRST_ASK_MS = 5_000;

/** Limits the work for leaders that deliver no record (docs/spec/shard.md, "Work without a record"). */
export interface LentWork {
  /** Finds the reason to refuse a leader; undefined if there is none. @param running rows of its orders that run. */
  findProblem(account: string, running: number): string | undefined;
  /** Notes the rows of an order that is over. Durable when it resolves. */
  add(
    order: Pick<NamedOrder, 'replyId' | 'validator' | 'expiresAtMs'>,
    work: Pick<LentOrder, 'account' | 'rows'>,
  ): Promise<void>;
  /** Orders whose validator is due to be asked, the longest waiting first. */
  listDue(limit: number): readonly LentOrder[];
  /** Asks later. */
  postpone(order: LentOrder, nextAskMs: number): Promise<void>;
  /** Ends the wait for a record. Durable when it resolves. */
  close(order: LentOrder, hasRecord: boolean): Promise<void>;
}

export function createLentWork({
  store,
  commits,
  clock,
}: {
  readonly store: Store;
  readonly commits: GroupCommit;
  readonly clock: Pick<Clock, 'nowMs'>;
}): LentWork {
  const { orders, accounts } = load(store);

  function readAccount(name: string): Account {
    const nowMs = clock.nowMs();
    const found = accounts.get(name);
    const isCurrent = found !== undefined && nowMs - found.sinceMs < ACCOUNT_MS;
    return isCurrent ? found : { account: name, lost: 0, recorded: 0, sinceMs: nowMs };
  }

  async function keep(order: LentOrder): Promise<void> {
    orders.set(toHex(order.replyId), order);
    await commits.write((db) => orderRow.insert(db, 'INSERT OR REPLACE INTO lent_order', order));
  }

  return {
    findProblem(name, running) {
      const { lost, recorded } = readAccount(name);
      const waiting = [...orders.values()].reduce((sum, { account, rows }) => sum + (account === name ? rows : 0), 0);
      const lent = lost + waiting + running;
      const most = LENT_ROWS + Math.floor(recorded / RECORDED_ROWS_PER_ROW);
      return lent < most ? undefined : `${lent} rows for this leader are in no record yet, and at most ${most} may be`;
    },
    async add({ replyId, validator, expiresAtMs }, { account, rows }) {
      const nextAskMs = clock.nowMs() + FIRST_ASK_MS;
      await keep({ replyId, validator, account, rows, expiresAtMs: Number(expiresAtMs), nextAskMs });
    },
    listDue: (limit) =>
      [...orders.values()]
        .filter(({ nextAskMs }) => nextAskMs <= clock.nowMs())
        .sort((a, b) => a.nextAskMs - b.nextAskMs)
        .slice(0, limit),
    postpone: (order, nextAskMs) => keep({ ...order, nextAskMs }),
    async close({ replyId, account: name, rows }, hasRecord) {
      if (!orders.delete(toHex(replyId))) return;
      const before = readAccount(name);
      const sum = hasRecord ? { recorded: before.recorded + rows } : { lost: before.lost + rows };
      const account = { ...before, ...sum };
      accounts.set(name, account);
      await commits.write((db) => {
        db.prepare('DELETE FROM lent_order WHERE reply_id = ?').run(replyId);
        db.prepare('DELETE FROM leader_account WHERE since_ms < ?').run(clock.nowMs() - ACCOUNT_MS);
        accountRow.insert(db, 'INSERT OR REPLACE INTO leader_account', account);
      });
    },
  };
}

function load(store: Store) {
  return store.read(({ prepare }) => ({
    orders: new Map(
      orderRow.all(prepare(`SELECT ${orderRow.list} FROM lent_order`)).map((row) => [toHex(row.replyId), row]),
    ),
    accounts: new Map(
      accountRow.all(prepare(`SELECT ${accountRow.list} FROM leader_account`)).map((row) => [row.account, row]),
    ),
  }));
}
