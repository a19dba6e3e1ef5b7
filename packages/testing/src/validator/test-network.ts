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
import { Secret } from '@ogong/host/crypto/secret';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { createLinkServer } from '@ogong/host/link/link-server';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { createBeaconView } from '@ogong/host/views/beacon-view';
import { createChainView } from '@ogong/host/views/chain-view';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { type Announcement, signAnnouncement } from '@ogong/protocol/exchange/announcement';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import {
  ProviderService,
  type RevealRequest,
  type ScoreRequest,
  ValidatorService,
  VerifierService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  encodeScoreOpening,
  hashScoreInputs,
} from '@ogong/protocol/modality/shared/score-commitment';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { registerRouter } from '@ogong/router/register';
import { registerValidator } from '@ogong/validator/register';
import { VALIDATOR_SCHEMA } from '@ogong/validator/store/schema';
import { createValidator, type Validator } from '@ogong/validator/validator';
import type { ValidatorOptions } from '@ogong/validator/validator-state';
import { startTestLedger } from '../chain/test-ledger.ts';
import { signTestEndorsement, WORD_UNTIL_MS } from './test-keys.ts';
import {
  createTestDelivery,
  createTestOrder,
  createTestReport,
  findServed,
  MODEL,
  MODEL_ROOT,
  PRICE_PER_1K,
  payeeSigner,
  type ServeInput,
  serveTestReply,
  type TestReply,
  toPushMessage,
} from './test-reply.ts';

/** A chain, validators over real links, and a provider with a verifier, both without a model. For tests of the whole. */
const UNIT = 10n ** 18n;
const seed = (text: string): Uint8Array => crypto.sha256(utf8Encode(text));
const hybridSeed = (text: string): Uint8Array =>
  new Uint8Array([...seed(`${text} ed25519`), ...seed(`${text} ml-dsa`)]);
const VERIFIER_PAYEE_KEY = seed('verifier payee');
/** Who is credited for what verifiers do. */
export const VERIFIER_PAYEE: Uint8Array = createNodeLedgerSigner(VERIFIER_PAYEE_KEY).address;
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
  /** Of the contracts; 0 where nothing is given. */
  delays?: Partial<Delays>;
  /** Default: a network without emission. */
  issuance?: Issuance | undefined;
  /** Validators register keys for heads of logs, in a contract whose epochs have this length. Default: there is no such contract. */
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
    const { address } = createNodeLedgerSigner(key);
    await chain.setBalance(address, 1_000n * UNIT);
    await ledger.governor.transfer(address, tokens);
    return connect(key);
  }

  async function createNode(index: number) {
    const ledgerKey = seed(`validator ${index}`);
    const signingKey = createNodeLedgerSigner(seed(`validator ${index} signing key`));
    const headKey = createNodeHybridSigner(hybridSeed(`validator ${index} head`));
    const signer = createKeySigner(crypto, signingKey, createNodeLedgerSigner(ledgerKey).address, { headKey });
    const identity = await createLinkIdentity(new Secret(seed(`validator link ${index}`)));
    const vrfSeed = seed(`validator vrf ${index}`);
    // Sends the transactions of the running daemon, and has nothing but fees.
    const feeKey = seed(`validator fees ${index}`);
    await chain.setBalance(createNodeLedgerSigner(feeKey).address, 1_000n * UNIT);
    const bind = { host: '127.0.0.1', port: (await findFreePorts(1))[0] as number };
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
  const view = createChainView({ deployment }, { connect: () => connect(seed('payer')) });
  const provider = await createTestProvider(directory, view.ledger);
  /** A payer with a deposit and a channel with every validator. */
  async function createPayer(name: string) {
    const key = seed(name);
    const client = await chain.hurry(async () => {
      const funded = await fund(key, 1_000n * UNIT);
      await funded.deposit(1_000n * UNIT);
      for (const node of nodes) await funded.admit(node.signer.address, UNIT);
      return funded;
    });
    return { signer: createNodeLedgerSigner(key), client };
  }

  const { signer: payer, client: payerClient } = await createPayer('payer');

  const router = createNodeLedgerSigner(seed('router')).address;
  await chain.hurry(async () =>
    registerRouter(await fund(seed('router'), defaultLimits.minimumRouterBond), seed('key of tickets')),
  );
  await view.refresh();
  const links = createLinkPool({ identity: provider.identity });
  const verifierLinks = createLinkPool({ identity: provider.verifierIdentity });
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
     * Admits, serves and hands in one reply, as gateway and provider do.
     * @param cohort the word of those who share the fee. Default: the provider has it alone.
     * @param other another text that the payer is given, of which it tells another validator alone.
     */
    async deliver(
      node: (typeof nodes)[number],
      bend: Partial<ServeInput> = {},
      other?: { readonly text: string; readonly tells: (typeof nodes)[number] },
      cohort?: Uint8Array,
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

/** A provider, and a second one that only verifies. Both know all replies of the first one. */
async function createTestProvider(name: string, ledger: LedgerDomain) {
  const signer = createNodeHybridSigner(hybridSeed(name));
  const verifier = createNodeHybridSigner(hybridSeed(`${name} verifier`));
  const verifierKeys = createNodeHybridSigner(hybridSeed(`${name} verifier reports`));
  const identity = await createLinkIdentity(new Secret(seed(`${name} link`)));
  const verifierIdentity = await createLinkIdentity(new Secret(seed(`${name} verifier link`)));
  const served = new Map<string, TestReply>();
  let sequence = 1n;
  const committed = new Map<string, Uint8Array>();
  let isOpen = true;
  const bind = { host: '127.0.0.1', port: 0 };
  const authorize = () => true;
  const server = createLinkServer({
    bind,
    identity,
    authorize,
    routes: (router) =>
      router.service(ProviderService, {
        getOpening({ replyId }) {
          const found = served.get(toHex(replyId));
          if (!isOpen || found === undefined) throw new Error('no such opening');
          return { opening: found.reply.openingBytes };
        },
      }),
  });
  const verifierServer = createLinkServer({
    bind,
    identity: verifierIdentity,
    authorize,
    routes: (router) =>
      router.service(VerifierService, {
        commit(job: ScoreRequest) {
          const found = findServed(served.values(), job);
          if (found === undefined) throw new Error('no such reply');
          const { jobId } = job;
          const report = createTestReport(found, job);
          const salt = crypto.sha256(jobId);
          const keyHash = hashHybridKey(crypto, verifierKeys.publicKey);
          const inputsHash = hashScoreInputs(crypto, {
            ...job,
            requestHash: hashRequest(crypto, job.endpoint, job.request),
          });
          const reportHash = crypto.sha256(report);
          const digest = computeScoreDigest(crypto, { jobId, keyHash, inputsHash, salt, reportHash });
          committed.set(toHex(jobId), report);
          const signature = verifierKeys.sign(encodeScoreCommitment({ jobId, digest }));
          return { digest, verifierKey: verifierKeys.publicKey, signature };
        },
        reveal({ jobId, round }: RevealRequest) {
          const report = committed.get(toHex(jobId));
          if (report === undefined) throw new Error('no such job');
          const salt = crypto.sha256(jobId);
          const message = encodeScoreOpening({ jobId, salt, reportHash: crypto.sha256(report), round });
          return { salt, report, signature: verifierKeys.sign(message) };
        },
      }),
  });
  await Promise.all([server.start(), verifierServer.start()]);
  const places = [server, verifierServer].map((one) => `127.0.0.1:${one.address().port}`) as [string, string];

  function announceAs(key: HybridSigner, isVerifier: boolean) {
    const nowMs = systemClock.nowMs();
    const endpoint = places[isVerifier ? 1 : 0] as string;
    const certHash = isVerifier ? verifierIdentity.id : identity.id;
    const payee = isVerifier ? createNodeLedgerSigner(VERIFIER_PAYEE_KEY) : payeeSigner;
    const providerId = hashHybridKey(crypto, key.publicKey);
    const announcement: Announcement = {
      providerId,
      payee: payee.address,
      endpoint,
      certHash,
      verifier: isVerifier ? { endpoint, certHash, keyHash: hashHybridKey(crypto, verifierKeys.publicKey) } : undefined,
      models: [
        {
          modelId: MODEL,
          modelRoot: MODEL_ROOT,
          pricePer1kAtomic: PRICE_PER_1K,
          contextSize: 4096,
          numericClass: 'synthetic/1',
          capacity: 4,
          freeCapacity: 4,
        },
      ],
      sequence: sequence++,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + 3_000_000,
    };
    const payeeWord = signProviderPayee(crypto, payee, { validUntilMs: WORD_UNTIL_MS, ledger, providerId });
    const verifierEndorsement = isVerifier
      ? signTestEndorsement(verifierKeys, providerId, announcement.models)
      : undefined;
    return signAnnouncement(key, announcement, { payeeWord, verifierEndorsement });
  }

  return {
    signer,
    identity,
    verifierIdentity,
    announce: () => announceAs(signer, false),
    announceVerifier: () => announceAs(verifier, true),
    keep: (reply: TestReply) => served.set(toHex(reply.reply.record.replyId), reply),
    withhold(isWithheld: boolean) {
      isOpen = !isWithheld;
    },
    stop: () => Promise.all([server.stop(100), verifierServer.stop(100)]),
  };
}
