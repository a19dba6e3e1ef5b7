import { quickCrypto } from '@ogong/protocol/crypto/quick-noble';
import { type HeadTrust, type HeadVerdict, verifyHeadCertificate } from '@ogong/protocol/settlement/head-certificate';
import { createPayeeStatements } from '@ogong/protocol/verdict/payee-statements';
import type { VerdictAnchors as ProtocolTrust } from '@ogong/protocol/verdict/verdict-anchors';
import {
  type PublicVerdict,
  type VerdictReview,
  verifyVerdict as verify,
} from '@ogong/protocol/verdict/verify-verdict';

export type { HeadTrust, HeadVerdict, PublicVerdict, VerdictReview };
export type VerdictTrust = Omit<ProtocolTrust, 'checkWord'>;

/**
 * Re-checks one entry of a validator's log from the bytes that the validator publishes, as every co-signer does. Its evidence must support
 * the entry, and its fee must follow from order, request and reply.
 *
 * @example
 * const { ok, checks } = await verifyVerdict(
 *   { logEntry, order, record, submission, evidence },
 *   { ledger, validator, nowMs: Date.now(), allowFixedVerifier: false, findBeacon, findPolicy: () => undefined },
 * );
 */
export function verifyVerdict(
  verdict: PublicVerdict & { readonly logEntry: Uint8Array },
  trust: VerdictTrust,
): Promise<VerdictReview> {
  return verify(quickCrypto, verdict, { ...trust, checkWord: createPayeeStatements(quickCrypto, trust.ledger) });
}

/**
 * Checks that more than two thirds of the stake signed the head of a validator's log, with Ed25519 and ML-DSA-44 keys. A gateway serves
 * certificates at `/public/validators/{address}/heads/{sequence}`; stakes and keys are the chain's (docs/spec/log-heads.md).
 */
export function verifyLogHead(certificate: Uint8Array, trust: HeadTrust): HeadVerdict {
  return verifyHeadCertificate(quickCrypto, certificate, trust);
}
