/**
 * Shows that the tests would notice: each mutant is the contracts with one rule broken, and a test has to fail on it. All mutants of a
 * contract are compiled together (see switch-mutants.ts), and replace the contract that the tests run on. The tests' own code stays as it
 * is. Prints one line per mutant, with the test that noticed, and exits 1 if one survives. Usage: node contracts/scripts/mutants.ts [--few]
 * [--write] [number | File.sol ...]; by default all. With --few, a mutant that a few random inputs miss counts as not caught. --write puts
 * the rows of files that were tried whole into docs/contracts.md. Run the contracts' tests before: it uses their compiled code.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compileSources, readSources, type SourceOutput } from './compile.ts';
import { MUTANTS, type Mutant } from './mutant-list.ts';
import { switchMutants } from './switch-mutants.ts';
import { writeTable } from './tables.ts';
import { createTestMachine, type Runs } from './test-machine.ts';
import { CONTRACTS } from './tested-copy.ts';

/** Random lives: they run when nothing quicker has noticed. */
const SLOW = [
  ...['Conservation.t.sol', 'Interleaved.t.sol', 'BurnMintLives.t.sol', 'EmissionLives.t.sol'],
  ...['GovernanceLives.t.sol', 'RegistryLives.t.sol', 'PinLives.t.sol'],
];
/** Nearly all are noticed by the first input. The others get as many inputs as in CI. */
const FEW: Runs = { fuzz: 16, invariant: 8 };

const words = process.argv.slice(2);
const sources = readSources();

/** Of sources that have changed: found before any test runs. */
const stale = MUTANTS.filter(({ file, from }) => sources.get(file)?.split(from).length !== 2);
if (stale.length > 0) {
  for (const { breaks, file } of stale)
    console.error(`${file} does not contain exactly once what is replaced: ${breaks}`);
  process.exit(1);
}

const namesIn = (text: string, what: RegExp): string[] => [...text.matchAll(what)].map(([, name]) => name as string);

const testsFolder = join(CONTRACTS, 'test');
const tests = readdirSync(testsFolder).filter((name) => name.endsWith('.t.sol'));

/** A test with the fixtures that it begins with. */
function readTest(name: string): string {
  const text = readFileSync(join(testsFolder, name), 'utf8');
  return [text, ...namesIn(text, /from "\.\/(\w*Fixture)\.sol"/g).map((one) => readTest(`${one}.sol`))].join('\n');
}
const testTexts = new Map(tests.map((name) => [name, readTest(name)]));

/** Files with a contract that a test creates: others are in their code. */
const created = new Set([...testTexts.values()].flatMap((text) => namesIn(text, /"(\w+\.sol):\w+"/g)));

/**
 * Lists files of contracts that tests create and that include this file's code: they create its contracts, inherit from them, or use its
 * libraries.
 */
function listHolders(file: string): string[] {
  const holders = [file];
  for (const held of holders) {
    const text = sources.get(held) ?? '';
    const made = namesIn(text, /^contract (\w+)/gm);
    const inlined = namesIn(text, /^(?:library|abstract contract|function) (\w+)/gm);
    for (const [name, other] of sources) {
      const isHolder =
        made.some((one) => other.includes(`new ${one}(`)) ||
        inlined.some((one) => new RegExp(`import \\{[^}]*\\b${one}\\b`).test(other));
      if (isHolder && !holders.includes(name)) holders.push(name);
    }
  }
  return holders.filter((name) => created.has(basename(name)));
}

/** Quick tests that name one of the file's contracts, or whose fixture does. */
function listTests(file: string): string[] {
  const contracts = namesIn(sources.get(file) ?? '', /^(?:abstract )?(?:contract|library) (\w+)/gm);
  return tests.filter((name) => !SLOW.includes(name) && contracts.some((one) => testTexts.get(name)?.includes(one)));
}

const machine = await createTestMachine();

interface Notice {
  readonly file: string;
  readonly test: string;
  readonly runs: Runs | undefined;
}

/** Catches of each test file, and the time of its last run, for the order of tests. */
const noticed = new Map<string, number>();
const lastMs = new Map<string, number>();

/** @param related files that run before others. @param own runs first. */
async function findNotice(related: readonly string[], own: string, coinbase: bigint): Promise<Notice | undefined> {
  const rank = (name: string): number[] => [
    Number(SLOW.includes(name)),
    Number(name !== own),
    Number(!related.includes(name)),
    -(noticed.get(name) ?? 0),
    lastMs.get(name) ?? (testTexts.get(name) ?? '').length / 20,
  ];
  for (const runs of words.includes('--few') ? [FEW] : [FEW, undefined]) {
    const order = tests
      .map((name) => ({ name, by: rank(name) }))
      .sort((a, b) => a.by.map((value, i) => value - (b.by[i] as number)).find((value) => value !== 0) ?? 0);
    for (const { name: file } of order) {
      const since = performance.now();
      const test = await machine.runTests(file, { coinbase, ...(runs && { runs }) });
      if (runs) lastMs.set(file, performance.now() - since);
      if (test === undefined) continue;
      noticed.set(file, (noticed.get(file) ?? 0) + 1);
      return { file, test, runs };
    }
  }
  return;
}

interface Tried {
  readonly index: number;
  readonly mutant: Mutant;
  readonly isCaught: boolean;
  readonly ms: number;
}

/** Compiles a file; code that is hardly optimized may need more of the stack than can be reached. */
function compile(texts: ReadonlyMap<string, string>, file: string): SourceOutput {
  try {
    return compileSources(texts, [file], { isHardlyOptimized: true });
  } catch (error) {
    if (!(error as Error).message.includes('too deep')) throw error;
    return compileSources(texts, [file]);
  }
}

/** Mutants of files that are in the code of the same contracts. */
async function tryMutants(
  holders: readonly string[],
  mutants: readonly (readonly [number, Mutant])[],
): Promise<Tried[]> {
  const switched = new Map(sources);
  const alone = new Set<number>();
  for (const file of new Set(mutants.map(([, mutant]) => mutant.file))) {
    const its = mutants
      .filter(([, mutant]) => mutant.file === file)
      .map(([index, { from, to }]) => ({ number: index + 1, from, to }));
    const { text, alone: others } = switchMutants(basename(file, '.sol'), sources.get(file) ?? '', its);
    switched.set(file, text);
    for (const number of others) alone.add(number);
  }
  const place = (texts: ReadonlyMap<string, string>): (() => void) => {
    const undo = holders.map((holder) => machine.replaceCode(compile(texts, holder)));
    return () => {
      for (const one of undo) one();
    };
  };
  let since = performance.now();
  const restore = place(switched);
  console.log(
    `${holders.join(', ')}: ${mutants.length} mutants compiled in ${((performance.now() - since) / 1_000).toFixed(0)} s`,
  );
  const sound = new Set<string>();
  const tried: Tried[] = [];
  for (const [index, mutant] of mutants) {
    since = performance.now();
    const { file, from, to, breaks } = mutant;
    const isAlone = alone.has(index + 1);
    const undo = isAlone
      ? place(new Map([...sources, [file, (sources.get(file) ?? '').replace(from, () => to)]]))
      : undefined;
    const notice = await findNotice(
      listTests(file),
      `${basename(file, '.sol')}.t.sol`,
      isAlone ? 0n : BigInt(index + 1),
    );
    undo?.();
    const ms = performance.now() - since;
    tried.push({ index, mutant, isCaught: notice !== undefined, ms });
    console.log(
      `${index} ${notice === undefined ? 'NOT CAUGHT' : `caught by ${notice.file} ${notice.test}`} in ${(ms / 1_000).toFixed(1)} s${isAlone ? ', alone' : ''}: ${breaks}`,
    );
    // A test that fails anyway notices nothing.
    if (notice === undefined || sound.has(notice.file)) continue;
    const failed = await machine.runTests(notice.file, notice.runs ? { runs: notice.runs } : {});
    if (failed !== undefined) throw new Error(`${notice.file} ${failed} fails on contracts that nothing is broken in`);
    sound.add(notice.file);
  }
  restore();
  return tried;
}

const chosen = words.filter((word) => !word.startsWith('--'));
const isChosen = (index: number, { file }: Mutant): boolean =>
  chosen.length === 0 || chosen.includes(String(index)) || chosen.includes(basename(file));

const groups = new Map<string, (readonly [number, Mutant])[]>();
for (const [index, mutant] of MUTANTS.entries()) {
  if (!isChosen(index, mutant)) continue;
  const key = listHolders(mutant.file).join(' ');
  groups.set(key, [...(groups.get(key) ?? []), [index, mutant]]);
}
const all: Tried[] = [];
for (const [key, mutants] of groups) {
  const tried = await tryMutants(key.split(' '), mutants);
  all.push(...tried);
  if (!words.includes('--write')) continue;
  const counts = new Map<string, { tried: number; caught: number }>();
  for (const { mutant, isCaught } of tried) {
    const count = counts.get(mutant.file) ?? { tried: 0, caught: 0 };
    counts.set(mutant.file, { tried: count.tried + 1, caught: count.caught + Number(isCaught) });
  }
  // A partly tried file keeps its row.
  const whole = [...counts].filter(
    ([file, count]) => count.tried === MUTANTS.filter((one) => one.file === file).length,
  );
  writeTable('mutants', new Map(whole.map(([file, count]) => [basename(file), [`${count.caught} of ${count.tried}`]])));
}
const caught = all.filter(({ isCaught }) => isCaught).length;
const sorted = all.map(({ ms }) => ms).sort((a, b) => a - b);
console.log(
  `${caught} of ${all.length} mutants caught, ${((sorted[sorted.length >> 1] ?? 0) / 1_000).toFixed(1)} s each in the median`,
);
process.exit(caught === all.length ? 0 : 1);
