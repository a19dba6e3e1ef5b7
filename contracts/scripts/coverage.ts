/**
 * Runs the contracts' tests over a copy of the contracts in which each condition is marked, and says which lines and which branches they
 * reach: every condition of if, loops, ternaries and require, and every operand of && and ||, both ways. Assembly and libraries of others are
 * not counted. Exits 1 below what is asked for. Mutants say more: a line that ran is not a line whose fault a test would see.
 * Usage: node contracts/scripts/coverage.ts [test/File.t.sol ...]
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Marked, markBranches } from './mark-branches.ts';

/** Of all branches, in hundredths. */
const LEAST_BRANCHES = 95;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'cache', `coverage-${process.pid}`);
const hardhat = join(root, '../node_modules/hardhat/dist/src/cli.js');
const COPIED = ['test', 'compiler.ts', 'test-compiler.ts', 'hardhat.config.ts', 'package.json'];

/** By file, how often each line ran: at all, or not. */
function readLines(lcov: string): Map<string, Map<number, boolean>> {
  const files = new Map<string, Map<number, boolean>>();
  let lines = new Map<number, boolean>();
  for (const row of lcov.split('\n')) {
    const [what, rest = ''] = row.split(/:(.*)/s);
    if (what === 'SF') {
      lines = new Map();
      files.set(rest.replace(/^.*src\//, ''), lines);
    }
    if (what !== 'DA') continue;
    const [line, count] = rest.split(',').map(Number) as [number, number];
    lines.set(line, count > 0);
  }
  return files;
}

const share = (some: number, all: number): string => (all === 0 ? '-' : `${((100 * some) / all).toFixed(1)} %`);

rmSync(folder, { recursive: true, force: true });
mkdirSync(join(folder, 'src'), { recursive: true });
for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true });
const sources = new Map<string, Marked>();
for (const name of readdirSync(join(root, 'src')).filter((one) => one.endsWith('.sol'))) {
  const marked = markBranches(name.replace('.sol', ''), readFileSync(join(root, 'src', name), 'utf8'));
  sources.set(name, marked);
  writeFileSync(join(folder, 'src', name), marked.text);
}

const { status } = spawnSync(process.execPath, [hardhat, '--coverage', 'test', 'solidity', ...process.argv.slice(2)], {
  cwd: folder,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, OGONG_COVERAGE: '1' },
});
if (status !== 0) throw new Error('the tests fail on contracts with marks');

const ran = readLines(readFileSync(join(folder, 'coverage', 'lcov.info'), 'utf8'));
const missing: string[] = [];
const sums = { lines: 0, linesRan: 0, branches: 0, branchesRan: 0 };
for (const [name, { lines, branches }] of sources) {
  const found = ran.get(name) ?? new Map<number, boolean>();
  const own = [...found].filter(([line]) => line <= lines);
  const linesRan = own.filter(([, isRun]) => isRun).length;
  let branchesRan = 0;
  for (const { line, text, whenTrue, whenFalse } of branches) {
    for (const [at, way] of [
      [whenTrue, 'holds'],
      [whenFalse, 'fails'],
    ] as const) {
      if (found.get(at) === true) branchesRan += 1;
      else missing.push(`${name}:${line} never ${way}: ${text}`);
    }
  }
  console.log(
    `${name.padEnd(22)} lines ${share(linesRan, own.length).padStart(7)} of ${String(own.length).padStart(4)}   ` +
      `branches ${share(branchesRan, 2 * branches.length).padStart(7)} of ${2 * branches.length}`,
  );
  sums.lines += own.length;
  sums.linesRan += linesRan;
  sums.branches += 2 * branches.length;
  sums.branchesRan += branchesRan;
}
for (const one of missing) console.log(one);
rmSync(folder, { recursive: true, force: true });
console.log(
  `lines ${share(sums.linesRan, sums.lines)} of ${sums.lines}, branches ${share(sums.branchesRan, sums.branches)} of ${sums.branches}`,
);
process.exitCode = 100 * sums.branchesRan < LEAST_BRANCHES * sums.branches ? 1 : 0;
