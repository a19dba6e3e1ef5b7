import { setTimeout as delay } from 'node:timers/promises';
import { formatHostPort, type HostPort } from '@ogong/host/link/host-port';
import { LinkError } from '@ogong/host/link/link-error';
import type { Peer } from '@ogong/host/link/link-pool';
import { createLinkServer, type LinkServer, type MethodName, type MethodRates } from '@ogong/host/link/link-server';
import type { Puncher } from '@ogong/host/link/reach/punch';
import { createReachability, type Reachability } from '@ogong/host/link/reach/reachability';
import type { RelayPayerOptions } from '@ogong/host/link/reach/relay-payer';
import type { RelayPeer, RelayRegistrationState } from '@ogong/host/link/reach/relay-registration';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { MAX_OPENING_BYTES } from '@ogong/protocol/commitment/opening';
import type { VerifierEndpoint } from '@ogong/protocol/exchange/announcement';
import {
  ADMISSIONS_KEPT_MS,
  CLOCK_TOLERANCE_MS,
  MAX_REQUEST_BYTES,
  OPENING_KEPT_MS,
} from '@ogong/protocol/exchange/limits';
import { ProviderService, ShardService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createLentWatch } from '../shard/lent-watch.ts';
import { createShardService, MAX_SHARD_CALL_BYTES } from '../shard/shard-service.ts';
import { createProviderAnnouncer, type ProviderAnnouncer } from './announcing/provider-announcer.ts';
import { createCohortLead } from './cohort/lead-cohort.ts';
import type { OpenedSegments } from './cohort/open-segments.ts';
import { listSegments, openShards, type ServedShard } from './cohort/served-segments.ts';
import { assertMayOrder } from './orders/answer-order.ts';
import { addOffer, countActive, endOffer, findOffer, type ServedOffer } from './orders/offers.ts';
import { createServedWatch } from './paid/served-watch.ts';
import { createProviderService } from './provider-service.ts';
import { openProviderState, type ProviderDependencies, type ProviderState } from './provider-state.ts';
import { endLostOrders } from './serving/end-lost-orders.ts';
import type { OutboxOptions } from './serving/outbox.ts';

export interface ProviderOptions {
  readonly bind: HostPort;
  /** `host:port` that others reach it at. Default: where it listens. */
  readonly publicEndpoint?: string;
  /** Relays that it registers with. It is reached through these alone, unless it has a public endpoint. Default: none. */
  readonly relays?: readonly RelayPeer[];
  /** Takes links through punched holes. Default: none. */
  readonly puncher?: Puncher | undefined;
  /** Pays relays that ask for it. Default: none of those is used. */
  readonly relayPayer?: RelayPayerOptions | undefined;
  /** Each model id and each model root once. It may be empty if there are segments, or if offers come at run time. */
  readonly offers: readonly ServedOffer[];
  /** Whether offers come at run time. Default: no. */
  readonly isGrowing?: boolean;
  /** Parts of models that it serves together with others. Default: none. */
  readonly segments?: Pick<OpenedSegments, 'shards' | 'leads'>;
  readonly routers: readonly Peer[];
  /** The validators whose orders are served, `host:port`. Default: every registered one. */
  readonly validators?: readonly string[];
  /** Its second role, announced to validators. */
  readonly verifier?: VerifierEndpoint;
  /** Default: 10,000. */
  readonly announceIntervalMs?: number;
  /** How long openings are kept after their order's expiry. Default: OPENING_KEPT_MS. */
  readonly openingTtlMs?: number;
  /** Longest time one reply may hold a slot. Default: ten minutes. */
  readonly maxReplyMs?: number;
  /** How long a payer may think about the first part of a reply that it may leave untaken. Default: 5,000. */
  readonly takeWithinMs?: number;
  readonly outbox?: OutboxOptions;
  /** Pause between two looks at what became of served replies. Default: 10,000. */
  readonly outcomeIntervalMs?: number;
}

export interface Provider {
  /** Hash of its hybrid key. */
  readonly id: Uint8Array;
  start(): Promise<void>;
  /** Lets running replies end, at most for the grace period. Everything that the provider has promised is on the disk. */
  stop(graceMs?: number): Promise<void>;
  address(): HostPort;
  /** The routes that it announces. */
  endpoint(): string;
  relays(): readonly RelayRegistrationState[];
  activeReplies(): number;
  /** Returns the models that it offers now. */
  offered(): readonly { readonly modelId: string; readonly modelRoot: Uint8Array; readonly active: number }[];
  /** Offers one more model from now on. @throws TierError, OfferError */
  addOffer(offer: ServedOffer): void;
  /** Ends the offer of a model, unless an order of it runs. @returns whether the model is not offered any more. */
  endOffer(modelId: string): boolean;
}

const MIB = 1024 * 1024;
const MAX_CALL_BYTES = 4 * MAX_REQUEST_BYTES;
const ANNOUNCE_INTERVAL_MS = 10_000;
const SWEEP_INTERVAL_MS = 60_000;
const SHARD_SWEEP_INTERVAL_MS = 1_000;
/** For the last milestones of replies that are given up. */
const LAST_MILESTONE_MS = 1_000;
const LAST_WORD_MS = 1_000;
const HAND_OVER_MS = 3_000;
const HAND_OVER_PAUSE_MS = 20;
const ASK_TIMEOUT_MS = 5_000;

/** @throws TierError, OfferError, see openOffers. */
export function createProvider(options: ProviderOptions, dependencies: ProviderDependencies): Provider {
  const { offers, validators = [], openingTtlMs = OPENING_KEPT_MS, maxReplyMs = 600_000, outbox = {} } = options;
  const { takeWithinMs, isGrowing = false, segments = { shards: [], leads: [] } } = options;
  const own = [...options.routers, ...(options.verifier ? [options.verifier] : [])];
  const state = openProviderState(
    {
      ...{ offers, isGrowing, shards: segments.shards.length, validators },
      ...{ openingTtlMs, maxReplyMs, takeWithinMs, outbox, own },
    },
    dependencies,
  );
  const shards = openShards(segments.shards, state);
  const atWork = listSegments({ shards, leads: segments.leads }, state.offers);
  const server = openServer(state, options.bind, shards);
  const reachability = openReachability(state, options, server, async () => {
    // It has said that it leaves, and its relays end with it.
    if (!state.stopping.signal.aborted) await announcer.trigger();
  });
  const sweeper = createSweeper(state);
  const shardSweeper = createShardSweeper(state, shards);
  const watch = openServedWatch(state, options.outcomeIntervalMs);
  const lentWatch = openLentWatch(state);
  const announcer = createProviderAnnouncer(state, {
    intervalMs: options.announceIntervalMs ?? ANNOUNCE_INTERVAL_MS,
    routers: options.routers,
    verifier: options.verifier,
    segments: atWork,
    ...{ getEndpoint: reachability.endpoint, isReachable: reachability.isReachable },
  });
  const announce = (): void => void announcer.trigger().catch(() => undefined);
  const leads = segments.leads.flatMap((lead) => {
    const segment = atWork.find(({ terms }) => terms === lead);
    const offer = findOffer(state.offers, lead.slab.modelRoot);
    if (segment === undefined || offer === undefined) return [];
    const intervalMs = options.announceIntervalMs ?? ANNOUNCE_INTERVAL_MS;
    return [
      createCohortLead({ lead, segment, offer, routers: options.routers, intervalMs, onChange: announce }, state),
    ];
  });
  let stopped: Promise<void> | undefined;
  return {
    id: state.id,
    async start() {
      await endLostOrders(state);
      await server.start();
      reachability.start();
      state.outbox.start();
      sweeper.start();
      shardSweeper.start();
      watch.start();
      if (shards.length > 0) lentWatch.start();
      await announcer.endorsement?.refresh();
      announcer.start();
      for (const lead of leads) lead.start();
    },
    stop(graceMs = 5_000) {
      stopped ??= stopProvider(
        state,
        { leads, shardSweeper, lentWatch, server, reachability, sweeper, watch, announcer },
        graceMs,
      );
      return stopped;
    },
    address: () => server.address(),
    endpoint: reachability.endpoint,
    relays: reachability.relays,
    activeReplies: () => countActive(state.offers),
    offered: () => state.offers.map(({ modelId, info, active }) => ({ modelId, modelRoot: info.modelRoot, active })),
    addOffer(offer) {
      addOffer(state.offers, offer, state.machine !== undefined);
      // Its verifier has the model, too, and says in which class.
      void Promise.resolve(announcer.endorsement?.renew()).then(announce);
    },
    endOffer(modelId) {
      const hasEnded = endOffer(state.offers, modelId);
      if (hasEnded) announce();
      return hasEnded;
    },
  };
}

function openReachability(
  { crypto, identity, log }: ProviderState,
  {
    publicEndpoint,
    relays = [],
    relayPayer,
    puncher,
  }: Pick<ProviderOptions, 'publicEndpoint' | 'relays' | 'relayPayer' | 'puncher'>,
  server: LinkServer,
  announce: () => Promise<void>,
): Reachability {
  const isHidden = relays.length > 0 && publicEndpoint === undefined;
  return createReachability(
    { relays, puncher, direct: () => (isHidden ? undefined : (publicEndpoint ?? formatHostPort(server.address()))) },
    {
      ...{ crypto, identity, accept: server.accept, payer: relayPayer },
      onChange({ at, isRegistered, seenAt }) {
        log.info({ relay: at, isRegistered, seenAt }, 'routes changed');
        void announce().catch(() => undefined);
      },
      onError: (err, relay) => log.warn({ err, relay }, 'a relay cannot be used'),
    },
  );
}

const GENERATE: MethodName = 'ogong.v1.ProviderService/Generate';
const GET_EVIDENCE: MethodName = 'ogong.v1.ProviderService/GetEvidence';
const COUNT_TOKENS: MethodName = 'ogong.v1.ProviderService/CountTokens';
const AGREE: MethodName = 'ogong.v1.ShardService/Agree';

export const PROVIDER_RATES: MethodRates = {
  // Checks the payer's signature, and reads its channel.
  [GENERATE]: { perSecond: 50, burst: 250, mayBeEarned: true },
  // A report of hardware takes some 10 ms, and strangers may ask.
  [GET_EVIDENCE]: { perSecond: 5, burst: 20 },
  // A gateway counts for all its callers.
  [COUNT_TOKENS]: { perSecond: 5, burst: 50 },
  // Checks a signature of a payer, a validator and a leader, and makes one.
  [AGREE]: { perSecond: 20, burst: 100 },
};

function openServer(state: ProviderState, bind: HostPort, shards: readonly ServedShard[]): LinkServer {
  const { identity, chain, log } = state;
  const service = createProviderService(state, { earn: (caller, calls) => server.earn(caller, calls) });
  const server = createLinkServer(
    {
      bind,
      identity,
      authorize(consumer, method, group) {
        if (method === GENERATE) assertMayOrder(state, { consumer, group });
        return true;
      },
      methodRates: PROVIDER_RATES,
      isKnown: (peer) => chain.findByCertHash(peer) !== undefined,
      limits: { maxMessageBytes: MAX_OPENING_BYTES + MIB },
      routes(router) {
        router.service(ProviderService, service, { readMaxBytes: MAX_CALL_BYTES });
        const [first, ...others] = shards.map(({ shard }) => shard);
        if (first !== undefined)
          router.service(ShardService, createShardService([first, ...others]), { readMaxBytes: MAX_SHARD_CALL_BYTES });
      },
    },
    { onError: (err, { method }) => log.error({ err, method }, 'a call failed') },
  );
  return server;
}

/** Ends orders of segments that have expired or are not used. */
const createShardSweeper = ({ log }: ProviderState, shards: readonly ServedShard[]): Repeating =>
  createRepeating(
    { intervalMs: SHARD_SWEEP_INTERVAL_MS },
    async () => {
      await Promise.all(shards.map(({ shard }) => shard.sweep()));
    },
    (err) => log.error({ err }, 'orders of segments could not be ended'),
  );

function createSweeper(state: ProviderState): Repeating {
  const { clock, commits, replyIds, openings, blobs, knownSets, outbox, log } = state;
  const { admissions, receivables, served, openingTtlMs } = state;
  return createRepeating(
    { intervalMs: SWEEP_INTERVAL_MS },
    async () => {
      const nowMs = clock.nowMs();
      await Promise.all([
        ...[openings, blobs].map((kept) => kept.sweep(nowMs - CLOCK_TOLERANCE_MS)),
        ...[replyIds.sweep(nowMs), receivables.sweep(nowMs)],
        outbox.sweep(nowMs - openingTtlMs - CLOCK_TOLERANCE_MS),
        ...[admissions.sweep(nowMs - ADMISSIONS_KEPT_MS), served.sweep(nowMs), knownSets.note(nowMs)],
      ]);
      await commits.eraseDeleted();
    },
    (err) => log.error({ err }, 'expired openings could not be removed'),
  );
}

/** Validators that have left the registry are not asked: their statements are lost with them. */
function openServedWatch(state: ProviderState, intervalMs?: number): Repeating {
  const { served: book, store, clock, log } = state;
  return createServedWatch(intervalMs === undefined ? {} : { intervalMs }, {
    ...{ book, store, clock, log },
    ask: (address, replyId) => askStatus(state, address, replyId),
  });
}

/** Reads a validator's status of a reply. @throws LinkError */
async function askStatus({ chain, links }: ProviderState, address: Uint8Array, replyId: Uint8Array) {
  const validator = chain.findByAddress(address);
  if (validator === undefined) throw new LinkError('unreachable', 'the validator is not registered any more');
  return links.to(ValidatorService, validator).getReply({ replyId }, { timeoutMs: ASK_TIMEOUT_MS });
}

function openLentWatch(state: ProviderState): Repeating {
  const { lent, clock, id: providerId, log } = state;
  return createLentWatch({
    ...{ lent, clock, providerId },
    ask: (address, replyId) => askStatus(state, address, replyId),
    onError: (err) => log.warn({ err }, 'the records of leaders cannot be asked for'),
  });
}

interface ProviderParts {
  readonly leads: readonly Repeating[];
  readonly shardSweeper: Repeating;
  readonly lentWatch: Repeating;
  readonly server: LinkServer;
  readonly reachability: Reachability;
  readonly sweeper: Repeating;
  readonly watch: Repeating;
  readonly announcer: ProviderAnnouncer;
}

async function stopProvider(
  state: ProviderState,
  { leads, shardSweeper, lentWatch, server, reachability, sweeper, watch, announcer }: ProviderParts,
  graceMs: number,
): Promise<void> {
  state.isClosing = true;
  await Promise.all([announcer.stop(), ...leads.map((lead) => lead.stop())]);
  // Routers that get this send no more consumers. A router that does not answer is not waited for.
  await Promise.race([announcer.trigger().catch(() => undefined), delay(Math.min(graceMs, LAST_WORD_MS))]);
  // Replies that are given up sign for what there is, and their callers read it.
  const closed = server.stop(graceMs + (state.running.size > 0 ? LAST_MILESTONE_MS : 0));
  const giveUp = setTimeout(() => state.stopping.abort(), graceMs);
  await Promise.allSettled(state.running);
  clearTimeout(giveUp);
  state.stopping.abort();
  await closed;
  // Served replies are delivered before the provider leaves; a reply that no validator takes in time waits on the disk.
  const pauses = Math.min(graceMs, HAND_OVER_MS) / HAND_OVER_PAUSE_MS;
  for (let each = 0; each < pauses && state.outbox.size() > 0; each++) await delay(HAND_OVER_PAUSE_MS);
  await Promise.all([
    state.outbox.stop(),
    sweeper.stop(),
    shardSweeper.stop(),
    lentWatch.stop(),
    watch.stop(),
    reachability.stop(),
  ]);
  state.links.close();
  await state.commits.close();
}
