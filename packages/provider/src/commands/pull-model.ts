import type { Output } from '@ogong/host/lifecycle/command';
import type { LocalApi } from './local-api.ts';
import { streamLocal } from './local-client.ts';
import { createPullLine } from './pull-progress.ts';

/** Pulls a model and shows its progress on standard error: one line that is written anew on a terminal, else a line per tenth. */
export async function pullModel(
  api: LocalApi,
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
  const show = createPullLine(isTerminal ? (text) => void process.stderr.write(text) : output.writeError, isTerminal);
  for await (const event of streamLocal(api, '/api/pull', { body: { model }, signal })) {
    if (!isQuiet) show(event, performance.now());
  }
}
