// The compiler as Hardhat runs it. Contracts compile as they are deployed. A test deploys contracts from their artifacts, so their code is
// not compiled again beside it. Test code compiles without Yul and without an optimizer: 30 s of processor time instead of 280 s. The stack
// of such code is small. A test function with too many variables for it needs a struct or a second function.
import { createRequire } from 'node:module';
import { compilerPath } from './compiler.ts';

interface CompilerInput {
  readonly sources: Readonly<Record<string, unknown>>;
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

/** Takes and gives the compiler's standard JSON. A job without tests stays as it is. */
function fitToTests(text: string): string {
  const input: CompilerInput = JSON.parse(text);
  const tests = Object.keys(input.sources).filter((name) => name.startsWith(TEST));
  if (tests.length === 0) return text;
  // The compiler makes the code of every file that is named here, whatever is asked of it.
  const wanted = input.settings.outputSelection['*'] ?? {};
  const outputSelection = Object.fromEntries(tests.map((name) => [name, wanted]));
  return JSON.stringify({
    ...input,
    settings: { ...input.settings, viaIR: false, optimizer: { enabled: false }, outputSelection },
  });
}

const compiler: Compiler = createRequire(import.meta.url)(compilerPath);
const wrapped = compiler.cwrap.bind(compiler);

compiler.cwrap = (name, returns, takes) => {
  const call = wrapped(name, returns, takes);
  return name === 'solidity_compile' ? (text, ...rest) => call(fitToTests(String(text)), ...rest) : call;
};

export default compiler;
