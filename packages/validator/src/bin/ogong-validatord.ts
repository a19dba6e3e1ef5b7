#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { type Deployment, readTierStakes } from '@ogong/chain/deployment';
import { domainOf } from '@ogong/chain/domain';
import { rosterOf } from '@ogong/chain/validators/roster';
import { describeAttester, openAttester } from '@ogong/host/attester/tee-config';
import { ConfigError } from '@ogong/host/config/config-error';
import { createFastBls } from '@ogong/host/crypto/fast-bls';
import { loadLedgerKey } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { enterLatestDirectory } from '@ogong/host/files/data-directory';
import { writePublicFile } from '@ogong/host/files/private-files';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { loadCertificatePin } from '@ogong/host/link/link-identity';
import { createLogger } from '@ogong/host/log/logger';
import { createObservation } from '@ogong/host/metrics/observation';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { bindLedger } from '@ogong/host/store/ledger-binding';
import { createLogSync } from '@ogong/host/store/log-sync';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { createChainView } from '@ogong/host/views/chain-view';
import { openMachinePolicy } from '@ogong/host/views/machine-policy';
import { openModelRoots } from '@ogong/host/views/open-model-roots';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { nobleSealedBox } from '@ogong/protocol/crypto/noble-sealed-box';
import { computeVrfPublicKey } from '@ogong/protocol/crypto/vrf';
import { areRates } from '@ogong/protocol/modality/text/drift/drift-verdict';
import type { ThresholdParts } from '../beacon/threshold-state.ts';
import type { ValidatorCommand } from '../commands/command.ts';
import { validatorCommands } from '../commands/commands.ts';
import { loadDriftPolicy } from '../load-drift-policy.ts';
import { openKeys } from '../open-keys.ts';
import { readPriceSource } from '../prices/price-source.ts';
import { readCanaries } from '../read-canaries.ts';
import { findDelayProblem } from '../settlement/withdrawal-delay.ts';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { createValidator } from '../validator.ts';
import { validatorConfig } from '../validator-config.ts';
import type { BurnAndMintDuty } from '../validator-state.ts';
import { computeCallLimit } from '../wire-audit.ts';

const NAME = 'ogong-validatord';
const RANDOM_STEPS = 2 ** 40;

async function run(argv: readonly string[]): Promise<Daemon> {
  const parsed = validatorConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { values } = parsed;
  if ((values.verifierEndpoint === undefined) !== (values.verifierCert === undefined)) {
    throw new ConfigError(NAME, ['give --verifier-endpoint and --verifier-cert together']);
  }
  if (!areRates({ reject: values.falseReject, doubt: values.falseDoubt })) {
    throw new ConfigError(NAME, ['--false-doubt must be at least --false-reject']);
  }
  const canaries = readCanaries(NAME, values, () => randomInt(RANDOM_STEPS) / RANDOM_STEPS);
  const logger = createLogger({ name: NAME, level: values.logLevel });
  enterLatestDirectory(values.dataDir);
  const { deployment, openSigner, vrfSeed, boxSecret, identity, connect } = await openKeys(NAME, values);
  const { signer, failed: signerFailed, close: closeSigner } = await openSigner();
  if (values.certOut !== undefined) writePublicFile(values.certOut, identity.certificateDer);
  const store = openStore(join(values.dataDir, 'validator.db'), {
    schema: VALIDATOR_SCHEMA,
    upgrades: RELEASED.validator,
  });
  const books = createLogSync(store);
  const group = createGroupCommit(store, { log: books });
  const chain = createChainView(
    { deployment, refreshMs: values.registryInterval },
    { connect: () => connect(group.synced), onError: (err) => logger.warn({ err }, 'the chain cannot be read') },
  );
  const modelRoots = openModelRoots(NAME, values, {
    client: chain.client,
    onError: (err) => logger.warn({ err }, 'the model registry cannot be read'),
  });
  const observation = createObservation({ name: NAME, role: 'validator', log: logger }, values);
  const { metrics } = observation;
  const attester = openAttester(NAME, values);
  bindLedger(store, chain.ledger);
  await chain.refresh().catch((err: unknown) => logger.warn({ err }, 'the chain cannot be read yet'));
  const parameters = chain.parameters();
  const times = { epochMs: values.epochMs, windowMs: values.auditWindow, graceMs: values.grace };
  const problem =
    parameters &&
    findDelayProblem(parameters.limits.withdrawalDelay, {
      ...times,
      callTimeoutMs: computeCallLimit(values.auditWindow),
    });
  if (problem !== undefined) throw new ConfigError(NAME, [problem]);
  const named = parameters?.driftTable;
  const drift = loadDriftPolicy(nodeCrypto, values, { named, store, log: logger });
  const machines = openMachinePolicy(NAME, values, {
    ...{ client: chain.client, refreshMs: values.registryInterval },
    onChange: (problem) => logger.info({ problem }, 'the accepted machine images have changed'),
    onError: (err) => logger.warn({ err }, 'the list of images cannot be read'),
  });
  await machines.trigger().catch((err: unknown) => logger.warn({ err }, 'the list of images cannot be read yet'));
  const validator = createValidator(
    {
      bind: values.bind,
      alpha: values.alpha,
      extraAlpha: values.extraAlpha,
      pairs: values.pairs,
      epochMs: values.epochMs,
      settleMs: values.settleInterval,
      auditWindowMs: values.auditWindow,
      graceMs: values.grace,
      retentionMs: values.retention,
      isDraining: values.drain,
      auditConcurrency: values.audits,
      minSignatures: values.quorum,
      sums: {
        ...{ bls: await createFastBls(), above: values.sumAbove },
        roster: domainOf(deployment, rosterOf(deployment)),
      },
      fixedVerifier:
        values.verifierEndpoint && values.verifierCert
          ? { endpoint: values.verifierEndpoint, certHash: loadCertificatePin(values.verifierCert) }
          : undefined,
      drift,
      modelRoots,
      machinePolicy: machines.policy,
      canaries,
      emission: deployment.emission && domainOf(deployment, deployment.emission),
      burnAndMint: readDuty(values, deployment),
      tierStakes: readTierStakes(deployment),
      machines: deployment.machines && domainOf(deployment, deployment.machines),
      peerEndpoints: new Map(values.peer.map(({ endpoint, certHash }) => [toHex(certHash), endpoint])),
    },
    {
      ...{ crypto: nodeCrypto, clock: systemClock, store, signer, vrfSeed, identity, chain, log: logger, metrics },
      ...{ attester, group },
      threshold: deployment.beaconKeys === undefined ? undefined : await openThreshold(boxSecret),
    },
  );

  if (chain.validators().length > 0 && chain.findByAddress(signer.address) === undefined) {
    logger.warn('this validator is not registered: run ogong-validatord register');
  }
  const listed = chain.findByAddress(signer.address);
  if (listed !== undefined && !equalBytes(listed.signingKey, signer.signingKey)) {
    const [named, own] = [listed.signingKey, signer.signingKey].map((key) => `0x${toHex(key)}`);
    logger.error({ named, own }, 'the registry has another signing key: no signature of this validator counts');
  }
  if (listed !== undefined && !equalBytes(listed.vrfKey, computeVrfPublicKey(vrfSeed))) {
    logger.error('vrf.key is not the key that the registry has: this validator has no part in the beacon');
  }
  await validator.start();
  chain.start();
  machines.start();
  await observation.start();
  return {
    ready: {
      ...observation.ready,
      address: validator.address(),
      validator: `0x${toHex(signer.address)}`,
      signingKey: `0x${toHex(signer.signingKey)}`,
      consensusId: toHex(identity.id),
      ...(attester && describeAttester(attester)),
    },
    failed: Promise.race([books.failed, ...(signerFailed ? [signerFailed] : [])]),
    async stop() {
      await validator.stop();
      await Promise.all([chain.stop(), machines.stop(), observation.stop()]);
      store.close();
      await closeSigner();
    },
  };
}

/** Opens secrets and libraries for the threshold beacon. They are loaded only on a network that has one. */
async function openThreshold(boxSecret: Uint8Array): Promise<ThresholdParts> {
  const drawSeed = (): Uint8Array => new Uint8Array(randomBytes(32));
  return { bls: await createFastBls(), box: nobleSealedBox, boxSecret, drawSeed };
}

interface DutyOptions {
  readonly priceSource: string | undefined;
  readonly priceKeypair: string | undefined;
  readonly priceInterval: number;
}

/**
 * Reads the options for prices and epochs of minting. Undefined on a network that does not burn and mint. @throws
 * ConfigError, KeyFileError
 */
function readDuty(
  { priceSource, priceKeypair, priceInterval: intervalMs }: DutyOptions,
  { chainId, token, burnAndMint }: Pick<Deployment, 'chainId' | 'token' | 'burnAndMint'>,
): BurnAndMintDuty | undefined {
  if ((priceSource === undefined) !== (priceKeypair === undefined)) {
    throw new ConfigError(NAME, ['give --price-source and --price-keypair together']);
  }
  if (burnAndMint === undefined) {
    if (priceSource !== undefined) throw new ConfigError(NAME, ['--price-source: this network does not burn and mint']);
    return undefined;
  }
  const feed = priceSource !== undefined &&
    priceKeypair !== undefined && {
      key: createNodeLedgerSigner(loadLedgerKey(priceKeypair).reveal()),
      read: (signal: AbortSignal) => readPriceSource(priceSource, signal),
    };
  return { token, oracle: domainOf({ chainId }, burnAndMint.oracle), intervalMs, ...(feed && { feed }) };
}

async function runCommand(command: ValidatorCommand, argv: readonly string[]): Promise<never> {
  return print(await command(argv, process.env));
}

function print(text: string): never {
  process.stdout.write(text);
  process.exit(0);
}

const [first, ...rest] = process.argv.slice(2);
const command = validatorCommands.get(first ?? '');
await runDaemon(() => (command ? runCommand(command, rest) : run(process.argv.slice(2))), { name: NAME });
