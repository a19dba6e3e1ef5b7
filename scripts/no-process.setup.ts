// Fast tests must not start a process, which is slow and takes memory. A test that starts one is named `*.process.test.ts` and
// runs in the project `process`.
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

const STARTERS = ['spawn', 'fork', 'exec', 'execFile', 'spawnSync', 'execSync', 'execFileSync'] as const;

for (const name of STARTERS) {
  Object.defineProperty(childProcess, name, {
    configurable: true,
    value: (program: unknown) => {
      throw new Error(`a fast test started a process (${name} ${String(program)}): name its file *.process.test.ts`);
    },
  });
}
syncBuiltinESMExports();
