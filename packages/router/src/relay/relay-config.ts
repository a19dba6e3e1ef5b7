import { homedir } from 'node:os';
import { join } from 'node:path';
import { chainFields, observationFields, traceFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { atomicAmount, duration, hex, hostPort, integer, size, text } from '@ogong/host/config/values';

const relayDataDir = {
  schema: text,
  label: '<path>',
  env: 'OGONG_RELAY_DATA_DIR',
  default: join(homedir(), '.ogong', 'relay'),
  description: 'where its keys are kept',
} as const;

export const relayConfig = defineConfig({
  name: 'ogong-relayd',
  commands: ['redeem'],
  examples: ['ogong-relayd --bind 0.0.0.0:4546'],
  summary:
    'A blind relay: providers that nobody can reach register here, and others reach them through it. It copies bytes that it cannot\n' +
    'read, within limits, and signs for each provider how many.',
  fields: {
    bind: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_RELAY_BIND',
      default: '0.0.0.0:4546',
      description: 'address that providers and their callers connect to',
    },
    dataDir: relayDataDir,
    certOut: {
      schema: text,
      label: '<path>',
      description: 'where to write the certificate (DER) for providers to pin',
    },
    maxNodes: {
      schema: integer({ min: 1, max: 65_536 }),
      default: '1024',
      description: 'nodes that are registered at most',
    },
    maxLinks: {
      schema: integer({ min: 1, max: 65_536 }),
      default: '4096',
      description: 'links that are joined at most',
    },
    nodeRate: { schema: size, default: '16MiB', description: 'bytes per second of one node, both directions' },
    nodeDay: { schema: size, default: '256GiB', description: 'bytes of one node in a day' },
    pricePerGib: {
      schema: atomicAmount,
      default: '0',
      env: 'OGONG_RELAY_PRICE',
      description: 'price that a provider pays for each carried GiB, both directions; needs --deployment and --payee',
    },
    payee: { schema: hex(20), env: 'OGONG_RELAY_PAYEE', description: 'account that is paid, without 0x' },
    credit: {
      schema: size,
      default: '64MiB',
      description: 'bytes of a provider that are carried ahead of the payment',
    },
    rpcUrl: chainFields.rpcUrl,
    deployment: { ...chainFields.deployment, required: false },
    punchBind: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_RELAY_PUNCH_BIND',
      description:
        'address (UDP) of a node beside the relay that helps others to punch holes to each other; needs the package hyperdht; none if not given',
    },
    punchBootstrap: {
      schema: hostPort,
      label: '<host:port>',
      env: 'OGONG_PUNCH_BOOTSTRAP',
      repeatable: true,
      description: 'other such nodes; none for the first one. A network needs four or more',
    },
    accountInterval: { schema: duration, default: '1m', description: 'pause between two signed accounts to a node' },
    ...observationFields,
    ...traceFields,
  },
});

export const redeemConfig = defineConfig({
  name: 'ogong-relayd redeem',
  examples: ['ogong-relayd redeem --deployment deployment.json --payee 0x...'],
  summary:
    'Submits the vouchers that providers have signed, as transfers of the token to the payee. The account of this data directory pays the gas.\n' +
    'Run again, it submits what has come since.',
  fields: {
    dataDir: relayDataDir,
    payee: { schema: hex(20), required: true, description: 'account that is paid, as the relay names it, without 0x' },
    least: {
      schema: atomicAmount,
      default: '0.001',
      description: 'vouchers over less wait, since each costs its gas; they grow with what their nodes are carried',
    },
    ...chainFields,
  },
});
