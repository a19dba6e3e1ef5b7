import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compilerPath, compilerSettings, hardlyOptimized } from '../compiler.ts';

const require = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

export interface Artifact {
  readonly abi: readonly unknown[];
  /** Creation code, 0x-prefixed hex. */
  readonly bytecode: `0x${string}`;
  /** Size of the deployed code; the chain's limit is 24,576. */
  readonly sizeBytes: number;
}

interface Solc {
  compile(input: string, callbacks: { readonly import: (path: string) => { readonly contents: string } }): string;
}

/** Loaded once: it takes a second. */
let solc: Solc | undefined;

interface SolcOutput {
  errors?: { severity: string; formattedMessage: string }[];
  contracts?: Record<
    string,
    Record<string, { abi: unknown[]; evm: { bytecode: { object: string }; deployedBytecode: { object: string } } }>
  >;
}

export type SourceOutput = NonNullable<SolcOutput['contracts']>;

interface CompileOptions {
  /** Half of the compiler's time, for code that only tests run: by default the code is that of a deployment. */
  readonly isHardlyOptimized?: boolean;
}

/**
 * Assembly of a library that leaves memory alone without a declaration. With one such block the compiler makes no room on the stack in the
 * whole contract.
 */
const UNSAID = /assembly(?= \{\s+mstore\(0x00, self\.slot\)\s+result\.slot)/g;

/**
 * Compiles the contracts of some of the sources; throws with the compiler's messages when it refuses.
 * @param sources texts by path below contracts/src.
 */
export function compileSources(
  sources: ReadonlyMap<string, string>,
  wanted: Iterable<string>,
  { isHardlyOptimized = false }: CompileOptions = {},
): SourceOutput {
  solc ??= require('solc/wrapper.js')(require(compilerPath)) as Solc;
  const files = [...wanted];
  const outputs = { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] };
  const input = {
    language: 'Solidity',
    // The compiler reads all given sources, needed or not, and requests the others.
    sources: Object.fromEntries(files.map((name) => [`src/${name}`, { content: sources.get(name) }])),
    settings: {
      ...compilerSettings,
      ...(isHardlyOptimized ? { optimizer: hardlyOptimized } : {}),
      outputSelection: Object.fromEntries(files.map((name) => [`src/${name}`, outputs])),
    },
  };
  const findImport = (path: string) => {
    const own = path.startsWith('src/') ? sources.get(path.slice('src/'.length)) : undefined;
    if (own !== undefined) return { contents: own };
    const library = readFileSync(require.resolve(path), 'utf8');
    return { contents: isHardlyOptimized ? library.replace(UNSAID, 'assembly ("memory-safe")') : library };
  };
  const output: SolcOutput = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'));
  // Files of types alone have no contract.
  return output.contracts ?? {};
}

/** Reads the texts of contracts/src, by path below that folder with forward slashes, in ascending order. */
export function readSources(): ReadonlyMap<string, string> {
  const paths = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.sol'))
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
  return new Map(paths.map((path) => [path, readFileSync(join(root, 'src', path), 'utf8')]));
}

/** Compiles every source in contracts/src; throws with the compiler's messages when it refuses. */
export function compileContracts(): Record<string, Artifact> {
  const sources = readSources();
  const artifacts: Record<string, Artifact> = {};
  for (const contracts of Object.values(compileSources(sources, sources.keys()))) {
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
