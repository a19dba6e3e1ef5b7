import { bytes, columns, integer, optional, text } from '@ogong/host/store/columns';
import type { WorkTable } from '@ogong/host/store/work-rows';

/**
 * Tables of a store of memories, in SQL for SQLite that has a translation to PostgreSQL. Tables `…_keys` hold wrapped keys. A backup
 * without them holds nothing that opens.
 */
export const MEMORY_SCHEMA = `
  CREATE TABLE memory_vault (
    id INTEGER PRIMARY KEY,
    content BLOB NOT NULL
  ) STRICT;
  CREATE TABLE memory_users (
    user_id TEXT PRIMARY KEY,
    name_hash TEXT NOT NULL UNIQUE,
    name BLOB NOT NULL,
    revision INTEGER NOT NULL,
    memories INTEGER NOT NULL,
    notes INTEGER NOT NULL,
    evidence_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE memory_user_keys (
    user_id TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- Order and succession of memories.
  CREATE TABLE memory_entries (
    user_id TEXT NOT NULL,
    id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    supersedes TEXT,
    superseded_ms INTEGER,
    revision INTEGER NOT NULL,
    PRIMARY KEY (user_id, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX memory_entries_by_time ON memory_entries (user_id, created_ms, id);
  CREATE INDEX memory_entries_by_past ON memory_entries (user_id, supersedes);
  CREATE INDEX memory_entries_by_revision ON memory_entries (user_id, revision, id);
  CREATE TABLE memory_rows (
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (user_id, kind, id)
  ) STRICT;
  CREATE TABLE memory_row_keys (
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (user_id, kind, id)
  ) STRICT, WITHOUT ROWID;
  -- Deletions whose content may still be in the files; of a whole user, with the user's id.
  CREATE TABLE memory_erasures (
    id TEXT PRIMARY KEY,
    user_id TEXT
  ) STRICT, WITHOUT ROWID;
`;

export const vaultRow = columns({ content: bytes });
const userFields = {
  userId: text,
  nameHash: text,
  name: bytes,
  /** Grows with each change of the user's rows. */
  revision: integer,
  memories: integer,
  notes: integer,
  evidenceBytes: integer,
} as const;
export const userRow = columns(userFields);
/** The wrapped key is missing where a backup left the keys out. */
export const keyedUserRow = columns({ ...userFields, wrapped: optional(bytes) });
export const userKeyRow = columns({ userId: text, wrapped: bytes });

const entryFields = {
  id: text,
  createdMs: integer,
  supersedes: optional(text),
  supersededMs: optional(integer),
  /** That of the user's rows after the last change of this memory. */
  revision: integer,
} as const;
export const entryRow = columns({ userId: text, ...entryFields });
export type EntryRow = ReturnType<typeof entryRow.read>;
export const entryTable: WorkTable<EntryRow> = { name: 'memory_entries', key: ['user_id', 'id'], row: entryRow };

const sealedFields = { userId: text, kind: text, id: text } as const;
export const contentRow = columns({ ...sealedFields, content: bytes });
export const rowKeyRow = columns({ ...sealedFields, wrapped: bytes });
export const contentTable: WorkTable<ReturnType<typeof contentRow.read>> = {
  ...{ name: 'memory_rows', key: ['user_id', 'kind', 'id'], row: contentRow },
};
export const rowKeyTable: WorkTable<ReturnType<typeof rowKeyRow.read>> = {
  ...{ name: 'memory_row_keys', key: ['user_id', 'kind', 'id'], row: rowKeyRow },
};

/** A sealed row with its wrapped key. */
export const sealedRow = columns({ id: text, content: bytes, wrapped: optional(bytes) });
export type SealedRow = ReturnType<typeof sealedRow.read>;
/** A memory's row with its order and its key. */
export const sealedEntryRow = columns({ userId: text, ...entryFields, content: bytes, wrapped: optional(bytes) });
export type SealedEntryRow = ReturnType<typeof sealedEntryRow.read>;
export const idRow = columns({ id: text });
export const erasureRow = columns({ id: text, userId: optional(text) });
