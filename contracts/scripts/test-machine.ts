import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  type Artifact,
  EdrContext,
  L1_CHAIN_TYPE,
  l1GenesisState,
  l1HardforkLatest,
  l1HardforkToString,
  l1SolidityTestRunnerFactory,
  type SuiteResult,
} from '@nomicfoundation/edr';
import { compilerVersion } from '../compiler.ts';
import hardhatConfig from '../hardhat.config.ts';
import type { SourceOutput } from './compile.ts';
import { CONTRACTS, GAS_TESTS } from './tested-copy.ts';

const settings = (hardhatConfig as { test: { solidity: { fuzz: object; invariant: object } } }).test.solidity;

/** How many random inputs a test has, and how many random lives. */
export interface Runs {
  readonly fuzz: number;
  readonly invariant: number;
}

interface RunOptions {
  /** Of the block in which tests run. */
  readonly coinbase?: bigint;
  /** By default as many as in CI. */
  readonly runs?: Runs;
}

/**
 * Hardhat's machine for tests of contracts, without Hardhat. It reads compiled tests once, and can replace a contract's code without
 * writing a file. A run takes a fraction of a second more than its tests; Hardhat takes some seconds more. Run the contracts' tests before:
 * it uses their compiled code.
 */
export interface TestMachine {
  /** Replaces the code that the tests create. @returns a function that restores it */
  replaceCode(output: SourceOutput): () => void;
  /** @returns the first test of the file that fails, if one does. */
  runTests(file: string, options?: RunOptions): Promise<string | undefined>;
}

function readArtifacts(folder: string): Map<string, Artifact> {
  const artifacts = new Map<string, Artifact>();
  for (const path of globSync(join(folder, '**', '*.sol', '*.json'))) {
    const one = JSON.parse(readFileSync(path, 'utf8'));
    const { abi, bytecode, linkReferences, deployedBytecode, deployedLinkReferences } = one;
    const id = { name: one.contractName, source: one.inputSourceName ?? one.sourceName, solcVersion: compilerVersion };
    const contract = { abi: JSON.stringify(abi), bytecode, linkReferences, deployedBytecode, deployedLinkReferences };
    artifacts.set(`${id.source}:${id.name}`, { id, contract });
  }
  return artifacts;
}

const isSuite = ({ contract }: Artifact): boolean =>
  (contract.bytecode ?? '0x') !== '0x' &&
  (JSON.parse(contract.abi) as { type: string; name?: string }[]).some(
    ({ type, name = '' }) => type === 'function' && /^(test|invariant)/.test(name),
  );

export async function createTestMachine(): Promise<TestMachine> {
  const folders = {
    code: join(CONTRACTS, 'artifacts', 'src'),
    tests: join(CONTRACTS, 'cache', 'test-artifacts', 'test'),
  };
  for (const folder of Object.values(folders))
    if (!existsSync(folder)) throw new Error(`${folder} is missing: run npm test -- contracts first`);
  const code = readArtifacts(folders.code);
  const tests = [...readArtifacts(folders.tests).values()];
  const context = new EdrContext();
  await context.registerSolidityTestRunnerFactory(L1_CHAIN_TYPE, l1SolidityTestRunnerFactory());
  const hardfork = l1HardforkLatest();
  return {
    replaceCode(output) {
      const replaced = new Map<string, Artifact>();
      for (const [path, contracts] of Object.entries(output)) {
        for (const [name, { evm }] of Object.entries(contracts)) {
          const key = `project/${path}:${name}`;
          const old = code.get(key);
          if (evm.bytecode.object === '' || old === undefined) continue;
          const bytecode = `0x${evm.bytecode.object}`;
          const deployedBytecode = `0x${evm.deployedBytecode.object}`;
          replaced.set(key, old);
          code.set(key, { ...old, contract: { ...old.contract, bytecode, deployedBytecode } });
        }
      }
      return () => {
        for (const [key, old] of replaced) code.set(key, old);
      };
    },
    async runTests(file, { coinbase = 0n, runs } = {}) {
      const own = tests.filter(({ id }) => id.source === `project/test/${basename(file)}`);
      const suites = own.filter(isSuite).map(({ id }) => id);
      if (suites.length === 0) throw new Error(`contracts/test/${file} has no tests that are compiled`);
      const results: SuiteResult[] = [];
      const config = {
        projectRoot: CONTRACTS,
        hardfork: l1HardforkToString(hardfork),
        localPredeploys: l1GenesisState(hardfork),
        disableBlockGasLimit: true,
        disableTransactionGasCap: true,
        blockCoinbase: Buffer.from(coinbase.toString(16).padStart(40, '0'), 'hex'),
        fuzz: { ...settings.fuzz, ...(runs && { runs: runs.fuzz }) },
        // A failing sequence is not shortened: nobody reads it.
        invariant: { ...settings.invariant, ...(runs && { runs: runs.invariant }), shrinkRunLimit: 0 },
        excludeTestPattern: GAS_TESTS,
      };
      const artifacts = [...code.values(), ...own];
      // A run may end before the result of its last suite arrives.
      await new Promise<void>((resolve, reject) => {
        const onSuite = (result: SuiteResult): void => {
          if (results.push(result) === suites.length) resolve();
        };
        context.runSolidityTests(L1_CHAIN_TYPE, artifacts, suites, config, {}, onSuite).catch(reject);
      });
      for (const { testResults } of results)
        for (const { name, status } of testResults) if (status === 'Failure') return name;
      return;
    },
  };
}
