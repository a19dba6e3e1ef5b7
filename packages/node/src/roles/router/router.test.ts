import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { type Announcement, signAnnouncement } from '@ogong/protocol/announcement';
import { concatBytes, equalBytes, toHex } from '@ogong/protocol/bytes';
import { RouterService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashHybridKey } from '@ogong/protocol/hybrid';
import { hashCandidates, parseCandidates, replayMatch } from '@ogong/protocol/match';
import { signProviderPayee } from '@ogong/protocol/provider-payee';
import type { Validator } from '@ogong/protocol/quorum';
import { verifyTicket } from '@ogong/protocol/ticket';
import { appendVerdict, computeGenesisPosition, type Verdict } from '@ogong/protocol/verdict-log';
import { signEndorsement } from '@ogong/protocol/verifier-endorsement';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../../crypto/node-crypto.ts';
import { createNodeHybridSigner, createNodeLedgerSigner } from '../../crypto/signers.ts';
import { createLinkClient, type LinkClient } from '../../link/link-client.ts';
import { LinkError } from '../../link/link-error.ts';
import { makeIdentity } from '../../link/link-fixture.ts';
import { createLinkServer } from '../../link/link-server.ts';
import { createLogger } from '../../log/logger.ts';
import { createMetrics } from '../../metrics/metrics.ts';
import { openStore, type Store } from '../../store/store.ts';
import { createRouter, type Router, type RouterOptions } from './router.ts';
import { ROUTER_MIGRATIONS, saveEjection, undoEjections } from './router-store.ts';

const MODEL_ID = 'ogong/verified/test/fake';
const MODEL_ROOT = new Uint8Array(32).fill(1);
const GATEWAY = 50;
const NOW = 1_800_000_000_000;
const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(8) };
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(7) };

const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Opened {
  readonly router: () => Router;
  readonly store: () => Store;
  readonly clock: { now: number };
  readonly stakes: Map<string, bigint>;
  readonly anchors: Map<string, { logLength: bigint; logHead: `0x${string}` }>;
  connect(seed: number): Promise<LinkClient>;
  restart(): Promise<void>;
}

async function start(options: Partial<RouterOptions> = {}, validators: readonly Validator[] = []): Promise<Opened> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-router-'));
  const identity = await makeIdentity(40);
  const clock = { now: NOW };
  const stakes = new Map<string, bigint>();
  const anchors: Opened['anchors'] = new Map();
  const client = {
    stakesOf: async (payees: Uint8Array[]) => payees.map((payee) => stakes.get(toHex(payee)) ?? 0n),
    anchorOf: async (address: Uint8Array) =>
      anchors.get(toHex(address)) ?? { sequence: 0n, logLength: 0n, logHead: `0x${'00'.repeat(32)}` },
    deployment: { block: 0 },
    transactor: { read: () => Promise.reject(new ChainError('rpc-unreachable', 'down')) },
  } as unknown as ChainClient;
  let store: Store;
  let router: Router;
  const open = async (): Promise<void> => {
    store = openStore(join(directory, 'router.sqlite'), { migrations: ROUTER_MIGRATIONS });
    router = createRouter(
      { bind: { host: '127.0.0.1', port: 0 }, address: new Uint8Array(20).fill(5), refreshMs: 3_600_000, ...options },
      {
        crypto,
        clock: { nowMs: () => clock.now },
        signer: createNodeHybridSigner(new Uint8Array(64).fill(41)),
        identity,
        chain: { ledger, network, validators: () => validators, client: async () => client },
        store,
        log: createLogger({ name: 'test', level: 'silent' }),
        metrics: createMetrics('router'),
      },
    );
    await router.start();
  };
  await open();
  closing.push(async () => {
    await router.stop(0);
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    router: () => router,
    store: () => store,
    clock,
    stakes,
    anchors,
    async connect(seed) {
      const endpoint = router.address();
      const connected = createLinkClient({ endpoint, certHash: identity.id, identity: await makeIdentity(seed) });
      closing.push(() => connected.close());
      return connected;
    },
    async restart() {
      await router.stop(0);
      store.close();
      await open();
    },
  };
}

const signerOf = (n: number) => createNodeHybridSigner(new Uint8Array(64).fill(100 + n));
const idOf = (n: number): Uint8Array => hashHybridKey(crypto, signerOf(n).publicKey);
const payeeOf = (n: number) => createNodeLedgerSigner(new Uint8Array(32).fill(n));

/** Provider n announces over its own link. */
async function announce(
  opened: Opened,
  n: number,
  bend: Partial<Announcement> & { price?: bigint; root?: Uint8Array } = {},
  { signer = n, peer = n, paidTo = n, consentFor = n, vouchedBy = n, domain = ledger } = {},
): Promise<void> {
  const { price = 1_000n, root = MODEL_ROOT, ...fields } = bend;
  const payee = payeeOf(paidTo);
  const announcement = {
    providerId: idOf(n),
    payee: payee.address,
    endpoint: `127.0.0.1:${9_000 + n}`,
    certHash: (await makeIdentity(n)).id,
    verifier: undefined,
    models: [
      { modelId: MODEL_ID, modelRoot: root, pricePer1kAtomic: price, contextSize: 512 + n, numericClass: 'fake' },
    ],
    capacity: 2,
    freeCapacity: 2,
    sequence: 1n,
    issuedAtMs: opened.clock.now,
    expiresAtMs: opened.clock.now + 30_000,
    ...fields,
  };
  const payeeSignature = signProviderPayee(crypto, payee, { ledger: domain, providerId: idOf(consentFor) });
  const verifierEndorsement = fields.verifier && signEndorsement(signerOf(vouchedBy), idOf(n));
  const signed = signAnnouncement(signerOf(signer), announcement, { payeeSignature, verifierEndorsement });
  const client = await opened.connect(peer);
  await client.service(RouterService).announce(signed);
}

let replies = 0;
function makeRoute(bend: Readonly<Record<string, unknown>> = {}) {
  replies++;
  const replyId = Uint8Array.from({ length: 16 }, (_, i) => (replies >> (8 * i)) & 255);
  const requestHash = crypto.sha256(replyId);
  const seed = crypto.sha256(concatBytes(requestHash, replyId));
  return { model: MODEL_ID, maxPricePer1k: 10_000n, seed, exclude: [] as Uint8Array[], replyId, requestHash, ...bend };
}

async function route(client: LinkClient, bend?: Readonly<Record<string, unknown>>) {
  const request = makeRoute(bend);
  const { ticket: signed, candidates } = await client.service(RouterService).route(request);
  const context = { nowMs: NOW, replyId: request.replyId, requestHash: request.requestHash };
  const verdict = verifyTicket(crypto, signed!, context);
  expect(verdict.checks.filter(({ status }) => status === 'fail')).toEqual([]);
  return { request, candidates, ticket: verdict.ticket! };
}

async function refusalOf(call: Promise<unknown>): Promise<LinkError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LinkError);
  return error as LinkError;
}

describe('a match', () => {
  it('is signed, and replays from the list and the seed', async () => {
    const opened = await start();
    for (const n of [1, 2, 3]) await announce(opened, n, { price: BigInt(1_000 * n) });
    const gateway = await opened.connect(GATEWAY);
    const { request, candidates, ticket } = await route(gateway);
    expect(parseCandidates(candidates).candidates).toHaveLength(3);
    const drawn = replayMatch(crypto, candidates, request.seed)!;
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
    const weights = new Map(parseCandidates(candidates).candidates.map((c) => [toHex(c.providerId), c.weight]));
    expect(weights.get(toHex(idOf(1)))! / weights.get(toHex(idOf(2)))!).toBe(100n);
  });

  it('weighs the stake of a payee once, however many providers it has', async () => {
    const opened = await start();
    opened.stakes.set(toHex(payeeOf(1).address), 99n * 10n ** 18n);
    for (const n of [1, 2]) await announce(opened, n, {}, { paidTo: 1 });
    await announce(opened, 3);
    await opened.router().refresh();
    const { candidates } = await route(await opened.connect(GATEWAY));
    const weights = new Map(parseCandidates(candidates).candidates.map((c) => [toHex(c.providerId), c.weight]));
    const [one, two, three] = [1, 2, 3].map((n) => weights.get(toHex(idOf(n)))!) as [bigint, bigint, bigint];
    expect([one / three, two / three]).toEqual([50n, 50n]);
  });

  it('leaves out what is too dear, tried, expired, or of another root than the published one', async () => {
    const modelRoots = new Map([[MODEL_ID, MODEL_ROOT]]);
    const opened = await start({ modelRoots });
    await announce(opened, 1, { price: 5_000n });
    await announce(opened, 2);
    await announce(opened, 3, { expiresAtMs: NOW + 10 });
    await announce(opened, 4, { root: new Uint8Array(32) });
    opened.clock.now += 20;
    const gateway = await opened.connect(GATEWAY);
    const { candidates } = await route(gateway);
    expect(
      parseCandidates(candidates)
        .candidates.map(({ providerId }) => toHex(providerId))
        .sort(),
    ).toEqual([idOf(1), idOf(2)].map(toHex).sort());
    expect((await route(gateway, { maxPricePer1k: 1_000n })).ticket.providerId).toEqual(idOf(2));
    expect((await route(gateway, { exclude: [idOf(2)] })).ticket.providerId).toEqual(idOf(1));
  });

  it('says why there is none', async () => {
    const opened = await start();
    const gateway = await opened.connect(GATEWAY);
    const none = await refusalOf(route(gateway));
    expect([none.refusal, none.message]).toEqual(['not-found', `no provider serves ${MODEL_ID}`]);
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

  it.each([
    ['a seed of the caller s choice', { seed: new Uint8Array(32) }, /seed/],
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
    const report = { replyId: request.replyId, providerId: idOf(1), outcome: 'ok', outputTokens: 50, durationMs: 500 };
    const other = await opened.connect(51);
    expect((await refusalOf(other.service(RouterService).report(report))).refusal).toBe('not-found');
    const wrong = { ...report, providerId: idOf(2) };
    expect((await refusalOf(gateway.service(RouterService).report(wrong))).refusal).toBe('not-found');
    const unknown = { ...report, outcome: 'splendid' };
    expect((await refusalOf(gateway.service(RouterService).report(unknown))).refusal).toBe('invalid');
    await refusalOf(route(gateway));
    await gateway.service(RouterService).report(report);
    expect((await refusalOf(gateway.service(RouterService).report(report))).refusal).toBe('not-found');
    expect(opened.router().throughputOf(idOf(1))).toBe(100);
    await route(gateway);
    await refusalOf(route(gateway));
    opened.clock.now += 1_001;
    await route(gateway);
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
    for (const endpoint of ['nowhere', '127.0.0.1:99999', 'unix:provider.sock']) {
      expect((await refusalOf(announce(opened, 1, { endpoint }))).message).toMatch(/not an endpoint/);
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

describe('standing', () => {
  it('keeps supply over a restart, and never routes to the ejected', async () => {
    const opened = await start();
    await announce(opened, 1, { capacity: 9, freeCapacity: 9 });
    await announce(opened, 2, { capacity: 9, freeCapacity: 9 });
    await opened.restart();
    saveEjection(opened.store(), idOf(1), 7);
    const gateway = await opened.connect(GATEWAY);
    for (let i = 0; i < 5; i++) expect((await route(gateway)).ticket.providerId).toEqual(idOf(2));
    expect((await gateway.service(RouterService).listModels({})).models).toMatchObject([{ providers: 1 }]);
    saveEjection(opened.store(), idOf(2), 9);
    expect((await refusalOf(route(gateway))).refusal).toBe('not-found');
    // A reorganised chain that never ejected provider 2.
    undoEjections(opened.store(), 8);
    expect((await route(gateway)).ticket.providerId).toEqual(idOf(2));
  });

  it('is not kept for what was stored before payees signed', async () => {
    const opened = await start();
    for (const n of [1, 2]) await announce(opened, n);
    opened.store().transact(({ prepare }) => {
      prepare("UPDATE announcement SET payee_signature = x'' WHERE provider_id = ?").run(idOf(1));
    });
    await opened.restart();
    const gateway = await opened.connect(GATEWAY);
    expect((await gateway.service(RouterService).listModels({})).models).toMatchObject([{ providers: 1 }]);
    await announce(opened, 1);
  });

  const validatorAddress = new Uint8Array(20).fill(70);
  function makeLog(verdicts: readonly [number, Verdict][]) {
    let position = computeGenesisPosition(crypto, { chainId: network.chainId, validator: validatorAddress });
    const entries = verdicts.map(([n, verdict], i) => {
      const next = appendVerdict(crypto, position, {
        replyId: new Uint8Array(16).fill(i),
        recordHash: new Uint8Array(32),
        providerId: idOf(n),
        payee: new Uint8Array(20).fill(n),
        verdict,
        evidence: verdict === 'reject' ? 'exact' : 'none',
        feeAtomic: 0n,
        payer: new Uint8Array(20),
        router: new Uint8Array(20),
        verifierIds: [],
        beaconEpoch: 1n,
        evidenceHash: new Uint8Array(32),
        ejects: false,
        timeMs: NOW,
      });
      position = next.position;
      return next.bytes;
    });
    return { entries, head: position.head };
  }

  it('comes from verdicts that end at a settled head, each counted once', async () => {
    const log = makeLog([
      [1, 'accept'],
      [1, 'accept'],
      [1, 'reject'],
      [2, 'unaudited'],
      [2, 'abandoned'],
      [1, 'accept'],
    ]);
    const identity = await makeIdentity(60);
    let served = log.entries;
    const server = createLinkServer({
      bind: { host: '127.0.0.1', port: 0 },
      identity,
      authorize: () => true,
      routes: (router) =>
        router.service(ValidatorService, {
          listVerdicts: ({ from, limit }) => ({
            entries: served.slice(Number(from), Number(from) + Math.min(limit, 2)),
          }),
        }),
    });
    await server.start();
    closing.push(() => server.stop(0));
    const validator: Validator = {
      address: validatorAddress,
      stake: 1n,
      certHash: identity.id,
      vrfKey: new Uint8Array(32),
      endpoint: `127.0.0.1:${server.address().port}`,
    };
    const opened = await start({}, [validator]);
    for (const n of [1, 2, 3]) await announce(opened, n, { capacity: 99, freeCapacity: 99 });
    const gateway = await opened.connect(GATEWAY);
    const weights = async () => {
      await opened.router().refresh();
      const { candidates } = parseCandidates((await route(gateway)).candidates);
      return [1, 2, 3].map((n) => candidates.find(({ providerId }) => equalBytes(providerId, idOf(n)))?.weight);
    };
    expect(await weights()).toEqual([500_000n, 500_000n, 500_000n]);
    const settle = (length: number, head: Uint8Array) =>
      opened.anchors.set(toHex(validatorAddress), { logLength: BigInt(length), logHead: `0x${toHex(head)}` });
    // Five of six are settled: 2 accepts and a reject of provider 1, one abandoned reply of provider 2.
    settle(5, crypto.sha256(log.entries[4]!));
    expect(await weights()).toEqual([600_000n, 333_333n, 500_000n]);
    expect(await weights()).toEqual([600_000n, 333_333n, 500_000n]);
    await opened.restart();
    const again = await opened.connect(GATEWAY);
    expect(
      parseCandidates((await route(again)).candidates)
        .candidates.map(({ weight }) => weight)
        .sort(),
    ).toEqual([333_333n, 500_000n, 600_000n]);
    // Entries that do not lead to the settled head count for nothing.
    served = makeLog([
      [1, 'accept'],
      [1, 'accept'],
      [1, 'reject'],
      [2, 'unaudited'],
      [2, 'abandoned'],
      [3, 'reject'],
    ]).entries;
    settle(6, log.head);
    await opened.router().refresh();
    expect(
      parseCandidates((await route(again)).candidates)
        .candidates.map(({ weight }) => weight)
        .sort(),
    ).toEqual([333_333n, 500_000n, 600_000n]);
    served = log.entries;
    await opened.router().refresh();
    expect(
      parseCandidates((await route(again)).candidates)
        .candidates.map(({ weight }) => weight)
        .sort(),
    ).toEqual([333_333n, 500_000n, 666_666n]);
  });
});
