import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Step {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Run at the same time, one after the other. Their output follows when all are over. */
  readonly beside?: readonly Step[];
}

export const root: string = resolve(dirname(fileURLToPath(import.meta.url)), '..');

interface StepEnd {
  readonly step: Step;
  readonly code: number;
  readonly seconds: number;
  /** Of a step that ran beside another one. */
  readonly output: string;
}

/** @param isQuiet keeps the output instead of passing it on. */
function runStep(step: Step, isQuiet: boolean): Promise<StepEnd> {
  const [file, ...args] = step.command;
  const start = performance.now();
  return new Promise((done, fail) => {
    const child = spawn(file as string, args, {
      cwd: resolve(root, step.cwd ?? '.'),
      env: { ...process.env, ...step.env },
      stdio: isQuiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    });
    const kept: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => kept.push(chunk));
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
}

/** Stops at the first failure. */
async function runQuietly(steps: readonly Step[]): Promise<StepEnd[]> {
  const ends: StepEnd[] = [];
  for (const step of steps) {
    const end = await runStep(step, true);
    ends.push(end);
    if (end.code !== 0) break;
  }
  return ends;
}

const describeStep = ({ name, command }: Step): string => `${name}: ${command.join(' ')}`;

/**
 * Runs steps in order, prints their times, and stops at the first failure.
 * @param onEnd called before the times are printed.
 */
export async function runSteps(
  title: string,
  steps: readonly Step[],
  onEnd: () => void = () => undefined,
): Promise<void> {
  const rows: string[] = [];
  for (const [index, step] of steps.entries()) {
    const { beside = [] } = step;
    const number = `${title} ${index + 1}/${steps.length}`;
    console.log(
      `\n[${number}] ${describeStep(step)}${beside.length > 0 ? ` (beside it: ${beside.map(({ name }) => name).join(', ')})` : ''}`,
    );
    const [end, others] = await Promise.all([runStep(step, false), runQuietly(beside)]);
    for (const { step: other, output } of others)
      console.log(`\n[${number}, beside it] ${describeStep(other)}\n${output.trimEnd()}`);
    const ends = [end, ...others];
    for (const { code, seconds, step: of } of ends) {
      rows.push(`${code === 0 ? 'ok  ' : 'FAIL'}  ${seconds.toFixed(1).padStart(7)} s  ${of.name}`);
    }
    const failed = ends.filter(({ code }) => code !== 0);
    if (failed.length > 0) {
      onEnd();
      const what = failed.map(({ step: of, code }) => `"${of.name}" failed with exit code ${code}`).join(', ');
      console.error(`\n${rows.join('\n')}\n${title}: ${what}`);
      process.exit(1);
    }
  }
  onEnd();
  console.log(`\n${rows.join('\n')}`);
}
