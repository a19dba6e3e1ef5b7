import { equalBytes } from '../base/bytes.ts';
import { bytes, bytes16, type Codec, createFormat, optional, struct } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES } from '../crypto/hybrid.ts';
import {
  type Announcement,
  parseAnnouncement,
  type SignedAnnouncement,
  verifyAnnouncement,
} from '../exchange/announcement.ts';
import { CLOCK_TOLERANCE_MS, MAX_ENDORSEMENT_BYTES } from '../exchange/limits.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { computeOrderSpan } from '../exchange/order-span.ts';
import { PAYEE_WORD_BYTES } from '../exchange/provider-payee.ts';
import { findEndorsedClass } from '../exchange/verifier-endorsement.ts';

/** 64 models with the longest names. */
const MAX_ANNOUNCEMENT_BYTES = 65_535;

/** What binds a verifier's key to the payee that is paid and held liable for its reports: the announcement, with everybody's word. */
export const credentialCodec: Codec<SignedAnnouncement> = struct({
  announcement: bytes16(MAX_ANNOUNCEMENT_BYTES),
  providerKey: bytes(HYBRID_PUBLIC_KEY_BYTES),
  signature: bytes(HYBRID_SIGNATURE_BYTES),
  payeeWord: bytes(PAYEE_WORD_BYTES),
  verifierEndorsement: optional(
    struct({
      word: bytes16(MAX_ENDORSEMENT_BYTES),
      verifierKey: bytes(HYBRID_PUBLIC_KEY_BYTES),
      signature: bytes(HYBRID_SIGNATURE_BYTES),
    }),
  ),
});
const credentialFormat = createFormat(credentialCodec, {});

/** A credential as it is kept from the announcement to the verdict. */
export const encodeCredential = (credential: SignedAnnouncement): Uint8Array =>
  credentialFormat.encode({ ...credential, verifierEndorsement: credential.verifierEndorsement });

/** @throws ProtocolError */
export const parseCredential = (encoded: Uint8Array): SignedAnnouncement => credentialFormat.decode(encoded);

/** Whom a report is put down to. */
export interface Liable {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  /** Hash of the key that signed the report. */
  readonly keyHash: Uint8Array;
}

/**
 * Whether provider, payee and verifier all signed that the key works for this payee. Without it a validator could have somebody else
 * pay for the lies of a key of its own, or paid for the work of an honest one.
 * @throws ProtocolError where the announcement does not parse.
 */
export function isLiable(
  crypto: Crypto,
  ledger: LedgerDomain,
  credential: SignedAnnouncement,
  { providerId, payee, keyHash }: Liable,
): boolean {
  // It may have expired since: what was signed then is what counts.
  const { issuedAtMs: nowMs } = parseAnnouncement(credential.announcement);
  const { ok, announcement } = verifyAnnouncement(crypto, credential, { ledger, nowMs });
  return (
    ok &&
    announcement?.verifier !== undefined &&
    equalBytes(announcement.providerId, providerId) &&
    equalBytes(announcement.payee, payee) &&
    equalBytes(announcement.verifier.keyHash, keyHash)
  );
}

/**
 * Whether the announcement could still be held when the order was given, so that words that have ended bind nobody: verifiers are
 * listed after that.
 */
export function isAnnouncedFor(
  { announcement }: Pick<SignedAnnouncement, 'announcement'>,
  { expiresAtMs }: { readonly expiresAtMs: bigint },
): boolean {
  const { fromMs: earliestMs } = computeOrderSpan({ expiresAtMs }, { toleranceMs: 2 * CLOCK_TOLERANCE_MS });
  return parseAnnouncement(announcement).expiresAtMs >= earliestMs;
}

/** Whether a verifier signed that it computes this model in this class, and its provider that it has this room. */
export function isOffered(
  { announcement, verifierEndorsement }: SignedAnnouncement,
  modelRoot: Uint8Array,
  { numericClass, contextSize }: Pick<Announcement['models'][number], 'numericClass' | 'contextSize'>,
): boolean {
  const offer = parseAnnouncement(announcement).models.find((model) => equalBytes(model.modelRoot, modelRoot));
  return (
    offer?.contextSize === contextSize &&
    verifierEndorsement !== undefined &&
    findEndorsedClass(verifierEndorsement, modelRoot) === numericClass
  );
}
