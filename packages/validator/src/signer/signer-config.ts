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
    "Holds a validator's signing key in a process of its own, and signs on a Unix socket what the validator says. It computes every\n" +
    'digest itself, and refuses what contradicts an earlier signature: two logs at one position, two votes in one view.\n' +
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
      description: 'where to listen; its directory is closed to other users',
    },
    dataDir: {
      schema: text,
      label: '<path>',
      env: 'OGONG_SIGNER_DATA_DIR',
      default: dataDir,
      description: 'where it keeps what it has signed. Never start two signers of one key with two of these',
    },
    rpcUrl: chainFields.rpcUrl,
    deployment: {
      schema: text,
      label: '<path>',
      env: 'OGONG_DEPLOYMENT',
      description:
        "JSON file with the addresses of the contracts. With it a second last epoch of a beacon's key is signed, once the first came too late by the chain",
    },
    status: { schema: boolean, boolean: true, description: 'ask the signer that runs at --socket, and end' },
    json: { schema: boolean, boolean: true, description: 'with --status: print JSON' },
    logLevel,
  },
});
