import type { MachinePolicy } from '@ogong/attestation/policy-file';
import type { createHttpServer } from '@ogong/host/http/http-server';
import type { HostPort } from '@ogong/host/link/host-port';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import type { ModelRoots } from '@ogong/host/views/model-roots';
import type { Sort } from '@ogong/protocol/exchange/preference';
import type { AttestedRole } from '@ogong/protocol/tier/attested-role';
import type { Accounts } from './books/accounts.ts';
import type { ArchiveOptions } from './books/archive.ts';
import type { BudgetAlertOptions } from './books/budget-alerts.ts';
import type { DepositOptions } from './books/deposits.ts';
import type { HedgingOptions } from './buy/hedging.ts';
import type { ProviderMatchOptions } from './buy/match/provider-match.ts';
import type { PayingSigner } from './buy/paying-signer.ts';
import type { ProviderCallOptions } from './buy/provider-call.ts';
import type { ReceiptChecker } from './buy/receipt-checker.ts';
import type { SealPolicy } from './buy/seal-keys.ts';
import type { SettlePolicy } from './buy/settle-policy.ts';
import type { CardOptions } from './front/card-handler.ts';
import type { PaymentOptions } from './front/payments.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import type { PageNetwork, PublicHandlersDependencies } from './public/public-handlers.ts';

/** The front door. */
export interface GatewayHttpOptions {
  readonly bind: HostPort;
  readonly maxConnections: number;
  /** Of callers of one address that have shown no key. Default: as many as there are. */
  readonly maxConnectionsPerAddress?: number;
  readonly headersTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
  /** Pause between signs of life on a silent stream. */
  readonly heartbeatMs: number;
  readonly maxRequests: number;
  readonly maxRequestsPerKey: number;
  /** Web origins whose pages may call; `*` for all. */
  readonly origins: readonly string[];
  /** How long running requests have to end when the gateway stops. */
  readonly stopGraceMs: number;
}

export interface GatewaySpendingOptions {
  readonly maxPricePer1kAtomic: bigint;
  readonly depositAtomic: bigint;
  readonly allowanceAtomic: bigint;
  /** Default: `any`. */
  readonly settle?: SettlePolicy;
  /** What a request asks for that names no preference. Default: `none`. */
  readonly sort?: Sort;
  /** Whole tokens that an ejection of a provider takes at least, where a request does not say. Default: 0. */
  readonly minHeldTokens?: bigint;
  /** The same by tier, whatever a request says: the network asks for it. Default: none. */
  readonly tierStakes?: ReadonlyMap<string, bigint>;
}

export interface GatewayOptions {
  /** At least one, in the order in which they are asked. */
  readonly routers: readonly Peer[];
  readonly http: GatewayHttpOptions;
  readonly spending: GatewaySpendingOptions;
  /** How long providers are waited for. */
  readonly patience: ProviderCallOptions & Pick<ProviderMatchOptions, 'busyPatienceMs'>;
  /** Whether requests are sealed to their providers. Default: `auto`. */
  readonly seal?: SealPolicy;
  /** Which machines of tier `tee` are believed. Default: none, and nothing is bought in that tier. */
  readonly machinePolicy?: MachinePolicy | undefined;
  /** Tickets of one kind of request that are kept before it comes. Default: none. */
  readonly ticketsAhead?: number;
  /** Whether a second provider is asked where the first is slow. Default: none is. */
  readonly hedging?: HedgingOptions;
  /** How long a machine that has answered is not asked again. Default: ten minutes. */
  readonly machineIntervalMs?: number;
  /** Roles that have to show their machines, whatever a request says. Default: none. */
  readonly demandedRoles?: readonly AttestedRole[];
  /** Where tickets are kept by which the router misrouted. Default: nowhere. */
  readonly misroutedDir?: string;
  readonly receiptLifetimeMs: number;
  /** Which parts of budgets are told, and where besides the log. Default: none. */
  readonly alerts?: Omit<BudgetAlertOptions, 'intervalMs'>;
  /** Whether callers without a key may pay, and how. Default: they may not. */
  readonly payments?: Omit<PaymentOptions, 'payTo' | 'pricePer1kAtomic'>;
  /** Where receipts are copied to before they are dropped. Default: nowhere. */
  readonly archive?: ArchiveOptions | undefined;
  /** Whether organisations with credit get addresses to pay tokens in at. Default: they do not. */
  readonly deposits?: Omit<DepositOptions, 'payTo'>;
  /** Whose webhooks about payments by card are taken. Default: nobody's. */
  readonly card?: CardOptions | undefined;
  /** Pause between two checks of what came of a running reply. Default: 3 s. */
  readonly milestonePauseMs?: number;
  /** Pause between two looks for verdicts. */
  readonly verdictIntervalMs: number;
  /** What pages for people read the chain by. Default: they believe the gateway. */
  readonly network?: PageNetwork;
  /** The drift table that pages are shown, read when one asks. Default: none. */
  readonly readDriftTable?: PublicHandlersDependencies['readDriftTable'];
  /** Default: providers are believed which weights bear a name. */
  readonly modelRoots?: ModelRoots;
}

/** What a gateway reads of the chain. */
export type GatewayChain = Pick<
  ChainView,
  'ledger' | 'network' | 'validators' | 'generations' | 'findByAddress' | 'channel' | 'client' | 'router'
> &
  Partial<Pick<ChainView, 'findMachineProblem'>>;

export interface GatewayDependencies {
  /** Opened with GATEWAY_SCHEMA; the caller closes it after the gateway has stopped. */
  readonly books: WorkStore;
  readonly chain: GatewayChain;
  readonly beacon: Pick<BeaconView, 'latest'>;
  readonly links: LinkPool;
  /** Of another certificate, for what strangers read through the gateway. Default: the same. */
  readonly publicLinks?: LinkPool;
  readonly payer: PayingSigner;
  readonly accounts: Accounts;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  /** Default: a process of its own. */
  readonly checker?: ReceiptChecker;
  /** Default: a port. */
  readonly openServer?: typeof createHttpServer;
  /** Where nonces come from. Default: the system. */
  readonly randomBytes?: (length: number) => Uint8Array;
  /** What validators are chosen by. Default: `Math.random`. */
  readonly random?: () => number;
}

/** What the parts of a gateway share. */
export interface GatewayContext extends GatewayDependencies {
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly random: () => number;
  /** What payers' cache scopes are named by. 32 bytes. */
  readonly cacheSecret: Uint8Array;
  readonly counts: GatewayMetrics;
  readonly warn: (what: string) => (err: unknown) => void;
}
