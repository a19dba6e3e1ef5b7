import { compareBytes, equalBytes, ProtocolError } from '../../../base/bytes.ts';
import { type Codec, f64, hash, list, plainText, struct, u8, u16, u32, within } from '../../../base/codec.ts';
import type { ClassFamily, DriftTable } from './drift-table.ts';

/**
 * Measured honest distances of a modality that compares values, on one model between two classes. The modality says which measures it
 * reads (docs/spec/drift-table.md).
 */
export interface DistanceRow extends DistanceRowKey {
  /** Version of the measuring software. */
  readonly codeVersion: string;
  /** Honest replies, at least MIN_DISTANCE_REPLIES. */
  readonly replies: number;
  /** The largest value of each measure over all replies, ascending by name. */
  readonly largest: readonly NamedLargest[];
}

export interface DistanceRowKey {
  /** 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** Numeric class that the header declares, or a family. */
  readonly providerClass: string;
  /** Numeric class of the report, or a family. */
  readonly verifierClass: string;
}

export interface NamedLargest {
  readonly name: string;
  /** At least 0. */
  readonly value: number;
}

/** A row of fewer honest replies is no measurement. */
export const MIN_DISTANCE_REPLIES = 50;
const MAX_ROWS = 1024;
const MAX_MEASURES = 16;
const MAX_VALUE = 1e9;

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function compareDistanceKeys(a: DistanceRowKey, b: DistanceRowKey): number {
  return (
    compareBytes(a.modelRoot, b.modelRoot) ||
    compareText(a.verifierClass, b.verifierClass) ||
    compareText(a.providerClass, b.providerClass)
  );
}

const name = plainText(255);
const rows = list<DistanceRow>(
  struct({
    modelRoot: hash,
    providerClass: name,
    verifierClass: name,
    codeVersion: name,
    replies: within(u32, MIN_DISTANCE_REPLIES, 0xffffffff),
    largest: list<NamedLargest>(struct({ name, value: within(f64, 0, MAX_VALUE) }), {
      count: u8,
      min: 1,
      max: MAX_MEASURES,
      ascending: (a, b) => compareText(a.name, b.name),
    }),
  }),
  { count: u16, min: 1, max: MAX_ROWS, ascending: compareDistanceKeys },
);

/** The rows at the end of a table. A table without such rows ends before their count, as tables did before there were any. */
export const distanceRowsCodec: Codec<readonly DistanceRow[] | undefined> = {
  write(writer, value) {
    if (value === undefined) return;
    if (value.length === 0) throw new ProtocolError('out-of-range', 'an empty list of distances is left out');
    rows.write(writer, value);
  },
  read: (reader) => (reader.remaining() === 0 ? undefined : rows.read(reader)),
};

/** Finds the row of two classes, or that of their families. */
export function findDistanceRow(
  { families, distances = [] }: Pick<DriftTable, 'families' | 'distances'>,
  { modelRoot, providerClass, verifierClass }: DistanceRowKey,
): DistanceRow | undefined {
  const ofModel = distances.filter((row) => equalBytes(row.modelRoot, modelRoot));
  for (const verifier of withFamily(families, verifierClass))
    for (const provider of withFamily(families, providerClass)) {
      const row = ofModel.find((each) => each.providerClass === provider && each.verifierClass === verifier);
      if (row !== undefined) return row;
    }
  return undefined;
}

const withFamily = (families: readonly ClassFamily[], numericClass: string): string[] => [
  numericClass,
  ...families.filter((entry) => entry.numericClass === numericClass).map(({ family }) => family),
];

/** @returns undefined for a measure that the row does not have. */
export const getLargest = ({ largest }: Pick<DistanceRow, 'largest'>, measure: string): number | undefined =>
  largest.find((each) => each.name === measure)?.value;
