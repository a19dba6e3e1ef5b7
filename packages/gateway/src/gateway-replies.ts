import { monotonicClock } from '@ogong/host/time/clock';
import { createEarningsView } from '@ogong/host/views/earnings-view';
import { ANONYMOUS } from './books/api-keys.ts';
import { isPayer } from './books/payment-store.ts';
import { createCacheScopes } from './buy/cache-scope.ts';
import type { ReceiptChecker } from './buy/check/receipt-checker.ts';
import { createHedging, type Hedging } from './buy/hedging.ts';
import { createAttestedRoles } from './buy/match/attested-roles.ts';
import { findMatch, giveBack } from './buy/match/find-match.ts';
import { assertAffordable, type PayableRequest } from './buy/match/find-offer.ts';
import { keepMisrouted } from './buy/match/keep-misrouted.ts';
import { createProviderMatch, type ProviderMatchOptions } from './buy/match/provider-match.ts';
import type { Routers } from './buy/match/routers.ts';
import { createStandbyPrices, type StandbyPriceLimits, type StandbyPrices } from './buy/match/standby-prices.ts';
import { createTicketAges } from './buy/match/ticket-ages.ts';
import { createTicketsAhead, type TicketsAhead } from './buy/match/tickets-ahead.ts';
import { createOrderPacing } from './buy/order-pacing.ts';
import { createPromptMeter } from './buy/prompt-meter.ts';
import { createProviderCall } from './buy/provider-call.ts';
import { createReplyService, type ReplyService, type ReplyServiceContext } from './buy/reply-service.ts';
import { createKnownSealKeys } from './buy/seal/seal-keys.ts';
import { createTokenCounter, type TokenCounter } from './buy/token-counter.ts';
import { createValidatorChoice } from './buy/validator-choice.ts';
import type { GatewayBooks } from './gateway-books.ts';
import type { GatewayContext, GatewayOptions } from './gateway-options.ts';
import { createSealedCalls, type SealedCalls, type SealedContext } from './sealed/sealed-calls.ts';

export function createReplies(
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
    hedging: asked,
  }: GatewayOptions,
  context: GatewayContext,
  {
    books,
    checker,
    routers,
  }: { readonly books: GatewayBooks; readonly checker: ReceiptChecker; readonly routers: Routers },
): {
  readonly replies: ReplyService;
  /** Refuses a request that the budget of its key does not cover. @throws ApiError */
  readonly assertAffordable: (payable: PayableRequest) => Promise<void>;
  readonly tokens: TokenCounter;
  readonly sealed: SealedCalls;
  readonly ahead: TicketsAhead;
  readonly hedging: Hedging | undefined;
} {
  const {
    accounts,
    chain,
    beacon,
    links,
    payer,
    clock,
    logger,
    counts,
    warn,
    metrics,
    randomBytes,
    random,
    cacheSecret,
  } = context;
  const { ledger, receipts, calls, complaints, deliveries, milestones, validatorKeys, funding } = books;
  const { maxPricePer1kAtomic, sort = 'none', minHeldTokens = 0n, tierStakes = new Map() } = spending;
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
      tierStakes,
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
  const hedging =
    asked &&
    createHedging(asked, {
      prices: openPrices({ maxPricePer1kAtomic, standbyPercent: asked.standbyPercent }, routers),
    });
  const steps: ReplyServiceContext & SealedContext = {
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
    ...(hedging && { hedging, onHedge: counts.countHedge }),
    // Without tickets drawn ahead, every ticket is fresh.
    ...(max > 0 && { ages: createTicketAges({ clock, random }) }),
    providers: createProviderCall(patience, { links, pacing, sealing: { keys, ledger: chain.ledger } }),
    validators: createValidatorChoice({ chain, links, latestEpoch: () => beacon.latest().epoch, random }),
    funding,
    ledger,
    receipts,
    calls,
    complaints,
    deliveries,
    milestones,
    prompts: createPromptMeter(),
    checker,
    milestonePauseMs,
    clock,
    randomBytes,
    nameCacheScope: createCacheScopes(cacheSecret),
    renewKey: async (key) => (key.id === ANONYMOUS.id || isPayer(key.id) ? key : accounts.renew(key.id)),
    onFault(reason, providerId) {
      counts.countFault(reason);
      logger.warn({ reason, providerId }, 'a provider failed');
    },
    onError: warn('a report to a router failed'),
  };
  return {
    ahead,
    hedging,
    replies: createReplyService(steps),
    assertAffordable: (payable) => assertAffordable(steps, payable),
    tokens: createTokenCounter(steps),
    sealed: createSealedCalls({
      context: steps,
      sealKeys: keys,
      validatorKeys,
      links,
      patience,
      pacing,
    }),
  };
}

const openPrices = (limits: StandbyPriceLimits, routers: Routers): StandbyPrices =>
  createStandbyPrices(limits, {
    uptime: monotonicClock,
    async listOffers(model) {
      const { offers } = await routers.first((router, call) => routers.to(router).listOffers({ model }, call));
      return offers;
    },
  });
