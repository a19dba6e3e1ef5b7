import { createProviderMatch, type Match } from '@ogong/gateway/buy/match/provider-match';
import { createRouters } from '@ogong/gateway/buy/match/routers';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { equalBytes } from '@ogong/protocol/base/bytes';
import {
  type Candidate,
  type CandidateList,
  computeMatchSeed,
  encodeCandidates,
  hashCandidates,
  replayMatch,
  selectCandidates,
} from '@ogong/protocol/exchange/match';
import { findMisrouting, isNamedList } from '@ogong/protocol/exchange/misrouting';
import type { Sort } from '@ogong/protocol/exchange/preference';
import { signTicket, verifyTicket } from '@ogong/protocol/exchange/ticket';
import type { RouteRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { NO_DEMANDS } from '@ogong/protocol/modality/demands';
import { NO_PREFERENCE } from '@ogong/protocol/modality/shared/preference-fields';
import { defineAttack } from '../define-attack.ts';

/**
 * `friend`: names its friend instead of the drawn provider. `own figures`: draws by better figures than it lists.
 * `deaf`: draws as if nobody had asked for anything. `dear`: lists its friend above the highest price. `measured`:
 * lists figures for its friend that nobody measured.
 */
export type FigureLie = 'none' | 'friend' | 'own figures' | 'deaf' | 'dear' | 'measured';

const MODEL = 'ogong/verified/test/routed';
const NOW_MS = 1_800_000_000_000;
const PROVIDERS = 4;
const FRIEND = 3;
const SORT: Sort = 'latency';
const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const routerSigner = createNodeHybridSigner(fill(64, 0x75));

/** The friend is ten times as slow as the first, and twice as dear. */
const offers = Array.from({ length: PROVIDERS }, (_, n) => ({
  ...{ providerId: fill(32, n), payee: fill(20, n), modelId: MODEL, contextSize: 4_096, freeCapacity: 9 },
  ...{ pricePer1kAtomic: n === FRIEND ? 200n : 100n, stakeAtomic: 0n, reputationPpm: 500_000 },
  expiresAtMs: NOW_MS + 60_000,
  figures: { latencyMs: n === FRIEND ? 1_000 : 100 + 50 * n, milliTokensPerSecond: 20_000 },
}));

/** A router sends requests to its friend, against the figures that it signs for. */
export const figureLiar = defineAttack({
  name: 'figure-liar',
  adversary: 'router that lies about figures',
  aim: 'sends requests to a slow and dear friend, whatever their callers prefer',
  stoppedBy: 'Weights follow from the figures of the list that the ticket names, so a contrary draw proves itself',
  restarts: { none: 'a gateway keeps nothing between two matches that this could change' },
  async play({ lie, requests }: { readonly lie: FigureLie; readonly requests: number }) {
    const reasons = new Set<string>();
    let evidence = 0;
    let won = 0;
    let taken = 0;
    for (let i = 0; i < requests; i++) {
      const replyId = crypto.sha256(Uint8Array.of(i & 255, i >> 8)).subarray(0, 16);
      const onMisrouted = (match: Pick<Match, 'signed' | 'candidates'>): void => {
        if (isEvidence(match)) evidence++;
      };
      const route = async (asked: RouteRequest) => answer(lie, asked);
      const links = { to: () => ({ route }) } as unknown as LinkPool;
      const matches = createProviderMatch(
        { maxPricePer1kAtomic: 1_000n, busyPatienceMs: 0, onMisrouted },
        {
          routers: createRouters({ routers: [{} as Peer] }, { links }),
          earnings: { heldFor: async () => 0n },
          clock: { nowMs: () => NOW_MS },
        },
      );
      const preference = { ...NO_PREFERENCE, sort: SORT, ...(lie === 'dear' && { maxPricePer1kAtomic: 150n }) };
      const query = {
        model: MODEL,
        replyId,
        requestHash: fill(32, 9),
        contextSize: 600,
        demands: NO_DEMANDS,
        preference,
      };
      try {
        const { ticket } = await matches.match({ ...query, exclude: [], signal: new AbortController().signal });
        taken++;
        if (equalBytes(ticket.providerId, fill(32, FRIEND))) won++;
      } catch (error) {
        reasons.add((error as Error).message);
      }
    }
    return { won, taken, reasons: [...reasons], evidence };
  },
  async stage({ play }) {
    const requests = 400;
    const honest = await play({ lie: 'none', requests });
    const lies: readonly FigureLie[] = ['friend', 'own figures', 'deaf', 'dear'];
    const told = await Promise.all(lies.map(async (lie) => play({ lie, requests })));
    const won = Math.max(...told.map((one) => one.won));
    return {
      tried: `sent ${requests} requests that asked for low latency to a slow friend: ${lies.join(', ')}`,
      answered: told.map(
        ({ reasons, evidence }, n) => `${lies[n]}: ${reasons.join('; ')} (${evidence} tickets are evidence)`,
      ),
      worked: won > honest.won,
    };
  },
});

/** Uses public data alone. */
function isEvidence({ signed, candidates }: Pick<Match, 'signed' | 'candidates'>): boolean {
  const { ok, ticket } = verifyTicket(crypto, signed, { nowMs: NOW_MS });
  if (!ok || ticket === undefined) return false;
  return isNamedList(crypto, { ticket, candidates }) && findMisrouting(crypto, { ticket, candidates }) !== undefined;
}

function answer(lie: FigureLie, { replyId, maxPricePer1k, contextSize }: RouteRequest) {
  const asked = { modelId: MODEL, maxPricePer1kAtomic: maxPricePer1k, contextSize, exclude: [], nowMs: NOW_MS };
  const select = (bend: Readonly<Record<string, unknown>> = {}): CandidateList =>
    selectCandidates(offers, { ...asked, sort: SORT, ...bend });
  const praise = (list: CandidateList): CandidateList => ({
    ...list,
    candidates: list.candidates.map((one, n) =>
      n === FRIEND ? { ...one, figures: { latencyMs: 1, milliTokensPerSecond: 1_000_000 } } : one,
    ),
  });
  const lists: Readonly<Record<FigureLie, () => CandidateList>> = {
    none: select,
    friend: select,
    'own figures': select,
    deaf: () => select({ sort: 'none' }),
    dear: () => ({ ...select({ maxPricePer1kAtomic: 1_000n }), asked: select().asked }),
    measured: () => praise(select()),
  };
  const list = lists[lie]();
  const candidates = encodeCandidates(list);
  const drawnFrom = lie === 'own figures' ? encodeCandidates(praise(list)) : candidates;
  const drawn =
    lie === 'friend' ? list.candidates[FRIEND] : replayMatch(crypto, drawnFrom, computeMatchSeed(crypto, replyId));
  const { providerId, payee, pricePer1kAtomic, contextSize: room } = drawn as Candidate;
  const ticket = signTicket(routerSigner, {
    ...{
      router: fill(20, 5),
      modelId: MODEL,
      providerId,
      providerEndpoint: '127.0.0.1:9',
      providerCertHash: fill(32, 8),
    },
    ...{ payee, modelRoot: fill(32, 7), pricePer1kAtomic, contextSize: room, replyId },
    ...{ candidatesHash: hashCandidates(crypto, candidates), issuedAtMs: NOW_MS, expiresAtMs: NOW_MS + 60_000 },
  });
  return { ticket, candidates };
}
