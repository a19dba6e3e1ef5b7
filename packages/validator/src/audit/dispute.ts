import {
  computeStage,
  type DivergenceEvidence,
  describeStage,
  encodeDivergence,
} from '@ogong/protocol/modality/text/stage2/divergence';
import { locateDivergence } from '@ogong/protocol/modality/text/stage2/locate-divergence';
import { parseTraceReport } from '@ogong/protocol/modality/text/stage2/trace-report';
import { verifyDivergence } from '@ogong/protocol/modality/text/stage2/verify-divergence';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { type DivergenceRow, keepDivergence } from '../store/divergence-store.ts';
import { askProviderTrace, askVerifierTrace } from './ask-trace.ts';
import {
  type Dispute,
  type DisputeDependencies,
  type DisputeState,
  openDisputeState,
  type VerifierFinding,
} from './dispute-state.ts';
import { readDispute } from './read-dispute.ts';

export interface Disputes {
  /** Starts a dispute if the verdict calls for one. The verdict itself does not wait for it. */
  notice(entry: Pick<VerdictEntry, 'replyId' | 'verdict'>): void;
  /** Resolves when no dispute is running. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

/** Most waiting disputes. Rejects are rare. In a flood of them, disputes come later or not at all. */
const MAX_WAITING = 64;

/**
 * Runs after a reject in a tier with disputes. Asks provider and verifier for a trace of the first position where they
 * differ. Asks the next verifier that reported to confirm it, and stores the evidence. A dispute does not resume after
 * a restart: the verdict stands without it.
 */
export function createDisputes(dependencies: DisputeDependencies): Disputes {
  const state = openDisputeState(dependencies);
  return {
    notice({ replyId, verdict }) {
      if (verdict !== 'reject' || state.waiting >= MAX_WAITING || state.stopping.signal.aborted) return;
      state.waiting++;
      state.work = state.work
        .then(() => (state.stopping.signal.aborted ? undefined : conductDispute(state, replyId)))
        .catch((error: unknown) => state.onError(error, replyId))
        .finally(() => {
          state.waiting--;
        });
    },
    idle: () => state.work,
    async stop() {
      state.stopping.abort();
      await state.work;
    },
  };
}

async function conductDispute(state: DisputeState, replyId: Uint8Array): Promise<void> {
  const { crypto, store, group, stopping, onLocated, onError } = state;
  const dispute = store.read(() => readDispute(crypto, store, replyId));
  if (dispute === undefined) return;
  const { record, opening, providerId, reports } = dispute;
  let evidence: DivergenceEvidence | undefined;
  let others = reports;
  while (evidence === undefined && others.length > 0 && !stopping.signal.aborted) {
    const [verifier, ...rest] = others as [VerifierFinding, ...VerifierFinding[]];
    others = rest;
    evidence = await locate(state, replyId, dispute, verifier);
  }
  const [confirming] = others;
  if (evidence === undefined || stopping.signal.aborted) return;
  const answer =
    confirming &&
    (await askVerifierTrace(state, dispute, confirming, evidence.position).catch((error: unknown) => {
      onError(error, replyId);
      return undefined;
    }));
  const third = answer ? { report: answer.report, key: answer.key, signature: answer.signature } : undefined;
  const verdict = third && verifyDivergence(crypto, evidence, { disputed: { providerId, record, opening }, third });
  const count = parseTraceReport(evidence.verifier.report).stages.length;
  const stage = verdict?.stage ?? (verdict === undefined ? computeStage(evidence) : undefined);
  const row: DivergenceRow = {
    evidence: encodeDivergence(evidence),
    third,
    side: verdict?.side ?? 'unproven',
    layer: stage === undefined ? undefined : describeStage(stage, count),
  };
  await group.write((db) => keepDivergence(db, replyId, row));
  onLocated(replyId, row);
}

function locate(
  state: DisputeState,
  replyId: Uint8Array,
  dispute: Dispute,
  verifier: VerifierFinding,
): Promise<DivergenceEvidence | undefined> {
  const { crypto, onError } = state;
  const { record, header, opening, providerId } = dispute;
  return locateDivergence(
    crypto,
    {
      ...{ record, header, providerId },
      claimed: opening.windows,
      rerun: verifier.report.windows,
      verifierKeyHash: verifier.keyHash,
    },
    {
      provider: (position) => askProviderTrace(state, dispute, position),
      verifier: (position) => askVerifierTrace(state, dispute, verifier, position),
      onError: (_side, error) => onError(error, replyId),
    },
  );
}
