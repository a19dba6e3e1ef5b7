import { assignVerifier } from '@ogong/protocol/audit/audit';
import { createReader, createWriter } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import { tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { isText } from '@ogong/protocol/modality/text/text';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import type { AuditContext } from '@ogong/protocol/verdict/judge';
import type { OpenedReply } from '@ogong/protocol/verdict/opened-reply';
import type { HoneypotRow } from '../store/honeypot-store.ts';
import { plantBad } from './honeypot.ts';
import type { HoneypotState } from './honeypot-state.ts';

/** The audit that honeypots go along with. */
export interface HoneypotOccasion {
  readonly candidates: readonly EvidenceCandidate[];
  /** The candidates of the first round. */
  readonly pair: readonly EvidenceCandidate[];
  readonly selectedMs: number;
  readonly deadlineMs: number;
}

type PlanState = Pick<HoneypotState, 'crypto' | 'jobSecret' | 'honeypotPpm' | 'pairPpm' | 'computeDelay'>;

const HONEYPOT_DOMAIN = encodeDomain('ogong-honeypot-v2');
const MAX_PER_REPLY = 2;

/**
 * Plans honeypots from a reply that two verifiers will score: no other is read by its validator. Each goes to a verifier of
 * another operator, at a random moment as any job, so that neither its time nor its age gives it away.
 */
export function planHoneypots(
  { crypto, jobSecret, honeypotPpm, pairPpm, computeDelay }: PlanState,
  { draw, claim }: AuditContext,
  { reply }: OpenedReply,
  { candidates, pair, selectedMs, deadlineMs }: HoneypotOccasion,
): HoneypotRow[] {
  const { replyId, modelRoot, providerId } = claim.order;
  if (draw === undefined || pair.length < 2 || !isText(reply)) return [];
  const { replay } = reply;
  const { promptTokenCount, outputTokenCount } = claim.header;
  const roomy = candidates.filter(({ contextSize }) => contextSize >= promptTokenCount + outputTokenCount);
  const asked = [...pair];
  const planned: HoneypotRow[] = [];
  for (let number = 0; number < MAX_PER_REPLY; number++) {
    const writer = createWriter().bytes(HONEYPOT_DOMAIN).bytes(jobSecret, 32).bytes(replyId, 16).u8(number);
    const seed = crypto.sha256(writer.finish());
    const reader = createReader(seed);
    const wanted = honeypotPpm / pairPpm - number;
    if (reader.u32() / 2 ** 32 >= wanted) break;
    const id = crypto.sha256(seed).slice(0, 16);
    const verifier = assignVerifier(crypto, {
      draw: { ...draw, replyId: id },
      modelRoot,
      server: { providerId, payee: claim.header.payee },
      candidates: roomy.map((candidate) => ({ ...candidate, modelRoot })),
      tried: asked.map((one) => one.providerId),
      heard: asked.map((one) => one.operator),
    });
    if (verifier === undefined) break;
    asked.push(verifier);
    const isBad = (reader.u8() & 1) === 1;
    const plain = { outputTokens: replay.rows.map(tokenOf), position: undefined };
    planned.push({
      ...(isBad ? plantBad(crypto, replay.rows, seed) : plain),
      id,
      replyId,
      verifierId: verifier.providerId,
      keyHash: verifier.keyHash,
      listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
      shapeClasses: replay.shapeClasses,
      tailDraws: replay.tailDraws,
      askAtMs: selectedMs + computeDelay(id),
      deadlineMs,
      committed: undefined,
      opened: undefined,
    });
  }
  return planned;
}
