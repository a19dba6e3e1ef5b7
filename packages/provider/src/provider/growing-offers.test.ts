import { parseAnnouncement } from '@ogong/protocol/exchange/announcement';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createNetwork, MODEL_ID, type Network, PRICE, receive, until } from '@ogong/testing/provider/provider-fixture';
import { expect, it, onTestFinished } from 'vitest';

const FURTHER = 'ogong/verified/test/further';

const listAnnounced = ({ validator }: Network): readonly string[] => {
  const last = validator.announced.at(-1);
  return last === undefined ? [] : parseAnnouncement(last.announcement).models.map(({ modelId }) => modelId);
};

it('a model that is offered while the provider runs is announced, serves, and ends once its orders have ended', async () => {
  const network = await createNetwork({ provider: { announceIntervalMs: 20 } });
  onTestFinished(() => network.close());
  const { provider, client } = network;
  const engine = createFakeEngine({ contextSize: 512, weights: 2, stepMs: 5 });
  await until(() => listAnnounced(network).length > 0);
  const ask = (nonce: number) => receive(client, network.order({ modelId: FURTHER, engine, nonce }));
  await expect(ask(1)).rejects.toThrow(/does not serve model root/);
  provider.addOffer({ modelId: FURTHER, pricePer1kAtomic: PRICE, engine });
  await until(() => listAnnounced(network).includes(FURTHER));
  const running = ask(2);
  await until(() => provider.activeReplies() === 1);
  expect(provider.endOffer(FURTHER)).toBe(false);
  expect((await running).finished.stopReason).toBe('length');
  await until(() => provider.activeReplies() === 0);
  expect(provider.endOffer(FURTHER)).toBe(true);
  await until(() => listAnnounced(network).join() === MODEL_ID);
  await expect(ask(3)).rejects.toThrow(/does not serve model root/);
  await until(() => network.validator.pushed.length === 1);
  await engine.close();
});
