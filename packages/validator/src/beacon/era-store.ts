import { bytes, columns, integer, mapped } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { createFormat, list, struct, u16 } from '@ogong/protocol/base/codec';
import { type EraRecord, eraRecordFormat } from '@ogong/protocol/beacon/threshold/era-message';
import { type KeyEntry, keyEntryFormat } from '@ogong/protocol/beacon/threshold/key-message';
import type { KeyShare } from '@ogong/protocol/beacon/threshold/partials';
import { MAX_TICKETS } from '@ogong/protocol/beacon/threshold/tickets';
import { scalarCodec } from '@ogong/protocol/crypto/bls-scalar';

export const eraSharesFormat = createFormat(
  list(struct({ ticket: u16, scalar: scalarCodec }), {
    ...{ count: u16, max: MAX_TICKETS },
    ascending: (a: KeyShare, b: KeyShare) => a.ticket - b.ticket,
  }),
  { tag: 'ogong-beacon-era-shares-v1' },
);

export interface StoredEra {
  readonly record: EraRecord;
  /** Secret. Empty if this validator has no ticket or lost its shares. */
  readonly shares: readonly KeyShare[];
}

/** A begun key generation and its plan. */
export interface StoredAttempt {
  readonly era: number;
  readonly attempt: number;
  readonly set: Uint8Array;
}

const keyEntry = mapped(bytes, keyEntryFormat.decode, keyEntryFormat.encode);
const entry = columns({ entry: keyEntry });
const seating = columns({ setHash: bytes });
const keptEntry = columns({ era: integer, attempt: integer, setHash: bytes, entry: keyEntry });
const eraFields = {
  record: mapped(bytes, eraRecordFormat.decode, eraRecordFormat.encode),
  shares: mapped(bytes, eraSharesFormat.decode, eraSharesFormat.encode),
} as const;
const eraColumns = columns(eraFields);
const formerColumns = columns({ record: eraFields.record });
const keptEra = columns({ era: integer, transcript: bytes, ...eraFields });
const struck = columns({ account: bytes });

/**
 * Stores secrets of key generations in the validator's own database. Only this user can read them, and deletion
 * overwrites them.
 */
export interface EraStore {
  listEntries(attempt: StoredAttempt): readonly KeyEntry[];
  /** Lists the committees of an attempt with stored entries, the oldest first. */
  listSets(era: number, attempt: number): readonly Uint8Array[];
  findEra(era: number, transcript: Uint8Array): StoredEra | undefined;
  /** Finds the record of the era before the newest. Its shares are gone. */
  findFormer(era: number, transcript: Uint8Array): EraRecord | undefined;
  listStruck(): readonly Uint8Array[];
  /** Stores an entry. Call it inside a group commit. */
  putEntry(db: Store, attempt: StoredAttempt, entry: KeyEntry): void;
  /**
   * Stores an era. Stored shares stay if none are given.
   * @param transcript of the outcome. An attempt may have several outcomes, and the chain takes one.
   */
  putEra(db: Store, transcript: Uint8Array, kept: StoredEra): void;
  putStruck(db: Store, account: Uint8Array): void;
  /** Deletes the data of earlier eras. The record of the last of them stays, which says who held its shares. */
  dropBefore(db: Store, era: number): void;
}

export function createEraStore(store: Store): EraStore {
  return {
    listEntries({ era, attempt, set }) {
      const sql = `SELECT ${entry.list} FROM beacon_key_entries WHERE era = ? AND attempt = ? AND set_hash = ? ORDER BY number`;
      return store.read(() => entry.all(store.prepare(sql), era, attempt, set)).map((row) => row.entry);
    },
    listSets(era, attempt) {
      const sql = `SELECT ${seating.list} FROM beacon_key_entries WHERE era = ? AND attempt = ? GROUP BY set_hash ORDER BY min(number)`;
      return store.read(() => seating.all(store.prepare(sql), era, attempt)).map((row) => row.setHash);
    },
    findEra(era, transcript) {
      const sql = `SELECT ${eraColumns.list} FROM beacon_eras WHERE era = ? AND transcript = ?`;
      return store.read(() => eraColumns.get(store.prepare(sql), era, transcript));
    },
    findFormer(era, transcript) {
      const sql = `SELECT ${formerColumns.list} FROM beacon_former_eras WHERE era = ? AND transcript = ?`;
      return store.read(() => formerColumns.get(store.prepare(sql), era, transcript))?.record;
    },
    listStruck: () =>
      store.read(() => struck.all(store.prepare(`SELECT ${struck.list} FROM beacon_struck`))).map((row) => row.account),
    putEntry(db, { era, attempt, set }, added) {
      const row = { era, attempt, setHash: set, entry: added };
      keptEntry.insert(db, 'INSERT INTO beacon_key_entries', row);
    },
    putEra(db, transcript, { record, shares }) {
      const verb = shares.length > 0 ? 'INSERT OR REPLACE' : 'INSERT OR IGNORE';
      keptEra.insert(db, `${verb} INTO beacon_eras`, { era: record.era, transcript, record, shares });
    },
    putStruck(db, account) {
      struck.insert(db, 'INSERT OR IGNORE INTO beacon_struck', { account });
    },
    dropBefore(db, era) {
      db.prepare('DELETE FROM beacon_key_entries WHERE era < ?').run(era);
      db.prepare('DELETE FROM beacon_former_eras WHERE era < ?').run(era - 1);
      db.prepare(
        `INSERT OR REPLACE INTO beacon_former_eras (era, transcript, record)
          SELECT era, transcript, record FROM beacon_eras WHERE era = ?`,
      ).run(era - 1);
      db.prepare('DELETE FROM beacon_eras WHERE era < ?').run(era);
    },
  };
}
