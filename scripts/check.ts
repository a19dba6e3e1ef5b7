// Static checks: format, lint and types; directions, names, dead code and generated files behind them, on the other processor.
import { runSteps, type Step } from './steps.ts';

const node = process.execPath;
const first: readonly Step[] = [
  // Through run.mjs, which installs what the lock file has and this folder lacks: types of packages among it.
  { name: 'exports', command: [node, 'scripts/run.mjs', 'scripts/exports.ts'] },
  { name: 'lint', command: ['biome', 'check', '.'] },
  // One thread: the checks behind have the other processor. Two threads take a third more processor time, and 3.6 GiB instead of 2.8.
  { name: 'types', command: ['tsc', '-b', '--singleThreaded'] },
  { name: 'types of tests', command: ['tsc', '-p', 'tsconfig.tests.json', '--singleThreaded'] },
];
const behind: readonly Step[] = [
  { name: 'imports', command: [node, 'scripts/imports.ts'] },
  { name: 'names', command: [node, 'scripts/names.ts'] },
  { name: 'parsers', command: [node, 'scripts/parsers.ts'] },
  { name: 'folders', command: [node, 'scripts/folders.ts'] },
  { name: 'language', command: [node, 'scripts/english/main.ts'] },
  { name: 'dead code', command: ['knip'] },
  // Code that only tests use does not belong in the product. `@internal` marks an exception and states its reason.
  {
    name: 'dead code in production',
    command: [
      'knip',
      '--production',
      '--config',
      'knip.production.json',
      '--include',
      'exports,types',
      '--no-config-hints',
    ],
  },
  { name: 'generated files', command: [node, 'scripts/generated.ts', '--check'] },
];

await runSteps('check', first, { behind });
