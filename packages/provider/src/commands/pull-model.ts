import type { Output } from '@ogong/host/lifecycle/command';
import { streamLocal } from './local-client.ts';
import type { LocalDoor } from './local-door.ts';
import { createPullLine } from './pull-progress.ts';

/** Pulls a model and shows its progress on standard error: one line that is written anew on a terminal, else a line per tenth. */
export async function pullModel(
  door: LocalDoor,
  model: string,
  {
    output,
    signal,
    isQuiet = false,
    isTerminal = process.stderr.isTTY === true,
  }: {
    readonly output: Output;
    readonly signal?: AbortSignal;
    readonly isQuiet?: boolean;
    readonly isTerminal?: boolean;
  },
): Promise<void> {
  const show = createPullLine((text) => output.writeError(text), isTerminal);
  for await (const event of streamLocal(door, '/api/pull', { body: { model }, signal })) {
    if (!isQuiet) show(event, performance.now());
  }
}
