import type { Deployment } from '@ogong/chain/deployment';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { ModelDemand } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { verifyNetwork } from '@ogong/protocol/network/network-document';
import { formatSignedNetwork, parseSignedNetwork } from '@ogong/protocol/network/network-json';
import { expect, it } from 'vitest';
import type { Routers } from '../buy/match/routers.ts';
import { createNetworkIssuer } from './network-issuer.ts';
import type { PublicReader } from './public-reader.ts';

const NOW_MS = 1_800_000_000_000;
const signer = createNodeHybridSigner(new Uint8Array(64).fill(7));
const deployment = { chainId: 31337, token: `0x${'1'.repeat(40)}`, block: 3, rpcUrl: 'http://secret' } as Deployment;
const root = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const router = { endpoint: 'router.example:4544', certHash: root(1) };
const relay = { endpoint: 'relay.example:4547', certHash: root(2) };
const supply = (model: string, value: number, providers: number) => ({
  ...{ model, modelRoot: root(value), modality: 'text', providers, freeCapacity: 4, minPricePer1k: 5n },
  ...{ contextSize: 512, verifiers: 2, stakedVerifiers: 1, milliTokensPerSecond: 9_000 },
});
const offer = (value: number, pricePer1k: bigint, freeCapacity: number, stakeTokens = 0n) => ({
  ...{ modelRoot: root(value), pricePer1k, capacity: 4, freeCapacity, stakeTokens },
});

interface Given {
  readonly supplies?: readonly ReturnType<typeof supply>[];
  readonly demands?: readonly Partial<ModelDemand>[] | Error;
  readonly holding?: () => Promise<never>;
  readonly more?: readonly ReturnType<typeof offer>[];
}

function openIssuer({
  supplies = [supply('ogong/verified/acme/small', 3, 3)],
  demands = [],
  holding,
  more = [],
}: Given = {}) {
  let nowMs = NOW_MS;
  let reads = 0;
  const client = {
    listRelays: async () => ({ relays: [relay, relay, { endpoint: '', certHash: root(9) }] }),
    async listDemand() {
      if (demands instanceof Error) throw demands;
      return { models: demands };
    },
  };
  const routers = {
    to: () => client,
    first: (ask: (peer: object, limits: object) => unknown) => ask(router, {}),
    all: async (ask: (peer: object, limits: object) => unknown) => [await ask(router, {}), await ask(router, {})],
  } as unknown as Routers;
  const reader = {
    async listModels() {
      reads++;
      return supplies;
    },
    listOffers: async () => [offer(3, 7n, 1), offer(3, 100n, 0), offer(3, 6n, 4), offer(8, 1n, 4), ...more],
  } as unknown as PublicReader;
  const issuer = createNetworkIssuer(
    {
      ...{ deployment, rpcUrl: 'http://chain.example' },
      routers: [{ ...router, endpoint: { host: 'router.example', port: 4544 } }] as never,
      sources: new Map([['ogong/verified/acme/small', 'hf:acme/small']]),
    },
    {
      ...{ signer, routers, reader },
      earnings: { readHolding: holding ?? (async () => ({ period: 60, entrance: 5n, growth: 0 })) },
      clock: { nowMs: () => nowMs },
    },
  );
  return {
    pass: (ms: number) => {
      nowMs += ms;
    },
    countReads: () => reads,
    async read() {
      const bytes = Buffer.from(JSON.stringify(formatSignedNetwork(await issuer.issue())));
      return verifyNetwork(crypto, parseSignedNetwork(bytes), { nowMs });
    },
  };
}

it('names the contracts, routers, relays and models, under the key of the gateway', async () => {
  const { document, fingerprint } = await openIssuer().read();
  expect(fingerprint).toEqual(hashHybridKey(crypto, signer.publicKey));
  expect(JSON.parse(document.deployment)).toEqual({ ...deployment, rpcUrl: 'http://chain.example' });
  expect(document).toMatchObject({
    parameters: { periodSeconds: 60, entranceAtomic: 5n },
    ...{ routers: [router], relays: [relay] },
  });
  expect(document.models).toEqual([
    {
      ...{ id: 'ogong/verified/acme/small', modelRoot: root(3), modality: 'text', source: 'hf:acme/small' },
      // The median of the offers of its weights, and of no others.
      ...{ pricePer1kAtomic: 7n, contextSize: 512, providers: 3, verifiers: 2, stakedVerifiers: 1 },
      ...{ slots: 12, freeSlots: 5, milliTokensPerSecond: 9_000, milliDemand: 0 },
    },
  ]);
});

it('takes the price of providers with stake, where there are some', async () => {
  const more = [offer(3, 90n, 4, 10n), offer(3, 80n, 4, 5n), offer(3, 1n, 4), offer(3, 1n, 4)];
  const [model] = (await openIssuer({ more }).read()).document.models;
  expect(model?.pricePer1kAtomic).toBe(80n);
});

it('names the weights of a model that most providers have, and models in demand that nobody serves', async () => {
  const supplies = [supply('ogong/verified/b/b', 4, 1), supply('ogong/verified/b/b', 5, 2)];
  const demands = [
    { model: 'ogong/verified/b/b', milliWeight: 500, verifiers: 2 },
    { model: 'ogong/verified/a/a', milliWeight: 2_000, verifiers: 1 },
  ];
  const { models } = (await openIssuer({ supplies, demands }).read()).document;
  expect(models).toMatchObject([
    { id: 'ogong/verified/a/a', providers: 0, verifiers: 1, milliDemand: 2_000 },
    { id: 'ogong/verified/b/b', modelRoot: root(5), providers: 2, milliDemand: 500 },
  ]);
});

it('is issued once for all who ask, and again before it is old', async () => {
  const { read, pass, countReads } = openIssuer();
  const [first, second] = await Promise.all([read(), read()]);
  expect([countReads(), second.document]).toEqual([1, first.document]);
  pass(30_000);
  expect((await read()).document.issuedAtMs).toBe(NOW_MS + 30_000);
});

it('does not need the demand, and waits for the chain', async () => {
  expect((await openIssuer({ demands: new Error('none') }).read()).document.models).toHaveLength(1);
  const down = openIssuer({ holding: () => Promise.reject(new Error('down')) });
  await expect(down.read()).rejects.toMatchObject({ code: 'chain_unreachable' });
});
