import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { ChainClient, Channel } from '@ogong/chain/client';
import type { Engine } from '@ogong/engine/open-engine';
import { createReplyProgress, type ReplyProgress } from '@ogong/gateway/buy/reply-progress';
import type { Attester } from '@ogong/host/attester/attester';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLinkClient, type LinkClient } from '@ogong/host/link/link-client';
import { Refusal } from '@ogong/host/link/link-error';
import { createLogger, type Logger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import type { ReplySteps } from '@ogong/host/metrics/reply-steps';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import { openStore, type Store } from '@ogong/host/store/store';
import { type Clock, systemClock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import type { SignedAnnouncement } from '@ogong/protocol/exchange/announcement';
import { hashEnd, type SignedEnd } from '@ogong/protocol/exchange/ending/order-end';
import {
  computeReplyId,
  encodeOrder,
  hashOrder,
  type LedgerDomain,
  nameOrder,
  type Order,
  parseOrder,
} from '@ogong/protocol/exchange/order';
import type { SignedProgress } from '@ogong/protocol/exchange/progress';
import { signTicket, type Ticket } from '@ogong/protocol/exchange/ticket';
import {
  type AdmitRequest,
  type Finished,
  type GenerateRequest,
  GenerateRequestSchema,
  ProviderService,
  type PushRecordRequest,
  type ReplyStatus,
  ValidatorService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { FindRouter } from '@ogong/protocol/stage1/registered-router';
import type { CommitReply } from '@ogong/provider/modality/text/commit-reply';
import type { ServedOffer } from '@ogong/provider/provider/orders/offers';
import { createProvider, type Provider, type ProviderOptions } from '@ogong/provider/provider/provider';
import { findOpeningExpiry, type Openings, PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { type BlobStore, openBlobStore } from '@ogong/provider/provider/serving/blob-store';
import { createFakeEngine, type FakeEngineOptions } from '../engine/fake.ts';
import { makeIdentity } from '../link/link-fixture.ts';
import { createFixedChain, FULL_CHANNEL, standingRouter } from '../network/fixed-chain.ts';
import { LOOPBACK, startLoopbackServer } from '../network/loopback-server.ts';
import { signAdmission, signIntake } from '../synthetic/validator-words.ts';

/** One provider over real links, with a validator that a test controls. */
export const MODEL_ID = 'ogong/verified/test/fake';
export const PRICE = 2_000_000n;
export const ledger: LedgerDomain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(7) };
export const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(8) };

export const providerSigner = createNodeHybridSigner(new Uint8Array(64).fill(21));
export const routerSigner = createNodeHybridSigner(new Uint8Array(64).fill(22));
export const payer = createNobleLedgerSigner(new Uint8Array(32).fill(23));
const payeeSigner = createNobleLedgerSigner(new Uint8Array(32).fill(24));
export const payee: Uint8Array = payeeSigner.address;
export const validatorSigner = createNobleLedgerSigner(new Uint8Array(32).fill(25));
const validatorAddress = validatorSigner.address;
const quiet = createLogger({ name: 'test', level: 'silent' });

export interface FakeValidator {
  readonly validator: () => QuorumMember;
  readonly admitted: AdmitRequest[];
  readonly pushed: PushRecordRequest[];
  /** Ends of orders that came in place of records. */
  readonly ended: SignedEnd[];
  readonly announced: SignedAnnouncement[];
  /** Throws or does nothing. */
  onAdmit: () => void | Promise<void>;
  onPush: () => void;
  /** Changes the answer to an order. */
  bendAdmission: (admission: SignedAdmission) => SignedAdmission;
  /** Its status of every reply. Default: the reply is unknown. */
  status: Pick<ReplyStatus, 'state' | 'verdict' | 'detail' | 'feeAtomic'> | undefined;
  /** Changes the signature of a receipt. */
  bendReceipt: (signature: Uint8Array) => Uint8Array;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @param clock that dates its admissions. */
async function createFakeValidator(clock: Pick<Clock, 'nowMs'>): Promise<FakeValidator> {
  const identity = await makeIdentity(3);
  let server: Awaited<ReturnType<typeof startLoopbackServer>> | undefined;
  let port = 0;
  const fake: FakeValidator = {
    validator: () => ({
      address: validatorAddress,
      signingKey: validatorSigner.address,
      stake: 100n,
      certHash: identity.id,
      vrfKey: new Uint8Array(32),
      endpoint: `127.0.0.1:${port}`,
    }),
    admitted: [],
    pushed: [],
    ended: [],
    announced: [],
    onAdmit: () => {},
    onPush: () => {},
    bendAdmission: (admission) => admission,
    bendReceipt: (signature) => signature,
    status: undefined,
    async start() {
      server = await startLoopbackServer(
        (router) =>
          router.service(ValidatorService, {
            async admit(message) {
              await fake.onAdmit();
              fake.admitted.push(message);
              const orderHash = hashOrder(crypto, ledger, parseOrder(message.order?.order as Uint8Array));
              const admission = { ledger, orderHash, epoch: 0n, timeMs: BigInt(clock.nowMs()) };
              return fake.bendAdmission(signAdmission(crypto, validatorSigner, admission));
            },
            pushRecord(message) {
              fake.onPush();
              const { end } = message;
              if (end === undefined) fake.pushed.push(message);
              else fake.ended.push(end);
              const orderHash = hashOrder(crypto, ledger, parseOrder(message.order?.order as Uint8Array));
              const recordHash = end ? hashEnd(crypto, end) : hashRecord(crypto, message.record?.record as Uint8Array);
              const { epoch, signature } = signIntake(crypto, validatorSigner, {
                ledger,
                orderHash,
                recordHash,
                epoch: 0n,
              });
              return { epoch, signature: fake.bendReceipt(signature) };
            },
            getReply() {
              if (fake.status === undefined) throw new Refusal('not-found', 'no such reply');
              return fake.status;
            },
            announce(message) {
              fake.announced.push(message);
              return {};
            },
          }),
        { identity, port },
      );
      port = server.port;
    },
    async stop() {
      await server?.stop();
    },
  };
  await fake.start();
  return fake;
}

export interface Bend {
  /** The engine of the ordered offer. */
  readonly engine?: Engine;
  readonly modelId?: string;
  /** Default: the first one of the engine's modality. */
  readonly endpoint?: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly order?: (order: Order) => Order;
  readonly ticket?: (ticket: Ticket) => Ticket;
  readonly ledger?: LedgerDomain;
  readonly nonce?: number;
  /** Signer of the order. Default: the payer. */
  readonly payer?: LedgerSigner;
}

export interface Network {
  readonly provider: Provider;
  readonly engine: Engine;
  readonly validator: FakeValidator;
  readonly client: LinkClient;
  readonly store: () => Store;
  /** Recorded steps of each reply. */
  readonly steps: ReplySteps;
  /** Returns the metrics as a monitor reads them. */
  readMetrics(): Promise<string>;
  /** Makes the message of an honest gateway. `bend` changes it before it is signed. */
  order(bend?: Bend): GenerateRequest;
  /** A client with another certificate; 3 is the validator's. */
  connect(seed: number): Promise<LinkClient>;
  /** Stops the provider and starts one over the same files. @param between changes the files meanwhile. */
  restart(between?: () => void): Promise<void>;
  close(): Promise<void>;
}

export interface NetworkOptions {
  readonly engine?: FakeEngineOptions;
  /** Replaces the fake engine. The network closes it. */
  readonly realEngine?: Engine;
  /** Shards that compute the first layers of the first offer. Default: none. */
  readonly chain?: ServedOffer['chain'];
  readonly provider?: Partial<ProviderOptions>;
  /** Default: MODEL_ID. */
  readonly modelId?: string;
  /** Moves the price of the first offer. Default: it stays. */
  readonly peg?: NonNullable<ServedOffer['peg']>;
  /** Price at which it is a standby provider. Default: it is none. */
  readonly standby?: bigint;
  /** Offers served beside the first one. */
  readonly others?: readonly ServedOffer[];
  readonly openings?: (store: Store) => Openings;
  /** Default: each commit is synced on the event loop. */
  readonly commits?: (store: Store) => GroupCommit;
  readonly commit?: CommitReply;
  /** Default: a folder of its own with room for 64 MiB. */
  readonly blobs?: BlobStore;
  /** Default: every order is served alone. */
  readonly findAgreement?: (orderHash: Uint8Array) => Uint8Array | undefined;
  /** Attestation of the provider's machine. */
  readonly attester?: Attester;
  readonly epoch?: bigint;
  readonly clock?: Clock;
  /** The provider's primitives. Default: those of daemons. */
  readonly crypto?: Crypto;
  /** Most that a key may sign for a payer at a validator. Default: 0. */
  readonly keyLimitOf?: ChainClient['keyLimitOf'];
  /** The payer's channel on the chain. Default: one with enough money. */
  readonly channel?: Channel;
  /** Default: the router of the tickets, by their key. */
  readonly findRouter?: FindRouter;
  /** Findings of the machine registry against the provider. Default: the network has no registry. */
  readonly findMachineProblem?: ChainView['findMachineProblem'];
  /** |Channels by payer. It replaces `channel`. */
  readonly readChannel?: (payer: Uint8Array) => Promise<Channel>;
  /** Default: no line is kept. */
  readonly log?: Logger;
  /** Stakes that tiers require. Default: none. */
  readonly tierStakes?: ReadonlyMap<string, bigint>;
  /** Stake held for the provider's key, by period of a minute. */
  readonly heldIn?: (period: number) => Promise<bigint>;
}

export async function createNetwork(options: NetworkOptions = {}): Promise<Network> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-provider-'));
  const { modelId = MODEL_ID } = options;
  const engine = options.realEngine ?? createFakeEngine({ contextSize: 512, ...options.engine });
  const validator = await createFakeValidator(options.clock ?? systemClock);
  const identity = await makeIdentity(1);
  const genesis = computeGenesisBeacon(crypto, network);
  const latest = { epoch: options.epoch ?? 0n, value: genesis, previous: genesis, certificate: new Uint8Array(0) };
  const clients: LinkClient[] = [];
  let store: Store;
  let provider: Provider;
  let metrics: ReturnType<typeof createMetrics>;

  async function open(): Promise<void> {
    // Each start registers its own metrics.
    metrics = createMetrics('provider');
    store = openStore(join(directory, 'provider.sqlite'), { schema: PROVIDER_SCHEMA });
    provider = createProvider(
      {
        bind: LOOPBACK,
        offers: [
          {
            ...{ modelId, pricePer1kAtomic: PRICE, standbyPer1kAtomic: options.standby, engine },
            ...(options.peg && { peg: options.peg }),
            chain: options.chain,
          },
          ...(options.others ?? []),
        ],
        routers: [],
        outbox: { firstRetryMs: 20, maxRetryMs: 50 },
        ...options.provider,
      },
      {
        crypto: options.crypto ?? crypto,
        clock: options.clock ?? systemClock,
        signer: providerSigner,
        payee: payeeSigner,
        identity,
        chain: {
          ...createFixedChain({
            ...{ ledger, members: () => [validator.validator()] },
            router: options.findRouter ?? (async () => standingRouter(hashHybridKey(crypto, routerSigner.publicKey))),
            channel: options.readChannel ?? (async () => options.channel ?? FULL_CHANNEL),
          }),
          network: { chainId: ledger.chainId, settlement: ledger.verifyingContract },
          ...(options.findMachineProblem && { findMachineProblem: options.findMachineProblem }),
          client: async () =>
            ({
              keyLimitOf: options.keyLimitOf ?? (async () => 0n),
              parameters: async () => ({ holding: { period: 60, entrance: 0n, growth: 0 } }),
              heldIn: (_providerId: unknown, _payee: unknown, period: number) => options.heldIn?.(period),
            }) as unknown as ChainClient,
        },
        readPayments: async () => ({ grossAtomic: 0n, nextBlock: 1 }),
        beacons: { latest: () => latest, get: async () => latest },
        store,
        blobs:
          options.blobs ??
          (await openBlobStore(
            { folder: join(directory, 'blobs'), maxBytes: 64 * 1024 * 1024 },
            { crypto, findExpiry: (replyId) => findOpeningExpiry(store, replyId) },
          )),
        ...(options.commits ? { commits: options.commits(store) } : {}),
        ...(options.openings ? { openings: options.openings(store) } : {}),
        ...(options.commit ? { commit: options.commit } : {}),
        ...(options.findAgreement ? { findAgreement: options.findAgreement } : {}),
        ...(options.tierStakes ? { tierStakes: options.tierStakes } : {}),
        attester: options.attester,
        log: options.log ?? quiet,
        metrics,
      },
    );
    await provider.start();
  }

  async function connect(seed: number): Promise<LinkClient> {
    const client = createLinkClient({
      endpoint: provider.address(),
      certHash: identity.id,
      identity: await makeIdentity(seed),
    });
    clients.push(client);
    return client;
  }

  await open().catch(async (error: unknown) => {
    store.close();
    await Promise.all([validator.stop(), engine.close()]);
    rmSync(directory, { recursive: true, force: true });
    throw error;
  });
  let client = await connect(2);
  return {
    get provider() {
      return provider;
    },
    engine,
    validator,
    get client() {
      return client;
    },
    store: () => store,
    get steps() {
      return metrics.steps;
    },
    readMetrics: () => metrics.registry.metrics(),
    order: (bend = {}) => signOrder(bend.engine ?? engine, provider.id, identity.id, { modelId, ...bend }),
    connect,
    async restart(between = () => {}) {
      await provider.stop(0);
      store.close();
      between();
      await open();
      client = await connect(2);
    },
    async close() {
      for (const each of clients) each.close();
      await provider.stop(0);
      store.close();
      await validator.stop();
      await engine.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** An order message for any provider. */
export const validOrder = (engine: Engine): GenerateRequest =>
  signOrder(engine, new Uint8Array(32), new Uint8Array(32), {});

/** Endpoint and request by interface of an engine. */
const QUESTIONS: Readonly<Record<Engine['specificationVersion'], { endpoint: string; body: object }>> = {
  'text-v1': { endpoint: 'chat', body: { messages: [{ role: 'user', content: 'Once upon a time' }], max_tokens: 40 } },
  'embedding-v1': { endpoint: 'embedding', body: { input: 'Once upon a time' } },
  'trajectory-v1': { endpoint: 'image', body: { prompt: 'a red ship' } },
  'tensor-v1': { endpoint: 'infer', body: { inputs: { x: [[1, 2, 3]] } } },
};

function createNonce(nonce = 1): Uint8Array {
  const bytes = new Uint8Array(32).fill(nonce);
  if (nonce > 255) new DataView(bytes.buffer).setUint32(0, nonce);
  return bytes;
}

/** Returns the reply id of an order whose only change is its nonce. */
export function findReplyId(nonce?: number): Uint8Array {
  return computeReplyId(crypto, ledger, {
    payer: payer.address,
    validator: validatorAddress,
    nonce: createNonce(nonce),
  });
}

/** Signs orders even if no provider can read their request. */
function hashAsked(endpoint: string, body: Uint8Array): Uint8Array {
  try {
    return hashRequest(crypto, endpoint, body);
  } catch (error) {
    if (error instanceof RequestError) return crypto.sha256(body);
    throw error;
  }
}

function signOrder(engine: Engine, providerId: Uint8Array, providerCertHash: Uint8Array, bend: Bend): GenerateRequest {
  const { modelId = MODEL_ID } = bend;
  const { endpoint: usual, body } = QUESTIONS[engine.specificationVersion];
  const { endpoint = usual } = bend;
  const request = utf8Encode(JSON.stringify({ model: modelId, ...body, ...bend.body }));
  const nowMs = Date.now();
  const signer = bend.payer ?? payer;
  const unbent: Order = {
    payer: signer.address,
    validator: validatorAddress,
    cumulativeAtomic: 10_000_000_000n,
    requestHash: hashAsked(endpoint, request),
    nonce: createNonce(bend.nonce),
    modelRoot: engine.info().modelRoot,
    providerId,
    payee,
    router: new Uint8Array(20).fill(5),
    choice: 0,
    contextSize: engine.info().contextSize,
    maxFeeAtomic: 10_000_000n,
    pricePer1kAtomic: PRICE,
    epoch: 0n,
    expiresAtMs: BigInt(nowMs + 60_000),
  };
  const order = nameOrder(crypto, ledger, bend.order?.(unbent) ?? unbent);
  const ticket: Ticket = {
    router: order.router,
    modelId,
    providerId: order.providerId,
    providerEndpoint: '127.0.0.1:8443',
    providerCertHash,
    payee: order.payee,
    modelRoot: order.modelRoot,
    pricePer1kAtomic: order.pricePer1kAtomic,
    contextSize: order.contextSize,
    replyId: order.replyId,
    candidatesHash: new Uint8Array(32).fill(6),
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + 60_000,
  };
  const bytes = encodeOrder(order);
  return create(GenerateRequestSchema, {
    order: { order: bytes, signature: signer.signDigest(hashOrder(crypto, bend.ledger ?? ledger, order)) },
    ticket: signTicket(routerSigner, bend.ticket?.(ticket) ?? ticket),
    request,
    endpoint,
  });
}

export interface Received {
  readonly promptTokens: number;
  readonly text: string;
  readonly finished: Finished;
}

/** The payer's signed progress on the reply to an order of `signOrder`, as a gateway sends it. */
export function openProgress(client: LinkClient, message: GenerateRequest, isStandby = false): ReplyProgress {
  const { replyId, orderHash } = nameOrder(crypto, ledger, parseOrder(message.order?.order as Uint8Array));
  const send = (progress: SignedProgress) => client.service(ProviderService).progress({ replyId, progress });
  const { answer: blind } = computeBlinds(crypto, { body: message.request, replyId });
  return createReplyProgress({ payer, ledger, orderHash, blind, isStandby, send });
}

/** Whether it contains an order that a payer can have signed. Damaged messages are sent, too. */
function isOrder({ order }: GenerateRequest): boolean {
  try {
    parseOrder(order?.order ?? new Uint8Array());
    return true;
  } catch {
    return false;
  }
}

/** Reads a reply to its end. */
export async function receive(client: LinkClient, message: GenerateRequest): Promise<Received> {
  let promptTokens = 0;
  let text = '';
  let finished: Finished | undefined;
  const progress = isOrder(message) ? openProgress(client, message) : undefined;
  for await (const { event } of client.service(ProviderService).generate(message)) {
    if (event.case === 'started') promptTokens = event.value.promptTokens;
    else if (event.case === 'delta') {
      text += event.value.text;
      progress?.add(event.value.text);
    } else if (event.case === 'finished') finished = event.value;
  }
  if (!finished) throw new Error('the stream ended without Finished');
  return { promptTokens, text, finished };
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
