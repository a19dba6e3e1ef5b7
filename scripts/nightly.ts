// Runs the checks that take too long for CI:
// - every test with OGONG_LONG=1; fast tests and those that start processes run in another order and with other random cases
// - contracts: 5,000 random lives, the coverage of their tests, and their mutants
// - an upgrade from yesterday's program, and soaks of local mode and of a gateway
// - a benchmark of local mode, an hour of simulated networks, a hunt for every planted bug, and the table of architectures

import { listLongTests } from './long-tests.ts';
import { runNamedSteps } from './named-steps.ts';

const node = process.execPath;
/** Each night other networks than the night before; no night begins within the seeds of another. */
const SEEDS_A_NIGHT = 10_000;
const seed = String(Math.floor(Date.now() / 86_400_000) * SEEDS_A_NIGHT);
await runNamedSteps('nightly', {
  long: {
    name: 'long tests',
    command: ['vitest', 'run', '--testTimeout', '3600000', ...listLongTests()],
    env: { OGONG_LONG: '1' },
  },
  drawn: {
    name: `tests in another order and with other cases, from seed ${seed}`,
    command: ['vitest', 'run', '--project', 'fast', '--project', 'process'],
    env: { OGONG_SEED: seed },
  },
  contracts: {
    name: 'contracts, 5,000 random lives',
    command: [node, '../node_modules/hardhat/dist/src/cli.js', 'test', 'solidity'],
    cwd: 'contracts',
    env: { OGONG_LONG: '1' },
  },
  upgrade: {
    name: "yesterday's program, and then this one in its directory",
    command: ['vitest', 'run', '--project', 'e2e', 'packages/cli/src/upgrade.e2e.test.ts'],
    env: { OGONG_UPGRADE_FROM: 'yesterday' },
  },
  coverage: { name: 'test coverage of the contracts', command: [node, 'contracts/scripts/coverage.ts'] },
  mutants: { name: 'mutants of the contracts', command: [node, 'contracts/scripts/mutants.ts'] },
  soak: { name: 'soak of local mode', command: [node, 'lab/src/local/soak-main.ts'] },
  'gateway-soak': {
    name: 'memory of a gateway over 100,000 replies',
    command: [node, 'lab/src/load/main.ts', '--soak', '100000'],
  },
  architectures: { name: 'table of architectures', command: [node, 'lab/src/architectures/main.ts'] },
  simulate: {
    name: `an hour of simulated networks, from seed ${seed}`,
    command: [node, 'lab/src/simulator/main.ts', '--seed', seed, '--seeds', String(SEEDS_A_NIGHT), '--budget', '3600'],
  },
  hunt: {
    name: 'a hunt for every planted bug',
    command: [node, 'lab/src/simulator/main.ts', '--hunt', '--budget', '240'],
  },
  bench: { name: 'benchmark of local mode', command: [node, 'lab/src/bench/main.ts', '--only', 'local'] },
});
