import { fileURLToPath } from 'node:url';
import { defineConfig } from 'hardhat/config';
import { compilerSettings, compilerVersion } from './compiler.ts';

const compilerPath = fileURLToPath(new URL('test-compiler.ts', import.meta.url));

export default defineConfig({
  paths: { sources: './src', tests: './test', artifacts: './artifacts', cache: './cache' },
  solidity: {
    ...{ version: compilerVersion, path: compilerPath, settings: compilerSettings },
    // Tests create contracts from their artifacts, so all of these are there first, whichever tests are named.
    splitTestsCompilation: true,
  },
  test: {
    solidity: {
      fuzz: { runs: 256, seed: '0x6f676f6e67' },
      // A call that reverts proves nothing, so the handlers may make only calls that have to succeed.
      invariant: { runs: 64, depth: 50, failOnRevert: true },
    },
  },
});
