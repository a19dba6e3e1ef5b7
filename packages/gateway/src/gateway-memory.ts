import { type ApiApp, type ApiContext, mountRoutes } from '@ogong/host/http/api-app';
import type { BodyLimits } from '@ogong/host/http/body';
import { monotonicClock } from '@ogong/host/time/clock';
import { createMemoryHandlers } from '@ogong/memory/api/memory-handlers';
import { MEMORY_ROUTES, PLAIN_MEMORY_ROUTES } from '@ogong/memory/api/memory-routes';
import { createMemoryService } from '@ogong/memory/memory-service';
import { createGatewayModels } from '@ogong/memory/models/gateway-models';
import type { MemoryModels } from '@ogong/memory/models/memory-models';
import { createUserQueue } from '@ogong/memory/service/user-queue';
import type { MemoryStore } from '@ogong/memory/store/memory-store';
import type { RateLimits } from './front/rate-limits.ts';
import { readKeySecret, type SignIn } from './front/sign-in.ts';
import type { GatewayContext } from './gateway-options.ts';

export interface MemoryParts extends Pick<GatewayContext, 'clock' | 'randomBytes'> {
  readonly signIn: SignIn;
  readonly rates: RateLimits;
  readonly bodyLimits: BodyLimits;
}

const OWN_HOST = '127.0.0.1';

/**
 * Checks that this gateway did before it answered, against its own view of the network. The receipts are kept, so the user can check them
 * with a trust file.
 */
const CHECKED_BEFORE = [
  ...['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'],
];

/** The store of memories of a gateway, and the models that it asks. */
export interface GatewayMemoryMeans {
  readonly store: MemoryStore;
  /** Models of the network. */
  readonly names: MemoryModels['names'];
}

/** The API of memories of a gateway. Its code is loaded only where memories are kept. */
export interface GatewayMemories {
  mount(app: ApiApp, parts: MemoryParts): void;
}

/**
 * Makes the API of memories. The holder of a key is a user. The models are asked through this gateway's own routes with the caller's key, so
 * its budget pays and its limits count.
 */
export const createGatewayMemories = (means: GatewayMemoryMeans): GatewayMemories => ({
  mount: (app, parts) => mountMemories(app, means, parts),
});

function mountMemories(
  app: ApiApp,
  { store, names }: GatewayMemoryMeans,
  { signIn, rates, bodyLimits, clock, randomBytes: random }: MemoryParts,
): void {
  const queue = createUserQueue();
  const openModels = (context: ApiContext): MemoryModels => {
    const apiKey = readKeySecret(context);
    return createGatewayModels({
      ...{ baseUrl: `http://${OWN_HOST}`, names, allow: CHECKED_BEFORE, fetch: askSelf(app, context) },
      ...(apiKey !== undefined && { apiKey }),
    });
  };
  const handlers = createMemoryHandlers({
    ...{ clock: monotonicClock, bodyLimits },
    require: (_, handle) =>
      signIn.require(async (context, key) => {
        await rates.countRequest(context, key);
        const service = createMemoryService({ store, models: openModels(context), clock, random, queue });
        return handle(context, { user: key.id, service });
      }),
  });
  mountRoutes(app, MEMORY_ROUTES, handlers);
  mountRoutes(app, PLAIN_MEMORY_ROUTES, handlers);
}

/** Calls the app without a socket. */
const askSelf =
  (app: ApiApp, { env }: ApiContext): typeof globalThis.fetch =>
  async (input, init) => {
    const request = new Request(input, init);
    request.headers.set('host', OWN_HOST);
    return app.fetch(request, env.stopping ? { stopping: env.stopping } : {});
  };
