import { compareText } from '../standing.ts';

type Row = Readonly<Record<string, unknown>>;

/** A field whose values are objects of these fields, or (`each`) lists of such objects, has their values in the same order. */
export type PackedField = string | { readonly name: string; readonly fields: PackedFields } | PackedList;
interface PackedList {
  readonly name: string;
  readonly each: PackedFields;
}
export type PackedFields = readonly PackedField[];

/** A table whose names of fields stand once, and not in every row. A row has null where it lacks a field. */
export interface PackedTable {
  readonly fields: PackedFields;
  readonly rows: readonly (readonly unknown[])[];
}

/** @param rows of plain data without null. */
export function packTable(rows: readonly Row[]): PackedTable {
  const fields = listFields(rows);
  return { fields, rows: rows.map((row) => packRow(fields, row)) };
}

export function unpackTable({ fields, rows }: PackedTable): Row[] {
  return rows.map((row) => unpackRow(fields, row));
}

export function isPackedTable(value: unknown): value is PackedTable {
  return isRow(value) && Array.isArray(value.fields) && Array.isArray(value.rows);
}

export const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Inner objects are packed only where all have the same fields: others are dictionaries, or lack some. */
function listFields(rows: readonly Row[]): PackedFields {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].sort(compareText);
  return names.map((name): PackedField => {
    const values = rows.map((row) => row[name]).filter((value) => value !== undefined);
    if (areAlike(values)) return { name, fields: listFields(values) };
    const items = values.every((value) => Array.isArray(value)) ? values.flat() : [];
    return areAlike(items) ? { name, each: listFields(items) } : name;
  });
}

function areAlike(values: readonly unknown[]): values is Row[] {
  const names = (value: Row): string => Object.keys(value).sort(compareText).join();
  const [first] = values;
  return isRow(first) && values.every((value) => isRow(value) && names(value) === names(first));
}

const packRow = (fields: PackedFields, row: Row): unknown[] =>
  fields.map((field) => {
    if (typeof field === 'string') return row[field] ?? null;
    const value = row[field.name];
    if (value === undefined) return null;
    return 'fields' in field
      ? packRow(field.fields, value as Row)
      : (value as Row[]).map((each) => packRow(field.each, each));
  });

const unpackRow = (fields: PackedFields, row: readonly unknown[]): Row =>
  Object.fromEntries(
    fields.flatMap((field, i): [string, unknown][] => {
      const value = row[i];
      if (value === null) return [];
      if (typeof field === 'string') return [[field, value]];
      return 'fields' in field
        ? [[field.name, unpackRow(field.fields, value as unknown[])]]
        : [[field.name, (value as unknown[][]).map((each) => unpackRow(field.each, each))]];
    }),
  );
