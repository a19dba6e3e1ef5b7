import type { Cursor, CursorStore } from '@ogong/chain/events';
import type { SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import { EMPTY_HISTORY, type ProviderHistory } from '@ogong/protocol/exchange/reputation';
import type { LogPosition } from '@ogong/protocol/settlement/verdict-log';
import type { Store } from '../../store/store.ts';

/** What a router keeps over a restart. All of it can be heard or read again; keeping it only saves the time. */
export const ROUTER_SCHEMA = `
   CREATE TABLE announcement (
     provider_id BLOB PRIMARY KEY,
     announcement BLOB NOT NULL,
     provider_key BLOB NOT NULL,
     signature BLOB NOT NULL,
     payee_signature BLOB NOT NULL,
     verifier_key BLOB,
     verifier_signature BLOB,
     expires_at_ms INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE reputation (
     provider_id BLOB PRIMARY KEY,
     accepts INTEGER NOT NULL,
     rejects INTEGER NOT NULL,
     abandoned INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE log_position (
     validator BLOB PRIMARY KEY,
     length INTEGER NOT NULL,
     head BLOB NOT NULL
   ) STRICT;
   CREATE TABLE ejection (
     provider_id BLOB PRIMARY KEY,
     block INTEGER NOT NULL
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

export function saveAnnouncement({ prepare }: Store, { providerId, signed, expiresAtMs }: KeptAnnouncement): void {
  prepare(
    `INSERT INTO announcement (provider_id, announcement, provider_key, signature, payee_signature,
       verifier_key, verifier_signature, expires_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (provider_id) DO UPDATE SET announcement = excluded.announcement,
       provider_key = excluded.provider_key, signature = excluded.signature,
       payee_signature = excluded.payee_signature, verifier_key = excluded.verifier_key,
       verifier_signature = excluded.verifier_signature, expires_at_ms = excluded.expires_at_ms`,
  ).run(
    providerId,
    signed.announcement,
    signed.providerKey,
    signed.signature,
    signed.payeeSignature,
    signed.verifierEndorsement?.verifierKey ?? null,
    signed.verifierEndorsement?.signature ?? null,
    expiresAtMs,
  );
}

export function loadAnnouncements(store: Store): SignedAnnouncement[] {
  return store.read(({ prepare }) =>
    prepare('SELECT * FROM announcement')
      .all()
      .map((row) => ({
        announcement: row.announcement as Uint8Array,
        providerKey: row.provider_key as Uint8Array,
        signature: row.signature as Uint8Array,
        payeeSignature: row.payee_signature as Uint8Array,
        verifierEndorsement: row.verifier_key
          ? { verifierKey: row.verifier_key as Uint8Array, signature: row.verifier_signature as Uint8Array }
          : undefined,
      })),
  );
}

export function forgetAnnouncements({ prepare }: Store, beforeMs: number): void {
  prepare('DELETE FROM announcement WHERE expires_at_ms < ?').run(beforeMs);
}

export function loadHistory(store: Store, providerId: Uint8Array): ProviderHistory {
  return store.read(({ prepare }) => {
    const row = prepare('SELECT accepts, rejects, abandoned FROM reputation WHERE provider_id = ?').get(providerId);
    const ejected = prepare('SELECT 1 FROM ejection WHERE provider_id = ?').get(providerId) !== undefined;
    if (!row) return { ...EMPTY_HISTORY, ejected };
    return {
      accepts: row.accepts as number,
      rejects: row.rejects as number,
      abandoned: row.abandoned as number,
      ejected,
    };
  });
}

export type HistoryChange = Pick<ProviderHistory, 'accepts' | 'rejects' | 'abandoned'>;

/** Together, so that no entry is counted twice or left out after a crash. */
export function advanceLog(
  store: Store,
  validator: Uint8Array,
  { position, changes }: { position: LogPosition; changes: ReadonlyMap<Uint8Array, HistoryChange> },
): void {
  store.transact(({ prepare }) => {
    for (const [providerId, { accepts, rejects, abandoned }] of changes) {
      prepare(
        `INSERT INTO reputation (provider_id, accepts, rejects, abandoned) VALUES (?, ?, ?, ?)
         ON CONFLICT (provider_id) DO UPDATE SET accepts = accepts + excluded.accepts,
           rejects = rejects + excluded.rejects, abandoned = abandoned + excluded.abandoned`,
      ).run(providerId, accepts, rejects, abandoned);
    }
    prepare(
      `INSERT INTO log_position (validator, length, head) VALUES (?, ?, ?)
       ON CONFLICT (validator) DO UPDATE SET length = excluded.length, head = excluded.head`,
    ).run(validator, Number(position.length), position.head);
  });
}

export function loadLogPosition(store: Store, validator: Uint8Array): LogPosition | undefined {
  const row = store.read(({ prepare }) =>
    prepare('SELECT length, head FROM log_position WHERE validator = ?').get(validator),
  );
  return row && { length: BigInt(row.length as number), head: row.head as Uint8Array };
}

export function saveEjection(store: Store, providerId: Uint8Array, block: number): void {
  store.transact(({ prepare }) =>
    prepare('INSERT INTO ejection (provider_id, block) VALUES (?, ?) ON CONFLICT DO NOTHING').run(providerId, block),
  );
}

/** A reorganised chain takes back what stood above the block. */
export function undoEjections(store: Store, aboveBlock: number): void {
  store.transact(({ prepare }) => prepare('DELETE FROM ejection WHERE block > ?').run(aboveBlock));
}

export function createCursorStore(store: Store): CursorStore {
  return {
    load() {
      const row = store.read(({ prepare }) => prepare('SELECT cursor FROM chain_cursor').get());
      return row && (JSON.parse(row.cursor as string) as Cursor);
    },
    save(cursor) {
      store.transact(({ prepare }) =>
        prepare(
          `INSERT INTO chain_cursor (one, cursor) VALUES (1, ?)
           ON CONFLICT (one) DO UPDATE SET cursor = excluded.cursor`,
        ).run(JSON.stringify(cursor)),
      );
    },
  };
}
