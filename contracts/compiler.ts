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
