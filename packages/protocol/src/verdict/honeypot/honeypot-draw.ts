import { type AuditDraw, assignVerifier, HONEYPOT_PPM, hasHoneypot } from '../../audit/audit.ts';
import { createWriter } from '../../base/bytes.ts';
import { encodeDomain } from '../../base/canonical.ts';
import type { CommonHeader } from '../../commitment/common-header.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { NamedOrder } from '../../exchange/order.ts';
import { isTextHeader } from '../../modality/text/commitment/header.ts';
import { type EvidenceCandidate, JOB_NONCE_BYTES } from '../evidence.ts';

/**
 * Which audits bring a job with a known answer along, who gets it, and by what it is made (docs/spec/honeypots.md). All of it
 * follows from the beacon, the reply and the handling validator's VRF key, so nobody chooses anything of it.
 */
const HONEYPOT_DOMAIN = encodeDomain('ogong-honeypot-v3');
const INPUT_DOMAIN = encodeDomain('ogong-honeypot-vrf-v1');

/** 16 bytes: by what its verifier is drawn and its job named, so that neither is that of an attempt of the audit. */
export function computeHoneypotId(crypto: Crypto, replyId: Uint8Array): Uint8Array {
  return crypto.sha256(createWriter().bytes(HONEYPOT_DOMAIN).bytes(replyId, 16).finish()).slice(0, 16);
}

/** The input of the handling validator's VRF, 32 bytes. */
export function computeHoneypotInput(
  crypto: Crypto,
  { beacon, replyId }: Pick<AuditDraw, 'beacon' | 'replyId'>,
): Uint8Array {
  const writer = createWriter().bytes(INPUT_DOMAIN).bytes(beacon, 32).bytes(computeHoneypotId(crypto, replyId), 16);
  return crypto.sha256(writer.finish());
}

/** 16 bytes, that nobody but the validator knows before the verdict. @param output of the VRF, 64 bytes. */
export const toHoneypotNonce = (output: Uint8Array): Uint8Array => output.slice(0, JOB_NONCE_BYTES);

/** The audit that a honeypot goes along with. */
export interface HoneypotOccasion {
  readonly draw: AuditDraw | undefined;
  readonly order: Pick<NamedOrder, 'replyId' | 'modelRoot' | 'providerId'>;
  readonly header: CommonHeader | undefined;
  /** Of the first sitting. */
  readonly candidates: readonly EvidenceCandidate[];
  /** The candidates of the first round. */
  readonly pair: readonly EvidenceCandidate[];
  /** Honeypots per audit, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
}

/**
 * The verifier of an audit's honeypot, of an operator that is asked nothing else in its first round.
 * @returns undefined where the audit has none: the beacon draws none, no two are asked, the reply is no text, or nobody has room.
 */
export function drawHoneypot(
  crypto: Crypto,
  { draw, order, header, candidates, pair, honeypotPpm = HONEYPOT_PPM }: HoneypotOccasion,
): EvidenceCandidate | undefined {
  if (draw === undefined || pair.length < 2 || header === undefined || !isTextHeader(header)) return undefined;
  if (!hasHoneypot(crypto, draw, honeypotPpm)) return undefined;
  const { payee, promptTokenCount, outputTokenCount } = header;
  const { modelRoot, providerId, replyId } = order;
  const roomy = candidates.filter(({ contextSize }) => contextSize >= promptTokenCount + outputTokenCount);
  const drawn = assignVerifier(crypto, {
    draw: { ...draw, replyId: computeHoneypotId(crypto, replyId) },
    modelRoot,
    server: { providerId, payee },
    candidates: roomy.map((candidate) => ({ ...candidate, candidate, modelRoot })),
    tried: pair.map((one) => one.providerId),
    heard: pair.map((one) => one.operator),
  });
  return drawn?.candidate;
}
