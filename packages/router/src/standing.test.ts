import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLinkServer } from '@ogong/host/link/link-server';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { RouterService, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { appendVerdict, computeGenesisPosition, type Verdict } from '@ogong/protocol/settlement/verdict-log';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  announce,
  GATEWAY,
  idOf,
  listWeighed,
  makeOfferedModel,
  NOW,
  network,
  refusalOf,
  route,
  start,
} from './router-fixture.ts';
import { advanceLog, saveEjection, undoEjections } from './router-store.ts';

describe('standing', () => {
  it('keeps supply over a restart, and never routes to the ejected', async () => {
    const opened = await start();
    await announce(opened, 1, { capacity: 9, freeCapacity: 9 });
    await announce(opened, 2, { capacity: 9, freeCapacity: 9 });
    await opened.restart();
    saveEjection(opened.store(), idOf(1), { block: 7, ejected: true });
    const gateway = await opened.connect(GATEWAY);
    for (let i = 0; i < 5; i++) expect((await route(gateway)).ticket.providerId).toEqual(idOf(2));
    expect((await gateway.service(RouterService).listModels({})).models).toMatchObject([{ providers: 1 }]);
    saveEjection(opened.store(), idOf(2), { block: 9, ejected: true });
    expect((await refusalOf(route(gateway))).refusal).toBe('not-found');
    // A reorganised chain that never ejected provider 2.
    undoEjections(opened.store(), 8);
    expect((await route(gateway)).ticket.providerId).toEqual(idOf(2));
    // Provider 2 is ejected again, then reinstated, and the chain loses the block of that.
    saveEjection(opened.store(), idOf(2), { block: 10, ejected: true });
    saveEjection(opened.store(), idOf(2), { block: 12, ejected: false });
    expect((await route(gateway)).ticket.providerId).toEqual(idOf(2));
    undoEjections(opened.store(), 11);
    expect((await refusalOf(route(gateway))).refusal).toBe('not-found');
  });

  it('of a machine is that of the registry, and matters in confidential tiers alone', async () => {
    const out = new Set<string>();
    const opened = await start({}, [], {
      findMachineProblem: async (id) => (out.has(toHex(id)) ? 'its machine is revoked' : undefined),
    });
    const modelId = 'ogong/tee/test/fake';
    for (const n of [1, 2]) await announce(opened, n, { modelId, capacity: 9, freeCapacity: 9 });
    await announce(opened, 3);
    const gateway = await opened.connect(GATEWAY);
    out.add(toHex(idOf(1))).add(toHex(idOf(3)));
    await opened.router().refresh();
    for (let i = 0; i < 5; i++) expect((await route(gateway, { model: modelId })).ticket.providerId).toEqual(idOf(2));
    out.add(toHex(idOf(2)));
    await opened.router().refresh();
    expect((await refusalOf(route(gateway, { model: modelId }))).refusal).toBe('not-found');
    expect((await route(gateway)).ticket.providerId).toEqual(idOf(3));
  });

  it('is not kept for what was stored before payees signed', async () => {
    const opened = await start();
    for (const n of [1, 2]) await announce(opened, n);
    opened.store().transact(({ prepare }) => {
      prepare("UPDATE announcement SET payee_word = x'' WHERE provider_id = ?").run(idOf(1));
    });
    await opened.restart();
    const gateway = await opened.connect(GATEWAY);
    expect((await gateway.service(RouterService).listModels({})).models).toMatchObject([{ providers: 1 }]);
    await announce(opened, 1);
  });

  const validatorAddress = new Uint8Array(20).fill(70);
  const FEE = 10n ** 15n;
  function makeLog(verdicts: readonly [number, Verdict, bigint?][]) {
    let position = computeGenesisPosition(crypto, { ...network, validator: validatorAddress });
    const entries = verdicts.map(([n, verdict, feeAtomic = verdict === 'accept' ? FEE : 0n], i) => {
      const next = appendVerdict(crypto, position, {
        replyId: new Uint8Array(16).fill(i),
        recordHash: new Uint8Array(32),
        providerId: idOf(n),
        payee: new Uint8Array(20).fill(n),
        verdict,
        evidence: verdict === 'reject' ? 'exact' : 'none',
        feeAtomic,
        fineAtomic: 0n,
        payer: new Uint8Array(20),
        router: new Uint8Array(20),
        verifiers: [],
        beaconEpoch: 1n,
        evidenceHash: new Uint8Array(32),
        ...{ step: 'none', eValuePpm: 0, ejects: false },
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
    onTestFinished(() => server.stop(0));
    const validator: QuorumMember = {
      address: validatorAddress,
      signingKey: validatorAddress,
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
      const candidates = listWeighed((await route(gateway)).candidates);
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
      listWeighed((await route(again)).candidates)
        .map(({ weight }) => weight)
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
      listWeighed((await route(again)).candidates)
        .map(({ weight }) => weight)
        .sort(),
    ).toEqual([333_333n, 500_000n, 600_000n]);
    served = log.entries;
    await opened.router().refresh();
    expect(
      listWeighed((await route(again)).candidates)
        .map(({ weight }) => weight)
        .sort(),
    ).toEqual([333_333n, 500_000n, 666_666n]);
  });

  describe('where earnings are held', () => {
    const PERIOD = 1_000_000;
    const ENTRANCE = 1_000_000n;
    const periodNow = Math.floor(NOW / 1_000 / PERIOD);

    /** Provider 1 has failed 5 times, with entries of that age in periods, and then settles small replies of its own. */
    async function open(
      age: number,
      given: { dust?: number; held?: bigint; audited?: bigint; contextSize?: number } = {},
    ) {
      const { dust = 0, held = 0n, contextSize = 513 } = given;
      const { audited = held } = given;
      const opened = await start();
      opened.holding.now = { period: PERIOD, entrance: ENTRANCE, growth: 2_000_000 };
      opened.earned.set(toHex(idOf(1)), held);
      const counts = { failures: 5, paidAtomic: BigInt(dust), paidSquares: BigInt(dust), auditedAtomic: audited };
      const changes = [{ providerId: idOf(1), period: periodNow - age, counts }];
      const position = { length: 5n, head: new Uint8Array(32) };
      advanceLog(opened.store(), validatorAddress, { position, changes });
      await announce(opened, 1, { models: [makeOfferedModel({ contextSize })] });
      const gateway = await opened.connect(GATEWAY);
      const weight = async () => {
        await opened.router().refresh();
        return listWeighed((await route(gateway)).candidates)[0]?.weight;
      };
      return { opened, weight };
    }

    it('is weighed by what is held, and made by no number of small replies', async () => {
      const { weight: failed } = await open(0);
      expect(await failed()).toBe(142_857n);
      expect(await (await open(0, { dust: 10_000, held: 10_000n })).weight()).toBe(144_079n);
      expect(await (await open(0, { held: 100n * ENTRANCE })).weight()).toBe(943_925n);
    });

    it('is made by nothing that no audit has accepted', async () => {
      const held = 100n * ENTRANCE;
      expect(await (await open(0, { held, audited: 0n })).weight()).toBe(142_857n);
      expect(await (await open(0, { held, audited: 10_000n })).weight()).toBe(144_079n);
      expect(await (await open(0, { held, audited: 2n * held })).weight()).toBe(943_925n);
    });

    it('forgets failures with the periods that earnings are held for', async () => {
      expect(await (await open(2)).weight()).toBe(142_857n);
      expect(await (await open(3)).weight()).toBe(500_000n);
    });

    it('leaves a request to those that may be paid for it at once', async () => {
      const { opened, weight } = await open(3, { contextSize: 2_000_000 });
      expect(await weight()).toBe(500_000n);
      const gateway = await opened.connect(GATEWAY);
      // 1,000 atomic units for 1,000 tokens.
      const most = Number(ENTRANCE);
      expect((await route(gateway, { contextSize: most })).ticket.providerId).toEqual(idOf(1));
      const refused = await refusalOf(route(gateway, { contextSize: most + 1 }));
      expect(refused.message).toMatch(/holds enough to be paid for 1000001 tokens at once/);
      opened.earned.set(toHex(idOf(1)), 1n);
      await opened.restart();
      await opened.router().refresh();
      const again = await opened.connect(GATEWAY);
      expect((await route(again, { contextSize: most + 2 })).ticket.providerId).toEqual(idOf(1));
    });

    it('counts no more tokens than a provider has context, however many a request allows', async () => {
      const { opened, weight } = await open(3, { contextSize: 256 });
      expect(await weight()).toBe(500_000n);
      const gateway = await opened.connect(GATEWAY);
      const { ticket } = await route(gateway, { contextSize: 10 * Number(ENTRANCE) });
      expect(ticket).toMatchObject({ providerId: idOf(1), contextSize: 256 });
    });
  });
});
