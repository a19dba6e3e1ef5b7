import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { toHex } from '@ogong/protocol/base/bytes';
import type { HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { chainFields, observationFields, traceFields } from '../config/common-fields.ts';
import { readDeployment } from '../config/read-deployment.ts';
import { duration, text } from '../config/values.ts';
import { createOrLoadKeys } from '../crypto/key-files.ts';
import { createNodeHybridSigner, createNodeLedgerSigner } from '../crypto/signers.ts';
import { enterDataDirectory, type RestoredMark } from '../files/data-directory.ts';
import { writePublicFile } from '../files/private-files.ts';
import { createLinkIdentity, type LinkIdentity } from '../link/link-identity.ts';
import { createLogger, type Logger, type LogLevel } from '../log/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createObservation, type Observation, type ObservationSettings } from '../metrics/observation.ts';
import { type ChainView, createChainView } from '../views/chain-view.ts';

/** Settings that daemons on the network have in common. */
export const networkFields = {
  ...chainFields,
  registryInterval: {
    schema: duration,
    env: 'OGONG_REGISTRY_INTERVAL',
    default: '30s',
    description: 'pause between two reads of the registry of validators',
  },
  certOut: { schema: text, label: '<path>', description: 'where to write the certificate (DER) for others to pin' },
  ...observationFields,
  ...traceFields,
} as const;

export interface DaemonSettings extends ObservationSettings {
  readonly dataDir: string;
  readonly rpcUrl: string | undefined;
  readonly deployment: string;
  readonly registryInterval: number;
  readonly certOut: string | undefined;
  readonly logLevel: LogLevel;
}

export interface DaemonContext {
  readonly signer: HybridSigner;
  readonly ledger: LedgerSigner;
  readonly identity: LinkIdentity;
  readonly chain: ChainView;
  /** A client that sends from the ledger's account, which has to have fees. @throws ChainError while the chain cannot be reached. */
  payingClient(): Promise<ChainClient>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The mark of the backup from which the data directory was restored, if it was. */
  readonly restored: RestoredMark | undefined;
  /** For the ready line, once it has started. */
  readonly ready: Observation['ready'];
  /** Reads the chain and begins to follow it; a chain that is down is waited for. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens the common parts of daemons on the network: keys, certificate, log, metrics and the view of the chain. */
export async function openDaemon(
  { name, role }: { readonly name: string; readonly role: string },
  settings: DaemonSettings,
): Promise<DaemonContext> {
  const log = createLogger({ name, level: settings.logLevel });
  const restored = enterDataDirectory(settings.dataDir);
  const keys = createOrLoadKeys(settings.dataDir);
  const identity = createLinkIdentity(keys.linkSeed);
  if (settings.certOut !== undefined) writePublicFile(settings.certOut, identity.certificateDer);
  const { deployment, rpcUrl } = readDeployment(name, settings);
  const chain = createChainView(
    { deployment, refreshMs: settings.registryInterval },
    {
      connect: (): Promise<ChainClient> => createChainClient({ rpcUrl, deployment }),
      onError: (err) => log.warn({ err }, 'the chain cannot be read'),
    },
  );
  const privateKey = `0x${toHex(keys.ledgerKey.reveal())}` as const;
  let paying: Promise<ChainClient> | undefined;
  const observation = createObservation({ name, role, log }, settings);
  const { metrics, ready } = observation;
  return {
    signer: createNodeHybridSigner(keys.hybridSeed.reveal()),
    ledger: createNodeLedgerSigner(keys.ledgerKey.reveal()),
    identity,
    chain,
    payingClient() {
      const connected = paying ?? createChainClient({ rpcUrl, deployment, privateKey });
      paying = connected;
      connected.catch(() => {
        paying = undefined;
      });
      return connected;
    },
    log,
    metrics,
    restored,
    ready,
    async start() {
      await chain.refresh().catch((err: unknown) => log.warn({ err }, 'the chain cannot be read yet'));
      chain.start();
      await observation.start();
    },
    async stop() {
      await Promise.all([chain.stop(), observation.stop()]);
    },
  };
}
