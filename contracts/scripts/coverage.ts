/**
 * Runs the contracts' tests over contracts with a mark at each statement and each condition. Prints the lines and branches that they reach:
 * every condition of if, loops, ternaries and require, and every operand of && and ||, both ways. Assembly and libraries of others are not
 * counted. Only the contracts are compiled again: the tests stay as they were. Exits 1 below the limit. Mutants show more: a line that ran
 * is not a line whose fault a test would see. Usage: node contracts/scripts/coverage.ts [--write] [test/File.t.sol ...]; --write puts the
 * table into docs/contracts.md. Run the contracts' tests before.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compileSources, readSources, type SourceOutput } from './compile.ts';
import { type Marked, markBranches } from './mark-branches.ts';
import { writeTable } from './tables.ts';
import { createTestedCopy } from './tested-copy.ts';

/** Of all branches, in hundredths. */
const LEAST_BRANCHES = 95;
/** The compiler keeps all that it made until it is done. */
const FILES_AT_ONCE = 6;

const words = process.argv.slice(2);
const files = words.filter((word) => !word.startsWith('--'));

/** Reads the marks that ran, from Hardhat's output: keys of 32 bytes. */
function readTold(folder: string): ReadonlySet<number> {
  const data = join(folder, 'coverage', 'data', 'solidity');
  const told = readdirSync(data).flatMap((name) => Object.keys(JSON.parse(readFileSync(join(data, name), 'utf8'))));
  return new Set(told.map((word) => Number(BigInt(`0x${word}`))));
}

function markAll(sources: ReadonlyMap<string, string>): ReadonlyMap<string, Marked> {
  const all = new Map<string, Marked>();
  let next = 1;
  for (const [file, text] of sources) {
    const marked = markBranches(basename(file, '.sol'), text, next);
    all.set(file, marked);
    next = marked.next;
  }
  return all;
}

const share = (some: number, all: number): string => (all === 0 ? '-' : `${((100 * some) / all).toFixed(1)} %`);

const marked = markAll(readSources());
const texts = new Map([...marked].map(([file, { text }]) => [file, text]));
const names = [...texts.keys()];
const outputs: SourceOutput[] = [];
for (let i = 0; i < names.length; i += FILES_AT_ONCE) {
  const some = names.slice(i, i + FILES_AT_ONCE);
  console.log(`compiling with marks: ${some.join(', ')}`);
  outputs.push(compileSources(texts, some, { isHardlyOptimized: true }));
}
const copy = createTestedCopy('coverage');
let told: ReadonlySet<number>;
try {
  for (const output of outputs) copy.replaceCode(output);
  console.log('running the tests');
  const run = copy.runTests(files, {
    flags: ['--coverage'],
    env: { OGONG_COVERAGE: '1' },
  });
  if (run.result !== 'passed') throw new Error(`the tests fail on contracts with marks\n${run.output}`);
  told = readTold(copy.folder);
} finally {
  copy.remove();
}

const missing: string[] = [];
const rows = new Map<string, readonly string[]>();
const sums = { lines: 0, linesRan: 0, branches: 0, branchesRan: 0 };
for (const [file, { branches, statements }] of marked) {
  if (statements.length === 0) continue;
  const lines = new Set(statements.map(({ line }) => line));
  const linesRan = new Set(statements.filter(({ runs }) => told.has(runs)).map(({ line }) => line));
  for (const line of lines) if (!linesRan.has(line)) missing.push(`${file}:${line} never runs`);
  let branchesRan = 0;
  for (const { line, text, holds, fails } of branches) {
    for (const [number, way] of [
      [holds, 'holds'],
      [fails, 'fails'],
    ] as const) {
      if (told.has(number)) branchesRan += 1;
      else missing.push(`${file}:${line} never ${way}: ${text}`);
    }
  }
  sums.lines += lines.size;
  sums.linesRan += linesRan.size;
  sums.branches += 2 * branches.length;
  sums.branchesRan += branchesRan;
  rows.set(basename(file), [
    `${share(linesRan.size, lines.size)} of ${lines.size}`,
    `${share(branchesRan, 2 * branches.length)} of ${2 * branches.length}`,
  ]);
}
rows.set('all', [
  `${share(sums.linesRan, sums.lines)} of ${sums.lines}`,
  `${share(sums.branchesRan, sums.branches)} of ${sums.branches}`,
]);
for (const [file, [lines, branches]] of rows) console.log(`${file.padEnd(22)} lines ${lines}   branches ${branches}`);
for (const one of missing) console.log(one);
if (words.includes('--write')) writeTable('coverage', rows);
process.exitCode = 100 * sums.branchesRan < LEAST_BRANCHES * sums.branches ? 1 : 0;
