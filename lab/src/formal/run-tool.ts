import { spawnSync } from 'node:child_process';

export interface ToolRun {
  readonly status: number | null;
  readonly output: string;
  /** CPU and waiting, as the clock has it. */
  readonly seconds: number;
}

/** Runs a program to its end. A program that is not there has status null. */
export function runTool(
  command: string,
  args: readonly string[],
  { folder, timeoutMs }: { readonly folder: string; readonly timeoutMs: number },
): ToolRun {
  const began = performance.now();
  const result = spawnSync(command, args, { cwd: folder, encoding: 'utf8', timeout: timeoutMs, maxBuffer: 1 << 26 });
  const note = result.error === undefined ? '' : `\n${command}: ${result.error.message}`;
  return {
    status: result.status,
    output: `${result.stdout ?? ''}${result.stderr ?? ''}${note}`,
    seconds: (performance.now() - began) / 1_000,
  };
}
