import type { Store } from '@ogong/host/store/store';
import { isEndpoint } from '@ogong/protocol/modality/endpoints';
import type { CanaryForm } from '@ogong/protocol/modality/modality';
import { lookUpModality } from '@ogong/protocol/modality/registry';
import { findModelEndpoint, listShapes } from '../store/replies/reply-store.ts';
import { type CanaryRequest, composeAlone, composeCanary, findCanaryForm } from './compose-canary.ts';
import {
  createDrawnTests,
  type DrawnTest,
  type DrawnTestDependencies,
  type DrawnTests,
  type TestEnd,
} from './drawn-tests.ts';

export interface CanaryDependencies extends DrawnTestDependencies {
  /** Result of joinTexts. */
  readonly texts: string;
  /** 0..1. */
  readonly random: () => number;
  /** Buy an answer, each at another gateway. */
  readonly shops: readonly BuyAnswer[];
}

type BuyAnswer = (request: CanaryRequest, to: { providerId: Uint8Array; signal: AbortSignal }) => Promise<TestEnd>;

/** Endpoint of the tests of a model whose modality this version does not know. */
const UNKNOWN_MODEL = 'chat';

/**
 * Buys answers of providers that the beacon draws, and records misses. A miss is one gateway's claim. So it counts only if another
 * gateway finds a miss, too, by another request at a random moment of the epoch that follows.
 */
export function createCanaries(dependencies: CanaryDependencies): DrawnTests {
  const { shops, random, epochMs } = dependencies;
  return createDrawnTests('canary', dependencies, async (test, signal) => {
    const buyAt = async (shop: BuyAnswer | undefined): Promise<TestEnd> => {
      const request = compose(dependencies, test);
      if (shop === undefined || request === undefined) return { outcome: 'unknown' };
      return await shop(request, { providerId: test.providerId, signal });
    };
    const left = [...shops];
    const drawShop = (): BuyAnswer | undefined => left.splice(Math.floor(random() * left.length), 1)[0];
    const first = await buyAt(drawShop());
    if (first.outcome !== 'missed') return first;
    await pause(random() * epochMs, signal);
    return await buyAt(drawShop());
  });
}

/** Resolves after that time, or once the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, signal.aborted ? 0 : ms);
    signal.addEventListener('abort', end);
  });
}

interface ComposeDependencies extends Pick<CanaryDependencies, 'texts' | 'random'> {
  readonly store: Store;
}

/**
 * Composes a request in the shape of recent requests, for an endpoint of the model's modality.
 * @returns undefined if that modality has no tests.
 */
function compose(
  { store, texts, random }: ComposeDependencies,
  { modelId: model, modelRoot, modality }: Pick<DrawnTest, 'modelId' | 'modelRoot' | 'modality'>,
): CanaryRequest | undefined {
  // A provider could announce a modality without tests, so replies count more than its statement.
  const answered = store.read(() => findModelEndpoint(store, modelRoot));
  const [announced = UNKNOWN_MODEL] = lookUpModality(modality)?.endpoints ?? [];
  const form: CanaryForm | undefined = findCanaryForm(answered ?? announced);
  if (form === undefined) return undefined;
  const shapes = store.read(() => listShapes(store)).filter(({ endpoint }) => form.endpoints.includes(endpoint));
  for (let left = shapes.length; left > 0; left--) {
    const [shape] = shapes.splice(Math.floor(random() * left), 1);
    if (shape === undefined || !isEndpoint(shape.endpoint)) continue;
    const made = composeCanary({ endpoint: shape.endpoint, body: shape.request }, { model, texts, random });
    if (made !== undefined) return made;
  }
  return composeAlone(form, { model, texts, random });
}
