import type { HandlerContext } from '@connectrpc/connect';
import type { ChainClient } from '@ogong/chain/client';
import type { HostPort } from '@ogong/host/link/host-port';
import { Refusal } from '@ogong/host/link/link-error';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { createLinkServer, getCaller } from '@ogong/host/link/link-server';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating } from '@ogong/host/time/repeat';
import type { ChainView } from '@ogong/host/views/chain-view';
import { createStakeView } from '@ogong/host/views/stake-view';
import { concatBytes, equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { MAX_EXCLUDED_PROVIDERS } from '@ogong/protocol/exchange/limits';
import {
  encodeCandidates,
  hashCandidates,
  parseModelId,
  replayMatch,
  selectCandidates,
} from '@ogong/protocol/exchange/match';
import { signTicket } from '@ogong/protocol/exchange/ticket';
import {
  type ReportRequest,
  type RouteRequest,
  RouterService,
  type SignedAnnouncement,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createEjectionWatch } from './chain-watch.ts';
import { listModels } from './model-list.ts';
import { createOutstanding } from './outstanding.ts';
import { createReputationReader } from './reputation-reader.ts';
import { createSupply, type ListedOffer, type SupplyOptions } from './supply.ts';
import { createThroughput } from './throughput.ts';

export interface RouterOptions extends SupplyOptions {
  readonly bind: HostPort;
  /** 20 bytes: the ledger address that is paid for matches. */
  readonly address: Uint8Array;
  /** How long a ticket is good for, and holds its slot unless reported. Default: 120,000. */
  readonly ticketTtlMs?: number;
  /** How often stake and verdict logs are read. Default: 10,000. */
  readonly refreshMs?: number;
  /** How often the chain is asked for ejections. Default: 1,000. */
  readonly ejectionPollMs?: number;
}

export interface RouterDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signer: HybridSigner;
  readonly identity: LinkIdentity;
  readonly chain: Pick<ChainView, 'ledger' | 'network' | 'validators'> & { client(): Promise<ChainClient> };
  /** Opened with ROUTER_SCHEMA. */
  readonly store: Store;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: Metrics;
}

export interface Router {
  /** Hash of the key that signs its tickets. */
  readonly id: Uint8Array;
  start(): Promise<void>;
  stop(graceMs?: number): Promise<void>;
  address(): HostPort;
  /** Reads stake and finalised verdicts now. */
  refresh(): Promise<void>;
  /** Output tokens per second as gateways reported it; a signal for the market and nothing more. */
  throughputOf(providerId: Uint8Array): number | undefined;
}

const OUTCOMES = ['ok', 'abandoned', 'failed-check'] as const;
const MAX_MESSAGE_BYTES = 1024 * 1024;

export function createRouter(options: RouterOptions, dependencies: RouterDependencies): Router {
  const { bind, address, ticketTtlMs = 120_000, refreshMs = 10_000 } = options;
  const { crypto, clock, signer, identity, chain, store, log } = dependencies;
  const commits = createGroupCommit(store);
  const outstanding = createOutstanding();
  const stakes = createStakeView(chain);
  const { ledger } = chain;
  const { stakeOf } = stakes;
  const supply = createSupply(options, { crypto, clock, ledger, store, commits, outstanding, stakeOf });
  const throughput = createThroughput();
  const links = createLinkPool({ identity });
  const reputation = createReputationReader({
    crypto,
    store,
    chain,
    links,
    onError: ({ endpoint }, error) => log.warn({ err: error, validator: endpoint }, 'a verdict log could not be read'),
  });
  const warn = (what: string) => (error: unknown) => log.warn({ err: error }, what);
  const ejections = createEjectionWatch(
    options.ejectionPollMs === undefined ? {} : { pollIntervalMs: options.ejectionPollMs },
    { store, client: chain.client, onError: warn('ejections cannot be read from the chain') },
  );
  const refreshing = createRepeating(
    { intervalMs: refreshMs },
    async () => {
      await supply.sweep();
      metrics.providers.set(supply.size());
      await stakes.refresh(supply.payees());
      await reputation.read();
    },
    warn('stake cannot be read from the chain'),
  );
  const metrics = createRouterMetrics(dependencies.metrics);

  async function announce(signed: SignedAnnouncement, context: HandlerContext) {
    const { payee } = await supply.announce(signed, getCaller(context)).catch((error: unknown) => {
      metrics.announcements.inc({ outcome: 'refused' });
      throw error;
    });
    metrics.announcements.inc({ outcome: 'taken' });
    metrics.providers.set(supply.size());
    // A newcomer need not wait a whole interval for its stake to count.
    if (!stakes.isKnown(payee)) refreshing.trigger().catch(warn('stake cannot be read from the chain'));
    return {};
  }

  function route(request: RouteRequest, context: HandlerContext) {
    try {
      const answer = match(request, getCaller(context));
      metrics.matches.inc({ outcome: 'matched' });
      return answer;
    } catch (error) {
      metrics.matches.inc({ outcome: 'refused' });
      if (error instanceof ProtocolError) throw new Refusal('invalid', error.message);
      throw error;
    }
  }

  function match(request: RouteRequest, holder: Uint8Array) {
    const { model: modelId, seed, replyId, requestHash, exclude } = request;
    assertRoute(
      replyId.length === REPLY_ID_BYTES && requestHash.length === 32,
      'reply id or request hash is malformed',
    );
    assertRoute(
      equalBytes(crypto.sha256(concatBytes(requestHash, replyId)), seed),
      'the seed is not SHA-256(request hash || reply id): the draw could not be disputed',
    );
    assertRoute(
      exclude.length <= MAX_EXCLUDED_PROVIDERS && exclude.every((id) => id.length === 32),
      `at most ${MAX_EXCLUDED_PROVIDERS} provider ids can be excluded`,
    );
    parseModelId(modelId);
    const nowMs = clock.nowMs();
    const offers = supply.offers(modelId);
    const wanted = {
      modelId,
      maxPricePer1kAtomic: request.maxPricePer1k,
      contextSize: request.contextSize,
      exclude,
      nowMs,
    };
    const candidates = encodeCandidates(selectCandidates(offers, wanted));
    const drawn = replayMatch(crypto, candidates, seed);
    if (drawn === undefined) throw explainNoMatch(offers, wanted);
    const { announcement, model } = offers.find((offer) =>
      equalBytes(offer.providerId, drawn.providerId),
    ) as ListedOffer;
    const expiresAtMs = nowMs + ticketTtlMs;
    const ticket = signTicket(signer, {
      router: address,
      modelId,
      providerId: drawn.providerId,
      providerEndpoint: announcement.endpoint,
      providerCertHash: announcement.certHash,
      payee: drawn.payee,
      modelRoot: model.modelRoot,
      pricePer1kAtomic: drawn.pricePer1kAtomic,
      contextSize: drawn.contextSize,
      replyId,
      requestHash,
      candidatesHash: hashCandidates(crypto, candidates),
      issuedAtMs: nowMs,
      expiresAtMs,
    });
    outstanding.add({ replyId, providerId: drawn.providerId, holder, releaseAtMs: expiresAtMs });
    metrics.openTickets.set(outstanding.size());
    return { ticket, candidates };
  }

  function report({ replyId, providerId, outcome, outputTokens, durationMs }: ReportRequest, context: HandlerContext) {
    const known = OUTCOMES.find((name) => name === outcome);
    assertRoute(known !== undefined, `unknown outcome; expected one of ${OUTCOMES.join(', ')}`);
    const ticket = outstanding.settle({ replyId, providerId, holder: getCaller(context) });
    if (!ticket) throw new Refusal('not-found', 'you hold no open ticket for this reply and provider');
    metrics.openTickets.set(outstanding.size());
    metrics.reports.inc({ outcome: known as string });
    // An outcome frees the slot and no more: reputation comes from verdicts, or a gateway could ruin a provider by word.
    if (known === 'ok') throughput.observe(providerId, { outputTokens, durationMs });
    return {};
  }

  const server = createLinkServer(
    {
      bind,
      identity,
      authorize: () => true,
      limits: { maxMessageBytes: MAX_MESSAGE_BYTES },
      routes: (router) =>
        router.service(RouterService, {
          announce,
          route,
          report,
          listModels: () => ({ models: listModels(supply.offers()) }),
        }),
    },
    { onError: (error, { method }) => log.error({ err: error, method }, 'a call failed') },
  );

  return {
    id: hashHybridKey(crypto, signer.publicKey),
    async start() {
      await server.start();
      ejections.start();
      refreshing.start();
    },
    async stop(graceMs = 2_000) {
      await server.stop(graceMs);
      await Promise.all([ejections.stop(), refreshing.stop()]);
      links.close();
      await commits.close();
    },
    address: () => server.address(),
    refresh: () => refreshing.trigger(),
    throughputOf: throughput.of,
  };
}

/** Why nobody can be drawn, and what the caller can change about it. */
function explainNoMatch(
  offers: readonly ListedOffer[],
  {
    modelId,
    maxPricePer1kAtomic,
    exclude,
  }: { modelId: string; maxPricePer1kAtomic: bigint; exclude: readonly Uint8Array[] },
): Refusal {
  const inGoodStanding = offers.filter(({ reputationPpm }) => reputationPpm > 0);
  if (inGoodStanding.length === 0) return new Refusal('not-found', `no provider serves ${modelId}`);
  const affordable = inGoodStanding.filter(({ pricePer1kAtomic }) => pricePer1kAtomic <= maxPricePer1kAtomic);
  if (affordable.length === 0) {
    const [cheapest] = inGoodStanding.map((offer) => offer.pricePer1kAtomic).sort((a, b) => (a < b ? -1 : 1));
    return new Refusal(
      'precondition',
      `${modelId} costs at least ${cheapest} per 1k tokens, the limit is ${maxPricePer1kAtomic}`,
    );
  }
  const untried = affordable.filter(({ providerId }) => !exclude.some((id) => equalBytes(id, providerId)));
  if (untried.length === 0) return new Refusal('unavailable', `every provider of ${modelId} was tried already`);
  return new Refusal('unavailable', `all ${untried.length} providers of ${modelId} are busy; try again`);
}

function assertRoute(holds: boolean, message: string): void {
  if (!holds) throw new Refusal('invalid', message);
}

function createRouterMetrics(metrics: Metrics) {
  return {
    providers: metrics.gauge('router_providers', 'Providers with a current announcement'),
    openTickets: metrics.gauge('router_open_tickets', 'Tickets that were handed out and not reported back'),
    announcements: metrics.counter('router_announcements_total', 'Announcements: taken or refused', ['outcome']),
    matches: metrics.counter('router_matches_total', 'Route requests: matched or refused', ['outcome']),
    reports: metrics.counter('router_reports_total', 'Replies as their gateways reported them', ['outcome']),
  };
}
