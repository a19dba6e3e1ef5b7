// The compiler as Hardhat runs it. Contracts compile as they are deployed. What only tests run compiles in a third of the time:
// a test deploys contracts from their artifacts, so their code is not made again beside it, and its own code is hardly optimized.
import { createRequire } from 'node:module';
import { compilerPath } from './compiler.ts';

interface CompilerInput {
  readonly sources: Readonly<Record<string, { readonly content: string }>>;
  readonly settings: {
    readonly outputSelection: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
    readonly optimizer: unknown;
  };
}

interface Compiler {
  cwrap(name: string, returns: string | null, takes: readonly string[]): (...values: unknown[]) => unknown;
}

/** Hardhat's name of a file of contracts/test. */
const TEST = 'project/test/';

/** Yul without steps but the one that makes room on the stack, which `viaIR` needs. */
const LEAST_OPTIMIZED = {
  enabled: true,
  details: {
    peephole: false,
    inliner: false,
    jumpdestRemover: false,
    orderLiterals: false,
    deduplicate: false,
    cse: false,
    constantOptimizer: false,
    yul: true,
    yulDetails: { stackAllocation: true, optimizerSteps: 'u' },
  },
};

/** What Hardhat adds to count what ran. */
const COVERAGE = '__NomicFoundationCoverage';

/** Assembly that leaves memory alone and does not say so: one such block, and the compiler makes no room on the stack anywhere. */
const UNSAID = [
  // Assigns a function.
  { isIn: (name: string) => name.startsWith(COVERAGE), assembly: /assembly(?= \{\s+fnOut)/g },
  // Hashes in scratch space.
  {
    isIn: (name: string) => name.endsWith('/utils/structs/Checkpoints.sol'),
    assembly: /assembly(?= \{\s+mstore\(0x00, self\.slot\)\s+result\.slot)/g,
  },
];

function freeStack(sources: CompilerInput['sources']): CompilerInput['sources'] {
  return Object.fromEntries(
    Object.entries(sources).map(([name, { content, ...rest }]) => {
      const unsaid = UNSAID.find(({ isIn }) => isIn(name));
      return [
        name,
        { ...rest, content: unsaid ? content.replace(unsaid.assembly, 'assembly ("memory-safe")') : content },
      ];
    }),
  );
}

/** Takes and gives the compiler's standard JSON. A job without tests stays as it is. */
export function fitToTests(text: string): string {
  const whole: CompilerInput = JSON.parse(text);
  const isCounted = Object.keys(whole.sources).some((name) => name.startsWith(COVERAGE));
  const input = isCounted ? { ...whole, sources: freeStack(whole.sources) } : whole;
  const tests = Object.keys(input.sources).filter((name) => name.startsWith(TEST));
  if (tests.length === 0) return isCounted ? JSON.stringify(input) : text;
  // The compiler makes the code of every file that is named here, whatever is asked of it.
  const wanted = input.settings.outputSelection['*'] ?? {};
  const outputSelection = Object.fromEntries(tests.map((name) => [name, wanted]));
  return JSON.stringify({ ...input, settings: { ...input.settings, optimizer: LEAST_OPTIMIZED, outputSelection } });
}

const compiler: Compiler = createRequire(import.meta.url)(compilerPath);
const wrapped = compiler.cwrap.bind(compiler);

compiler.cwrap = (name, returns, takes) => {
  const call = wrapped(name, returns, takes);
  return name === 'solidity_compile' ? (text, ...rest) => call(fitToTests(String(text)), ...rest) : call;
};

export default compiler;
