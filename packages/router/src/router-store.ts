import type { Cursor, CursorStore } from '@ogong/chain/events';
import { bigInteger, bytes, columns, integer, mapped, named, optionalColumns, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import type { ProviderHistory } from '@ogong/protocol/exchange/reputation';
import type { LogPosition } from '@ogong/protocol/settlement/verdict-log';

/** Tables that a router keeps over a restart. It could read all of them again, so the store only saves time. */
export const ROUTER_SCHEMA = `
   CREATE TABLE announcement (
     provider_id BLOB PRIMARY KEY,
     announcement BLOB NOT NULL,
     provider_key BLOB NOT NULL,
     signature BLOB NOT NULL,
     payee_word BLOB NOT NULL,
     verifier_key BLOB,
     verifier_word BLOB,
     verifier_signature BLOB,
     expires_at_ms INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE reputation (
     provider_id BLOB NOT NULL,
     period INTEGER NOT NULL,
     failures INTEGER NOT NULL,
     paid TEXT NOT NULL,
     paid_squares TEXT NOT NULL,
     audited TEXT NOT NULL,
     PRIMARY KEY (provider_id, period)
   ) STRICT;
   CREATE TABLE log_position (
     validator BLOB PRIMARY KEY,
     length INTEGER NOT NULL,
     head BLOB NOT NULL
   ) STRICT;
   CREATE TABLE ejection (
     provider_id BLOB NOT NULL,
     block INTEGER NOT NULL,
     ejected INTEGER NOT NULL CHECK (ejected IN (0, 1)),
     PRIMARY KEY (provider_id, block)
   ) STRICT;
   CREATE TABLE chain_cursor (
     one INTEGER PRIMARY KEY CHECK (one = 1),
     cursor TEXT NOT NULL
   ) STRICT;`;

export interface KeptAnnouncement {
  readonly providerId: Uint8Array;
  readonly signed: SignedAnnouncement;
  readonly expiresAtMs: number;
}

const signedAnnouncement = columns({
  announcement: bytes,
  providerKey: bytes,
  signature: bytes,
  payeeWord: bytes,
  verifierEndorsement: optionalColumns({
    word: named('verifier_word', bytes),
    verifierKey: bytes,
    signature: named('verifier_signature', bytes),
  }),
});
const announcementRow = columns({ providerId: bytes, signed: signedAnnouncement, expiresAtMs: integer });

export function saveAnnouncement(store: Store, { signed, ...rest }: KeptAnnouncement): void {
  const { verifierEndorsement } = signed;
  const row = { ...rest, signed: { ...signed, verifierEndorsement } };
  announcementRow.insert(store, 'INSERT OR REPLACE INTO announcement', row);
}

export function loadAnnouncements(store: Store): SignedAnnouncement[] {
  return store.read(({ prepare }) =>
    signedAnnouncement.all(prepare(`SELECT ${signedAnnouncement.list} FROM announcement`)),
  );
}

export const loadAnnouncement = (store: Store, providerId: Uint8Array): SignedAnnouncement | undefined =>
  store.read(({ prepare }) =>
    signedAnnouncement.get(
      prepare(`SELECT ${signedAnnouncement.list} FROM announcement WHERE provider_id = ?`),
      providerId,
    ),
  );

export function forgetAnnouncements({ prepare }: Store, beforeMs: number): void {
  prepare('DELETE FROM announcement WHERE expires_at_ms < ?').run(beforeMs);
}

/** Counts of one period's entries about a provider. */
const reputation = columns({
  failures: integer,
  paidAtomic: named('paid', mapped(text, BigInt, String)),
  paidSquares: mapped(text, BigInt, String),
  auditedAtomic: named('audited', mapped(text, BigInt, String)),
});
const reputationRow = columns({ providerId: bytes, period: integer, counts: reputation });

type LoadedHistory = Omit<ProviderHistory, 'heldAtomic'> & HistoryCounts;

/** Loaded history of a store, by provider: each match reads all listed providers, and only new verdicts change their history. */
const loaded = new WeakMap<
  Store['database'],
  Map<string, { readonly firstPeriod: number; readonly history: LoadedHistory }>
>();
/** Most loaded providers, more than a router lists. */
const MAX_LOADED = 8_192;

function forgetLoaded({ database }: Store, ...providers: readonly Uint8Array[]): void {
  for (const providerId of providers) loaded.get(database)?.delete(toHex(providerId));
}

/** @param firstPeriod earlier periods are left out. */
export function loadHistory(store: Store, providerId: Uint8Array, firstPeriod: number): LoadedHistory {
  const known = loaded.get(store.database) ?? new Map();
  loaded.set(store.database, known);
  const name = toHex(providerId);
  const before = known.get(name);
  if (before?.firstPeriod === firstPeriod) return before.history;
  const history = readHistory(store, providerId, firstPeriod);
  if (known.size >= MAX_LOADED) known.clear();
  known.set(name, { firstPeriod, history });
  return history;
}

function readHistory(store: Store, providerId: Uint8Array, firstPeriod: number): LoadedHistory {
  return store.read(({ prepare }) => {
    const sql = `SELECT ${reputation.list} FROM reputation WHERE provider_id = ? AND period >= ?`;
    const counts = reputation.all(prepare(sql), providerId, firstPeriod).reduce(addCounts, NO_COUNTS);
    const ejected =
      prepare(`SELECT 1 FROM ejection WHERE provider_id = ? AND ejected = 1
        AND block = (SELECT max(block) FROM ejection AS newest WHERE newest.provider_id = ejection.provider_id)`).get(
        providerId,
      ) !== undefined;
    return { ...counts, ejected };
  });
}

/** Forgets periods that no longer count and are not loaded. */
export function forgetHistory({ prepare }: Store, firstPeriod: number): void {
  prepare('DELETE FROM reputation WHERE period < ?').run(firstPeriod);
}

const logPosition = columns({ length: bigInteger, head: bytes });
const logRow = columns({ validator: bytes, length: bigInteger, head: bytes });

/** Counts of one period's entries about a provider. */
export interface HistoryCounts extends Pick<ProviderHistory, 'failures' | 'paidAtomic' | 'paidSquares'> {
  /** Fees of replies that an audit accepted. */
  readonly auditedAtomic: bigint;
}

export interface HistoryChange {
  readonly providerId: Uint8Array;
  readonly period: number;
  readonly counts: HistoryCounts;
}

export const NO_COUNTS: HistoryCounts = { failures: 0, paidAtomic: 0n, paidSquares: 0n, auditedAtomic: 0n };

export function addCounts(one: HistoryCounts, other: HistoryCounts): HistoryCounts {
  return {
    failures: one.failures + other.failures,
    paidAtomic: one.paidAtomic + other.paidAtomic,
    paidSquares: one.paidSquares + other.paidSquares,
    auditedAtomic: one.auditedAtomic + other.auditedAtomic,
  };
}

/** Advances a log in one transaction, so that no entry is counted twice or left out after a crash. */
export function advanceLog(
  store: Store,
  validator: Uint8Array,
  { position, changes }: { position: LogPosition; changes: readonly HistoryChange[] },
): void {
  store.transact((db) => {
    for (const { providerId, period, counts } of changes) {
      const sql = `SELECT ${reputation.list} FROM reputation WHERE provider_id = ? AND period = ?`;
      const known = reputation.get(db.prepare(sql), providerId, period) ?? NO_COUNTS;
      const row = { providerId, period, counts: addCounts(known, counts) };
      reputationRow.insert(db, 'INSERT OR REPLACE INTO reputation', row);
    }
    const row = { validator, length: position.length, head: position.head };
    logRow.insert(db, 'INSERT OR REPLACE INTO log_position', row);
  });
  forgetLoaded(store, ...changes.map(({ providerId }) => providerId));
}

export function loadLogPosition(store: Store, validator: Uint8Array): LogPosition | undefined {
  return store.read(({ prepare }) =>
    logPosition.get(prepare(`SELECT ${logPosition.list} FROM log_position WHERE validator = ?`), validator),
  );
}

/** Saves a provider's state on the chain from a block on: ejected, or reinstated. */
export function saveEjection(
  store: Store,
  providerId: Uint8Array,
  { block, ejected }: { readonly block: number; readonly ejected: boolean },
): void {
  store.transact(({ prepare }) =>
    prepare('INSERT OR REPLACE INTO ejection (provider_id, block, ejected) VALUES (?, ?, ?)').run(
      providerId,
      block,
      ejected ? 1 : 0,
    ),
  );
  forgetLoaded(store, providerId);
}

/** Forgets ejections and reinstatements above a block that a reorganisation of the chain removed. */
export function undoEjections(store: Store, aboveBlock: number): void {
  store.transact(({ prepare }) => prepare('DELETE FROM ejection WHERE block > ?').run(aboveBlock));
  loaded.delete(store.database);
}

const cursorRow = columns({ cursor: mapped(text, (json): Cursor => JSON.parse(json), JSON.stringify) });

export function createCursorStore(store: Store): CursorStore {
  return {
    load() {
      return store.read(({ prepare }) => cursorRow.get(prepare('SELECT cursor FROM chain_cursor')))?.cursor;
    },
    save(cursor) {
      store.transact(({ prepare }) =>
        prepare('INSERT OR REPLACE INTO chain_cursor (one, cursor) VALUES (1, ?)').run(JSON.stringify(cursor)),
      );
    },
  };
}
