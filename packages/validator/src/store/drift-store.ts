import { bytes, columns, flag, integer, named, optional } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { DriftTable } from '@ogong/protocol/modality/text/drift/drift-table';
import { encodeDriftTable, parseDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-bytes';
import { type DriftNote, type DriftPolicy, findRateProblem } from '@ogong/protocol/verdict/drift-policy';
import { parseDrift } from '@ogong/protocol/verdict/evidence';

/**
 * Hash that stands for "no table". The store has all tables that this validator has used, each with the end of its use.
 * So a peer's verdict from before a change of table is checked with the old one.
 */
const NONE = new Uint8Array(32);

/** Sets the table, or none, that verdicts use from now on. */
export function adoptTable(store: Store, policy: DriftPolicy | undefined, nowMs: number): void {
  const hash = policy?.note.tableHash ?? NONE;
  const isNamed = policy?.isNamed ?? false;
  store.prepare('UPDATE drift_tables SET until = ? WHERE until IS NULL AND hash <> ?').run(nowMs, hash);
  const { changes } = store
    .prepare('UPDATE drift_tables SET named = max(named, ?), until = NULL WHERE hash = ?')
    .run(isNamed ? 1 : 0, hash);
  // Only a new table is encoded: that takes megabytes.
  if (changes > 0) return;
  const bytes = policy ? (policy.bytes ?? encodeDriftTable(policy.table)) : new Uint8Array(0);
  store
    .prepare('INSERT INTO drift_tables (hash, bytes, named, until) VALUES (?, ?, ?, NULL)')
    .run(hash, bytes, isNamed ? 1 : 0);
}

/** Whether the chain has ever named this table. */
export function wasNamed(store: Store, hash: Uint8Array): boolean {
  return store.prepare('SELECT 1 FROM drift_tables WHERE hash = ? AND named = 1').get(hash) !== undefined;
}

interface HeldTable {
  readonly table: DriftTable | undefined;
  readonly isNamed: boolean;
  /** Undefined for the present one. */
  readonly untilMs: number | undefined;
}

const tableColumns = columns({
  bytes,
  isNamed: named('named', flag),
  untilMs: named('until', optional(integer)),
});

function readTable(store: Store, hash: Uint8Array): HeldTable | undefined {
  const row = tableColumns.get(store.prepare(`SELECT ${tableColumns.list} FROM drift_tables WHERE hash = ?`), hash);
  if (row === undefined) return undefined;
  const { isNamed, untilMs } = row;
  return { table: row.bytes.length === 0 ? undefined : parseDriftTable(row.bytes), isNamed, untilMs };
}

/**
 * Returns the drift policy of a reply. It stays the policy of the time when its verifiers were drawn, since the draw
 * depends on it.
 * @param drift result of encodeDrift; undefined before the draw.
 */
export function readPolicy(
  store: Store,
  own: DriftPolicy | undefined,
  drift: Uint8Array | undefined,
): DriftPolicy | undefined {
  if (drift === undefined) return own;
  const note = parseDrift(drift);
  if (note === undefined) return undefined;
  if (own !== undefined && equalBytes(own.note.tableHash, note.tableHash)) return { ...own, note };
  const held = readTable(store, note.tableHash);
  return held?.table && { note, table: held.table, isNamed: held.isNamed };
}

/**
 * Time after a change of the table in which verdicts by the previous one still pass: validators change at different
 * moments.
 */
const TABLE_GRACE_MS = 3_600_000;

export type FoundPolicy = { readonly policy: DriftPolicy | undefined } | { readonly problem: string };

/** Finds the policy that a peer's verdict names, if the network could have used it at that time. */
export function createPolicyFinder(store: Store, own: DriftPolicy | undefined) {
  /** The last parsed table: parsing takes milliseconds, and a batch names one table hundreds of times. */
  let last: { readonly hash: Uint8Array; readonly held: HeldTable } | undefined;

  return (note: DriftNote | undefined, timeMs: number): FoundPolicy => {
    const hash = note?.tableHash ?? NONE;
    if (own !== undefined && note !== undefined && equalBytes(hash, own.note.tableHash)) {
      const problem = findRateProblem(own.note, note);
      return problem === undefined ? { policy: { ...own, note } } : { problem };
    }
    const held = last && equalBytes(last.hash, hash) ? last.held : store.read(() => readTable(store, hash));
    if (held !== undefined) last = { hash, held };
    const isOfItsTime = held !== undefined && timeMs <= (held.untilMs ?? timeMs) + TABLE_GRACE_MS;
    if (!isOfItsTime)
      return { problem: `the verdict used ${nameTable(note)}, this validator uses ${nameTable(own?.note)}` };
    const { table, isNamed } = held;
    return { policy: note && table ? { note, table, isNamed } : undefined };
  };
}

function nameTable(note: DriftNote | undefined): string {
  if (note === undefined) return 'no drift table';
  return `drift table ${Array.from(note.tableHash.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
