import { compareBytes, equalBytes } from '../base/bytes.ts';
import { type CodecType, createFormat, hash, list, plainText, safeInteger, struct, u8 } from '../base/codec.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { MAX_ANNOUNCED_MODELS, MAX_ENDORSEMENT_BYTES, MAX_NUMERIC_CLASS_BYTES } from './limits.ts';

const classCodec = struct({
  modelRoot: hash,
  /** The class in which it computes the model. */
  numericClass: plainText(MAX_NUMERIC_CLASS_BYTES, { minLength: 0 }),
});

const wordCodec = struct({
  providerId: hash,
  /** Unix time. */
  validUntilMs: safeInteger,
  /** Ascending by root. */
  classes: list<CodecType<typeof classCodec>>(classCodec, {
    count: u8,
    max: MAX_ANNOUNCED_MODELS,
    ascending: (a, b) => compareBytes(a.modelRoot, b.modelRoot),
  }),
});

/** The statement that a verifier signs: the provider, the end date, and its numeric classes. */
export interface EndorsementTerms extends CodecType<typeof wordCodec> {}

const wordFormat = createFormat<EndorsementTerms>(wordCodec, {
  tag: 'ogong-verifier-endorsement-v1',
  maxBytes: MAX_ENDORSEMENT_BYTES,
});

/**
 * A verifier's signed statement that it works for a provider (docs/spec/announcement.md). Without it a stranger could announce
 * the key of an honest verifier, with an endpoint that never answers, and be drawn in its place.
 */
export interface VerifierEndorsement {
  /** The exact bytes that were signed. */
  readonly word: Uint8Array;
  /** Hybrid public key, 1,344 bytes. */
  readonly verifierKey: Uint8Array;
  readonly signature: Uint8Array;
}

export const encodeEndorsement: (word: EndorsementTerms) => Uint8Array = wordFormat.encode;
/** @throws ProtocolError */
export const parseEndorsement: (bytes: Uint8Array) => EndorsementTerms = wordFormat.decode;

export function signEndorsement(verifier: HybridSigner, fields: EndorsementTerms): VerifierEndorsement {
  const word = encodeEndorsement(fields);
  return { word, verifierKey: verifier.publicKey, signature: verifier.sign(word) };
}

/**
 * Verifies that the verifier's key with that hash signed for this provider, until at least `untilMs`.
 * @param untilMs Unix time at which the statement must still be valid.
 * @throws ProtocolError if the statement does not parse.
 */
export function verifyEndorsement(
  crypto: Crypto,
  { word, verifierKey: publicKey, signature }: VerifierEndorsement,
  names: { readonly providerId: Uint8Array; readonly keyHash: Uint8Array; readonly untilMs: number },
): boolean {
  const { providerId, validUntilMs } = parseEndorsement(word);
  return (
    equalBytes(providerId, names.providerId) &&
    validUntilMs >= names.untilMs &&
    equalBytes(hashHybridKey(crypto, publicKey), names.keyHash) &&
    verifyHybrid(crypto, { publicKey, message: word, signature })
  );
}

/**
 * Finds the class in which the verifier computes a model, by its own statement; undefined if it does not name the model.
 * @throws ProtocolError
 */
export function findEndorsedClass({ word }: VerifierEndorsement, modelRoot: Uint8Array): string | undefined {
  return findClass(parseEndorsement(word), modelRoot);
}

/** Finds the class of a model in a verifier's statement. */
export function findClass({ classes }: Pick<EndorsementTerms, 'classes'>, modelRoot: Uint8Array): string | undefined {
  return classes.find((one) => equalBytes(one.modelRoot, modelRoot))?.numericClass;
}
