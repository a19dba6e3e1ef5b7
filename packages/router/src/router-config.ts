import { homedir } from 'node:os';
import { join } from 'node:path';
import { createTeeFields } from '@ogong/host/attester/tee-config';
import { chainFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { duration, hostPort, integer, text } from '@ogong/host/config/values';
import { networkFields } from '@ogong/host/lifecycle/daemon-context';
import { knownPeer } from '@ogong/host/link/peer-values';
import { modelRootFields } from '@ogong/host/views/open-model-roots';

const dataDir = {
  schema: text,
  label: '<path>',
  env: 'OGONG_ROUTER_DATA_DIR',
  default: join(homedir(), '.ogong', 'router'),
  description: 'where keys, supply and reputation are kept',
} as const;

export const registerConfig = defineConfig({
  name: 'ogong-routerd register',
  examples: ['ogong-routerd register --deployment deployment.json'],
  summary:
    'Makes the account of this router one whose tickets the network takes: stakes what the least bond lacks, and names the key\n' +
    'of its tickets. Run again, it stakes what is missing and names another key.',
  fields: { dataDir, ...chainFields },
});

export const retireConfig = defineConfig({
  name: 'ogong-routerd retire',
  examples: ['ogong-routerd retire --deployment deployment.json'],
  summary:
    'Announces that this router leaves. Its tickets are taken for one unbonding delay more; then its stake is free.',
  fields: { dataDir, ...chainFields },
});

export const routerConfig = defineConfig({
  name: 'ogong-routerd',
  commands: ['register', 'retire'],
  examples: ['ogong-routerd --deployment deployment.json'],
  summary:
    'Matches requests to providers by price and free capacity, drawn in proportion to stake and reputation.\n' +
    'Register first: ogong-routerd register --help',
  fields: {
    bind: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_ROUTER_BIND',
      default: '0.0.0.0:4544',
      description: 'address of the link endpoint',
    },
    relay: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_ROUTER_RELAY',
      description:
        'address of a blind relay that runs beside the router, under the same certificate; none if not given',
    },
    relayEndpoint: {
      schema: hostPort,
      label: '<host:port>',
      env: 'OGONG_ROUTER_RELAY_ENDPOINT',
      description: 'where providers find that relay; its address, if that is not one of all addresses',
    },
    knownRelay: {
      schema: knownPeer,
      label: '<host:port|cert>',
      env: 'OGONG_ROUTER_KNOWN_RELAYS',
      repeatable: true,
      description: 'another relay that providers are told of, with its certificate as a file or hash',
    },
    peerRouter: {
      schema: knownPeer,
      label: '<host:port|cert>',
      env: 'OGONG_ROUTER_PEERS',
      repeatable: true,
      description:
        'another router, with its certificate as a file or hash: providers that announce themselves there are listed here, too',
    },
    dataDir,
    ...networkFields,
    certOut: { ...networkFields.certOut, env: 'OGONG_ROUTER_CERT_OUT' },
    ...modelRootFields,
    modelRoots: { ...modelRootFields.modelRoots, env: 'OGONG_ROUTER_MODEL_ROOTS' },
    ...createTeeFields('ROUTER', 'for callers that demand such routers'),
    ticketTtl: { schema: duration, default: '2m', description: 'how long a match is good for and holds its slot' },
    refreshInterval: {
      schema: duration,
      env: 'OGONG_ROUTER_REFRESH_INTERVAL',
      default: '10s',
      description: 'pause between two readings of stake and settled verdicts',
    },
    maxProviders: {
      schema: integer({ min: 1, max: 4096 }),
      default: '4096',
      description: 'providers that are listed at most',
    },
  },
});
