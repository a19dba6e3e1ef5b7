import { testClients } from '@ogong/testing/clients/client-suite';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { createLocalFixture, shelve } from './local-fixture.ts';

testClients('local mode', async () => {
  const { base, close } = await createLocalFixture({
    models: [shelve('fake'), shelve('embedder')],
    open: (reference) =>
      reference.includes('embedder') ? createFakeEmbeddingEngine() : createFakeEngine({ contextSize: 512 }),
  });
  return { origin: base, model: 'fake', embeddingModel: 'embedder', close };
});
