import { TableError, type TableFile } from '@ogong/host/drift-table/table-file';
import { toHex } from '@ogong/protocol/base/bytes';
import { compareDistanceKeys, type DistanceRow } from '@ogong/protocol/modality/text/drift/distance-rows';
import {
  compareRowKeys,
  type DriftRow,
  type DriftRowKey,
  type DriftTable,
} from '@ogong/protocol/modality/text/drift/drift-table';
import { countHeldOut } from '@ogong/protocol/modality/text/drift/strata';

/** The version and the previous hash of a table's successor. */
export function succeed(before: TableFile | undefined): Pick<DriftTable, 'version' | 'previous'> {
  if (before === undefined) return { version: 1, previous: new Uint8Array(32) };
  return { version: before.table.version + 1, previous: before.hash };
}

/** Rows of the new table take the place of rows with the same key; the others stay. */
export function addRows(before: TableFile | undefined, next: DriftTable): DriftTable {
  if (before === undefined) return next;
  const families = mergeFamilies([before.table, next]);
  const keys = new Set(next.rows.map(keyOf));
  const kept = before.table.rows.filter((row) => !keys.has(keyOf(row)));
  const rows = [...kept, ...next.rows].sort(compareRowKeys);
  return { ...next, families, rows, ...joinDistances([next, before.table], (first) => first) };
}

/** Joins the distances of tables. @param choose takes the one of two rows with the same key. */
function joinDistances(
  tables: readonly DriftTable[],
  choose: (first: DistanceRow, second: DistanceRow) => DistanceRow,
): Pick<DriftTable, 'distances'> {
  const joined: DistanceRow[] = [];
  for (const row of tables.flatMap(({ distances = [] }) => distances)) {
    const at = joined.findIndex((one) => compareDistanceKeys(one, row) === 0);
    if (at < 0) joined.push(row);
    else joined[at] = choose(joined[at] as DistanceRow, row);
  }
  return joined.length === 0 ? {} : { distances: joined.sort(compareDistanceKeys) };
}

/** Never two rows the same. */
const keyOf = ({ modelRoot, providerClass, verifierClass, band }: DriftRowKey): string =>
  JSON.stringify([toHex(modelRoot), providerClass, verifierClass, band]);

const sizeOf = ({ strata, fitReplies }: DriftRow): number => countHeldOut(strata) + fitReplies;

/**
 * One table of several, the successor of the first. If several have a row, the one with more replies is taken: rows cannot be
 * pooled without their samples.
 * @throws TableError if a class is of one family in one table and of another in another.
 */
export function mergeTables(files: readonly [TableFile, ...TableFile[]]): DriftTable {
  const rows = new Map<string, DriftRow>();
  for (const row of files.flatMap(({ table }) => table.rows)) {
    const known = rows.get(keyOf(row));
    if (known === undefined || sizeOf(row) > sizeOf(known)) rows.set(keyOf(row), row);
  }
  return {
    ...succeed(files[0]),
    families: mergeFamilies(files.map(({ table }) => table)),
    rows: [...rows.values()].sort(compareRowKeys),
    ...joinDistances(
      files.map(({ table }) => table),
      (first, second) => (second.replies > first.replies ? second : first),
    ),
  };
}

function mergeFamilies(tables: readonly DriftTable[]): DriftTable['families'] {
  const families = new Map<string, string>();
  for (const { numericClass, family } of tables.flatMap((table) => table.families)) {
    const known = families.get(numericClass) ?? family;
    if (known !== family) {
      throw new TableError(
        'wrong-table',
        `${numericClass} is of the family ${known} in one table, ${family} in another`,
      );
    }
    families.set(numericClass, family);
  }
  return [...families]
    .map(([numericClass, family]) => ({ numericClass, family }))
    .sort((a, b) => (a.numericClass < b.numericClass ? -1 : 1));
}
