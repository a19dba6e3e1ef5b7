import { randomBytes } from 'node:crypto';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import { type Clock, systemClock } from '@ogong/host/time/clock';
import { createRepeating } from '@ogong/host/time/repeat';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { Endpoint } from '@ogong/protocol/commitment/header';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { ApiKeys, KeyHolder } from './api-keys.ts';
import { createCacheScopes } from './cache-scope.ts';
import { createChannelLedger } from './channel-ledger.ts';
import { createComplaintOutbox } from './complaint-outbox.ts';
import { serveCompletion } from './completions.ts';
import { createEscrowFunding } from './escrow-funding.ts';
import { GatewayError } from './gateway-error.ts';
import { createGatewayMetrics } from './gateway-metrics.ts';
import { readJsonBody } from './http-body.ts';
import { createHttpServer, type Exchange, type Route, sendJson } from './http-server.ts';
import { createInferenceGate } from './inference-gate.ts';
import { createModelList } from './model-list.ts';
import { createProviderCall } from './provider-call.ts';
import { createProviderMatch } from './provider-match.ts';
import { createReceiptChecker } from './receipt-checker.ts';
import { createReceiptRoutes } from './receipt-routes.ts';
import { createReceiptStore } from './receipt-store.ts';
import { createReplyService } from './reply-service.ts';
import { createValidatorChoice } from './validator-choice.ts';
import { createVerdictFeed } from './verdict-feed.ts';

export interface GatewayOptions {
  readonly bind: { readonly host: string; readonly port: number };
  readonly router: Peer;
  readonly maxPricePer1kAtomic: bigint;
  readonly busyPatienceMs: number;
  readonly depositAtomic: bigint;
  readonly allowanceAtomic: bigint;
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly firstTokenTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly maxRequests: number;
  readonly maxRequestsPerKey: number;
  readonly maxConnections: number;
  readonly origins: readonly string[];
  readonly receiptLifetimeMs: number;
  readonly pollMs: number;
  readonly stopGraceMs: number;
  readonly modelRoots?: Readonly<Record<string, Uint8Array>>;
}

/** What a gateway reads of the chain. */
export type GatewayChain = Pick<
  ChainView,
  'ledger' | 'network' | 'validators' | 'findByAddress' | 'channel' | 'client'
>;

export interface GatewayDependencies {
  /** Opened with GATEWAY_SCHEMA. */
  readonly store: Store;
  readonly chain: GatewayChain;
  readonly beacon: Pick<BeaconView, 'latest'>;
  readonly links: LinkPool;
  readonly payer: LedgerSigner;
  readonly keys: ApiKeys;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
}

export interface Gateway {
  /** @throws GatewayConfigError where a network could use the gateway without a key. */
  start(): Promise<void>;
  stop(): Promise<void>;
  address(): { readonly host: string; readonly port: number };
}

export class GatewayConfigError extends Error {
  override readonly name = 'GatewayConfigError';
  readonly code = 'usage';
  readonly retryable = false;
}

/** Keeps orders and budgets apart where nobody has to name themselves. */
const ANONYMOUS: KeyHolder = { id: 'anonymous', budgetAtomic: undefined };
const EXPIRY_INTERVAL_MS = 60_000;

export function createGateway(options: GatewayOptions, dependencies: GatewayDependencies): Gateway {
  const { store, chain, beacon, links, payer, keys, logger, clock = systemClock } = dependencies;
  const metrics = createGatewayMetrics(dependencies.metrics);
  const onError = (what: string) => (err: unknown) => logger.warn({ err }, what);
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

  const group = createGroupCommit(store);
  const ledger = createChannelLedger(store, group);
  const receipts = createReceiptStore(store, group);
  const complaints = createComplaintOutbox({
    store,
    group,
    chain,
    links,
    clock,
    onSent: (reason, outcome) => logger.info({ reason, outcome }, 'a complaint was heard'),
    onError: onError('a complaint was not heard'),
  });
  const feed = createVerdictFeed(
    { intervalMs: options.pollMs },
    {
      ledger,
      chain,
      links,
      clock,
      onClosed: ({ replyId }, { verdict, feeAtomic }) => {
        metrics.countVerdict(verdict, feeAtomic);
        logger.debug({ replyId, verdict, feeAtomic }, 'a verdict is in');
      },
      onError: onError('the verdicts could not be read'),
    },
  );
  const expiry = createRepeating(
    { intervalMs: EXPIRY_INTERVAL_MS },
    async () => {
      const beforeMs = clock.nowMs() - options.receiptLifetimeMs;
      await receipts.expire(beforeMs);
      await ledger.expire(beforeMs);
    },
    onError('old receipts could not be dropped'),
  );
  const funding = createEscrowFunding(
    { payer: payer.address, depositAtomic: options.depositAtomic, allowanceAtomic: options.allowanceAtomic },
    { chain, onError: onError('the escrow could not be topped up') },
  );
  const checker = createReceiptChecker();
  const replies = createReplyService(
    { router: options.router, ...(options.modelRoots === undefined ? {} : { modelRoots: options.modelRoots }) },
    {
      chain,
      beacon,
      links,
      payer,
      matches: createProviderMatch(options, { links, clock }),
      providers: createProviderCall(options, { links }),
      validators: createValidatorChoice({ chain, links, random: Math.random }),
      funding,
      ledger,
      receipts,
      complaints,
      checker,
      clock,
      randomBytes: random,
      nameCacheScope: createCacheScopes(random(32)),
      onFault(reason, providerId) {
        metrics.countFault(reason);
        logger.warn({ reason, providerId }, 'a provider failed');
      },
      onError: onError('the router could not be told'),
    },
  );
  const models = createModelList({ router: options.router, sinceS: Math.floor(clock.nowMs() / 1000) }, { links });
  const gate = createInferenceGate({ max: options.maxRequests, maxPerKey: options.maxRequestsPerKey });
  metrics.watch({ running: gate.size, complaints: complaints.size });

  const isOpen = keys.isEmpty();
  function authenticate({ request }: Exchange): KeyHolder {
    // Only a gateway that started open stays so: revoking the last key closes it, and adding the first one does too.
    if (isOpen && keys.isEmpty()) return ANONYMOUS;
    const [, secret] = /^Bearer\s+(\S{1,200})$/i.exec(request.headers.authorization ?? '') ?? [];
    const holder = secret === undefined ? undefined : keys.find(secret);
    if (holder) return holder;
    const message =
      secret === undefined
        ? "You didn't provide an API key. Send it as `Authorization: Bearer <key>`."
        : 'Incorrect API key provided. Keys are made with `ogong-gatewayd keys add`.';
    throw new GatewayError('invalid_api_key', message);
  }

  const completionRoute = (path: RegExp, endpoint: Endpoint): Route => ({
    method: 'POST',
    path,
    async handle(exchange) {
      const { request, response, requestId, signal } = exchange;
      const key = authenticate(exchange);
      const leave = gate.enter(key.id);
      try {
        const body = await readJsonBody(request, { maxBytes: options.maxBodyBytes, timeoutMs: options.bodyTimeoutMs });
        await serveCompletion(
          { endpoint, body, key, response, signal },
          {
            replies,
            clock,
            randomBytes: random,
            heartbeatMs: options.heartbeatMs,
            onError: (err) => logger.error({ err, requestId }, 'a stream failed'),
          },
        );
      } finally {
        leave();
      }
    },
  });

  const routes: Route[] = [
    completionRoute(/^\/v1\/chat\/completions$/, 'chat'),
    completionRoute(/^\/v1\/completions$/, 'completion'),
    {
      method: 'GET',
      path: /^\/v1\/models$/,
      async handle(exchange) {
        authenticate(exchange);
        sendJson(exchange.response, 200, await models.list());
      },
    },
    {
      method: 'GET',
      path: /^\/v1\/models\/(?<id>.{1,300})$/,
      async handle(exchange) {
        authenticate(exchange);
        sendJson(exchange.response, 200, await models.get(exchange.params.id ?? ''));
      },
    },
    ...createReceiptRoutes({ authenticate, ledger, receipts }),
    {
      method: 'GET',
      path: /^\/healthz$/,
      async handle({ response }) {
        const ok = chain.validators().length > 0;
        sendJson(response, ok ? 200 : 503, {
          ok,
          validators: chain.validators().length,
          epoch: `${beacon.latest().epoch}`,
        });
      },
    },
    {
      method: 'GET',
      path: /^\/metrics$/,
      async handle(exchange) {
        authenticate(exchange);
        const { registry } = dependencies.metrics;
        exchange.response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics());
      },
    },
  ];

  const server = createHttpServer(
    {
      bind: options.bind,
      maxConnections: options.maxConnections,
      headersTimeoutMs: options.headersTimeoutMs,
      origins: options.origins,
      isLoopbackOnly: isOpen,
    },
    {
      routes,
      onExchange(exchange) {
        metrics.countExchange(exchange);
        logger.debug(exchange, 'answered');
      },
      onError: (err, requestId) => logger.error({ err, requestId }, 'a request failed'),
    },
  );

  return {
    async start() {
      if (isOpen && !isLoopbackHost(options.bind.host)) {
        throw new GatewayConfigError(
          `without an API key the gateway serves this machine only, not ${options.bind.host}: ` +
            'add one with `ogong-gatewayd keys add`, or bind to 127.0.0.1',
        );
      }
      if (isOpen) {
        logger.warn('NO API KEY IS SET: every program on this machine can use this gateway and spend its escrow');
      }
      checker.start();
      await server.start();
      complaints.start();
      feed.start();
      expiry.start();
    },
    async stop() {
      await server.stop(options.stopGraceMs);
      await Promise.all([complaints.stop(), feed.stop(), expiry.stop(), funding.stop(), checker.stop()]);
      await group.close();
    },
    address: server.address,
  };
}
