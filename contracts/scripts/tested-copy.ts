import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceOutput } from './compile.ts';

export const CONTRACTS: string = join(dirname(fileURLToPath(import.meta.url)), '..');
const hardhat = join(CONTRACTS, '../node_modules/hardhat/dist/src/cli.js');
/** Code that is hardly optimized, or has marks, takes more gas: the tests that bound it say nothing here. */
export const GAS_TESTS = 'CostsWithinItsLimit';
const COPIED = ['src', 'test', 'compiler.ts', 'test-compiler.ts', 'hardhat.config.ts', 'package.json', 'artifacts'];
const COMPILED = ['compile-cache.json', 'build-info', 'test-artifacts'];

export interface TestRun {
  readonly result: 'failed' | 'passed' | 'broken';
  readonly output: string;
}

/**
 * A copy of the contracts and of the tests' compiled code, in which other code may replace a contract. Only that code is compiled; the
 * tests' own code stays as it is. Run the contracts' tests before: it uses their compiled code.
 */
export interface TestedCopy {
  readonly folder: string;
  /** Replaces the code that the tests create. @returns a function that restores it */
  replaceCode(output: SourceOutput): () => void;
  /** @param files of tests; none means all of them. @param flags handed to Hardhat. */
  runTests(files: readonly string[], options?: { readonly flags?: readonly string[]; readonly env?: object }): TestRun;
  remove(): void;
}

export function createTestedCopy(name: string): TestedCopy {
  const folder = join(CONTRACTS, 'cache', `${name}-${process.pid}`);
  for (const needed of ['artifacts', ...COMPILED.map((one) => join('cache', one))]) {
    if (existsSync(join(CONTRACTS, needed))) continue;
    throw new Error(`contracts/${needed} is missing: run npm test -- contracts first`);
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'cache'), { recursive: true });
  // Every run would read the compiler's build info, and needs none of it.
  const filter = (path: string): boolean => !path.endsWith(join('artifacts', 'build-info'));
  for (const one of COPIED) cpSync(join(CONTRACTS, one), join(folder, one), { recursive: true, filter });
  for (const one of COMPILED) cpSync(join(CONTRACTS, 'cache', one), join(folder, 'cache', one), { recursive: true });
  // Hardhat keeps whole paths, and compiles files at other paths again.
  const cache = join(folder, 'cache', 'compile-cache.json');
  writeFileSync(cache, readFileSync(cache, 'utf8').replaceAll(`"${CONTRACTS}/`, `"${folder}/`));
  return {
    folder,
    replaceCode(output) {
      const replaced = new Map<string, string>();
      for (const [path, contracts] of Object.entries(output)) {
        for (const [contract, { evm }] of Object.entries(contracts)) {
          const target = join(folder, 'artifacts', path, `${contract}.json`);
          if (evm.bytecode.object === '' || !existsSync(target)) continue;
          const text = readFileSync(target, 'utf8');
          const bytecode = `0x${evm.bytecode.object}`;
          const deployedBytecode = `0x${evm.deployedBytecode.object}`;
          writeFileSync(target, JSON.stringify({ ...JSON.parse(text), bytecode, deployedBytecode }));
          replaced.set(target, text);
        }
      }
      return () => {
        for (const [target, text] of replaced) writeFileSync(target, text);
      };
    },
    runTests(files, { flags = [], env = {} } = {}) {
      const words = [hardhat, 'test', 'solidity', '--no-compile', '--grep-exclude', GAS_TESTS, ...flags, ...files];
      const { status, stdout } = spawnSync(process.execPath, words, {
        cwd: folder,
        encoding: 'utf8',
        maxBuffer: 2 ** 26,
        env: { ...process.env, OGONG_TEST_COMPILER: join(CONTRACTS, 'test-compiler.ts'), ...env },
      });
      const result = status === 0 ? 'passed' : /\d+ failing/.test(stdout) ? 'failed' : 'broken';
      return { result, output: stdout };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
