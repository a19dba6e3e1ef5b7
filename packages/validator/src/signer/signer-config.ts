import { homedir } from 'node:os';
import { join } from 'node:path';
import { chainFields, observationFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, text } from '@ogong/host/config/values';
import { ledgerAddress } from './ledger-address.ts';

const { logLevel } = observationFields;
const dataDir = join(homedir(), '.ogong', 'signer');

export const signerConfig = defineConfig({
  name: 'ogong signer',
  examples: ['ogong signer --account <address>', 'ogong signer --status'],
  summary:
    "Keeps a validator's signing key in its own process, and signs the validator's statements on a Unix socket. It computes every\n" +
    'digest itself, and refuses a statement that contradicts an earlier signature: two logs at one position, two votes in one view.\n' +
    'Start the validator with ogong-validatord --signer <socket>.',
  fields: {
    keypair: {
      schema: text,
      label: '<path>',
      env: 'OGONG_SIGNER_KEYPAIR',
      description: 'file with the signing key as hexadecimal digits; signing.key in the data directory if not given',
    },
    account: {
      schema: ledgerAddress,
      label: '<address>',
      env: 'OGONG_SIGNER_ACCOUNT',
      description: "the validator's account, which has named this key",
    },
    socket: {
      schema: text,
      label: '<path>',
      env: 'OGONG_SIGNER_SOCKET',
      default: join(dataDir, 'socket', 'signer.sock'),
      description: 'socket to listen on; its directory is closed to other users',
    },
    dataDir: {
      schema: text,
      label: '<path>',
      env: 'OGONG_SIGNER_DATA_DIR',
      default: dataDir,
      description:
        'directory with the record of its signatures. Never start two signers of one key with two directories',
    },
    rpcUrl: chainFields.rpcUrl,
    deployment: {
      schema: text,
      label: '<path>',
      env: 'OGONG_DEPLOYMENT',
      description:
        "JSON file with the addresses of the contracts. With it the signer signs a second last epoch of a beacon's key, once the chain shows that the first came too late",
    },
    status: { schema: boolean, boolean: true, description: 'ask the signer that runs at --socket, and end' },
    json: { schema: boolean, boolean: true, description: 'with --status: print JSON' },
    logLevel,
  },
});
