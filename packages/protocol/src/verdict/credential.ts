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
import { findHeldOffer, type ListedSegment } from '../exchange/cohort/listed-segment.ts';
import { CLOCK_TOLERANCE_MS, MAX_ENDORSEMENT_BYTES } from '../exchange/limits.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { computeOrderSpan } from '../exchange/order-span.ts';
import { PAYEE_STATEMENT_BYTES } from '../exchange/provider-payee.ts';
import { findEndorsedClass } from '../exchange/verifier-endorsement.ts';

/** The largest announcement: 64 models with the longest names. */
const MAX_ANNOUNCEMENT_BYTES = 65_535;

/**
 * Credential of a verifier: its announcement, with all signatures. It binds the key to the payee that is paid and liable for
 * its reports.
 */
export const credentialCodec: Codec<SignedAnnouncement> = struct({
  announcement: bytes16(MAX_ANNOUNCEMENT_BYTES),
  providerKey: bytes(HYBRID_PUBLIC_KEY_BYTES),
  signature: bytes(HYBRID_SIGNATURE_BYTES),
  payeeWord: bytes(PAYEE_STATEMENT_BYTES),
  verifierEndorsement: optional(
    struct({
      word: bytes16(MAX_ENDORSEMENT_BYTES),
      verifierKey: bytes(HYBRID_PUBLIC_KEY_BYTES),
      signature: bytes(HYBRID_SIGNATURE_BYTES),
    }),
  ),
});
const credentialFormat = createFormat(credentialCodec, {});

/** Encodes a credential for storage between announcement and verdict. */
export const encodeCredential = (credential: SignedAnnouncement): Uint8Array =>
  credentialFormat.encode({ ...credential, verifierEndorsement: credential.verifierEndorsement });

/** @throws ProtocolError */
export const parseCredential = (encoded: Uint8Array): SignedAnnouncement => credentialFormat.decode(encoded);

/** The parties that a report is charged to. */
export interface Liable {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  /** Hash of the key that signed the report. */
  readonly keyHash: Uint8Array;
}

/**
 * Returns whether provider, payee and verifier all signed that the key works for this payee. Without it a validator could
 * charge the lies of its own key to another payee. It could also have its own payee paid for an honest verifier's work.
 * @throws ProtocolError if the announcement does not parse.
 */
export function isLiable(
  crypto: Crypto,
  ledger: LedgerDomain,
  credential: SignedAnnouncement,
  { providerId, payee, keyHash }: Liable,
): boolean {
  // It may have expired since. The time of the signature counts.
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
 * Returns whether the announcement was still valid when the order was given. Expired statements bind nobody, and verifiers are
 * listed after the order.
 */
export function isAnnouncedFor(
  { announcement }: Pick<SignedAnnouncement, 'announcement'>,
  { expiresAtMs }: { readonly expiresAtMs: bigint },
): boolean {
  const { fromMs: earliestMs } = computeOrderSpan({ expiresAtMs }, { toleranceMs: 2 * CLOCK_TOLERANCE_MS });
  return parseAnnouncement(announcement).expiresAtMs >= earliestMs;
}

/**
 * Returns whether a verifier signed that it computes this model in this class. Its provider must have announced the model, or this part
 * of it, with this context size.
 */
export function isOffered(
  { announcement, verifierEndorsement }: SignedAnnouncement,
  modelRoot: Uint8Array,
  {
    numericClass,
    contextSize,
    segment,
  }: Pick<Announcement['models'][number], 'numericClass' | 'contextSize'> & {
    readonly segment?: ListedSegment | undefined;
  },
): boolean {
  const offer = findHeldOffer(parseAnnouncement(announcement), modelRoot, segment);
  return (
    offer?.contextSize === contextSize &&
    verifierEndorsement !== undefined &&
    findEndorsedClass(verifierEndorsement, modelRoot) === numericClass
  );
}
