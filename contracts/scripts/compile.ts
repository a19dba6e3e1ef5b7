import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compilerPath, compilerSettings } from '../compiler.ts';

const require = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

export interface Artifact {
  readonly abi: readonly unknown[];
  /** Creation code, 0x-prefixed hex. */
  readonly bytecode: `0x${string}`;
  /** Size of the deployed code; the chain's limit is 24,576. */
  readonly sizeBytes: number;
}

interface SolcOutput {
  errors?: { severity: string; formattedMessage: string }[];
  contracts: Record<
    string,
    Record<string, { abi: unknown[]; evm: { bytecode: { object: string }; deployedBytecode: { object: string } } }>
  >;
}

/** Compiles every source in contracts/src; throws with the compiler's messages when it refuses. */
export function compileContracts(): Record<string, Artifact> {
  const wrapper = require('solc/wrapper.js');
  const solc = wrapper(require(compilerPath));
  const names = readdirSync(join(root, 'src'))
    .filter((name) => name.endsWith('.sol'))
    .sort();
  const wanted = { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] };
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(
      names.map((name) => [`src/${name}`, { content: readFileSync(join(root, 'src', name), 'utf8') }]),
    ),
    settings: {
      ...compilerSettings,
      outputSelection: Object.fromEntries(names.map((name) => [`src/${name}`, wanted])),
    },
  };
  const findImport = (path: string) => ({ contents: readFileSync(require.resolve(path), 'utf8') });
  const output: SolcOutput = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'));
  const artifacts: Record<string, Artifact> = {};
  for (const contracts of Object.values(output.contracts)) {
    for (const [name, { abi, evm }] of Object.entries(contracts)) {
      artifacts[name] = {
        abi,
        bytecode: `0x${evm.bytecode.object}`,
        sizeBytes: evm.deployedBytecode.object.length / 2,
      };
    }
  }
  return artifacts;
}
