import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import { readHoneypotNonce } from '@ogong/protocol/verdict/honeypot/honeypot';
import { computeHoneypotId, computeHoneypotInput, drawHoneypot } from '@ogong/protocol/verdict/honeypot/honeypot-draw';
import type { AuditContext } from '@ogong/protocol/verdict/judgement';
import type { OpenedReply } from '@ogong/protocol/verdict/opened-reply';
import type { HoneypotRow } from '../store/honeypot-store.ts';
import type { HoneypotState } from './honeypot-state.ts';

/** The audit to which a honeypot belongs. */
export interface HoneypotTimes {
  readonly candidates: readonly EvidenceCandidate[];
  /** The candidates of the first round. */
  readonly pair: readonly EvidenceCandidate[];
  readonly selectedMs: number;
  readonly deadlineMs: number;
}

type PlanState = Pick<HoneypotState, 'crypto' | 'vrf' | 'computeDelay'>;

/**
 * Plans the honeypot of an audit if the beacon draws one. It is asked at a random moment like any job, so neither its
 * time nor its age gives it away.
 */
export function planHoneypot(
  { crypto, vrf, computeDelay }: PlanState,
  { draw, claim: { order, header }, honeypotPpm, vrfKey }: AuditContext,
  { reply }: OpenedReply,
  { candidates, pair, selectedMs, deadlineMs }: HoneypotTimes,
): HoneypotRow | undefined {
  const verifier = drawHoneypot(crypto, { draw, order, header, candidates, pair, honeypotPpm });
  if (verifier === undefined || draw === undefined || reply.plant === undefined || vrfKey === undefined)
    return undefined;
  const proof = vrf.prove(computeHoneypotInput(crypto, draw));
  const nonce = readHoneypotNonce(crypto, vrfKey, draw, proof);
  if (nonce === undefined) throw new Error('the VRF key of this validator is not the one that it has registered');
  const { replyId } = order;
  const id = computeHoneypotId(crypto, replyId);
  return {
    ...{ id, replyId, beacon: draw.beacon, proof },
    verifierId: verifier.providerId,
    keyHash: verifier.keyHash,
    askAtMs: selectedMs + computeDelay(id),
    deadlineMs,
    credential: undefined,
    committed: undefined,
    opened: undefined,
    isUnreadable: false,
    isGivenUp: false,
    statements: undefined,
  };
}
