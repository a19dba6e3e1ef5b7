import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createNobleHybridSigner } from '@ogong/protocol/crypto/noble';
import { encodeNetwork } from '@ogong/protocol/network/network-document';
import { createSyntheticNetwork } from '../../synthetic/synthetic-network.ts';

/** A document of a network, its fields, and the key that signs it. Signatures of hybrid keys differ from each other. */
export function createNetworkVectors(crypto: Crypto): unknown {
  const signer = createNobleHybridSigner(new Uint8Array(64).fill(0x51));
  const document = createSyntheticNetwork();
  const toText = (_name: string, value: unknown): unknown =>
    value instanceof Uint8Array ? toHex(value) : typeof value === 'bigint' ? `${value}` : value;
  return {
    fields: JSON.parse(JSON.stringify(document, toText)),
    document: toHex(encodeNetwork(document)),
    key: toHex(signer.publicKey),
    fingerprint: toHex(hashHybridKey(crypto, signer.publicKey)),
  };
}
