import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveModel } from '@ogong/engine/resolve-model';
import { createModelStore } from '@ogong/models/store';
import { testClients } from '@ogong/testing/clients/client-suite';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { createLocalFixture, shelve } from './local-fixture.ts';
import { createStoreLibrary } from './store-library.ts';
import { createStoreShelf } from './store-shelf.ts';

const CALL = 'I look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>';

testClients('local mode', async () => {
  const named = [shelve('fake'), shelve('embedder'), shelve('caller')];
  const storeDir = mkdtempSync(join(tmpdir(), 'ogong-clients-'));
  const store = createModelStore(storeDir);
  const bytes = readFileSync(shelve('fake').path);
  const host = createServer((_, response) => response.setHeader('content-length', bytes.length).end(bytes));
  await once(host.listen(0, '127.0.0.1'), 'listening');
  const { base, close } = await createLocalFixture({
    shelf: createStoreShelf(store, named),
    library: createStoreLibrary(store, (reference, options) => resolveModel(reference, { storeDir, ...options }), {
      pullsFromOwnNetwork: true,
    }),
    open: (reference) =>
      reference.includes('embedder')
        ? createFakeEmbeddingEngine()
        : createFakeEngine({
            contextSize: 2048,
            fills: true,
            ...(reference.includes('caller') && { says: CALL, concludes: 'Sun.' }),
          }),
  });
  const pullable = `http://127.0.0.1:${(host.address() as AddressInfo).port}/pullable.gguf`;
  return {
    ...{
      origin: base,
      model: 'fake',
      embeddingModel: 'embedder',
      callingModel: 'caller',
      countsTokens: true,
      pullable,
    },
    async close() {
      await close();
      host.close();
      rmSync(storeDir, { recursive: true });
    },
  };
});
