import { readFileSync } from 'node:fs';
import { describeAttester, openAttester } from '@ogong/host/attester/tee-config';
import { ConfigError } from '@ogong/host/config/config-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createHttpServer } from '@ogong/host/http/http-server';
import type { Daemon } from '@ogong/host/lifecycle/run-daemon';
import { explainFile } from '@ogong/host/log/errors';
import { createLogger } from '@ogong/host/log/logger';
import { systemClock as clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import { readHeadersFile } from '../machine/headers-file.ts';
import { createModelProxy } from './model-proxy.ts';
import { checkProxySettings } from './proxy-config.ts';

const NAME = 'ogong-provider proxy';
const HEADERS_TIMEOUT_MS = 15_000;
const MAX_CONNECTIONS = 256;
const STOP_GRACE_MS = 5_000;

export type ProxyDaemonSettings = Parameters<typeof checkProxySettings>[0];

/** `ogong-provider proxy`, from its settings to a running daemon. @throws ConfigError, KeyFileError */
export async function startProxy(values: ProxyDaemonSettings): Promise<Daemon> {
  checkProxySettings(values);
  const attester = openAttester(NAME, values);
  if (attester === undefined) throw new ConfigError(NAME, ['say by --tee how this machine shows what it is']);
  const log = createLogger({ name: NAME, level: values.logLevel });
  const proxy = await createModelProxy(
    {
      upstream: values.upstream,
      authorities: values.authority.map(readAuthority),
      headers:
        values.upstreamHeaders === undefined ? {} : readHeadersFile(NAME, 'upstream-headers', values.upstreamHeaders),
      accessKey: values.accessKey,
      timeoutMs: values.timeout,
      maxResponseBytes: values.maxResponse,
      maxRequests: values.maxRequests,
    },
    { crypto, attester, clock, log },
  );
  const { certificatePem: cert, privateKey, certificateDer } = proxy.identity;
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  const server = createHttpServer(proxy.app, {
    ...{ bind: values.listen, tls: { cert, key } },
    ...{ headersTimeoutMs: HEADERS_TIMEOUT_MS, maxConnections: MAX_CONNECTIONS },
  });
  await server.start();
  return {
    ready: {
      address: server.address(),
      upstream: values.upstream,
      signingKey: toHex(proxy.signingKey),
      certHash: toHex(crypto.sha256(certificateDer)),
      ...describeAttester(attester),
    },
    stop: () => server.stop(STOP_GRACE_MS),
  };
}

function readAuthority(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(NAME, [`--authority ${path}: ${explainFile(error)}`]);
  }
}
