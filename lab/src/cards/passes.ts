import { findClasses } from '@ogong/engine/class-search/run';
import { groupClasses } from '@ogong/engine/class-search/table';
import type { Backend } from '@ogong/engine/llama-cpp/library';
import type { FileHashes } from '@ogong/models/file-hashes';

/** Which row counts of one sequence's passes have the same bits, on one back end and at one position. */
export interface PassesRow {
  readonly backend: Backend;
  readonly isa: string;
  readonly model: string;
  /** Of the first compared row. */
  readonly start: number;
  /** Of the first rows behind it, hidden states and logits are compared. */
  readonly positions: number;
  /** The largest first. */
  readonly classes: readonly { readonly digest: string; readonly rows: readonly number[] }[];
}

/** One of each kind; all of the wide class; both sides of the tiles of 32, 64 and 128 rows. */
const ROWS = [
  ...[1, 2, 8],
  ...Array.from({ length: 23 }, (_, i) => 9 + i),
  ...[32, 33, 48, 63, 64, 65, 96, 127, 128, 129, 192, 256],
];
/** More than one pass of the widest in the wide class. */
const POSITIONS = 36;

export interface PassesOptions {
  readonly backend: Backend;
  readonly model: string;
  readonly modelPath: string;
  readonly hashes: FileHashes;
  readonly starts: readonly number[];
}

/** @throws EngineError where this machine does not run the back end. */
export async function measurePasses(options: PassesOptions): Promise<PassesRow[]> {
  const { backend, model, modelPath, hashes, starts } = options;
  const passes = { rows: ROWS, starts, positions: POSITIONS };
  const table = await findClasses({ backend, modelPath, hashes, passes });
  return groupClasses(table.findings).map(({ start, classes }) => ({
    ...{ backend, isa: table.isa, model, start, positions: table.positions },
    classes: classes.map((members) => ({
      digest: (members[0]?.digest ?? '').slice(0, 16),
      rows: members.map(({ shape }) => Number(shape.slice('forced '.length))),
    })),
  }));
}
