import type { FromChild, ToChild } from '../process/child-messages.ts';
import { createEmbeddingHost, type EmbeddingHost } from '../process/embedding-host.ts';
import type { EmbeddingContract, EmbeddingLoad } from '../process/embedding-messages.ts';
import { toPlainError } from '../process/host.ts';
import { openEmbeddingHost } from './embedding-host.ts';

/** The child process of an embedding model over llama.cpp, whose assertions may abort it at any time. It dies with its parent. */
let host: EmbeddingHost | undefined;

const send = (message: FromChild<EmbeddingContract>): void => {
  // A parent that is gone has closed the channel; 'disconnect' ends this process.
  if (process.connected) process.send?.(message);
};

function load(options: EmbeddingLoad): void {
  try {
    const opened = openEmbeddingHost(options);
    host = createEmbeddingHost({ ...opened, maxQueue: options.maxQueue, send });
    send({ kind: 'ready', info: opened.info });
  } catch (error) {
    send({ kind: 'load-failed', error: toPlainError(error) });
  }
}

process.on('message', (message: ToChild<EmbeddingContract>) => {
  if (message.kind === 'load') load(message.options);
  else if (message.kind === 'call') host?.call(message.id, message.call);
  else if (message.kind === 'cancel') host?.cancel(message.id);
  else if (message.kind === 'close') {
    host?.close();
    process.exit(0);
  }
});
process.on('disconnect', () => process.exit(0));
// A terminal's Ctrl-C reaches the whole group; the parent decides when this process ends.
process.on('SIGINT', () => undefined);
