import { isText } from '@ogong/protocol/modality/text/text';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import { computeHoneypotId, drawHoneypot, plantHoneypot } from '@ogong/protocol/verdict/honeypot';
import type { AuditContext } from '@ogong/protocol/verdict/judge';
import type { OpenedReply } from '@ogong/protocol/verdict/opened-reply';
import { computeJobNonce } from '@ogong/protocol/verdict/verifier-draw';
import type { HoneypotRow } from '../store/honeypot-store.ts';
import type { HoneypotState } from './honeypot-state.ts';

/** The audit that a honeypot goes along with. */
export interface HoneypotTimes {
  readonly candidates: readonly EvidenceCandidate[];
  /** The candidates of the first round. */
  readonly pair: readonly EvidenceCandidate[];
  readonly selectedMs: number;
  readonly deadlineMs: number;
}

type PlanState = Pick<HoneypotState, 'crypto' | 'jobSecret' | 'honeypotPpm' | 'computeDelay'>;

/**
 * Plans the honeypot of an audit, where the beacon draws one. It is asked at a random moment as any job, so that neither its time nor its
 * age gives it away.
 */
export function planHoneypot(
  { crypto, jobSecret, honeypotPpm, computeDelay }: PlanState,
  { draw, claim: { order } }: AuditContext,
  opened: OpenedReply,
  { candidates, pair, selectedMs, deadlineMs }: HoneypotTimes,
): HoneypotRow | undefined {
  const { reply } = opened;
  const verifier = drawHoneypot(crypto, opened, { draw, order, candidates, pair, honeypotPpm });
  if (verifier === undefined || draw === undefined || !isText(reply)) return undefined;
  const { replay } = reply;
  const { replyId } = order;
  const id = computeHoneypotId(crypto, replyId);
  const nonce = computeJobNonce(crypto, { secret: jobSecret, replyId: id, attempt: 0 });
  return {
    ...plantHoneypot(crypto, replay, draw, nonce),
    ...{ id, replyId },
    verifierId: verifier.providerId,
    keyHash: verifier.keyHash,
    listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
    shapeClasses: replay.shapeClasses,
    tailDraws: replay.tailDraws,
    askAtMs: selectedMs + computeDelay(id),
    deadlineMs,
    credential: undefined,
    committed: undefined,
    opened: undefined,
    isUnreadable: false,
  };
}
