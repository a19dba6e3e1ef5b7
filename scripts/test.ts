// Everything that CI runs, fastest parts first. `npm test -- fast model` runs only the named parts. It ends with what was skipped and what failed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runNamedSteps } from './named-steps.ts';
import type { Step } from './steps.ts';
import { formatFailed, formatSkipped, readTestNotes, TEST_NOTES_FILE } from './test-notes.ts';

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
    // The compiler alone takes minutes, and waits for nobody.
    niceness: 10,
  },
  model: { name: 'tests on real weights', command: ['vitest', 'run', '--project', 'model'] },
  e2e: { name: 'tests of whole processes', command: ['vitest', 'run', '--project', 'e2e'] },
};

/** They only compute, and need no quiet; others wait for chains, clocks and each other. */
const BEHIND: readonly string[] = ['contracts', 'simulation'];

const folder = mkdtempSync(join(tmpdir(), 'ogong-test-notes-'));
process.once('exit', () => rmSync(folder, { recursive: true }));
const notes = join(folder, 'tests');
process.env[TEST_NOTES_FILE] = notes;
await runNamedSteps('test', parts, {
  behind: BEHIND,
  note: 'contracts and then simulation behind the others',
  onEnd: () => console.log(formatSkipped(readTestNotes(notes).skipped)),
  explain: () => formatFailed(readTestNotes(notes).failed),
});
