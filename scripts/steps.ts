import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Step {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export const root: string = resolve(dirname(fileURLToPath(import.meta.url)), '..');

function runStep(step: Step): Promise<number> {
  const [file, ...args] = step.command;
  return new Promise((done, fail) => {
    const child = spawn(file as string, args, {
      cwd: resolve(root, step.cwd ?? '.'),
      env: { ...process.env, ...step.env },
      stdio: 'inherit',
    });
    child.on('error', fail);
    child.on('exit', (code, signal) => done(code ?? (signal ? 1 : 0)));
  });
}

/** Runs steps in order, prints their times, and stops at the first failure. */
export async function runSteps(title: string, steps: readonly Step[]): Promise<void> {
  const rows: string[] = [];
  for (const [index, step] of steps.entries()) {
    console.log(`\n[${title} ${index + 1}/${steps.length}] ${step.name}: ${step.command.join(' ')}`);
    const start = performance.now();
    const code = await runStep(step);
    rows.push(
      `${code === 0 ? 'ok  ' : 'FAIL'}  ${((performance.now() - start) / 1000).toFixed(1).padStart(7)} s  ${step.name}`,
    );
    if (code !== 0) {
      console.error(`\n${rows.join('\n')}\n${title}: "${step.name}" failed with exit code ${code}`);
      process.exit(1);
    }
  }
  console.log(`\n${rows.join('\n')}`);
}
