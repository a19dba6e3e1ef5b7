// Fast tests start no process. One that does is slow and takes memory that the others need: it belongs to the project `process`,
// by its name `*.process.test.ts`.
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
