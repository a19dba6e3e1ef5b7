import { serveParent } from './child-loop.ts';
import { openHost } from './llama-cpp/open-host.ts';

// The engine's child process: one model over llama.cpp, whose assertions may abort it at any time.
serveParent(openHost);
