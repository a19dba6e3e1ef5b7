import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { monotonicClock } from '@ogong/host/time/clock';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
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
  /** Nobody waits for the check, which comes within seconds. @param text all that came before the milestone. */
  take(milestone: Milestone, text: string): void;
  /** Aborted once a milestone does not hold. */
  readonly spoiled: AbortSignal;
  /** Once all that came is checked: the last milestone that holds, and the first that does not. */
  settle(): Promise<{
    readonly standing?: StandingMilestone | undefined;
    readonly failed?: FailedMilestone | undefined;
  }>;
  /** The reply is over: what waits is not checked any more. */
  stop(): void;
}

/** One is due where a text has a quarter more tokens, so a thousand tokens a second bring as many as this within a pause. */
const MAX_QUEUED = 16;
/** Between two checks of one reply. Each is one of all that came before, and a fast text has several milestones by then, or is whole. */
const PAUSE_MS = 3_000;

type Job = ReplyJob<CommonRequest, BoughtAnswer>;

interface Queued {
  readonly milestone: Milestone;
  /** All that came before it. */
  readonly text: string;
  readonly sizeBytes: number;
}

/** A milestone whose form holds, and how many windows it is about. */
interface Claimed extends Queued {
  readonly record: NonNullable<Milestone['record']>;
  readonly admission: NonNullable<Milestone['admission']>;
  readonly windowCount: number;
  readonly header: CommonHeader;
}

export function createMilestoneFollower(context: ReplyContext, job: Job, attempt: ProviderAttempt): MilestoneFollower {
  const { milestonePauseMs: pauseMs = PAUSE_MS } = context;
  const spoiled = new AbortController();
  const { answer: blind } = computeBlinds(crypto, { body: job.body, replyId: attempt.replyId });
  const windows: WindowBytes[] = [];
  const queue: Queued[] = [];
  let sizeBytes = 0;
  let queuedBytes = 0;
  let claimedTokens = 0;
  let standing: StandingMilestone | undefined;
  let failed: FailedMilestone | undefined;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let checkedAtMs = monotonicClock.nowMs();

  function fail(problem: FailedMilestone): void {
    failed ??= problem;
    spoiled.abort();
  }

  /** What is known of a milestone before it is checked; undefined where it is refused. */
  function readClaim(queued: Queued): Claimed | undefined {
    const { record, header: bytes, admission, last, windows: added } = queued.milestone;
    windows.push(...added);
    for (const { draws, sketch } of added) sizeBytes += draws.length + sketch.length;
    if (record === undefined || admission === undefined || sizeBytes > MAX_MILESTONE_OPENING_BYTES) {
      fail({ id: 'milestone', detail: 'a milestone without its record, or too large a one', evidence: {} });
      return undefined;
    }
    const header = findModality(job.endpoint).parseHeader(bytes);
    const tokens = header.outputTokenCount;
    // A provider that sends milestones too often has its callers check a text again and again.
    const isLast = last && tokens > claimedTokens;
    if (!isLast && !isMilestoneDue(tokens, claimedTokens)) {
      const detail = `a milestone at ${tokens} tokens, ${claimedTokens} after the last`;
      fail({ id: 'milestone', detail, evidence: { record, opening: { opening: openAt(bytes, windows.length) } } });
      return undefined;
    }
    claimedTokens = tokens;
    return { ...queued, record, admission, header, windowCount: windows.length };
  }

  const openAt = (header: Uint8Array, count: number): Uint8Array =>
    encodeOpening({ blind, header, windows: windows.slice(0, count).map(({ draws, sketch }) => ({ draws, sketch })) });

  /** @returns what is wrong with it; where nothing is, it stands. */
  async function check({
    milestone,
    text,
    record,
    admission,
    header,
    windowCount,
  }: Claimed): Promise<FailedMilestone | undefined> {
    const { textBytes, attestation } = milestone;
    const opening = openAt(milestone.header, windowCount);
    const response = utf8Encode(text).subarray(0, textBytes);
    const progress = signLeft(context, attempt, { blind, text: response });
    const receipt = buildReceipt(context, job, { attempt, admission, record, opening, progress, attestation });
    const verdict = excuseBeacon(await verifyReply(context, job, { attempt, receipt, response }));
    if (!verdict.ok) return { ...toFailure(verdict), evidence: { record, opening: { opening } } };
    const { checks } = verdict;
    const part = { receipt, response, checks, header, record, progress };
    standing = {
      textBytes,
      async keep() {
        const { headerProof } = bindRecord(crypto, record, opening);
        const { order } = attempt;
        const said = {
          ...{ order, record, header: milestone.header, headerProof: [...headerProof] },
          ...{ request: job.body, endpoint: job.endpoint },
        };
        const push = { ...said, response, payeeWord: milestone.payeeWord, progress, attestation };
        await Promise.all([
          keepReply(context, job, attempt, part),
          context.milestones.put(attempt.validator, { push, opening }),
        ]);
      },
    };
    return undefined;
  }

  /** Checks the newest of those that came, since all before it are in it. Only where it does not hold, those before are checked, too. */
  async function checkQueued(): Promise<void> {
    const batch = queue.splice(0);
    try {
      const claims: Claimed[] = [];
      for (const queued of batch) {
        const claim = readClaim(queued);
        if (claim === undefined) break;
        claims.push(claim);
      }
      const newest = claims.pop();
      const problem = newest && (await check(newest));
      if (problem === undefined) return;
      for (const claim of claims) {
        const earlier = await check(claim);
        if (earlier) return fail(earlier);
      }
      fail(problem);
    } catch (error) {
      fail({ id: 'milestone', detail: (error as Error).message, evidence: {} });
    } finally {
      for (const queued of batch) queuedBytes -= queued.sizeBytes;
      checkedAtMs = monotonicClock.nowMs();
    }
  }

  function start(): void {
    clearTimeout(timer);
    timer = undefined;
    running = checkQueued().then(() => {
      running = undefined;
      checkInTime();
    });
  }

  function checkInTime(): void {
    if (running !== undefined || queue.length === 0 || failed) return;
    const leftMs = checkedAtMs + pauseMs - monotonicClock.nowMs();
    if (leftMs <= 0) start();
    else timer ??= setTimeout(start, leftMs);
  }

  return {
    spoiled: spoiled.signal,
    take(milestone, text) {
      if (failed) return;
      const queued = { milestone, text, sizeBytes: measure(milestone) };
      queuedBytes += queued.sizeBytes;
      queue.push(queued);
      if (queue.length > MAX_QUEUED || queuedBytes > MAX_MILESTONE_OPENING_BYTES) {
        return fail({ id: 'milestone', detail: 'more milestones than can be checked', evidence: {} });
      }
      checkInTime();
    },
    async settle() {
      while (running !== undefined || (queue.length > 0 && !failed)) {
        if (running === undefined) start();
        await running;
      }
      return { standing, failed };
    },
    stop() {
      clearTimeout(timer);
      queue.length = 0;
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
