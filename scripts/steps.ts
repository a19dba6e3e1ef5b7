import { spawn } from 'node:child_process';
import { getPriority, setPriority } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Step {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** 0 to 19; the higher, the more it leaves to others. Default: 0. */
  readonly niceness?: number;
}

export const root: string = resolve(dirname(fileURLToPath(import.meta.url)), '..');

interface StepEnd {
  readonly step: Step;
  readonly code: number;
  readonly seconds: number;
  /** Of a step that ran behind others. */
  readonly output: string;
}

interface RunningStep {
  readonly ended: Promise<StepEnd>;
  stop(): void;
}

/** @param isQuiet keeps the output instead of passing it on. */
function startStep(step: Step, isQuiet: boolean): RunningStep {
  const [file, ...args] = step.command;
  const start = performance.now();
  const child = spawn(file as string, args, {
    cwd: resolve(root, step.cwd ?? '.'),
    env: { ...process.env, ...step.env },
    stdio: isQuiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
  });
  // Processes that it starts later inherit this.
  if (step.niceness !== undefined && child.pid !== undefined)
    setPriority(child.pid, Math.max(step.niceness, getPriority()));
  const kept: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => kept.push(chunk));
  const ended = new Promise<StepEnd>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) =>
      done({
        step,
        code: code ?? (signal ? 1 : 0),
        seconds: (performance.now() - start) / 1000,
        output: Buffer.concat(kept).toString(),
      }),
    );
  });
  return { ended, stop: () => void child.kill() };
}

interface Lane {
  /** Of those that are over, those which nobody has taken yet. */
  take(): StepEnd[];
  readonly over: Promise<void>;
  stop(): void;
}

/** Runs steps quietly, one after the other, up to the first failure. */
function startLane(steps: readonly Step[]): Lane {
  const ends: StepEnd[] = [];
  let running: RunningStep | undefined;
  let isStopped = false;
  const run = async (): Promise<void> => {
    for (const step of steps) {
      if (isStopped) return;
      running = startStep(step, true);
      const end = await running.ended;
      ends.push(end);
      if (end.code !== 0) return;
    }
  };
  return {
    over: run(),
    take: () => ends.splice(0),
    stop() {
      isStopped = true;
      running?.stop();
    },
  };
}

const describeStep = ({ name, command }: Step): string => `${name}: ${command.join(' ')}`;

interface RunOptions {
  /** Run meanwhile, one after the other, on what the others leave of the processors. */
  readonly behind?: readonly Step[];
  /** Called before the times are printed. */
  readonly onEnd?: (() => void) | undefined;
  /** Printed last if a step has failed. Default: nothing. */
  readonly explain?: (() => string) | undefined;
}

/** Runs steps in order, prints their times, and stops after the first failure. */
export async function runSteps(
  title: string,
  steps: readonly Step[],
  { behind = [], onEnd = () => undefined, explain = () => '' }: RunOptions = {},
): Promise<void> {
  const rows: string[] = [];
  const lane = startLane(behind);
  /** Ends the process where one of them has failed. */
  const note = (ends: readonly StepEnd[]): void => {
    for (const { code, seconds, step } of ends) {
      rows.push(`${code === 0 ? 'ok  ' : 'FAIL'}  ${seconds.toFixed(1).padStart(7)} s  ${step.name}`);
    }
    const failed = ends.filter(({ code }) => code !== 0);
    if (failed.length === 0) return;
    lane.stop();
    onEnd();
    const what = failed.map(({ step: of, code }) => `"${of.name}" failed with exit code ${code}`).join(', ');
    console.error(`\n${rows.join('\n')}\n${title}: ${what}${explain()}`);
    process.exit(1);
  };
  const takeBehind = (): StepEnd[] => {
    const ends = lane.take();
    for (const { step, output } of ends) console.log(`\n[${title}, behind] ${describeStep(step)}\n${output.trimEnd()}`);
    return ends;
  };
  const names = behind.map(({ name }) => name).join(', ');
  for (const [index, step] of steps.entries()) {
    const meanwhile = index === 0 && names !== '' ? ` (behind it and all others: ${names})` : '';
    console.log(`\n[${title} ${index + 1}/${steps.length}] ${describeStep(step)}${meanwhile}`);
    const end = await startStep(step, false).ended;
    note([end, ...takeBehind()]);
  }
  await lane.over;
  note(takeBehind());
  onEnd();
  console.log(`\n${rows.join('\n')}`);
}
