#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createChainClient } from '@ogong/chain/client';
import { ConfigError } from '@ogong/host/config/config-error';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { createOrLoadKeys, createOrLoadVrfSeed, KeyFileError, loadLedgerKey } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { writePublicFile } from '@ogong/host/files/private-files';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { formatHostPort } from '@ogong/host/link/host-port';
import { createLinkIdentity, loadCertificatePin } from '@ogong/host/link/link-identity';
import { createLogger } from '@ogong/host/log/logger';
import { collectProcessMetrics, createMetrics } from '@ogong/host/metrics/metrics';
import { createMetricsServer } from '@ogong/host/metrics/metrics-server';
import { bindLedger } from '@ogong/host/store/ledger-binding';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { createChainView } from '@ogong/host/views/chain-view';
import { openModelRoots } from '@ogong/host/views/model-roots';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { computeVrfPublicKey } from '@ogong/protocol/crypto/vrf';
import { areRates } from '@ogong/protocol/modality/text/drift/drift-verdict';
import { loadDriftPolicy } from '../validator/load-drift-policy.ts';
import { registerValidator } from '../validator/register.ts';
import { approveReinstatement } from '../validator/settlement/reinstate.ts';
import { VALIDATOR_SCHEMA } from '../validator/store/schema.ts';
import { createValidator } from '../validator/validator.ts';
import { registerConfig, reinstateConfig, validatorConfig } from '../validator/validator-config.ts';

const NAME = 'ogong-validatord';

interface Common {
  readonly rpcUrl: string | undefined;
  readonly deployment: string;
  readonly dataDir: string;
  readonly keypair: string | undefined;
  /** Of the account that sends transactions. Default: the ledger key. */
  readonly transactionKeypair?: string | undefined;
}

/** What both commands need: keys, certificate and the connection to the chain. */
async function open({ dataDir, keypair, transactionKeypair, ...where }: Common) {
  const keys = createOrLoadKeys(dataDir);
  const ledgerKey = keypair === undefined ? keys.ledgerKey.reveal() : readKeypair(keypair);
  const sender = transactionKeypair === undefined ? ledgerKey : loadLedgerKey(transactionKeypair).reveal();
  const { deployment, rpcUrl } = readDeployment(NAME, where);
  return {
    deployment,
    signer: createNodeLedgerSigner(ledgerKey),
    vrfSeed: createOrLoadVrfSeed(dataDir).reveal(),
    identity: await createLinkIdentity(keys.linkSeed),
    connect: () => createChainClient({ rpcUrl, deployment, privateKey: `0x${toHex(sender)}` }),
  };
}

function readKeypair(path: string): Uint8Array {
  try {
    return fromHex(readFileSync(path, 'utf8').trim().replace(/^0x/, ''), 32);
  } catch (cause) {
    throw new KeyFileError('malformed', `${path} is not a ledger key: expected 64 hexadecimal digits`, { cause });
  }
}

async function run(argv: readonly string[]): Promise<Daemon> {
  const parsed = validatorConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { values } = parsed;
  if ((values.verifierEndpoint === undefined) !== (values.verifierCert === undefined)) {
    throw new ConfigError(NAME, ['--verifier-endpoint and --verifier-cert are given together']);
  }
  if (!areRates({ reject: values.falseReject, doubt: values.falseDoubt })) {
    throw new ConfigError(NAME, ['--false-doubt is at least --false-reject']);
  }
  const logger = createLogger({ name: NAME, level: values.logLevel });
  const { deployment, signer, vrfSeed, identity, connect } = await open(values);
  if (values.certOut !== undefined) writePublicFile(values.certOut, identity.certificateDer);
  const chain = createChainView(
    { deployment, refreshMs: values.registryInterval },
    { connect, onError: (err) => logger.warn({ err }, 'the chain cannot be read') },
  );
  const modelRoots = openModelRoots(NAME, values, {
    client: chain.client,
    onError: (err) => logger.warn({ err }, 'the model registry cannot be read'),
  });
  const metrics = createMetrics('validator');
  collectProcessMetrics(metrics);
  const store = openStore(join(values.dataDir, 'validator.db'), { schema: VALIDATOR_SCHEMA });
  bindLedger(store, chain.ledger);
  await chain.refresh().catch((err: unknown) => logger.warn({ err }, 'the chain cannot be read yet'));
  const named = chain.parameters()?.driftTable;
  const drift = loadDriftPolicy(nodeCrypto, values, { named, store, log: logger });
  const validator = createValidator(
    {
      bind: values.bind,
      alpha: values.alpha,
      extraAlpha: values.extraAlpha,
      pairs: values.pairs,
      honeypots: values.honeypots,
      epochMs: values.epochMs,
      settleMs: values.settleInterval,
      auditWindowMs: values.auditWindow,
      graceMs: values.grace,
      retentionMs: values.retention,
      auditConcurrency: values.audits,
      minSignatures: values.quorum,
      fixedVerifier:
        values.verifierEndpoint && values.verifierCert
          ? { endpoint: values.verifierEndpoint, certHash: loadCertificatePin(values.verifierCert) }
          : undefined,
      drift,
      modelRoots,
      peerEndpoints: new Map(values.peer.map(({ endpoint, certHash }) => [toHex(certHash), endpoint])),
    },
    { crypto: nodeCrypto, clock: systemClock, store, signer, vrfSeed, identity, chain, log: logger, metrics },
  );
  const metricsServer = values.metricsBind && createMetricsServer({ bind: values.metricsBind, metrics });

  if (chain.validators().length > 0 && chain.findByAddress(signer.address) === undefined) {
    logger.warn('this validator is not registered: run ogong-validatord register');
  }
  const listed = chain.findByAddress(signer.address);
  if (listed !== undefined && !equalBytes(listed.vrfKey, computeVrfPublicKey(vrfSeed))) {
    logger.error('vrf.key is not the key that the registry has: this validator has no part in the beacon');
  }
  await validator.start();
  chain.start();
  await metricsServer?.start();
  return {
    ready: {
      address: validator.address(),
      validator: `0x${toHex(signer.address)}`,
      consensusId: toHex(identity.id),
    },
    async stop() {
      await validator.stop();
      await Promise.all([chain.stop(), metricsServer?.stop()]);
      store.close();
    },
  };
}

async function register(argv: readonly string[]): Promise<Daemon> {
  const parsed = registerConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { values } = parsed;
  const { signer, vrfSeed, identity, connect } = await open(values);
  const outcome = await registerValidator(await connect(), {
    endpoint: formatHostPort(values.endpoint),
    certHash: identity.id,
    vrfSeed,
    bondAtomic: values.bond,
  });
  const answer = { outcome, validator: `0x${toHex(signer.address)}`, consensusId: toHex(identity.id) };
  return print(`${JSON.stringify(answer)}\n`);
}

async function reinstate(argv: readonly string[]): Promise<Daemon> {
  const parsed = reinstateConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { provider, ...values } = parsed.values;
  const { deployment, signer, connect } = await open(values);
  const domain = {
    chainId: BigInt(deployment.chainId),
    verifyingContract: fromHex(deployment.settlement.slice(2), 20),
  };
  const store = openStore(join(values.dataDir, 'validator.db'), { schema: VALIDATOR_SCHEMA });
  try {
    const state = { crypto: nodeCrypto, signer, domain, store };
    const ejection = await approveReinstatement(state, await connect(), provider);
    if (ejection === undefined) throw new ConfigError(NAME, [`provider ${toHex(provider)} is not ejected`]);
    const answer = {
      outcome: 'approved',
      provider: toHex(provider),
      ejection,
      validator: `0x${toHex(signer.address)}`,
    };
    return print(`${JSON.stringify(answer)}\n`);
  } finally {
    store.close();
  }
}

function print(text: string): never {
  process.stdout.write(text);
  process.exit(0);
}

const [first, ...rest] = process.argv.slice(2);
const commands: Readonly<Record<string, (argv: readonly string[]) => Promise<Daemon>>> = { register, reinstate };
const command = commands[first ?? ''];
await runDaemon(() => (command ? command(rest) : run(process.argv.slice(2))), { name: NAME });
