import { fileURLToPath } from 'node:url';
import { defineConfig } from 'hardhat/config';
import type { HardhatPlugin } from 'hardhat/types/plugins';
import { compilerSettings, compilerVersion } from './compiler.ts';

// Hardhat compiles again under another path, so a copy names the original's path.
const compilerPath = process.env.OGONG_TEST_COMPILER ?? fileURLToPath(new URL('test-compiler.ts', import.meta.url));

/** A run over contracts with marks in them: `contracts/scripts/coverage.ts`. */
const IS_MARKED = process.env.OGONG_COVERAGE === '1';

/** The tests' machine counts marks. Nothing else of Hardhat's coverage is used: sources and compiled code stay as they are. */
const countMarks: HardhatPlugin = {
  id: 'count-marks',
  hookHandlers: {
    solidity: async () => ({
      default: async () => ({
        async preprocessSolcInputBeforeBuilding(context, input, next) {
          const { sources, ...rest } = await next(context, input);
          const own = Object.entries(sources).filter(([name]) => !name.startsWith('__NomicFoundationCoverage'));
          return { ...rest, sources: Object.fromEntries(own) };
        },
      }),
    }),
  },
};

/** By night: `npm run nightly -- contracts`. */
const IS_LONG = process.env.OGONG_LONG === '1';

export default defineConfig({
  ...(IS_MARKED ? { plugins: [countMarks], coverage: { skipFiles: ['**'] } } : {}),
  paths: { sources: './src', tests: './test', artifacts: './artifacts', cache: './cache' },
  solidity: {
    ...{ version: compilerVersion, path: compilerPath, settings: compilerSettings },
    // Tests create contracts from their artifacts, so all of these are there first, whichever tests are named.
    splitTestsCompilation: true,
  },
  test: {
    solidity: {
      fuzz: { runs: IS_LONG ? 2_000 : IS_MARKED ? 32 : 256, seed: '0x6f676f6e67' },
      // A call that reverts proves nothing, so the handlers may make only calls that have to succeed.
      invariant: { runs: IS_LONG ? 500 : IS_MARKED ? 8 : 64, depth: 50, failOnRevert: true },
    },
  },
});
