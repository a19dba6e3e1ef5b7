import { compareBytes, createWriter, equalBytes, ProtocolError } from '../base/bytes.ts';
import { encodeDomain } from '../base/canonical.ts';
import {
  address,
  type Codec,
  type CodecType,
  createFormat,
  hash,
  list,
  refine,
  struct,
  text,
  u16,
  u32,
  u64,
  u128,
  within,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { drawInteger } from '../crypto/draw-integer.ts';
import { isTier } from '../tier/registry.ts';
import { computeMaxFee } from './fee.ts';
import { MAX_MODEL_ID_BYTES } from './limits.ts';
import {
  askedCodec,
  candidateReputation,
  figuresCodec,
  type MeasuredFigures,
  NO_FIGURES,
  type Sort,
  weighCandidates,
} from './preference.ts';
import { ATOMIC_PER_TOKEN } from './stake-weights.ts';

export interface ModelId {
  readonly tier: string;
  readonly maker: string;
  readonly model: string;
}

// Lower case only, so that no two ids differ by case or by look-alikes alone.
const MODEL_ID = /^ogong\/([a-z]+(?:-[a-z]+)?)\/([a-z0-9][a-z0-9._-]{0,63})\/([a-z0-9][a-z0-9._+-]{0,63})$/;

/** Parses `ogong/<tier>/<maker>/<model>`. @throws ProtocolError `malformed` on anything else, or an unknown tier. */
export function parseModelId(text: string): ModelId {
  const [, tier, maker, model] = (text.length <= MAX_MODEL_ID_BYTES && MODEL_ID.exec(text)) || [];
  if (tier === undefined || maker === undefined || model === undefined || !isTier(tier)) {
    throw new ProtocolError('malformed', `not a model id (ogong/<tier>/<maker>/<model>): ${text.slice(0, 64)}`);
  }
  return { tier, maker, model };
}

/** A model id as text. */
export const modelId: Codec<string> = refine(text(MAX_MODEL_ID_BYTES), parseModelId);
/** Tokens of prompt and reply together. */
export const contextSize: Codec<number> = within(u32, 1, 0xffffffff);

/** One provider's offer of one model, as a router stores it. */
export interface Offer {
  readonly providerId: Uint8Array;
  /** Tier included: an offer in one tier never answers for another. */
  readonly modelId: string;
  readonly pricePer1kAtomic: bigint;
  /** Tokens of prompt and reply. */
  readonly contextSize: number;
  readonly freeCapacity: number;
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** The payee's whole stake, however many offers it has. */
  readonly stakeAtomic: bigint;
  /** Held earnings of the key, its bond included. An ejection takes them. Default: 0. */
  readonly heldAtomic?: bigint;
  /** From computeReputationPpm; 0 where ejected. */
  readonly reputationPpm: number;
  /** Figures that callers measured. Default: none. */
  readonly figures?: MeasuredFigures;
  /** Providers of a cohort, the announcing one included. Default: that one alone. */
  readonly members?: readonly Uint8Array[];
  /** The largest maximum fee of an order at this key; undefined without a bound. */
  readonly boundAtomic?: bigint | undefined;
  readonly expiresAtMs: number;
}

export interface MatchRequest {
  readonly modelId: string;
  readonly maxPricePer1kAtomic: bigint;
  /** The most tokens of prompt and reply. */
  readonly contextSize: number;
  /** The least held earnings of the key, in whole tokens. Default: 0. */
  readonly minHeldTokens?: bigint;
  /** Default: none. */
  readonly sort?: Sort;
  /** Providers that were tried for this reply, or that the caller excludes. */
  readonly exclude: readonly Uint8Array[];
  /** The only providers that may be drawn; empty: all. Default: empty. */
  readonly only?: readonly Uint8Array[];
  readonly nowMs: number;
}

const candidateCodec = struct({
  providerId: hash,
  pricePer1kAtomic: u128,
  /** The announced payee, also named in ticket and order. */
  payee: address,
  contextSize,
  /** The payee's whole stake, rounded down to whole tokens. */
  stakeTokens: u64,
  /** Held earnings of the key, its bond included, rounded down to whole tokens. */
  heldTokens: u64,
  reputationPpm: candidateReputation,
  figures: figuresCodec,
});

/** A candidate of the draw. Its weight follows from these figures and is not stored. */
export interface Candidate extends CodecType<typeof candidateCodec> {}

export const MAX_CANDIDATES = 4096;

const candidateListCodec = struct({
  modelId,
  asked: askedCodec,
  candidates: list<Candidate>(candidateCodec, {
    count: u16,
    max: MAX_CANDIDATES,
    ascending: (a, b) => compareBytes(a.providerId, b.providerId),
  }),
});

export interface CandidateList extends CodecType<typeof candidateListCodec> {}

const candidateListFormat = createFormat(candidateListCodec, { tag: 'ogong-candidates-v1' });

export const encodeCandidates: (list: CandidateList) => Uint8Array = candidateListFormat.encode;
export const parseCandidates: (bytes: Uint8Array) => CandidateList = candidateListFormat.decode;

const DRAW_DOMAIN = encodeDomain('ogong-match-v1');

/**
 * Selects the offers that may serve a request: the list for the draw. If one provider offers the model more than once, its
 * cheapest offer stays. Offers with room for the requested context come before those without. Otherwise a provider that
 * announces little room would be drawn as often, and could end a reply early. A payee's stake is shared among its offers in the
 * list (weighList).
 */
export function selectCandidates(offers: readonly Offer[], request: MatchRequest): CandidateList {
  const { modelId, maxPricePer1kAtomic, contextSize, exclude, nowMs, sort = 'none', only = [] } = request;
  const { minHeldTokens = 0n } = request;
  parseModelId(modelId);
  const able = offers
    .filter((offer) => offer.modelId === modelId && offer.pricePer1kAtomic <= maxPricePer1kAtomic)
    .filter((offer) => offer.freeCapacity > 0 && offer.expiresAtMs > nowMs)
    .filter((offer) => !isExcluded(offer, exclude) && isAmong(offer, only))
    // No preference revives a provider that is ejected.
    .filter(({ reputationPpm }) => reputationPpm > 0)
    .filter((offer) => isWithinBound(offer, contextSize))
    .filter((offer) => countHeld(offer) >= minHeldTokens)
    .sort((a, b) => compareBytes(a.providerId, b.providerId) || (a.pricePer1kAtomic < b.pricePer1kAtomic ? -1 : 1))
    .filter(
      ({ providerId }, index, sorted) => !sorted[index - 1] || !equalBytes(sorted[index - 1]!.providerId, providerId),
    );
  // If no offer has enough room, those with the most room remain.
  const room = able.reduce((most, offer) => Math.max(most, Math.min(offer.contextSize, contextSize)), 0);
  const listed = able.filter((offer) => offer.contextSize >= room);
  const candidates = listed.map((offer) => ({
    providerId: offer.providerId,
    pricePer1kAtomic: offer.pricePer1kAtomic,
    payee: offer.payee,
    contextSize: offer.contextSize,
    stakeTokens: offer.stakeAtomic / ATOMIC_PER_TOKEN,
    heldTokens: countHeld(offer),
    reputationPpm: offer.reputationPpm,
    figures: offer.figures ?? NO_FIGURES,
  }));
  return { modelId, asked: { sort, maxPricePer1kAtomic, contextSize, minHeldTokens }, candidates };
}

/** Computes the weight of each candidate, in the order of the list. */
export function weighList({ asked, candidates }: Pick<CandidateList, 'asked' | 'candidates'>): bigint[] {
  return weighCandidates(
    candidates.map(({ figures, ...rest }) => ({ ...rest, ...figures })),
    asked.sort,
  );
}

const servesWith = ({ providerId, members = [providerId] }: Pick<Offer, 'providerId' | 'members'>) => members;
const has = (ids: readonly Uint8Array[], wanted: Uint8Array): boolean => ids.some((id) => equalBytes(id, wanted));

/** Returns whether a provider of the offer is excluded. */
export const isExcluded = (offer: Pick<Offer, 'providerId' | 'members'>, exclude: readonly Uint8Array[]): boolean =>
  servesWith(offer).some((id) => has(exclude, id));

/** Returns whether all providers of the offer are among these. @param only empty: any provider. */
export const isAmong = (offer: Pick<Offer, 'providerId' | 'members'>, only: readonly Uint8Array[]): boolean =>
  only.length === 0 || servesWith(offer).every((id) => has(only, id));

/** Returns the whole tokens that an ejection of the key takes. */
export const countHeld = ({ heldAtomic = 0n }: Pick<Offer, 'heldAtomic'>): bigint => heldAtomic / ATOMIC_PER_TOKEN;

/** Returns whether the largest reply to the request may be paid to the key at once. No reply exceeds the offer's context. */
export function isWithinBound(
  {
    boundAtomic,
    pricePer1kAtomic,
    contextSize: offered,
  }: Pick<Offer, 'boundAtomic' | 'pricePer1kAtomic' | 'contextSize'>,
  contextSize: number,
): boolean {
  const tokens = { promptTokens: Math.min(offered, contextSize), outputTokens: 0 };
  return boundAtomic === undefined || computeMaxFee(tokens, pricePer1kAtomic) <= boundAtomic;
}

/** Computes the name of the list in the ticket: SHA-256 of its exact bytes. */
export function hashCandidates(crypto: Crypto, bytes: Uint8Array): Uint8Array {
  return crypto.sha256(bytes);
}

/** Computes the seed of a draw from the reply's id, which neither router nor provider can choose. */
export const computeMatchSeed = (crypto: Crypto, replyId: Uint8Array): Uint8Array => crypto.sha256(replyId);

const LEAST_ASKED_CONTEXT = 512;

/**
 * Rounds the context of a request up to its two leading bits, at least 512. So one ticket fits many requests, and a router
 * learns little about their length.
 */
export function roundContext(contextSize: number): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(contextSize)) - 1);
  return Math.min(0xffffffff, Math.max(LEAST_ASKED_CONTEXT, Math.ceil(contextSize / step) * step));
}

/**
 * Replays a match: one candidate, drawn in proportion to weight from a seed that the reply's id fixes. Anyone with the list's
 * bytes and the seed gets the same candidate. Disputes about a match use this.
 * @param seed 32 bytes.
 * @returns undefined if the list is empty.
 * @throws ProtocolError if the bytes are no canonical list.
 */
export function replayMatch(crypto: Crypto, candidatesBytes: Uint8Array, seed: Uint8Array): Candidate | undefined {
  return openMatch(crypto, candidatesBytes)(seed);
}

/** Opens a list for many seeds, so that it is parsed once. @throws ProtocolError if the bytes are no canonical list. */
export function openMatch(crypto: Crypto, candidatesBytes: Uint8Array): (seed: Uint8Array) => Candidate | undefined {
  const list = parseCandidates(candidatesBytes);
  const weights = weighList(list);
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  const listHash = hashCandidates(crypto, candidatesBytes);
  return (seed) => {
    if (total === 0n) return undefined;
    const writer = createWriter().bytes(DRAW_DOMAIN).bytes(seed, 32).bytes(listHash, 32);
    let rest = drawInteger(crypto, crypto.sha256(writer.finish()), total);
    for (const [i, candidate] of list.candidates.entries()) {
      const weight = weights[i] as bigint;
      if (rest < weight) return candidate;
      rest -= weight;
    }
    throw new Error('draw beyond the total weight');
  };
}
