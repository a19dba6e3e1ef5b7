import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createChainClient } from '@ogong/chain/client';
import { ConfigError } from '@ogong/host/config/config-error';
import { readDeployment } from '@ogong/host/config/read-deployment';
import {
  createOrLoadKeys,
  createOrLoadLedgerKey,
  createOrLoadVrfSeed,
  KeyFileError,
  loadLedgerKey,
} from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';

export interface KeyOptions {
  readonly rpcUrl: string | undefined;
  readonly deployment: string;
  readonly dataDir: string;
  /** Of the account. Default: ledger.key in the data directory. */
  readonly keypair: string | undefined;
  /** The account, where its key is not on this machine. */
  readonly account?: Uint8Array | undefined;
  /** Default: the account's key. */
  readonly signingKeypair?: string | undefined;
  /** Of the account that sends transactions. Default: the validator's. */
  readonly transactionKeypair?: string | undefined;
}

/** What every command of a validator needs: keys, certificate and the connection to the chain. @throws ConfigError, KeyFileError */
export async function openKeys(name: string, options: KeyOptions) {
  const { dataDir, signingKeypair, transactionKeypair } = options;
  const keys = createOrLoadKeys(dataDir);
  const accountKey = options.account === undefined ? readAccountKey(options, keys.ledgerKey.reveal()) : undefined;
  const signingKey = signingKeypair === undefined ? accountKey : loadLedgerKey(signingKeypair).reveal();
  const sender = transactionKeypair === undefined ? accountKey : loadLedgerKey(transactionKeypair).reveal();
  if (signingKey === undefined) throw new ConfigError(name, ['--account needs --signing-keypair']);
  const { deployment, rpcUrl } = readDeployment(name, options);
  const account = options.account ?? createNodeLedgerSigner(accountKey ?? signingKey).address;
  return {
    deployment,
    signer: createKeySigner(nodeCrypto, createNodeLedgerSigner(signingKey), account),
    vrfSeed: createOrLoadVrfSeed(dataDir).reveal(),
    identity: await createLinkIdentity(keys.linkSeed),
    /** Sends with the transaction key; without one it only reads. */
    connect: () =>
      createChainClient({ rpcUrl, deployment, ...(sender === undefined ? {} : { privateKey: `0x${toHex(sender)}` }) }),
  };
}

/** The path of the signing key that `consent` makes where none is named. */
export function openSigningKey({ dataDir, signingKeypair }: Pick<KeyOptions, 'dataDir' | 'signingKeypair'>) {
  const key =
    signingKeypair === undefined ? createOrLoadLedgerKey(join(dataDir, 'signing.key')) : loadLedgerKey(signingKeypair);
  return createNodeLedgerSigner(key.reveal());
}

function readAccountKey({ keypair }: Pick<KeyOptions, 'keypair'>, kept: Uint8Array): Uint8Array {
  if (keypair === undefined) return kept;
  try {
    return fromHex(readFileSync(keypair, 'utf8').trim().replace(/^0x/, ''), 32);
  } catch (cause) {
    throw new KeyFileError('malformed', `${keypair} is not a ledger key: expected 64 hexadecimal digits`, { cause });
  }
}
