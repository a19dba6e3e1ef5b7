#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
import { randomBytes } from 'node:crypto';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { enterDataDirectory } from '@ogong/host/files/data-directory';
import { writePublicFile } from '@ogong/host/files/private-files';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLogger } from '@ogong/host/log/logger';
import { createObservation } from '@ogong/host/metrics/observation';
import { systemClock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import { createRelay } from '../relay/relay.ts';
import { relayConfig } from '../relay/relay-config.ts';

const NAME = 'ogong-relayd';

async function start(): Promise<Daemon> {
  const parsed = relayConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text);
    process.exit(0);
  }
  const { values } = parsed;
  const log = createLogger({ name: NAME, level: values.logLevel });
  enterDataDirectory(values.dataDir);
  const keys = createOrLoadKeys(values.dataDir);
  const identity = await createLinkIdentity(keys.linkSeed);
  if (values.certOut !== undefined) writePublicFile(values.certOut, identity.certificateDer);
  const observation = createObservation({ name: NAME, role: 'relay', log }, values);
  const { metrics } = observation;
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
    },
  );
  await observation.start();
  await relay.start();
  return {
    ready: { ...observation.ready, address: relay.address(), certHash: toHex(identity.id), keyHash: toHex(relay.id) },
    async stop() {
      await relay.stop();
      await observation.stop();
    },
  };
}

await runDaemon(start, { name: NAME });
