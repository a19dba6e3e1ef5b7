import type { Output } from '@ogong/host/lifecycle/command';
import type { TransferProgress } from '@ogong/hub/transfer/progress';
import type { PullEvent } from '@ogong/hub/transfer/pull';
import { createPullLine } from '@ogong/provider/commands/pull-progress';

/** Lines on standard error about one transfer. */
export interface TransferLines {
  onProgress(progress: TransferProgress): void;
  onEvent(event: PullEvent): void;
}

/** Shows bytes, rate and time left of all files together. On a terminal one line is written anew. Elsewhere each tenth has a line. */
export function createTransferLines(output: Pick<Output, 'writeError'>): TransferLines {
  const isTerminal = process.stderr.isTTY === true;
  // An output shows control sequences as text.
  const show = createPullLine(isTerminal ? (text) => void process.stderr.write(text) : output.writeError, isTerminal);
  const onProgress = ({ path, doneBytes: completed, totalBytes: total }: TransferProgress): void => {
    show({ status: path, digest: 'all', completed, total }, performance.now());
    if (completed === total) show({ status: 'all files are here' }, performance.now());
  };
  return {
    onProgress,
    onEvent(event) {
      if (event.kind === 'progress') onProgress(event);
      else if (event.kind === 'source-dropped')
        show({ status: `${event.source} is asked no more: ${event.reason}, ${event.detail}` }, performance.now());
    },
  };
}
