import { serveParent } from '../process/child-loop.ts';
import { createTextHost } from '../process/text-host.ts';
import type { LlamaTextContract } from './load-options.ts';
import { openHost } from './open-host.ts';

// The child process of a text model: llama.cpp, whose assertions may abort it at any time.
serveParent<LlamaTextContract>((load, send) => {
  const opened = openHost(load);
  return { info: opened.info, host: createTextHost({ ...opened, send }) };
});
