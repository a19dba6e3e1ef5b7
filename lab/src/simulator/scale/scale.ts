import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawCurves } from '../../economics/figure.ts';
import type { SizeRow } from './measure-size.ts';
import { createScaleCurves, writeScalePage } from './scale-page.ts';

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
  /** Of one size. */
  readonly budgetMs: number;
}

/** What became of a size that did not end. */
export interface UnendedSize {
  readonly size: string;
  readonly why: string;
}

/** Runs each size in a process of its own, and writes page, figures and plots; other sizes keep the rows that they have. @returns 1 where one broke an invariant. */
export async function runScale(options: ScaleOptions, print: (text: string) => void): Promise<number> {
  const folder = join(DOCS, 'simulator');
  const before = readWritten(join(folder, 'scale.json'));
  const isOther = ({ size }: { readonly size: string }): boolean => !options.sizes.includes(size);
  const measured: SizeRow[] = [];
  const unended: UnendedSize[] = [];
  for (const size of options.sizes) {
    const span = options.spanMs === undefined ? [] : ['--span', String(options.spanMs / 1_000)];
    // With a small young generation a large network spends a third of its time collecting garbage.
    const heap = [`--max-old-space-size=${MOST_MIB}`, `--max-semi-space-size=${YOUNG_MIB}`];
    const node = ['--disable-warning=ExperimentalWarning', ...heap];
    const args = [...node, MAIN, '--scale-size', size, '--seed', String(options.seed), ...span];
    const child = spawnSync(process.execPath, args, {
      ...{ encoding: 'utf8', timeout: options.budgetMs, maxBuffer: 2 ** 26 },
    });
    if (child.status === 0) measured.push(JSON.parse(child.stdout) as SizeRow);
    else {
      const why = child.signal === 'SIGTERM' ? `it did not end in ${options.budgetMs / 60_000} minutes` : 'it failed';
      unended.push({ size, why });
      print(`${size}: ${why}\n${child.stderr.slice(-2_000)}`);
    }
    if (child.status === 0) print(JSON.stringify(measured.at(-1)));
  }
  const rows = [...before.rows.filter(isOther), ...measured].sort((a, b) => a.validators - b.validators);
  unended.push(...before.unended.filter(isOther));
  if (rows.length === 0) return 1;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'scale.json'), `${JSON.stringify({ seed: options.seed, rows, unended }, undefined, 1)}\n`);
  writeFileSync(join(folder, 'scale.md'), writeScalePage(rows, unended));
  for (const curves of createScaleCurves(rows)) {
    writeFileSync(join(folder, `${curves.name}.svg`), await drawCurves(curves));
  }
  return measured.every(({ broken }) => broken.length === 0) ? 0 : 1;
}

/** Of the run before. */
function readWritten(path: string): { readonly rows: readonly SizeRow[]; readonly unended: readonly UnendedSize[] } {
  if (!existsSync(path)) return { rows: [], unended: [] };
  return JSON.parse(readFileSync(path, 'utf8')) as ReturnType<typeof readWritten>;
}
