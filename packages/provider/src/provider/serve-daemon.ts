import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ChainClient } from '@ogong/chain/client';
import { readTierStakes } from '@ogong/chain/deployment';
import { domainOf } from '@ogong/chain/domain';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import type { Engine } from '@ogong/engine/open-engine';
import type { Attester } from '@ogong/host/attester/attester';
import { describeAttester, openAttester } from '@ogong/host/attester/tee-config';
import { ConfigError } from '@ogong/host/config/config-error';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { takeUnusedMark } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeEd25519Signer } from '@ogong/host/crypto/signers';
import { forgetRestored } from '@ogong/host/files/data-directory';
import { openDaemon } from '@ogong/host/lifecycle/daemon-context';
import type { Daemon } from '@ogong/host/lifecycle/run-daemon';
import { formatHostPort } from '@ogong/host/link/host-port';
import { loadCertificatePin } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPool, type Peer } from '@ogong/host/link/link-pool';
import { type KnownPeer, pinRouters } from '@ogong/host/link/peer-values';
import { type DialPolicy, toDialPolicy } from '@ogong/host/link/public-address';
import { openPuncher } from '@ogong/host/link/reach/punch';
import type { RelayPayerOptions } from '@ogong/host/link/reach/relay-payer';
import type { RelayPeer } from '@ogong/host/link/reach/relay-registration';
import type { Logger } from '@ogong/host/log/logger';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { createLogSync } from '@ogong/host/store/log-sync';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore, type Store } from '@ogong/host/store/store';
import { monotonicClock, systemClock } from '@ogong/host/time/clock';
import { createBeaconView } from '@ogong/host/views/beacon-view';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Ed25519Signer, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { VerifierEndpoint } from '@ogong/protocol/exchange/announcement';
import { addEmbeddedImages } from '../engine/embedded-image.ts';
import { addEmbeddedTexts } from '../engine/embedded-text.ts';
import { addEncoder } from '../engine/encoder-flag.ts';
import type { LoadingPlace } from '../engine/engine-config.ts';
import { openShownLink } from '../machine/open-shown-link.ts';
import { type CommitReply, commitReply } from '../modality/text/commit-reply.ts';
import { findRelays } from './announcing/find-relays.ts';
import { createStartStatus } from './announcing/start-status.ts';
import { type OpenedSegments, openSegments } from './cohort/open-segments.ts';
import { planSegments } from './cohort/planned-segments.ts';
import { describeOpened, offerOf } from './cohort/served-segments.ts';
import { openHubServing } from './hub/open-hub-serving.ts';
import { planHub } from './hub/planned-hub.ts';
import {
  type OpenedOffers,
  openFixedModels,
  openImageUpstreamModels,
  openServedModels,
  openUpstreamModels,
} from './open-served-models.ts';
import type { ServedOffer } from './orders/offers.ts';
import { type PlannedOffer, planOffers } from './orders/planned-offers.ts';
import { createPricePeg, type PricePeg } from './orders/price-peg.ts';
import { readUsdFeed } from './orders/usd-feed.ts';
import { createEarningsWatch } from './paid/earnings-watch.ts';
import { openCarriedStatement } from './paid/payee-statement-file.ts';
import { createProvider } from './provider.ts';
import type { serveConfig } from './provider-config.ts';
import { beginMemory, createOpenings, findOpeningExpiry, type Openings, PROVIDER_SCHEMA } from './provider-store.ts';
import { readServedModels, type ServedEntry } from './served-models.ts';
import { openBlobStore } from './serving/blob-store.ts';

const NAME = 'ogong-provider';
const COMMAND = 'ogong-provider serve';
/** The same command for an operator who watches. */
const WATCHED_COMMAND = 'ogong-provider start';
const STATUS_INTERVAL_MS = 15_000;
/** Time for the steps that end after the last reply. */
const STOP_REST_MS = 20_000;

export type ServeSettings = Extract<ReturnType<typeof serveConfig.parse>, { kind: 'run' }>['values'];

/** Stands between the provider and what it runs on: for tests and measurements from outside. */
export interface ServeWrappers {
  /** Writes a line about the provider's state. Default: nowhere. */
  readonly say?: (line: string) => void;
  /** Wraps the engine of each offer, of any modality. */
  readonly engine?: (engine: Engine) => Engine;
  /** Wraps each segment that other leaders use. */
  readonly segment?: (segment: SegmentEngine) => SegmentEngine;
  /** Starts a verifier beside the provider, over the engines of its offers. Default: none. */
  readonly startVerifier?: (place: VerifierPlace) => Promise<StartedVerifier>;
  /** Receives the provider's id and payee once it serves, and reads of its earnings. Default: nobody. */
  readonly onServing?: (serving: Serving) => void;
  readonly openings?: (openings: Openings) => Openings;
  readonly signer?: (signer: HybridSigner) => HybridSigner;
  readonly commit?: (commit: CommitReply) => CommitReply;
  /** Ends a start that downloads a model. */
  readonly signal?: AbortSignal;
  /** Shows downloads and loads of models. Default: they are not shown. */
  readonly lines?: Pick<LoadingPlace, 'onDownload' | 'onReading' | 'onLoading' | 'onBackend'>;
  readonly attester?: (attester: Attester) => Attester;
}

/** A provider that wants a verifier beside it. */
export interface VerifierPlace {
  readonly settings: ServeSettings;
  readonly engines: readonly Engine[];
  readonly providerId: Uint8Array;
  /** Relays by which others reach it, or the host of a public address. Default: where it listens. */
  readonly reach: { readonly relays: readonly KnownPeer[]; readonly publicHost?: string | undefined };
}

/** A verifier in the process of its provider. */
export interface StartedVerifier {
  /** As the provider announces it. */
  readonly endpoint: VerifierEndpoint;
  stop(): Promise<void>;
}

/** A provider that serves, for a view of its work. */
export interface Serving {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  readonly store: Store;
  readonly endpoint: () => string;
  readonly client: () => Promise<ChainClient>;
}

const RATE_INTERVAL_MS = 60_000;
/** A router that starts with its provider may need a while. */
const RELAY_PATIENCE_MS = 30_000;

/** `ogong-provider serve`, from its settings to a running daemon. */
export async function startServing(given: ServeSettings, wrap: ServeWrappers = {}): Promise<Daemon> {
  const command = wrap.say ? WATCHED_COMMAND : COMMAND;
  const settings = wrap.say ? reachByRelays(given) : given;
  const { routers, publicEndpoint, bind, offers: planned, segments: parts, ...read } = readSettings(command, settings);
  const context = await openDaemon({ name: NAME, role: 'provider' }, settings);
  const { ledger, identity, chain, log, metrics, restored } = context;
  const signer = wrap.signer?.(context.signer) ?? context.signer;
  const place = { log, ...wrap.lines, ...(wrap.signal && { signal: wrap.signal }) };
  const attester = openAttester(COMMAND, settings);
  const dialPolicy = toDialPolicy(chain.ledger.chainId);
  const links = createLinkPool({ identity, dialPolicy, own: routers });
  const relays = await resolveRelays(settings.relay, { command, routers, links, dialPolicy, log });
  const { punchBootstrap: bootstrap } = settings;
  const puncher = bootstrap.length === 0 ? undefined : await openPuncher({ bootstrap, dialPolicy });
  const models = await openModels(planned, settings, place);
  const opened = await openBeside(models, () => openSegments(parts, settings, { ...place, drawSession }));
  const segments: OpenedSegments = {
    ...opened,
    shards: opened.shards.map((shard) => ({ ...shard, segment: wrap.segment?.(shard.segment) ?? shard.segment })),
  };
  const peg = openPricePeg(settings, log);
  // Before the first announcement.
  await peg?.trigger();
  const wrapEngine = <O extends ServedOffer>(offer: O): O => ({
    ...offer,
    engine: wrap.engine?.(offer.engine) ?? offer.engine,
  });
  const addPeg = (offer: ServedOffer): ServedOffer => ({ ...offer, ...(peg && { peg }) });
  const offers = [...models.offers.map(addPeg), ...segments.leads.map(offerOf)].map(wrapEngine);
  const store = openStore(join(settings.dataDir, 'provider.db'), {
    schema: PROVIDER_SCHEMA,
    upgrades: RELEASED.provider,
  });
  const refusedUntilMs = beginMemory(store, {
    nowMs: systemClock.nowMs(),
    isKeyNew: takeUnusedMark(settings.dataDir),
    forgottenAtMs: restored && !restored.isFinal ? restored.restoredAtMs : undefined,
  });
  forgetRestored(settings.dataDir);
  if (refusedUntilMs !== undefined) {
    const until = new Date(refusedUntilMs).toISOString();
    log.warn({ until }, 'the earlier signatures of this key are unknown here: orders that expire by then are refused');
  }
  const books = createLogSync(store);
  const commits = createGroupCommit(store, { log: books });
  const openings = createOpenings(commits);
  const blobs = await openBlobStore(
    { folder: join(settings.dataDir, 'blobs'), maxBytes: settings.blobBudget },
    { crypto: nodeCrypto, findExpiry: (replyId) => findOpeningExpiry(store, replyId) },
  );
  const beacons = createBeaconView(
    { refreshMs: settings.beaconInterval },
    { crypto: nodeCrypto, chain, links, onError: (err) => log.warn({ err }, 'the beacon cannot be read') },
  );
  const providerId = hashHybridKey(nodeCrypto, signer.publicKey);
  const beside = await wrap.startVerifier?.({
    ...{ settings, engines: offers.map(({ engine }) => engine), providerId },
    reach: { relays, publicHost: settings.publicEndpoint?.host },
  });
  const verifier = beside?.endpoint ?? read.verifier;
  const carriedStatement =
    settings.payeeWord === undefined
      ? undefined
      : openCarriedStatement(COMMAND, {
          ...{
            path: settings.payeeWord,
            crypto: nodeCrypto,
            ledger: chain.ledger,
            providerId,
            clock: systemClock,
            log,
          },
        });
  const payee = carriedStatement?.payee ?? ledger.address;
  const { deployment } = readDeployment(COMMAND, settings);
  const provider = createProvider(
    {
      bind,
      offers,
      isGrowing: read.hub !== undefined,
      segments,
      routers,
      validators: settings.validatorEndpoint.map(formatHostPort),
      ...(publicEndpoint === undefined ? {} : { publicEndpoint }),
      relays,
      relayPayer: openRelayPayer(settings, ledger),
      puncher,
      ...(verifier === undefined ? {} : { verifier }),
      announceIntervalMs: settings.announceInterval,
      openingTtlMs: settings.openingTtl,
    },
    {
      crypto: nodeCrypto,
      clock: systemClock,
      signer,
      payee: ledger,
      carriedStatement,
      identity,
      chain,
      readPayments: async (validator, fromBlock) => (await chain.client()).paidTo(payee, validator, fromBlock),
      beacons,
      ...{ store, commits },
      tierStakes: readTierStakes(deployment),
      attester: attester && (wrap.attester?.(attester) ?? attester),
      openings: wrap.openings?.(openings) ?? openings,
      blobs,
      ...(wrap.commit ? { commit: wrap.commit(commitReply) } : {}),
      log,
      metrics,
    },
  );
  const hub =
    read.hub &&
    models.pool &&
    openHubServing(read.hub, settings, {
      ...{ provider, pool: models.pool, routers, verifier, links, dialPolicy, chain, log },
      registry: domainOf(deployment, deployment.models),
      finishOffer: (offer) => wrapEngine(addPeg(offer)),
    });
  const earnings = createEarningsWatch(
    {
      ...{ providerId: provider.id, payee },
      ...{ intervalMs: settings.earningsInterval, withdrawFromAtomic: settings.withdrawFrom },
    },
    { client: context.payingClient, metrics, log },
  );
  await context.start();
  await beacons.refresh().catch((err: unknown) => log.warn({ err }, 'the beacon cannot be read yet'));
  beacons.start();
  await provider.start();
  earnings.start();
  hub?.start();
  peg?.start();
  const status =
    wrap.say &&
    createStartStatus(
      { identity, dialPolicy, intervalMs: STATUS_INTERVAL_MS, unit: deployment.burnAndMint ? 'credits' : 'OGONG' },
      {
        ...{ provider, say: wrap.say },
        readEarnings: async () => (await chain.client()).earningsOf(provider.id, payee),
      },
    );
  status?.start();
  wrap.onServing?.({ providerId, payee, store, endpoint: provider.endpoint, client: chain.client });
  return {
    stopTimeoutMs: settings.drain + STOP_REST_MS,
    failed: books.failed,
    ready: {
      ...context.ready,
      address: provider.address(),
      endpoint: provider.endpoint(),
      provider: toHex(provider.id),
      payee: `0x${toHex(payee)}`,
      certHash: toHex(identity.id),
      ...(attester && describeAttester(attester)),
      models: offers.map(({ modelId, engine }) => {
        const { modelRoot, numericClass } = engine.info();
        return { modelId, modelRoot: toHex(modelRoot), numericClass };
      }),
      segments: describeOpened(segments),
    },
    async stop() {
      await status?.stop();
      await peg?.stop();
      // A load of a model does not delay the end of running replies.
      await Promise.all([hub?.stop(), provider.stop(settings.drain)]);
      await puncher?.close();
      await beside?.stop();
      await Promise.all([earnings.stop(), beacons.stop(), context.stop()]);
      links.close();
      await commits.close();
      store.close();
      await Promise.all([models.close(), segments.close()]);
    },
  };
}

const drawSession = (): Ed25519Signer => createNodeEd25519Signer(randomBytes(32));

/** Closes the models if the segments do not open. */
async function openBeside(models: OpenedOffers, open: () => Promise<OpenedSegments>): Promise<OpenedSegments> {
  try {
    return await open();
  } catch (error) {
    await models.close();
    throw error;
  }
}

/** @throws ModelError, EngineError, ConfigError */
function openModels(planned: PlannedModels, settings: ServeSettings, place: { readonly log: Logger }) {
  if (planned.kind === 'on-demand') return openServedModels(planned.models, settings, place);
  if (planned.kind === 'upstream') {
    const link = openShownLink(COMMAND, settings);
    return openUpstreamModels(COMMAND, planned.models, { ...settings, link }, place);
  }
  if (planned.kind === 'image-upstream') {
    const link = openShownLink(COMMAND, { ...settings, upstream: settings.imageUpstream });
    return openImageUpstreamModels(COMMAND, planned.models, { ...settings, link }, place);
  }
  return openFixedModels(planned.models, settings, place);
}

function openPricePeg({ usdPeg, usdFeed, usdRange }: ServeSettings, log: Logger): PricePeg | undefined {
  if (usdPeg === undefined || usdFeed === undefined) return undefined;
  return createPricePeg(
    { nanoUsd: usdPeg, range: BigInt(usdRange), intervalMs: RATE_INTERVAL_MS },
    {
      readRate: (signal) => readUsdFeed(usdFeed, signal),
      clock: systemClock,
      onChange: (nanoUsd) => log.info({ nanoUsd: `${nanoUsd}` }, 'prices follow the token'),
      onError: (err) =>
        log.warn({ err }, 'the price of the token cannot be read: prices stay, and after an hour are the named ones'),
    },
  );
}

/** A day of texts has less. */
const RELAY_GIB_PER_DAY = 16n;

/** Undefined if only relays that carry for nothing are used. */
function openRelayPayer(settings: ServeSettings, signer: LedgerSigner): RelayPayerOptions | undefined {
  const { relayMaxPrice: maxPricePerGibAtomic } = settings;
  if (maxPricePerGibAtomic === 0n) return undefined;
  const { deployment } = readDeployment(COMMAND, settings);
  return {
    ...{ signer, maxPricePerGibAtomic, nowMs: systemClock.nowMs },
    maxPerDayAtomic: settings.relayMaxDay ?? RELAY_GIB_PER_DAY * maxPricePerGibAtomic,
    token: domainOf(deployment, deployment.token),
    randomBytes: () => new Uint8Array(randomBytes(32)),
  };
}

/**
 * The relays that were given, and for `auto` those that routers name.
 * @throws ConfigError if it is `auto`, and no router names one.
 */
async function resolveRelays(
  given: ServeSettings['relay'],
  {
    command,
    routers,
    links,
    dialPolicy,
    log,
  }: {
    readonly command: string;
    readonly routers: readonly Peer[];
    readonly links: LinkPool;
    /** For the relays that routers name. */
    readonly dialPolicy: DialPolicy;
    readonly log: Logger;
  },
): Promise<readonly RelayPeer[]> {
  const named = given.flatMap((relay): RelayPeer[] => (relay === 'auto' ? [] : [{ ...relay, dialPolicy: 'any' }]));
  if (named.length === given.length) return named;
  const found = await findRelays(
    { routers, patienceMs: RELAY_PATIENCE_MS },
    {
      ...{ links, uptime: monotonicClock, random: Math.random },
      onError: (err, router) => log.warn({ err, router }, 'a router does not say which relays there are'),
    },
  );
  log.info({ relays: found.map(({ endpoint }) => formatHostPort(endpoint)) }, 'relays that routers name');
  if (found.length > 0 || named.length > 0) return [...named, ...found.map((relay) => ({ ...relay, dialPolicy }))];
  throw new ConfigError(command, [
    'no router names a relay, and nothing says where others reach this machine: name one as --relay host:port|cert, or give --public-endpoint',
  ]);
}

const listensEverywhere = ({ bind, listen }: ServeSettings): boolean =>
  ['0.0.0.0', '::'].includes((bind ?? listen).host);

/** Lets a provider without an endpoint ask its routers for relays: it may be behind anything. */
function reachByRelays(settings: ServeSettings): ServeSettings {
  const isSaid = settings.publicEndpoint !== undefined || settings.relay.length > 0 || !listensEverywhere(settings);
  return isSaid || settings.router.length === 0 ? settings : { ...settings, relay: ['auto'] };
}

/** Checks that concern several fields. @throws ConfigError */
function readSettings(command: string, settings: ServeSettings) {
  const problems: string[] = [];
  const bind = settings.bind ?? settings.listen;
  const routers = pinRouters(settings.router, { routerCert: settings.routerCert, problems });
  const { verifierEndpoint, verifierCert, verifierKey } = settings;
  const given = [verifierEndpoint, verifierCert, verifierKey].filter((value) => value !== undefined).length;
  if (given !== 0 && given !== 3) {
    problems.push('--verifier-endpoint, --verifier-cert and --verifier-key are given together');
  }
  if (settings.publicEndpoint === undefined && settings.relay.length === 0 && listensEverywhere(settings)) {
    const first = command === WATCHED_COMMAND ? '--router (which names a relay), ' : '';
    problems.push(
      `${first}--public-endpoint or --relay (auto asks the routers for one) is required where all addresses are listened on: others must know where to connect`,
    );
  }
  if (settings.relay.includes('auto') && routers.length === 0) {
    problems.push('--relay auto asks the routers which relays there are: name one by --router');
  }
  if ((settings.usdPeg === undefined) !== (settings.usdFeed === undefined)) {
    problems.push('--usd-peg and --usd-feed are given together');
  }
  if (!settings.joinNetwork) {
    problems.push(
      '--no-join-network: this command serves the network; use ogong-provider local for this machine alone',
    );
  }
  const offers = readOffers(settings, problems);
  const segments = planSegments(settings, problems);
  const hub = planHub(settings, problems);
  if (problems.length > 0) throw new ConfigError(command, problems);
  return {
    bind,
    routers,
    offers,
    segments,
    hub,
    publicEndpoint: settings.publicEndpoint && formatHostPort(settings.publicEndpoint),
    verifier:
      verifierEndpoint && verifierCert && verifierKey
        ? {
            endpoint: verifierEndpoint,
            certHash: loadCertificatePin(verifierCert),
            keyHash: fromHex(verifierKey),
          }
        : undefined,
  };
}

type PlannedModels =
  | { readonly kind: 'on-demand'; readonly models: readonly ServedEntry[] }
  | { readonly kind: 'fixed' | 'upstream' | 'image-upstream'; readonly models: readonly PlannedOffer[] };

function readOffers(settings: ServeSettings, problems: string[]): PlannedModels {
  const { servedModels, modelId, price, standby, upstream, imageUpstream, embeddedText, embeddedImage } = settings;
  const model = addEmbeddedImages(addEmbeddedTexts(settings.model, embeddedText), embeddedImage);
  if (embeddedText.length > 0 && (upstream ?? imageUpstream) !== undefined)
    problems.push('--embedded-text is for models of this machine: leave --upstream and --image-upstream out');
  if (embeddedImage.length > 0 && (upstream ?? imageUpstream) !== undefined)
    problems.push('--embedded-image is for models of this machine: leave --upstream and --image-upstream out');
  const kind = upstream !== undefined ? 'upstream' : imageUpstream !== undefined ? 'image-upstream' : 'fixed';
  if (upstream !== undefined && imageUpstream !== undefined)
    problems.push('--upstream and --image-upstream exclude each other; start a provider for each');
  // Segments or models of the hub may be all that it offers.
  const { serveFromHub, segment, mmproj } = settings;
  if (servedModels === undefined && (serveFromHub || segment.length > 0) && model.length + modelId.length === 0)
    return { kind: serveFromHub ? 'on-demand' : 'fixed', models: [] };
  // Models of the hub share their memory with those that the operator names.
  if (servedModels === undefined && serveFromHub)
    return { kind: 'on-demand', models: planOffers({ ...settings, model: addEncoder(model, mmproj) }, problems) };
  if (servedModels === undefined) return { kind, models: planOffers({ ...settings, model }, problems) };
  if (upstream !== undefined) problems.push('--served-models is for models of this machine: leave --upstream out');
  if (imageUpstream !== undefined)
    problems.push('--served-models is for models of this machine: leave --image-upstream out');
  if (model.length + modelId.length + price.length + standby.length > 0) {
    problems.push('--served-models names models, ids and prices: leave --model, --model-id, --price and --standby out');
  }
  return { kind: 'on-demand', models: readServedModels(servedModels, problems) };
}
