import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEEP_FACTOR, DEEP_SEED, type ModelCheck, type QuintCheck, type SpinCheck } from './checks.ts';
import { runTool, type ToolRun } from './run-tool.ts';

export const MODELS = fileURLToPath(new URL('../../formal', import.meta.url));
const QUINT = join(MODELS, 'node_modules', '@informalsystems', 'quint', 'dist', 'src', 'cli.js');
const MINUTE_MS = 60_000;

export interface CheckResult {
  readonly name: string;
  readonly file: string;
  readonly says: string;
  readonly expect: ModelCheck['expect'];
  /** `skipped`: a tool is missing. `failed`: the tool did not finish. */
  readonly outcome: 'holds' | 'broken' | 'failed' | 'skipped';
  readonly asExpected: boolean;
  /** How far the search went, or what went wrong. */
  readonly detail: string;
  readonly seconds: number;
}

export interface SearchOptions {
  /** More samples, fresh seeds, larger bounds. */
  readonly deep: boolean;
}

/** Why checks of this tool cannot run here, or undefined. Quint is installed on the first call, from its own lock file. */
export function findToolProblem(tool: ModelCheck['tool']): string | undefined {
  if (tool === 'spin') {
    for (const program of ['spin', 'gcc']) {
      if (
        runTool(program, [program === 'spin' ? '-V' : '--version'], { folder: MODELS, timeoutMs: MINUTE_MS }).status !==
        0
      )
        return `${program} is not installed (Debian: apt-get install spin gcc libc6-dev)`;
    }
    return undefined;
  }
  if (existsSync(QUINT)) return undefined;
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status, output } = runTool(npm, ['ci', '--ignore-scripts', '--loglevel=error'], {
    folder: MODELS,
    timeoutMs: 5 * MINUTE_MS,
  });
  return status === 0 ? undefined : `npm could not install Quint in lab/formal: ${output.trim().split('\n').at(-1)}`;
}

function runQuint(check: QuintCheck, { deep }: SearchOptions): Pick<CheckResult, 'outcome' | 'detail' | 'seconds'> {
  const samples = deep ? check.samples * DEEP_FACTOR : check.samples;
  const seed = deep ? DEEP_SEED : check.seed;
  const witnesses = check.witnesses ?? [];
  const args = [
    QUINT,
    'run',
    check.file,
    '--backend=typescript',
    '--verbosity=1',
    `--main=${check.module}`,
    `--seed=${seed}`,
    `--max-samples=${samples}`,
    `--max-steps=${check.steps}`,
    '--invariants',
    ...check.invariants,
    ...(witnesses.length > 0 ? ['--witnesses', ...witnesses] : []),
  ];
  const run = runTool(process.execPath, args, { folder: MODELS, timeoutMs: 60 * MINUTE_MS });
  if (run.output.includes('[violation]')) {
    const found = /--seed=(0x[0-9a-f]+)/.exec(run.output)?.[1] ?? seed;
    return { outcome: 'broken', detail: `counterexample at seed ${found}`, seconds: run.seconds };
  }
  if (run.status !== 0 || !run.output.includes('[ok]')) return describeFailure(run);
  const unseen = witnesses.filter((name) => !new RegExp(`${name} was witnessed in [1-9]`).test(run.output));
  if (unseen.length > 0)
    return { outcome: 'failed', detail: `never reached: ${unseen.join(', ')}`, seconds: run.seconds };
  return {
    outcome: 'holds',
    detail: `${samples} runs of ${check.steps} steps from seed ${seed}`,
    seconds: run.seconds,
  };
}

/** Options of the search's compiler, and of the search: `-E` minds no dead end, `-A` no assertion. */
const SPIN_MODES: Readonly<
  Record<SpinCheck['mode'], { readonly compile: readonly string[]; readonly search: readonly string[] }>
> = {
  safety: { compile: ['-DSAFETY', '-DNOCLAIM'], search: ['-E'] },
  ends: { compile: ['-DNFAIR=5'], search: ['-a', '-f'] },
  stops: { compile: ['-DSAFETY', '-DNOCLAIM'], search: ['-A'] },
  // Nothing is marked as progress: every cycle is one without.
  advances: { compile: ['-DNP', '-DNOCLAIM'], search: ['-l', '-A', '-E'] },
};

/** Optimisation of the search's compiler. To compile with more takes longer than it saves, except in the long searches of a deep run. */
const chooseOptimisation = ({ expect }: SpinCheck, { deep }: SearchOptions): string => {
  if (expect === 'broken') return '-O0';
  return deep ? '-O2' : '-O1';
};

function runSpin(check: SpinCheck, options: SearchOptions): Pick<CheckResult, 'outcome' | 'detail' | 'seconds'> {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-spin-'));
  try {
    const { compile, search } = SPIN_MODES[check.mode];
    const steps: readonly (readonly [string, readonly string[]])[] = [
      ['spin', ['-a', ...check.defines.map((name) => `-D${name}`), join(MODELS, check.file)]],
      ['gcc', ['-w', chooseOptimisation(check, options), '-DCOLLAPSE', ...compile, '-o', 'pan', 'pan.c']],
      ['./pan', ['-m100000', '-w22', ...search]],
    ];
    let seconds = 0;
    let run: ToolRun | undefined;
    for (const [command, args] of steps) {
      run = runTool(command, args, { folder, timeoutMs: 30 * MINUTE_MS });
      seconds += run.seconds;
      if (run.status !== 0) return { ...describeFailure(run), seconds };
    }
    const output = run?.output ?? '';
    const errors = /errors: (\d+)/.exec(output)?.[1];
    const states = /(\d+) states, stored/.exec(output)?.[1];
    if (errors === undefined || states === undefined || /max search depth too small|out of memory/.test(output))
      return { outcome: 'failed', detail: lastLine(output), seconds };
    return errors === '0'
      ? { outcome: 'holds', detail: `all of ${states} states`, seconds }
      : { outcome: 'broken', detail: `counterexample after ${states} states`, seconds };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const lastLine = (output: string): string => output.trim().split('\n').at(-1) ?? '';

function describeFailure({ status, output, seconds }: ToolRun): Pick<CheckResult, 'outcome' | 'detail' | 'seconds'> {
  return { outcome: 'failed', detail: `status ${status}: ${lastLine(output)}`, seconds };
}

export function runCheck(check: ModelCheck, options: SearchOptions): CheckResult {
  const { name, file, says, expect } = check;
  const ran = check.tool === 'quint' ? runQuint(check, options) : runSpin(check, options);
  return { name, file, says, expect, ...ran, asExpected: ran.outcome === expect };
}
