// Static checks, cheapest first: format and lint, types, directions, dead code, generated files.
import { runSteps } from './steps.ts';

const node = process.execPath;
await runSteps('check', [
  { name: 'lint', command: ['biome', 'check', '.'] },
  { name: 'types', command: ['tsc', '-b'] },
  { name: 'types of tests', command: ['tsc', '-p', 'tsconfig.tests.json'] },
  { name: 'imports', command: [node, 'scripts/imports.ts'] },
  { name: 'exports', command: [node, 'scripts/exports.ts'] },
  { name: 'dead code', command: ['knip'] },
  { name: 'generated files', command: [node, 'scripts/generated.ts', '--check'] },
]);
