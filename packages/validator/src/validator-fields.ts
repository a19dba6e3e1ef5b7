import { homedir } from 'node:os';
import { join } from 'node:path';
import { chainFields } from '@ogong/host/config/common-fields';
import { text } from '@ogong/host/config/values';
import { ledgerAddress } from './signer/ledger-address.ts';

const account = {
  schema: ledgerAddress,
  label: '<address>',
  env: 'OGONG_VALIDATOR_ACCOUNT',
  description: "the validator's account, if its key is not on this machine; needs --signing-keypair",
} as const;

const signingKeypair = {
  schema: text,
  label: '<path>',
  env: 'OGONG_VALIDATOR_SIGNING_KEYPAIR',
  description:
    "file with the key that the registry names for the account, as hexadecimal digits; the account's own key if not given",
} as const;

const signer = {
  schema: text,
  label: '<path>',
  env: 'OGONG_VALIDATOR_SIGNER',
  description:
    'socket of the ogong signer that holds the signing key, instead of --signing-keypair; it also says for which account it signs',
} as const;

/** Options of the daemon and of every command beside it. */
export const commonFields = {
  ...chainFields,
  dataDir: {
    schema: text,
    label: '<path>',
    env: 'OGONG_VALIDATOR_DATA_DIR',
    default: join(homedir(), '.ogong', 'validator'),
    description: 'directory for keys, records, the verdict log and the signed votes',
  },
  keypair: {
    schema: text,
    label: '<path>',
    env: 'OGONG_VALIDATOR_KEYPAIR',
    description: "file with the account's key as hexadecimal digits; ledger.key in the data directory if not given",
  },
} as const;

/** Options of programs that sign with the validator's key: the daemon and some operator commands. */
export const signedFields = { ...commonFields, account, signingKeypair, signer } as const;
