import { randomBytes as drawBytes } from 'node:crypto';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import type { ApiApp } from '@ogong/host/http/api-app';
import { createHttpServer } from '@ogong/host/http/http-server';
import type { HostPort } from '@ogong/host/link/host-port';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import type { WorkStore } from '@ogong/host/store/work-store';
import { type Clock, systemClock } from '@ogong/host/time/clock';
import { createRepeating } from '@ogong/host/time/repeat';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { createEarningsView } from '@ogong/host/views/earnings-view';
import type { ModelRoots } from '@ogong/host/views/model-roots';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { Sort } from '@ogong/protocol/exchange/preference';
import type { AttestedRole } from '@ogong/protocol/tier/attested-role';
import type { Accounts } from './accounts.ts';
import { createAdminHandlers } from './admin-handlers.ts';
import { type ArchiveOptions, createArchiving } from './archive.ts';
import { createAttestedRoles } from './attested-roles.ts';
import { type BudgetAlertOptions, createBudgetAlerts } from './budget-alerts.ts';
import { createCacheScopes } from './cache-scope.ts';
import { createCallDoor } from './call-door.ts';
import { type CardOptions, createCardHandler } from './card-handler.ts';
import { type ChannelLedger, createChannelLedger } from './channel-ledger.ts';
import { type ComplaintOutbox, createComplaintOutbox } from './complaint-outbox.ts';
import { createDeliveryOutbox, type DeliveryOutbox } from './delivery-outbox.ts';
import { createDeposits, type DepositOptions } from './deposits.ts';
import { createEscrowFunding, type EscrowFunding } from './escrow-funding.ts';
import { findMatch, giveBack } from './find-match.ts';
import { createGatewayApp } from './gateway-app.ts';
import { createGatewayMetrics, type GatewayMetrics } from './gateway-metrics.ts';
import { createInferenceGate } from './inference-gate.ts';
import { keepHeld, keepIntake } from './keep-intake.ts';
import { keepMisrouted } from './keep-misrouted.ts';
import { createMilestoneOutbox, type MilestoneOutbox } from './milestone-outbox.ts';
import { createModelList } from './model-list.ts';
import { createOrderPacing } from './order-pacing.ts';
import type { PayingSigner } from './paying-signer.ts';
import { isPayer } from './payment-book.ts';
import { createPayments, type PaymentDesk, type PaymentOptions } from './payments.ts';
import { createProviderCall, type ProviderCallOptions } from './provider-call.ts';
import { createProviderMatch, type ProviderMatchOptions } from './provider-match.ts';
import { createPageHandlers } from './public/page-handlers.ts';
import { createPublicHandlers, type PageNetwork, type PublicHandlersDependencies } from './public/public-handlers.ts';
import { createPublicReader } from './public/public-reader.ts';
import { createMemoryBuckets, createSharedBuckets } from './rate-buckets.ts';
import { createRateLimits } from './rate-limits.ts';
import { createReceiptChecker, type ReceiptChecker } from './receipt-checker.ts';
import { createReceiptStore, type ReceiptStore } from './receipt-store.ts';
import type { ReplyContext } from './reply.ts';
import { createReplyService, type ReplyService } from './reply-service.ts';
import { createRouters, type Routers } from './routers.ts';
import { createKnownSealKeys, type SealPolicy } from './seal-keys.ts';
import { createSealedCalls, type SealedCalls } from './sealed/sealed-calls.ts';
import { createValidatorKeys, type KnownValidatorKeys } from './sealed/validator-keys.ts';
import type { SettlePolicy } from './settle-policy.ts';
import { ANONYMOUS, createSignIn, type SignIn } from './sign-in.ts';
import { createTicketAges } from './ticket-ages.ts';
import { createTicketsAhead, type TicketsAhead } from './tickets-ahead.ts';
import { createValidatorChoice } from './validator-choice.ts';
import { createVerdictFeed, isForAnother } from './verdict-feed.ts';
import { createWorkShares } from './work-shares.ts';

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

const EXPIRY_INTERVAL_MS = 60_000;
const ALERT_INTERVAL_MS = 30_000;

export function createGateway(options: GatewayOptions, dependencies: GatewayDependencies): Gateway {
  const { logger } = dependencies;
  const { bind, stopGraceMs, headersTimeoutMs, maxConnections, maxConnectionsPerAddress } = options.http;
  const context: GatewayContext = {
    ...dependencies,
    clock: dependencies.clock ?? systemClock,
    counts: createGatewayMetrics(dependencies.metrics),
    warn: (what) => (err) => logger.warn({ err }, what),
  };
  const signIn = createSignIn(dependencies.accounts, options.payments !== undefined);
  const books = createBooks(options, context);
  const checker = dependencies.checker ?? createReceiptChecker();
  const routers = createRouters(options, context);
  const { replies, sealed, ahead } = createReplies(options, context, { books, checker, routers });
  const app = createApp(options, context, { signIn, books, replies, sealed, routers });
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

/** What the parts of a gateway share. */
interface GatewayContext extends GatewayDependencies {
  readonly clock: Clock;
  readonly counts: GatewayMetrics;
  readonly warn: (what: string) => (err: unknown) => void;
}

/** The gateway's accounts: what it owes, to whom, with which receipts, and the loops that keep them up to date. */
interface Books {
  readonly ledger: ChannelLedger;
  readonly receipts: ReceiptStore;
  readonly complaints: ComplaintOutbox;
  readonly deliveries: DeliveryOutbox;
  readonly milestones: MilestoneOutbox;
  readonly validatorKeys: KnownValidatorKeys;
  readonly funding: EscrowFunding;
  readonly payments: PaymentDesk | undefined;
  start(): void;
  stop(): Promise<unknown>;
}

function createBooks(options: GatewayOptions, context: GatewayContext): Books {
  const { books, accounts, chain, links, clock, payer, logger, counts, warn, metrics } = context;
  const { steps } = metrics;
  const { depositAtomic, allowanceAtomic } = options.spending;
  const ledger = createChannelLedger(books);
  const receipts = createReceiptStore(books);
  const shares = createWorkShares({ books, onError: warn('the other gateways of the database could not be listed') });
  const complaints = createComplaintOutbox({
    ...{ books, chain, links, clock, shares, payer },
    onSent: (reason, outcome) => logger.info({ reason, outcome }, 'a complaint was heard'),
    onError: warn('a complaint was not heard'),
  });
  const deliveries = createDeliveryOutbox({
    ...{ books, chain, links, clock, shares },
    onSent(outcome) {
      counts.countDelivery(outcome);
      if (outcome === 'contradicted') logger.warn('a provider had handed in another record than it delivered');
    },
    keepHeld: (told, validator, signature) => keepHeld({ receipts, chain }, told, { validator, signature }),
    keepIntake: (told, intake) => keepIntake({ receipts, chain }, told, intake),
    onError: warn('a delivery was not acknowledged'),
  });
  const validatorKeys = createValidatorKeys({
    ...{ links, clock, chain },
    onError: warn('a validator shows no key to seal to'),
  });
  const milestones = createMilestoneOutbox({
    ...{ books, chain, links, clock, shares },
    onKeyGone: validatorKeys.forget,
    onError: warn('a milestone was not handed in'),
  });
  const funding = createEscrowFunding(
    payer.key === undefined
      ? { payer: payer.address, depositAtomic, allowanceAtomic }
      : // Only the account itself moves what it has.
        { payer: payer.address, key: payer.key, depositAtomic: 0n, allowanceAtomic: 0n },
    { chain, alone: books.alone, onError: warn('the escrow could not be topped up') },
  );
  const feed = createVerdictFeed(
    { intervalMs: options.verdictIntervalMs },
    {
      ...{ ledger, chain, links, clock, shares },
      async onServedInSecret({ replyId, validator, order, signature }) {
        logger.warn({ replyId }, 'a provider has served an order that it had refused');
        const reason = 'refused-order';
        await complaints.put(fromHex(validator), { order: { order, signature }, reason });
        await ledger.abandon(replyId);
      },
      onClosed(order, closing) {
        const { replyId } = order;
        const { verdict, feeAtomic, judgedRecord } = closing;
        counts.countVerdict(verdict, feeAtomic);
        logger.debug({ replyId, verdict, feeAtomic }, 'a verdict is in');
        steps.add(replyId, 'learn verdict', {
          attributes: { 'ogong.verdict': verdict, 'ogong.fee_atomic': String(feeAtomic) },
        });
        if (!isForAnother(order, closing)) return;
        counts.countOther();
        logger.warn(
          { replyId, verdict, feeAtomic, judgedRecord },
          'a validator judged another record than was delivered',
        );
      },
      onSettled: (replyId, settlement) =>
        steps.add(replyId, 'learn settlement', { attributes: { 'ogong.transaction': settlement } }),
      onError: warn('the verdicts could not be read'),
    },
  );
  const expiry = createRepeating(
    { intervalMs: EXPIRY_INTERVAL_MS },
    async () => {
      const beforeMs = clock.nowMs() - options.receiptLifetimeMs;
      await receipts.expire(beforeMs, options.archive !== undefined);
      await ledger.expire(beforeMs);
      books.eraseDeleted();
    },
    warn('old receipts could not be dropped'),
  );
  const alerts =
    options.alerts &&
    createBudgetAlerts(
      { intervalMs: ALERT_INTERVAL_MS, ...options.alerts },
      {
        ...{ books, accounts, clock },
        onAlert: ({ account, percent, budgetAtomic, spentAtomic }) =>
          logger.warn({ account, percent, budgetAtomic, spentAtomic }, 'a part of a budget is spent'),
        onError: warn('an alert was not taken'),
      },
    );
  const payments =
    options.payments &&
    createPayments(
      {
        ...options.payments,
        payTo: `0x${toHex(payer.address)}`,
        pricePer1kAtomic: options.spending.maxPricePer1kAtomic,
      },
      { books, clock, client: chain.client, onError: warn('a payment could not be settled') },
    );
  const deposits =
    options.deposits &&
    createDeposits(
      { ...options.deposits, payTo: `0x${toHex(payer.address)}` },
      {
        ...{ books, clock, client: chain.client, onError: warn('a deposit could not be credited') },
        onDeposit: (account, amountAtomic) => logger.info({ account, amountAtomic }, 'a deposit was credited'),
      },
    );
  const archiving =
    options.archive &&
    createArchiving(options.archive, { books, receipts, clock, onError: warn('receipts could not be archived') });
  const optional = [alerts, payments, deposits, archiving].filter((loop) => loop !== undefined);
  const loops = [shares, complaints, deliveries, milestones, feed, expiry, ...optional];
  return {
    ledger,
    receipts,
    complaints,
    deliveries,
    milestones,
    validatorKeys,
    funding,
    payments,
    start() {
      for (const loop of loops) loop.start();
    },
    stop: () => Promise.all([...loops, funding].map((loop) => loop.stop())),
  };
}

function createReplies(
  {
    patience,
    spending,
    modelRoots,
    seal = 'auto',
    machinePolicy,
    machineIntervalMs,
    demandedRoles,
    misroutedDir,
    ticketsAhead: max = 0,
    milestonePauseMs,
  }: GatewayOptions,
  context: GatewayContext,
  { books, checker, routers }: { readonly books: Books; readonly checker: ReceiptChecker; readonly routers: Routers },
): { readonly replies: ReplyService; readonly sealed: SealedCalls; readonly ahead: TicketsAhead } {
  const { accounts, chain, beacon, links, payer, clock, logger, counts, warn, metrics } = context;
  const { randomBytes = readSystemBytes, random = Math.random } = context;
  const { ledger, receipts, complaints, deliveries, milestones, validatorKeys, funding } = books;
  const { maxPricePer1kAtomic, sort = 'none', minHeldTokens = 0n } = spending;
  const onMisrouted: ProviderMatchOptions['onMisrouted'] = (match, problem) => {
    counts.countMisrouted();
    const kept = misroutedDir && keepMisrouted(misroutedDir, match);
    logger.warn({ problem, kept }, 'a router misrouted');
  };
  const { busyPatienceMs } = patience;
  const keys = createKnownSealKeys(seal, {
    ...{ links, clock, ledger: chain.ledger, machinePolicy, machineIntervalMs },
    findMachineProblem: chain.findMachineProblem,
  });
  const attested = createAttestedRoles({ links, clock, ledger: chain.ledger, beacon, policy: machinePolicy });
  const pacing = createOrderPacing();
  const matches = createProviderMatch(
    {
      maxPricePer1kAtomic,
      busyPatienceMs,
      sort,
      minHeldTokens,
      onMisrouted,
      freePlace: (model, isFor) => ahead.release(model, isFor),
    },
    { routers, clock, attested, earnings: createEarningsView(chain) },
  );
  const ahead = createTicketsAhead(
    { max },
    {
      find: (query, signal) =>
        findMatch(
          { matches, chain, randomBytes, links, clock },
          { provider: undefined, signal },
          { ...query, exclude: [], isAhead: true },
        ),
      giveBack: (found) => giveBack({ links }, found),
      ...{ clock, random, onOutcome: counts.countAhead },
    },
  );
  const steps: ReplyContext = {
    ...(modelRoots === undefined ? {} : { modelRoots }),
    machinePolicy,
    steps: metrics.steps,
    chain,
    beacon,
    links,
    payer,
    attested,
    ...(demandedRoles && { demandedRoles }),
    matches,
    ahead,
    // Where none is kept all are fresh.
    ...(max > 0 && { ages: createTicketAges({ clock, random }) }),
    providers: createProviderCall(patience, { links, pacing, sealing: { keys, ledger: chain.ledger } }),
    validators: createValidatorChoice({ chain, links, random }),
    funding,
    ledger,
    receipts,
    complaints,
    deliveries,
    milestones,
    checker,
    milestonePauseMs,
    clock,
    randomBytes,
    nameCacheScope: createCacheScopes(readSystemBytes(32)),
    renewKey: async (key) => (key.id === ANONYMOUS.id || isPayer(key.id) ? key : accounts.renew(key.id)),
    onFault(reason, providerId) {
      counts.countFault(reason);
      logger.warn({ reason, providerId }, 'a provider failed');
    },
    onError: warn('a router could not be told'),
  };
  return {
    ahead,
    replies: createReplyService(steps),
    sealed: createSealedCalls({
      ...{ context: steps, sealKeys: keys, validatorKeys, links, patience, pacing },
    }),
  };
}

interface AppParts {
  readonly signIn: SignIn;
  readonly books: Books;
  readonly replies: ReplyService;
  readonly sealed: SealedCalls;
  readonly routers: Routers;
}

function createApp(
  { http, routers: peers, spending, network, readDriftTable, card, deposits }: GatewayOptions,
  context: GatewayContext,
  { signIn, books: parts, replies, sealed, routers }: AppParts,
): ApiApp {
  const { books, accounts, chain, beacon, links, publicLinks = links, metrics, clock, logger, counts } = context;
  const bodyLimits = { maxBytes: http.maxBodyBytes, timeoutMs: http.bodyTimeoutMs };
  const gate = createInferenceGate({ max: http.maxRequests, maxPerKey: http.maxRequestsPerKey });
  counts.watch({ running: gate.size, complaints: parts.complaints.size });
  const rates = createRateLimits({
    buckets: books.isShared ? createSharedBuckets(books, clock.nowMs) : createMemoryBuckets(clock.nowMs),
  });
  const settle = spending.settle ?? 'any';
  const { heartbeatMs } = http;
  return createGatewayApp(http, {
    signIn,
    completions: {
      replies,
      door: createCallDoor({ gate, rates, bodyLimits, payments: parts.payments }),
      rates,
      clock,
      randomBytes: readSystemBytes,
      bodyLimits,
      heartbeatMs,
      settle,
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
    models: createModelList({ sinceS: Math.floor(clock.nowMs() / 1000) }, { routers }),
    public: createPublicHandlers({
      reader: createPublicReader({
        ...{ links: publicLinks, chain, clock },
        routers: createRouters({ routers: peers }, { links: publicLinks }),
      }),
      ...{ network, chain, beacon, clock, readDriftTable },
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
}

const readSystemBytes = (length: number): Uint8Array => new Uint8Array(drawBytes(length));

/** @throws GatewayConfigError where a network could use the gateway without a key. */
function assertStaysHere({ host }: HostPort, logger: Logger): void {
  if (!isLoopbackHost(host)) {
    throw new GatewayConfigError(
      `without an API key the gateway serves this machine only, not ${host}: ` +
        'add one with `ogong-gatewayd admin key add`, or bind to 127.0.0.1',
    );
  }
  logger.warn('NO API KEY IS SET: every program on this machine can use this gateway and spend its escrow');
}
