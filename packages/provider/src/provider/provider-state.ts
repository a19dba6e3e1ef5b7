import type { Attester } from '@ogong/host/attester/attester';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { rememberChecked } from '@ogong/host/crypto/remember-checked';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPool, type Peer } from '@ogong/host/link/link-pool';
import { createNewcomerBudget, NEWCOMER_LIMITS, type NewcomerBudget } from '@ogong/host/link/newcomer-budget';
import { toDialPolicy } from '@ogong/host/link/public-address';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit, type GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { createEarningsView, type TierDemands } from '@ogong/host/views/earnings-view';
import { createOrderKeys, type OrderKeyView } from '@ogong/host/views/order-keys';
import type { Crypto, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type AttestedMachine, createAttestedMachine } from '../machine/attested-machine.ts';
import { type CommitReply, commitReply } from '../modality/text/commit-reply.ts';
import { createLentWork, type LentWork } from '../shard/lent-work.ts';
import { barePush } from './bare-push.ts';
import { type Admissions, createAdmissions } from './orders/admissions.ts';
import { createMediaIntake, type MediaIntake } from './orders/media-intake.ts';
import type { StrangersLoad } from './orders/model-loading.ts';
import { OfferError, type OfferState, openOffers, type ServedOffer } from './orders/offers.ts';
import { createSealKeys, type SealKeys } from './orders/seal-keys.ts';
import { createUntakenOrders, type UntakenOrders } from './orders/untaken-orders.ts';
import { readReceipt } from './paid/intake-receipt.ts';
import { createKnownSets, type KnownSets } from './paid/known-sets.ts';
import { createPayeeStatement, type PayeeSigner } from './paid/payee-statement.ts';
import { createPayingPayers, type PayingPayers } from './paid/paying-payers.ts';
import { createReceivables, type ReceivableDependencies, type Receivables } from './paid/receivables.ts';
import { createServedStore, type ServedStore } from './paid/served-store.ts';
import { createProviderMetrics, type ProviderMetrics } from './provider-metrics.ts';
import { createOpenings, createReplyIds, type Openings, type ReplyIds } from './provider-store.ts';
import { type BlobStore, NO_BLOBS } from './serving/blob-store.ts';
import { createOutbox, type Outbox, type OutboxOptions } from './serving/outbox.ts';
import { createRunningReplies, type RunningReplies } from './serving/running-replies.ts';

export interface ProviderDependencies {
  readonly crypto: Crypto;
  /** Default: over OpenSSL. */
  readonly seal?: SealPrimitives;
  readonly clock: Clock;
  readonly signer: HybridSigner;
  /** The account that fees are paid to. It signs for the signer's key. */
  readonly payee: LedgerSigner;
  /** Statements of a payee whose key is elsewhere. Default: `payee` signs for itself. */
  readonly carriedStatement?: PayeeSigner | undefined;
  readonly identity: LinkIdentity;
  readonly chain: Pick<
    ChainView,
    | 'ledger'
    | 'network'
    | 'validators'
    | 'recentLists'
    | 'findByAddress'
    | 'findByCertHash'
    | 'isBacked'
    | 'isEjected'
    | 'recallByAddress'
    | 'isEjected'
    | 'isBacked'
    | 'channel'
    | 'router'
    | 'beaconKeys'
    | 'parameters'
    | 'client'
  > &
    Partial<Pick<ChainView, 'findMachineProblem'>>;
  /** Returns the payments of a validator's batches to the payee. @throws ChainError */
  readonly readPayments: ReceivableDependencies['readPayments'];
  readonly beacons: Pick<BeaconView, 'latest' | 'get'>;
  /** Opened with PROVIDER_SCHEMA. */
  readonly store: Store;
  /** All writes to the store; a provider that stops closes it. Default: each commit is synced on the event loop. */
  readonly commits?: GroupCommit;
  /** Default: kept in the store. */
  readonly openings?: Openings;
  /** Default: a reply with blobs is refused. */
  readonly blobs?: BlobStore;
  /** Makes this machine's statements about itself. Default: nothing, and no tier that takes evidence is served. */
  readonly attester?: Attester | undefined;
  /** Stakes that tiers require of a key. Default: nothing. */
  readonly tierStakes?: ReadonlyMap<string, bigint>;
  /** Finds the signed agreement of an order that several providers serve, and which this one leads. Default: it serves alone. */
  readonly findAgreement?: (orderHash: Uint8Array) => Uint8Array | undefined;
  /** Default: commitReply. */
  readonly commit?: CommitReply;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: Metrics;
}

/** The state that the steps of serving work on. Only `isClosing`, `running`, the list of offers and their slots change. */
export interface ProviderState
  extends Omit<
    ProviderDependencies,
    | 'seal'
    | 'attester'
    | 'payee'
    | 'carriedStatement'
    | 'openings'
    | 'blobs'
    | 'commits'
    | 'commit'
    | 'metrics'
    | 'readPayments'
    | 'tierStakes'
  > {
  /** Hash of the signer's key. */
  readonly id: Uint8Array;
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** Returns the payee's current statement for the signer's key. */
  readonly getPayeeWord: () => Uint8Array;
  readonly learnOrderKey: OrderKeyView['learn'];
  readonly offers: OfferState[];
  /** The validators whose orders are served, `host:port`; empty for every registered one. */
  readonly validators: readonly string[];
  readonly openingTtlMs: number;
  readonly maxReplyMs: number;
  readonly commit: CommitReply;
  readonly commits: GroupCommit;
  readonly replyIds: ReplyIds;
  readonly openings: Openings;
  readonly blobs: BlobStore;
  readonly knownSets: KnownSets;
  readonly outbox: Outbox;
  readonly admissions: Admissions;
  readonly receivables: Receivables;
  readonly holdings: TierDemands;
  readonly served: ServedStore;
  readonly lent: LentWork;
  readonly newcomers: NewcomerBudget;
  readonly strangersLoad: StrangersLoad;
  readonly payers: PayingPayers;
  readonly replies: RunningReplies;
  readonly media: MediaIntake;
  readonly untaken: UntakenOrders;
  readonly links: LinkPool;
  readonly seal: SealPrimitives;
  readonly sealKeys: SealKeys;
  readonly machine: AttestedMachine | undefined;
  readonly metrics: ProviderMetrics;
  /** Aborted when running replies must end. */
  readonly stopping: AbortController;
  readonly running: Set<Promise<void>>;
  /** True from the call of `stop` on: no new orders. */
  isClosing: boolean;
}

export interface ProviderStateOptions {
  readonly offers: readonly ServedOffer[];
  /** Segments that are served for leaders of cohorts. They may be all that the provider offers. */
  readonly shards: number;
  /** Offers may come at run time, so there may be none at the start. */
  readonly isGrowing: boolean;
  readonly validators: readonly string[];
  readonly openingTtlMs: number;
  readonly maxReplyMs: number;
  readonly takeWithinMs?: number | undefined;
  readonly outbox: OutboxOptions;
  /** Routers and the verifier, whose addresses the operator named. */
  readonly own: readonly Peer[];
}

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const PUSH_TIMEOUT_MS = 15_000;

/** @throws TierError, OfferError, see openOffers. */
export function openProviderState(options: ProviderStateOptions, dependencies: ProviderDependencies): ProviderState {
  const { clock, signer, identity, chain, beacons, store, log, seal = nodeSeal } = dependencies;
  const { crypto, learn: learnOrderKey } = createOrderKeys(rememberChecked(dependencies.crypto), chain.ledger, {
    clock,
    readLimit: async (...parties) => (await chain.client()).keyLimitOf(...parties),
  });
  const { validators, openingTtlMs, maxReplyMs } = options;
  const { attester } = dependencies;
  if (options.offers.length + options.shards === 0 && !options.isGrowing)
    throw new OfferError('a provider offers at least one model or segment');
  const offers = openOffers(options.offers, attester !== undefined);
  const id = hashHybridKey(crypto, signer.publicKey);
  const payeeWord =
    dependencies.carriedStatement ??
    createPayeeStatement({ crypto, clock, payee: dependencies.payee, ledger: chain.ledger, providerId: id });
  const { commits = createGroupCommit(store) } = dependencies;
  const links = createLinkPool({
    identity,
    dialPolicy: toDialPolicy(chain.ledger.chainId),
    own: options.own,
    limits: { maxMessageBytes: MAX_MESSAGE_BYTES },
  });
  const metrics = createProviderMetrics(dependencies.metrics);
  const { ledger } = chain;
  const sealKeys = createSealKeys({ crypto, seal, signer, clock, ledger, providerId: id });
  const machine =
    attester &&
    createAttestedMachine({
      ...{ crypto, attester, ledger, providerId: id, getSealKey: () => sealKeys.current() },
      vouch: (message) => signer.sign(message),
    });
  return {
    ...{ crypto, clock, signer, identity, chain, beacons, store, log },
    ...{ seal, sealKeys, machine, learnOrderKey },
    ...(dependencies.findAgreement && { findAgreement: dependencies.findAgreement }),
    ...{ id, offers, validators, openingTtlMs, maxReplyMs, commits, links, metrics },
    payee: payeeWord.payee,
    getPayeeWord: payeeWord.get,
    commit: dependencies.commit ?? commitReply,
    replyIds: createReplyIds(store, commits),
    openings: dependencies.openings ?? createOpenings(commits),
    blobs: dependencies.blobs ?? NO_BLOBS,
    knownSets: createKnownSets({ crypto, chain }, { store, commits }),
    outbox: openOutbox(options.outbox, { store, commits, clock, chain, links, metrics, log, crypto }),
    newcomers: createNewcomerBudget(NEWCOMER_LIMITS, dependencies.clock),
    strangersLoad: { lastMs: Number.NEGATIVE_INFINITY },
    admissions: createAdmissions(commits),
    receivables: createReceivables({
      ...{ store, commits, clock, readPayments: dependencies.readPayments, writtenOffMs: openingTtlMs },
      readChannel: chain.channel,
    }),
    holdings: { tierStakes: dependencies.tierStakes, heldFor: createEarningsView(chain).heldFor },
    served: createServedStore(store, commits),
    lent: createLentWork({ store, commits, clock }),
    payers: createPayingPayers(),
    media: createMediaIntake(),
    replies: createRunningReplies({ crypto, ledger: chain.ledger, takeWithinMs: options.takeWithinMs }),
    untaken: createUntakenOrders({ clock }),
    stopping: new AbortController(),
    running: new Set(),
    isClosing: false,
  };
}

function openOutbox(
  options: OutboxOptions,
  {
    store,
    commits,
    clock,
    chain,
    links,
    metrics,
    log,
    crypto,
  }: Pick<ProviderState, 'crypto' | 'commits' | 'clock' | 'chain' | 'links' | 'metrics' | 'log'> & {
    readonly store: Store;
  },
): Outbox {
  return createOutbox(options, {
    store,
    commits,
    clock,
    async push(address, message) {
      const validator = chain.findByAddress(address);
      if (validator === undefined) {
        throw new LinkError('unreachable', 'the validator is not in the registry (any more)');
      }
      const answer = await links
        .to(ValidatorService, validator)
        .pushRecord(barePush(crypto, message), { timeoutMs: PUSH_TIMEOUT_MS });
      const receipt = readReceipt({ crypto, ledger: chain.ledger, validator }, message, answer);
      if (receipt === undefined) {
        throw new LinkError('remote', 'the validator acknowledged a record and did not sign for it');
      }
      return receipt;
    },
    onSize: (records) => metrics.outbox.set(records),
    onPushed(replyId) {
      metrics.records.inc({ outcome: 'pushed' });
      metrics.steps.add(replyId, 'hand record in');
    },
    onRetry: (_id, err) => {
      metrics.records.inc({ outcome: 'retried' });
      log.warn({ err }, 'a record could not be delivered; it will be tried again');
    },
    onRefused: (_id, err) => {
      metrics.records.inc({ outcome: 'refused' });
      log.error({ err }, 'the validator refused a record for good');
    },
  });
}
