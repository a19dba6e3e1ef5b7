import { amount, bytes, columns, flag, integer, oneOf, text } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { NamedOrder } from '@ogong/protocol/exchange/order';

/** Nothing is final about these. */
export const PENDING_OUTCOMES = ['unsigned', 'not-handed-in', 'waits-for-audit', 'waits-for-settlement'] as const;
/** Why a reply, or a part of one, is not paid for. */
export const UNPAID_OUTCOMES = [
  ...(['rejected', 'unjudged', 'abandoned', 'in-doubt', 'burnt', 'record-refused', 'entry-refused'] as const),
  ...(['payer-cannot-pay', 'void', 'unknown-to-validator', 'never-decided'] as const),
];
const SERVED_OUTCOMES = [...PENDING_OUTCOMES, 'paid', ...UNPAID_OUTCOMES] as const;
export type ServedOutcome = (typeof SERVED_OUTCOMES)[number];

/** A reply by reply, and sums of the days before. */
export const SERVED_SCHEMA = `
   CREATE TABLE served (
     reply_id BLOB PRIMARY KEY,
     validator BLOB NOT NULL,
     model TEXT NOT NULL,
     has_router INTEGER NOT NULL,
     time_ms INTEGER NOT NULL,
     expires_at_ms INTEGER NOT NULL,
     signed TEXT NOT NULL,
     owed TEXT NOT NULL,
     outcome TEXT NOT NULL,
     why TEXT NOT NULL,
     is_open INTEGER NOT NULL,
     next_ask_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX served_by_ask ON served (next_ask_ms) WHERE is_open = 1;
   CREATE INDEX served_by_time ON served (time_ms);
   CREATE TABLE served_day (
     day INTEGER NOT NULL,
     model TEXT NOT NULL,
     outcome TEXT NOT NULL,
     has_router INTEGER NOT NULL,
     replies INTEGER NOT NULL,
     signed TEXT NOT NULL,
     owed TEXT NOT NULL,
     PRIMARY KEY (day, model, outcome, has_router)
   ) STRICT, WITHOUT ROWID;`;

const servedRow = columns({
  ...{ replyId: bytes, validator: bytes, model: text, hasRouter: flag, timeMs: integer, expiresAtMs: integer },
  ...{ signed: amount, owed: amount, outcome: oneOf(SERVED_OUTCOMES), why: text, isOpen: flag, nextAskMs: integer },
});
export type ServedRow = ReturnType<typeof servedRow.read>;

const sumRow = columns({
  ...{ day: integer, model: text, outcome: oneOf(SERVED_OUTCOMES), hasRouter: flag, replies: integer },
  ...{ signed: amount, owed: amount },
});
/** Sums of one day (since 1970, UTC), model and outcome. */
export type ServedSum = ReturnType<typeof sumRow.read>;

/** Outcome of a reply so far. */
export interface ServedFinding {
  readonly outcome: ServedOutcome;
  /** Amount that its payer owes for it. */
  readonly owedAtomic: bigint;
  /** Reason of the deciding party. */
  readonly why: string;
}

/** Longer than any audit and its settlement take. Afterwards the day's sums are kept alone. */
export const SERVED_LISTED_MS = 35 * 86_400_000;
const DAY_MS = 86_400_000;
const FOLDED_AT_ONCE = 1_000;
const FIRST_ASK_MS = 10_000;

const PENDING: ReadonlySet<ServedOutcome> = new Set(PENDING_OUTCOMES);
export const isPending = (outcome: ServedOutcome): boolean => PENDING.has(outcome);

/** Served replies, their fees and their outcomes: for the provider's operator, not for anybody else. */
export interface ServedStore {
  /** An order was admitted; until a record is signed nothing is earned. Durable when it resolves. */
  begin(order: NamedOrder, model: string, timeMs: number): Promise<void>;
  /** A record with this fee was signed. */
  sign(replyId: Uint8Array, feeAtomic: bigint): Promise<void>;
  /** Replies without a final outcome that are due to be asked about, the longest waiting first. */
  listDue(nowMs: number, limit: number): ServedRow[];
  note(replyId: Uint8Array, finding: ServedFinding, nextAskMs: number): Promise<void>;
  /** Adds replies of old days to the sums of their days, and forgets them one by one. */
  sweep(nowMs: number): Promise<void>;
}

export function createServedStore(store: Store, commits: GroupCommit): ServedStore {
  return {
    async begin({ replyId, validator, router, expiresAtMs }, model, timeMs) {
      const row: ServedRow = {
        ...{ replyId, validator, model, timeMs, expiresAtMs: Number(expiresAtMs) },
        hasRouter: router.some((byte) => byte !== 0),
        ...{ signed: 0n, owed: 0n, outcome: 'unsigned', why: '', isOpen: true, nextAskMs: timeMs + FIRST_ASK_MS },
      };
      // It goes with the record's own write at the latest, and the first token does not wait for the disk.
      await commits.write((db) => servedRow.insert(db, 'INSERT OR IGNORE INTO served', row), { mayWait: true });
    },
    async sign(replyId, feeAtomic) {
      await commits.write(({ prepare }) =>
        prepare("UPDATE served SET signed = ?, outcome = 'not-handed-in' WHERE reply_id = ? AND is_open = 1").run(
          String(feeAtomic),
          replyId,
        ),
      );
    },
    listDue: (nowMs, limit) =>
      store.read(({ prepare }) =>
        servedRow.all(
          prepare(
            `SELECT ${servedRow.list} FROM served WHERE is_open = 1 AND next_ask_ms <= ? ORDER BY next_ask_ms LIMIT ?`,
          ),
          nowMs,
          limit,
        ),
      ),
    async note(replyId, { outcome, owedAtomic, why }, nextAskMs) {
      await commits.write(
        ({ prepare }) =>
          prepare(
            'UPDATE served SET outcome = ?, owed = ?, why = ?, is_open = ?, next_ask_ms = ? WHERE reply_id = ? AND is_open = 1',
          ).run(outcome, String(owedAtomic), why, isPending(outcome) ? 1 : 0, nextAskMs, replyId),
        // A lost note is asked for again.
        { mayBeLost: true },
      );
    },
    async sweep(nowMs) {
      while (await commits.write((db) => foldDays(db, nowMs - SERVED_LISTED_MS)));
    },
  };
}

/** @returns whether there may be more. */
function foldDays(db: Store, beforeMs: number): boolean {
  const old = servedRow.all(
    db.prepare(`SELECT ${servedRow.list} FROM served WHERE time_ms < ? ORDER BY time_ms LIMIT ${FOLDED_AT_ONCE}`),
    beforeMs,
  );
  for (const sum of sumServed(old.map((row) => (row.isOpen ? { ...row, outcome: 'never-decided' } : row)))) {
    const found = sumRow.get(
      db.prepare(
        `SELECT ${sumRow.list} FROM served_day WHERE day = ? AND model = ? AND outcome = ? AND has_router = ?`,
      ),
      ...[sum.day, sum.model, sum.outcome, sum.hasRouter ? 1 : 0],
    );
    sumRow.insert(db, 'INSERT OR REPLACE INTO served_day', found === undefined ? sum : addSums(sum, found));
  }
  const forget = db.prepare('DELETE FROM served WHERE reply_id = ?');
  for (const { replyId } of old) forget.run(replyId);
  return old.length === FOLDED_AT_ONCE;
}

const addSums = (a: ServedSum, b: ServedSum): ServedSum => ({
  ...a,
  replies: a.replies + b.replies,
  signed: a.signed + b.signed,
  owed: a.owed + b.owed,
});

function sumServed(rows: readonly ServedRow[]): ServedSum[] {
  const sums = new Map<string, ServedSum>();
  for (const { timeMs, model, outcome, hasRouter, signed, owed } of rows) {
    const day = Math.floor(timeMs / DAY_MS);
    const sum = { day, model, outcome, hasRouter, replies: 1, signed, owed };
    const name = JSON.stringify([day, model, outcome, hasRouter]);
    const known = sums.get(name);
    sums.set(name, known === undefined ? sum : addSums(known, sum));
  }
  return [...sums.values()];
}

export interface ServedDays {
  readonly sums: readonly ServedSum[];
  /** The newest that are not paid, and are still known one by one. */
  readonly unpaid: readonly ServedRow[];
}

/** Amounts have up to 39 digits, more than an integer of SQLite holds: the sum of each ten of them is one. */
const PARTS = [0, 1, 2, 3];
const sumParts = (column: string): string =>
  PARTS.map((part) => {
    const padded = `substr('${'0'.repeat(40)}' || ${column}, -40)`;
    return `CAST(sum(CAST(substr(${padded}, ${part * 10 + 1}, 10) AS INTEGER)) AS TEXT) AS ${column}${part}`;
  }).join(', ');
const joinParts = (parts: readonly bigint[]): bigint => parts.reduce((sum, part) => sum * 10n ** 10n + part, 0n);

const groupRow = columns({
  ...{ day: integer, model: text, outcome: oneOf(SERVED_OUTCOMES), hasRouter: flag, replies: integer },
  ...{ signed0: amount, signed1: amount, signed2: amount, signed3: amount },
  ...{ owed0: amount, owed1: amount, owed2: amount, owed3: amount },
});

const SUMMED = `SELECT time_ms / ${DAY_MS} AS day, model, outcome, has_router, count(*) AS replies,
    ${sumParts('signed')}, ${sumParts('owed')}
  FROM served WHERE time_ms >= ? GROUP BY 1, 2, 3, 4`;

/** Unpaid replies: pending as in `isPending`, or owed less than was signed for; amounts are decimal text. */
const NOT_PAID = `outcome NOT IN (${PENDING_OUTCOMES.map((one) => `'${one}'`).join(', ')}) AND (outcome <> 'paid'
  OR length(owed) < length(signed) OR (length(owed) = length(signed) AND owed < signed))`;

/** Reads what was served since the beginning of a day, the newest day first. @param limit of replies that are listed one by one */
export function readServed(store: Store, fromDay: number, limit: number): ServedDays {
  return store.read(({ prepare }) => {
    const kept = sumRow.all(prepare(`SELECT ${sumRow.list} FROM served_day WHERE day >= ?`), fromDay);
    const groups = groupRow.all(prepare(SUMMED), fromDay * DAY_MS);
    const summed = groups.map(({ day, model, outcome, hasRouter, replies, ...parts }): ServedSum => {
      const signed = joinParts([parts.signed0, parts.signed1, parts.signed2, parts.signed3]);
      const owed = joinParts([parts.owed0, parts.owed1, parts.owed2, parts.owed3]);
      return { day, model, outcome, hasRouter, replies, signed, owed };
    });
    const listed = `SELECT ${servedRow.list} FROM served WHERE time_ms >= ? AND ${NOT_PAID} ORDER BY time_ms DESC LIMIT ?`;
    const unpaid = servedRow.all(prepare(listed), fromDay * DAY_MS, limit);
    return { sums: [...summed, ...kept].sort((a, b) => b.day - a.day || (a.model < b.model ? -1 : 1)), unpaid };
  });
}
