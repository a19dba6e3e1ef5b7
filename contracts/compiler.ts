import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const compilerVersion = '0.8.37';

/** The JavaScript build of the compiler from npm: no network, no native download, the same output everywhere. */
export const compilerPath: string = require.resolve('solc/soljson.js');

export const compilerSettings = {
  evmVersion: 'prague',
  viaIR: true,
  optimizer: { enabled: true, runs: 10_000 },
  // No hash of the sources in the bytecode: a changed comment is not a changed contract.
  metadata: { bytecodeHash: 'none' },
};

/**
 * Yul with only the step that makes room on the stack, which `viaIR` needs. It takes half of the compiler's time, and serves contracts with
 * marks or mutants.
 */
export const hardlyOptimized = {
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
