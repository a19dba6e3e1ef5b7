import type { ClassTable } from './table.ts';

/**
 * A table without its repetitions. A search runs every shape in every band of every setup. So each name stands once, and a class
 * is a number.
 */
interface PackedClassTable extends Omit<ClassTable, 'findings'> {
  readonly setups: readonly string[];
  readonly starts: readonly number[];
  readonly shapes: readonly string[];
  readonly digests: readonly string[];
  /** Indexes among the digests: by setup, then by start, then by shape. */
  readonly found: readonly (readonly (readonly number[])[])[];
}

/**
 * The text of classes.json, a table a line.
 * @throws RangeError if a table lacks a finding, or has it in another order than a search does.
 */
export const encodeClassTables = (tables: readonly ClassTable[]): string =>
  `[\n${tables.map((table) => JSON.stringify(packClassTable(table))).join(',\n')}\n]\n`;

/** @throws Error if the text is no such file, for example of a release that wrote each finding by itself. */
export function decodeClassTables(text: string): ClassTable[] {
  const read: unknown = JSON.parse(text);
  if (!Array.isArray(read) || read.some((each) => !Array.isArray(each?.found)))
    throw new Error('not a file of packed class tables');
  return (read as PackedClassTable[]).map(unpackClassTable);
}

function packClassTable({ findings, ...head }: ClassTable): PackedClassTable {
  const setups = [...new Set(findings.map(({ setup }) => setup))];
  const starts = [...new Set(findings.map(({ start }) => start))];
  const shapes = [...new Set(findings.map(({ shape }) => shape))];
  const digests = [...new Set(findings.map(({ digest }) => digest))];
  const indexes = new Map(digests.map((digest, index) => [digest, index]));
  let at = 0;
  const take = (setup: string, start: number, shape: string): number => {
    const next = findings[at++];
    if (next?.setup !== setup || next.start !== start || next.shape !== shape)
      throw new RangeError(`no finding of ${setup}, position ${start}, ${shape} in its place`);
    return indexes.get(next.digest) as number;
  };
  const found = setups.map((setup) => starts.map((start) => shapes.map((shape) => take(setup, start, shape))));
  if (at !== findings.length) throw new RangeError(`${findings.length - at} findings too many`);
  return { ...head, setups, starts, shapes, digests, found };
}

function unpackClassTable({ setups, starts, shapes, digests, found, ...head }: PackedClassTable): ClassTable {
  const findings = setups.flatMap((setup, i) =>
    starts.flatMap((start, j) =>
      shapes.map((shape, k) => {
        const digest = digests[found[i]?.[j]?.[k] ?? -1];
        if (digest === undefined) throw new Error(`no digest of ${setup}, position ${start}, ${shape}`);
        return { setup, start, shape, digest };
      }),
    ),
  );
  return { ...head, findings };
}
