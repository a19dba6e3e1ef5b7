import { bytes, columns, integer, optional } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { CLOCK_TOLERANCE_MS, MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { LENT_WORK_SCHEMA } from '../shard/lent-work.ts';
import { ADMISSION_SCHEMA } from './orders/admissions.ts';
import { KNOWN_SETS_SCHEMA } from './paid/known-sets.ts';
import { RECEIVABLE_SCHEMA } from './paid/receivables.ts';
import { SERVED_SCHEMA } from './paid/served-store.ts';

/** State that a provider must not lose: the reply ids that it took, the openings, and the records that it owes a validator. */
export const PROVIDER_SCHEMA = `
   CREATE TABLE reply (
     id BLOB PRIMARY KEY,
     expires_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX reply_by_age ON reply (expires_at_ms);
   CREATE TABLE opening (
     reply_id BLOB PRIMARY KEY,
     consumer BLOB NOT NULL,
     bytes BLOB NOT NULL,
     expires_at_ms INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX opening_by_age ON opening (expires_at_ms);
   CREATE TABLE outbox (
     reply_id BLOB PRIMARY KEY,
     validator BLOB NOT NULL,
     message BLOB NOT NULL,
     attempts INTEGER NOT NULL DEFAULT 0,
     due_at_ms INTEGER NOT NULL,
     expires_at_ms INTEGER NOT NULL,
     refused TEXT
   ) STRICT;
   CREATE INDEX outbox_by_due ON outbox (due_at_ms) WHERE refused IS NULL;
   CREATE TABLE intake (
     reply_id BLOB PRIMARY KEY,
     validator BLOB NOT NULL,
     order_hash BLOB NOT NULL,
     record_hash BLOB NOT NULL,
     epoch INTEGER NOT NULL,
     signature BLOB NOT NULL,
     message BLOB NOT NULL,
     expires_at_ms INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX intake_by_age ON intake (expires_at_ms);
   CREATE TABLE counter (
     name TEXT PRIMARY KEY,
     value INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;${RECEIVABLE_SCHEMA}${ADMISSION_SCHEMA}${SERVED_SCHEMA}${KNOWN_SETS_SCHEMA}${LENT_WORK_SCHEMA}`;

/** Why an id cannot be taken: it was taken before, or its order is as old as one that was forgotten, whatever the clock says. */
export type UsedReplyId = 'taken' | 'forgotten';

export interface ReplyIds {
  /** Returns why an id cannot be taken; undefined if it can. @param expiresAtMs of its order. */
  findUse(replyId: Uint8Array, expiresAtMs: number): UsedReplyId | undefined;
  /**
   * Takes an id once, even over restarts. The decision is immediate; it is durable when the promise resolves.
   * @param expiresAtMs of its order.
   * @returns why not, if it cannot be taken.
   */
  claim(replyId: Uint8Array, expiresAtMs: number): Promise<void> | UsedReplyId;
  /** Orders that expire by then are refused, Unix time in ms: one of them may have been served, and is not remembered. */
  forgottenMs(): number;
  /** Forgets ids whose orders expired long ago, and remembers until when. */
  sweep(nowMs: number): Promise<void>;
}

/** Longer than a clock is ever set back: an id must not be forgotten while its order could still count. */
const KEPT_AFTER_EXPIRY_MS = 600_000;
/** Name of a counter: the latest expiry of an order whose id was forgotten, Unix time in ms. */
const FORGOTTEN = 'forgotten_until_ms';
const latestRow = columns({ ms: optional(integer) });

/**
 * Records and openings of a reply are kept longer than its id, each under that id. Without this check a reused id would be served and
 * fail only when its opening is stored.
 */
const FIND_TAKEN = `
   SELECT 1 FROM reply WHERE id = ?1
   UNION ALL SELECT 1 FROM opening WHERE reply_id = ?1
   UNION ALL SELECT 1 FROM outbox WHERE reply_id = ?1
   UNION ALL SELECT 1 FROM intake WHERE reply_id = ?1
   UNION ALL SELECT 1 FROM served WHERE reply_id = ?1
   LIMIT 1`;

/** Name of a counter: the first use of this store, Unix time in ms. */
const BEGUN = 'begun_ms';

/**
 * An empty store remembers no order that its provider's key has answered before, and such an order may come again while it lives.
 * Call it before a store is used.
 * A restored one has forgotten what was answered after it was copied.
 * @param isKeyNew nothing was ever signed with the provider's key.
 * @param forgottenAtMs until when orders may have come that the store does not know; undefined if there are none.
 * @returns the expiry up to which orders are refused, Unix time in ms; undefined if the store is not empty, or the key is new.
 */
export function beginMemory(
  store: Store,
  {
    nowMs,
    isKeyNew,
    forgottenAtMs,
  }: { readonly nowMs: number; readonly isKeyNew: boolean; readonly forgottenAtMs?: number | undefined },
): number | undefined {
  return store.transact((db) => {
    const insert = db.prepare('INSERT OR IGNORE INTO counter (name, value) VALUES (?, ?)');
    const isEmpty = insert.run(BEGUN, nowMs).changes === 1;
    const sinceMs = isEmpty && !isKeyNew ? nowMs : forgottenAtMs;
    if (sinceMs === undefined) return undefined;
    const untilMs = Math.max(readForgotten(db), sinceMs + MAX_ORDER_LIFETIME_MS + CLOCK_TOLERANCE_MS);
    db.prepare('INSERT OR REPLACE INTO counter (name, value) VALUES (?, ?)').run(FORGOTTEN, untilMs);
    return untilMs;
  });
}

function readForgotten({ prepare }: Store): number {
  return latestRow.get(prepare('SELECT value AS ms FROM counter WHERE name = ?'), FORGOTTEN)?.ms ?? 0;
}

export function createReplyIds(store: Store, commits: GroupCommit): ReplyIds {
  /** Taken, and not yet on the disk. */
  const fresh = new Set<string>();

  function findUse(replyId: Uint8Array, expiresAtMs: number): UsedReplyId | undefined {
    const { isTaken, forgottenMs } = store.read((db) => ({
      isTaken: db.prepare(FIND_TAKEN).get(replyId) !== undefined,
      forgottenMs: readForgotten(db),
    }));
    if (isTaken || fresh.has(toHex(replyId))) return 'taken';
    return expiresAtMs <= forgottenMs ? 'forgotten' : undefined;
  }

  return {
    findUse,
    claim(replyId, expiresAtMs) {
      const use = findUse(replyId, expiresAtMs);
      if (use !== undefined) return use;
      const name = toHex(replyId);
      fresh.add(name);
      return commits
        .write(({ prepare }) => {
          prepare('INSERT INTO reply (id, expires_at_ms) VALUES (?, ?)').run(replyId, expiresAtMs);
        })
        .finally(() => fresh.delete(name));
    },
    forgottenMs: () => store.read(readForgotten),
    async sweep(nowMs) {
      const beforeMs = nowMs - KEPT_AFTER_EXPIRY_MS;
      await commits.write((db) => {
        const row = latestRow.get(
          db.prepare('SELECT max(expires_at_ms) AS ms FROM reply WHERE expires_at_ms < ?'),
          beforeMs,
        );
        if (row?.ms === undefined) return;
        const latestMs = Math.max(row.ms, readForgotten(db));
        db.prepare('INSERT OR REPLACE INTO counter (name, value) VALUES (?, ?)').run(FORGOTTEN, latestMs);
        db.prepare('DELETE FROM reply WHERE expires_at_ms < ?').run(beforeMs);
      });
    },
  };
}

export interface KeptOpening {
  /** Canonical opening. */
  readonly bytes: Uint8Array;
  /** Peer id of the consumer's side, which may read it. */
  readonly consumer: Uint8Array;
  readonly expiresAtMs: number;
}

const openingRow = columns({ replyId: bytes, consumer: bytes, bytes, expiresAtMs: integer });

/** Injected, so that tests and attackers can watch and change what a provider does with its openings. */
export interface Openings {
  /** Durable when it resolves. */
  put(replyId: Uint8Array, opening: KeptOpening): Promise<void>;
  /** On the disk when it resolves. */
  get(replyId: Uint8Array): Promise<KeptOpening | undefined>;
  sweep(nowMs: number): Promise<void>;
}

/** Returns when the stored opening of a reply expires, Unix time in ms; undefined if there is none. */
export function findOpeningExpiry(store: Store, replyId: Uint8Array): number | undefined {
  return store.read(({ prepare }) =>
    latestRow.get(prepare('SELECT expires_at_ms AS ms FROM opening WHERE reply_id = ?'), replyId),
  )?.ms;
}

export function createOpenings(commits: GroupCommit): Openings {
  return {
    async put(replyId, opening) {
      await commits.write((db) => openingRow.insert(db, 'INSERT INTO opening', { replyId, ...opening }));
    },
    get: (replyId) =>
      commits.read(({ prepare }) =>
        openingRow.get(prepare(`SELECT ${openingRow.list} FROM opening WHERE reply_id = ?`), replyId),
      ),
    async sweep(nowMs) {
      await commits.write(({ prepare }) => prepare('DELETE FROM opening WHERE expires_at_ms < ?').run(nowMs));
    },
  };
}
