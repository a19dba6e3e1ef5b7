import { homedir } from 'node:os';
import { join } from 'node:path';
import { chainFields, observationFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { atomicAmount, define, duration, hostPort, integer, size, text } from '@ogong/host/config/values';
import { parsePlaceBeginning } from './pin-place.ts';

const placeBeginning = define(
  'a place such as https://host/path or s3://bucket, or hf:, ipfs: or walrus:',
  '<place>',
  parsePlaceBeginning,
);

export const storedConfig = defineConfig({
  name: 'ogong-stored',
  examples: [
    'ogong-stored --bind 0.0.0.0:4547',
    'ogong-stored --deployment deployment.json --pin-price 0.001 --pin-room 500GiB',
  ],
  summary:
    'A storage provider of the hub: it serves the blobs of its store over HTTP. With a price it accepts pins of the network, proves each\n' +
    'epoch on the chain that their blobs are still here, and claims the fees.',
  fields: {
    bind: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_STORED_BIND',
      default: '127.0.0.1:4547',
      description: 'address of the place over HTTP',
    },
    dataDir: {
      schema: text,
      label: '<path>',
      env: 'OGONG_STORED_DATA_DIR',
      default: join(homedir(), '.ogong', 'stored'),
      description: 'where its key, its pins and, without --store, its blobs are kept',
    },
    store: {
      schema: text,
      label: '<path>',
      env: 'OGONG_STORED_STORE',
      description: 'folder of the store; a folder of the data directory if not given',
    },
    maxConnections: {
      schema: integer({ min: 1, max: 65_536 }),
      default: '256',
      description: 'connections at most',
    },
    connectionsPerAddress: {
      schema: integer({ min: 1, max: 65_536 }),
      default: '16',
      description: 'connections of one address at most',
    },
    rate: { schema: size, default: '100MiB', description: 'bytes per second that it serves to all together' },
    rpcUrl: chainFields.rpcUrl,
    deployment: { ...chainFields.deployment, required: false },
    pinPrice: {
      schema: atomicAmount,
      env: 'OGONG_STORED_PIN_PRICE',
      description:
        'least fee for each GiB of an epoch, such as 0.001; needs --deployment. No pins are accepted if not given',
    },
    pinLeast: {
      schema: atomicAmount,
      default: '0.001',
      description: 'least fee of an epoch, which has to pay the gas of a proof',
    },
    pinRoom: { schema: size, default: '100GiB', description: 'bytes of all pinned blobs together at most' },
    pinEpochBlocks: {
      schema: integer({ min: 8, max: 4_294_967_295 }),
      default: '7200',
      description: 'blocks of the longest epoch: the price is that of one epoch',
    },
    pinPlace: {
      schema: placeBeginning,
      repeatable: true,
      description:
        'places from which blobs of offers are fetched, or beginnings of them; keys of the environment are used for these. If not given: any ' +
        'https address, s3, ipfs, hf and walrus, without keys',
    },
    claimLeast: {
      schema: atomicAmount,
      default: '1.0',
      description: 'fees that are claimed together',
    },
    poll: { schema: duration, default: '6s', description: 'pause between two looks at the chain' },
    ...observationFields,
  },
});

export type StoredValues = Extract<ReturnType<typeof storedConfig.parse>, { kind: 'run' }>['values'];
