import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceOutput } from './compile.ts';

export const CONTRACTS: string = join(dirname(fileURLToPath(import.meta.url)), '..');
const hardhat = join(CONTRACTS, '../node_modules/hardhat/dist/src/cli.js');
const COPIED = ['src', 'test', 'compiler.ts', 'test-compiler.ts', 'hardhat.config.ts', 'package.json', 'artifacts'];
const COMPILED = ['compile-cache.json', 'build-info', 'test-artifacts'];

/** Texts of contracts/src, by file name. */
export function readSources(): ReadonlyMap<string, string> {
  const names = readdirSync(join(CONTRACTS, 'src')).filter((name) => name.endsWith('.sol'));
  return new Map(names.map((name) => [name, readFileSync(join(CONTRACTS, 'src', name), 'utf8')]));
}

export interface TestRun {
  readonly result: 'failed' | 'passed' | 'broken';
  readonly output: string;
}

/**
 * A copy of the contracts and of what their tests compiled to, in which other code may stand in the place of a contract: only that is compiled,
 * and the tests' own code stays as it is. Run the contracts' tests before: it takes what they compiled.
 */
export interface TestedCopy {
  readonly folder: string;
  /** Puts code in the place of what the tests create. */
  replaceCode(output: SourceOutput): void;
  /** Takes all of it back. */
  restoreCode(): void;
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
  for (const one of COPIED) cpSync(join(CONTRACTS, one), join(folder, one), { recursive: true });
  for (const one of COMPILED) cpSync(join(CONTRACTS, 'cache', one), join(folder, 'cache', one), { recursive: true });
  const artifactPath = (base: string, file: string, contract: string): string =>
    join(base, 'artifacts', 'src', file, `${contract}.json`);
  const replaced: (readonly [file: string, contract: string])[] = [];
  return {
    folder,
    replaceCode(output) {
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
    },
    restoreCode() {
      for (const [file, contract] of replaced.splice(0)) {
        cpSync(artifactPath(CONTRACTS, file, contract), artifactPath(folder, file, contract));
      }
    },
    runTests(files, { flags = [], env = {} } = {}) {
      const words = [hardhat, 'test', 'solidity', '--no-compile', ...flags, ...files];
      const { status, stdout } = spawnSync(process.execPath, words, {
        cwd: folder,
        encoding: 'utf8',
        maxBuffer: 2 ** 26,
        env: { ...process.env, ...env },
      });
      const result = status === 0 ? 'passed' : /\d+ failing/.test(stdout) ? 'failed' : 'broken';
      return { result, output: stdout };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
