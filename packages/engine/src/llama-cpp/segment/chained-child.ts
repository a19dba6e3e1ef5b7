import { serveParent } from '../../process/child-loop.ts';
import { createTextHost } from '../../process/text-host.ts';
import { type ChainedTextContract, openChainedHost } from './chained-host.ts';

// The child process of a chain's last segment: llama.cpp, whose assertions may abort it at any time.
serveParent<ChainedTextContract>(async (load, send, before) => {
  const opened = await openChainedHost(load, before);
  return { info: opened.info, host: createTextHost({ ...opened, send }) };
});
