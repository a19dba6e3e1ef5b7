import { setTimeout as delay } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import type { ChainClient, Channel } from '@ogong/chain/client';
import type { GatewayChain } from '@ogong/gateway/gateway-options';
import type { Attester } from '@ogong/host/attester/attester';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { Refusal } from '@ogong/host/link/link-error';
import type { Peer } from '@ogong/host/link/link-pool';
import { getCaller } from '@ogong/host/link/link-server';
import { type Clock, systemClock } from '@ogong/host/time/clock';
import type { KnownBeacon } from '@ogong/host/views/beacon-view';
import { concatBytes, equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { hashRecord } from '@ogong/protocol/commitment/record';
import type { Crypto, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import { hashDelivery, parseDelivery } from '@ogong/protocol/exchange/delivery';
import { type SignedEnd, signEnd } from '@ogong/protocol/exchange/ending/order-end';
import {
  computeMatchSeed,
  encodeCandidates,
  hashCandidates,
  replayMatch,
  selectCandidates,
} from '@ogong/protocol/exchange/match';
import { hashOrder, type NamedOrder, nameOrder, parseOrder, verifyOrder } from '@ogong/protocol/exchange/order';
import { type MeasuredFigures, NO_FIGURES, SORTS } from '@ogong/protocol/exchange/preference';
import { parseProgress } from '@ogong/protocol/exchange/progress';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';
import { signTicket } from '@ogong/protocol/exchange/ticket';
import {
  type AcknowledgeRequest,
  type ComplainRequest,
  type CountTokensRequest,
  type GenerateRequest,
  type MilestoneSchema,
  type ProgressRequest,
  ProviderService,
  type PushMilestoneRequest,
  type PutMediaRequest,
  type ReplyStatusSchema,
  type ReportRequest,
  type RouteRequest,
  RouterService,
  type SettledEntrySchema,
  type TokenLogprob,
  ValidatorService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { embedding } from '@ogong/protocol/modality/embedding/embedding';
import { attachMedia, listMediaReferences } from '@ogong/protocol/modality/media/detach-media';
import { decodeMedia } from '@ogong/protocol/modality/media/encoded-media';
import { NO_MEDIA, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { tensor } from '@ogong/protocol/modality/tensor/tensor';
import { type AnswerFormat, DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { type DrawRow, WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { formatOverflow } from '@ogong/protocol/modality/text/request/context-overflow';
import { type InferenceRequest, parseRequest } from '@ogong/protocol/modality/text/request/request';
import { text } from '@ogong/protocol/modality/text/text';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { nameSigningKey, type RoleKeys } from '@ogong/protocol/tier/attested-role';
import type { EvidenceParts } from '@ogong/protocol/tier/tier';
import type { ReplyEvent } from '@ogong/provider/modality/order-job';
import { createMediaIntake } from '@ogong/provider/provider/orders/media-intake';
import { createValidatorSealKeys, type ValidatorSealKeys } from '@ogong/validator/intake/validator-seal-keys';
import { createFixedChain, FULL_CHANNEL, noClient, standingRouter } from '../network/fixed-chain.ts';
import { startLoopbackServer } from '../network/loopback-server.ts';
import { createSoftwareMachine } from '../provider/software-machine.ts';
import { agreeToOrder, type SyntheticCohort } from '../synthetic/synthetic-cohort.ts';
import { createSyntheticReply, type SyntheticOptions } from '../synthetic/synthetic-reply.ts';
import { signAdmission, signHeld, signIntake } from '../synthetic/validator-words.ts';
import { composePicture, createFakeBlobStore, listSteps } from './fake-pictures.ts';
import {
  chooseWords,
  composeEmbedding,
  composeReplyTensors,
  countPrompt,
  drawDistinct,
  speak,
  spell,
  toLogprob,
} from './fake-reply.ts';
import { answerInPlain, createFakeSealing, type TakeMedia } from './fake-sealing.ts';

/** Made-up rows of the pictures that a prompt shows. */
const listPictures = ({ pictureCount }: Pick<InferenceRequest, 'pictureCount'>) =>
  Array.from({ length: pictureCount }, (_, i) => ({ rows: 1, rowsRoot: crypto.sha256(Uint8Array.of(i)) }));

/** The calls that the parties of a fake network received, and settings that a test changes at any time. */
interface FakeRecords {
  /** Orders that reached a provider, in order of arrival. */
  readonly orders: NamedOrder[];
  /** The exact request bodies of these orders. */
  readonly requests: Uint8Array[];
  /** The cache scope of each of these orders. */
  readonly cacheScopes: Uint8Array[];
  readonly complaints: ComplainRequest[];
  /** Deliveries that gateways acknowledge to the handling validator. */
  readonly deliveries: AcknowledgeRequest[];
  /** Deliveries that gateways report to other validators. */
  readonly heard: AcknowledgeRequest[];
  /** Signed progress during replies. */
  readonly words: ProgressRequest[];
  /** The media that a provider got for a request, by request. */
  readonly media: (readonly Uint8Array[])[];
  readonly milestones: PushMilestoneRequest[];
  /** Openings that were requested and sent. */
  readonly proofs: Uint8Array[];
  readonly reports: ReportRequest[];
  /** Requests to routers. */
  readonly routed: RouteRequest[];
  /** Answers of GetReply and GetReplies by hex reply id; others are unknown. */
  readonly statuses: Map<string, MessageInitShape<typeof ReplyStatusSchema>>;
  /** Answers of GetSettled by hex reply id; others are unknown. */
  readonly settled: Map<string, MessageInitShape<typeof SettledEntrySchema>>;
  /** Indices of validators that do not answer. */
  readonly deadValidators: Set<number>;
  /** Indices of validators that answer, but admit no provider's order. */
  readonly unwillingValidators: Set<number>;
}

const createRecords = (): FakeRecords => ({
  ...{ orders: [], requests: [], cacheScopes: [], complaints: [], deliveries: [], heard: [], words: [], media: [] },
  ...{ milestones: [], proofs: [], reports: [], routed: [], statuses: new Map(), settled: new Map() },
  ...{ deadValidators: new Set(), unwillingValidators: new Set() },
});

/**
 * A router, providers and validators that speak the real protocol over real links, without a model or a chain.
 * Replies are synthetic and their openings replay, unless a provider is set to cheat.
 */
export interface FakeNetwork extends FakeRecords {
  readonly chain: GatewayChain;
  readonly beacon: { latest(): KnownBeacon };
  readonly router: Peer;
  readonly providers: readonly FakeProvider[];
  /** Keys to which parts are sealed, by validator. */
  readonly validatorKeys: readonly Pick<ValidatorSealKeys, 'find'>[];
  /** Number of requests to the router for a provider. */
  routes: number;
  /** Number of further requests that find every provider busy. */
  busy: number;
  /** True: a router that has restarted and knows no provider yet. */
  hasForgotten: boolean;
  /** Number of further deliveries that validators answer with "record not here yet". */
  awaits: number;
  /** Changes the validators' signatures of records. */
  bendIntake: (signature: Uint8Array) => Uint8Array;
  /** Changes the validators' signatures of deliveries. */
  bendHeld: (signature: Uint8Array) => Uint8Array;
  /** Evidence of the machines of router and validators. Default: they show none. */
  showRole: ((keys: RoleKeys, nonce: Uint8Array) => Promise<{ nodeId: Uint8Array; evidence: Uint8Array }>) | undefined;
  setChannel(channel: Channel): void;
  close(): Promise<void>;
}

export interface FakeProvider {
  readonly id: Uint8Array;
  behaviour: ProviderBehaviour;
  /** Streams whose reader has left. */
  cancelled: number;
  /** Deltas that the link accepted. */
  sent: number;
}

export interface ProviderBehaviour {
  /** Changes the visible response; the signed vectors stay. */
  readonly bendResponse?: (response: Uint8Array) => Uint8Array;
  /** The words of the reply, one per token. Default: a short story, or a text of the requested grammar if that is JSON. */
  readonly words?: readonly string[];
  readonly pauseMs?: number;
  /** Waits before it sends the token of that number, from 0. */
  readonly waitAt?: (token: number) => Promise<unknown> | undefined;
  /** Ends the stream before it has sent this many tokens. */
  readonly dieAfter?: number;
  /** Goes silent before it has sent this many tokens. */
  readonly hangAfter?: number;
  readonly refuse?: Refusal | undefined;
  /** Counts the tokens of a chat. Default: it refuses to. */
  readonly countTokens?: (request: Uint8Array, media: readonly Uint8Array[]) => number;
  /** Returns the reason to refuse a request as invalid, by its body. Default: none. */
  readonly refuseBody?: (body: Uint8Array) => string | undefined;
  /** Its tickets lead to a port without a listener. */
  readonly isAway?: boolean;
  /** Refuses orders of validators that are down, like a real provider: they admit nothing. */
  readonly asksValidator?: boolean | 'and signs an end';
  readonly bend?: SyntheticOptions['bend'];
  /** Format of its replies. Default: that of a model without a template. */
  readonly format?: AnswerFormat;
  /** Streams under another format than it signs. */
  readonly saidFormat?: AnswerFormat;
  /** Signs another text than it streams. */
  readonly signedText?: string | undefined;
  /** Sends text without end, before anything else, in chunks of this size. */
  readonly floodSize?: number;
  /** Sends a part that shows nothing before anything else. */
  readonly emptyPart?: boolean;
  /** Sends one part of so many empty log-probabilities before anything else. */
  readonly burstTokens?: number;
  readonly showLogprob?: (signed: TokenLogprob) => TokenLogprob;
  /** Sent with every word although no log-probabilities were requested. */
  readonly unasked?: TokenLogprob;
  /** Signs a milestone after each of these token counts, if its caller wants milestones. */
  readonly milestones?: readonly number[];
  readonly bendMilestone?: SyntheticOptions['bend'];
  /** Its milestone after this many tokens claims to be the last. */
  readonly lastMilestone?: number;
  /** Error with which it dies. */
  readonly dieWith?: Error | undefined;
  /** Sent unchanged after its last milestone. */
  readonly afterMilestones?: readonly MessageInitShape<typeof MilestoneSchema>[];
  readonly withholdOpening?: boolean;
  readonly withholdBlobs?: boolean;
  /** Changes the chunks of blobs on their way. */
  readonly bendBlob?: (data: Uint8Array) => Uint8Array;
  /** Commits another output of a picture's step than the one that its next latent follows from. */
  readonly bendOutput?: (output: Float32Array, step: number) => Float32Array;
  /** Whether it has a seal key. Default: no. */
  readonly seals?: boolean;
  /** Its machine's attester; its replies are of tier `tee`. Default: it has no machine. */
  readonly attester?: Attester;
  /** Answers a sealed request in plain: with its text, or with a milestone. */
  readonly breaksSeal?: boolean | 'milestone';
  /** Number of requests for an opening that it refuses as busy. */
  readonly busyOpenings?: number;
  readonly withoutRecord?: boolean;
  /** The statement by which it ends an order after its text, in place of a record. Default: it sends a record. */
  readonly end?: (order: NamedOrder, signer: HybridSigner) => SignedEnd | undefined;
  /** Figures that the router reports for it. Default: none. */
  readonly figures?: MeasuredFigures;
  /** Price of 1,000 prompt tokens of a standby reply that is not accepted. Default: it is no standby provider. */
  readonly standby?: bigint;
  /** Its payee. Default: its own account. */
  readonly payee?: Uint8Array;
  /** Signed progress with text does not reach it. */
  readonly isDeaf?: boolean;
  /** Whole tokens that an ejection takes. Default: 0. */
  readonly heldTokens?: bigint;
  readonly bendAdmission?: (admission: SignedAdmission) => SignedAdmission;
  /** It leads a cohort, whose agreement it sends. The roots of the shards are put into the header by `bend`. Default: it serves alone. */
  readonly cohort?: SyntheticCohort;
}

export const FAKE_MODEL = 'ogong/verified/test/synthetic';
const ALL_MODALITIES = [text, embedding, trajectory, tensor].map(({ name }) => name);
const PRICE = 2_000_000n;
const CONTEXT_SIZE = 4096;
const NOBODY_LISTENS = '127.0.0.1:1';
const PAYER_KEY = new Uint8Array(32).fill(9);
export const fakePayer = createNobleLedgerSigner(PAYER_KEY);

export interface FakeNetworkOptions {
  /** Keys that may sign orders for others. Default: none. */
  readonly orderKeys?: Crypto['orderKeys'];
  /** Clock of router, validators and providers. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** The one model on offer. Default: FAKE_MODEL. */
  readonly model?: string | undefined;
  /** Modalities that the router lists the model under; the providers serve all. Default: all. */
  readonly modalities?: readonly string[] | undefined;
}

export async function createFakeNetwork(
  behaviours: readonly ProviderBehaviour[] = [{}],
  { orderKeys, clock = systemClock, model = FAKE_MODEL, modalities = ALL_MODALITIES }: FakeNetworkOptions = {},
): Promise<FakeNetwork> {
  const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
  const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(4) };
  const genesis = computeGenesisBeacon(crypto, network);
  const beacon: KnownBeacon = { epoch: 0n, value: genesis, previous: genesis, certificate: new Uint8Array(0) };
  const modelRoot = new Uint8Array(32).fill(5);
  const servers: { stop(): Promise<void> }[] = [];
  const records = createRecords();
  const { orders, statuses, settled, deadValidators, unwillingValidators } = records;
  const takings = createTakings();
  let channel = FULL_CHANNEL;

  async function serve(routes: (router: ConnectRouter) => void) {
    const server = await startLoopbackServer(routes);
    servers.push(server);
    return server;
  }

  function answerRole(keys: RoleKeys, nonce: Uint8Array) {
    if (fake.showRole === undefined) throw new Refusal('unsupported', `this ${keys.role} shows no evidence`);
    return fake.showRole(keys, nonce);
  }

  const keysOfValidators: ValidatorSealKeys[] = [];
  const validators: QuorumMember[] = [];
  const validatorKeys = [0x20, 0x21].map((value) => createNobleLedgerSigner(new Uint8Array(32).fill(value)));
  for (const [index, key] of validatorKeys.entries()) {
    const assertAlive = (): void => {
      if (deadValidators.has(index)) throw new Refusal('unavailable', 'this validator is down');
    };
    const own = { certHash: () => identity.id };
    const sealKeys = createValidatorSealKeys({
      ...{ crypto, seal: nodeSeal, clock, ledger },
      signer: createKeySigner(crypto, key),
    });
    keysOfValidators.push(sealKeys);
    const { identity, endpoint } = await serve((router) =>
      router.service(ValidatorService, {
        getBeacon() {
          assertAlive();
          return { certificate: beacon.certificate };
        },
        getEvidence: ({ nonce }) =>
          answerRole(
            { role: 'validator', ledger, nodeId: nameSigningKey(key.address), certHash: own.certHash() },
            nonce,
          ),
        acknowledge(request) {
          assertAlive();
          return take(key, request);
        },
        acknowledgeAll({ told }) {
          assertAlive();
          return { answers: told.map((request) => take(key, request)) };
        },
        getSealKey() {
          assertAlive();
          return sealKeys.current();
        },
        pushMilestone(request) {
          assertAlive();
          records.milestones.push(request);
          return {};
        },
        complain(request) {
          assertAlive();
          records.complaints.push(request);
          return { outcome: 'noted', wantsOpening: request.openingHash.length > 0 };
        },
        proveComplaint({ opening }) {
          assertAlive();
          records.proofs.push(opening?.opening ?? new Uint8Array());
          return { outcome: 'upheld' };
        },
        listVerdicts() {
          assertAlive();
          return { head: new Uint8Array(32) };
        },
        getReply({ replyId }) {
          assertAlive();
          const status = statuses.get(toHex(replyId));
          if (status === undefined) throw new Refusal('not-found', 'no such reply');
          return status;
        },
        getSettled({ replyId }) {
          assertAlive();
          const entry = settled.get(toHex(replyId));
          if (entry === undefined) throw new Refusal('not-found', 'no such reply');
          return entry;
        },
        getReplies({ replyIds }) {
          assertAlive();
          return { replies: replyIds.map((replyId) => statuses.get(toHex(replyId)) ?? {}) };
        },
      }),
    );
    validators.push({
      address: key.address,
      signingKey: key.address,
      stake: 100n,
      certHash: identity.id,
      vrfKey: new Uint8Array(32),
      endpoint,
    });
  }

  function take(key: LedgerSigner, request: AcknowledgeRequest) {
    if (!equalBytes(parseOrder(request.order?.order as Uint8Array).validator, key.address)) {
      records.heard.push(request);
      return { outcome: 'heard', held: hold(key, request) };
    }
    records.deliveries.push(request);
    if (fake.awaits > 0) {
      fake.awaits--;
      return { outcome: 'awaited' };
    }
    return { outcome: 'taken', intake: takeIn(key, request), held: hold(key, request) };
  }

  function hold(key: LedgerSigner, { delivery }: AcknowledgeRequest) {
    const digest = hashDelivery(crypto, ledger, parseDelivery(delivery?.delivery as Uint8Array));
    return fake.bendHeld(signHeld(crypto, key, { ledger, delivery: digest }));
  }

  function takeIn(key: LedgerSigner, { order, record }: AcknowledgeRequest) {
    const orderHash = hashOrder(crypto, ledger, parseOrder(order?.order as Uint8Array));
    const recordHash = hashRecord(crypto, record?.record as Uint8Array);
    const { epoch, signature } = signIntake(crypto, key, { ledger, orderHash, recordHash, epoch: 0n });
    return { epoch, signature: fake.bendIntake(signature) };
  }

  /** Signs as the validator that the order names. */
  function admit({ validator, orderHash }: NamedOrder) {
    const key = validatorKeys.find(({ address }) => equalBytes(address, validator)) as LedgerSigner;
    return signAdmission(crypto, key, { ledger, orderHash, epoch: 0n, timeMs: BigInt(clock.nowMs()) });
  }

  function assertAdmits({ validator }: NamedOrder): void {
    const index = validatorKeys.findIndex(({ address }) => equalBytes(address, validator));
    if (deadValidators.has(index))
      throw new Refusal('not-admitted', 'the validator did not admit the order: it is down');
    if (unwillingValidators.has(index)) throw new Refusal('not-admitted', 'the validator did not admit the order');
  }

  const providers: (FakeProvider & { endpoint: string; certHash: Uint8Array })[] = [];
  for (const [index, behaviour] of behaviours.entries()) {
    const signer = createNodeHybridSigner(new Uint8Array(64).fill(index + 1));
    const openings = new Map<string, Uint8Array>();
    const mediaOf = new Map<string, RequestMedia>();
    const blobStore = createFakeBlobStore();
    let refusedOpenings = 0;
    const provider = {
      id: hashHybridKey(crypto, signer.publicKey),
      behaviour,
      cancelled: 0,
      sent: 0,
      endpoint: '',
      certHash: signer.publicKey,
    };
    const sealing = createFakeSealing({ signer, ledger, id: provider.id });
    const machine =
      behaviour.attester &&
      createSoftwareMachine(ledger, provider.id, {
        ...{ provider: signer, attester: behaviour.attester },
        getSealKey: () => sealing.show(true),
      });
    const posture = machine && { tier: 'tee', method: 'attested-replay' };
    const attest = async ({ order }: GenerateRequest, record: Uint8Array): Promise<EvidenceParts> =>
      machine ? { attestation: await machine.attest({ order: order?.order as Uint8Array, record }) } : {};
    async function* answer(request: GenerateRequest, context: HandlerContext): AsyncGenerator<ReplyEvent> {
      const { refuse, pauseMs = 0, dieAfter, hangAfter, bend, signedText, unasked } = provider.behaviour;
      const { format = DEFAULT_FORMAT, saidFormat = format } = provider.behaviour;
      if (refuse) throw refuse;
      const refusal = provider.behaviour.refuseBody?.(request.request);
      if (refusal !== undefined) throw new Refusal('invalid', refusal);
      const order = nameOrder(crypto, ledger, parseOrder(request.order?.order as Uint8Array));
      const signature = request.order?.signature as Uint8Array;
      if (!verifyOrder({ ...crypto, ...(orderKeys && { orderKeys }) }, order, signature))
        throw new Refusal('invalid', 'order is not signed');
      if (!equalBytes(order.providerId, provider.id)) throw new Refusal('invalid', 'order is for another provider');
      const { asksValidator } = provider.behaviour;
      try {
        if (asksValidator) assertAdmits(order);
      } catch (error) {
        const named = { orderHash: order.orderHash, code: 'not-admitted', timeMs: clock.nowMs() } as const;
        if (asksValidator !== true) yield { event: { case: 'ended', value: signEnd(signer, named) } };
        throw error;
      }
      orders.push(order);
      records.requests.push(request.request);
      records.cacheScopes.push(request.cacheScope);
      const isVector = embedding.endpoints.includes(request.endpoint);
      if (isVector || tensor.endpoints.includes(request.endpoint)) {
        yield { event: { case: 'started', value: { promptTokens: 3 } } };
        const body = request.request;
        const { committed, finished } = await (isVector
          ? composeEmbedding(signer, { order, beacon, request: embedding.parseRequest(body, request.endpoint), body })
          : composeReplyTensors(signer, { order, beacon, request: tensor.parseRequest(body), body }));
        openings.set(toHex(order.replyId), committed.opening);
        const response = provider.behaviour.bendResponse?.(committed.response) ?? committed.response;
        const evidence = await attest(request, committed.record);
        yield { event: { case: 'finished', value: { ...finished, admission: admit(order), response, evidence } } };
        return;
      }
      if (trajectory.endpoints.includes(request.endpoint)) {
        const { bendResponse, bendOutput } = provider.behaviour;
        yield { event: { case: 'started', value: { promptTokens: 0 } } };
        const picture = trajectory.parseRequest(request.request, request.endpoint);
        const { response, blobs, opening, finished } = await composePicture(signer, {
          ...{ order, beacon, bendOutput, request: picture, body: request.request },
          media: mediaOf.get(toHex(order.replyId)) ?? NO_MEDIA,
        });
        openings.set(toHex(order.replyId), opening);
        blobStore.put(blobs);
        for (const value of listSteps(trajectory.parseHeader(finished.header), { asked: picture, preview: response }))
          yield { event: { case: 'step', value } };
        const value = { ...finished, admission: admit(order), response: bendResponse?.(response) ?? response };
        yield { event: { case: 'finished', value } };
        return;
      }
      const asked = parseRequest(request.request, request.endpoint as Endpoint);
      const promptTokens = countPrompt(asked);
      if (promptTokens >= CONTEXT_SIZE)
        throw new Refusal('invalid', formatOverflow({ promptTokens, contextSize: CONTEXT_SIZE }));
      const { words = chooseWords(asked) } = provider.behaviour;
      const said = speak(words, asked);
      const passed: number[] = [];
      const compose = (seed: number, part?: { tokens: number; bend: SyntheticOptions['bend'] }) =>
        createSyntheticReply({
          seed,
          crypto,
          provider: signer,
          payer: fakePayer,
          ledger,
          tokens: part?.tokens ?? said.pieces.length,
          bend: {
            header: (header) => ({ ...header, answerFormat: format, ...posture, pictures: listPictures(asked) }),
            ...(part && { record: (record) => ({ ...record, isMilestone: true }) }),
            ...bend,
            ...part?.bend,
          },
          given: {
            endpoint: asked.endpoint,
            request: request.request,
            order,
            orderSignature: signature,
            beacon,
            text: signedText ?? said.pieces.slice(0, part?.tokens).join(''),
            stopReason: part ? 'cancelled' : said.stopReason,
            startNs: BigInt(clock.nowMs()) * 1_000_000n - 2_000_000_000n,
          },
        });
      // The visible log-probabilities are the later signed ones, unless the provider lies.
      const drawn = asked.logprobs ? drawDistinct(compose) : undefined;
      const rows = drawn?.rows ?? [];
      const spelled = spell(rows, said.pieces);
      const show = (text: string, at: number) => {
        const shown = toLogprob(text, rows[at] as DrawRow, asked, spelled);
        return provider.behaviour.showLogprob?.(shown) ?? shown;
      };
      yield { event: { case: 'started', value: { promptTokens: 3, ...saidFormat } } };
      const { floodSize, emptyPart = false, burstTokens } = provider.behaviour;
      if (emptyPart) yield { event: { case: 'delta', value: { text: '', tokens: [] } } };
      if (burstTokens !== undefined) {
        const tokens = Array.from({ length: burstTokens }, () => ({}));
        yield { event: { case: 'delta', value: { text: 'x', tokens } } };
      }
      for (let i = 0; floodSize !== undefined && i < 64; i++) {
        yield { event: { case: 'delta', value: { text: 'ü'.repeat(floodSize), tokens: [] } } };
      }
      try {
        for (const [at, text] of said.pieces.entries()) {
          if (at === dieAfter) throw provider.behaviour.dieWith ?? new Error('the power went out');
          if (at === hangAfter) await delay(60_000, undefined, { signal: context.signal });
          if (pauseMs > 0) await delay(pauseMs, undefined, { signal: context.signal });
          await provider.behaviour.waitAt?.(at);
          // A standby reply sends one part before it is accepted.
          if (at === 1 && asked.demands.standbyPer1kAtomic !== undefined)
            await takings.wait(order.replyId, context.signal);
          yield {
            event: {
              case: 'delta',
              value: { text, tokens: asked.logprobs ? [show(text, at)] : unasked ? [unasked] : [] },
            },
          };
          provider.sent++;
          const before = passed.at(-1) ?? 0;
          const { milestones: due = [], bendMilestone } = provider.behaviour;
          if (!request.milestones || !due.includes(at + 1)) continue;
          passed.push(at + 1);
          const part = compose(1, { tokens: at + 1, bend: bendMilestone });
          const { recordBytes, recordSignature, opening, response } = part;
          yield {
            event: {
              case: 'milestone',
              value: {
                record: { record: recordBytes, providerKey: signer.publicKey, signature: recordSignature },
                ...{ header: opening.header, admission: admit(order), textBytes: response.length },
                windows: opening.windows.slice(before / WINDOW_TOKENS),
                last: provider.behaviour.lastMilestone === at + 1,
              },
            },
          };
          const { afterMilestones: behind = [] } = provider.behaviour;
          if (at + 1 === due.at(-1)) for (const value of behind) yield { event: { case: 'milestone', value } };
        }
      } finally {
        if (context.signal.aborted) provider.cancelled++;
      }
      const { cohort, withoutRecord } = provider.behaviour;
      if (withoutRecord) return;
      const end = provider.behaviour.end?.(order, signer);
      if (end !== undefined) {
        yield { event: { case: 'ended', value: end } };
        throw new Refusal('invalid', 'no token goes on');
      }
      const reply = drawn?.reply ?? compose(1);
      openings.set(toHex(order.replyId), reply.openingBytes);
      const record = { record: reply.recordBytes, providerKey: signer.publicKey, signature: reply.recordSignature };
      const admission = provider.behaviour.bendAdmission?.(admit(order)) ?? admit(order);
      const evidence = await attest(request, reply.recordBytes);
      yield {
        event: {
          case: 'finished',
          value: {
            ...{ record, header: reply.opening.header, admission, stopReason: reply.header.stopReason, evidence },
            ...(cohort && { cohort: agreeToOrder(crypto, { provider: signer, ledger, order }, reply.header, cohort) }),
          },
        },
      };
    }
    const mediaIntake = createMediaIntake();
    /** Reads the media of a request with the code of a real provider. */
    async function* takeMedia(
      { replyId, body, mediaSeal }: Parameters<TakeMedia>[0],
      context: HandlerContext,
    ): AsyncGenerator<ReplyEvent> {
      if (listMediaReferences(body).length === 0) return;
      const awaited = mediaIntake.open(replyId, getCaller(context), context.signal);
      yield { event: { case: 'mediaWanted', value: {} } };
      const pieces = await awaited.whole;
      const encoded = mediaSeal ? mediaSeal.open(pieces) : concatBytes(...pieces);
      const media = attachMedia(crypto, body, decodeMedia(encoded));
      records.media.push([...media.values()]);
      mediaOf.set(toHex(replyId), media);
      awaited.end();
    }
    const { identity, endpoint } = await serve((router) =>
      router.service(ProviderService, {
        getSealKey: () => sealing.show(provider.behaviour.seals),
        getEvidence({ nonce }) {
          if (machine === undefined) throw new Refusal('unsupported', 'this provider has no machine');
          return machine.show(nonce);
        },
        generate: (request: GenerateRequest, context: HandlerContext) =>
          provider.behaviour.breaksSeal
            ? answerInPlain(provider.behaviour.breaksSeal === 'milestone', context.signal)
            : sealing.pass(
                request,
                openings,
                (plain) => answer(plain, context),
                (asked) => takeMedia(asked, context),
              ),
        countTokens({ request, media }: CountTokensRequest) {
          const { countTokens } = provider.behaviour;
          if (countTokens === undefined) throw new Refusal('unsupported', 'this provider counts no tokens');
          return { tokens: countTokens(request, media) };
        },
        putMedia(message: PutMediaRequest, context: HandlerContext) {
          mediaIntake.put(getCaller(context), message);
          return {};
        },
        progress(request) {
          records.words.push(request);
          const isTaken = parseProgress(request.progress?.progress as Uint8Array).textBytes > 0;
          if (isTaken && provider.behaviour.isDeaf)
            throw new Refusal('not-found', 'no such reply is being served to you');
          if (isTaken) takings.take(request.replyId);
          return {};
        },
        getOpening({ replyId }) {
          const opening = openings.get(toHex(replyId));
          if (opening === undefined || provider.behaviour.withholdOpening) throw new Refusal('not-found', 'no opening');
          if (refusedOpenings++ < (provider.behaviour.busyOpenings ?? 0)) throw new Refusal('unavailable', 'busy');
          return { opening };
        },
        async *getBlob(asked) {
          const chunks = provider.behaviour.withholdBlobs ? undefined : blobStore.find(asked);
          if (chunks === undefined) throw new Refusal('not-found', 'no blob');
          for (const chunk of chunks) yield { ...chunk, data: provider.behaviour.bendBlob?.(chunk.data) ?? chunk.data };
        },
      }),
    );
    providers.push(Object.assign(provider, { endpoint, certHash: identity.id }));
  }

  const routerSigner = createNodeHybridSigner(new Uint8Array(64).fill(0x77));
  const { identity: routerIdentity, endpoint: routerEndpoint } = await serve((router) =>
    router.service(RouterService, {
      route(request) {
        records.routed.push(request);
        fake.routes++;
        if (fake.busy > 0) {
          fake.busy--;
          throw new Refusal('unavailable', 'all providers are busy; try again');
        }
        const { standbyPer1k: offered } = request;
        const standsBy = ({ behaviour: { standby } }: FakeProvider): boolean =>
          offered === undefined || (standby !== undefined && standby <= offered);
        const offers = providers
          .filter(standsBy)
          .map(({ id, behaviour: { figures, heldTokens = 0n, payee = id.subarray(0, 20) } }) => ({
            ...(figures && { figures }),
            heldAtomic: heldTokens * ATOMIC_PER_TOKEN,
            providerId: id,
            modelId: model,
            pricePer1kAtomic: PRICE,
            contextSize: CONTEXT_SIZE,
            freeCapacity: 4,
            payee,
            stakeAtomic: 1n,
            reputationPpm: 1_000_000,
            expiresAtMs: clock.nowMs() + 60_000,
          }));
        if (fake.hasForgotten || request.model !== model)
          throw new Refusal('not-found', `no provider serves ${request.model}; the demand is noted`);
        const { maxPricePer1k: maxPricePer1kAtomic, contextSize, exclude, only } = request;
        const sort = SORTS.find((word) => word === request.sort) ?? 'none';
        const limits = { maxPricePer1kAtomic, contextSize, minHeldTokens: request.minStake };
        const query = { modelId: request.model, ...limits, exclude, only, sort };
        const candidates = encodeCandidates(selectCandidates(offers, { ...query, nowMs: clock.nowMs() }));
        const drawn = replayMatch(crypto, candidates, computeMatchSeed(crypto, request.replyId));
        const provider = providers.find(({ id }) => drawn && equalBytes(id, drawn.providerId));
        if (provider === undefined) throw new Refusal('unavailable', 'every provider was tried already');
        const ticket = signTicket(routerSigner, {
          router: new Uint8Array(20).fill(0x33),
          modelId: request.model,
          providerId: provider.id,
          providerEndpoint: provider.behaviour.isAway ? NOBODY_LISTENS : provider.endpoint,
          providerCertHash: provider.certHash,
          payee: provider.behaviour.payee ?? provider.id.subarray(0, 20),
          modelRoot,
          pricePer1kAtomic: PRICE,
          contextSize: CONTEXT_SIZE,
          replyId: request.replyId,
          candidatesHash: hashCandidates(crypto, candidates),
          issuedAtMs: clock.nowMs(),
          expiresAtMs: clock.nowMs() + 60_000,
        });
        return { ticket, candidates };
      },
      listOffers: ({ model: asked }) => ({
        offers: providers.map(({ id, behaviour: { figures = NO_FIGURES, heldTokens = 0n, standby } }) => ({
          ...{
            providerId: id,
            payee: id.subarray(0, 20),
            model: asked,
            modelRoot,
            numericClass: 'fake',
            pricePer1k: PRICE,
            modality: 'text',
          },
          ...{
            contextSize: CONTEXT_SIZE,
            capacity: 4,
            freeCapacity: 4,
            stakeTokens: 0n,
            heldTokens,
            reputationPpm: 1_000_000,
          },
          ...{ livenessPpm: 1_000_000, ...figures },
          ...(standby !== undefined && { standbyPer1k: standby }),
        })),
      }),
      listModels: () => ({
        models: fake.hasForgotten
          ? []
          : modalities.map((modality) => ({
              model,
              modelRoot,
              modality,
              providers: providers.length,
              freeCapacity: 4,
              minPricePer1k: PRICE,
              ...{ verifiers: 2, stakedVerifiers: 1, numericClasses: ['fake'] },
              contextSize: CONTEXT_SIZE,
            })),
      }),
      getEvidence({ nonce }) {
        const nodeId = hashHybridKey(crypto, routerSigner.publicKey);
        return answerRole({ role: 'router', ledger, nodeId, certHash: routerIdentity.id }, nonce);
      },
      report(request) {
        records.reports.push(request);
        return {};
      },
    }),
  );

  const router = standingRouter(hashHybridKey(crypto, routerSigner.publicKey));
  const chain: GatewayChain = {
    ...createFixedChain({
      ledger,
      members: () => validators,
      router: async () => router,
      channel: async () => channel,
    }),
    network,
    // This chain only knows the stakes held for keys.
    client: async () => {
      if (providers.every(({ behaviour }) => behaviour.heldTokens === undefined)) return noClient();
      return {
        parameters: async () => ({ holding: { period: 86_400, entrance: 0n, growth: 0 } }),
        heldIn: async (of: Uint8Array) =>
          (providers.find(({ id }) => equalBytes(id, of))?.behaviour.heldTokens ?? 0n) * ATOMIC_PER_TOKEN,
      } as unknown as ChainClient;
    },
  };

  const fake: FakeNetwork = {
    ...records,
    chain,
    busy: 0,
    hasForgotten: false,
    showRole: undefined,
    awaits: 0,
    bendIntake: (signature) => signature,
    bendHeld: (signature) => signature,
    routes: 0,
    beacon: { latest: () => beacon },
    router: { endpoint: routerEndpoint, certHash: routerIdentity.id },
    providers,
    validatorKeys: keysOfValidators,
    setChannel(next) {
      channel = next;
    },
    async close() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
  return fake;
}

/** Replies that their payer has accepted: it has signed progress with text. */
function createTakings() {
  const replies = new Map<string, PromiseWithResolvers<void>>();
  const open = (replyId: Uint8Array): PromiseWithResolvers<void> => {
    const name = toHex(replyId);
    const known = replies.get(name) ?? Promise.withResolvers<void>();
    replies.set(name, known);
    return known;
  };
  return {
    take: (replyId: Uint8Array) => open(replyId).resolve(),
    async wait(replyId: Uint8Array, signal: AbortSignal): Promise<void> {
      const gone = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => gone.reject(new Error('nobody reads')), { once: true });
      await Promise.race([open(replyId).promise, gone.promise]);
    },
  };
}
