// Plants a fault for each part of the tests, and requires that the part turns red. It works in a worktree of its own and runs samples.
// Each fault also shows that a sample finds the tests that a change touches. Linux only, because it links the installed packages.
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../steps.ts';
import { PARTS } from './parts.ts';

interface Canary {
  /** File that gets the fault. */
  readonly path: string;
  /** Text behind the file's own. */
  readonly fault: string;
}

const THROW = "\nthrow new Error('a planted fault');\n";
/** Minutes that the sample of a part may take. */
const MINUTES = '60';

/** By part. Few tests depend on each of these files, and a contract's test reverts at its first call. */
const CANARIES: Readonly<Record<string, Canary>> = {
  check: { path: 'packages/protocol/src/base/bytes.ts', fault: "\nexport const plantedFault: number = 'no number';\n" },
  fast: { path: 'lab/src/demo/format.ts', fault: THROW },
  simulation: { path: 'lab/src/verifiers/classify.ts', fault: THROW },
  process: { path: 'packages/devnet/src/chain/free-port-child-fixture.ts', fault: THROW },
  contracts: {
    path: 'contracts/test/Token.t.sol',
    fault: '\ncontract PlantedFault { function testPlantedFault() public pure { assert(false); } }\n',
  },
  seeds: { path: 'lab/src/simulator/plan.ts', fault: THROW },
  model: { path: 'lab/src/detection/sample/collect.ts', fault: THROW },
  e2e: { path: 'lab/src/privacy/wire-tap.ts', fault: THROW },
  demo: { path: 'lab/src/demo/print.ts', fault: THROW },
};

/** Makes a worktree of the last commit, with the installed packages linked into it. */
function makeWorktree(): string {
  const folder = mkdtempSync(join(root, '.cache', 'canaries-'));
  execFileSync('git', ['worktree', 'add', '--quiet', '--detach', folder, 'HEAD'], { cwd: root, stdio: 'inherit' });
  for (const modules of globSync(['node_modules', '{packages,apps}/*/node_modules', '{lab,contracts}/node_modules'], {
    cwd: root,
  }))
    if (existsSync(join(folder, dirname(modules))))
      execFileSync('cp', ['-al', join(root, modules), join(folder, modules)]);
  return folder;
}

function removeWorktree(folder: string): void {
  execFileSync('git', ['worktree', 'remove', '--force', folder], { cwd: root });
  rmSync(folder, { recursive: true, force: true });
}

/** Runs the sample of one part in the worktree. @returns the last line, and whether the part is red. */
function runPart(folder: string, part: string): { readonly isRed: boolean; readonly last: string } {
  const words = ['scripts/run.mjs', 'scripts/test.ts', 'sample', part, '--base', 'HEAD', '--minutes', MINUTES];
  // The outer run's own settings are no business of this one.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OGONG_')));
  const { status, stdout, stderr } = spawnSync(process.execPath, words, {
    cwd: folder,
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const lines = `${stdout}\n${stderr}`.trim().split('\n');
  const last = lines.findLast((line) => /^\d+ passed, \d+ failed, \d+ skipped$/.test(line)) ?? (lines.at(-1) as string);
  return { isRed: status === 1 && /^\d+ passed, [1-9]\d* failed/.test(last), last };
}

const asked = process.argv.slice(2);
const parts = Object.keys(PARTS).filter((part) => asked.length === 0 || asked.includes(part));
const folder = makeWorktree();
process.once('exit', () => removeWorktree(folder));
for (const part of parts) {
  const canary = CANARIES[part];
  if (canary === undefined) throw new Error(`no canary for the part ${part}`);
  appendFileSync(join(folder, canary.path), canary.fault);
  const { isRed, last } = runPart(folder, part);
  execFileSync('git', ['checkout', '--quiet', '--', canary.path], { cwd: folder });
  console.log(
    `${isRed ? 'ok  ' : 'FAIL'}  ${part}: ${isRed ? 'red, as it should' : 'a planted fault was not found'} (${canary.path}; ${last})`,
  );
  if (!isRed) process.exitCode = 1;
}
