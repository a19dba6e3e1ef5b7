import { findMatch } from '@ogong/gateway/buy/match/find-match';
import type { Match } from '@ogong/gateway/buy/match/provider-match';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { drawArrivals } from '@ogong/protocol/audit/secret-draw';
import { compareBytes, concatBytes, equalBytes, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { computeMatchSeed, encodeCandidates, hashCandidates, replayMatch } from '@ogong/protocol/exchange/match';
import { NO_FIGURES } from '@ogong/protocol/exchange/preference';
import { NO_DEMANDS } from '@ogong/protocol/modality/demands';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { composeCanary, joinTexts } from '@ogong/validator/canary/compose-canary';
import { defineAttack } from '../define-attack.ts';

interface PickedNetwork {
  readonly seed: number;
  /** Epochs that the provider watches. */
  readonly epochs: number;
  /** `careless`: bought as a probe would, with one fixed text, of a list that has nobody else. */
  readonly canaries: 'as built' | 'careless';
}

const MODEL = 'ogong/verified/test/picked';
const PROVIDERS = 6;
const TRAFFIC_PER_EPOCH = 12;
const CANARIES_PER_EPOCH_PPM = 1_000_000;
const EPOCH_MS = 60_000;
const TEXTS = joinTexts([
  'The quick brown fox jumps over the lazy dog, and nobody in the village saw where it went that night.',
]);
/** So many deviations from an even chance; with a score of features, chance alone reaches it in one of ten thousand runs. */
const DEVIATIONS = 4.5;

/** All that a provider sees of one order, as numbers. */
type Seen = Readonly<Record<string, number>>;

/**
 * A provider answers only what is no test, so that its machine may do something else. It compares sizes, limits, prices, nonces, ids,
 * lists and times of what it gets.
 */
export const canaryPicker = defineAttack({
  name: 'canary-picker',
  adversary: 'provider that answers only tests',
  aim: 'recognise the requests that test whether it answers, and serve nobody else',
  stoppedBy: 'A test is bought at a gateway like any request, with a nonce for which the router draws that provider',
  restarts: { none: 'it only looks at what it is sent' },
  async play({ seed, epochs, canaries }: PickedNetwork) {
    const random = createSeededRandom(seed);
    const target = idOf(2);
    const seen: {
      readonly atMs: number;
      readonly isCanary: boolean;
      readonly body: Uint8Array;
      readonly match: SeenMatch;
    }[] = [];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const fromMs = epoch * EPOCH_MS;
      for (const atPpm of drawMoments(`traffic ${seed} ${epoch}`, TRAFFIC_PER_EPOCH * 1_000_000)) {
        const body = writeTraffic(random);
        const match = await buy(random, body, undefined);
        if (equalBytes(match.providerId, target)) seen.push({ atMs: fromMs + atPpm, isCanary: false, body, match });
      }
      for (const atPpm of drawMoments(`canaries ${seed} ${epoch}`, CANARIES_PER_EPOCH_PPM)) {
        const shape = { endpoint: 'chat', body: writeTraffic(random) } as const;
        const made = composeCanary(shape, { model: MODEL, texts: TEXTS, random });
        if (made === undefined) throw new Error('traffic of that shape cannot be asked alike');
        const body = canaries === 'as built' ? made.body : CARELESS;
        const match = await buy(random, body, target, canaries === 'careless');
        seen.push({ atMs: fromMs + atPpm, isCanary: true, body, match });
      }
    }
    seen.sort((a, b) => a.atMs - b.atMs);
    const rows = seen.map(({ atMs, body, match, isCanary }, i) => ({
      isCanary,
      row: describe(body, match, { atMs, gapMs: atMs - (seen[i - 1]?.atMs ?? 0) }),
    }));
    const [own, other] = [true, false].map((is) =>
      rows.filter(({ isCanary }) => isCanary === is).map(({ row }) => row),
    );
    if (own === undefined || other === undefined || own.length === 0 || other.length === 0) throw new Error('too few');
    const names = Object.keys(own[0] as Seen);
    const isTold = (name: string): boolean =>
      isTell(
        own.map((row) => row[name] as number),
        other.map((row) => row[name] as number),
      );
    return { traffic: other.length, canaries: own.length, tells: names.filter(isTold) };
  },
  async stage({ play }) {
    const { traffic, canaries, tells } = await play({ seed: 1, epochs: 40, canaries: 'as built' });
    return {
      tried: `compared ${canaries} tests with ${traffic} other requests by sizes, limits, nonces, lists and times`,
      answered: [tells.length === 0 ? 'nothing tells them apart' : `they differ in ${tells.join(', ')}`],
      worked: tells.length > 0,
    };
  },
});

const CARELESS = utf8Encode(
  JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'ping' }], max_tokens: 1 }),
);

const idOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);

/** A seeded Poisson process over one epoch, in parts of it that are taken as milliseconds. */
function drawMoments(name: string, meanPpm: number): number[] {
  const moments: number[] = [];
  // A draw has a mean of four at most; independent ones add up.
  for (let left = meanPpm, part = 0; left > 0; left -= 1_000_000, part++) {
    const output = concatBytes(crypto.sha256(utf8Encode(`${name} ${part}`)), new Uint8Array(32));
    const drawn = drawArrivals(crypto, output, { subject: new Uint8Array(64), meanPpm: Math.min(left, 1_000_000) });
    moments.push(...drawn.map((ppm) => (ppm * EPOCH_MS) / 1_000_000));
  }
  return moments;
}

/** Consumers ask for short and long things, with and without settings. */
function writeTraffic(random: () => number): Uint8Array {
  const turns = 1 + 2 * Math.floor(random() * 3);
  const messages = Array.from({ length: turns }, (_, i) => {
    const content = `${'Why does the sea have tides? '.repeat(1 + Math.floor(random() * random() * 40))}\n"${i}"`;
    return { role: i % 2 === 0 ? 'user' : 'assistant', content };
  });
  return utf8Encode(
    JSON.stringify({
      model: MODEL,
      messages,
      max_tokens: 2 ** Math.floor(4 + random() * 6),
      ...(random() < 0.5 ? { stream: true } : {}),
      ...(random() < 0.3 ? { temperature: Math.round(random() * 20) / 10 } : {}),
    }),
  );
}

interface SeenMatch {
  readonly providerId: Uint8Array;
  readonly nonce: Uint8Array;
  readonly replyId: Uint8Array;
  readonly candidatesHash: Uint8Array;
}

const REPUTATIONS = [900_000, 500_000, 900_000, 450_000, 990_000, 500_000];
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(7) };

const listProviders = (present: (n: number) => boolean): Uint8Array =>
  encodeCandidates({
    modelId: MODEL,
    asked: { sort: 'none', maxPricePer1kAtomic: 100n, contextSize: 600, minHeldTokens: 0n },
    candidates: Array.from({ length: PROVIDERS }, (_, n) => n)
      .filter(present)
      .map((n) => ({
        ...{ providerId: idOf(n), pricePer1kAtomic: 100n, reputationPpm: REPUTATIONS[n] as number },
        ...{ stakeTokens: n === 2 ? 1n : 0n, heldTokens: 0n, figures: NO_FIGURES },
        ...{ payee: new Uint8Array(20).fill(n), contextSize: 4_096 },
      }))
      .sort((a, b) => compareBytes(a.providerId, b.providerId)),
  });
/** The hash of a list with this provider alone: it can compute that without help. */
const ALONE = hashCandidates(
  crypto,
  listProviders((n) => n === 2),
);

/** The gateway's own steps, with a router at which others come and go. */
async function buy(
  random: () => number,
  _body: Uint8Array,
  provider: Uint8Array | undefined,
  isAlone = false,
): Promise<SeenMatch> {
  const busy = Math.floor(random() * 2 * PROVIDERS);
  const candidates = listProviders(isAlone ? (n) => n === 2 : (n) => n === 2 || n !== busy);
  const context = {
    clock: { nowMs: () => 0 },
    ...{ chain: { ledger }, links: { to: () => ({ report: async () => ({}) }) } },
    randomBytes: (length: number) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
    matches: {
      async match({ replyId }: { readonly replyId: Uint8Array }) {
        const drawn = replayMatch(crypto, candidates, computeMatchSeed(crypto, replyId));
        return { ticket: { providerId: drawn?.providerId }, candidates } as unknown as Match;
      },
    },
  } as unknown as Parameters<typeof findMatch>[0];
  const wanted = { model: MODEL, demands: NO_DEMANDS, contextSize: 600, exclude: [] };
  const named = { payer: new Uint8Array(20).fill(1), validator: new Uint8Array(20).fill(2) };
  const signal = new AbortController().signal;
  const { nonce, replyId, match } = await findMatch(context, { provider, signal }, { ...wanted, named });
  return { providerId: match.ticket.providerId, nonce, replyId, candidatesHash: hashCandidates(crypto, candidates) };
}

function describe(body: Uint8Array, match: SeenMatch, { atMs, gapMs }: { atMs: number; gapMs: number }): Seen {
  const request = parseRequest(body, 'chat');
  const json = JSON.parse(utf8Decode(body)) as { messages: readonly { content: string }[]; stream?: boolean };
  const sumBytes = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + byte, 0);
  return {
    ...{ atMs: atMs % EPOCH_MS, gapMs, bodyBytes: body.length, promptBound: request.promptTokenBound },
    ...{ maxTokens: request.maxTokens, messages: json.messages.length, streams: json.stream ? 1 : 0 },
    firstMessage: json.messages[0]?.content.length ?? 0,
    fields: Object.keys(json).length,
    nonceFirst: match.nonce[0] as number,
    nonceSum: sumBytes(match.nonce),
    replyFirst: match.replyId[0] as number,
    replySum: sumBytes(match.replyId),
    listFirst: match.candidatesHash[0] as number,
    isAlone: equalBytes(match.candidatesHash, ALONE) ? 1 : 0,
  };
}

/** By the share of pairs that a threshold orders rightly, ties as halves. */
function isTell(own: readonly number[], other: readonly number[]): boolean {
  const pairs = own.reduce((sum, a) => sum + other.reduce((part, b) => part + (a > b ? 1 : a === b ? 0.5 : 0), 0), 0);
  const deviation = Math.sqrt((own.length + other.length + 1) / (12 * own.length * other.length));
  return Math.abs(pairs / (own.length * other.length) - 0.5) > DEVIATIONS * deviation;
}
