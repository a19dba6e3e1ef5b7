import { createRepeating } from '@ogong/host/time/repeat';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { OPENING_HANDED } from '@ogong/protocol/exchange/complaint';
import { createArchiving } from './books/archive.ts';
import { createBudgetAlerts } from './books/budget-alerts.ts';
import { type CallStore, createCallStore } from './books/call-store.ts';
import { type ChannelLedger, createChannelLedger } from './books/channel-ledger.ts';
import { createDeposits } from './books/deposits.ts';
import { createEscrowFunding, type EscrowFunding } from './books/escrow-funding.ts';
import { createReceiptStore, type ReceiptStore } from './books/receipt-store.ts';
import { createPayments, type PaymentDesk } from './front/payments.ts';
import type { GatewayContext, GatewayOptions } from './gateway-options.ts';
import { type ComplaintOutbox, createComplaintOutbox } from './outbox/complaint-outbox.ts';
import { createComplaintRations } from './outbox/complaint-rations.ts';
import { createDeliveryOutbox, type DeliveryOutbox } from './outbox/delivery-outbox.ts';
import { keepHeld, keepIntake } from './outbox/keep-intake.ts';
import { createMilestoneOutbox, type MilestoneOutbox } from './outbox/milestone-outbox.ts';
import { createVerdictFeed, isForAnother, isUnanswered } from './outbox/verdict-feed.ts';
import { createWorkShares } from './outbox/work-shares.ts';
import { createValidatorKeys, type KnownValidatorKeys } from './sealed/validator-keys.ts';

const EXPIRY_INTERVAL_MS = 60_000;
/** Least time that a private receipt is kept: its caller may still fetch the validator's signature. */
const PRIVATE_GRACE_MS = 60_000;
const ALERT_INTERVAL_MS = 30_000;
/** Least time that a payment is kept: longer than it can be sent again. */
const PAYMENT_MEMORY_MS = 31 * 86_400_000;

/** The gateway's stores: its debts, their receipts, and the loops that keep them up to date. */
export interface GatewayBooks {
  readonly ledger: ChannelLedger;
  readonly receipts: ReceiptStore;
  readonly calls: CallStore;
  readonly complaints: ComplaintOutbox;
  readonly deliveries: DeliveryOutbox;
  readonly milestones: MilestoneOutbox;
  readonly validatorKeys: KnownValidatorKeys;
  readonly funding: EscrowFunding;
  readonly payments: PaymentDesk | undefined;
  start(): void;
  stop(): Promise<unknown>;
}

export function createBooks(options: GatewayOptions, context: GatewayContext): GatewayBooks {
  const { books, accounts, chain, links, clock, payer, logger, counts, warn, metrics } = context;
  const { steps } = metrics;
  const { depositAtomic, allowanceAtomic } = options.spending;
  const ledger = createChannelLedger(books, (validator, amountAtomic) => {
    counts.countUnexplained(amountAtomic);
    logger.error({ validator, amountAtomic }, 'a validator drew an amount that no known order explains');
  });
  const receipts = createReceiptStore(books);
  const calls = createCallStore(books);
  const shares = createWorkShares({ books, onError: warn('the other gateways of the database could not be listed') });
  const complaints = createComplaintOutbox({
    ...{ books, chain, links, clock, shares, payer },
    rations: createComplaintRations({ books, clock }),
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
      async onOpeningWanted({ replyId, validator, order, signature }) {
        const stored = await receipts.get(replyId);
        // A client that seals keeps its receipt itself.
        if (stored === undefined || 'url' in stored.receipt.opening) return;
        const { receipt, request, response } = stored;
        const { bytes: record, publicKey: providerKey, signature: recordSignature } = receipt.record;
        await complaints.put(fromHex(validator), {
          order: { order, signature },
          reason: OPENING_HANDED,
          record: { record, providerKey, signature: recordSignature },
          opening: { opening: stored.receipt.opening.bytes, texts: { request, endpoint: receipt.endpoint, response } },
        });
      },
      onClosed(order, closing) {
        const { replyId } = order;
        const { verdict, feeAtomic, judgedRecord } = closing;
        counts.countVerdict(verdict, feeAtomic);
        logger.debug({ replyId, verdict, feeAtomic }, 'a verdict is in');
        steps.add(replyId, 'learn verdict', {
          attributes: { 'ogong.verdict': verdict, 'ogong.fee_atomic': String(feeAtomic) },
        });
        if (isUnanswered(order, closing)) {
          counts.countUnanswered();
          logger.warn({ replyId, verdict, feeAtomic }, 'an order is charged that brought no answer');
        }
        if (!isForAnother(order, closing)) return;
        counts.countOther();
        logger.warn(
          { replyId, verdict, feeAtomic, judgedRecord },
          'the verdict is about another record than the delivered one',
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
      await receipts.dropPrivate(clock.nowMs() - PRIVATE_GRACE_MS);
      await receipts.expire(beforeMs, options.archive !== undefined);
      await ledger.expire(beforeMs);
      await calls.expire(beforeMs);
      await books.eraseDeleted();
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
        keptMs: Math.max(PAYMENT_MEMORY_MS, options.receiptLifetimeMs),
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
    calls,
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
