import { setTimeout as delay } from 'node:timers/promises';
import type { HandlerContext } from '@connectrpc/connect';
import type { Engine } from '@ogong/engine/engine';
import { createAnnouncer } from '@ogong/host/link/announcer';
import { formatHostPort, type HostPort } from '@ogong/host/link/host-port';
import { LinkError, Refusal } from '@ogong/host/link/link-error';
import type { LinkIdentity, PeerId } from '@ogong/host/link/link-identity';
import { createLinkPool, type Peer } from '@ogong/host/link/link-pool';
import { createLinkServer, getCaller } from '@ogong/host/link/link-server';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating } from '@ogong/host/time/repeat';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { MAX_OPENING_BYTES } from '@ogong/protocol/commitment/opening';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import type { Crypto, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { VerifierEndpoint } from '@ogong/protocol/exchange/announcement';
import { MAX_REQUEST_BYTES, OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import {
  type GenerateRequest,
  type GetOpeningRequest,
  ProviderService,
  type TraceReplyRequest,
  ValidatorService,
  VerifierService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type CommitReply, commitReply } from './commit-reply.ts';
import { createEndorsement } from './endorsement.ts';
import { createHandoff } from './handoff.ts';
import { createOrderIntake, toRefusal } from './order-intake.ts';
import { createOutbox, type OutboxOptions } from './outbox.ts';
import { createProviderMetrics } from './provider-metrics.ts';
import { createOpenings, createReplyIds, type Openings } from './provider-store.ts';
import { type ReplyEvent, type ReplyJob, serveReply } from './serve-reply.ts';
import { assertServesTier, findServingProblem } from './served-tier.ts';
import { createReplyTracer } from './trace-reply.ts';

export interface ProviderOptions {
  readonly bind: HostPort;
  /** `host:port` that others reach it at. Default: where it listens. */
  readonly publicEndpoint?: string;
  /** `ogong/<tier>/<maker>/<model>` */
  readonly modelId: string;
  readonly pricePer1kAtomic: bigint;
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
  readonly outbox?: OutboxOptions;
}

export interface ProviderDependencies {
  readonly engine: Engine;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signer: HybridSigner;
  /** Whom fees are paid to; it signs for the signer's key. */
  readonly payee: LedgerSigner;
  readonly identity: LinkIdentity;
  readonly chain: Pick<ChainView, 'ledger' | 'validators' | 'findByAddress' | 'findByCertHash'>;
  readonly beacons: Pick<BeaconView, 'latest' | 'get'>;
  /** Opened with PROVIDER_SCHEMA. */
  readonly store: Store;
  /** Default: kept in the store. */
  readonly openings?: Openings;
  /** Default: commitReply. */
  readonly commit?: CommitReply;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: Metrics;
}

export interface Provider {
  /** Hash of its hybrid key. */
  readonly id: Uint8Array;
  start(): Promise<void>;
  /** Lets running replies end, at most for the grace period. Everything that was promised is on the disk. */
  stop(graceMs?: number): Promise<void>;
  address(): HostPort;
  activeReplies(): number;
}

const MIB = 1024 * 1024;
const MAX_CALL_BYTES = 4 * MAX_REQUEST_BYTES;
const ADMIT_TIMEOUT_MS = 10_000;
const PUSH_TIMEOUT_MS = 15_000;
const ENDORSE_TIMEOUT_MS = 2_000;
const SWEEP_INTERVAL_MS = 60_000;
const LAST_WORD_MS = 1_000;

/** @throws TierError where the engine cannot keep what the model id's tier promises. */
export function createProvider(options: ProviderOptions, dependencies: ProviderDependencies): Provider {
  const { modelId, pricePer1kAtomic, openingTtlMs = OPENING_KEPT_MS, maxReplyMs = 600_000 } = options;
  const { engine, crypto, clock, signer, identity, chain, beacons, store, log } = dependencies;
  const info = engine.info();
  assertServesTier(modelId, info);
  const id = hashHybridKey(crypto, signer.publicKey);
  const payee = dependencies.payee.address;
  const payeeSignature = signProviderPayee(crypto, dependencies.payee, { ledger: chain.ledger, providerId: id });
  const commits = createGroupCommit(store);
  const replyIds = createReplyIds(store, commits);
  const openings = dependencies.openings ?? createOpenings(store, commits);
  const links = createLinkPool({ identity, limits: { maxMessageBytes: 64 * MIB } });
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const metrics = createProviderMetrics(dependencies.metrics);
  let active = 0;
  let isClosing = false;
  let stopped: Promise<void> | undefined;

  const accept = createOrderIntake(
    { id, payee, modelId, pricePer1kAtomic, validators: options.validators ?? [] },
    { engine, crypto, clock, chain, beacons, replyIds },
  );

  const toValidator = (address: Uint8Array) => {
    const validator = chain.findByAddress(address);
    if (validator === undefined) throw new LinkError('unreachable', 'the validator is not in the registry (any more)');
    return links.to(ValidatorService, validator);
  };
  const outbox = createOutbox(options.outbox ?? {}, {
    store,
    commits,
    clock,
    push: async (validator, message) => toValidator(validator).pushRecord(message, { timeoutMs: PUSH_TIMEOUT_MS }),
    onSize: (records) => metrics.outbox.set(records),
    onPushed: () => metrics.records.inc({ outcome: 'pushed' }),
    onRetry: (_id, error) => {
      metrics.records.inc({ outcome: 'retried' });
      log.warn({ err: error }, 'a record could not be delivered; it will be tried again');
    },
    onRefused: (_id, error) => {
      metrics.records.inc({ outcome: 'refused' });
      log.error({ err: error }, 'the validator refused a record for good');
    },
  });

  const sweeper = createRepeating(
    { intervalMs: SWEEP_INTERVAL_MS },
    async () => {
      const nowMs = clock.nowMs();
      await Promise.all([replyIds.sweep(nowMs), openings.sweep(nowMs), outbox.sweep(nowMs - openingTtlMs)]);
    },
    (error) => log.error({ err: error }, 'expired openings could not be removed'),
  );

  // An engine that was restarted has looked at itself again, and may have come to another conclusion.
  const canServe = () => !isClosing && !outbox.isFull() && findServingProblem(modelId, engine.info()) === undefined;

  const { verifier } = options;
  const endorsement =
    verifier &&
    createEndorsement(
      { providerId: id, keyHash: verifier.keyHash },
      {
        crypto,
        ask: () => links.to(VerifierService, verifier).endorse({ providerId: id }, { timeoutMs: ENDORSE_TIMEOUT_MS }),
        onError: (err) => log.warn({ err, verifier: verifier.endpoint }, 'the verifier does not vouch: not announced'),
      },
    );

  const announcer = createAnnouncer(
    { intervalMs: options.announceIntervalMs ?? 10_000, lifetimeMs: 3 * (options.announceIntervalMs ?? 10_000) },
    {
      clock,
      signer,
      payeeSignature,
      getEndorsement: () => endorsement?.get(),
      links,
      routers: () => options.routers,
      validators: chain.validators,
      describe: () => ({
        providerId: id,
        payee,
        endpoint: options.publicEndpoint ?? formatHostPort(server.address()),
        certHash: identity.id,
        verifier,
        models: [
          {
            modelId,
            modelRoot: info.modelRoot,
            pricePer1kAtomic,
            contextSize: info.contextSize,
            numericClass: info.numericClass,
          },
        ],
        capacity: info.sequences,
        freeCapacity: canServe() ? Math.max(0, info.sequences - active) : 0,
      }),
      onError: (peer, error) => log.warn({ err: error, peer: peer.endpoint }, 'an announcement was not taken'),
    },
  );

  async function serve(
    job: ReplyJob,
    consumer: PeerId,
    send: (event: ReplyEvent) => Promise<boolean>,
    left: AbortSignal,
  ) {
    const { order } = job;
    // Past its order's expiry a reply soon counts as abandoned: what there is by then is committed, taken or not.
    const expired = AbortSignal.timeout(Math.max(1, Number(order.expiresAtMs) - clock.nowMs()));
    return serveReply(job, {
      engine,
      crypto,
      clock,
      signer,
      commit: dependencies.commit ?? commitReply,
      payeeSignature,
      send,
      left: AbortSignal.any([left, expired]),
      failed: AbortSignal.any([stopping.signal, AbortSignal.timeout(maxReplyMs)]),
      admit: (signal) => admit(job, signal),
      async keep(committed, push) {
        const expiresAtMs = Number(order.expiresAtMs) + openingTtlMs;
        await openings.put(order.replyId, { bytes: committed.opening, consumer, expiresAtMs });
        await outbox.add(order.replyId, order.validator, push);
      },
    });
  }

  async function admit({ validator, signedOrder, signedTicket }: ReplyJob, signal: AbortSignal): Promise<void> {
    const message = { order: signedOrder, ticket: signedTicket };
    try {
      await links.to(ValidatorService, validator).admit(message, { timeoutMs: ADMIT_TIMEOUT_MS, signal });
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      const code = error.retryable ? 'unavailable' : 'precondition';
      throw new Refusal(code, `the validator did not admit the order: ${error.message}`);
    }
  }

  async function* generate(message: GenerateRequest, context: HandlerContext) {
    if (isClosing) throw new Refusal('unavailable', 'shutting down');
    if (active >= info.sequences) {
      throw new Refusal('unavailable', `all ${info.sequences} slots are busy; try another provider`);
    }
    if (outbox.isFull()) throw new Refusal('unavailable', 'too many records wait for their validators');
    // Counted from here on, so that orders that arrive together cannot share one slot.
    active++;
    metrics.active.set(active);
    const left = new AbortController();
    const handoff = createHandoff<ReplyEvent>(() => left.abort());
    // A server that closes aborts its calls too, and then it is not the consumer who left.
    context.signal.addEventListener('abort', () => isClosing || left.abort(), { once: true });
    const consumer = getCaller(context);
    const task = accept(message)
      .then((job) => serve(job, consumer, handoff.send, left.signal))
      .then(({ promptTokens, cachedTokens, outputTokens, drafts }) => {
        metrics.replies.inc({ outcome: 'served' });
        metrics.tokens.inc({ kind: 'prompt' }, promptTokens);
        metrics.cached.inc(cachedTokens);
        metrics.tokens.inc({ kind: 'output' }, outputTokens);
        metrics.drafts.inc({ kind: 'proposed' }, drafts.proposed);
        metrics.drafts.inc({ kind: 'accepted' }, drafts.accepted);
        return undefined;
      })
      .catch((error: unknown) => {
        const refusal = toRefusal(error);
        metrics.replies.inc({ outcome: refusal instanceof Refusal ? 'refused' : 'failed' });
        if (!(refusal instanceof Refusal)) log.error({ err: error }, 'a reply failed');
        return refusal;
      })
      .then((error) => {
        active--;
        metrics.active.set(active);
        handoff.end(error);
      });
    running.add(task);
    task.finally(() => running.delete(task));
    yield* handoff.read();
  }

  async function getOpening({ replyId }: GetOpeningRequest, context: HandlerContext) {
    const caller = getCaller(context);
    const opening = replyId.length === REPLY_ID_BYTES ? await openings.get(replyId) : undefined;
    const isAllowed =
      opening !== undefined && (equalBytes(opening.consumer, caller) || chain.findByCertHash(caller) !== undefined);
    // A stranger learns nothing, not even that there is such a reply.
    if (!isAllowed) throw new Refusal('not-found', 'no opening of this reply for you');
    return { opening: opening.bytes };
  }

  const traceReply = createReplyTracer({ engine, crypto, signer, openings });

  async function trace(message: TraceReplyRequest, context: HandlerContext) {
    if (chain.findByCertHash(getCaller(context)) === undefined) {
      throw new Refusal('precondition', 'only registered validators may ask for a trace');
    }
    return traceReply(message, AbortSignal.any([context.signal, stopping.signal]));
  }

  const server = createLinkServer(
    {
      bind: options.bind,
      identity,
      authorize: () => true,
      limits: { maxMessageBytes: MAX_OPENING_BYTES + MIB },
      routes: (router) =>
        router.service(ProviderService, { generate, getOpening, trace }, { readMaxBytes: MAX_CALL_BYTES }),
    },
    { onError: (error, { method }) => log.error({ err: error, method }, 'a call failed') },
  );

  async function stop(graceMs: number): Promise<void> {
    isClosing = true;
    await announcer.stop();
    // Routers that hear it send nobody any more; one that does not answer is not waited for.
    await Promise.race([announcer.trigger().catch(() => undefined), delay(Math.min(graceMs, LAST_WORD_MS))]);
    const closed = server.stop(graceMs);
    const giveUp = setTimeout(() => stopping.abort(), graceMs);
    await Promise.allSettled(running);
    clearTimeout(giveUp);
    stopping.abort();
    await closed;
    await Promise.all([outbox.stop(), sweeper.stop()]);
    links.close();
    await commits.close();
  }

  return {
    id,
    async start() {
      await server.start();
      outbox.start();
      sweeper.start();
      await endorsement?.refresh();
      announcer.start();
    },
    stop(graceMs = 5_000) {
      stopped ??= stop(graceMs);
      return stopped;
    },
    address: () => server.address(),
    activeReplies: () => active,
  };
}
