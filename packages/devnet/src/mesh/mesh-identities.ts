import { join } from 'node:path';
import { type Address, bytesToHex, type Hex } from '@ogong/chain/hex';
import { computeAddress } from '@ogong/chain/keys';
import {
  createOrLoadBoxSecret,
  createOrLoadKeys,
  createOrLoadLedgerKey,
  createOrLoadVrfSeed,
  loadHybridSigner,
} from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { nobleSealedBox } from '@ogong/protocol/crypto/noble-sealed-box';
import { computeVrfPublicKey } from '@ogong/protocol/crypto/vrf';

/** A daemon's identity, from the keys in its data directory; missing keys are made here. */
export interface MeshIdentity {
  readonly privateKey: Hex;
  readonly address: Address;
  /** SHA-256 of its TLS certificate. */
  readonly certHash: Uint8Array;
  /** Hash of its hybrid key: a provider's id. */
  readonly keyHash: Uint8Array;
  /** Public key of the verifiable random function, which validators alone use. */
  readonly vrfKey: Uint8Array;
}

export async function loadMeshIdentity(directory: string, name: string): Promise<MeshIdentity> {
  const own = join(directory, name);
  const keys = createOrLoadKeys(own);
  const privateKey = bytesToHex(keys.ledgerKey.reveal());
  const { id } = createLinkIdentity(keys.linkSeed);
  return {
    privateKey,
    address: computeAddress(privateKey),
    certHash: id,
    keyHash: hashHybridKey(nodeCrypto, createNodeHybridSigner(keys.hybridSeed.reveal()).publicKey),
    get vrfKey() {
      return computeVrfPublicKey(createOrLoadVrfSeed(own).reveal());
    },
  };
}

/** The keys of a validator. Its account owns the bond, and its key is not on the daemon's machine. */
export interface MeshValidator extends MeshIdentity {
  /** Speaks for the account. */
  readonly signing: LedgerSigner;
  /** Pays for the daemon's transactions, and has nothing but fees. */
  readonly feePayer: Address;
  /** Key that encrypts its shares of the beacon's key. */
  readonly boxKey: Uint8Array;
  /** Signs heads of logs. */
  readonly headKey: Uint8Array;
}

/** @param keeper owner of the data directory with its signing keys: the validator itself, or its signer. */
export async function loadMeshValidator(directory: string, name: string, keeper = name): Promise<MeshValidator> {
  const { address: feePayer, certHash, keyHash, vrfKey } = await loadMeshIdentity(directory, name);
  const account = createOrLoadLedgerKey(join(directory, 'accounts', `${name}.key`));
  const privateKey = bytesToHex(account.reveal());
  const signing = createNodeLedgerSigner(createOrLoadLedgerKey(signingKeyPath(join(directory, keeper))).reveal());
  const boxKey = nobleSealedBox.deriveKey(createOrLoadBoxSecret(join(directory, name)).reveal());
  const { publicKey: headKey } = loadHybridSigner(join(directory, keeper, 'head.key'));
  const keys = { keyHash, vrfKey, signing, boxKey, headKey };
  return { privateKey, address: computeAddress(privateKey), certHash, feePayer, ...keys };
}

/** Where `ogong-validatord consent` puts it, too. */
export const signingKeyPath = (dataDir: string): string => join(dataDir, 'signing.key');
