import type { HostPort } from '@ogong/host/link/host-port';
import type { PeerId } from '@ogong/host/link/link-identity';
import { createLinkServer, type LinkServer, type MethodRates } from '@ogong/host/link/link-server';
import type { KnownPeer } from '@ogong/host/link/peer-values';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { MeasuredFigures } from '@ogong/protocol/exchange/preference';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createEjectionWatch } from './chain-watch.ts';
import { createSupplyExchange } from './hand-supply.ts';
import type { OfferKey } from './outstanding.ts';
import { createReputationReader } from './reputation-reader.ts';
import { createRouterService } from './router-service.ts';
import { openRouterState, type RouterDependencies, type RouterState } from './router-state.ts';
import type { SupplyOptions } from './supply.ts';

export interface RouterOptions extends SupplyOptions {
  readonly bind: HostPort;
  /** 20 bytes: the ledger address that is paid for matches. */
  readonly address: Uint8Array;
  /** Lifetime of a ticket. It holds its slot so long unless it is reported. Default: 120,000. */
  readonly ticketTtlMs?: number;
  /** Relays for providers that look for one. Default: none. */
  readonly relays?: readonly KnownPeer[];
  /** Other routers that exchange supply. Default: none. */
  readonly peers?: readonly KnownPeer[];
  /** Interval of the exchange. Default: 2,000. */
  readonly handMs?: number;
  /** Interval for reading stakes and verdict logs. Default: 10,000. */
  readonly refreshMs?: number;
  /** Interval for reading ejections. Default: 1,000. */
  readonly ejectionPollMs?: number;
  /** Interval of pings on links of listed providers. After two pings without an answer the provider has gone. Default: 5,000. */
  readonly linkPingMs?: number;
}

export interface Router {
  /** Hash of the key that signs its tickets. */
  readonly id: Uint8Array;
  start(): Promise<void>;
  stop(graceMs?: number): Promise<void>;
  address(): HostPort;
  /** Asks the other routers for supply now. */
  exchange(): Promise<void>;
  /** Reads stake and finalised verdicts now. */
  refresh(): Promise<void>;
  /** Returns the figures that gateways reported. */
  figuresOf(offer: OfferKey): MeasuredFigures;
}

/** Checks a signature of each kind, and looks through the list. A provider announces itself every ten seconds. */
export const ROUTER_RATES: MethodRates = {
  'ogong.v1.RouterService/Announce': { perSecond: 2, burst: 50 },
  // A report of hardware takes some 10 ms, and is made once for equal questions.
  'ogong.v1.RouterService/GetEvidence': { perSecond: 5, burst: 20 },
  // Looks through the list, and reads what is missing.
  'ogong.v1.RouterService/HandSupply': { perSecond: 1, burst: 20 },
};

const MAX_MESSAGE_BYTES = 1024 * 1024;

export function createRouter(options: RouterOptions, dependencies: RouterDependencies): Router {
  const { ticketTtlMs = 120_000, refreshMs = 10_000 } = options;
  const state = openRouterState({ ...options, ticketTtlMs }, dependencies);
  const { store, chain, signer, links, commits } = state;
  const ejections = createEjectionWatch(
    options.ejectionPollMs === undefined ? {} : { pollIntervalMs: options.ejectionPollMs },
    { store, client: chain.client, onError: warnOf(state, 'ejections cannot be read from the chain') },
  );
  const refreshing = createRefresh(state, refreshMs);
  const handing = createSupplyExchange(state, { peers: options.peers ?? [], intervalMs: options.handMs ?? 2_000 });
  const server = openServer(state, options, refreshing);
  return {
    id: hashHybridKey(state.crypto, signer.publicKey),
    async start() {
      await server.start();
      ejections.start();
      refreshing.start();
      handing.start();
    },
    async stop(graceMs = 2_000) {
      await server.stop(graceMs);
      await Promise.all([ejections.stop(), refreshing.stop(), handing.stop()]);
      links.close();
      await commits.close();
    },
    address: () => server.address(),
    exchange: () => handing.trigger(),
    refresh: () => refreshing.trigger(),
    figuresOf: (offer) => state.figures.of(offer, state.clock.nowMs()),
  };
}

const STAKE_UNREAD = 'stake cannot be read from the chain';

const warnOf =
  ({ log }: Pick<RouterState, 'log'>, what: string) =>
  (err: unknown): void =>
    log.warn({ err }, what);

/** Refreshes the inputs of the draw at intervals: current providers, their stakes, and the validators' verdicts. */
function createRefresh(state: RouterState, intervalMs: number): Repeating {
  const { crypto, clock, store, chain, links, supply, stakes, held, liveness, machines, metrics, log } = state;
  const reputation = createReputationReader({
    ...{ crypto, store, chain, links, periodOf: held.periodOf },
    onError: ({ endpoint }, err) => log.warn({ err, validator: endpoint }, 'a verdict log could not be read'),
  });
  return createRepeating(
    { intervalMs },
    async () => {
      await supply.sweep();
      metrics.providers.set(supply.size());
      await supply.refreshWeights();
      await stakes.refresh(supply.payees());
      await held.refresh(supply.accounts(), clock.nowMs());
      await machines.refresh(supply.attested());
      await reputation.read();
      await liveness.read();
    },
    warnOf(state, STAKE_UNREAD),
  );
}

const isValidator = ({ chain }: Pick<RouterState, 'chain'>, peer: PeerId): boolean =>
  chain.validators().some(({ certHash }) => equalBytes(certHash, peer));

function openServer(
  state: RouterState,
  { bind, linkPingMs: pingMs = 5_000 }: Pick<RouterOptions, 'bind' | 'linkPingMs'>,
  refreshing: Repeating,
): LinkServer {
  const service = createRouterService(state, {
    readStakes: () => void refreshing.trigger().catch(warnOf(state, STAKE_UNREAD)),
    earn: (caller, calls) => server.earn(caller, calls),
  });
  const server = createLinkServer(
    {
      bind,
      identity: state.identity,
      authorize: () => true,
      methodRates: ROUTER_RATES,
      isKnown: (peer) => isValidator(state, peer) || state.supply.isStaked(peer),
      // A provider keeps its link open between two announcements. The link of a process that dies ends with it.
      onLeft: (peer) => state.supply.suspend(peer),
      // The link of a machine without power or network stays, so it is pinged.
      watch: { isWatched: (peer) => state.supply.isListed(peer), pingMs },
      limits: { maxMessageBytes: MAX_MESSAGE_BYTES },
      routes: (router) => router.service(RouterService, service),
    },
    { onError: (err, { method }) => state.log.error({ err, method }, 'a call failed') },
  );
  return server;
}
