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
import type { MilestoneOutbox } from '../outbox/milestone-outbox.ts';
import { readOrder } from '../outbox/read-order.ts';
import {
  type BillContext,
  buildReceipt,
  excuseBeacon,
  type KeepContext,
  keepReply,
  toFailure,
  type VerifyContext,
  verifyReply,
} from './check/check-reply.ts';
import type { BoughtAnswer, ProviderAttempt, ReplyJob } from './reply.ts';
import type { ComplaintEvidence } from './report-attempt.ts';

interface MilestoneServices {
  readonly milestones: Pick<MilestoneOutbox, 'put'>;
  /** Time between two checks of a running reply. Default: 3 s. */
  readonly milestonePauseMs?: number | undefined;
}

/** Services for following the milestones of a reply. */
export type MilestoneContext = MilestoneServices & VerifyContext & KeepContext;

/** The part of a reply that its provider has signed and this gateway has checked. */
export interface StandingMilestone {
  /** UTF-8 bytes of its text. */
  readonly textBytes: number;
  /** Keeps its receipt, and delivers it to the validator of its order. */
  keep(): Promise<void>;
}

/** A milestone that failed a check. */
export interface FailedMilestone {
  readonly id: string;
  readonly detail: string;
  readonly evidence: ComplaintEvidence;
}

/** Checks the milestones of one reply while it streams (docs/spec/progress.md#milestones). */
export interface MilestoneFollower {
  /** Queues a milestone; the check follows within seconds. @param text the text before the milestone. */
  take(milestone: Milestone, text: string): void;
  /** Aborted as soon as one of them is known to be false. `settle` tells which one was the first. */
  readonly spoiled: AbortSignal;
  /** Waits until all milestones are checked. @returns the last good one, and the first false one. */
  settle(): Promise<{
    readonly standing?: StandingMilestone | undefined;
    readonly failed?: FailedMilestone | undefined;
  }>;
  /** The reply is over: waiting milestones are not checked any more. */
  stop(): void;
}

/** Milestones that are checked without a pause. The limit in bytes is that of one reply. An honest provider is not faster. */
const MAX_QUEUED = 16;
/**
 * Pause between two checks of one reply. Each check covers the whole text so far, and a fast text has several milestones or its
 * end by then.
 */
const PAUSE_MS = 3_000;

type Job = ReplyJob<CommonRequest, BoughtAnswer>;

interface Queued {
  readonly milestone: Milestone;
  /** The text before it. */
  readonly text: string;
}

/** A milestone whose form is valid. */
interface Claimed extends Queued {
  readonly record: NonNullable<Milestone['record']>;
  readonly admission: NonNullable<Milestone['admission']>;
  readonly header: CommonHeader;
  /** @throws ProtocolError if no opening can have its parts. */
  readonly open: () => Uint8Array;
}

export function createMilestoneFollower(
  context: MilestoneContext,
  job: Job,
  attempt: ProviderAttempt,
): MilestoneFollower {
  const { milestonePauseMs: pauseMs = PAUSE_MS } = context;
  const spoiled = new AbortController();
  const { answer: blind } = computeBlinds(crypto, { body: job.body, replyId: attempt.replyId });
  const claims = createClaimReader(job, blind);
  const queue: Queued[] = [];
  let queuedBytes = 0;
  let standing: StandingMilestone | undefined;
  let failed: FailedMilestone | undefined;
  /** More milestones arrived than are kept. It counts only if all kept ones hold. */
  let overflow: FailedMilestone | undefined;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let checkedAtMs = monotonicClock.nowMs();

  /** @returns the fault; undefined if the milestone stands. */
  async function check(claim: Claimed): Promise<FailedMilestone | undefined> {
    try {
      return await checkOpened(claim);
    } catch (error) {
      return refuse((error as Error).message, showOpened(claim));
    }
  }

  async function checkOpened({
    milestone,
    text,
    record,
    admission,
    header,
    open,
  }: Claimed): Promise<FailedMilestone | undefined> {
    const opening = open();
    const { textBytes, evidence } = milestone;
    const response = utf8Encode(text).subarray(0, textBytes);
    const progress = signLeft(context, attempt, { blind, text: response });
    const receipt = buildReceipt(context, job, { attempt, admission, record, opening, progress, evidence });
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
        const push = { ...said, response, payeeWord: milestone.payeeWord, progress, evidence };
        await Promise.all([
          keepReply(context, job, attempt, part),
          context.milestones.put(attempt.validator, { push, opening }),
        ]);
      },
    };
    return undefined;
  }

  /**
   * Checks the newest of those that came, since the windows of all before it are in it. Only if it is false, those before are
   * checked too, and the first false one counts. A milestone with a broken form counts only if all before it hold.
   */
  async function checkQueued(): Promise<void> {
    const batch = queue.splice(0);
    queuedBytes = 0;
    const { claimed, problem } = claims.read(batch);
    if (problem) spoiled.abort();
    const newest = claimed.pop();
    const wrong = newest && (await check(newest));
    if (wrong) {
      // Show no more of the text while the first false milestone is searched.
      spoiled.abort();
      failed = (await findFirst(claimed)) ?? wrong;
    } else failed = problem;
    checkedAtMs = monotonicClock.nowMs();
  }

  async function findFirst(claimed: readonly Claimed[]): Promise<FailedMilestone | undefined> {
    for (const claim of claimed) {
      const wrong = await check(claim);
      if (wrong) return wrong;
    }
    return undefined;
  }

  function start(): void {
    clearTimeout(timer);
    timer = undefined;
    running = checkQueued().then(() => {
      running = undefined;
      checkInTime();
    });
  }

  const isFull = (): boolean => queue.length >= MAX_QUEUED || queuedBytes >= MAX_MILESTONE_OPENING_BYTES;

  function checkInTime(): void {
    if (running !== undefined || queue.length === 0 || failed) return;
    const leftMs = checkedAtMs + pauseMs - monotonicClock.nowMs();
    if (leftMs <= 0 || isFull()) start();
    else timer ??= setTimeout(start, leftMs);
  }

  return {
    spoiled: spoiled.signal,
    take(milestone, text) {
      if (spoiled.signal.aborted) return;
      if (isFull()) {
        overflow = { id: 'milestone', detail: 'more milestones than can be checked', evidence: {} };
        return spoiled.abort();
      }
      queuedBytes += measure(milestone);
      queue.push({ milestone, text });
      checkInTime();
    },
    async settle() {
      while (running !== undefined || (queue.length > 0 && !failed)) {
        if (running === undefined) start();
        await running;
      }
      return { standing, failed: failed ?? overflow };
    },
    stop() {
      clearTimeout(timer);
      queue.length = 0;
    },
  };
}

interface ClaimReader {
  /** @returns the milestones with a valid form, in order, and the fault of the next one. Nothing after that one is read. */
  read(batch: readonly Queued[]): { readonly claimed: Claimed[]; readonly problem: FailedMilestone | undefined };
}

/** Reads milestones before they are checked. */
function createClaimReader({ endpoint }: Pick<Job, 'endpoint'>, blind: Uint8Array): ClaimReader {
  const windows: WindowBytes[] = [];
  let sizeBytes = 0;
  let claimedTokens = 0;

  function readOne(queued: Queued): Claimed | FailedMilestone {
    const { record, header: bytes, admission, last, windows: added } = queued.milestone;
    for (const { draws, sketch } of added) {
      windows.push({ draws, sketch });
      sizeBytes += draws.length + sketch.length;
    }
    if (record === undefined || admission === undefined || sizeBytes > MAX_MILESTONE_OPENING_BYTES) {
      return refuse('a milestone without its record, or too large a one');
    }
    const count = windows.length;
    const open = () => encodeOpening({ blind, header: bytes, windows: windows.slice(0, count) });
    try {
      const header = findModality(endpoint).parseHeader(bytes);
      const tokens = header.outputTokenCount;
      // A provider that sends milestones too often makes its callers check a text again and again.
      const isLast = last && tokens > claimedTokens;
      if (!isLast && !isMilestoneDue(tokens, claimedTokens)) {
        return refuse(`a milestone at ${tokens} tokens, ${claimedTokens} after the last`, showOpened({ record, open }));
      }
      claimedTokens = tokens;
      return { ...queued, record, admission, header, open };
    } catch (error) {
      return refuse((error as Error).message, showOpened({ record, open }));
    }
  }

  return {
    read(batch) {
      const claimed: Claimed[] = [];
      for (const queued of batch) {
        const one = readOne(queued);
        if ('detail' in one) return { claimed, problem: one };
        claimed.push(one);
      }
      return { claimed, problem: undefined };
    },
  };
}

function showOpened({ record, open }: Pick<Claimed, 'record' | 'open'>): ComplaintEvidence {
  try {
    return { record, opening: { opening: open() } };
  } catch {
    return { record };
  }
}

const refuse = (detail: string, evidence: ComplaintEvidence = {}): FailedMilestone => ({
  ...{ id: 'milestone', detail, evidence },
});

/** Sums the bytes of the fields whose length the provider chooses. */
function measure({ record, header, windows, admission, payeeWord, evidence }: Milestone): number {
  const signed = [record?.record, record?.providerKey, record?.signature, admission?.signature];
  const parts = [header, payeeWord, ...Object.values(evidence), ...signed];
  const aside = parts.reduce((sum, part) => sum + (part?.length ?? 0), 0);
  return windows.reduce((sum, { draws, sketch }) => sum + draws.length + sketch.length, aside);
}

/** Signs that this gateway has this part of the text. The statement is kept here while the provider goes on. */
function signLeft(
  { payer, chain: { ledger } }: BillContext,
  { order }: Pick<ProviderAttempt, 'order'>,
  { blind, text }: { readonly blind: Uint8Array; readonly text: Uint8Array },
) {
  const { orderHash } = readOrder(ledger, order);
  const textHash = hashBeginning(crypto, blind, text);
  return signProgress(crypto, payer, { ledger, orderHash, textBytes: text.length, textHash, hasLeft: true });
}
