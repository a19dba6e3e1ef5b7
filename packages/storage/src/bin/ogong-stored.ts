#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { createChainClient } from '@ogong/chain/client';
import type { Address } from '@ogong/chain/hex';
import { ConfigError } from '@ogong/host/config/config-error';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { enterDataDirectory } from '@ogong/host/files/data-directory';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { toDialPolicy } from '@ogong/host/link/public-address';
import { createLogger } from '@ogong/host/log/logger';
import { createObservation } from '@ogong/host/metrics/observation';
import { toHex } from '@ogong/protocol/base/bytes';
import { createStored, type PinService } from '../daemon/stored.ts';
import { type StoredValues, storedConfig } from '../daemon/stored-config.ts';

const NAME = 'ogong-stored';

/** @returns undefined if no pins are accepted. @throws ConfigError */
async function openPins(values: StoredValues): Promise<PinService | undefined> {
  const { pinPrice: pricePerGib, deployment: path, rpcUrl, dataDir } = values;
  if (pricePerGib === undefined) return undefined;
  if (path === undefined) throw new ConfigError(NAME, ['--pin-price needs --deployment: the contract of pins']);
  const place = readDeployment(NAME, { deployment: path, rpcUrl });
  if (place.deployment.pins === undefined)
    throw new ConfigError(NAME, ['--pin-price: the network of --deployment keeps no pins']);
  const privateKey = `0x${toHex(createOrLoadKeys(dataDir).ledgerKey.reveal())}` as const;
  const chain = await createChainClient({ ...place, privateKey });
  const { pinLeast: leastFee, pinEpochBlocks: maxEpochBlocks, pinRoom: roomBytes } = values;
  return {
    ...{ chain, account: chain.address as Address, claimLeast: values.claimLeast, pollMs: values.poll },
    ...{ firstBlock: BigInt(place.deployment.block), places: values.pinPlace ?? [], env: process.env },
    dialPolicy: toDialPolicy(BigInt(place.deployment.chainId)),
    terms: { pricePerGib, leastFee, maxEpochBlocks, roomBytes },
  };
}

async function start(): Promise<Daemon> {
  const parsed = storedConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    process.exit(0);
  }
  const { values } = parsed;
  const log = createLogger({ name: NAME, level: values.logLevel });
  enterDataDirectory(values.dataDir);
  const observation = createObservation({ name: NAME, role: 'stored', log }, values);
  const pins = await openPins(values);
  const { bind, dataDir, store, maxConnections, connectionsPerAddress, rate: bytesPerSecond } = values;
  const stored = createStored(
    { bind, dataDir, store, maxConnections, maxConnectionsPerAddress: connectionsPerAddress, bytesPerSecond, pins },
    { crypto, log, metrics: observation.metrics },
  );
  await observation.start();
  await stored.start();
  return {
    ready: { ...observation.ready, address: stored.address(), ...(pins && { account: pins.account }) },
    async stop() {
      await stored.stop();
      await observation.stop();
    },
  };
}

await runDaemon(start, { name: NAME });
