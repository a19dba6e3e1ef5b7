// A provider with a fake engine in its own process, where a daemon has its engine in another.
import type { Peer } from '@ogong/host/link/link-pool';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { startProvider } from '../path/path-provider.ts';
import { answerAsks } from './answer-asks.ts';
import { LOAD_MODEL, PACE_MS, PACED_MODEL } from './load-model.ts';
import { type NetworkPlace, openNetworkView } from './network-view.ts';
import { paceEngine } from './paced-engine.ts';

process.once('message', async ({ place, router }: { readonly place: NetworkPlace; readonly router: Peer }) => {
  answerAsks();
  const room = { sequences: 256, maxQueue: 4_096, contextSize: 512 };
  const paced = paceEngine(createFakeEngine({ ...room, weights: 2 }), PACE_MS);
  const offers = [
    { modelId: LOAD_MODEL, pricePer1kAtomic: 1_000n, engine: createFakeEngine(room) },
    { modelId: PACED_MODEL, pricePer1kAtomic: 1_000n, engine: paced },
  ];
  // The parent repeats its first request until a provider answers.
  const validator = { ...openNetworkView(place), isAnnounced: () => true };
  // As in a daemon, a provider with a lost link returns with its next announcement.
  await startProvider('provider', { offers, validator, routers: [router], announceIntervalMs: 10_000 });
  process.send?.({});
});
