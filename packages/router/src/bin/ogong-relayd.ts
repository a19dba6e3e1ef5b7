#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { createAuthorizationReads } from '@ogong/chain/money/authorizations';
import { isTransferUsed } from '@ogong/chain/money/signed-transfers';
import { ConfigError } from '@ogong/host/config/config-error';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { enterDataDirectory } from '@ogong/host/files/data-directory';
import { writePublicFile } from '@ogong/host/files/private-files';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { startPunchNode } from '@ogong/host/link/reach/punch';
import { createLogger } from '@ogong/host/log/logger';
import { createObservation } from '@ogong/host/metrics/observation';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore, type Store } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { describeRedeemed, redeemVouchers } from '../relay/redeem-vouchers.ts';
import { createRelay } from '../relay/relay.ts';
import { redeemConfig, relayConfig } from '../relay/relay-config.ts';
import { createRelayPayments, RELAY_SCHEMA } from '../relay/relay-payments.ts';

const NAME = 'ogong-relayd';

type RelayValues = Extract<ReturnType<typeof relayConfig.parse>, { kind: 'run' }>['values'];

const openBook = (dataDir: string): Store => openStore(join(dataDir, 'relay.db'), { schema: RELAY_SCHEMA });

/** @returns undefined if the relay carries without payment. @throws ConfigError */
async function openPayments(values: RelayValues) {
  const { pricePerGib: pricePerGibAtomic, payee, deployment: path, rpcUrl, credit, dataDir } = values;
  if (pricePerGibAtomic === 0n) return undefined;
  if (payee === undefined || path === undefined) {
    throw new ConfigError(NAME, ['--price-per-gib needs --payee and --deployment: the paid account, and its token']);
  }
  const place = readDeployment(NAME, { deployment: path, rpcUrl });
  const chain = await createChainClient(place);
  const token = domainOf(place.deployment, place.deployment.token);
  const reads = createAuthorizationReads(chain.transactor, place.deployment.token);
  const store = openBook(dataDir);
  const group = createGroupCommit(store);
  const payments = createRelayPayments(
    { payee: fromHex(payee), pricePerGibAtomic, creditBytes: BigInt(credit), token },
    {
      ...{ crypto: nodeCrypto, clock: systemClock, store, group, balanceOf: chain.balanceOf },
      isNonceUsed: (from, nonce) => isTransferUsed(chain.transactor, place.deployment.token, { from, nonce }),
      blockNumber: reads.blockNumber,
    },
  );
  return {
    payments,
    async close() {
      await group.close();
      store.close();
    },
  };
}

async function redeem(argv: readonly string[]): Promise<Daemon> {
  const parsed = redeemConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { dataDir, payee, least, ...where } = parsed.values;
  const privateKey = `0x${toHex(createOrLoadKeys(dataDir).ledgerKey.reveal())}` as const;
  const place = readDeployment(NAME, where);
  const { transactor } = await createChainClient({ ...place, privateKey });
  const given = { store: openBook(dataDir), transactor, token: place.deployment.token, payee: fromHex(payee) };
  const done = await redeemVouchers(given, { leastAtomic: least });
  const { lines, note } = describeRedeemed(done, { leastAtomic: least });
  if (note !== undefined) process.stderr.write(`${NAME}: ${note}\n`);
  return print(lines.map((line) => `${line}\n`).join(''));
}

function print(text: string): never {
  process.stdout.write(text);
  process.exit(0);
}

async function start(): Promise<Daemon> {
  const parsed = relayConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { values } = parsed;
  const log = createLogger({ name: NAME, level: values.logLevel });
  enterDataDirectory(values.dataDir);
  const keys = createOrLoadKeys(values.dataDir);
  const identity = createLinkIdentity(keys.linkSeed);
  if (values.certOut !== undefined) writePublicFile(values.certOut, identity.certificateDer);
  const observation = createObservation({ name: NAME, role: 'relay', log }, values);
  const { metrics } = observation;
  const paid = await openPayments(values);
  const { punchBind, punchBootstrap: bootstrap } = values;
  const punchNode = punchBind && (await startPunchNode(punchBind, { bootstrap }));
  const { bind, maxNodes, maxLinks, nodeRate: bytesPerSecond, nodeDay: maxBytesPerDay } = values;
  const relay = createRelay(
    {
      bind,
      limits: { maxNodes, maxLinks, bytesPerSecond, burstBytes: 2 * bytesPerSecond, maxBytesPerDay },
      accountIntervalMs: values.accountInterval,
    },
    {
      ...{ crypto: nodeCrypto, clock: systemClock, identity, log, metrics },
      signer: createNodeHybridSigner(keys.hybridSeed.reveal()),
      randomBytes: () => new Uint8Array(randomBytes(32)),
      payments: paid?.payments,
    },
  );
  await observation.start();
  await relay.start();
  return {
    ready: { ...observation.ready, address: relay.address(), certHash: toHex(identity.id), keyHash: toHex(relay.id) },
    async stop() {
      await relay.stop();
      await punchNode?.close();
      await paid?.close();
      await observation.stop();
    },
  };
}

const [first, ...rest] = process.argv.slice(2);
await runDaemon(() => (first === 'redeem' ? redeem(rest) : start()), { name: NAME });
