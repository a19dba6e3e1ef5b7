import { HUB_BUDGET_BYTES, HUB_STAY_MS, type HubFetch, JUNK, simulateHubDemand } from '../roles/hub-demand.ts';
import { simulatePins } from '../roles/pins.ts';
import type { World } from '../world/world.ts';

export interface HubWatch {
  /** Downloads of the provider, and epochs of pins that were paid. */
  readonly counts: { fetched: number; paid: number };
}

/** Simulates a provider that serves from the hub, and pins. Checks the bounds of its downloads and the pay for storage. */
export function watchHub(world: Pick<World, 'seed' | 'time' | 'trace' | 'crypto' | 'violate'>): HubWatch {
  const counts = { fetched: 0, paid: 0 };
  let lately: readonly HubFetch[] = [];
  simulateHubDemand(world, (fetch) => {
    counts.fetched++;
    const { modelId, atMs } = fetch;
    world.trace.note('hub provider', `fetches ${modelId}`);
    if (JUNK.has(modelId)) world.violate('few-routers-fetch-nothing', `${modelId} was fetched, which one router named`);
    lately = [...lately.filter((one) => one.atMs > atMs - HUB_STAY_MS), fetch];
    const bytes = lately.reduce((sum, one) => sum + one.bytes, 0);
    if (bytes > HUB_BUDGET_BYTES)
      world.violate('downloads-fit-the-budget', `${bytes} of ${HUB_BUDGET_BYTES} bytes with ${modelId}`);
  });
  simulatePins(world, ({ epoch, isWhole, isPaid }) => {
    if (isPaid) counts.paid++;
    world.trace.note('pins', `epoch ${epoch}: ${isPaid ? 'paid' : 'not paid'}`);
    if (isPaid !== isWhole)
      world.violate('storage-is-paid-if-whole', `epoch ${epoch}: whole ${isWhole}, paid ${isPaid}`);
  });
  return { counts };
}
