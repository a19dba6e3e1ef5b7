import type { FromChild, LoadOptions, ToChild } from './child-messages.ts';
import { createHost, type Host, toPlainError } from './host.ts';
import { openHost } from './llama-cpp/open-host.ts';

/**
 * The engine's child process: one model over llama.cpp, whose assertions may abort it at any time. It decodes
 * synchronously and dies with its parent.
 */
let host: Host | undefined;

const send = (message: FromChild): void => {
  // A parent that is gone has closed the channel; 'disconnect' ends this process.
  if (process.connected) process.send?.(message);
};

function load(options: LoadOptions): void {
  try {
    const opened = openHost(options);
    const { promptChunk, maxQueue, prefixCache } = options;
    host = createHost({ ...opened, promptChunk, maxQueue, prefixCache, send });
    send({ kind: 'ready', info: opened.info });
  } catch (error) {
    send({ kind: 'load-failed', error: toPlainError(error) });
  }
}

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
