import type { Peer } from '@ogong/host/link/link-pool';
import { computeCallTimeout, createScoreJob } from '@ogong/host/link/verifier-call';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { encodeScored } from '@ogong/protocol/modality/text/scored-reply';
import { expectPassesMs } from '@ogong/protocol/modality/text/stage2/text-claim';
import type { SignedTrace } from '@ogong/protocol/modality/text/stage2/trace-report';
import { readAnnouncement } from '../store/announcement-store.ts';
import type { Dispute, DisputeState, VerifierFinding } from './dispute-state.ts';

export async function askVerifierTrace(
  state: DisputeState,
  dispute: Dispute,
  reported: VerifierFinding,
  position: number,
): Promise<SignedTrace> {
  const { crypto, calls, stopping } = state;
  const { submission, header, opening, record, outputTokens, listSizes, shapeClasses } = dispute;
  const { request, endpoint } = submission;
  const { modelRoot } = reported.report;
  const jobId = crypto.sha256(record, reported.keyHash).slice(0, 16);
  const timeoutMs = computeTraceTimeout(state, dispute, position);
  // A trace looks at values, not at draws.
  const scored = {
    endpoint,
    modelRoot,
    blind: opening.blind,
    header,
    outputTokens,
    listSizes,
    shapeClasses,
    tailDraws: new Map(),
  };
  const job = createScoreJob({ jobId, request, timeoutMs }, encodeScored(scored));
  return calls.verifier(
    findDisputePeer(state, reported),
    { job, record, position },
    { timeoutMs, signal: stopping.signal },
  );
}

export async function askProviderTrace(state: DisputeState, dispute: Dispute, position: number): Promise<SignedTrace> {
  const { store, calls, stopping } = state;
  const { submission, record, providerId } = dispute;
  const provider = store.read(() => readAnnouncement(store, providerId));
  if (provider === undefined) throw new Error('the provider does not announce itself');
  const { request, endpoint } = submission;
  const timeoutMs = computeTraceTimeout(state, dispute, position);
  return calls.provider(
    provider,
    { record, request, endpoint, position, timeoutMs },
    { timeoutMs, signal: stopping.signal },
  );
}

function findDisputePeer({ store, fixedVerifier }: DisputeState, { verifierId, keyHash }: VerifierFinding): Peer {
  const announced = store.read(() => readAnnouncement(store, verifierId))?.verifier;
  if (announced && equalBytes(announced.keyHash, keyHash)) return announced;
  if (fixedVerifier && equalBytes(verifierId, keyHash)) return fixedVerifier;
  throw new Error('the verifier no longer announces itself');
}

/** Returns the time limit of a trace. The rows before the position are computed in their own passes. */
function computeTraceTimeout({ callTimeoutMs }: DisputeState, { shapeClasses }: Dispute, position: number): number {
  return computeCallTimeout(expectPassesMs(shapeClasses.subarray(0, position + 1)), {
    callTimeoutMs,
    mostMs: 2 * callTimeoutMs,
  });
}
