import { teeFields } from '@ogong/host/attester/tee-config';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { duration, hostPort, httpUrl, integer, size, text } from '@ogong/host/config/values';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import { dataDirField, logLevel } from '../provider/provider-config.ts';

const NAME = 'ogong-provider proxy';

export const proxyConfig = defineConfig({
  name: NAME,
  examples: [
    'ogong-provider proxy --upstream https://api.example.com --authority root.pem --upstream-headers key.json --tee dstack --tee-endorsements collateral.json',
    'ogong-provider proxy --upstream https://api.example.com --authority root.pem --tee software',
  ],
  summary:
    'Asks a hosted API of OpenAI or Anthropic for its callers from a machine that can show what it does: each answer has a testimony.\n' +
    'Callers connect by TLS. Its key is made here and stands in the report of the machine. The vendor alone says which model answers.',
  fields: {
    ...teeFields,
    listen: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_PROXY_LISTEN',
      default: '127.0.0.1:4590',
      description: 'bind address, TLS',
    },
    upstream: {
      schema: httpUrl,
      label: '<url>',
      env: 'OGONG_PROXY_UPSTREAM',
      required: true,
      description: 'origin of the hosted API, https://host[:port]',
    },
    authority: {
      schema: text,
      label: '<root.pem>',
      env: 'OGONG_PROXY_AUTHORITY',
      repeatable: true,
      description: 'root that may vouch for the hosted API; no other one does, whatever this system believes',
    },
    upstreamHeaders: {
      schema: text,
      label: '<headers.json>',
      env: 'OGONG_PROXY_UPSTREAM_HEADERS',
      description: 'headers that the hosted API wants, a JSON object: its key. They are in no log, answer or testimony',
    },
    accessKey: {
      schema: text,
      secret: true,
      env: 'OGONG_PROXY_ACCESS_KEY',
      description:
        'key that callers show as a bearer token or x-api-key; required if others than this machine can call',
    },
    maxRequests: { schema: integer({ min: 1 }), default: '32', description: 'requests at once' },
    maxResponse: { schema: size, default: '16MiB', description: 'longest answer of the hosted API' },
    timeout: { schema: duration, default: '10m', description: 'how long the hosted API may take' },
    ...dataDirField,
    logLevel,
  },
});

type ProxySettings = Extract<ReturnType<typeof proxyConfig.parse>, { kind: 'run' }>['values'];

/** Bytes. A longer response is dropped at once, and no reader takes a testimony of it. */
const MAX_SHOWN_RESPONSE = 64 * 1024 * 1024;

/** Checks that concern several fields. @throws ConfigError */
export function checkProxySettings({ tee, upstream, authority, accessKey, listen, maxResponse }: ProxySettings): void {
  const problems: string[] = [];
  if (tee === undefined) problems.push('say by --tee how this machine shows what it is');
  if (new URL(upstream).origin !== upstream || !upstream.startsWith('https://'))
    problems.push(`--upstream ${upstream}: an origin is expected, https://host[:port] without a path`);
  if (authority.length === 0) problems.push('say by --authority which root may vouch for the hosted API');
  if (accessKey === undefined && !isLoopbackHost(listen.host))
    problems.push(`--listen ${listen.host}: others can call, so --access-key is required`);
  if (maxResponse > MAX_SHOWN_RESPONSE) problems.push('--max-response: a testimony can show at most 64MiB');
  if (problems.length > 0) throw new ConfigError(NAME, problems);
}
