import { randomBytes as drawBytes } from 'node:crypto';
import type { ApiApp } from '@ogong/host/http/api-app';
import { createHttpServer } from '@ogong/host/http/http-server';
import type { HostPort } from '@ogong/host/link/host-port';
import type { Logger } from '@ogong/host/log/logger';
import { systemClock } from '@ogong/host/time/clock';
import { createEarningsView } from '@ogong/host/views/earnings-view';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import { createAdminHandlers } from './admin/admin-handlers.ts';
import { createMemoryBuckets, createSharedBuckets } from './books/rate-buckets.ts';
import { createReceiptChecker } from './buy/check/receipt-checker.ts';
import type { Hedging } from './buy/hedging.ts';
import { createRouters, type Routers } from './buy/match/routers.ts';
import type { ReplyService } from './buy/reply-service.ts';
import { createCallLimits } from './front/call-limits.ts';
import { createCardHandler } from './front/card-handler.ts';
import type { CompletionsDependencies } from './front/completions.ts';
import { createInferenceGate } from './front/inference-gate.ts';
import { createModelContexts } from './front/model-contexts.ts';
import { createModelList } from './front/model-list.ts';
import { createModelNames } from './front/model-names.ts';
import { createRateLimits } from './front/rate-limits.ts';
import { createSignIn, type SignIn } from './front/sign-in.ts';
import { createGatewayApp } from './gateway-app.ts';
import { createBooks, type GatewayBooks } from './gateway-books.ts';
import { createGatewayMetrics } from './gateway-metrics.ts';
import type { GatewayContext, GatewayDependencies, GatewayOptions } from './gateway-options.ts';
import { createReplies } from './gateway-replies.ts';
import { openHubReader } from './public/hub/open-hub-reader.ts';
import { createNetworkIssuer } from './public/network-issuer.ts';
import { createPageHandlers } from './public/page-handlers.ts';
import { createPublicHandlers } from './public/public-handlers.ts';
import { createPublicReader } from './public/public-reader.ts';
import type { SealedCalls } from './sealed/sealed-calls.ts';

export interface Gateway {
  /** @throws GatewayConfigError if a network could use the gateway without a key. */
  start(): Promise<void>;
  stop(): Promise<void>;
  address(): { readonly host: string; readonly port: number };
}

export class GatewayConfigError extends Error {
  override readonly name = 'GatewayConfigError';
  readonly code = 'usage';
  readonly retryable = false;
}

export function createGateway(options: GatewayOptions, dependencies: GatewayDependencies): Gateway {
  const { logger } = dependencies;
  const { bind, stopGraceMs, headersTimeoutMs, maxConnections, maxConnectionsPerAddress } = options.http;
  const context: GatewayContext = {
    ...dependencies,
    clock: dependencies.clock ?? systemClock,
    randomBytes: dependencies.randomBytes ?? readSystemBytes,
    random: dependencies.random ?? Math.random,
    cacheSecret: readSystemBytes(32),
    counts: createGatewayMetrics(dependencies.metrics),
    warn: (what) => (err) => logger.warn({ err }, what),
  };
  const signIn = createSignIn(dependencies.accounts, options.payments !== undefined);
  const books = createBooks(options, context);
  const checker = dependencies.checker ?? createReceiptChecker();
  const routers = createRouters(options, context);
  const { replies, assertAffordable, tokens, sealed, ahead, hedging } = createReplies(options, context, {
    books,
    checker,
    routers,
  });
  const app = createApp(options, context, {
    signIn,
    books,
    replies,
    assertAffordable,
    tokens,
    hedging,
    sealed,
    routers,
  });
  const server = (dependencies.openServer ?? createHttpServer)(app, {
    bind,
    headersTimeoutMs,
    maxConnections,
    maxConnectionsPerAddress,
  });

  return {
    async start() {
      await signIn.start();
      if (signIn.isOpen()) assertStaysHere(bind, logger);
      checker.start();
      await server.start();
      books.start();
    },
    async stop() {
      await server.stop(stopGraceMs);
      sealed.stop();
      await Promise.all([ahead.stop(), books.stop(), checker.stop()]);
    },
    address: server.address,
  };
}

interface AppParts {
  readonly signIn: SignIn;
  readonly books: GatewayBooks;
  readonly replies: ReplyService;
  readonly assertAffordable: CompletionsDependencies['assertAffordable'];
  readonly tokens: CompletionsDependencies['tokens'];
  readonly hedging: Hedging | undefined;
  readonly sealed: SealedCalls;
  readonly routers: Routers;
}

function createApp(
  {
    http,
    routers: peers,
    spending,
    network,
    ipfsGateway,
    readDriftTable,
    card,
    deposits,
    longestOrderMs,
  }: GatewayOptions,
  context: GatewayContext,
  { signIn, books: parts, replies, assertAffordable, tokens, hedging, sealed, routers }: AppParts,
): ApiApp {
  const { books, accounts, chain, beacon, links, publicLinks = links, metrics, clock, logger, counts } = context;
  const { networkSigner } = context;
  const { maxBodyBytes: maxBytes, maxMediaBytes: mediaBytes = 0, bodyTimeoutMs: timeoutMs } = http;
  const bodyLimits = { maxBytes, mediaBytes, timeoutMs };
  const gate = createInferenceGate({ max: http.maxRequests, maxPerKey: http.maxRequestsPerKey });
  counts.watch({ running: gate.size, complaints: parts.complaints.size });
  const contexts = createModelContexts({ routers });
  const rates = createRateLimits({
    contexts,
    buckets: books.isShared ? createSharedBuckets(books, clock.nowMs) : createMemoryBuckets(clock.nowMs),
  });
  const settle = spending.settle ?? 'any';
  const { heartbeatMs } = http;
  const models = createModelList({ sinceS: Math.floor(clock.nowMs() / 1000) }, { routers });
  const reader = createPublicReader({
    ...{ links: publicLinks, chain, clock },
    routers: createRouters({ routers: peers }, { links: publicLinks }),
  });
  const app = createGatewayApp(http, {
    signIn,
    completions: {
      replies,
      names: createModelNames(models),
      limits: createCallLimits({
        gate,
        rates,
        bodyLimits,
        payments: parts.payments,
        calls: parts.calls,
        clock,
        contexts,
      }),
      rates,
      contexts,
      clock,
      randomBytes: readSystemBytes,
      bodyLimits,
      pictures: http.pictures,
      assertAffordable,
      tokens,
      heartbeatMs,
      longestOrderMs,
      settle,
      hedging,
    },
    sealed: { calls: sealed, gate, rates, bodyLimits, settle, heartbeatMs },
    receipts: parts,
    usage: { books, clock },
    admin: createAdminHandlers({ accounts, books, clock, bodyLimits, deposits }),
    hooks: {
      card: createCardHandler(card, {
        ...{ books, accounts, clock, bodyLimits },
        onBooked: (event, amountAtomic) => logger.info({ event, amountAtomic }, 'a payment by card was booked'),
      }),
    },
    models,
    public: createPublicHandlers({
      ...{ reader, network, chain, beacon, clock, readDriftTable, receipts: parts },
      issuer:
        network &&
        networkSigner &&
        createNetworkIssuer(
          { ...network, routers: peers },
          { signer: networkSigner, routers, reader, earnings: createEarningsView(chain), clock },
        ),
      hub: network && openHubReader({ network, chain, reader, clock, ipfsGateway }),
    }),
    pages: createPageHandlers({ rpcUrl: network?.rpcUrl }),
    metrics,
    chain,
    beacon,
    onFailure: (err, requestId) => logger.error({ err, requestId }, 'a request failed'),
    onAnswered(request) {
      counts.countAnswered(request);
      logger.debug(request, 'answered');
    },
  });
  const { memories, randomBytes } = context;
  memories?.mount(app, { signIn, rates, bodyLimits, clock, randomBytes });
  return app;
}

const readSystemBytes = (length: number): Uint8Array => new Uint8Array(drawBytes(length));

/** @throws GatewayConfigError if a network could use the gateway without a key. */
function assertStaysHere({ host }: HostPort, logger: Logger): void {
  if (!isLoopbackHost(host)) {
    throw new GatewayConfigError(
      `without an API key the gateway serves this machine only, not ${host}: ` +
        'add one with `ogong-gatewayd admin key add`, or bind to 127.0.0.1',
    );
  }
  logger.warn('NO API KEY IS SET: every program on this machine can use this gateway and spend its escrow');
}
