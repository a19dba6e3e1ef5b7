import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { Refusal, toLinkError } from '@ogong/host/link/link-error';
import { createCallerValues } from '@ogong/host/link/link-server';
import type { AnnouncedVerifier } from '@ogong/protocol/audit/verifier-room';
import { parseCandidates } from '@ogong/protocol/exchange/match';
import { parseTicket, TICKET_WINDOW_MS, verifyTicket } from '@ogong/protocol/exchange/ticket';
import { ReportRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import { createDemand } from './demand.ts';
import { createFigures } from './figures.ts';
import { assertRequest, explainNoMatch, listDemanded, matchRequest, type RouteQuery } from './match-request.ts';
import { createOutstanding } from './outstanding.ts';
import { createRefusals } from './refusals.ts';
import { listWeighed, MODEL_ID, MODEL_ROOT, makeRoute, NOW } from './router-fixture.ts';
import { createRouterService, takeReport } from './router-service.ts';
import type { RouterState } from './router-state.ts';
import type { ListedOffer } from './supply.ts';

const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const query = (bend: Partial<RouteQuery> = {}): RouteQuery => ({
  ...{ contextSize: 64, exact: false, modelRoot: new Uint8Array(), sort: '', only: [], minStake: 0n },
  ...makeRoute(),
  ...bend,
});

function makeOffer(n: number, bend: Partial<ListedOffer> = {}): ListedOffer {
  const pricePer1kAtomic = 1_000n;
  return {
    announcement: { endpoint: `127.0.0.1:${9_000 + n}`, certHash: fill(n) } as ListedOffer['announcement'],
    model: { modelId: MODEL_ID, modelRoot: MODEL_ROOT } as ListedOffer['model'],
    ...{ modelId: MODEL_ID, providerId: fill(n), payee: fill(n, 20), pricePer1kAtomic, contextSize: 512 },
    ...{ freeCapacity: 1, stakeAtomic: 0n, reputationPpm: 1_000_000, livenessPpm: 1_000_000, expiresAtMs: NOW + 1 },
    ...bend,
  };
}

function openState(offers: readonly ListedOffer[], verifiers: readonly AnnouncedVerifier[] = []) {
  const reports: unknown[] = [];
  const metric = { set: () => {}, inc: (labels: unknown) => void reports.push(labels) };
  const state = {
    crypto,
    clock: { nowMs: () => NOW },
    signer: createNodeHybridSigner(fill(41, 64)),
    address: fill(5, 20),
    ticketTtlMs: 1_000,
    supply: { offers: () => offers, verifiersOf: () => verifiers } as unknown as RouterState['supply'],
    outstanding: createOutstanding(),
    refusals: createRefusals(),
    figures: createFigures(),
    demand: createDemand(),
    metrics: { openTickets: metric, reports: metric } as unknown as RouterState['metrics'],
  };
  return { state, reports };
}

describe('matching a request', () => {
  it('signs a ticket for the offer that is drawn, and holds one of its slots until it expires', () => {
    const { state } = openState([makeOffer(1), makeOffer(2, { freeCapacity: 0 })]);
    const request = query();
    const { ticket: signed, candidates } = matchRequest(state, request, { peer: fill(9), group: undefined });
    const { replyId } = request;
    const { ok, ticket } = verifyTicket(crypto, signed, { nowMs: NOW, replyId });
    expect(ok).toBe(true);
    expect(ticket).toMatchObject({ providerId: fill(1), payee: fill(1, 20), providerEndpoint: '127.0.0.1:9001' });
    expect(ticket).toMatchObject({
      issuedAtMs: NOW,
      expiresAtMs: NOW + TICKET_WINDOW_MS + 1_000,
      router: fill(5, 20),
      contextSize: 512,
    });
    expect(parseCandidates(candidates).candidates).toHaveLength(1);
    expect(state.outstanding.count({ providerId: fill(1), modelId: MODEL_ID }, NOW + TICKET_WINDOW_MS + 999)).toBe(1);
    expect(state.outstanding.count({ providerId: fill(1), modelId: MODEL_ID }, NOW + TICKET_WINDOW_MS + 1_000)).toBe(0);
  });

  it('says no more of the time than the window', () => {
    const { state } = openState([makeOffer(1, { expiresAtMs: NOW + 60_000 })]);
    const issueAt = (nowMs: number) =>
      parseTicket(
        matchRequest({ ...state, clock: { nowMs: () => nowMs } }, query(), { peer: fill(9), group: undefined }).ticket
          .ticket,
      );
    const shown = [0, 1, TICKET_WINDOW_MS - 1].map((laterMs) => issueAt(NOW + laterMs));
    for (const { issuedAtMs, expiresAtMs } of shown) {
      expect([issuedAtMs, expiresAtMs]).toEqual([NOW, NOW + TICKET_WINDOW_MS + 1_000]);
    }
    expect(issueAt(NOW + TICKET_WINDOW_MS).issuedAtMs).toBe(NOW + TICKET_WINDOW_MS);
  });

  it('draws by the preference among those that are named, with the figures that were measured', () => {
    const { state } = openState(
      [1, 2, 3].map((n) => makeOffer(n, { figures: { latencyMs: 100 * n, milliTokensPerSecond: 0 } })),
    );
    const request = query({ sort: 'latency', only: [fill(1), fill(3)] });
    const { candidates } = matchRequest(state, request, { peer: fill(9), group: undefined });
    const list = parseCandidates(candidates);
    expect(list.asked).toMatchObject({ sort: 'latency', contextSize: 64, maxPricePer1kAtomic: 10_000n });
    expect(list.candidates.map(({ figures }) => figures.latencyMs)).toEqual([100, 300]);
    expect(listWeighed(candidates).map(({ weight }) => weight)).toEqual(
      [256n ** 4n, 85n ** 4n].map((rate) => rate * 1_000_000n),
    );
  });

  it('offers no more room than the verifiers of other payees have', () => {
    const verifier = (payee: number, contextSize: number) => ({ payee: fill(payee, 20), contextSize, stake: 1n });
    const match = (verifiers: readonly AnnouncedVerifier[], contextSize: number) => {
      const { state } = openState([makeOffer(1), makeOffer(2, { contextSize: 300 })], verifiers);
      return matchRequest(state, query({ contextSize }), { peer: fill(9), group: undefined });
    };
    const listed = (...given: Parameters<typeof match>) =>
      parseCandidates(match(...given).candidates).candidates.map(({ providerId }) => providerId[0]);
    expect(listed([verifier(9, 300)], 300)).toEqual([1, 2]);
    expect(listed([verifier(9, 300)], 400)).toEqual([2]);
    expect(listed([], 400)).toEqual([1]);
    // Its own verifier does not verify the first provider.
    expect(listed([verifier(1, 400)], 400)).toEqual([1]);
    expect(() => match([verifier(9, 200)], 250)).toThrow('have room for 200 tokens of prompt and reply, not for 250');
    // The context of the provider counts where the request allows more.
    expect(listed([verifier(9, 512)], 9_000)).toEqual([1]);
  });

  it('holds nothing where nobody can be drawn', () => {
    const { state } = openState([makeOffer(1, { freeCapacity: 0 })]);
    expect(() => matchRequest(state, query(), { peer: fill(9), group: undefined })).toThrow(/busy/);
    expect(state.outstanding.size()).toBe(0);
  });

  it.each([
    ['a reply id of another length', { replyId: fill(1, 17) }],
    ['no model id', { model: 'gpt-4' }],
    ['an exclusion of another length', { exclude: [fill(1, 31)] }],
    ['a preference that nobody knows', { sort: 'beauty' }],
    ['the name of a provider of another length', { only: [fill(1, 31)] }],
    ['too many names of providers', { only: Array.from({ length: 17 }, (_, n) => fill(n)) }],
  ])('refuses a query with %s', (_what, bend) => {
    expect(() => assertRequest(query())).not.toThrow();
    expect(() => assertRequest(query(bend))).toThrow(Refusal);
  });

  it('names the first reason that leaves nobody', () => {
    const wanted = { modelId: MODEL_ID, maxPricePer1kAtomic: 1_000n, exclude: [fill(1)], contextSize: 10 };
    const reasonOf = (...offers: ListedOffer[]): string => explainNoMatch(offers, wanted).rawMessage;
    expect(reasonOf(makeOffer(1, { reputationPpm: 0 }))).toMatch(/no provider serves/);
    expect(reasonOf(makeOffer(2, { pricePer1kAtomic: 3n ** 9n }), makeOffer(3, { pricePer1kAtomic: 2_000n }))).toMatch(
      /at least 2000/,
    );
    expect(reasonOf(makeOffer(2, { boundAtomic: 9n }))).toMatch(/holds enough/);
    expect(reasonOf(makeOffer(1, { boundAtomic: 10n }))).toMatch(/tried already/);
    // 8 tokens cost 8: no reply is longer than the context.
    expect(reasonOf(makeOffer(1, { boundAtomic: 8n, contextSize: 8 }))).toMatch(/tried already/);
    const tooLarge = explainNoMatch([makeOffer(2, { boundAtomic: 7n, contextSize: 8 })], wanted);
    expect(tooLarge.rawMessage).toMatch(/paid for 8 tokens at once/);
    expect(toLinkError(tooLarge).refusal).toBe('oversized');
    expect(reasonOf(makeOffer(1), makeOffer(2))).toMatch(/all 1 providers/);
    const asked = { ...wanted, minHeldTokens: 3n };
    const backed = makeOffer(2, { heldAtomic: 3n * 10n ** 18n });
    expect(explainNoMatch([makeOffer(1), makeOffer(2)], asked).rawMessage).toMatch(/has 3 OGONG to lose/);
    expect(explainNoMatch([makeOffer(1), backed], asked).rawMessage).toMatch(/all 1 providers/);
    const named = explainNoMatch([makeOffer(1)], { ...wanted, only: [fill(3)] });
    expect(named.rawMessage).toMatch(/no provider that the request names/);
  });
});

describe('a report', () => {
  it('of the holder frees its slot once; only an answer in full counts for speed', () => {
    const { state, reports } = openState([makeOffer(1)]);
    const holder = fill(9);
    const figures = () => state.figures.of({ providerId: fill(1), modelId: MODEL_ID }, NOW);
    for (const outcome of ['abandoned', 'ok']) {
      const { replyId } = query();
      state.outstanding.add({
        replyId,
        providerId: fill(1),
        modelId: MODEL_ID,
        holder,
        group: 'a',
        releaseAtMs: NOW + 1,
        nowMs: NOW,
      });
      const report = { replyId, providerId: fill(1), outcome, outputTokens: 50, durationMs: 500, firstTokenMs: 20 };
      expect(() => takeReport(state, report, fill(8))).toThrow(/no open ticket/);
      expect(() => takeReport(state, { ...report, outcome: 'splendid' }, holder)).toThrow(/unknown outcome/);
      expect(figures().latencyMs).toBe(0);
      takeReport(state, report, holder);
      expect(() => takeReport(state, report, holder)).toThrow(/no open ticket/);
      expect(state.outstanding.count({ providerId: fill(1), modelId: MODEL_ID }, NOW)).toBe(0);
    }
    expect(figures()).toEqual({ latencyMs: 20, milliTokensPerSecond: 100_000 });
    expect(reports).toEqual([{ outcome: 'abandoned' }, { outcome: 'ok' }]);
  });

  it('earns its address two calls where the reply was served, and the ticket was held', async () => {
    const { state } = openState([makeOffer(1)]);
    const caller = { peer: fill(9), group: '192.0.2.1' };
    const earned: unknown[] = [];
    const earn = (...given: unknown[]): void => void earned.push(given);
    const service = createRouterService(state as RouterState, { readStakes() {}, earn });
    const context = { values: createCallerValues(caller) } as HandlerContext;
    const say = async (outcome: string, bend: { readonly isHeld?: boolean } = {}) => {
      const { replyId } = query();
      const held = { replyId, providerId: fill(1), modelId: MODEL_ID, holder: caller.peer, group: caller.group };
      if (bend.isHeld !== false) state.outstanding.add({ ...held, releaseAtMs: NOW + 1, nowMs: NOW });
      await service.report(create(ReportRequestSchema, { replyId, providerId: fill(1), outcome }), context);
    };
    for (const outcome of ['unused', 'refused', 'abandoned', 'failed-check']) await say(outcome);
    await expect(say('ok', { isHeld: false })).rejects.toThrow(/no open ticket/);
    expect(earned).toEqual([]);
    await say('ok');
    expect(earned).toEqual([[caller, 2]]);
  });
});

describe('demands of a request', () => {
  const root = (value: number) => fill(value);
  const offer = (numericClass: string, modelRoot: Uint8Array) => ({
    model: { modelId: MODEL_ID, numericClass, modelRoot } as ListedOffer['model'],
  });
  const offers = [
    offer('fake-1/js/f64/fast/hash/kv-none', root(1)),
    offer('fake-1/js/f64/exact/hash/kv-none', root(1)),
    offer('fake-1/js/f64/exact/hash/kv-none', root(2)),
  ];
  const list = (exact: boolean, modelRoot: Uint8Array = new Uint8Array()) => listDemanded(offers, { exact, modelRoot });

  it('leaves the offers that meet it', () => {
    expect(list(false)).toEqual(offers);
    expect(list(true)).toEqual(offers.slice(1));
    expect(list(true, root(2))).toEqual(offers.slice(2));
    expect(list(false, root(1))).toEqual(offers.slice(0, 2));
    expect(listDemanded([], { exact: true, modelRoot: root(1) })).toEqual([]);
  });

  it('says so where no offer meets it', () => {
    expect(() => list(false, root(3))).toThrow(/no provider meets the request: the request demands weights 0303/);
    expect(() => listDemanded(offers.slice(0, 1), { exact: true, modelRoot: new Uint8Array() })).toThrow(
      /demands an exact class; fake-1/,
    );
    expect(() => assertRequest(query({ modelRoot: fill(1, 31) }))).toThrow(/32 bytes/);
  });

  it('leaves those who stand by at the price that it names', () => {
    const standing = [undefined, 4n, 5n].map((standbyPer1kAtomic) => ({
      model: { ...offer('fake-1/js/f64/fast/hash/kv-none', root(1)).model, standbyPer1kAtomic },
    }));
    const any = { exact: false, modelRoot: new Uint8Array() };
    expect(listDemanded(standing, any)).toEqual(standing);
    expect(listDemanded(standing, { ...any, standbyPer1k: 4n })).toEqual(standing.slice(1, 2));
    expect(() => listDemanded(standing, { ...any, standbyPer1k: 3n })).toThrow(/does not stand by/);
  });
});
