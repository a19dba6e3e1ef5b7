import type { Peer } from '@ogong/host/link/link-pool';
import {
  askToReveal,
  createScoreJob,
  type VerifierCallOptions,
  type VerifierCalls,
} from '@ogong/host/link/verifier-call';
import { TIMED_WORK, type TimedWork, type TimedWorkOf, writeTimedWork } from '@ogong/protocol/audit/timed-work';
import { createWriter, equalBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { fillRound } from '@ogong/protocol/modality/shared/score-commitment';
import { type Header, NO_GRAMMAR } from '@ogong/protocol/modality/text/commitment/header';
import { readScoreReport } from '@ogong/protocol/modality/text/read-report';
import { MIN_LISTED, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { encodeScored, hashScored, type ScoredReply } from '@ogong/protocol/modality/text/scored-reply';
import type { Replay } from '@ogong/protocol/modality/text/stage1/replay';
import { parseScoreReport, type ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import type { SignedCommitment } from '@ogong/protocol/verdict/evidence';
import { computeJobId, computeJobNonce } from '@ogong/protocol/verdict/verifier-draw';

/** The validator that gives the work of a challenge. */
export interface TimedAsker {
  readonly crypto: Crypto;
  /** Address of this validator, 20 bytes. */
  readonly validator: Uint8Array;
  /** Secret of this validator, 32 bytes. */
  readonly jobSecret: Uint8Array;
  readonly calls: VerifierCalls;
}

/** One text of a challenge, as one verifier is asked to score it. */
export interface TimedJob {
  readonly jobId: Uint8Array;
  readonly nonce: Uint8Array;
  readonly request: Uint8Array;
  readonly scored: ScoredReply;
  readonly replay: Replay;
}

export interface TimedTexts extends Omit<TimedWorkOf, 'part' | 'vocabularySize'> {
  readonly epoch: bigint;
  readonly modelId: string;
  readonly modelRoot: Uint8Array;
  /** A header of the model's replies. */
  readonly header: Header;
}

const ENDPOINT = 'completion';
const JOB_DOMAIN = encodeDomain('ogong-timed-job-v1');

/** @param verifierId the asked verifier, 32 bytes. Each verifier has its own job ids. */
export function createTimedJobs(
  { crypto, validator, jobSecret }: Pick<TimedAsker, 'crypto' | 'validator' | 'jobSecret'>,
  texts: TimedTexts,
  verifierId: Uint8Array,
): readonly TimedJob[] {
  const { epoch, subject, arrival, modelId, modelRoot } = texts;
  const { vocabularySize } = texts.header;
  return Array.from({ length: TIMED_WORK.parts }, (_, part) => {
    const work = writeTimedWork(crypto, { ...texts, part, vocabularySize });
    const request = utf8Encode(
      JSON.stringify({ model: modelId, prompt: work.prompt, max_tokens: work.outputTokens.length }),
    );
    const writer = createWriter().bytes(JOB_DOMAIN).bytes(jobSecret, 32).u64(epoch).bytes(subject, 64);
    const replyId = crypto.sha256(writer.u8(arrival).u8(part).bytes(verifierId, 32).finish()).slice(0, 16);
    const nonce = computeJobNonce(crypto, { secret: jobSecret, replyId, attempt: 0 });
    const header = writeHeader(texts.header, work);
    const rows = Array.from(work.outputTokens, (token) => listCandidates(token, vocabularySize));
    const { outputTokens } = work;
    // The same for all verifiers, so that reports can be compared, and like any other job.
    const blind = crypto.sha256(work.sketchBankSeed, request);
    const listSizes = Uint8Array.from(rows, ({ ids }) => ids.length);
    return {
      ...{ jobId: computeJobId(crypto, { validator, replyId, attempt: 0, nonce }), nonce, request },
      scored: { endpoint: ENDPOINT, modelRoot, blind, header, outputTokens, listSizes, tailDraws: new Map() },
      replay: {
        ...{ checks: [], header, rows, outputTokens, tailDraws: new Map() },
        shapeClasses: new Uint8Array(outputTokens.length),
      },
    };
  });
}

export const toMessage = ({ jobId, request, scored }: TimedJob, timeoutMs: number): ReturnType<typeof createScoreJob> =>
  createScoreJob({ jobId, request, timeoutMs }, encodeScored(scored));

/** Copies only the model's fields from the header. The rest is the same for all verifiers. */
function writeHeader(model: Header, { outputTokens, sketchBankSeed }: TimedWork): Header {
  return {
    ...model,
    ...{ endpoint: 'completion', sketchBankSeed, bias: [], grammarHash: NO_GRAMMAR, stopReason: 'length' },
    sampler: { ...PLAIN_SAMPLER, filterOrder: [] },
    ...{ maxTokens: outputTokens.length, outputTokenCount: outputTokens.length },
    promptTokenCount: 0,
  };
}

/** Returns a list of the required size that contains the token. Only size and token are compared with a report. */
function listCandidates(token: number, vocabularySize: number): Replay['rows'][number] {
  const ids = Uint32Array.from(
    { length: Math.min(MIN_LISTED, vocabularySize) },
    (_, i) => (token + i) % vocabularySize,
  );
  return { ids, q: new Uint32Array(ids.length), tail: 0, rank: 0 };
}

/** Has a verifier open its committed reports. Undefined if it opens none, or others. */
export async function openTimedJob(
  { crypto, calls }: Pick<TimedAsker, 'crypto' | 'calls'>,
  { jobId, nonce, request, scored, replay }: TimedJob,
  {
    peer,
    committed,
    call,
    isOver,
  }: {
    readonly peer: Peer;
    readonly committed: SignedCommitment;
    readonly call: VerifierCallOptions;
    readonly isOver: () => boolean;
  },
): Promise<ScoreReport | undefined> {
  const { header, modelRoot } = scored;
  const inputsHash = hashScored(crypto, hashRequest(crypto, ENDPOINT, request), scored);
  const of = {
    ...{ jobId, committed, round: fillRound(crypto, [committed.digest], nonce), isOver },
    subject: {
      inputsHash,
      read: (bytes: Uint8Array, job: { readonly jobId: Uint8Array }) =>
        readScoreReport(bytes, { ...job, modelRoot, header, replay, contextSize: ALL_OF_IT }),
    },
    pause: async () => undefined,
  };
  const answer = await askToReveal(crypto, calls, { peer }, of, call);
  return answer.outcome === 'answered' ? parseScoreReport(answer.value.report) : undefined;
}

/** Tells whether the report is of another vocabulary, so its verifier has scored nothing. */
export const isBlank = ({ vocabularyHash }: ScoreReport, { scored }: TimedJob): boolean =>
  !equalBytes(vocabularyHash, scored.header.vocabularyHash);

/** Marks that a challenge is about whole texts. */
const ALL_OF_IT = 0xffffffff;
