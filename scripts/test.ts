// Everything that CI runs, fastest parts first. `npm test -- fast model` runs only the named parts. It ends with what was skipped.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runNamedSteps } from './named-steps.ts';
import { formatSkipped, readSkipped, SKIPPED_FILE } from './skipped-tests.ts';
import type { Step } from './steps.ts';

const node = process.execPath;
const parts: Readonly<Record<string, Step>> = {
  check: { name: 'static checks', command: [node, 'scripts/check.ts'] },
  fast: { name: 'fast tests', command: ['vitest', 'run', '--project', 'fast'] },
  process: { name: 'tests that start processes', command: ['vitest', 'run', '--project', 'process'] },
  simulation: { name: 'attackers and verifiers played', command: ['vitest', 'run', '--project', 'simulation'] },
  contracts: {
    name: 'contracts',
    command: [node, '../node_modules/hardhat/dist/src/cli.js', 'test'],
    cwd: 'contracts',
  },
  model: { name: 'tests on real weights', command: ['vitest', 'run', '--project', 'model'] },
  // One network at a time: each of them takes all cores.
  e2e: { name: 'tests of whole processes', command: ['vitest', 'run', '--project', 'e2e', '--no-file-parallelism'] },
};

/** The compiler takes one core for minutes, and what is played needs no quiet; whole processes wait more than they compute. */
const BESIDE: Readonly<Record<string, readonly string[]>> = { e2e: ['contracts', 'simulation'] };

const folder = mkdtempSync(join(tmpdir(), 'ogong-skipped-'));
process.once('exit', () => rmSync(folder, { recursive: true }));
const skipped = join(folder, 'tests');
process.env[SKIPPED_FILE] = skipped;
await runNamedSteps('test', parts, {
  beside: BESIDE,
  note: 'contracts and then simulation beside e2e',
  onEnd: () => console.log(formatSkipped(readSkipped(skipped))),
});
