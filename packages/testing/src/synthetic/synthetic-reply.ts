import { utf8Encode } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { type Blinds, computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeComposedRoot } from '@ogong/protocol/commitment/composed-root';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { computeCommitment, encodeOpening, type Opening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2, type RecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { computeBankSeed, createSketchBank, DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import type { Crypto, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { findNamedRoot } from '@ogong/protocol/exchange/named-root';
import {
  computeOrderDay,
  encodeOrder,
  type LedgerDomain,
  type NamedOrder,
  nameOrder,
  type Order,
} from '@ogong/protocol/exchange/order';
import { hashReadRequest } from '@ogong/protocol/modality/request-hash';
import { DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import { createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import {
  type Endpoint,
  encodeHeader,
  type Header,
  hashTokens,
  NO_GRAMMAR,
  type StopReason,
} from '@ogong/protocol/modality/text/commitment/header';
import {
  encodeTokenWindow,
  NO_TOKENS_HASH,
  UNKNOWN_VOCABULARY,
} from '@ogong/protocol/modality/text/commitment/token-window';
import {
  createWindowEncoder,
  type DrawRow,
  tokenOf,
  WINDOW_TOKENS,
} from '@ogong/protocol/modality/text/commitment/window';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { hashAskedGrammar } from '@ogong/protocol/modality/text/request/request-summary';
import { computeDrawKey, createDrawSource, type DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import { createRepeatedTokens } from '@ogong/protocol/modality/text/sampling/repeated-tokens';
import {
  computeCost,
  createWeights,
  drawRank,
  layOutList,
  MAX_LISTED,
  quantizeLogprob,
  quantizeLogSum,
  type SamplerSettings,
  TAIL_RANK,
  WEIGHT_ONE,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { showsPrompt } from '@ogong/protocol/modality/text/stage1/boundary-roots';

/**
 * A complete, honest reply of a made-up language model, for tests and vectors. Equal inputs give equal bytes. The model is a
 * seeded hash, so it needs no weights. Every field can be changed before it is signed.
 */
export interface SyntheticReply {
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly order: NamedOrder;
  readonly orderBytes: Uint8Array;
  readonly orderSignature: Uint8Array;
  readonly header: Header;
  readonly outputTokens: readonly number[];
  readonly opening: Opening;
  readonly openingBytes: Uint8Array;
  readonly record: RecordV2;
  readonly recordBytes: Uint8Array;
  readonly recordSignature: Uint8Array;
  readonly beacon: { readonly epoch: bigint; readonly value: Uint8Array; readonly previous: Uint8Array };
}

export interface SyntheticOptions {
  readonly crypto: Crypto;
  readonly provider: HybridSigner;
  readonly payer: LedgerSigner;
  readonly ledger: LedgerDomain;
  readonly seed?: number;
  readonly tokens?: number;
  /**
   * Certainty of the made-up model. Default: 3, at which most draws fall beyond the list. With 300 hardly any does, as
   * with real models.
   */
  readonly sureness?: number;
  /** Default: made up. */
  readonly beacon?: { readonly epoch: bigint; readonly value: Uint8Array; readonly previous: Uint8Array };
  /** Serves this order and request instead of made-up ones. */
  readonly given?: {
    readonly endpoint: Endpoint;
    readonly request: Uint8Array;
    readonly order: NamedOrder;
    readonly orderSignature: Uint8Array;
    /** The value of the order's epoch and the previous one. */
    readonly beacon: { readonly value: Uint8Array; readonly previous: Uint8Array };
    readonly text: string;
    readonly stopReason?: StopReason;
    readonly startNs?: bigint;
  };
  /** Endpoint of a made-up request. */
  readonly endpoint?: Endpoint;
  /** Roots of a base model and of its adapters, which the made-up order's model root is composed of. */
  readonly parts?: readonly [base: Uint8Array, ...adapters: Uint8Array[]];
  /** A reply of tier vanilla, whose windows name its tokens or only count them. */
  readonly said?: 'named' | 'counted';
  /** Of a made-up reply. */
  readonly text?: string;
  /** Further fields of the request body. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** The exact request. Default: made up, with `parameters`. */
  readonly request?: Uint8Array;
  readonly bend?: {
    readonly row?: (row: DrawRow, position: number) => DrawRow;
    readonly header?: (header: Header) => Header;
    readonly record?: (record: RecordV2, blinds: Blinds) => RecordV2;
    readonly blinds?: (blinds: Blinds) => Blinds;
    readonly order?: (order: Order) => Order;
    /**
     * Roots and values of the rows that the shards of a cohort sent.
     * @param blind of the answer. @param tokens that the first shard received, as in the leader's passes.
     */
    readonly edges?: (
      header: Header,
      blind: Uint8Array,
      tokens: Uint8Array,
    ) => Pick<Header, 'boundaries'> & { readonly edges: NonNullable<Opening['edges']> };
  };
}

export const SYNTHETIC_MODEL = 'ogong/verified/test/synthetic';
export const SAID_MODEL = 'ogong/vanilla/test/synthetic';
export const SYNTHETIC_VOCABULARY = 512;
const EMBEDDING = 64;
const UNSURE = 3;
const PROMPT = [1, 2, 3];
/** Added to the made-up logits, of which the best are then positive. */
const LOGIT_SHIFT = 8;
/** A reply may have so many more tokens than bytes (docs/spec/receipt.md, `response-size`). */
const MARKS = 32;

function fill(random: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

export function createSyntheticReply(options: SyntheticOptions): SyntheticReply {
  const { crypto, provider, payer, ledger, tokens = 40, parameters = {}, bend = {}, given } = options;
  const random = createSeededRandom(options.seed ?? 1);
  const { said, sureness = UNSURE } = options;
  const model = said ? SAID_MODEL : SYNTHETIC_MODEL;
  const endpoint = given?.endpoint ?? options.endpoint ?? 'chat';
  const text = 'Once upon a time';
  const asks = endpoint === 'chat' ? { messages: [{ role: 'user', content: text }] } : { prompt: text };
  const body = { model, ...asks, max_tokens: tokens, ...parameters };
  const request = given?.request ?? options.request ?? utf8Encode(JSON.stringify(body));
  const asked = parseRequest(request, endpoint);
  const response = utf8Encode(
    given?.text ??
      options.text ??
      (said ? 'word '.repeat(tokens) : `a story of ${tokens} tokens`.padEnd(tokens - MARKS, '.')),
  );
  const madeUp = { epoch: 7n, previous: fill(random, 32), value: fill(random, 32) };
  const beacon = given ? { ...given.beacon, epoch: given.order.epoch } : (options.beacon ?? madeUp);
  const [base, ...adapters] = options.parts ?? [];
  const made = given === undefined ? fill(random, 32) : given.order.modelRoot;
  const drawn = (given === undefined && findNamedRoot(crypto, asked.model)) || made;
  const modelRoot = base === undefined ? drawn : computeComposedRoot(crypto, base, adapters);
  const requestHash = hashReadRequest(crypto, asked, request);
  const unbent: Order = {
    payer: payer.address,
    validator: fill(random, 20),
    cumulativeAtomic: 1_000_000n,
    requestHash,
    nonce: fill(random, 32),
    modelRoot,
    providerId: hashHybridKey(crypto, provider.publicKey),
    payee: new Uint8Array(20).fill(0x51),
    router: fill(random, 20),
    choice: 0,
    contextSize: 4096,
    maxFeeAtomic: 1_000_000n,
    pricePer1kAtomic: 2_000_000n,
    epoch: beacon.epoch,
    expiresAtMs: 2_000_000_000_000n,
  };
  const order = given?.order ?? nameOrder(crypto, ledger, bend.order?.(unbent) ?? unbent);
  const drawKey: DrawKeyInputs =
    asked.seed === undefined
      ? {
          mode: 'nonce',
          nonce: order.nonce,
          requestHash,
          replyId: order.replyId,
          providerId: order.providerId,
          epoch: order.epoch,
          beacon: beacon.value,
        }
      : { mode: 'seed', seed: asked.seed, requestHash, modelRoot, choice: order.choice };
  const bankSeed = computeBankSeed(crypto, modelRoot, beacon.previous);
  const bank = createSketchBank(crypto, { bankSeed, directions: DEFAULT_DIRECTIONS, embeddingSize: EMBEDDING });
  const encoder = createWindowEncoder({ vocabularySize: SYNTHETIC_VOCABULARY, bank });
  const source = createDrawSource(crypto, computeDrawKey(crypto, drawKey));
  const windows: WindowBytes[] = [];
  const output: number[] = [];
  const counts = new Map<number, number>();
  const repeated = createRepeatedTokens(asked.sampler, PROMPT);
  const positionAt = openModel(`${options.seed ?? 1} ${given === undefined} ${sureness}`, { random, sureness });
  for (let i = 0; i < tokens; i++) {
    const position = positionAt(i);
    const honest = drawRow(position, asked, { counts, repeated: repeated?.counts }, source.draw(i));
    const row = bend.row?.(honest, i) ?? honest;
    const token = tokenOf(row);
    output.push(token);
    counts.set(token, (counts.get(token) ?? 0) + 1);
    repeated?.push(token);
    const window = encoder.push(row, position.hidden);
    if (window) windows.push(window);
  }
  const last = encoder.flush();
  if (last) windows.push(last);
  if (said) windows.splice(0, windows.length, ...toTokenWindows(output, said));
  const derived = computeBlinds(crypto, { body: request, replyId: order.replyId });
  const blinds = bend.blinds?.(derived) ?? derived;
  const plain: Header = {
    orderHash: order.orderHash,
    endpoint,
    tier: 'verified',
    method: 'draw-replay',
    numericClass: 'synthetic-1/js/f64/exact/hash/kv-none',
    vocabularyHash: crypto.sha256(utf8Encode('synthetic')),
    vocabularySize: SYNTHETIC_VOCABULARY,
    embeddingSize: EMBEDDING,
    sketchDirections: DEFAULT_DIRECTIONS,
    sketchBankSeed: bankSeed,
    sampler: asked.sampler,
    bias: asked.bias,
    drawKey,
    choice: order.choice,
    maxTokens: asked.maxTokens,
    promptDay: computeOrderDay(order),
    thinking: asked.thinking,
    promptTokensHash: hashTokens(crypto, blinds.prompt, PROMPT),
    promptTokenCount: PROMPT.length,
    pictures: [],
    boundaries: [],
    answerFormat: DEFAULT_FORMAT,
    grammarHash: hashAskedGrammar(crypto, asked) ?? NO_GRAMMAR,
    outputTokensHash: hashTokens(crypto, blinds.answer, output),
    outputTokenCount: output.length,
    stopReason: given?.stopReason ?? (output.length === asked.maxTokens ? 'length' : 'stop-token'),
    parts: options.parts ?? [],
    payee: order.payee,
    ...(said && {
      ...{ tier: 'vanilla', method: 'signature', numericClass: 'upstream/openai/unknown/signed/unknown/unknown' },
      ...{ vocabularyHash: NO_TOKENS_HASH, vocabularySize: UNKNOWN_VOCABULARY, embeddingSize: 1 },
      promptTokensHash: NO_TOKENS_HASH,
      ...(said === 'counted' && { outputTokensHash: NO_TOKENS_HASH }),
    }),
  };
  const bent = bend.header?.(plain) ?? plain;
  const content = createTokenContent(SYNTHETIC_VOCABULARY);
  const received = content.encode(Uint32Array.of(...PROMPT, ...output.slice(0, -1)));
  const { boundaries = bent.boundaries, edges = [] } = bend.edges?.(bent, blinds.answer, received) ?? {};
  const header = { ...bent, boundaries };
  const startNs = given?.startNs ?? 1_700_000_000_000_000_000n;
  const prompt = showsPrompt(header)
    ? { blind: blinds.prompt, tokens: content.encode(Uint32Array.from(PROMPT)) }
    : undefined;
  const opening: Opening = { blind: blinds.answer, header: encodeHeader(header), windows, edges, prompt };
  const signed: RecordV2 = {
    replyId: order.replyId,
    requestHash,
    responseHash: hashResponse(crypto, blinds.answer, response),
    modelRoot,
    commitRoot: computeCommitment(crypto, opening).root,
    tokenCount: output.length,
    startNs,
    endNs: startNs + 1_000_000_000n,
  };
  const record = bend.record?.(signed, blinds) ?? signed;
  const recordBytes = encodeRecordV2(record);
  return {
    request,
    response,
    order,
    orderBytes: encodeOrder(order),
    orderSignature: given?.orderSignature ?? payer.signDigest(order.orderHash),
    header,
    outputTokens: output,
    opening,
    openingBytes: encodeOpening(opening),
    record,
    recordBytes,
    recordSignature: provider.sign(recordBytes),
    beacon,
  };
}

function toTokenWindows(tokens: readonly number[], said: 'named' | 'counted'): WindowBytes[] {
  return Array.from({ length: Math.ceil(tokens.length / WINDOW_TOKENS) }, (_, w) => {
    const ids = tokens.slice(w * WINDOW_TOKENS, (w + 1) * WINDOW_TOKENS);
    const window = { count: ids.length, ids: said === 'named' ? ids : [] };
    return { draws: encodeTokenWindow(window), sketch: new Uint8Array() };
  });
}

/** Logits of the made-up model at one position, independent of the earlier ones. */
interface Position {
  /** -log-probability of every token, 2^-16 nat. */
  readonly logprobs: Uint32Array;
  readonly logSum: number;
  readonly hidden: Float32Array;
  /** By sampler, for a row without bias and penalties. */
  readonly lists: Map<string, Listed>;
}

interface Model {
  readonly random: () => number;
  readonly positions: Position[];
}

/** Logits by seed. Tests use the same seeds again and again, so they are computed once. */
const models = new Map<string, Model>();
const MAX_MODELS = 8;

/** @param random is set to the first position of this model. A new model keeps its state. */
function openModel(
  name: string,
  { random, sureness }: { readonly random: () => number; readonly sureness: number },
): (position: number) => Position {
  const { positions, random: own } = models.get(name) ?? { random, positions: [] };
  models.set(name, { random: own, positions });
  if (models.size > MAX_MODELS) models.delete(models.keys().next().value as string);
  return (position) => {
    while (positions.length <= position) {
      const { logprobs, logSum } = drawLogprobs(own, sureness);
      const hidden = Float32Array.from({ length: EMBEDDING }, () => own() * 2 - 1);
      positions.push({ logprobs, logSum, hidden, lists: new Map() });
    }
    return positions[position] as Position;
  };
}

/** Tokens that penalties cover: those of the reply, and those that the repetition penalty covers, if it is on. */
interface Penalized {
  readonly counts: ReadonlyMap<number, number>;
  readonly repeated: ReadonlyMap<number, number> | undefined;
}

/** A row, listed and drawn as an engine would. */
function drawRow(
  position: Position,
  { sampler, bias }: ReturnType<typeof parseRequest>,
  penalized: Penalized,
  u: number,
): DrawRow {
  const { repeated } = penalized;
  const isPlain =
    bias.length === 0 &&
    sampler.presencePenaltyQ16 === 0 &&
    sampler.frequencyPenaltyQ16 === 0 &&
    repeated === undefined;
  const name = JSON.stringify(sampler);
  const listed = (isPlain && position.lists.get(name)) || listRow(position, { sampler, bias }, penalized);
  if (isPlain) position.lists.set(name, listed);
  const ids = listed.ids.slice();
  const rank = drawRank(ids, listed.weights, u);
  const row = { ids, q: listed.q.slice(), tail: listed.tail, rank };
  const named = rank === TAIL_RANK ? { ...row, tailId: listed.nextId, tailQ: listed.nextQ } : row;
  if (repeated === undefined) return named;
  const tokens = rank === TAIL_RANK ? [...ids, listed.nextId] : ids;
  const marks = Uint8Array.from(tokens, (id) => (repeated.has(id) ? 1 : 0));
  return { ...named, repeated: { logSum: position.logSum, marks } };
}

type Listed = ReturnType<typeof listRow>;

function listRow(
  { logprobs, logSum }: Position,
  { sampler, bias }: Pick<ReturnType<typeof parseRequest>, 'sampler' | 'bias'>,
  { counts, repeated }: Penalized,
) {
  // Cost and id in one number sort without a comparator: by cost, then by id.
  const keys = new Float64Array(SYNTHETIC_VOCABULARY);
  for (let id = 0; id < keys.length; id++) keys[id] = logprobs[id]! * SYNTHETIC_VOCABULARY + id;
  const biasOf = new Map(bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  for (const id of new Set([...biasOf.keys(), ...counts.keys(), ...(repeated?.keys() ?? [])])) {
    const covering = repeated?.has(id) ? logSum : undefined;
    const cost = computeCost(logprobs[id]!, biasOf.get(id) ?? 0, counts.get(id) ?? 0, sampler, covering);
    keys[id] = cost * SYNTHETIC_VOCABULARY + id;
  }
  keys.sort();
  const costs = new Float64Array(SYNTHETIC_VOCABULARY);
  for (let rank = 0; rank < costs.length; rank++) costs[rank] = Math.floor(keys[rank]! / SYNTHETIC_VOCABULARY);
  const { count, tail, weights } = listCosts(costs, sampler);
  const idAt = (rank: number): number => keys[rank]! - costs[rank]! * SYNTHETIC_VOCABULARY;
  const ids = Uint32Array.from({ length: count }, (_, rank) => idAt(rank));
  const nextId = idAt(count);
  return { ids, q: ids.map((id) => logprobs[id]!), tail, weights, nextId, nextQ: logprobs[nextId]! };
}

/** Log-probabilities and log-sum of a position. */
function drawLogprobs(random: () => number, sureness: number): Pick<Position, 'logprobs' | 'logSum'> {
  const logits = new Float64Array(SYNTHETIC_VOCABULARY);
  let best = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = Math.log(random() + 1e-9) * sureness;
    logits[id] = logit;
    if (logit > best) best = logit;
  }
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id]! - best);
  const normalizer = best + Math.log(sum);
  const quantized = new Uint32Array(SYNTHETIC_VOCABULARY);
  for (let id = 0; id < logits.length; id++) quantized[id] = quantizeLogprob(logits[id]! - normalizer);
  return { logprobs: quantized, logSum: quantizeLogSum(normalizer + LOGIT_SHIFT) };
}

/** @param costs of the whole vocabulary, ascending. */
function listCosts(costs: Float64Array, sampler: SamplerSettings) {
  const temperature = Math.max(sampler.temperatureQ16, 1) / 65536;
  const masses = new Float64Array(costs.length);
  for (let i = 0; i < masses.length; i++) masses[i] = Math.exp((costs[0]! - costs[i]!) / 65536 / temperature);
  const massFrom = (from: number): number => {
    let sum = 0;
    for (let i = from; i < masses.length; i++) sum += masses[i]!;
    return sum;
  };
  const all = massFrom(0);
  const tailOf = (n: number): number =>
    sampler.temperatureQ16 === 0 ? 0 : Math.min(WEIGHT_ONE - 1, Math.floor((massFrom(n) / all) * WEIGHT_ONE));
  const weights = createWeights();
  return { ...layOutList(costs, MAX_LISTED, tailOf, sampler, weights), weights };
}
