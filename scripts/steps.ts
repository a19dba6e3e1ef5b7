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
  /** Prints the output and keeps it, too. Default: the output is only printed. */
  readonly keepsOutput?: boolean;
}

export const root: string = resolve(dirname(fileURLToPath(import.meta.url)), '..');

export interface StepEnd {
  readonly step: Step;
  readonly code: number;
  readonly seconds: number;
  /** Output of a step that ran behind others, or that keeps its output. */
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
    stdio: isQuiet || step.keepsOutput ? ['ignore', 'pipe', 'pipe'] : 'inherit',
  });
  // Processes that it starts later inherit this.
  if (step.niceness !== undefined && child.pid !== undefined)
    setPriority(child.pid, Math.max(step.niceness, getPriority()));
  const kept: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      kept.push(chunk);
      if (!isQuiet) process.stdout.write(chunk);
    });
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

/** Runs steps quietly, one after the other. The first failure ends the lane unless `goesOn`. */
function startLane(steps: readonly Step[], goesOn: boolean): Lane {
  const ends: StepEnd[] = [];
  let running: RunningStep | undefined;
  let isStopped = false;
  const run = async (): Promise<void> => {
    for (const step of steps) {
      if (isStopped) return;
      running = startStep(step, true);
      const end = await running.ended;
      ends.push(end);
      if (end.code !== 0 && !goesOn) return;
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

export interface RunOptions {
  /** Steps that run meanwhile, one after the other, at a lower priority. */
  readonly behind?: readonly Step[];
  /** Called before the times are printed. */
  readonly onEnd?: (() => void | Promise<void>) | undefined;
  /** Returns the text that is printed last if a step has failed. Default: none. */
  readonly explain?: (() => string) | undefined;
  /** Called after each step. */
  readonly onStep?: ((end: StepEnd) => void) | undefined;
  /** Text behind the heading of a step, such as the time that is left. */
  readonly describeLeft?: ((step: Step) => string) | undefined;
  /** A failed step does not stop the others. The exit code is 1 all the same. Default: false. */
  readonly goesOn?: boolean | undefined;
  /** Returns the last line of all. */
  readonly close?: (() => string) | undefined;
}

/** Runs steps in order and prints their times. The first failure ends the run unless `goesOn`. */
export async function runSteps(
  title: string,
  steps: readonly Step[],
  { behind = [], onEnd, explain, onStep, describeLeft, goesOn = false, close }: RunOptions = {},
): Promise<void> {
  const rows: string[] = [];
  const failed: string[] = [];
  const lane = startLane(behind, goesOn);
  const end = async (): Promise<void> => {
    await onEnd?.();
    const isGreen = failed.length === 0;
    if (isGreen) console.log(`\n${rows.join('\n')}`);
    else console.error(`\n${rows.join('\n')}\n${title}: ${failed.join(', ')}${explain?.() ?? ''}`);
    if (close !== undefined) console.log(close());
    if (!isGreen) process.exit(1);
  };
  /** Ends the process where one of them has failed. */
  const note = async (ends: readonly StepEnd[]): Promise<void> => {
    for (const one of ends) {
      const { code, seconds, step } = one;
      rows.push(`${code === 0 ? 'ok  ' : 'FAIL'}  ${seconds.toFixed(1).padStart(7)} s  ${step.name}`);
      if (code !== 0) failed.push(`"${step.name}" failed with exit code ${code}`);
      onStep?.(one);
    }
    if (failed.length === 0 || goesOn) return;
    lane.stop();
    await end();
  };
  const takeBehind = (): StepEnd[] => {
    const ends = lane.take();
    for (const { step, output } of ends) console.log(`\n[${title}, behind] ${describeStep(step)}\n${output.trimEnd()}`);
    return ends;
  };
  const names = behind.map(({ name }) => name).join(', ');
  for (const [index, step] of steps.entries()) {
    const meanwhile = index === 0 && names !== '' ? ` (behind it and all others: ${names})` : '';
    const left = describeLeft?.(step) ?? '';
    console.log(`\n[${title} ${index + 1}/${steps.length}] ${describeStep(step)}${meanwhile}${left}`);
    const ended = await startStep(step, false).ended;
    await note([ended, ...takeBehind()]);
  }
  await lane.over;
  await note(takeBehind());
  await end();
}
