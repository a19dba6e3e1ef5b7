/**
 * Shows that the tests would notice: each mutant is the contracts with one rule broken, and the test run has to fail on it. Only what the
 * broken file changes is compiled, and put in the place of the contracts that the tests run on; the tests' own code stays as it is. Prints one
 * line per mutant and exits 1 if one survives.
 * Usage: node contracts/scripts/mutants.ts [number | File.sol ...]; by default all. Run the contracts' tests before: it takes what they compiled.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileSources, type SourceOutput } from './compile.ts';
import { MUTANTS, type Mutant } from './mutant-list.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'cache', `mutant-${process.pid}`);
const hardhat = join(root, '../node_modules/hardhat/dist/src/cli.js');
const COPIED = ['src', 'test', 'compiler.ts', 'test-compiler.ts', 'hardhat.config.ts', 'package.json', 'artifacts'];
/** Random lives: they run when nothing quicker has noticed. */
const SLOW = new Set(['Conservation.t.sol', 'Interleaved.t.sol']);
const COMPILED = ['compile-cache.json', 'build-info', 'test-artifacts'];

const sources = new Map(
  readdirSync(join(root, 'src'))
    .filter((name) => name.endsWith('.sol'))
    .map((name) => [name, readFileSync(join(root, 'src', name), 'utf8')]),
);

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

function prepare(): void {
  for (const name of ['artifacts', ...COMPILED.map((one) => join('cache', one))]) {
    if (!existsSync(join(root, name))) throw new Error(`contracts/${name} is missing: run npm test -- contracts first`);
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'cache'), { recursive: true });
  for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true });
  for (const name of COMPILED) cpSync(join(root, 'cache', name), join(folder, 'cache', name), { recursive: true });
}

const artifactPath = (base: string, file: string, contract: string): string =>
  join(base, 'artifacts', 'src', file, `${contract}.json`);

/** Puts code in the place of what the tests create. @returns what has to be put back */
function replaceCode(output: SourceOutput): readonly (readonly [file: string, contract: string])[] {
  const replaced: (readonly [string, string])[] = [];
  for (const [path, contracts] of Object.entries(output)) {
    const file = path.replace('src/', '');
    for (const [contract, { evm }] of Object.entries(contracts)) {
      const target = artifactPath(folder, file, contract);
      if (evm.bytecode.object === '' || !existsSync(target)) continue;
      const artifact = JSON.parse(readFileSync(target, 'utf8'));
      artifact.bytecode = `0x${evm.bytecode.object}`;
      artifact.deployedBytecode = `0x${evm.deployedBytecode.object}`;
      writeFileSync(target, JSON.stringify(artifact));
      replaced.push([file, contract]);
    }
  }
  return replaced;
}

function runTests(files: readonly string[]): 'failed' | 'passed' | 'broken' {
  const { status, stdout } = spawnSync(process.execPath, [hardhat, 'test', 'solidity', '--no-compile', ...files], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status === 0) return 'passed';
  return /\d+ failing/.test(stdout) ? 'failed' : 'broken';
}

/** A test with the fixtures that it begins with. */
function readTest(name: string): string {
  const text = readFileSync(join(folder, 'test', name), 'utf8');
  return [text, ...namesIn(text, /from "\.\/(\w*Fixture)\.sol"/g).map((one) => readTest(`${one}.sol`))].join('\n');
}

/** Test files that name one of the file's contracts, or whose fixture does; its own comes first. */
function listTests(file: string): string[] {
  const contracts = namesIn(sources.get(file) ?? '', /^(?:abstract )?(?:contract|library) (\w+)/gm);
  return readdirSync(join(folder, 'test'))
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
    );
  } catch (error) {
    return `not compiled: ${(error as Error).message}`;
  }
  const replaced = replaceCode(output);
  const [own, ...others] = listTests(file);
  let result = own === undefined ? 'passed' : runTests([own]);
  if (result === 'passed' && others.length > 0) result = runTests(others);
  if (result === 'passed') result = runTests([]);
  for (const [name, contract] of replaced) {
    cpSync(artifactPath(root, name, contract), artifactPath(folder, name, contract));
  }
  return result;
}

const words = process.argv.slice(2);
const isChosen = (index: number, { file }: Mutant): boolean =>
  words.length === 0 || words.includes(String(index)) || words.includes(file);

prepare();
const used = new Set(MUTANTS.filter((mutant, index) => isChosen(index, mutant)).flatMap(({ file }) => listTests(file)));
if (runTests([...used]) !== 'passed') throw new Error('the tests fail on contracts that nothing is broken in');
let survivors = 0;
let tried = 0;
for (const [index, mutant] of MUTANTS.entries()) {
  if (!isChosen(index, mutant)) continue;
  const result = tryMutant(mutant);
  tried += 1;
  if (result !== 'failed') survivors += 1;
  console.log(`${index} ${result === 'failed' ? 'caught' : `NOT CAUGHT (tests ${result})`}: ${mutant.breaks}`);
}
rmSync(folder, { recursive: true, force: true });
console.log(`${tried - survivors} of ${tried} mutants caught`);
process.exitCode = survivors === 0 ? 0 : 1;
