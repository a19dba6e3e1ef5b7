import type { Deployment } from '@ogong/chain/deployment';
import type { TableFile } from '@ogong/host/drift-table/table-file';
import type { ApiContext, Handler } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { computeAddressGroup } from '@ogong/host/link/places';
import { createRateLimiter, type RateLimiter } from '@ogong/host/link/token-bucket';
import type { Json } from '@ogong/host/openai/format';
import type { Clock } from '@ogong/host/time/clock';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { fromHex, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { ListedOffer } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { PublicRouteName } from '@ogong/protocol/http/routes';
import { formatSignedNetwork } from '@ogong/protocol/network/network-json';
import { showModality, showReaders } from '../front/model-list.ts';
import { createDriftTableHandler } from './drift-table-handler.ts';
import { createHubAnswers } from './hub/hub-handlers.ts';
import type { HubReader } from './hub/hub-reader.ts';
import type { NetworkIssuer } from './network-issuer.ts';
import type { PublicReader } from './public-reader.ts';
import { createPublicReceipt, type PublicReceiptDependencies } from './public-receipt.ts';
import { readCount } from './read-count.ts';
import { readReplyId, toSettledJson } from './reply-json.ts';

/** The network's facts, for a page that reads the chain by itself. */
export interface PageNetwork {
  readonly deployment: Deployment;
  /** Address of the chain for pages. The gateway's own address of it may hold a secret. */
  readonly rpcUrl: string | undefined;
  /** Places of weights by model id, as `--model` takes them. Default: none is known. */
  readonly sources?: ReadonlyMap<string, string>;
}

export interface PublicHandlersDependencies {
  readonly reader: PublicReader;
  readonly network: PageNetwork | undefined;
  readonly chain: Pick<ChainView, 'validators' | 'findByAddress' | 'ledger' | 'network'>;
  readonly beacon: Pick<BeaconView, 'latest'>;
  readonly clock: Clock;
  readonly receipts: PublicReceiptDependencies;
  /** Default: the gateway issues no document of its network. */
  readonly issuer?: NetworkIssuer | undefined;
  /** Default: the gateway does not read the hub. */
  readonly hub?: HubReader | undefined;
  /** The drift table that the gateway shows. Default: none. */
  readonly readDriftTable?: (() => Pick<TableFile, 'bytes' | 'hash'> | undefined) | undefined;
}

/** Offers in one answer, the router's first ones. */
const MAX_OFFERS = 200;
/** Entries of a log in one answer. */
const MAX_ENTRIES = 250;
const PER_ADDRESS = { perSecond: 20, burst: 200 };
const IN_ALL = { perSecond: 100, burst: 1_000 };
/** Rates of drift tables, which have a megabyte each: by address, and all together. */
const TABLES_PER_ADDRESS = { perSecond: 0.1, burst: 5 };
const TABLES_IN_ALL = { perSecond: 2, burst: 20 };

/** Rates of reads of the hub, which may lead to reads of the chain and of places. */
const HUB_PER_ADDRESS = { perSecond: 2, burst: 20 };
const HUB_IN_ALL = { perSecond: 10, burst: 100 };

/** Rates of receipts, which may have megabytes each. */
const RECEIPTS_PER_ADDRESS = { perSecond: 0.5, burst: 10 };
const RECEIPTS_IN_ALL = { perSecond: 2, burst: 20 };

/** Handlers without a key or a cookie. No answer depends on its caller. */
export function createPublicHandlers(
  dependencies: PublicHandlersDependencies,
): Readonly<Record<PublicRouteName, Handler>> {
  const { reader, network, chain, beacon, clock } = dependencies;
  const perAddress = createRateLimiter(PER_ADDRESS, clock);
  const inAll = createRateLimiter(IN_ALL, clock);
  const tablesPerAddress = createRateLimiter(TABLES_PER_ADDRESS, clock);
  const tablesInAll = createRateLimiter(TABLES_IN_ALL, clock);
  const hubPerAddress = createRateLimiter(HUB_PER_ADDRESS, clock);
  const hubInAll = createRateLimiter(HUB_IN_ALL, clock);
  const receiptsPerAddress = createRateLimiter(RECEIPTS_PER_ADDRESS, clock);
  const receiptsInAll = createRateLimiter(RECEIPTS_IN_ALL, clock);
  const showReceipt = createPublicReceipt(dependencies.receipts, { reader, chain });
  const { hubModels, hubModel } = createHubAnswers(dependencies.hub);

  const open =
    (answer: (context: ApiContext) => Json | Promise<Json>): Handler =>
    async (context) => {
      assertWithin(perAddress, nameCaller(context));
      assertWithin(inAll, 'all');
      context.header('access-control-allow-origin', '*');
      context.header('cache-control', 'no-store');
      return context.json(await answer(context));
    };

  const openHub = (answer: (context: ApiContext) => Promise<Json>): Handler =>
    open((context) => {
      assertWithin(hubPerAddress, nameCaller(context));
      assertWithin(hubInAll, 'all');
      return answer(context);
    });

  function findValidator(hex: string): QuorumMember {
    const found = /^0x[0-9a-f]{40}$/.test(hex) ? chain.findByAddress(fromHex(hex.slice(2), 20)) : undefined;
    if (found === undefined) throw new ApiError('not_found', 'There is no such validator.', { param: 'validator' });
    return found;
  }

  return {
    network: open(() => {
      const { epoch } = beacon.latest();
      return {
        chain_id: `${chain.ledger.chainId}`,
        escrow: write(chain.ledger.verifyingContract),
        settlement: write(chain.network.settlement),
        ...(network && { contracts: { ...network.deployment, rpcUrl: undefined } }),
        rpc_url: network?.rpcUrl ?? null,
        epoch: `${epoch}`,
        validators: chain.validators().map(toValidatorJson),
      };
    }),
    networkDocument: open(async () => {
      if (dependencies.issuer === undefined)
        throw new ApiError('not_found', 'This gateway issues no document of its network.');
      return { ...formatSignedNetwork(await dependencies.issuer.issue()) };
    }),
    supply: open(async () => ({
      models: (await reader.listModels()).map((supply) => ({
        id: supply.model,
        model_root: write(supply.modelRoot),
        ...showModality(supply),
        providers: supply.providers,
        free_capacity: supply.freeCapacity,
        min_price_per_1k: `${supply.minPricePer1k}`,
        context_size: supply.contextSize,
        verifiers: supply.verifiers,
        staked_verifiers: supply.stakedVerifiers,
        numeric_classes: supply.numericClasses,
        ...showReaders(supply),
      })),
    })),
    offers: open(async ({ req }) => {
      const model = req.query('model') ?? '';
      if (!isModelId(model)) {
        throw new ApiError('invalid_request', 'Expected the id of a model.', { param: 'model' });
      }
      const offers = await reader.listOffers(model);
      return { offers: offers.slice(0, MAX_OFFERS).map(toOfferJson), has_more: offers.length > MAX_OFFERS };
    }),
    reply: open(async ({ req }) => {
      const id = readReplyId(req.param('id'));
      const named = req.query('validator');
      const validator = named === undefined ? undefined : findValidator(named);
      const found = await reader.findReply(fromHex(id, 16), validator);
      if (found === undefined) throw new ApiError('not_found', 'No validator knows this reply.', { param: 'id' });
      const { status, intake, settled } = found;
      return {
        validator: write(found.validator),
        state: status.state,
        verdict: status.verdict,
        detail: status.detail,
        record_hash: status.recordHash.length === 0 ? null : write(status.recordHash),
        transaction: status.transaction === '' ? null : status.transaction,
        intake: intake === undefined ? null : { epoch: `${intake.epoch}`, signature: write(intake.signature) },
        settled: settled && toSettledJson(settled),
      };
    }),
    receipt: open((context) => {
      assertWithin(receiptsPerAddress, nameCaller(context));
      assertWithin(receiptsInAll, 'all');
      return showReceipt(context);
    }),
    verdicts: open(async ({ req }) => {
      const validator = findValidator(req.param('address') ?? '');
      const from = readCount(req.query('from') ?? '0', 'from', (1n << 64n) - 1n);
      const limit = Number(readCount(req.query('limit') ?? '100', 'limit', BigInt(MAX_ENTRIES)));
      const { entries, head, length } = await reader.listVerdicts(validator, { from, limit: Math.max(1, limit) });
      return { entries: entries.map(write), head: write(head), length: `${length}` };
    }),
    head: open(async ({ req }) => {
      const validator = findValidator(req.param('address') ?? '');
      const sequence = readCount(req.param('sequence') ?? '', 'sequence', (1n << 63n) - 1n);
      const certificate = await reader.findHead(validator, sequence);
      if (certificate === undefined) throw new ApiError('not_found', 'The validator has no certificate of this head.');
      return { certificate: write(certificate) };
    }),
    beacon: open(async ({ req }) => {
      const epoch = readCount(req.param('epoch') ?? '', 'epoch', (1n << 64n) - 1n);
      const certificate = await reader.findCertificate(epoch);
      if (certificate === undefined) throw new ApiError('not_found', 'No validator has a certificate of this epoch.');
      return { certificate: write(certificate) };
    }),
    driftTable: createDriftTableHandler(dependencies.readDriftTable ?? (() => undefined), (context) => {
      assertWithin(tablesPerAddress, nameCaller(context));
      assertWithin(tablesInAll, 'all');
    }),
    hubModels: openHub(hubModels),
    hubModel: openHub(hubModel),
  };
}

const nameCaller = ({ env }: ApiContext): string =>
  computeAddressGroup(env.incoming?.socket.remoteAddress) ?? 'unknown';

const write = (bytes: Uint8Array): string => `0x${toHex(bytes)}`;

function isModelId(text: string): boolean {
  try {
    parseModelId(text);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

const toOfferJson = (offer: ListedOffer): Json => ({
  provider: write(offer.providerId),
  payee: write(offer.payee),
  model_root: write(offer.modelRoot),
  numeric_class: offer.numericClass,
  price_per_1k: `${offer.pricePer1k}`,
  context_size: offer.contextSize,
  capacity: offer.capacity,
  free_capacity: offer.freeCapacity,
  stake_tokens: `${offer.stakeTokens}`,
  held_tokens: `${offer.heldTokens}`,
  reputation_ppm: offer.reputationPpm,
  liveness_ppm: offer.livenessPpm,
  ...showReaders(offer),
  latency_ms: offer.latencyMs === 0 ? null : offer.latencyMs,
  tokens_per_second: offer.milliTokensPerSecond === 0 ? null : offer.milliTokensPerSecond / 1_000,
});

const toValidatorJson = ({ address, signingKey, stake, endpoint, certHash, vrfKey }: QuorumMember): Json => ({
  address: write(address),
  signingKey: write(signingKey),
  stake: `${stake}`,
  endpoint,
  certHash: write(certHash),
  vrfKey: write(vrfKey),
});

function assertWithin(limiter: RateLimiter, name: string): void {
  if (limiter.take(name)) return;
  throw new ApiError('too_many_requests', 'Too many public reads; try again soon.', { retryAfterS: 2 });
}
