import { connect, createServer, type Socket } from 'node:net';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { HostPort } from '@ogong/host/link/host-port';
import { createLinkClient } from '@ogong/host/link/link-client';
import { createModelRoots } from '@ogong/host/views/model-roots';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { computeMatchSeed, hashCandidates, parseCandidates, replayMatch } from '@ogong/protocol/exchange/match';
import { TICKET_WINDOW_MS } from '@ogong/protocol/exchange/ticket';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  announce,
  GATEWAY,
  idOf,
  ledger,
  listWeighed,
  MODEL_ID,
  MODEL_ROOT,
  makeOfferedModel,
  makeRoute,
  NOW,
  network,
  payeeOf,
  refusalOf,
  route,
  start,
} from './router-fixture.ts';

/** The certificate of the router. */
const ROUTER = 40;

describe('a match', () => {
  it('is signed, and replays from the list and the name of the reply', async () => {
    const opened = await start();
    for (const n of [1, 2, 3]) await announce(opened, n, { price: BigInt(1_000 * n) });
    const gateway = await opened.connect(GATEWAY);
    const { request, candidates, ticket } = await route(gateway);
    expect(parseCandidates(candidates).candidates).toHaveLength(3);
    const drawn = replayMatch(crypto, candidates, computeMatchSeed(crypto, request.replyId))!;
    expect(drawn.providerId).toEqual(ticket.providerId);
    expect(drawn.pricePer1kAtomic).toBe(ticket.pricePer1kAtomic);
    expect(hashCandidates(crypto, candidates)).toEqual(ticket.candidatesHash);
    const n = [1, 2, 3].find((each) => equalBytes(idOf(each), ticket.providerId))!;
    expect(ticket).toMatchObject({
      providerEndpoint: `127.0.0.1:${9_000 + n}`,
      modelRoot: MODEL_ROOT,
      modelId: MODEL_ID,
    });
    expect(ticket.providerCertHash).toEqual((await makeIdentity(n)).id);
  });

  it('weighs stake', async () => {
    const opened = await start();
    opened.stakes.set(toHex(payeeOf(1).address), 99n * 10n ** 18n);
    for (const n of [1, 2]) await announce(opened, n, { capacity: 200, freeCapacity: 200 });
    await opened.router().refresh();
    const { candidates } = await route(await opened.connect(GATEWAY));
    const weights = new Map(listWeighed(candidates).map((c) => [toHex(c.providerId), c.weight]));
    expect(weights.get(toHex(idOf(1)))! / weights.get(toHex(idOf(2)))!).toBe(100n);
  });

  it('weighs the stake of a payee once, however many providers it has', async () => {
    const opened = await start();
    opened.stakes.set(toHex(payeeOf(1).address), 99n * 10n ** 18n);
    for (const n of [1, 2]) await announce(opened, n, {}, { paidTo: 1 });
    await announce(opened, 3);
    await opened.router().refresh();
    const { candidates } = await route(await opened.connect(GATEWAY));
    const weights = new Map(listWeighed(candidates).map((c) => [toHex(c.providerId), c.weight]));
    const [one, two, three] = [1, 2, 3].map((n) => weights.get(toHex(idOf(n)))!) as [bigint, bigint, bigint];
    expect([one / three, two / three]).toEqual([50n, 50n]);
  });

  it('leaves out offers that are too expensive, already tried, expired, or of another root than the published one', async () => {
    const modelRoots = createModelRoots({ [MODEL_ID]: MODEL_ROOT });
    const opened = await start({ modelRoots });
    await announce(opened, 1, { price: 5_000n });
    await announce(opened, 2);
    await announce(opened, 3, { expiresAtMs: NOW + 10 });
    const cheap = makeOfferedModel({ modelRoot: new Uint8Array(32) });
    const unknown = makeOfferedModel({ modelId: 'ogong/verified/test/other' });
    const refused = await refusalOf(announce(opened, 4, { models: [cheap, unknown] }));
    expect(refused.message).toMatch(/other weights than those published as .*; nobody has published the weights of/);
    await announce(opened, 5, { models: [makeOfferedModel(), unknown] });
    opened.clock.now += 20;
    const gateway = await opened.connect(GATEWAY);
    const { candidates } = await route(gateway);
    expect(
      parseCandidates(candidates)
        .candidates.map(({ providerId }) => toHex(providerId))
        .sort(),
    ).toEqual([idOf(1), idOf(2), idOf(5)].map(toHex).sort());
    const { models } = await gateway.service(RouterService).listModels({});
    expect(models.map(({ model }) => model)).toEqual([MODEL_ID]);
    expect((await route(gateway, { maxPricePer1k: 1_000n, exclude: [idOf(5)] })).ticket.providerId).toEqual(idOf(2));
    expect((await route(gateway, { exclude: [idOf(2), idOf(5)] })).ticket.providerId).toEqual(idOf(1));
  });

  it('says why there is none', async () => {
    const opened = await start();
    const gateway = await opened.connect(GATEWAY);
    const none = await refusalOf(route(gateway));
    expect([none.refusal, none.message]).toEqual(['not-found', `no provider serves ${MODEL_ID}; the demand is noted`]);
    const planned = await refusalOf(route(gateway, { model: 'ogong/proof/test/fake' }));
    expect([planned.refusal, planned.message]).toEqual([
      'not-found',
      expect.stringMatching(/^tier proof is not served yet: it takes/),
    ]);
    await announce(opened, 1);
    const dear = await refusalOf(route(gateway, { maxPricePer1k: 999n }));
    expect([dear.refusal, dear.message]).toEqual([
      'precondition',
      `${MODEL_ID} costs at least 1000 per 1k tokens, the limit is 999`,
    ]);
    expect((await refusalOf(route(gateway, { exclude: [idOf(1)] }))).message).toMatch(/tried already/);
    await route(gateway);
    await route(gateway);
    const busy = await refusalOf(route(gateway));
    expect([busy.refusal, busy.retryable]).toEqual(['unavailable', true]);
    expect(busy.message).toMatch(/busy/);
  });

  it('lists the demand for models that nobody serves, and for no others', async () => {
    const opened = await start();
    const gateway = await opened.connect(GATEWAY);
    const unserved = 'ogong/verified/test/other';
    await announce(opened, 1);
    await refusalOf(route(gateway, { model: unserved }));
    await refusalOf(route(await opened.connect(GATEWAY + 1), { model: unserved }));
    await refusalOf(route(gateway, { maxPricePer1k: 999n }));
    await refusalOf(route(gateway, { model: 'gpt-4' }));
    await refusalOf(route(gateway, { model: 'ogong/proof/test/fake' }));
    const ask = async (limit: number) => (await gateway.service(RouterService).listDemand({ limit })).models;
    // Both callers have one address.
    const none = { providers: 0, verifiers: 0 };
    expect(await ask(10)).toMatchObject([{ model: unserved, milliWeight: 1_000, sinceMs: BigInt(NOW), ...none }]);
    expect(await ask(0)).toEqual([]);
  });

  it('lists a model that is served and that nobody but its provider can check, until somebody can', async () => {
    const opened = await start();
    const gateway = await opened.connect(GATEWAY);
    const verifier = { endpoint: '127.0.0.1:9', certHash: new Uint8Array(32), keyHash: idOf(1) };
    await announce(opened, 1, { verifier });
    await route(gateway);
    const ask = async () => (await gateway.service(RouterService).listDemand({ limit: 10 })).models;
    expect(await ask()).toMatchObject([{ model: MODEL_ID, milliWeight: 1_000, providers: 1, verifiers: 1 }]);
    await announce(opened, 2, { verifier: { ...verifier, keyHash: idOf(2) } }, { vouchedBy: 2 });
    opened.clock.now += 3_600_000;
    for (const n of [1, 2]) {
      const own = { ...verifier, keyHash: idOf(n) };
      await announce(opened, n, { verifier: own, sequence: 2n }, { vouchedBy: n });
    }
    // Half of the first count is left, and no match adds to it.
    await gateway.service(RouterService).route(makeRoute());
    expect(await ask()).toMatchObject([{ milliWeight: 500, providers: 2, verifiers: 2 }]);
  });

  it.each([
    ['a malformed model id', { model: 'gpt-4' }, /model id/],
    ['a short reply id', { replyId: new Uint8Array(3) }, /malformed/],
    ['a malformed exclusion', { exclude: [new Uint8Array(3)] }, /excluded/],
    ['too many exclusions', { exclude: Array.from({ length: 65 }, () => new Uint8Array(32)) }, /excluded/],
  ])('is refused for %s', async (_name, bend, expected) => {
    const opened = await start();
    await announce(opened, 1);
    const error = await refusalOf(route(await opened.connect(GATEWAY), bend));
    expect([error.refusal, error.message]).toEqual(['invalid', expect.stringMatching(expected)]);
  });
});

describe('capacity', () => {
  it('comes back by report of the ticket s holder, and by time', async () => {
    const opened = await start({ ticketTtlMs: 1_000 });
    await announce(opened, 1, { capacity: 1, freeCapacity: 1 });
    const gateway = await opened.connect(GATEWAY);
    const { request } = await route(gateway);
    const report = {
      replyId: request.replyId,
      providerId: idOf(1),
      outcome: 'ok',
      outputTokens: 50,
      durationMs: 500,
      firstTokenMs: 40,
    };
    const other = await opened.connect(51);
    expect((await refusalOf(other.service(RouterService).report(report))).refusal).toBe('not-found');
    const wrong = { ...report, providerId: idOf(2) };
    expect((await refusalOf(gateway.service(RouterService).report(wrong))).refusal).toBe('not-found');
    const unknown = { ...report, outcome: 'splendid' };
    expect((await refusalOf(gateway.service(RouterService).report(unknown))).refusal).toBe('invalid');
    await refusalOf(route(gateway));
    await gateway.service(RouterService).report(report);
    expect((await refusalOf(gateway.service(RouterService).report(report))).refusal).toBe('not-found');
    expect(opened.router().figuresOf({ providerId: idOf(1), modelId: MODEL_ID })).toEqual({
      ...{ latencyMs: 40, milliTokensPerSecond: 100_000 },
    });
    await route(gateway);
    await refusalOf(route(gateway));
    opened.clock.now += TICKET_WINDOW_MS + 1_000;
    await route(gateway);
  });

  it('of one model is not that of another model of the same provider', async () => {
    const opened = await start();
    const other = 'ogong/verified/test/other';
    const otherRoot = new Uint8Array(32).fill(2);
    const announceBoth = (free: number, otherFree: number, sequence: bigint) =>
      announce(opened, 1, {
        sequence,
        models: [
          makeOfferedModel({ capacity: 1, freeCapacity: free }),
          makeOfferedModel({ modelId: other, modelRoot: otherRoot, capacity: 1, freeCapacity: otherFree }),
        ],
      });
    const gateway = await opened.connect(GATEWAY);
    await announceBoth(0, 1, 1n);
    expect((await refusalOf(route(gateway))).message).toMatch(/busy/);
    const { ticket } = await route(gateway, { model: other });
    expect(ticket).toMatchObject({ modelId: other, modelRoot: otherRoot, providerId: idOf(1) });
    // The ticket holds the one slot of the other model, and none of this one.
    await announceBoth(1, 1, 2n);
    expect((await refusalOf(route(gateway, { model: other }))).message).toMatch(/busy/);
    expect((await route(gateway)).ticket.modelId).toBe(MODEL_ID);
    expect((await refusalOf(route(gateway))).message).toMatch(/busy/);
  });

  it('is what the provider last said, less what was handed out', async () => {
    const opened = await start();
    const gateway = await opened.connect(GATEWAY);
    const listed = async () => (await gateway.service(RouterService).listModels({})).models;
    expect(await listed()).toEqual([]);
    await announce(opened, 1, { capacity: 4, freeCapacity: 3 });
    await announce(opened, 2, { price: 700n });
    await route(gateway, { exclude: [idOf(2)] });
    await route(gateway, { exclude: [idOf(2)] });
    expect(await listed()).toMatchObject([
      { model: MODEL_ID, modelRoot: MODEL_ROOT, providers: 2, freeCapacity: 4, minPricePer1k: 700n, contextSize: 513 },
    ]);
  });
});

describe('a failure of seconds in which every provider refuses', () => {
  it('keeps its caller from them for 15 seconds, and not for ten minutes', async () => {
    const opened = await start();
    const caller = await opened.connect(GATEWAY);
    for (const n of [1, 2]) await announce(opened, n, { capacity: 8 });
    const ask = () => route(caller).catch(() => undefined);
    const report = (outcome: string, { request, ticket }: Awaited<ReturnType<typeof route>>) =>
      caller.service(RouterService).report({ replyId: request.replyId, providerId: ticket.providerId, outcome });
    for (let i = 0; i < 8; i++) await report('refused', await route(caller));
    opened.clock.now += 14_999;
    expect(await ask()).toBeUndefined();
    opened.clock.now += 1;
    const tried = [await route(caller), await route(caller)];
    expect(tried.map(({ ticket }) => toHex(ticket.providerId)).sort()).toEqual([1, 2].map(idOf).map(toHex).sort());
    // Each got one order, whose outcome decides about the next.
    expect(await ask()).toBeUndefined();
    for (const matched of tried) await report('ok', matched);
    for (let i = 0; i < 16; i++) await route(caller);
  });
});

describe('relays', () => {
  it('are named to every caller, as the router was configured, eight at most', async () => {
    const relays = Array.from({ length: 9 }, (_, n) => ({
      endpoint: { host: `198.51.100.${n}`, port: 4546 },
      certHash: new Uint8Array(32).fill(n),
    }));
    const { connect } = await start({ relays });
    const named = (await (await connect(60)).service(RouterService).listRelays({})).relays;
    expect(named).toHaveLength(8);
    expect(named[1]).toMatchObject({ endpoint: '198.51.100.1:4546', certHash: new Uint8Array(32).fill(1) });
    const { connect: elsewhere } = await start();
    expect((await (await elsewhere(60)).service(RouterService).listRelays({})).relays).toEqual([]);
  });
});

describe('a provider whose link ends', () => {
  it('is sent nobody, until it announces itself again; another link of its own keeps it in the draw', async () => {
    const opened = await start();
    const gateway = await opened.connect(GATEWAY);
    const free = async () => (await gateway.service(RouterService).listModels({})).models[0]?.freeCapacity;
    const link = await announce(opened, 1);
    const other = await announce(opened, 1, { sequence: 2n });
    link.close();
    expect(await free()).toBe(2);
    other.close();
    await expect.poll(free).toBe(0);
    expect((await refusalOf(route(gateway))).refusal).toBe('unavailable');
    await announce(opened, 1, { sequence: 3n });
    expect((await route(gateway)).ticket.providerId).toEqual(idOf(1));
  });

  it('leaves the draw to others', async () => {
    const opened = await start();
    await announce(opened, 1);
    const link = await announce(opened, 2);
    link.close();
    const gateway = await opened.connect(GATEWAY);
    const free = async () => (await gateway.service(RouterService).listModels({})).models[0]?.freeCapacity;
    await expect.poll(free).toBe(2);
    expect((await route(gateway)).ticket.providerId).toEqual(idOf(1));
  });
});

describe('a provider whose machine loses its power', () => {
  /** A way on which nothing is said any more once it is cut, as if the machine behind it had no power. */
  async function openWay(to: HostPort) {
    const sockets: Socket[] = [];
    const way = createServer((near) => {
      const far = connect(to.port, to.host);
      sockets.push(near, far);
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) socket.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      way.close();
    });
    const { port } = way.address() as { port: number };
    return {
      endpoint: { host: '127.0.0.1', port },
      cut() {
        for (const socket of sockets) socket.unpipe().pause();
      },
    };
  }

  it('is sent nobody after two pings without an answer, though its link was never closed; another one stays', async () => {
    const opened = await start({ linkPingMs: 50 });
    const way = await openWay(opened.router().address());
    const { id: certHash } = await makeIdentity(ROUTER);
    const connectBy = async (seed: number) => {
      const client = createLinkClient({ endpoint: way.endpoint, certHash, identity: await makeIdentity(seed) });
      onTestFinished(() => client.close());
      return client;
    };
    await announce({ ...opened, connect: connectBy }, 1);
    await announce(opened, 2, { capacity: 3 });
    const gateway = await opened.connect(GATEWAY);
    const free = async () => (await gateway.service(RouterService).listModels({})).models[0]?.freeCapacity;
    expect(await free()).toBe(5);
    way.cut();
    await expect.poll(free).toBe(3);
    expect((await route(gateway)).ticket.providerId).toEqual(idOf(2));
  });
});

describe('an announcement is refused', () => {
  it('when it is forged, replayed, expired, or sent over another link', async () => {
    const opened = await start();
    expect((await refusalOf(announce(opened, 1, {}, { signer: 2 }))).message).toMatch(/identity/);
    const elsewhere = await refusalOf(announce(opened, 1, {}, { peer: 2 }));
    expect(elsewhere.message).toMatch(/link/);
    const expired = { issuedAtMs: NOW - 200_000, expiresAtMs: NOW - 100_000 };
    expect((await refusalOf(announce(opened, 1, expired))).message).toMatch(/expiry/);
    const early = { issuedAtMs: NOW + 100_000, expiresAtMs: NOW + 200_000 };
    expect((await refusalOf(announce(opened, 1, early))).message).toMatch(/issued/);
    await announce(opened, 1, { sequence: 5n });
    for (const sequence of [5n, 4n]) {
      expect((await refusalOf(announce(opened, 1, { sequence }))).refusal).toBe('conflict');
    }
    // A message that is wrong without a look at its signature is refused first, because signatures cost more.
    expect((await refusalOf(announce(opened, 1, { sequence: 5n }, { signer: 2 }))).refusal).toBe('conflict');
    const elsewhereUnsigned = announce(opened, 1, { sequence: 6n }, { signer: 2, peer: 2 });
    expect((await refusalOf(elsewhereUnsigned)).message).toMatch(/link/);
    await opened.restart();
    expect((await refusalOf(announce(opened, 1, { sequence: 5n }))).refusal).toBe('conflict');
    await announce(opened, 1, { sequence: 6n });
  });

  it('when the payee that it names did not sign for that key on these contracts', async () => {
    const opened = await start();
    const elsewhere = { ...ledger, verifyingContract: network.settlement };
    for (const [bend, by] of [
      [{ payee: payeeOf(2).address }, {}],
      [{ payee: new Uint8Array(20) }, {}],
      [{}, { consentFor: 2 }],
      [{}, { domain: elsewhere }],
    ] as const) {
      const refused = await refusalOf(announce(opened, 1, bend, by));
      expect([refused.refusal, refused.message]).toEqual(['invalid', expect.stringMatching(/announcement-payee/)]);
    }
    await announce(opened, 1, {}, { paidTo: 2 });
  });

  it('when the verifier that it names did not sign for that key', async () => {
    const opened = await start();
    const verifier = { endpoint: '127.0.0.1:9', certHash: new Uint8Array(32), keyHash: idOf(1) };
    const refused = await refusalOf(announce(opened, 1, { verifier }, { vouchedBy: 2 }));
    expect(refused.message).toMatch(/announcement-verifier/);
    await announce(opened, 1, { verifier });
    await opened.restart();
    const gateway = await opened.connect(GATEWAY);
    expect((await gateway.service(RouterService).listModels({})).models).toMatchObject([{ providers: 1 }]);
  });

  it('when nobody could dial what it names', async () => {
    const opened = await start();
    for (const misprint of ['127.0.0.1/', '[127', ',']) {
      expect((await refusalOf(announce(opened, 1, {}, { misprint }))).message).toMatch(/not an endpoint/);
    }
  });

  it('when its link already lists another provider', async () => {
    const opened = await start();
    await announce(opened, 1);
    const certHash = (await makeIdentity(1)).id;
    const crowd = () => announce(opened, 2, { certHash }, { peer: 1 });
    expect((await refusalOf(crowd())).message).toMatch(/another provider is listed/);
    opened.clock.now += 30_001;
    await crowd();
  });

  it('when the registry is full, except of those that are in it', async () => {
    const opened = await start({ maxProviders: 2 });
    for (const n of [1, 2]) await announce(opened, n);
    expect((await refusalOf(announce(opened, 3))).refusal).toBe('unavailable');
    await announce(opened, 2, { sequence: 2n });
  });
});
