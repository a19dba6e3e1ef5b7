import type { Store } from '@ogong/host/store/store';
import { listShapes } from '../store/replies/reply-store.ts';
import { CANARY_ENDPOINTS, type CanaryRequest, composeAlone, composeCanary } from './compose-canary.ts';
import { createDrawnTests, type DrawnTestDependencies, type DrawnTests, type TestEnd } from './drawn-tests.ts';

export interface CanaryDependencies extends DrawnTestDependencies {
  /** Result of joinTexts. */
  readonly texts: string;
  /** 0..1. */
  readonly random: () => number;
  readonly buy: (request: CanaryRequest, to: { providerId: Uint8Array; signal: AbortSignal }) => Promise<TestEnd>;
}

/** Buys answers of providers that the beacon draws, and records misses. */
export function createCanaries(dependencies: CanaryDependencies): DrawnTests {
  return createDrawnTests('canary', dependencies, ({ modelId, providerId }, signal) =>
    dependencies.buy(compose(dependencies, modelId), { providerId, signal }),
  );
}

interface ComposeDependencies extends Pick<CanaryDependencies, 'texts' | 'random'> {
  readonly store: Store;
}

/** Composes a request in the shape of recent requests for that model. */
function compose({ store, texts, random }: ComposeDependencies, model: string): CanaryRequest {
  const shapes = store.read(() => listShapes(store));
  for (let left = shapes.length; left > 0; left--) {
    const [shape] = shapes.splice(Math.floor(random() * left), 1);
    const endpoint = CANARY_ENDPOINTS.find((name) => name === shape?.endpoint);
    if (shape === undefined || endpoint === undefined) continue;
    const made = composeCanary({ endpoint, body: shape.request }, { model, texts, random });
    if (made !== undefined) return made;
  }
  return composeAlone({ model, texts, random });
}
