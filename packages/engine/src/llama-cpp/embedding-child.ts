import { serveParent } from '../process/child-loop.ts';
import { createEmbeddingHost } from '../process/embedding-host.ts';
import { openEmbeddingHost } from './embedding-host.ts';
import type { LlamaEmbeddingContract } from './load-options.ts';

// The child process of an embedding model: llama.cpp, whose assertions may abort it at any time.
serveParent<LlamaEmbeddingContract>((load, send) => {
  const opened = openEmbeddingHost(load);
  return { info: opened.info, host: createEmbeddingHost({ ...opened, maxQueue: load.maxQueue, send }) };
});
