import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SizeRow } from './measure-size.ts';
import { writeScalePage } from './scale-page.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const DOCS = fileURLToPath(new URL('../../../../docs/', import.meta.url));
/** Each about tenfold, with steps between. */
export const SIZES: readonly string[] = ['4/10/100', '7/30/300', '16/100/1000', '32/300/3000', '100/1000/10000'];

/** Hundred validators with a thousand providers hold some gigabytes. */
const MOST_MIB = 12_288;
const YOUNG_MIB = 256;

export interface ScaleOptions {
  readonly seed: number;
  readonly sizes: readonly string[];
  readonly spanMs: number | undefined;
  readonly day: string | undefined;
  /** Of one size. */
  readonly budgetMs: number;
}

/** A size whose run did not end. */
export interface UnendedSize {
  readonly size: string;
  readonly why: string;
}

/** The stored rows of all runs so far. */
export interface WrittenScale {
  readonly rows: readonly SizeRow[];
  readonly unended: readonly UnendedSize[];
  /** A whole day of a small network. */
  readonly day?: SizeRow | undefined;
}

const DAY_FLAGS = ['--span', '86400', '--epoch', '60000'];

/** Runs each size in a process of its own, and writes page and figures; other sizes keep the rows that they have. @returns 1 where one broke an invariant. */
export function runScale(options: ScaleOptions, print: (text: string) => void): number {
  const { day, sizes, spanMs } = options;
  const folder = join(DOCS, 'simulator');
  const before = readWritten(join(folder, 'scale.json'));
  const asked = day === undefined ? sizes : [day];
  const isOther = ({ size }: { readonly size: string }): boolean => day !== undefined || !sizes.includes(size);
  const flags = day !== undefined ? DAY_FLAGS : spanMs === undefined ? [] : ['--span', String(spanMs / 1_000)];
  const measured: SizeRow[] = [];
  const unended: UnendedSize[] = [];
  for (const size of asked) {
    const child = runSize(size, flags, options);
    if (child.status === 0) measured.push(JSON.parse(child.stdout) as SizeRow);
    else {
      const why = child.signal === 'SIGTERM' ? `it did not end in ${options.budgetMs / 60_000} minutes` : 'it failed';
      if (day === undefined) unended.push({ size, why });
      print(`${size}: ${why}\n${child.stderr.slice(-2_000)}`);
    }
    if (child.status === 0) print(JSON.stringify(measured.at(-1)));
  }
  const grown = day === undefined ? measured : [];
  const rows = [...before.rows.filter(isOther), ...grown].sort((a, b) => a.validators - b.validators);
  if (rows.length === 0) return 1;
  const written = {
    rows,
    unended: [...unended, ...before.unended.filter(isOther)],
    day: (day !== undefined ? measured[0] : undefined) ?? before.day,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'scale.json'), `${JSON.stringify({ seed: options.seed, ...written }, undefined, 1)}\n`);
  writeFileSync(join(folder, 'scale.md'), writeScalePage(written));
  const isWhole = measured.length === asked.length || day === undefined;
  return isWhole && measured.every(({ broken }) => broken.length === 0) ? 0 : 1;
}

function runSize(size: string, flags: readonly string[], { seed, budgetMs }: ScaleOptions) {
  // With a small young generation a large network spends a third of its time collecting garbage.
  const heap = [`--max-old-space-size=${MOST_MIB}`, `--max-semi-space-size=${YOUNG_MIB}`];
  const node = ['--disable-warning=ExperimentalWarning', ...heap];
  const args = [...node, MAIN, '--scale-size', size, '--seed', String(seed), ...flags];
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: budgetMs, maxBuffer: 2 ** 26 });
}

/** Of the run before. */
function readWritten(path: string): WrittenScale {
  if (!existsSync(path)) return { rows: [], unended: [] };
  return JSON.parse(readFileSync(path, 'utf8')) as WrittenScale;
}
