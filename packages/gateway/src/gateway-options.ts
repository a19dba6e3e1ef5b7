import type { MachinePolicy } from '@ogong/attestation/policy-file';
import type { createHttpServer } from '@ogong/host/http/http-server';
import type { PictureFetcher } from '@ogong/host/http/picture-fetch';
import type { HostPort } from '@ogong/host/link/host-port';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import type { ModelRoots } from '@ogong/host/views/model-roots';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { Sort } from '@ogong/protocol/exchange/preference';
import type { AttestedRole } from '@ogong/protocol/tier/attested-role';
import type { Accounts } from './books/accounts.ts';
import type { ArchiveOptions } from './books/archive.ts';
import type { BudgetAlertOptions } from './books/budget-alerts.ts';
import type { DepositOptions } from './books/deposits.ts';
import type { ReceiptChecker } from './buy/check/receipt-checker.ts';
import type { HedgingOptions } from './buy/hedging.ts';
import type { ProviderMatchOptions } from './buy/match/provider-match.ts';
import type { PayingSigner } from './buy/paying-signer.ts';
import type { ProviderCallOptions } from './buy/provider-call.ts';
import type { SealPolicy } from './buy/seal/seal-keys.ts';
import type { SettlePolicy } from './buy/settle-policy.ts';
import type { CardOptions } from './front/card-handler.ts';
import type { PaymentOptions } from './front/payments.ts';
import type { GatewayMemories } from './gateway-memory.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import type { PageNetwork, PublicHandlersDependencies } from './public/public-handlers.ts';

/** The HTTP server. */
export interface GatewayHttpOptions {
  readonly bind: HostPort;
  readonly maxConnections: number;
  /** Connections of one address without a key. Default: no limit. */
  readonly maxConnectionsPerAddress?: number;
  readonly headersTimeoutMs: number;
  readonly maxBodyBytes: number;
  /** The most bytes of pictures and other files of a request, beside the body. Default: 0. */
  readonly maxMediaBytes?: number;
  /** Fetches pictures that requests name by addresses. Default: addresses are refused. */
  readonly pictures?: PictureFetcher | undefined;
  readonly bodyTimeoutMs: number;
  /** Pause between signs of life on a silent stream. */
  readonly heartbeatMs: number;
  readonly maxRequests: number;
  readonly maxRequestsPerKey: number;
  /** Web origins whose pages may call; `*` for all. */
  readonly origins: readonly string[];
  /** Time that running requests have to end when the gateway stops. */
  readonly stopGraceMs: number;
}

export interface GatewaySpendingOptions {
  readonly maxPricePer1kAtomic: bigint;
  readonly depositAtomic: bigint;
  readonly allowanceAtomic: bigint;
  /** Default: `any`. */
  readonly settle?: SettlePolicy;
  /** Order of providers for a request without a preference. Default: `none`. */
  readonly sort?: Sort;
  /** The least stake in whole tokens, for requests that name none. Default: 0. */
  readonly minHeldTokens?: bigint;
  /** The least stake by tier, for all requests, as the network demands. Default: none. */
  readonly tierStakes?: ReadonlyMap<string, bigint>;
}

export interface GatewayOptions {
  /** The longest expected time of one order of a picture; a longer picture is bought as a chain. Default: that of the longest order. */
  readonly longestOrderMs?: number;
  /** At least one, in the order in which they are asked. */
  readonly routers: readonly Peer[];
  readonly http: GatewayHttpOptions;
  readonly spending: GatewaySpendingOptions;
  /** Time that providers have to answer. */
  readonly patience: ProviderCallOptions & Pick<ProviderMatchOptions, 'busyPatienceMs'>;
  /** Whether requests are sealed to their providers. Default: `auto`. */
  readonly seal?: SealPolicy;
  /** Machines of tier `tee` that are believed. Default: none, and nothing is bought in that tier. */
  readonly machinePolicy?: MachinePolicy | undefined;
  /** Tickets of one kind of request that are kept before it comes. Default: none. */
  readonly ticketsAhead?: number;
  /** Rules for a second order if the first provider is slow. Default: no second order. */
  readonly hedging?: HedgingOptions;
  /** Time between two questions to a machine. Default: ten minutes. */
  readonly machineIntervalMs?: number;
  /** Roles whose machines every request demands. Default: none. */
  readonly demandedRoles?: readonly AttestedRole[];
  /** Directory for tickets that prove a misrouting. Default: none are kept. */
  readonly misroutedDir?: string;
  readonly receiptLifetimeMs: number;
  /** Parts of budgets that raise an alert, and its receivers besides the log. Default: none. */
  readonly alerts?: Omit<BudgetAlertOptions, 'intervalMs'>;
  /** Terms for callers that pay without a key. Default: they may not. */
  readonly payments?: Omit<PaymentOptions, 'payTo' | 'pricePer1kAtomic' | 'keptMs'>;
  /** Archive for receipts before they are dropped. Default: none. */
  readonly archive?: ArchiveOptions | undefined;
  /** Terms of addresses for deposits of organisations with credit. Default: no addresses. */
  readonly deposits?: Omit<DepositOptions, 'payTo'>;
  /** The payment provider whose webhooks about cards are accepted. Default: nobody's. */
  readonly card?: CardOptions | undefined;
  /** Pause between two checks of a running reply. Default: 3 s. */
  readonly milestonePauseMs?: number;
  /** Pause between two looks for verdicts. */
  readonly verdictIntervalMs: number;
  /** The network for web pages that read the chain. Default: they believe the gateway. */
  readonly network?: PageNetwork;
  /** Server that reads IPFS over HTTP, for cards of the hub. Default: places on IPFS are not read. */
  readonly ipfsGateway?: string | undefined;
  /** The drift table that pages are shown, read when one asks. Default: none. */
  readonly readDriftTable?: PublicHandlersDependencies['readDriftTable'];
  /** Published weights. Default: a provider's claim about its weights is believed. */
  readonly modelRoots?: ModelRoots;
}

/** The parts of the chain that a gateway reads. */
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
  /** Links under another certificate, for reads of strangers through the gateway. Default: the same. */
  readonly publicLinks?: LinkPool;
  readonly payer: PayingSigner;
  readonly accounts: Accounts;
  /** Memories of the holders of keys; the caller closes their store. Default: none are kept. */
  readonly memories?: GatewayMemories | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  /** Default: a process of its own. */
  readonly checker?: ReceiptChecker;
  /** Default: a port. */
  readonly openServer?: typeof createHttpServer;
  /** Signs the document of the network. Default: none is issued. */
  readonly networkSigner?: HybridSigner;
  /** Randomness for nonces. Default: the system's. */
  readonly randomBytes?: (length: number) => Uint8Array;
  /** Randomness for choosing validators. Default: `Math.random`. */
  readonly random?: () => number;
}

/** The services that the parts of a gateway share. */
export interface GatewayContext extends GatewayDependencies {
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly random: () => number;
  /** Secret that names payers' cache scopes. 32 bytes. */
  readonly cacheSecret: Uint8Array;
  readonly counts: GatewayMetrics;
  readonly warn: (what: string) => (err: unknown) => void;
}
