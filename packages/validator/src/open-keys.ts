import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createChainClient } from '@ogong/chain/client';
import { ConfigError } from '@ogong/host/config/config-error';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { createFastBls } from '@ogong/host/crypto/fast-bls';
import {
  createOrLoadBoxSecret,
  createOrLoadKeys,
  createOrLoadLedgerKey,
  createOrLoadVrfSeed,
  KeyFileError,
  loadHybridSigner,
  loadLedgerKey,
} from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLogSync } from '@ogong/host/store/log-sync';
import { RELEASED } from '@ogong/host/store/releases';
import { openStore } from '@ogong/host/store/store';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { createShareSigner } from '@ogong/protocol/settlement/quorum-sum';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import { createGuardedSigner } from './signer/guarded-signer.ts';
import { connectSigner } from './signer/remote-signer.ts';
import { createBeaconClock, type ReadBeaconClock } from './signer/retirement-guard.ts';
import { GUARD_SCHEMA } from './signer/signing-guard.ts';

export interface KeyOptions {
  readonly rpcUrl: string | undefined;
  readonly deployment: string;
  readonly dataDir: string;
  /** Key file of the account. Default: ledger.key in the data directory. */
  readonly keypair: string | undefined;
  /** The account, if its key is not on this machine. */
  readonly account?: Uint8Array | undefined;
  /** Default: the account's key. */
  readonly signingKeypair?: string | undefined;
  /** Socket of the process that holds the signing key. */
  readonly signer?: string | undefined;
  /** Key file of the account that sends transactions. Default: the validator's. */
  readonly transactionKeypair?: string | undefined;
}

/**
 * Opens keys, certificate and chain connection, which every validator command needs. @throws ConfigError, KeyFileError
 */
export async function openKeys(name: string, options: KeyOptions) {
  const { dataDir, transactionKeypair } = options;
  const keys = createOrLoadKeys(dataDir);
  const isAccountHere = options.account === undefined && options.signer === undefined;
  const accountKey = isAccountHere ? readAccountKey(options, keys.ledgerKey.reveal()) : undefined;
  const sender = transactionKeypair === undefined ? accountKey : loadLedgerKey(transactionKeypair).reveal();
  const { deployment, rpcUrl } = readDeployment(name, options);
  return {
    deployment,
    openSigner: () =>
      openSigner(name, options, { accountKey, readBeaconClock: createBeaconClock({ deployment, rpcUrl }) }),
    /** Reads the public head key from this directory or from the signer. */
    readHeadKey: () => readHeadKey(options),
    vrfSeed: createOrLoadVrfSeed(dataDir).reveal(),
    boxSecret: createOrLoadBoxSecret(dataDir).reveal(),
    identity: createLinkIdentity(keys.linkSeed),
    /** Connects with the transaction key. Without one the client only reads. @param beforeSend see TransactorOptions */
    connect: (beforeSend?: () => Promise<void>) =>
      createChainClient({
        ...{ rpcUrl, deployment, beforeSend },
        ...(sender === undefined ? {} : { privateKey: `0x${toHex(sender)}` }),
      }),
  };
}

interface OpenedSigner {
  readonly signer: ValidatorSigner;
  /** Rejects if a note could not be synced. Undefined if another process keeps the notes. */
  readonly failed?: Promise<never>;
  close(): Promise<void>;
}

/**
 * Opens the signing key, in this process or in another one. @throws ConfigError, KeyFileError, SignerError, StoreError
 */
async function openSigner(
  name: string,
  { account, dataDir, signer: path, signingKeypair }: KeyOptions,
  {
    accountKey,
    readBeaconClock,
  }: { readonly accountKey: Uint8Array | undefined; readonly readBeaconClock: ReadBeaconClock },
): Promise<OpenedSigner> {
  if (path !== undefined) {
    if (signingKeypair !== undefined) throw new ConfigError(name, ['give either --signer or --signing-keypair']);
    const signer = await connectSigner(nodeCrypto, { path }, await createFastBls());
    if (account !== undefined && !equalBytes(account, signer.address)) {
      throw new ConfigError(name, [`the signer at ${path} signs for 0x${toHex(signer.address)}, not for --account`]);
    }
    return { signer, async close() {} };
  }
  const signingKey = signingKeypair === undefined ? accountKey : loadLedgerKey(signingKeypair).reveal();
  if (signingKey === undefined) throw new ConfigError(name, ['--account needs --signing-keypair, or --signer']);
  const key = createNodeLedgerSigner(signingKey);
  const share = createShareSigner(nodeCrypto, await createFastBls(), signingKey);
  const store = openStore(join(dataDir, 'signer.db'), { schema: GUARD_SCHEMA, upgrades: RELEASED.signer });
  const own = account ?? createNodeLedgerSigner(accountKey ?? signingKey).address;
  const headKey = openHeadKey(dataDir);
  const log = createLogSync(store);
  const guarded = { key, account: own, headKey, share, store, log, readBeaconClock };
  return {
    ...{ signer: createGuardedSigner(nodeCrypto, guarded), failed: log.failed },
    // A running sync may still have to write a note to the disk.
    async close() {
      await log.close();
      store.close();
    },
  };
}

const openHeadKey = (dataDir: string) => loadHybridSigner(join(dataDir, 'head.key'));

async function readHeadKey({ dataDir, signer: path }: KeyOptions): Promise<Uint8Array | undefined> {
  return path === undefined ? openHeadKey(dataDir).publicKey : (await connectSigner(nodeCrypto, { path })).headKey;
}

/** Opens the signing key for `consent`. Creates it if no file is named and none exists. */
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
