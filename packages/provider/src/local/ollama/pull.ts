import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import { readBoolean } from '../field-rules.ts';
import type { LocalCall } from '../local-model.ts';
import { PULL_RULES } from './manage-rules.ts';
import { answerProgress, type StatusEvent } from './progress.ts';
import { readCall, readName } from './read-call.ts';

/** Lines about one file come at most so often. */
const PAUSE_MS = 100;

/** POST /api/pull: brings a model onto this machine. @throws RequestError, ModelError */
export async function pull(context: ApiContext, { library }: LocalCall): Promise<Response> {
  const { fields } = await readCall(context, PULL_RULES);
  const reference = readName(fields);
  return answerProgress(context, readBoolean(fields, 'stream', true), async (tell) => {
    let lastMs = 0;
    let lines: Promise<void> = Promise.resolve();
    // A name that cannot be pulled has a status of its own, so nothing is said before the first progress.
    const say = (event: StatusEvent): void => {
      lines = lines.then(() => tell(event));
      lines.catch(() => undefined);
    };
    await library.pull(reference, {
      signal: getCallSignal(context),
      onRetry({ file, reason, pauseMs }) {
        say({ status: `${file}: ${reason}; asking again in ${(pauseMs / 1000).toFixed(1)} s` });
      },
      onProgress({ file, receivedBytes, totalBytes, sha256 }) {
        if (lastMs === 0) say({ status: 'pulling manifest' });
        const now = performance.now();
        if (now - lastMs < PAUSE_MS && receivedBytes !== totalBytes) return;
        lastMs = now;
        say({
          status: `pulling ${sha256?.slice(0, 12) ?? file}`,
          digest: sha256 === undefined ? file : `sha256:${sha256}`,
          ...(totalBytes === undefined ? {} : { total: totalBytes }),
          completed: receivedBytes,
        });
      },
    });
    await lines;
    await tell({ status: 'verifying sha256 digest' });
    await tell({ status: 'writing manifest' });
  });
}
