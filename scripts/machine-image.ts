// Prints the Compose file of a machine of tier tee, as guests of dstack read it, and its SHA-256. The hash is an entry of `images`
// in a policy for machines (docs/machine-image.md). Usage: node scripts/run.mjs scripts/machine-image.ts NAME@sha256:DIGEST [--hash]
import { createHash } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const IMAGE = /^[a-z0-9][a-z0-9./:_-]{0,255}@sha256:[0-9a-f]{64}$/;

const DEPLOYMENT = 'OGONG_DEPLOYMENT_JSON';
/** Settings that differ between operators and are not measured: models, prices and addresses. Weights are audited, and prices are signed. */
const FROM_OPERATOR = [
  ...['OGONG_PROVIDER_MODEL', 'OGONG_PROVIDER_MODEL_ID', 'OGONG_PROVIDER_PRICE', 'OGONG_PROVIDER_ROUTER'],
  ...['OGONG_PROVIDER_PUBLIC_ENDPOINT', DEPLOYMENT],
];

/** One service: it writes to its volumes alone, and has no other way in than its port and the guest agent's socket. */
const describeService = (image: string): string =>
  [
    'services:',
    '  provider:',
    `    image: ${image}`,
    '    read_only: true',
    '    cap_drop: [ALL]',
    '    restart: unless-stopped',
    '    command: [serve, --tee, dstack, --tee-endorsements, /var/lib/ogong/endorsements/collateral.json, --deployment, /run/deployment.json, --listen, 0.0.0.0:8443]',
    '    environment:',
    ...FROM_OPERATOR.slice(0, -1).map((name) => `      ${name}: \${${name}}`),
    '    configs: [{ source: deployment, target: /run/deployment.json }]',
    '    ports: ["8443:8443"]',
    '    volumes: [/var/run/dstack.sock:/var/run/dstack.sock, state:/var/lib/ogong]',
    'configs:',
    `  deployment: { content: "\${${DEPLOYMENT}}" }`,
    'volumes:',
    '  state: {}',
    '',
  ].join('\n');

/**
 * The text that the guest measures as `compose-hash`, byte for byte the same for everybody.
 * @param image by its digest: a tag is whatever its registry says today. @throws RangeError
 */
export function composeMachine(image: string): string {
  if (!IMAGE.test(image)) throw new RangeError(`${image}: an image is named by its digest, NAME@sha256:DIGEST`);
  return JSON.stringify({
    allowed_envs: FROM_OPERATOR,
    docker_compose_file: describeService(image),
    gateway_enabled: false,
    kms_enabled: false,
    local_key_provider_enabled: false,
    manifest_version: 2,
    name: 'ogong-provider',
    no_instance_id: true,
    public_logs: false,
    public_sysinfo: false,
    public_tcbinfo: true,
    runner: 'docker-compose',
    secure_time: true,
  });
}

export const hashMachine = (image: string): string => createHash('sha256').update(composeMachine(image)).digest('hex');

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { hash: { type: 'boolean' } } });
  try {
    const [image = ''] = positionals;
    process.stdout.write(values.hash ? `${hashMachine(image)}\n` : composeMachine(image));
  } catch (error) {
    process.stderr.write(`machine-image: ${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}
