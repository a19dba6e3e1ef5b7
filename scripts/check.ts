// Static checks, cheapest first: format and lint, types, directions, dead code, generated files.
import { runSteps } from './steps.ts';

const node = process.execPath;
await runSteps('check', [
  { name: 'lint', command: ['biome', 'check', '.'] },
  { name: 'types', command: ['tsc', '-b'] },
  { name: 'types of tests', command: ['tsc', '-p', 'tsconfig.tests.json'] },
  { name: 'imports', command: [node, 'scripts/imports.ts'] },
  { name: 'exports', command: [node, 'scripts/exports.ts'] },
  { name: 'names', command: [node, 'scripts/names.ts'] },
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
]);
