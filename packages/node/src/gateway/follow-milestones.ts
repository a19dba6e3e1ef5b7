import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { encodeOpening, type WindowBytes } from '@ogong/protocol/commitment/opening';
import { MAX_MILESTONE_OPENING_BYTES } from '@ogong/protocol/exchange/limits';
import { hashBeginning, isMilestoneDue, signProgress } from '@ogong/protocol/exchange/progress';
import type { Milestone } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import { bindRecord } from '@ogong/protocol/verdict/claim';
import { buildReceipt, excuseBeacon, keepReply, toFailure, verifyReply } from './check-reply.ts';
import { readOrder } from './named-order.ts';
import type { BoughtAnswer, ProviderAttempt, ReplyContext, ReplyJob } from './reply.ts';
import type { ComplaintEvidence } from './report-attempt.ts';

/** As much of a reply as its provider has signed and this gateway has checked. */
export interface StandingMilestone {
  /** UTF-8 bytes of its text. */
  readonly textBytes: number;
  /** Keeps its receipt, and hands it to the validator of its order. */
  keep(): Promise<void>;
}

/** A milestone that does not hold. */
export interface FailedMilestone {
  readonly id: string;
  readonly detail: string;
  readonly evidence: ComplaintEvidence;
}

/** Checks the milestones of one reply while it streams (docs/spec/progress.md#milestones). */
export interface MilestoneFollower {
  /** Nobody waits for the check. @param text all that came before the milestone. */
  take(milestone: Milestone, text: string): void;
  /** Aborted once a milestone does not hold. */
  readonly spoiled: AbortSignal;
  /** Once all that came is checked: the last milestone that holds, and the first that does not. */
  settle(): Promise<{
    readonly standing?: StandingMilestone | undefined;
    readonly failed?: FailedMilestone | undefined;
  }>;
}

/** One is due where a text has a quarter more tokens, so that few wait where a checker is slow. */
const MAX_QUEUED = 8;

type Job = ReplyJob<CommonRequest, BoughtAnswer>;

export function createMilestoneFollower(context: ReplyContext, job: Job, attempt: ProviderAttempt): MilestoneFollower {
  const spoiled = new AbortController();
  const { answer: blind } = computeBlinds(crypto, { body: job.body, replyId: attempt.replyId });
  const windows: WindowBytes[] = [];
  let sizeBytes = 0;
  let queuedBytes = 0;
  let queued = 0;
  let passedTokens = 0;
  let standing: StandingMilestone | undefined;
  let failed: FailedMilestone | undefined;
  let work = Promise.resolve();

  function fail(problem: FailedMilestone): void {
    failed ??= problem;
    spoiled.abort();
  }

  async function check(milestone: Milestone, text: string): Promise<void> {
    if (failed) return;
    const { record, header, admission, textBytes, attestation } = milestone;
    windows.push(...milestone.windows);
    for (const { draws, sketch } of milestone.windows) sizeBytes += draws.length + sketch.length;
    if (record === undefined || admission === undefined || sizeBytes > MAX_MILESTONE_OPENING_BYTES) {
      return fail({ id: 'milestone', detail: 'a milestone without its record, or too large a one', evidence: {} });
    }
    const opening = encodeOpening({ blind, header, windows: windows.map(({ draws, sketch }) => ({ draws, sketch })) });
    const response = utf8Encode(text).subarray(0, textBytes);
    const progress = signLeft(context, attempt, { blind, text: response });
    const receipt = buildReceipt(context, job, { attempt, admission, record, opening, progress, attestation });
    const verdict = excuseBeacon(await verifyReply(context, job, { attempt, receipt, response }));
    const evidence = { record, opening: { opening } };
    if (!verdict.ok) return fail({ ...toFailure(verdict), evidence });
    const parsed = findModality(job.endpoint).parseHeader(header);
    // A provider that sends milestones too often has its callers check a text again and again.
    const isLast = milestone.last && parsed.outputTokenCount > passedTokens;
    if (!isLast && !isMilestoneDue(parsed.outputTokenCount, passedTokens)) {
      return fail({
        id: 'milestone',
        detail: `a milestone at ${parsed.outputTokenCount} tokens, ${passedTokens} after the last`,
        evidence,
      });
    }
    passedTokens = parsed.outputTokenCount;
    const { checks } = verdict;
    const part = { receipt, response, checks, header: parsed, record, progress };
    standing = {
      textBytes,
      async keep() {
        const { headerProof } = bindRecord(crypto, record, opening);
        const { order } = attempt;
        const said = {
          order,
          record,
          header,
          headerProof: [...headerProof],
          request: job.body,
          endpoint: job.endpoint,
        };
        const push = { ...said, response, payeeWord: milestone.payeeWord, progress, attestation };
        await Promise.all([
          keepReply(context, job, attempt, part),
          context.milestones.put(attempt.validator, { push, opening }),
        ]);
      },
    };
  }

  return {
    spoiled: spoiled.signal,
    take(milestone, text) {
      // Counted before it waits for those before it: nothing slows down a provider that sends on.
      const taken = measure(milestone);
      queuedBytes += taken;
      queued++;
      if (queued > MAX_QUEUED || queuedBytes > MAX_MILESTONE_OPENING_BYTES) {
        return fail({ id: 'milestone', detail: 'more milestones than can be checked', evidence: {} });
      }
      work = work
        .then(() => check(milestone, text))
        .finally(() => {
          queuedBytes -= taken;
          queued--;
        })
        .catch((error: unknown) => fail({ id: 'milestone', detail: (error as Error).message, evidence: {} }));
    },
    async settle() {
      await work;
      return { standing, failed };
    },
  };
}

/** All that a provider makes as long as it likes. */
function measure({ record, header, windows, admission, payeeWord, attestation }: Milestone): number {
  const signed = [record?.record, record?.providerKey, record?.signature, admission?.signature];
  const parts = [header, payeeWord, attestation, ...signed];
  const aside = parts.reduce((sum, part) => sum + (part?.length ?? 0), 0);
  return windows.reduce((sum, { draws, sketch }) => sum + draws.length + sketch.length, aside);
}

/** That this gateway has this much of the text. It is said to nobody while its provider goes on. */
function signLeft(
  { payer, chain: { ledger } }: Pick<ReplyContext, 'payer' | 'chain'>,
  { order }: Pick<ProviderAttempt, 'order'>,
  { blind, text }: { readonly blind: Uint8Array; readonly text: Uint8Array },
) {
  const { orderHash } = readOrder(ledger, order);
  const textHash = hashBeginning(crypto, blind, text);
  return signProgress(crypto, payer, { ledger, orderHash, textBytes: text.length, textHash, hasLeft: true });
}
