import { resolveModel } from '@ogong/engine/resolve-model';
import type { Output } from '@ogong/host/lifecycle/command';
import { readHubAccess } from '@ogong/models/hub';
import type { ResolvedModel } from '@ogong/models/resolve';
import { openFileHashes } from '@ogong/models/store';
import { createLoadingLines } from '@ogong/provider/commands/loading-lines';

export interface BringModelOptions {
  readonly modelsDir: string;
  readonly output: Pick<Output, 'writeError'>;
  /** Ends a download. */
  readonly signal?: AbortSignal;
}

/**
 * Brings a model onto this machine. Standard error shows downloads and reads of large files. On a terminal one line is written anew.
 * Elsewhere each tenth has a line.
 * @param reference see models/source.ts. @throws ModelError
 */
export async function bringModel(
  reference: string,
  { modelsDir: storeDir, output, signal }: BringModelOptions,
): Promise<ResolvedModel> {
  const isTerminal = process.stderr.isTTY === true;
  // An output shows control sequences as text.
  const write = isTerminal ? (text: string) => void process.stderr.write(text) : output.writeError;
  const { onDownload, onReading } = createLoadingLines(write, isTerminal);
  return resolveModel(reference, {
    ...{ storeDir, hub: readHubAccess(process.env), hashes: openFileHashes(storeDir, { onReading }) },
    onProgress: onDownload,
    onRetry: ({ file, reason, pauseMs }) =>
      output.writeError(`${file}: ${reason}; asking again in ${(pauseMs / 1000).toFixed(1)} s\n`),
    ...(signal && { signal }),
  });
}
