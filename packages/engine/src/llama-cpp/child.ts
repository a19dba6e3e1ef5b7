import { serveParent } from '../process/child-loop.ts';
import { openHost } from './open-host.ts';

// The engine's child process: one model over llama.cpp, whose assertions may abort it at any time.
serveParent(openHost);
