import type { FromChild, LoadOptions, ToChild } from './child-messages.ts';
import { createHost, type Host, type HostOptions, toPlainError } from './host.ts';

export type OpenModel = (options: LoadOptions) => Pick<HostOptions, 'model' | 'info' | 'tokenizePrompt' | 'maxDrafts'>;

/**
 * Serves the parent of this process, an engine, with one model: it decodes synchronously and ends with its parent.
 * @param open loads the model in this process. @throws EngineError, which the parent then reports.
 */
export function serveParent(open: OpenModel): void {
  let host: Host | undefined;

  const send = (message: FromChild): void => {
    // A parent that is gone has closed the channel; 'disconnect' ends this process.
    if (process.connected) process.send?.(message);
  };

  const load = (options: LoadOptions): void => {
    try {
      const opened = open(options);
      const { promptChunk, maxQueue, prefixCache } = options;
      host = createHost({ ...opened, promptChunk, maxQueue, prefixCache, send });
      send({ kind: 'ready', info: opened.info });
    } catch (error) {
      send({ kind: 'load-failed', error: toPlainError(error) });
    }
  };

  process.on('message', (message: ToChild) => {
    if (message.kind === 'load') load(message.options);
    else if (message.kind === 'generate') host?.generate(message.id, message.request);
    else if (message.kind === 'call') host?.call(message.id, message.call);
    else if (message.kind === 'cancel') host?.cancel(message.id);
    else {
      host?.close();
      process.exit(0);
    }
  });
  process.on('disconnect', () => process.exit(0));
  // A terminal's Ctrl-C reaches the whole group; the parent decides when this process ends.
  process.on('SIGINT', () => undefined);
}
