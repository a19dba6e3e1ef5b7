import { homedir } from 'node:os';
import { join } from 'node:path';
import { observationFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { duration, hostPort, integer, size, text } from '@ogong/host/config/values';

export const relayConfig = defineConfig({
  name: 'ogong-relayd',
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
    dataDir: {
      schema: text,
      label: '<path>',
      env: 'OGONG_RELAY_DATA_DIR',
      default: join(homedir(), '.ogong', 'relay'),
      description: 'where its keys are kept',
    },
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
    accountInterval: { schema: duration, default: '1m', description: 'pause between two signed accounts to a node' },
    ...observationFields,
  },
});
