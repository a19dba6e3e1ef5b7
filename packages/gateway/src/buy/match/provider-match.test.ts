import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { equalBytes } from '@ogong/protocol/base/bytes';
import {
  type CandidateList,
  computeMatchSeed,
  encodeCandidates,
  hashCandidates,
  replayMatch,
} from '@ogong/protocol/exchange/match';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';
import { signTicket, type Ticket } from '@ogong/protocol/exchange/ticket';
import { NO_DEMANDS } from '@ogong/protocol/modality/demands';
import { NO_PREFERENCE, type RequestPreference } from '@ogong/protocol/modality/shared/preference-fields';
import { describe, expect, it } from 'vitest';
import { createProviderMatch } from './provider-match.ts';
import { createRouters } from './routers.ts';

const MODEL = 'ogong/verified/test/fake';
const NOW_MS = 1_700_000_000_000;
const signer = createNodeHybridSigner(new Uint8Array(64).fill(0x77));
const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const replyId = bytes(16, 1);

interface Lie {
  readonly list?: (list: CandidateList) => CandidateList;
  readonly ticket?: (ticket: Ticket) => Ticket;
  readonly held?: Held;
  /** Of the gateway. */
  readonly own?: bigint;
  /** Of the network. */
  readonly tierStakes?: ReadonlyMap<string, bigint>;
}

/** Asks a router that lies so, for a request of at most 600 tokens. */
const matchWith = async (...lie: Parameters<typeof openMatches>): Promise<Ticket> => openMatches(...lie).match();

/** By the chain, at a time. Default: as the list has it. */
type Held = (timeMs: number) => bigint;

function openMatches(
  { list = (same) => same, ticket = (same) => same, held = () => 7n, own = 0n, tierStakes = new Map() }: Lie,
  demands = NO_DEMANDS,
  preference: RequestPreference = NO_PREFERENCE,
) {
  const said = preference.minHeldTokens ?? own;
  const floor = tierStakes.get('verified') ?? 0n;
  const askedFor = said > floor ? said : floor;
  const honest: CandidateList = {
    modelId: MODEL,
    asked: {
      sort: preference.sort ?? 'none',
      maxPricePer1kAtomic: preference.maxPricePer1kAtomic ?? 10n,
      // The size that 600 is rounded up to.
      contextSize: 768,
      minHeldTokens: askedFor,
    },
    candidates: [1, 2, 3].map((n) => {
      return {
        providerId: bytes(32, n),
        pricePer1kAtomic: 5n,
        payee: bytes(20, n),
        contextSize: 700 + n * 100,
        ...{
          stakeTokens: 0n,
          heldTokens: 7n,
          reputationPpm: 500_000,
          figures: { latencyMs: 90 * n, milliTokensPerSecond: 0 },
        },
      };
    }),
  };
  const candidates = encodeCandidates(list(honest));
  const drawn = replayMatch(crypto, candidates, computeMatchSeed(crypto, replyId))!;
  const signed = signTicket(
    signer,
    ticket({
      ...{ router: bytes(20, 9), modelId: MODEL, providerEndpoint: '127.0.0.1:1', providerCertHash: bytes(32, 8) },
      ...{ providerId: drawn.providerId, payee: drawn.payee, contextSize: drawn.contextSize },
      ...{ modelRoot: bytes(32, 7), pricePer1kAtomic: drawn.pricePer1kAtomic, replyId },
      ...{ candidatesHash: hashCandidates(crypto, candidates), issuedAtMs: NOW_MS, expiresAtMs: NOW_MS + 1000 },
    }),
  );
  const links = { to: () => ({ route: async () => ({ ticket: signed, candidates }) }) } as unknown as LinkPool;
  const matches = createProviderMatch(
    {
      maxPricePer1kAtomic: 10n,
      busyPatienceMs: 0,
      minHeldTokens: own,
      tierStakes,
      onMisrouted: (_match, why) => misrouted.push(why),
    },
    {
      earnings: { heldFor: async (_account, timeMs) => held(timeMs) * ATOMIC_PER_TOKEN + 1n },
      routers: createRouters({ routers: [{} as Peer] }, { links }),
      clock: { nowMs: () => NOW_MS },
      uptime: { nowMs: () => uptimeMs },
    },
  );
  const misrouted: string[] = [];
  let uptimeMs = 0;
  const query = { model: MODEL, replyId, contextSize: 600, demands, preference };
  const signal = AbortSignal.timeout(10_000);
  return {
    match: async (exclude: readonly Uint8Array[] = []) => (await matches.match({ ...query, exclude, signal })).ticket,
    leastPrice: (contextSize = 600) => matches.leastTerms({ model: MODEL, contextSize }).pricePer1kAtomic,
    misrouted,
    wait(ms: number) {
      uptimeMs += ms;
    },
  };
}

describe("a router's answer", () => {
  it('is taken where ticket and list agree, and all who are listed have room', async () => {
    const ticket = await matchWith({});
    expect([1, 2, 3].some((n) => equalBytes(ticket.payee, bytes(20, n)))).toBe(true);
  });

  it('is refused with other weights than the request demands', async () => {
    const demand = (n: number) => ({ ...NO_DEMANDS, modelRoot: bytes(32, n) });
    await expect(matchWith({}, demand(8))).rejects.toThrow('it matched other weights than were demanded');
    expect((await matchWith({}, demand(7))).modelRoot).toEqual(bytes(32, 7));
  });

  it('is taken where nobody has room for all, and all have as much', async () => {
    const list = (same: CandidateList): CandidateList => ({
      ...same,
      candidates: same.candidates.map((each) => ({ ...each, contextSize: 64 })),
    });
    expect((await matchWith({ list })).contextSize).toBe(64);
  });

  it.each<[string, Lie, string]>([
    [
      'another payee than the list has',
      { ticket: (t) => ({ ...t, payee: bytes(20, 99) }) },
      'its draw does not replay',
    ],
    ['less context than the list has', { ticket: (t) => ({ ...t, contextSize: 1 }) }, 'its draw does not replay'],
    [
      'a higher price than the list has',
      { ticket: (t) => ({ ...t, pricePer1kAtomic: 6n }) },
      'its draw does not replay',
    ],
    ['another provider than was drawn', { ticket: (t) => ({ ...t, providerId: bytes(32, 99) }) }, 'does not replay'],
    [
      'one with too little room beside others that have it',
      {
        list: (same) => ({
          ...same,
          candidates: same.candidates.map((each, i) => (i === 1 ? { ...each, contextSize: 1 } : each)),
        }),
      },
      'with less room than others',
    ],
  ])('is refused with %s', async (_what, lie, message) => {
    await expect(matchWith(lie)).rejects.toThrow(message);
  });
});

describe('preferences of a request', () => {
  const prefer = (change: Partial<RequestPreference>, lie: Lie = {}) =>
    matchWith(lie, NO_DEMANDS, { ...NO_PREFERENCE, ...change });
  const asked = (change: Partial<CandidateList['asked']>): Lie => ({
    list: (same) => ({ ...same, asked: { ...same.asked, ...change } }),
  });

  it('stands in the list that is taken', async () => {
    await expect(prefer({ sort: 'latency', maxPricePer1kAtomic: 7n })).resolves.toBeDefined();
    await expect(prefer({ only: [1, 2, 3].map((n) => bytes(32, n)), ignore: [bytes(32, 4)] })).resolves.toBeDefined();
  });

  it.each<[string, Partial<RequestPreference>, Lie, string]>([
    [
      'is by another figure',
      { sort: 'latency' },
      asked({ sort: 'price' }),
      'its draw is by price, and latency was asked',
    ],
    ['is by none', { sort: 'latency' }, asked({ sort: 'none' }), 'its draw is by none'],
    ['is for a higher price', { maxPricePer1kAtomic: 7n }, asked({ maxPricePer1kAtomic: 8n }), 'for another price'],
    ['is for less context', {}, asked({ contextSize: 512 }), 'for another context'],
    ['is for less at stake', { minHeldTokens: 7n }, asked({ minHeldTokens: 6n }), 'for another stake'],
    ['has somebody whom it rules out', { ignore: [bytes(32, 2)] }, {}, 'it lists an excluded provider'],
    [
      'has somebody whom it does not name',
      { only: [bytes(32, 1), bytes(32, 2)] },
      {},
      'that the request does not name',
    ],
  ])('makes a list void that %s', async (_what, preference, lie, message) => {
    await expect(prefer(preference, lie)).rejects.toThrow(message);
  });
});

describe('the lowest price that is known', () => {
  const cheaper: Lie = {
    list: (same) => ({
      ...same,
      candidates: same.candidates.map((each, i) => ({ ...each, pricePer1kAtomic: BigInt(5 - i) })),
    }),
  };

  it('is that of the last list, for ten seconds, and for no smaller request', async () => {
    const { match, leastPrice, wait } = openMatches(cheaper);
    expect(leastPrice()).toBe(0n);
    await match();
    expect([leastPrice(), leastPrice(601), leastPrice(599)]).toEqual([3n, 3n, 0n]);
    wait(9_999);
    expect(leastPrice()).toBe(3n);
    wait(1);
    expect(leastPrice()).toBe(0n);
  });

  it.each<[string, Partial<RequestPreference>, Partial<typeof NO_DEMANDS>, Uint8Array[]]>([
    ['names its providers', { only: [1, 2, 3].map((n) => bytes(32, n)) }, {}, []],
    ['rules one out', { ignore: [bytes(32, 4)] }, {}, []],
    ['demands equality', {}, { exact: true }, []],
    ['demands weights', {}, { modelRoot: bytes(32, 7) }, []],
    ['was tried before', {}, {}, [bytes(32, 4)]],
  ])('is none by a request that %s', async (_what, preference, demands, tried) => {
    const { match, leastPrice } = openMatches(
      cheaper,
      { ...NO_DEMANDS, ...demands },
      { ...NO_PREFERENCE, ...preference },
    );
    await match(tried);
    expect(leastPrice()).toBe(0n);
  });
});

describe('the stake of a provider', () => {
  const atLeast = (minHeldTokens: bigint) => ({ ...NO_PREFERENCE, minHeldTokens });

  it('is read from the chain, and a router that signs more is refused and kept as evidence', async () => {
    await expect(openMatches({}, NO_DEMANDS, atLeast(7n)).match()).resolves.toBeDefined();
    const lying = openMatches({ held: () => 6n }, NO_DEMANDS, atLeast(7n));
    await expect(lying.match()).rejects.toThrow(
      'has 6 whole tokens to lose by the chain, 7 by the list, and 7 were asked',
    );
    expect(lying.misrouted).toHaveLength(1);
    await expect(openMatches({ held: () => 0n, own: 3n }).match()).rejects.toThrow('0 whole tokens to lose');
  });

  it('is asked for by the tier itself, whatever a request says, and of no other tier', async () => {
    const tierStakes = new Map([['verified', 7n]]);
    const held = () => 6n;
    for (const asked of [NO_PREFERENCE, atLeast(0n), atLeast(5n)]) {
      const asking = openMatches({ tierStakes, held }, NO_DEMANDS, asked);
      await expect(asking.match()).rejects.toThrow('and 7 were asked for');
    }
    await expect(openMatches({ tierStakes }).match()).resolves.toBeDefined();
    const other = new Map([['vanilla', 7n]]);
    await expect(openMatches({ tierStakes: other, held }).match()).resolves.toBeDefined();
  });

  it('is not enough where it has gone since the router read it, which is no lie', async () => {
    const late = openMatches({ held: (timeMs) => (timeMs > NOW_MS - 1_800_000 ? 6n : 7n) }, NO_DEMANDS, atLeast(7n));
    await expect(late.match()).rejects.toThrow('to lose by the chain');
    expect(late.misrouted).toEqual([]);
  });

  it('is asked for in vain while the chain cannot be read, and not read where nobody asks', async () => {
    const held = () => {
      throw new Error('down');
    };
    await expect(openMatches({ held }, NO_DEMANDS, atLeast(7n)).match()).rejects.toMatchObject({ code: 'no_provider' });
    await expect(openMatches({ held, own: 7n }, NO_DEMANDS, atLeast(0n)).match()).resolves.toBeDefined();
  });

  it('makes a list say nothing of what others pay, also where only the gateway asks for it', async () => {
    const asked = openMatches({ own: 7n });
    await asked.match();
    expect(asked.leastPrice()).toBe(0n);
    const free = openMatches({ own: 7n }, NO_DEMANDS, atLeast(0n));
    await free.match();
    expect(free.leastPrice()).toBe(5n);
  });
});

it('answers a request that is too large for every provider at once, and asks no client to retry', async () => {
  const refuse = () => {
    throw new LinkError('remote', 'ask for less', { refusal: 'oversized' });
  };
  const links = { to: () => ({ route: async () => refuse(), listModels: async () => ({ models: [] }) }) };
  const matches = createProviderMatch(
    { maxPricePer1kAtomic: 10n, busyPatienceMs: 1_000 },
    {
      earnings: { heldFor: async () => 0n },
      routers: createRouters({ routers: [{} as Peer] }, { links: links as unknown as LinkPool }),
      clock: { nowMs: () => NOW_MS },
    },
  );
  const signal = AbortSignal.timeout(10_000);
  const query = { model: MODEL, replyId, contextSize: 600, demands: NO_DEMANDS, exclude: [], signal };
  await expect(matches.match(query)).rejects.toMatchObject({
    ...{ code: 'request_too_large', status: 400, retryable: false, param: 'max_tokens' },
    message: expect.stringContaining('ask for less'),
  });
});

describe('a request that finds every provider busy', () => {
  const asked = { model: MODEL, replyId, contextSize: 600, demands: NO_DEMANDS };
  const kept = { providerId: bytes(32, 1), pricePer1kAtomic: 5n, modelRoot: bytes(32, 7) } as Ticket;

  /** @returns the places that were freed for it, and the number of calls to its router. */
  async function wait({ exclude = [], isOther = false, ...preference }: Partial<RequestPreference> & Bend) {
    const found: boolean[] = [];
    let routed = 0;
    const refusal = () => {
      routed++;
      throw new LinkError('remote', 'all are busy', { refusal: 'unavailable' });
    };
    const supply = { models: isOther ? [] : [{ model: MODEL, providers: 3 }] };
    const links = { to: () => ({ route: async () => refusal(), listModels: async () => supply }) };
    let nowMs = 0;
    const freePlace = async (_model: string, isFor: (ticket: Ticket) => boolean) => {
      found.push(isFor(kept));
      nowMs += 400;
      return true;
    };
    const matches = createProviderMatch(
      { maxPricePer1kAtomic: 10n, busyPatienceMs: 1_000, freePlace },
      {
        earnings: { heldFor: async () => 0n },
        routers: createRouters({ routers: [{} as Peer] }, { links: links as unknown as LinkPool }),
        clock: { nowMs: () => NOW_MS },
        uptime: { nowMs: () => nowMs },
        random: () => 0,
      },
    );
    const signal = AbortSignal.timeout(10_000);
    const query = { ...asked, preference: { ...NO_PREFERENCE, ...preference }, exclude, signal };
    await expect(matches.match(query)).rejects.toMatchObject({ code: 'no_provider' });
    return { found, routed };
  }

  interface Bend {
    readonly exclude?: readonly Uint8Array[];
    readonly isOther?: boolean;
  }

  it('has a place of its kind freed each time, within its patience', async () => {
    expect(await wait({})).toEqual({ found: [true, true, true], routed: 4 });
  });

  it('has none freed that it could not use, nor where none of its providers is busy', async () => {
    const none = { found: [false, false, false], routed: 4 };
    expect(await wait({ exclude: [bytes(32, 1)] })).toEqual(none);
    expect(await wait({ only: [bytes(32, 2)] })).toEqual(none);
    expect(await wait({ maxPricePer1kAtomic: 4n })).toEqual(none);
    expect(await wait({ isOther: true })).toEqual({ found: [], routed: 1 });
  });
});
