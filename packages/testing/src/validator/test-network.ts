import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createChainClient } from '@ogong/chain/client';
import type { Delays, Issuance } from '@ogong/chain/deploy/deploy';
import { defaultLimits } from '@ogong/chain/deploy/deploy';
import { domainOf } from '@ogong/chain/domain';
import { bytesToHex } from '@ogong/chain/hex';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { createBeaconView } from '@ogong/host/views/beacon-view';
import { createChainView } from '@ogong/host/views/chain-view';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { registerRouter } from '@ogong/router/register';
import { registerValidator } from '@ogong/validator/register';
import { VALIDATOR_SCHEMA } from '@ogong/validator/store/schema';
import { createValidator, type Validator } from '@ogong/validator/validator';
import type { ValidatorOptions } from '@ogong/validator/validator-state';
import { startTestLedger } from '../chain/test-ledger.ts';
import { createNamedIdentity, LOOPBACK } from '../network/loopback-server.ts';
import { startServedProvider } from '../network/served-provider.ts';
import { createTestHybrid, createTestLedgerSigner, seedOf } from './test-keys.ts';
import {
  createTestDelivery,
  createTestOrder,
  type ServeInput,
  serveTestReply,
  type TestOrder,
  type TestReply,
  toPushMessage,
} from './test-reply.ts';

/** A chain, validators over real links, and a provider with a verifier, both without a model. For whole-network tests. */
const UNIT = 10n ** 18n;
const VERIFIER_PAYEE_KEY = seedOf('verifier payee');
/** Payee of verifiers. */
export const VERIFIER_PAYEE: Uint8Array = createTestLedgerSigner(VERIFIER_PAYEE_KEY).address;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export type TestNetwork = Awaited<ReturnType<typeof startTestNetwork>>;

export async function startTestNetwork({
  count = 4,
  options = {},
  delays = {},
  issuance,
  headPeriodS,
  log = quiet,
}: {
  count?: number;
  /** Delays of the contracts. Default: 0. */
  delays?: Partial<Delays>;
  /** Default: a network without emission. */
  issuance?: Issuance | undefined;
  /** Validators register keys for log heads, in a contract with epochs of this length. Default: there is no such contract. */
  headPeriodS?: number | undefined;
  /** Read again at every start of a validator. */
  options?: Partial<ValidatorOptions>;
  log?: typeof quiet;
} = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-validators-'));
  const ledger = await startTestLedger({
    ...{ limits: { alpha: 0 }, delays },
    ...(issuance && { issuance }),
    ...(headPeriodS && { beacon: { origin: 1n, period: BigInt(headPeriodS) } }),
  });
  const { deployment, chain } = ledger;
  const connect = (privateKey: Uint8Array) =>
    createChainClient({ rpcUrl: chain.rpcUrl, deployment, privateKey: bytesToHex(privateKey), pollIntervalMs: 20 });

  async function fund(key: Uint8Array, tokens: bigint) {
    const { address } = createTestLedgerSigner(key);
    await chain.setBalance(address, 1_000n * UNIT);
    await ledger.governor.transfer(address, tokens);
    return connect(key);
  }

  async function createNode(index: number) {
    const ledgerKey = seedOf(`validator ${index}`);
    const signingKey = createTestLedgerSigner(seedOf(`validator ${index} signing key`));
    const headKey = createTestHybrid(`validator ${index} head`);
    const signer = createKeySigner(crypto, signingKey, createTestLedgerSigner(ledgerKey).address, { headKey });
    const identity = await createNamedIdentity(`validator ${index}`);
    const vrfSeed = seedOf(`validator vrf ${index}`);
    // The fee key sends the transactions of the running daemon, and owns nothing but fees.
    const feeKey = seedOf(`validator fees ${index}`);
    await chain.setBalance(createTestLedgerSigner(feeKey).address, 1_000n * UNIT);
    const bind = { ...LOOPBACK, port: (await findFreePorts(1))[0] as number };
    const client = await fund(ledgerKey, 100n * UNIT);
    const registry = domainOf(deployment, deployment.registry);
    const consent = await signer.sign({ kind: 'signing-key', domain: registry, account: signer.address });
    await client.setSigningKey(signingKey.address, consent);
    await registerValidator(client, {
      endpoint: `127.0.0.1:${bind.port}`,
      certHash: identity.id,
      vrfSeed,
      headKey: headPeriodS === undefined ? undefined : headKey.publicKey,
      bondAtomic: 100n * UNIT,
    });
    let running: { validator: Validator; close(): Promise<void> } | undefined;
    return {
      signer,
      identity,
      client,
      peer: { endpoint: bind, certHash: identity.id },
      storePath: join(directory, `validator-${index}.db`),
      async start() {
        const store = openStore(this.storePath, { schema: VALIDATOR_SCHEMA });
        const view = createChainView({ deployment, refreshMs: 500 }, { connect: () => connect(feeKey) });
        await view.refresh();
        view.start();
        const validator = createValidator(
          {
            bind,
            alpha: 1,
            epochMs: 300,
            settleMs: 200,
            auditWindowMs: 5_000,
            emission: deployment.emission && domainOf(deployment, deployment.emission),
            ...options,
          },
          {
            crypto,
            clock: systemClock,
            store,
            signer,
            vrfSeed,
            identity,
            chain: view,
            log,
            metrics: createMetrics('validator'),
          },
        );
        await validator.start();
        running = {
          validator,
          async close() {
            await validator.stop(200);
            await view.stop();
            store.close();
          },
        };
      },
      async stop() {
        const current = running;
        running = undefined;
        await current?.close();
      },
    };
  }

  const nodes = await chain.hurry(() => Promise.all(Array.from({ length: count }, (_, i) => createNode(i))));
  const view = createChainView({ deployment }, { connect: () => connect(seedOf('payer')) });
  const provider = await startServedProvider(directory, {
    ...{ ledger: view.ledger, verifierPayee: createTestLedgerSigner(VERIFIER_PAYEE_KEY) },
  });
  /** A payer with a deposit and a channel with every validator. */
  async function createPayer(name: string) {
    const key = seedOf(name);
    const client = await chain.hurry(async () => {
      const funded = await fund(key, 1_000n * UNIT);
      await funded.deposit(1_000n * UNIT);
      for (const node of nodes) await funded.admit(node.signer.address, UNIT);
      return funded;
    });
    return { signer: createTestLedgerSigner(key), client };
  }

  const { signer: payer, client: payerClient } = await createPayer('payer');

  const router = createTestLedgerSigner(seedOf('router')).address;
  await chain.hurry(async () =>
    registerRouter(await fund(seedOf('router'), defaultLimits.minimumRouterBond), seedOf('key of tickets')),
  );
  await view.refresh();
  const links = createLinkPool({ identity: provider.identity, dialPolicy: 'any' });
  const verifierLinks = createLinkPool({ identity: provider.verifierIdentity, dialPolicy: 'any' });
  const beacons = createBeaconView({}, { crypto, chain: view, links });
  let orders = 0;

  return {
    ledger,
    nodes,
    provider,
    payer,
    payerClient,
    /** The account that orders name as their router. */
    router,
    createPayer,
    view,
    links,
    beacons,
    domain: view.ledger,
    service: (node: (typeof nodes)[number]) => links.to(ValidatorService, node.peer),
    start: () => Promise.all(nodes.map((node) => node.start())),
    /** Stakes whole tokens for the verifier's payee. */
    async stakeForVerifier(tokens: bigint) {
      const client = await fund(VERIFIER_PAYEE_KEY, tokens * UNIT);
      await client.stake(tokens * UNIT);
    },
    async announce(to = nodes) {
      for (const node of to) await links.to(ValidatorService, node.peer).announce(provider.announce());
      for (const node of to) {
        await verifierLinks.to(ValidatorService, node.peer).announce(provider.announceVerifier());
      }
    },
    /**
     * Admits, serves and delivers one reply, as gateway and provider do.
     * @param agree creates the agreement of the shards for the order. Default: the provider earns the whole fee.
     * @param other a different text that the payer received, and the one validator that it reports it to.
     */
    async deliver(
      node: (typeof nodes)[number],
      bend: Partial<ServeInput> = {},
      other?: { readonly text: string; readonly tells: (typeof nodes)[number] },
      agree?: (order: TestOrder) => Uint8Array,
    ): Promise<TestReply> {
      await beacons.refresh();
      const latest = beacons.latest();
      const index = orders++;
      const order = createTestOrder({
        payer: bend.payer ?? payer,
        ledger: view.ledger,
        validator: node.signer.address,
        provider: provider.signer,
        index,
        epoch: latest.epoch,
        expiresAtMs: systemClock.nowMs() + 60_000,
        bend: { router, ...(bend.payee && { payee: bend.payee.address }) },
      });
      const service = links.to(ValidatorService, node.peer);
      const admission = await service.admit({ order, consent: order.consent });
      const serve = { provider: provider.signer, payer, ledger: view.ledger, beacon: latest, ...bend };
      const served = serveTestReply(order, serve);
      if (other) {
        const { delivery, bound } = createTestDelivery(order, serveTestReply(order, { ...serve, text: other.text }), {
          ...{ payer, ledger: view.ledger },
        });
        const { record, providerKey, signature, header, headerProof } = bound;
        await links.to(ValidatorService, other.tells.peer).acknowledge({
          ...{ order, delivery, record: { record, providerKey, signature }, header, headerProof: [...headerProof] },
          admission,
        });
      }
      provider.keep(served);
      const cohort = agree?.(order);
      await service.pushRecord(toPushMessage({ ...served.submission, ...(cohort && { cohort }) }));
      return served;
    },
    async waitForState(node: (typeof nodes)[number], replyId: Uint8Array, state: string, timeoutMs = 150_000) {
      const service = links.to(ValidatorService, node.peer);
      for (const end = systemClock.nowMs() + timeoutMs; ; await delay(50)) {
        const status = await service.getReply({ replyId });
        if (status.state === state) return status;
        if (systemClock.nowMs() > end) throw new Error(`reply is ${status.state} (${status.verdict}), not ${state}`);
      }
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
      links.close();
      verifierLinks.close();
      await provider.stop();
      await ledger.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
