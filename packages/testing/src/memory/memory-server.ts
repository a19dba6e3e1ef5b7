import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { systemClock } from '@ogong/host/time/clock';
import { createMemoryKeys, MEMORY_KEYS_SCHEMA } from '@ogong/memory/daemon/memory-keys';
import { createMemoryd } from '@ogong/memory/daemon/memoryd';
import { MEMORY_SCHEMA } from '@ogong/memory/store/memory-schema';
import { createSqlitePlace } from '../gateway/books-place.ts';
import { LOOPBACK } from '../network/loopback-server.ts';
import { openTestMemories, testMasterKey } from './memory-place.ts';
import { goodExtractor } from './scripted-extractors.ts';
import { createScriptedModels } from './scripted-models.ts';

/** Starts the daemon of memories on SQLite and a loopback port. Its models find facts that users state of themselves. */
export async function startMemoryServer() {
  const place = await createSqlitePlace(`${MEMORY_SCHEMA}${MEMORY_KEYS_SCHEMA}`);
  const opened = await openTestMemories(place);
  const keys = createMemoryKeys(opened.books, { masterKey: testMasterKey(), clock: systemClock });
  const { secret: apiKey } = await keys.add({ user: 'ana', scopes: ['read', 'write'], expiresMs: undefined });
  const server = createMemoryd(
    {
      ...{
        bind: LOOPBACK,
        maxConnections: 16,
        maxConnectionsPerAddress: 16,
        bodyLimits: { maxBytes: 2 ** 20, timeoutMs: 10_000 },
      },
      ...{ origins: [], hosts: [] },
    },
    {
      ...{ store: opened.store, keys, models: createScriptedModels(goodExtractor), clock: systemClock },
      ...{ log: createLogger({ name: 'test', level: 'silent' }), metrics: createMetrics('memoryd') },
    },
  );
  await server.start();
  return {
    ...{ apiKey, baseUrl: `http://127.0.0.1:${server.address().port}` },
    async close() {
      await server.stop();
      await opened.close();
      await place.remove();
    },
  };
}
