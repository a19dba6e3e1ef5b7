import { testClients } from '@ogong/testing/clients/client-suite';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture } from '@ogong/testing/gateway/gateway-fixture';

testClients('gateway', async () => {
  const { url, close } = await createGatewayFixture();
  const models = { model: FAKE_MODEL, embeddingModel: FAKE_MODEL, pictureModel: FAKE_MODEL, callingModel: FAKE_MODEL };
  return { origin: url, ...models, close };
});
