import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';

/** 32 bytes that a text names: keys and whatever else only has to be told apart. */
export const seedOf = (text: string): Uint8Array => crypto.sha256(utf8Encode(text));
export const createTestHybrid = (text: string): HybridSigner =>
  createNodeHybridSigner(new Uint8Array([...seedOf(`${text} ed25519`), ...seedOf(`${text} ml-dsa`)]));

/** Whom the verifier of that name is paid to. */
export const createTestPayee = (name: string): LedgerSigner => createNodeLedgerSigner(seedOf(`payee ${name}`));
