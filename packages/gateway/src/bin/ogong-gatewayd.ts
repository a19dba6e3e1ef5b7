#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --heap-growing-percent=80 --max-semi-space-size=16
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { type Deployment, readTierStakes } from '@ogong/chain/deployment';
import { ConfigError } from '@ogong/host/config/config-error';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { readDefaultTable } from '@ogong/host/drift-table/default-table';
import { readTableFile } from '@ogong/host/drift-table/table-file';
import { enterDataDirectory } from '@ogong/host/files/data-directory';
import { makePrivateDirectory } from '@ogong/host/files/private-files';
import { createPictureFetcher } from '@ogong/host/http/picture-fetch';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { type KnownPeer, pinRouters, type RouterPeer } from '@ogong/host/link/peer-values';
import { toDialPolicy } from '@ogong/host/link/public-address';
import { openPuncher } from '@ogong/host/link/reach/punch';
import { createLogger } from '@ogong/host/log/logger';
import { createObservation } from '@ogong/host/metrics/observation';
import { createBeaconView } from '@ogong/host/views/beacon-view';
import { createChainView } from '@ogong/host/views/chain-view';
import { openMachinePolicy } from '@ogong/host/views/machine-policy';
import { openModelRoots } from '@ogong/host/views/open-model-roots';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { type AdminOutput, runAdminCommand } from '../admin/admin-command.ts';
import type { ArchiveOptions, ArchivePlace } from '../books/archive.ts';
import type { AlertWebhook } from '../books/budget-alerts.ts';
import type { DepositOptions } from '../books/deposits.ts';
import { openBooks } from '../books/open-books.ts';
import type { SignedDepositTerms } from '../books/signed-deposits.ts';
import { U64_MAX } from '../buy/match/provider-match.ts';
import { signForWallet } from '../buy/paying-signer.ts';
import { createGateway, GatewayConfigError } from '../gateway.ts';
import { adminConfig, gatewayConfig } from '../gateway-config.ts';
import type { GatewayOptions } from '../gateway-options.ts';
import type { OpenGatewayMemories } from '../open-gateway-memories.ts';

const NAME = 'ogong-gatewayd';
/** Percent. */
const ALERT_AT = [50, 80, 100];
/** Openings of long replies are the largest messages that a gateway gets. */
const ARCHIVE_INTERVAL_MS = 60_000;
/** By then validators have signed for nearly all records. */
const ARCHIVE_AFTER_MS = 600_000;
const PAYMENT_INTERVAL_MS = 10_000;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

const DEFAULT_ROUTER: RouterPeer = { endpoint: { host: '127.0.0.1', port: 4544 }, certHash: undefined };

type Values = Extract<ReturnType<typeof gatewayConfig.parse>, { kind: 'run' }>['values'];

/** @throws ConfigError where a router has no certificate. */
function readRouters({ router, routerCert }: Values): readonly KnownPeer[] {
  const problems: string[] = [];
  const given = router.length > 0 ? router : [DEFAULT_ROUTER];
  const routers = pinRouters(given, { routerCert, problems });
  if (problems.length > 0) throw new ConfigError(NAME, problems);
  return routers;
}

/** @throws GatewayConfigError */
function readSources({ modelSource }: Values): ReadonlyMap<string, string> {
  return new Map(
    modelSource.map((given) => {
      const at = given.indexOf('=');
      const [id, source] = [given.slice(0, at), given.slice(at + 1)];
      try {
        parseModelId(id);
      } catch {
        throw new GatewayConfigError(
          `--model-source ${given}: expected <id>=<place>, such as ogong/verified/acme/small=hf:acme/small`,
        );
      }
      if (source === '') throw new GatewayConfigError(`--model-source ${given}: it names no place`);
      return [id, source] as const;
    }),
  );
}

async function start(values: Values): Promise<Daemon> {
  const logger = createLogger({ name: NAME, level: values.logLevel });
  const warn = (what: string) => (err: unknown) => logger.warn({ err }, what);
  const restored = enterDataDirectory(values.dataDir);
  if (restored && !restored.isFinal) {
    const copied = new Date(restored.copiedAtMs).toISOString();
    logger.warn(
      { copied },
      'this is a copy: receipts and spending of keys since then are lost, and budgets do not count it',
    );
  }
  const secrets = createOrLoadKeys(values.dataDir);
  const own = createNodeLedgerSigner(secrets.ledgerKey.reveal());
  const networkSigner = createNodeHybridSigner(secrets.hybridSeed.reveal());
  const payer = values.wallet === undefined ? own : signForWallet(fromHex(values.wallet, 20), own);
  const { deployment, rpcUrl } = readDeployment(NAME, values);
  const chain = createChainView(
    { deployment, refreshMs: 5_000 },
    {
      connect: () => createChainClient({ rpcUrl, deployment, privateKey: `0x${toHex(secrets.ledgerKey.reveal())}` }),
      onError: warn('the chain cannot be read'),
    },
  );
  const modelRoots = openModelRoots(NAME, values, {
    client: chain.client,
    onError: warn('the model registry cannot be read'),
  });
  const { punchBootstrap: bootstrap } = values;
  const dialPolicy = toDialPolicy(chain.ledger.chainId);
  const puncher = bootstrap.length === 0 ? undefined : await openPuncher({ bootstrap, dialPolicy });
  const routers = readRouters(values);
  const reach = { dialPolicy, own: routers };
  const links = createLinkPool({
    ...reach,
    puncher,
    identity: createLinkIdentity(secrets.linkSeed),
    limits: { maxMessageBytes: MAX_MESSAGE_BYTES },
  });
  const publicLinks = createLinkPool({ ...reach, identity: createLinkIdentity(new Secret(randomBytes(32))) });
  const beacon = createBeaconView(
    { refreshMs: values.beaconInterval },
    { crypto: nodeCrypto, chain, links, onError: warn('the beacon cannot be read') },
  );
  const observation = createObservation({ name: NAME, role: 'gateway', log: logger }, values);
  const { metrics } = observation;
  const { books, accounts, failed, close } = await openBooks(values, {
    payer: `0x${toHex(payer.address)}`,
    ledger: chain.ledger,
  });
  const machines = openMachinePolicy(NAME, values, {
    ...{ client: chain.client, onError: warn('the list of images cannot be read') },
    onChange: (problem) => logger.info({ problem }, 'the accepted images of machines have changed'),
  });
  const memories = await openMemories(values);
  const gateway = createGateway(
    {
      routers,
      http: {
        bind: values.bind,
        maxConnections: values.maxConnections,
        maxConnectionsPerAddress: values.maxConnectionsPerAddress,
        headersTimeoutMs: values.headersTimeout,
        maxBodyBytes: values.maxBody,
        maxMediaBytes: values.maxMedia,
        ...(values.fetchPictures === 'public' && { pictures: createPictureFetcher() }),
        bodyTimeoutMs: values.bodyTimeout,
        heartbeatMs: values.heartbeat,
        maxRequests: values.maxRequests,
        maxRequestsPerKey: values.maxRequestsPerKey,
        origins: values.origin,
        stopGraceMs: 5_000,
      },
      spending: {
        maxPricePer1kAtomic: values.maxPrice,
        depositAtomic: values.deposit,
        allowanceAtomic: values.allowance,
        settle: values.settle,
        sort: values.sort,
        minHeldTokens: values.minStake,
        tierStakes: readTierStakes(deployment),
      },
      patience: {
        busyPatienceMs: values.busyPatience,
        firstTokenTimeoutMs: values.firstTokenTimeout,
        idleTimeoutMs: values.idleTimeout,
        totalTimeoutMs: values.totalTimeout,
      },
      hedging: {
        isDefault: values.hedge === true,
        share: values.hedgeShare / 100,
        patienceMs: values.hedgeAfter,
        standbyPercent: values.standbyShare,
      },
      ticketsAhead: values.ticketsAhead,
      seal: values.seal,
      machinePolicy: machines.policy,
      machineIntervalMs: values.machineInterval,
      demandedRoles: values.attested,
      misroutedDir: join(values.dataDir, 'misrouted'),
      alerts: { thresholds: values.alertAt.length > 0 ? values.alertAt : ALERT_AT, webhook: readWebhook(values) },
      receiptLifetimeMs: values.receiptLifetime,
      verdictIntervalMs: values.verdictInterval,
      archive: readArchive(values, values.archiveRetention),
      ...readPayments(values, deployment),
      ...readDeposits(values, { deployment, ledgerKey: secrets.ledgerKey }),
      card: values.cardSecret && { secret: values.cardSecret, rates: readCardRates(values) },
      network: { deployment, rpcUrl: values.publicRpcUrl, sources: readSources(values) },
      ipfsGateway: values.hubIpfsGateway,
      readDriftTable: () =>
        values.driftTable === undefined ? readDefaultTable(nodeCrypto) : readTableFile(nodeCrypto, values.driftTable),
      ...(modelRoots && { modelRoots }),
    },
    {
      books,
      chain,
      beacon,
      links,
      publicLinks,
      payer,
      accounts,
      networkSigner,
      memories: memories?.memories,
      logger,
      metrics,
    },
  );

  // The chain may come up later than the gateway does; until then it answers that nobody can serve.
  await chain.refresh().catch(warn('the chain cannot be read yet'));
  await beacon.refresh().catch(warn('the beacon cannot be read yet'));
  await machines.trigger().catch(warn('the list of images cannot be read yet'));
  await gateway.start();
  chain.start();
  beacon.start();
  machines.start();
  await observation.start();
  return {
    ready: {
      ...observation.ready,
      address: gateway.address(),
      payer: `0x${toHex(payer.address)}`,
      key: `0x${toHex(own.address)}`,
      networkKey: toHex(hashHybridKey(nodeCrypto, networkSigner.publicKey)),
    },
    failed,
    async stop() {
      await gateway.stop();
      await Promise.all([beacon.stop(), machines.stop(), chain.stop(), observation.stop()]);
      links.close();
      await puncher?.close();
      publicLinks.close();
      await memories?.close();
      await close();
    },
  };
}

/** @throws GatewayConfigError where a model is missing. */
async function openMemories(values: Values): Promise<OpenGatewayMemories | undefined> {
  const { memory, memoryModel: model, memoryEmbeddingModel: embeddingModel, memoryRerankModel: rerankModel } = values;
  if (!memory) return undefined;
  if (model === undefined || embeddingModel === undefined)
    throw new GatewayConfigError('--memory needs --memory-model and --memory-embedding-model');
  const { openGatewayMemories } = await import('../open-gateway-memories.ts');
  const { dataDir, database, databasePassword, memoryMasterKey: masterKey } = values;
  return openGatewayMemories(
    { dataDir: join(dataDir, 'memory'), database, databasePassword, masterKey },
    { model, embeddingModel, rerankModel },
  );
}

/** @throws GatewayConfigError if there is an address and no secret: receivers could not verify the sender. */
function readWebhook({ alertWebhook: url, alertSecret: secret }: Values): AlertWebhook | undefined {
  if (url === undefined) return undefined;
  const { username, password } = new URL(url);
  if (username !== '' || password !== '')
    throw new GatewayConfigError('--alert-webhook: an address without user and password is expected');
  if (secret) return { url, secret };
  throw new GatewayConfigError('--alert-webhook needs --alert-secret, or OGONG_GATEWAY_ALERT_SECRET');
}

/** @throws GatewayConfigError if the place is not writable. */
function readArchivePlace({
  archiveUrl: url,
  archiveRegion: region,
  archiveKey: accessKeyId,
  archiveSecret: secretAccessKey,
}: Pick<Values, 'archiveUrl' | 'archiveRegion' | 'archiveKey' | 'archiveSecret'>): ArchivePlace | undefined {
  if (url === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new GatewayConfigError('--archive-url needs --archive-key and OGONG_GATEWAY_ARCHIVE_SECRET');
  return { url, region, accessKeyId, secretAccessKey };
}

function readArchive(values: Values, retentionMs: number): ArchiveOptions | undefined {
  const place = readArchivePlace(values);
  return place && { ...place, retentionMs, afterMs: ARCHIVE_AFTER_MS, intervalMs: ARCHIVE_INTERVAL_MS };
}

/** @throws GatewayConfigError where the network has no token to pay in. */
function readDeposits(
  { deposits, confirmations, leastPayment: leastAtomic }: Values,
  { deployment, ledgerKey }: Pick<DepositOptions, 'deployment' | 'ledgerKey'> & { readonly deployment: Deployment },
): Pick<GatewayOptions, 'deposits'> {
  if (!deposits) return {};
  if (deployment.burnAndMint)
    throw new GatewayConfigError('--deposits: this network pays in credits, which nobody can hand over');
  return {
    deposits: {
      deployment,
      ledgerKey,
      leastAtomic,
      confirmations: BigInt(confirmations),
      intervalMs: PAYMENT_INTERVAL_MS,
    },
  };
}

/** @throws GatewayConfigError where no payment could be credited. */
function readCardRates({ cardRate }: Values): ReadonlyMap<string, bigint> {
  if (cardRate.length === 0) throw new GatewayConfigError('--card-secret takes --card-rate, one for each currency');
  return new Map(cardRate);
}

/** @throws GatewayConfigError where a payment would cover no request, or the network has no token to pay in. */
function readPayments(values: Values, deployment: Deployment): Pick<GatewayOptions, 'payments'> {
  if (!values.payments) return {};
  if (values.maxPrice === U64_MAX)
    throw new GatewayConfigError(
      '--payments takes --max-price: callers are asked for the most that a request may cost',
    );
  if (deployment.burnAndMint)
    throw new GatewayConfigError('--payments: this network pays in credits, which nobody can hand over');
  const { leastPayment: leastAtomic, uptoLimit, confirmations } = values;
  return {
    payments: {
      ...{ deployment, leastAtomic, confirmations: BigInt(confirmations), intervalMs: PAYMENT_INTERVAL_MS },
      mostUnsettledAtomic: uptoLimit === 0n ? undefined : uptoLimit,
    },
  };
}

/** A user of a container may have no name. */
function nameUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === 'admin') {
  await runDaemon(
    async () => {
      const parsed = adminConfig.parse(rest, process.env);
      const { text, isOk } = parsed.kind === 'print' ? { ...parsed, isOk: true } : await runAdmin(parsed);
      process.stdout.write(text);
      process.exit(isOk ? 0 : 1);
    },
    { name: NAME },
  );
} else {
  await runDaemon(
    async () => {
      const parsed = gatewayConfig.parse(process.argv.slice(2), process.env);
      if (parsed.kind === 'run') return start(parsed.values);
      process.stdout.write(parsed.text);
      process.exit(0);
    },
    { name: NAME },
  );
}

/** Connects to the chain for an administrator's comparison; undefined without a deployment. */
function connectChain(values: {
  readonly deployment: string | undefined;
  readonly rpcUrl: string | undefined;
}): (() => Promise<ChainClient>) | undefined {
  const { deployment: path } = values;
  if (path === undefined) return undefined;
  const { deployment, rpcUrl } = readDeployment(NAME, { deployment: path, rpcUrl: values.rpcUrl });
  return () => createChainClient({ rpcUrl, deployment });
}

/** The token that a payer signs for; undefined where no deployment is given. */
function readDepositTerms(values: Parameters<typeof connectChain>[0]): SignedDepositTerms | undefined {
  const { deployment: path, rpcUrl } = values;
  return path === undefined ? undefined : readDeployment(NAME, { deployment: path, rpcUrl });
}

/** Runs a command on the store alone, which daemons may have open too. */
async function runAdmin({
  values,
  positionals,
}: Extract<ReturnType<typeof adminConfig.parse>, { kind: 'run' }>): Promise<AdminOutput> {
  makePrivateDirectory(values.dataDir);
  const { maxSpend: maxSpendAtomic, maxSpendPerDay: maxSpendPerDayAtomic, ...others } = values;
  const { amount: amountAtomic, lifetime: lifetimeMs, json: isJson, ...terms } = others;
  const { books, accounts, close } = await openBooks(values);
  try {
    return await runAdminCommand({
      ...{ ...terms, positionals, accounts, books, amountAtomic, lifetimeMs, isJson },
      ...{ maxSpendAtomic, maxSpendPerDayAtomic },
      ...{
        actor: `operator:${nameUser()}`,
        nowMs: Date.now(),
        client: connectChain(values),
        deposits: readDepositTerms(values),
        files: { dataDir: values.dataDir, accounts: values.accounts },
        transfer: values.transfer === undefined ? undefined : readFileSync(values.transfer, 'utf8'),
        archive: readArchivePlace(values),
      },
    });
  } finally {
    await close();
  }
}
