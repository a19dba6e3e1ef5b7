import { fileURLToPath } from 'node:url';
import { defineConfig } from 'hardhat/config';
import { compilerSettings, compilerVersion } from './compiler.ts';

const compilerPath = fileURLToPath(new URL('test-compiler.ts', import.meta.url));

/** Of a copy with marks in it: `contracts/scripts/coverage.ts`. */
const IS_MARKED = process.env.OGONG_COVERAGE === '1';
// For size: less to compile and to run than with hardly any optimization, since each mark is code.
const settings = IS_MARKED ? { ...compilerSettings, optimizer: { enabled: true, runs: 1 } } : compilerSettings;

/** By night: `npm run nightly -- contracts`. */
const IS_LONG = process.env.OGONG_LONG === '1';

export default defineConfig({
  paths: { sources: './src', tests: './test', artifacts: './artifacts', cache: './cache' },
  solidity: {
    ...{ version: compilerVersion, path: compilerPath, settings },
    // Tests create contracts from their artifacts, so all of these are there first, whichever tests are named.
    splitTestsCompilation: true,
  },
  test: {
    solidity: {
      fuzz: { runs: IS_LONG ? 10_000 : IS_MARKED ? 32 : 256, seed: '0x6f676f6e67' },
      // A call that reverts proves nothing, so the handlers may make only calls that have to succeed.
      invariant: { runs: IS_LONG ? 5_000 : IS_MARKED ? 8 : 64, depth: 50, failOnRevert: true },
    },
  },
});
