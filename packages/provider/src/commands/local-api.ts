import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { Logger } from '@ogong/host/log/logger';
import { systemClock } from '@ogong/host/time/clock';
import { createLocalApp } from '../local/local-server.ts';
import { type LocalSettings, openLocalModels } from '../local/open-local-models.ts';
import { findServer } from '../local/server-note.ts';
import { createLoadingLines } from './loading-lines.ts';

/** The local API, wherever it is answered. */
export interface LocalApi {
  /** URL of the server that answers; undefined if this process does it itself. */
  readonly server: string | undefined;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** Finds the address of the server that runs on a data directory, if there is one. */
export async function findRunningServer(dataDir: string): Promise<LocalApi | undefined> {
  const server = await findServer(dataDir);
  return server === undefined
    ? undefined
    : { server, fetch: (path, init) => fetch(`${server}${path}`, init), close: async () => undefined };
}

/** Opens the same API within this process, without a port. @throws ModelError, EngineError */
export async function openOwnApi(settings: LocalSettings, log: Logger): Promise<LocalApi> {
  const { names: _, ...models } = await openLocalModels(settings, {
    log,
    ...createLoadingLines((text) => process.stderr.write(text), process.stderr.isTTY === true),
  });
  const app = createLocalApp(
    { listen: { host: '127.0.0.1', port: 0 } },
    { ...models, crypto: nodeCrypto, clock: systemClock, log },
  );
  return {
    server: undefined,
    async fetch(path, init = {}) {
      const headers = { ...(init.headers as Record<string, string>), host: 'localhost' };
      return app.fetch(new Request(`http://localhost${path}`, { ...init, headers }), {});
    },
    close: () => models.loaded.close(),
  };
}
