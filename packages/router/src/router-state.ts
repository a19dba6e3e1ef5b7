import type { ChainClient } from '@ogong/chain/client';
import { createAttestedRole } from '@ogong/host/attester/attested-role';
import type { Attester } from '@ogong/host/attester/attester';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPool } from '@ogong/host/link/link-pool';
import type { KnownPeer } from '@ogong/host/link/peer-values';
import { toDialPolicy } from '@ogong/host/link/public-address';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit, type GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { type BeaconView, createBeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { createEarningsView } from '@ogong/host/views/earnings-view';
import { createNewcomerAdmission, type NewcomerAdmission } from '@ogong/host/views/newcomer-admission';
import { createStakeView, type StakeView } from '@ogong/host/views/stake-view';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createDemand, type Demand } from './demand.ts';
import { createFigures, type Figures } from './figures.ts';
import { createHoldingsView, type HoldingsView } from './holdings-view.ts';
import { createLiveness, type Liveness } from './liveness-reader.ts';
import { createMachineStanding, type MachineStanding } from './machine-standing.ts';
import { createOutstanding, type Outstanding } from './outstanding.ts';
import { createRefusals, type Refusals } from './refusals.ts';
import { createSupply, type Supply, type SupplyOptions } from './supply.ts';

export interface RouterDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signer: HybridSigner;
  readonly identity: LinkIdentity;
  readonly chain: Pick<
    ChainView,
    'ledger' | 'network' | 'validators' | 'parameters' | 'generations' | 'readBeaconKeys'
  > &
    Partial<Pick<ChainView, 'findMachineProblem'>> & {
      client(): Promise<ChainClient>;
    };
  /** Opened with ROUTER_SCHEMA. */
  readonly store: Store;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
  readonly metrics: Metrics;
  /** The machine's attester. Default: no evidence. */
  readonly attester?: Attester | undefined;
}

/** The state that the steps of matching work on. Its parts change, but none is replaced. */
export interface RouterState
  extends Pick<RouterDependencies, 'crypto' | 'clock' | 'signer' | 'identity' | 'chain' | 'store' | 'log'> {
  /** 20 bytes: the ledger address that is paid for matches. */
  readonly address: Uint8Array;
  readonly ticketTtlMs: number;
  readonly relays: readonly KnownPeer[];
  readonly commits: GroupCommit;
  readonly links: LinkPool;
  readonly supply: Supply;
  readonly outstanding: Outstanding;
  readonly refusals: Refusals;
  readonly held: HoldingsView;
  readonly stakes: StakeView;
  readonly figures: Figures;
  readonly demand: Demand;
  readonly machines: MachineStanding;
  readonly liveness: Liveness;
  readonly metrics: RouterMetrics;
  /** Shows the machine's evidence for a nonce; undefined without a machine. @throws AttesterError */
  readonly show: ((nonce: Uint8Array) => Promise<{ nodeId: Uint8Array; evidence: Uint8Array }>) | undefined;
}

export interface RouterStateOptions extends SupplyOptions {
  readonly address: Uint8Array;
  readonly ticketTtlMs: number;
  /** Relays for providers that look for one, the first eight. Default: none. */
  readonly relays?: readonly KnownPeer[];
  /** Other routers that exchange supply. Default: none. */
  readonly peers?: readonly KnownPeer[];
}

export function openRouterState(options: RouterStateOptions, dependencies: RouterDependencies): RouterState {
  const { crypto, clock, signer, identity, chain, store, log } = dependencies;
  const { address, ticketTtlMs, relays = [], peers = [] } = options;
  const commits = createGroupCommit(store);
  const outstanding = createOutstanding();
  const stakes = createStakeView(chain, 'prioritiesOf');
  const { stakeOf } = stakes;
  const refusals = createRefusals();
  const figures = createFigures();
  const machines = createMachineStanding(chain);
  const held = createHoldingsView(createEarningsView(chain));
  const links = createLinkPool({ identity, dialPolicy: toDialPolicy(chain.ledger.chainId), own: peers });
  const beacons = createBeaconView({}, { crypto, chain, links });
  const liveness = createLiveness({
    ...{ crypto, chain, links, beacons },
    onError: ({ endpoint }, err) => log.debug({ err, validator: endpoint }, 'a validator says nothing of its tests'),
  });
  return {
    ...{
      crypto,
      clock,
      signer,
      identity,
      chain,
      store,
      log,
      address,
      ticketTtlMs,
      relays,
      commits,
      outstanding,
      stakes,
      refusals,
      held,
    },
    links,
    liveness,
    figures,
    machines,
    demand: createDemand(),
    supply: createSupply(options, {
      ...{
        crypto,
        clock,
        ledger: chain.ledger,
        store,
        commits,
        outstanding,
        refusals,
        stakeOf,
        held,
        liveness,
        figures,
        letIn: openNewcomerAdmission({ crypto, clock, chain }, beacons),
        machines,
      },
    }),
    metrics: createRouterMetrics(dependencies.metrics),
    show: openMachine(dependencies),
  };
}

/** The machine vouches for the key of tickets, and for the certificate of links. */
function openMachine({ crypto, signer, identity, chain, attester }: RouterDependencies): RouterState['show'] {
  if (attester === undefined) return undefined;
  const nodeId = hashHybridKey(crypto, signer.publicKey);
  const keys = { role: 'router', ledger: chain.ledger, nodeId, certHash: identity.id } as const;
  const machine = createAttestedRole(keys, { crypto, attester });
  return async (nonce) => ({ nodeId, evidence: await machine.show(nonce) });
}

/** Age of the newest epoch by which work is checked. If the network demands work, validators are asked for the epoch as often. */
const EPOCH_MS = 5_000;

function openNewcomerAdmission(
  { crypto, clock, chain }: Pick<RouterDependencies, 'crypto' | 'clock' | 'chain'>,
  beacons: BeaconView,
): NewcomerAdmission {
  let readMs = Number.NEGATIVE_INFINITY;
  return createNewcomerAdmission({
    ...{ crypto, clock, chain },
    async latestEpoch() {
      if (clock.nowMs() - readMs >= EPOCH_MS) {
        readMs = clock.nowMs();
        await beacons.refresh().catch(() => undefined);
      }
      return beacons.latest().epoch;
    },
    findValue: async (epoch) => (await beacons.get(epoch).catch(() => undefined))?.value,
    readStake: async (payee) => (await chain.client()).lockedOf(payee),
  });
}

export type RouterMetrics = ReturnType<typeof createRouterMetrics>;

function createRouterMetrics(metrics: Metrics) {
  return {
    steps: metrics.steps,
    providers: metrics.gauge('router_providers', 'Providers with a current announcement'),
    openTickets: metrics.gauge('router_open_tickets', 'Tickets that were handed out and not reported back'),
    announcements: metrics.counter(
      'router_announcements_total',
      'Announcements: taken, refused, or handed on and not to be read here',
      ['outcome'],
    ),
    matches: metrics.counter('router_matches_total', 'Route requests: matched or refused', ['outcome']),
    handed: metrics.counter('router_handed_total', 'Announcements that other routers handed on and this one took'),
    reports: metrics.counter('router_reports_total', 'Replies as their gateways reported them', ['outcome']),
  };
}
