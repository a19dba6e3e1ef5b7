/**
 * Shows that the tests would notice: each mutant is the contracts with one rule broken, and the test run has to fail on it. Only what the
 * broken file changes is compiled, and put in the place of the contracts that the tests run on; the tests' own code stays as it is. Prints one
 * line per mutant and exits 1 if one survives.
 * Usage: node contracts/scripts/mutants.ts [--write] [number | File.sol ...]; by default all. --write puts the rows of files that were tried whole
 * into docs/contracts.md. Run the contracts' tests before: it takes what they compiled.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileSources, type SourceOutput } from './compile.ts';
import { MUTANTS, type Mutant } from './mutant-list.ts';
import { writeTable } from './tables.ts';
import { createTestedCopy, readSources } from './tested-copy.ts';

/** Random lives: they run when nothing quicker has noticed. */
const SLOW = new Set(['Conservation.t.sol', 'Interleaved.t.sol']);

const sources = readSources();

/** Of sources that have changed: found before any test runs. */
const stale = MUTANTS.filter(({ file, from }) => sources.get(file)?.split(from).length !== 2);
if (stale.length > 0) {
  for (const { breaks, file } of stale)
    console.error(`${file} does not contain exactly once what is replaced: ${breaks}`);
  process.exit(1);
}

const namesIn = (text: string, what: RegExp): string[] => [...text.matchAll(what)].map(([, name]) => name as string);

/** Files whose contracts have code of this one in them: they create its contracts, inherit from them, or call its libraries and functions. */
function listHolders(file: string): string[] {
  const holders = [file];
  for (const held of holders) {
    const text = sources.get(held) ?? '';
    const created = namesIn(text, /^contract (\w+)/gm);
    const inlined = namesIn(text, /^(?:library|abstract contract|function) (\w+)/gm);
    for (const [name, other] of sources) {
      const isHolder =
        created.some((one) => other.includes(`new ${one}(`)) ||
        inlined.some((one) => new RegExp(`import \\{[^}]*\\b${one}\\b`).test(other));
      if (isHolder && !holders.includes(name)) holders.push(name);
    }
  }
  return holders;
}

const copy = createTestedCopy('mutant');

/** A test with the fixtures that it begins with. */
function readTest(name: string): string {
  const text = readFileSync(join(copy.folder, 'test', name), 'utf8');
  return [text, ...namesIn(text, /from "\.\/(\w*Fixture)\.sol"/g).map((one) => readTest(`${one}.sol`))].join('\n');
}

/** Test files that name one of the file's contracts, or whose fixture does; its own comes first. */
function listTests(file: string): string[] {
  const contracts = namesIn(sources.get(file) ?? '', /^(?:abstract )?(?:contract|library) (\w+)/gm);
  return readdirSync(join(copy.folder, 'test'))
    .filter((name) => name.endsWith('.t.sol') && !SLOW.has(name))
    .filter((name) => contracts.some((one) => readTest(name).includes(one)))
    .sort((a, b) => Number(b === file.replace('.sol', '.t.sol')) - Number(a === file.replace('.sol', '.t.sol')))
    .map((name) => join('test', name));
}

/** The tests of the file itself are quick; what they do not notice, the others may. */
function tryMutant({ file, from, to }: Mutant): string {
  let output: SourceOutput;
  try {
    output = compileSources(
      new Map([...sources, [file, (sources.get(file) ?? '').replace(from, () => to)]]),
      listHolders(file),
      { isHardlyOptimized: true },
    );
  } catch (error) {
    return `not compiled: ${(error as Error).message}`;
  }
  const restore = copy.replaceCode(output);
  const [own, ...others] = listTests(file);
  let { result } = own === undefined ? { result: 'passed' } : copy.runTests([own]);
  if (result === 'passed' && others.length > 0) ({ result } = copy.runTests(others));
  if (result === 'passed') ({ result } = copy.runTests([]));
  restore();
  return result;
}

const words = process.argv.slice(2);
const chosen = words.filter((word) => !word.startsWith('--'));
const isChosen = (index: number, { file }: Mutant): boolean =>
  chosen.length === 0 || chosen.includes(String(index)) || chosen.includes(file);

// Mutants are hardly optimized, so what nothing is broken in is, too.
const holders = new Set(
  MUTANTS.filter((mutant, index) => isChosen(index, mutant)).flatMap(({ file }) => listHolders(file)),
);
for (const file of holders) copy.replaceCode(compileSources(sources, [file], { isHardlyOptimized: true }));
const used = new Set(MUTANTS.filter((mutant, index) => isChosen(index, mutant)).flatMap(({ file }) => listTests(file)));
if (copy.runTests([...used]).result !== 'passed')
  throw new Error('the tests fail on contracts that nothing is broken in');
const counts = new Map<string, { tried: number; caught: number }>();
for (const [index, mutant] of MUTANTS.entries()) {
  if (!isChosen(index, mutant)) continue;
  const result = tryMutant(mutant);
  const count = counts.get(mutant.file) ?? { tried: 0, caught: 0 };
  counts.set(mutant.file, { tried: count.tried + 1, caught: count.caught + (result === 'failed' ? 1 : 0) });
  console.log(`${index} ${result === 'failed' ? 'caught' : `NOT CAUGHT (tests ${result})`}: ${mutant.breaks}`);
}
copy.remove();
const sum = (what: 'tried' | 'caught'): number => [...counts.values()].reduce((all, count) => all + count[what], 0);
console.log(`${sum('caught')} of ${sum('tried')} mutants caught`);
if (words.includes('--write')) {
  // A file of which only some were tried keeps the row that it had.
  const whole = [...counts].filter(([file, { tried }]) => tried === MUTANTS.filter((one) => one.file === file).length);
  writeTable('mutants', new Map(whole.map(([file, { tried, caught }]) => [file, [`${caught} of ${tried}`]])));
}
process.exitCode = sum('caught') === sum('tried') ? 0 : 1;
