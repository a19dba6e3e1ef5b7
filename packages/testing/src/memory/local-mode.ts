import type { Engine } from '@ogong/engine/open-engine';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLogger } from '@ogong/host/log/logger';
import { systemClock } from '@ogong/host/time/clock';
import { createLocalServer, type LocalServerDependencies } from '@ogong/provider/local/local-server';
import { LOOPBACK } from '../network/loopback-server.ts';

/** Local mode on a loopback port, with the APIs of engines that are loaded. */
export async function startLocalMode(engines: Readonly<Record<string, Engine>>) {
  const shelf = Object.keys(engines).map((name) => ({
    ...{ name, reference: name, path: '', sizeBytes: 1, modifiedAtMs: 0 },
    modelRoot: '07'.repeat(32),
  }));
  const dependencies: LocalServerDependencies = {
    ...{ crypto, clock: systemClock, log: createLogger({ name: 'test', level: 'silent' }) },
    shelf: { list: async () => shelf },
    // No test changes the models.
    library: {} as LocalServerDependencies['library'],
    loaded: {
      borrow: async ({ reference }) => ({ engine: engines[reference] as Engine, loadMs: 0, release: () => undefined }),
      list: () => [],
      unload: async () => undefined,
      close: async () => undefined,
    },
  };
  const server = createLocalServer({ listen: LOOPBACK }, dependencies);
  await server.start();
  return {
    baseUrl: `http://127.0.0.1:${server.address().port}`,
    async close() {
      await server.stop();
      for (const engine of Object.values(engines)) await engine.close();
    },
  };
}
