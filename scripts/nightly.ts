// Runs all tests, and what takes too long for a landing. A failed part does not stop the others. `npm run nightly -- soak` runs one part;
// `npm run nightly -- table` prints the last result of each on this machine.
import { listLongTests } from './long-tests.ts';
import { runNamedSteps } from './named-steps.ts';
import { formatNightlyTable, noteNightlyResult, readNightlyResults } from './nightly-results.ts';
import { root, type Step } from './steps.ts';

const node = process.execPath;
/** Each night other networks than the night before; no night begins within the seeds of another. */
const SEEDS_A_NIGHT = 10_000;
const seed = String(Math.floor(Date.now() / 86_400_000) * SEEDS_A_NIGHT);
const SIMULATOR = 'lab/src/simulator/main.ts';
const DETECTION = 'lab/src/detection/main.ts';

const parts: Readonly<Record<string, Step>> = {
  all: { name: 'every test', command: [node, 'scripts/test.ts', 'all'] },
  canaries: { name: 'a planted fault for each part of the tests', command: [node, 'scripts/tests/canaries.ts'] },
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
  detect: {
    name: 'the figures of detection',
    command: [node, DETECTION, '--profile', 'ci', '--json', 'detect.json'],
  },
  'detect-again': {
    name: 'the same figures again, from the same samples',
    command: [node, DETECTION, '--profile', 'ci', '--measure-only', '--same-as', 'detect.json'],
  },
  chaos: {
    name: 'the demo with faults',
    command: [
      node,
      'lab/src/demo/main.ts',
      '--once',
      '--chaos',
      '--cheat',
      'substitute',
      '--json',
      'summary-chaos.json',
    ],
  },
  contracts: {
    name: 'contracts, 500 random lives',
    command: [node, '../node_modules/hardhat/dist/src/cli.js', 'test', 'solidity'],
    cwd: 'contracts',
    env: { OGONG_LONG: '1' },
  },
  coverage: { name: 'test coverage of the contracts', command: [node, 'contracts/scripts/coverage.ts'] },
  mutants: { name: 'mutants of the contracts', command: [node, 'contracts/scripts/mutants.ts'] },
  soak: { name: 'soak of local mode', command: [node, 'lab/src/local/soak-main.ts'] },
  'gateway-soak': {
    name: 'memory of a gateway over 100,000 replies',
    command: [node, 'lab/src/load/main.ts', '--soak', '100000'],
  },
  split: {
    name: 'slabs of every architecture against the whole model',
    command: [node, 'lab/src/equality/split-main.ts'],
  },
  architectures: { name: 'table of architectures', command: [node, 'lab/src/architectures/main.ts'] },
  seeds: {
    name: '36 simulated networks that are known to hold',
    command: [node, SIMULATOR, '--seed', '1', '--seeds', '36', '--budget', '300', '--no-shrink'],
  },
  simulate: {
    name: `an hour of simulated networks, from seed ${seed}`,
    command: [node, SIMULATOR, '--seed', seed, '--seeds', String(SEEDS_A_NIGHT), '--budget', '3600'],
  },
  cohorts: {
    name: 'ten networks with cohorts, of 1,000 requests each',
    command: [
      ...[node, SIMULATOR, '--cohorts', '--seed', seed, '--seeds', '10'],
      ...['--minutes', '10', '--requests', '100', '--budget', '7200'],
    ],
  },
  hub: {
    name: '100 networks with demand for models and pins',
    command: [node, SIMULATOR, '--hub', '--gateways', '0', '--validators', '1', '--faults', '0', '--seeds', '100'],
  },
  days: {
    name: 'thirty days of refusals, junk, slow jobs and failing orders',
    command: [node, 'lab/src/days/main.ts', '--days', '30'],
  },
  hunt: { name: 'a hunt for every planted bug', command: [node, SIMULATOR, '--hunt', '--budget', '240'] },
  // It needs Debian's python3-jinja2, or jinja2 3.1 from elsewhere.
  templates: {
    name: 'vectors of chat templates against jinja2',
    command: ['python3', 'packages/testing/scripts/write-template-vectors.py', '--check'],
  },
  // It needs jinja2, too, and git. It downloads the templates from npm.
  'published-templates': {
    name: 'published chat templates against jinja2',
    command: [node, 'lab/src/templates/main.ts'],
  },
  // It installs the programs from npm.
  'agent-programs': { name: 'published agents look at a picture', command: [node, 'lab/src/agent-programs/main.ts'] },
  bench: { name: 'benchmark of local mode', command: [node, 'lab/src/bench/main.ts', '--only', 'local'] },
};

function printTable(): void {
  const titles = Object.fromEntries(Object.entries(parts).map(([name, step]) => [name, step.name]));
  console.log(`\n${formatNightlyTable(titles, readNightlyResults(root))}`);
}

if (process.argv[2] === 'table') printTable();
else
  await runNamedSteps('nightly', parts, {
    note: '"table" prints the last result of each',
    goesOn: true,
    onStep({ step, code, seconds }) {
      const name = Object.keys(parts).find((key) => parts[key] === step) as string;
      const day = new Date().toISOString().slice(0, 10);
      noteNightlyResult(root, name, { result: code === 0 ? 'ok' : 'FAIL', seconds: Math.round(seconds), day });
    },
    onEnd: printTable,
  });
