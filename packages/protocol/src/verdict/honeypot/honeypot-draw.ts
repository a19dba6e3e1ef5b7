import { type AuditDraw, assignVerifier, HONEYPOT_PPM, hasHoneypot, keepStaked } from '../../audit/audit.ts';
import { createWriter } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import type { CommonHeader } from '../../commitment/common-header.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { NamedOrder } from '../../exchange/order.ts';
import { findModality } from '../../modality/registry.ts';
import { type EvidenceCandidate, JOB_NONCE_BYTES } from '../evidence.ts';

/**
 * The draw of honeypots: the audits that get one, the verifier, and the contents (docs/spec/honeypots.md). All of it follows
 * from the beacon, the reply and the handling validator's VRF key. So nobody can choose any of it.
 */
const HONEYPOT_DOMAIN = encodeDomain('ogong-honeypot-v1');
const INPUT_DOMAIN = encodeDomain('ogong-honeypot-vrf-v1');

/**
 * Computes the id of a honeypot, 16 bytes. Its verifier and its job derive from it, so they differ from those of the audit's
 * attempts.
 */
export function computeHoneypotId(crypto: Crypto, replyId: Uint8Array): Uint8Array {
  return crypto.sha256(createWriter().bytes(HONEYPOT_DOMAIN).bytes(replyId, 16).finish()).slice(0, 16);
}

/** Computes the input of the handling validator's VRF, 32 bytes. */
export function computeHoneypotInput(
  crypto: Crypto,
  { beacon, replyId }: Pick<AuditDraw, 'beacon' | 'replyId'>,
): Uint8Array {
  const writer = createWriter().bytes(INPUT_DOMAIN).bytes(beacon, 32).bytes(computeHoneypotId(crypto, replyId), 16);
  return crypto.sha256(writer.finish());
}

/**
 * Returns the nonce of a honeypot, 16 bytes, which only the validator knows before the verdict. @param output of the VRF, 64
 * bytes.
 */
export const toHoneypotNonce = (output: Uint8Array): Uint8Array => output.slice(0, JOB_NONCE_BYTES);

/** The audit that a honeypot goes along with. */
export interface HoneypotOccasion {
  readonly draw: AuditDraw | undefined;
  readonly order: Pick<NamedOrder, 'replyId' | 'modelRoot' | 'providerId'>;
  readonly header: CommonHeader | undefined;
  /** Candidates of the first audit attempt. */
  readonly candidates: readonly EvidenceCandidate[];
  /** The candidates of the first round. */
  readonly pair: readonly EvidenceCandidate[];
  /** Honeypots per audit, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
}

/**
 * Draws the verifier of an audit's honeypot. Its operator has no other job in the first round.
 * @returns undefined if the audit has none. Reasons: the beacon draws none, fewer than two verifiers are asked, the modality
 * plants no such reply, or no verifier has room.
 */
export function drawHoneypot(
  crypto: Crypto,
  { draw, order, header, candidates, pair, honeypotPpm = HONEYPOT_PPM }: HoneypotOccasion,
): EvidenceCandidate | undefined {
  if (draw === undefined || pair.length < 2 || header === undefined) return undefined;
  // The known answer of a honeypot is about the whole model.
  if (candidates.some(({ segment }) => segment !== undefined)) return undefined;
  const modality = findModality(header.endpoint);
  if (!modality.plants?.(header) || !hasHoneypot(crypto, draw, honeypotPpm)) return undefined;
  const context = modality.countContext(header);
  const { payee } = header;
  const { modelRoot, providerId, replyId } = order;
  const server = { providerId, payee };
  const roomy = keepStaked(candidates, server).filter(({ contextSize }) => contextSize >= context);
  const drawn = assignVerifier(crypto, {
    draw: { ...draw, replyId: computeHoneypotId(crypto, replyId) },
    modelRoot,
    server,
    candidates: roomy.map((candidate) => ({ ...candidate, candidate, modelRoot })),
    tried: pair.map((one) => one.providerId),
    heard: pair.map((one) => one.operator),
  });
  return drawn?.candidate;
}
