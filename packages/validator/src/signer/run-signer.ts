import { join } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { createFastBls } from '@ogong/host/crypto/fast-bls';
import { createOrLoadLedgerKey, loadHybridSigner, loadLedgerKey } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { enterLatestDirectory } from '@ogong/host/files/data-directory';
import { makePrivateDirectory } from '@ogong/host/files/private-files';
import type { Daemon } from '@ogong/host/lifecycle/run-daemon';
import { createLogger } from '@ogong/host/log/logger';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { createShareSigner } from '@ogong/protocol/settlement/quorum-sum';
import { createGuardedSigner } from './guarded-signer.ts';
import { describeSigner } from './remote-signer.ts';
import { createBeaconClock } from './retirement-guard.ts';
import { signerConfig } from './signer-config.ts';
import { createSignerServer } from './signer-server.ts';
import { GUARD_SCHEMA, summarizeGuard } from './signing-guard.ts';

export const SIGNER_NAME = 'ogong signer';

/** @returns the text to print, or the started daemon. @throws ConfigError, KeyFileError, SignerError, StoreError */
export async function runSigner(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly text: string } | Daemon> {
  const parsed = signerConfig.parse(argv, env);
  if (parsed.kind === 'print') return { text: parsed.text };
  const { values } = parsed;
  if (values.status) return { text: await describe(values) };
  const { account, dataDir, deployment, keypair, rpcUrl, socket } = values;
  if (account === undefined) throw new ConfigError(SIGNER_NAME, ['--account is required']);
  const readBeaconClock =
    deployment === undefined ? undefined : createBeaconClock(readDeployment(SIGNER_NAME, { deployment, rpcUrl }));
  const logger = createLogger({ name: SIGNER_NAME, level: values.logLevel });
  makePrivateDirectory(dataDir);
  enterLatestDirectory(dataDir);
  const secret = keypair === undefined ? createOrLoadLedgerKey(join(dataDir, 'signing.key')) : loadLedgerKey(keypair);
  const key = createNodeLedgerSigner(secret.reveal());
  const share = createShareSigner(nodeCrypto, await createFastBls(), secret.reveal());
  const store = openStore(join(dataDir, 'signer.db'), { schema: GUARD_SCHEMA, upgrades: RELEASED.signer });
  const guarded = { key, account, share, store, readBeaconClock };
  function createServer() {
    const headKey = loadHybridSigner(join(dataDir, 'head.key'));
    const signer = createGuardedSigner(nodeCrypto, { ...guarded, headKey });
    return createSignerServer(
      { path: socket },
      {
        signer,
        summarize: () => summarizeGuard(store),
        onSigned: (kind) => logger.debug({ kind }, 'signed'),
        onRefused: (err) => logger.warn({ err }, 'refused'),
      },
    );
  }
  let server: ReturnType<typeof createServer>;
  try {
    server = createServer();
    await server.start();
  } catch (error) {
    store.close();
    throw error;
  }
  return {
    ready: { socket: server.path, account: `0x${toHex(account)}`, signingKey: `0x${toHex(key.address)}` },
    async stop() {
      await server.stop();
      store.close();
    },
  };
}

async function describe({ socket, json }: { readonly socket: string; readonly json?: boolean | undefined }) {
  const { account, signingKey, epoch, view, positions } = await describeSigner({ path: socket });
  const status = {
    ...{ account: `0x${toHex(account)}`, signingKey: `0x${toHex(signingKey)}` },
    ...{ epoch: Number(epoch), view, positions: Number(positions) },
  };
  if (json) return `${JSON.stringify(status)}\n`;
  return (
    `account      ${status.account}\nsigning key  ${status.signingKey}\n` +
    `beacon       last vote in view ${view} of epoch ${epoch}\nlogs         ${positions} entries signed\n`
  );
}
