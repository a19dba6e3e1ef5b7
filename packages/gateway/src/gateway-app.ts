import { nameAnthropicRequest } from '@ogong/host/dialect/anthropic/anthropic-call';
import { formatDialectError } from '@ogong/host/dialect/error-body';
import { showModel, showModels } from '@ogong/host/dialect/models';
import { explainUnserved } from '@ogong/host/dialect/unserved-paths';
import { allowOrigins, assertLoopbackHost } from '@ogong/host/http/access';
import { type ApiApp, type ApiAppOptions, createApiApp, type Handler, mountRoutes } from '@ogong/host/http/api-app';
import { type Metrics, readMetrics } from '@ogong/host/metrics/metrics';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import {
  ADMIN_ROUTES,
  type AdminRouteName,
  GATEWAY_ROUTES,
  type GatewayRouteName,
  HOOK_ROUTES,
  type HookRouteName,
  PAGE_ROUTES,
  type PageRouteName,
  PUBLIC_ROUTES,
  type PublicRouteName,
} from '@ogong/protocol/http/routes';
import { type CompletionsDependencies, createCompletionHandler } from './front/completions.ts';
import { createCountHandler, createDialectHandler } from './front/dialect-handlers.ts';
import { createEmbeddingHandler, createRerankHandler } from './front/embeddings.ts';
import type { ModelList } from './front/model-list.ts';
import { createPictureHandler } from './front/pictures.ts';
import { createReceiptHandlers, type ReceiptHandlersDependencies } from './front/receipt-handlers.ts';
import { createReplayHandlers } from './front/replay-handlers.ts';
import type { KeyedHandler, SignIn } from './front/sign-in.ts';
import { createTensorHandler } from './front/tensors.ts';
import { createUsageHandler, type UsageHandlerDependencies } from './front/usage-handler.ts';
import {
  createSealedHandlers,
  type SealedHandlersDependencies,
  type SealedRouteName,
} from './sealed/sealed-handlers.ts';

export interface GatewayAppDependencies {
  readonly signIn: SignIn;
  readonly completions: CompletionsDependencies;
  readonly sealed: SealedHandlersDependencies;
  readonly receipts: ReceiptHandlersDependencies;
  readonly usage: UsageHandlerDependencies;
  readonly models: ModelList;
  readonly public: Readonly<Record<PublicRouteName, Handler>>;
  readonly pages: Readonly<Record<PageRouteName, Handler>>;
  readonly admin: Readonly<Record<AdminRouteName, Handler>>;
  readonly hooks: Readonly<Record<HookRouteName, Handler>>;
  readonly metrics: Metrics;
  readonly chain: Pick<ChainView, 'validators'>;
  readonly beacon: Pick<BeaconView, 'latest'>;
  readonly onFailure: NonNullable<ApiAppOptions['onFailure']>;
  readonly onAnswered: NonNullable<ApiAppOptions['onAnswered']>;
}

/** Creates the gateway's HTTP API: a handler for every route of its table, which the SDK uses too. */
export function createGatewayApp(
  { origins }: { readonly origins: readonly string[] },
  dependencies: GatewayAppDependencies,
): ApiApp {
  const { signIn, completions, models, metrics, onFailure, onAnswered } = dependencies;
  const app = createApiApp({ onFailure, onAnswered, formatError: formatDialectError });
  app.use(nameAnthropicRequest);
  app.use(async (context, next) => {
    if (signIn.isOpen()) assertLoopbackHost(context);
    await next();
  });
  app.use(allowOrigins(origins));
  app.use(explainUnserved('gateway'));

  const receipts = createReceiptHandlers(dependencies.receipts);
  const replays = createReplayHandlers(dependencies.receipts);
  const { rates } = completions;
  /** Lists cost a router work, so they count as requests of the key, too. */
  const listing = (handle: KeyedHandler): Handler =>
    signIn.requireOrPay(async (context, key) => {
      await rates.countRequest(context, key);
      return handle(context, key);
    });
  const handlers: Readonly<Record<GatewayRouteName, Handler>> = {
    chat: signIn.requireOrPay(createCompletionHandler('chat', completions)),
    completion: signIn.requireOrPay(createCompletionHandler('completion', completions)),
    embedding: signIn.requireOrPay(createEmbeddingHandler(completions)),
    rerank: signIn.requireOrPay(createRerankHandler(completions)),
    infer: signIn.requireOrPay(createTensorHandler(completions)),
    image: signIn.requireOrPay(createPictureHandler('image', completions)),
    'image-edit': signIn.requireOrPay(createPictureHandler('image-edit', completions)),
    'image-variation': signIn.requireOrPay(createPictureHandler('image-variation', completions)),
    response: signIn.requireOrPay(createDialectHandler('response', completions)),
    responseCount: signIn.require(createCountHandler('response', completions)),
    message: signIn.requireOrPay(createDialectHandler('message', completions)),
    messageCount: signIn.require(createCountHandler('message', completions)),
    ...requireAll(signIn, createSealedHandlers(dependencies.sealed)),
    models: listing(async (context, key) => showModels(context, await models.list(key))),
    model: listing(async (context, key) => {
      try {
        return showModel(context, await models.get(context.req.param('id') ?? '', key));
      } catch (error) {
        throw await completions.names.explain(error, key);
      }
    }),
    endpoints: listing(async (context, key) => context.json(await models.listOffers(context.req.query('model'), key))),
    usage: signIn.require(createUsageHandler(dependencies.usage)),
    receipt: signIn.requireOrPay(receipts.showReceipt),
    opening: signIn.requireOrPay(receipts.showOpening),
    trajectory: signIn.require(replays.showTrajectory),
    replay: signIn.require(replays.showReplay),
    health: createHealthHandler(dependencies),
    metrics: signIn.require(async (context) =>
      context.body(await readMetrics(metrics), 200, { 'content-type': metrics.registry.contentType }),
    ),
  };
  mountRoutes(app, GATEWAY_ROUTES, handlers);
  mountRoutes(app, PUBLIC_ROUTES, dependencies.public);
  mountRoutes(app, ADMIN_ROUTES, dependencies.admin);
  mountRoutes(app, HOOK_ROUTES, dependencies.hooks);
  mountRoutes(app, PAGE_ROUTES, dependencies.pages);
  return app;
}

function requireAll(
  signIn: SignIn,
  handlers: Readonly<Record<SealedRouteName, KeyedHandler>>,
): Readonly<Record<SealedRouteName, Handler>> {
  const { sealedOffer, sealedReply, sealedProgress, sealedOutcome } = handlers;
  return {
    sealedOffer: signIn.require(sealedOffer),
    sealedReply: signIn.require(sealedReply),
    sealedProgress: signIn.require(sealedProgress),
    sealedOutcome: signIn.require(sealedOutcome),
  };
}

function createHealthHandler({ chain, beacon }: Pick<GatewayAppDependencies, 'chain' | 'beacon'>): Handler {
  return (context) => {
    const validators = chain.validators().length;
    const ok = validators > 0;
    return context.json({ ok, validators, epoch: `${beacon.latest().epoch}` }, ok ? 200 : 503);
  };
}
