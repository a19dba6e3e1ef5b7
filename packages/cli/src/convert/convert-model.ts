import { basename } from 'node:path';
import type { Output } from '@ogong/host/lifecycle/command';
import { type ConvertedModel, convertFolder } from '@ogong/models/conversion/convert';
import { createPullLine } from '@ogong/provider/commands/pull-progress';

/**
 * Converts a folder with safetensors into a GGUF file, and shows on standard error how far it is.
 * @throws ModelError, or the file system's error.
 */
export async function convertModel(
  folder: string,
  target: string,
  { output, signal }: { readonly output: Pick<Output, 'writeError'>; readonly signal: AbortSignal },
): Promise<ConvertedModel> {
  const isTerminal = process.stderr.isTTY === true;
  // An output shows control sequences as text.
  const show = createPullLine(isTerminal ? (text) => void process.stderr.write(text) : output.writeError, isTerminal);
  const status = `converting ${basename(folder)}`;
  const onBytes = (completed: number, total: number): void =>
    show({ status, digest: folder, completed: Math.min(completed, total), total }, performance.now());
  const converted = await convertFolder(folder, target, { onBytes, signal });
  show({ status: 'converted' }, performance.now());
  return converted;
}
