import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { compareBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { signEndorsement, type VerifierEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { remember, testCrypto } from './test-crypto.ts';

/** 32 bytes from a text, for keys and for values that only have to be distinct. */
export const seedOf = (text: string): Uint8Array => testCrypto.sha256(utf8Encode(text));

const hybrids = new Map<string, HybridSigner>();

/** The key of a provider or a verifier. It signs a message once, and returns that signature again. */
export function createTestHybrid(text: string): HybridSigner {
  const known = hybrids.get(text);
  if (known) return known;
  const { publicKey, sign } = createNodeHybridSigner(
    new Uint8Array([...seedOf(`${text} ed25519`), ...seedOf(`${text} ml-dsa`)]),
  );
  const signOnce = remember(sign);
  const signer: HybridSigner = { publicKey, sign: (message) => signOnce(message).slice() };
  hybrids.set(text, signer);
  return signer;
}

const ledgerSigners = new Map<string, LedgerSigner>();

/** A ledger key. Its signature follows from the digest alone, so each is made once. @param privateKey 32 bytes. */
export function createTestLedgerSigner(privateKey: Uint8Array): LedgerSigner {
  const name = toHex(privateKey);
  const known = ledgerSigners.get(name);
  if (known) return known;
  const { address, signDigest } = createNodeLedgerSigner(privateKey);
  const signOnce = remember(signDigest);
  const signer: LedgerSigner = { address, signDigest: (digest) => signOnce(digest).slice() };
  ledgerSigners.set(name, signer);
  return signer;
}

/** Expiry of the signatures for a provider's key, later than any test's clock runs. */
export const WORD_UNTIL_MS = 4_000_000_000_000;

/** A verifier's signed endorsement of a provider, for the classes in which the provider offers its models. */
export function signTestEndorsement(
  verifier: HybridSigner,
  providerId: Uint8Array,
  offers: readonly { readonly modelRoot: Uint8Array; readonly numericClass: string }[] = [],
): VerifierEndorsement {
  const byRoot = new Map(offers.map(({ modelRoot, numericClass }) => [toHex(modelRoot), { modelRoot, numericClass }]));
  const classes = [...byRoot.values()].sort((a, b) => compareBytes(a.modelRoot, b.modelRoot));
  return signEndorsement(verifier, { providerId, validUntilMs: WORD_UNTIL_MS, classes });
}

/** The payee of the verifier of that name. */
export const createTestPayee = (name: string): LedgerSigner => createTestLedgerSigner(seedOf(`payee ${name}`));
