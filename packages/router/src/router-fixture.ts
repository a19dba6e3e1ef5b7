import { join } from 'node:path';
import type { ChainClient, NetworkParameters } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLinkClient, type LinkClient } from '@ogong/host/link/link-client';
import { LinkError } from '@ogong/host/link/link-error';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { openStore, type Store } from '@ogong/host/store/store';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type Announcement, type OfferedModel, signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { type Candidate, parseCandidates, weighList } from '@ogong/protocol/exchange/match';
import { encodeNewcomerWork, searchNewcomerWork, type WorkTerms } from '@ogong/protocol/exchange/newcomer-work';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { verifyTicket } from '@ogong/protocol/exchange/ticket';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import {
  createTestHybrid,
  createTestPayee,
  signTestEndorsement,
  WORD_UNTIL_MS,
} from '@ogong/testing/validator/test-keys';
import { expect, onTestFinished } from 'vitest';
import { createRouter, type Router, type RouterOptions } from './router.ts';
import type { RouterDependencies } from './router-state.ts';
import { ROUTER_SCHEMA } from './router-store.ts';

export const MODEL_ID = 'ogong/verified/test/fake';
export const MODEL_ROOT = new Uint8Array(32).fill(1);
export const GATEWAY = 50;
export const NOW = 1_800_000_000_000;
export const network = { chainId: 31_337n, settlement: new Uint8Array(20).fill(8) };
export const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(7) };

export interface TestRouter {
  readonly router: () => Router;
  readonly store: () => Store;
  readonly clock: { now: number };
  readonly stakes: Map<string, bigint>;
  /** Holdings of providers, by the hex of their ids. */
  readonly earned: Map<string, bigint>;
  /** Read once. */
  readonly holding: { now: { period: number; entrance: bigint; growth: number } };
  /** Work that the network demands of keys without stake; undefined while the chain was not read. */
  readonly asked: { work: WorkTerms | undefined };
  readonly anchors: Map<string, { logLength: bigint; logHead: `0x${string}` }>;
  connect(seed: number): Promise<LinkClient>;
  restart(): Promise<void>;
}

export async function start(
  options: Partial<RouterOptions> = {},
  validators: readonly QuorumMember[] = [],
  more: Pick<Partial<ChainView>, 'findMachineProblem'> = {},
  own: Pick<Partial<RouterDependencies>, 'attester' | 'log'> = {},
): Promise<TestRouter> {
  const directory = createTestDirectory('router');
  const identity = await makeIdentity(40);
  const clock = { now: NOW };
  const stakes = new Map<string, bigint>();
  const anchors: TestRouter['anchors'] = new Map();
  const earned: TestRouter['earned'] = new Map();
  const asked: TestRouter['asked'] = { work: undefined };
  const holding = { now: { period: 0, entrance: 0n, growth: 0 } };
  const client = {
    prioritiesOf: async (payees: Uint8Array[]) => payees.map((payee) => stakes.get(toHex(payee)) ?? 0n),
    anchorOf: async (address: Uint8Array) =>
      anchors.get(toHex(address)) ?? { sequence: 0n, logLength: 0n, logHead: `0x${'00'.repeat(32)}` },
    parameters: async () => ({ holding: holding.now }),
    lockedOf: async (payee: Uint8Array) => stakes.get(toHex(payee)) ?? 0n,
    heldIn: async (providerId: Uint8Array) => earned.get(toHex(providerId)) ?? 0n,
    deployment: { block: 0 },
    transactor: { read: () => Promise.reject(new ChainError('rpc-unreachable', 'down')) },
  } as unknown as ChainClient;
  let store: Store;
  let router: Router;
  const open = async (): Promise<void> => {
    store = openStore(join(directory.path, 'router.sqlite'), { schema: ROUTER_SCHEMA });
    router = createRouter(
      { bind: { host: '127.0.0.1', port: 0 }, address: new Uint8Array(20).fill(5), refreshMs: 3_600_000, ...options },
      {
        crypto,
        clock: { nowMs: () => clock.now },
        signer: createNodeHybridSigner(new Uint8Array(64).fill(41)),
        identity,
        chain: {
          ...{ ledger, network, validators: () => validators, client: async () => client },
          parameters: () => asked.work && ({ work: asked.work } as NetworkParameters),
          ...{ generations: () => [], readBeaconKeys: async () => undefined },
          ...more,
        },
        store,
        log: createLogger({ name: 'test', level: 'silent' }),
        metrics: createMetrics('router'),
        ...own,
      },
    );
    await router.start();
  };
  await open();
  onTestFinished(async () => {
    await router.stop(0);
    store.close();
    directory.remove();
  });
  return {
    router: () => router,
    store: () => store,
    clock,
    stakes,
    anchors,
    earned,
    holding,
    asked,
    async connect(seed) {
      const endpoint = router.address();
      const connected = createLinkClient({ endpoint, certHash: identity.id, identity: await makeIdentity(seed) });
      onTestFinished(() => connected.close());
      return connected;
    },
    async restart() {
      await router.stop(0);
      store.close();
      await open();
    },
  };
}

export const signerOf = (n: number) => createTestHybrid(`provider ${n}`);
export const idOf = (n: number): Uint8Array => hashHybridKey(crypto, signerOf(n).publicKey);
export const payeeOf = (n: number) => createTestPayee(`provider ${n}`);

export const makeOfferedModel = (fields: Partial<OfferedModel> = {}): OfferedModel => ({
  ...{
    modelId: MODEL_ID,
    modelRoot: MODEL_ROOT,
    pricePer1kAtomic: 1_000n,
    contextSize: 512,
    modality: 'text',
    numericClass: 'fake',
  },
  ...{ capacity: 2, freeCapacity: 2 },
  ...fields,
});

/** Provider n announces over its own link, which stays open. */
export async function announce(
  opened: TestRouter,
  n: number,
  bend: Partial<Announcement> & {
    modelId?: string;
    price?: bigint;
    root?: Uint8Array;
    capacity?: number;
    freeCapacity?: number;
  } = {},
  {
    signer = n,
    peer = n,
    paidTo = n,
    consentFor = n,
    vouchedBy = n,
    domain = ledger,
    misprint = undefined as string | undefined,
    work = undefined as Uint8Array | undefined,
  } = {},
): Promise<LinkClient> {
  const { modelId, price = 1_000n, root = MODEL_ROOT, capacity = 2, freeCapacity = capacity, ...fields } = bend;
  const payee = payeeOf(paidTo);
  const announcement = {
    providerId: idOf(n),
    payee: payee.address,
    endpoint: `127.0.0.1:${9_000 + n}`,
    certHash: (await makeIdentity(n)).id,
    verifier: undefined,
    models: [
      makeOfferedModel({
        modelRoot: root,
        pricePer1kAtomic: price,
        contextSize: 512 + n,
        capacity,
        freeCapacity,
        ...(modelId && { modelId }),
      }),
    ],
    segments: [],
    sequence: 1n,
    issuedAtMs: opened.clock.now,
    expiresAtMs: opened.clock.now + 30_000,
    ...fields,
  };
  const payeeWord = signProviderPayee(crypto, payee, {
    validUntilMs: WORD_UNTIL_MS,
    ledger: domain,
    providerId: idOf(consentFor),
  });
  const verifierEndorsement = fields.verifier && signTestEndorsement(signerOf(vouchedBy), idOf(n));
  const signed = signAnnouncement(signerOf(signer), announcement, {
    payeeWord,
    verifierEndorsement,
    ...(work && { newcomerWork: work }),
  });
  const client = await opened.connect(peer);
  const bytes = Buffer.from(signed.announcement);
  if (misprint !== undefined) bytes.write(misprint, bytes.indexOf(announcement.endpoint));
  await client.service(RouterService).announce({ ...signed, announcement: bytes });
  return client;
}

let replies = 0;
export function makeRoute(bend: Readonly<Record<string, unknown>> = {}) {
  replies++;
  const replyId = Uint8Array.from({ length: 16 }, (_, i) => (replies >> (8 * i)) & 255);
  return { model: MODEL_ID, maxPricePer1k: 10_000n, exclude: [] as Uint8Array[], replyId, ...bend };
}

export async function route(client: LinkClient, bend?: Readonly<Record<string, unknown>>) {
  const request = makeRoute(bend);
  const { ticket: signed, candidates } = await client.service(RouterService).route(request);
  const context = { nowMs: NOW, replyId: request.replyId };
  const verdict = verifyTicket(crypto, signed!, context);
  expect(verdict.checks.filter(({ status }) => status === 'fail')).toEqual([]);
  return { request, candidates, ticket: verdict.ticket! };
}

export async function refusalOf(call: Promise<unknown>): Promise<LinkError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LinkError);
  return error as LinkError;
}

/** The candidates of a list, with what each counts for in the draw. */
export function listWeighed(bytes: Uint8Array): readonly (Candidate & { readonly weight: bigint })[] {
  const list = parseCandidates(bytes);
  const weights = weighList(list);
  return list.candidates.map((candidate, i) => ({ ...candidate, weight: weights[i] as bigint }));
}

/** On the epoch that every network begins with. */
export function makeWork(n: number, bits: number): Uint8Array {
  const subject = { ...network, providerId: idOf(n), epoch: 0n, beacon: computeGenesisBeacon(crypto, network) };
  const nonce = searchNewcomerWork(crypto, subject, { bits, from: 0n, tries: 1_000_000 }) as bigint;
  return encodeNewcomerWork({ epoch: 0n, nonce });
}
