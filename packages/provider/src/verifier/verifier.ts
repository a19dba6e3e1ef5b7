import type { HandlerContext } from '@connectrpc/connect';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import { createJobQueue } from '@ogong/host/lifecycle/job-queue';
import type { HostPort } from '@ogong/host/link/host-port';
import { Refusal } from '@ogong/host/link/link-error';
import type { LinkIdentity, PeerId } from '@ogong/host/link/link-identity';
import { createLinkServer, getCaller, type MethodName } from '@ogong/host/link/link-server';
import type { Logger } from '@ogong/host/log/logger';
import type { Metrics } from '@ogong/host/metrics/metrics';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { MAX_JOB_BYTES, MAX_REVEAL_BYTES } from '@ogong/protocol/exchange/limits';
import { signEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import {
  type EndorseRequest,
  type RevealRequest,
  type ScoreRequest,
  type TraceClaimRequest,
  VerifierService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  encodeScoreOpening,
  hashScoreInputs,
  MAX_ROUND,
  SALT_BYTES,
} from '@ogong/protocol/stage2/score-commitment';
import { MAX_REPORT_BYTES } from '@ogong/protocol/stage2/score-report';
import { parseTracedRecord, traceClaim } from '../engine/trace-claim.ts';
import type { KeptReport, Reports } from './report-store.ts';
import { parseScoreJob, type ScoreJob, scoreJob } from './score-job.ts';

export interface VerifierOptions {
  readonly bind: HostPort;
  /** Jobs that may wait behind the running one. Default: 64. */
  readonly maxWaiting?: number;
  /** Jobs scored at a time. Default: 1, since one pass fills a machine. */
  readonly slots?: number;
  /** Longest time that a job may take, whatever its deadline. Default: ten minutes. */
  readonly maxJobMs?: number;
  /** How long a report is kept to be opened. Default: an hour. */
  readonly reportTtlMs?: number;
  /** Peers besides the validators that may have replies scored, to measure drift between two machines. Default: none. */
  readonly calibrateWith?: readonly PeerId[];
  /** Ids of the providers that may announce this verifier. Default: none. */
  readonly providers?: readonly Uint8Array[];
}

export interface VerifierDependencies {
  readonly engine: TextEngine;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly signer: HybridSigner;
  readonly reports: Reports;
  /** Unpredictable bytes. */
  readonly randomBytes: (length: number) => Uint8Array;
  readonly identity: LinkIdentity;
  readonly chain: Pick<ChainView, 'findByCertHash'>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: Metrics;
}

export interface Verifier {
  /** Hash of the key that signs its reports. */
  readonly keyHash: Uint8Array;
  start(): Promise<void>;
  stop(graceMs?: number): Promise<void>;
  address(): HostPort;
}

const MIB = 1024 * 1024;

/** Jobs of those who calibrate at a time, and their reports that are kept: audits must always find room. */
const MAX_GUEST_JOBS = 4;
const MAX_GUEST_REPORTS = 16;
const nameMethod = ({ name }: { readonly name: string }): MethodName => `${VerifierService.typeName}/${name}`;
const GUEST_METHODS: ReadonlySet<MethodName> = new Set(
  [VerifierService.method.commit, VerifierService.method.reveal].map(nameMethod),
);
const OPEN_METHOD = nameMethod(VerifierService.method.endorse);

/** Re-runs claimed replies for the registered validators, for those who may calibrate, and for nobody else. */
export function createVerifier(options: VerifierOptions, dependencies: VerifierDependencies): Verifier {
  const { bind, maxWaiting = 64, slots = 1, maxJobMs = 600_000, reportTtlMs = 3_600_000, calibrateWith = [] } = options;
  const { engine, crypto, clock, signer, reports, randomBytes, identity, chain, log, metrics } = dependencies;
  const keyHash = hashHybridKey(crypto, signer.publicKey);
  const waiting = metrics.gauge('verifier_waiting_jobs', 'Jobs that wait for their turn');
  const queue = createJobQueue({ slots, maxWaiting, onWaiting: (count) => waiting.set(count) });
  const stopping = new AbortController();
  const guests = new Set(calibrateWith.map(toHex));
  const endorsements = new Map((options.providers ?? []).map((id) => [toHex(id), signEndorsement(signer, id)]));
  const isValidator = (peer: PeerId): boolean => chain.findByCertHash(peer) !== undefined;
  let guestJobs = 0;
  let isClosing = false;
  const jobs = metrics.counter('verifier_jobs_total', 'Jobs by how they ended: scored, traced, refused or failed', [
    'outcome',
  ]);
  const tokens = metrics.counter('verifier_tokens_total', 'Claimed tokens scored');
  const opened = metrics.counter('verifier_reports_opened_total', 'Reports handed over after their commitment');

  async function run<T>(
    job: ScoreJob,
    { timeoutMs }: Pick<ScoreRequest, 'timeoutMs'>,
    context: HandlerContext,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const leftMs = Math.min(timeoutMs, maxJobMs);
    if (leftMs === 0) throw new Refusal('invalid', 'the job leaves no time for it: its deadline is now');
    const deadline = AbortSignal.timeout(leftMs);
    const left = new AbortController();
    // A server that closes aborts its calls too, but the job may still be finished.
    context.signal.addEventListener('abort', () => isClosing || left.abort(), { once: true });
    const signal = AbortSignal.any([left.signal, deadline, stopping.signal]);
    const result = await queue
      .run(() => work(signal), signal)
      .catch((error: unknown) => {
        if (deadline.aborted) throw new Refusal('unavailable', 'the job could not be done by its deadline');
        throw error;
      });
    tokens.inc(job.outputTokens.length);
    return result;
  }

  /** The same job again, after either side was restarted, is answered with the same commitment. */
  async function commit(message: ScoreRequest, context: HandlerContext) {
    const job = parseScoreJob(message, engine.info());
    const key = { validator: getCaller(context), jobId: job.jobId };
    const jobHash = hashScoreInputs(crypto, { ...message, requestHash: crypto.sha256(message.request) });
    const score = () => run(job, message, context, (signal) => scoreJob(job, { engine, crypto, signal }));
    const kept = reports.get(key) ?? (await keep(key, jobHash, await score()));
    if (!equalBytes(kept.jobHash, jobHash)) throw new Refusal('conflict', 'another job was asked for under this id');
    return { digest: kept.digest, verifierKey: signer.publicKey, signature: kept.signature };
  }

  async function keep(
    key: { validator: Uint8Array; jobId: Uint8Array },
    jobHash: Uint8Array,
    report: Uint8Array,
  ): Promise<KeptReport> {
    const { jobId } = key;
    const salt = randomBytes(SALT_BYTES);
    const reportHash = crypto.sha256(report);
    const digest = computeScoreDigest(crypto, { jobId, keyHash, inputsHash: jobHash, salt, reportHash });
    const signature = signer.sign(encodeScoreCommitment({ jobId, digest }));
    const nowMs = clock.nowMs();
    const keepLast = isValidator(key.validator) ? undefined : MAX_GUEST_REPORTS - 1;
    const terms = { nowMs, forgetBeforeMs: nowMs - reportTtlMs, keepLast };
    return reports.put(key, { jobHash, report, salt, digest, signature }, terms);
  }

  async function reveal({ jobId, round }: RevealRequest, context: HandlerContext) {
    if (jobId.length !== 16) throw new Refusal('invalid', `a job id has 16 bytes, not ${jobId.length}`);
    if (round.length > MAX_ROUND || round.some((digest) => digest.length !== 32)) {
      throw new Refusal('invalid', `a round has at most ${MAX_ROUND} digests of 32 bytes`);
    }
    const key = { validator: getCaller(context), jobId };
    const kept = reports.get(key);
    if (kept === undefined) throw new Refusal('not-found', 'no such job was committed to here');
    if (round.filter((digest) => equalBytes(digest, kept.digest)).length !== 1) {
      throw new Refusal('invalid', 'the round has to name the commitment that is to be opened, once');
    }
    if (!(await reports.bindRound(key, round))) throw new Refusal('conflict', 'opened over another round already');
    const { salt, report } = kept;
    const signature = signer.sign(encodeScoreOpening({ jobId, salt, reportHash: crypto.sha256(report), round }));
    opened.inc();
    return { salt, report, signature };
  }

  async function trace({ job: wire, record, position }: TraceClaimRequest, context: HandlerContext) {
    if (wire === undefined) throw new Refusal('invalid', 'the job is missing');
    parseTracedRecord(crypto, engine, { record, request: wire.request, position });
    const job = parseScoreJob(wire, engine.info());
    return run(job, wire, context, (signal) =>
      traceClaim({ ...job, record, position }, { engine, crypto, signer, signal }),
    );
  }

  /** Whoever calibrates waits for its turn at its own end. */
  async function commitInTurn(message: ScoreRequest, context: HandlerContext) {
    if (isValidator(getCaller(context))) return commit(message, context);
    if (guestJobs >= MAX_GUEST_JOBS) throw new Refusal('unavailable', `${guestJobs} calibration jobs run already`);
    guestJobs++;
    try {
      return await commit(message, context);
    } finally {
      guestJobs--;
    }
  }

  /** What anybody may know: it is announced to all. */
  function endorse({ providerId }: EndorseRequest) {
    const endorsement = endorsements.get(toHex(providerId));
    if (endorsement === undefined) throw new Refusal('not-found', 'this verifier does not work for that provider');
    return endorsement;
  }

  async function handle<T>(outcome: string, work: Promise<T>): Promise<T> {
    try {
      const answer = await work;
      jobs.inc({ outcome });
      return answer;
    } catch (error) {
      const refusal = toRefusal(error);
      jobs.inc({ outcome: refusal instanceof Refusal ? 'refused' : 'failed' });
      throw refusal;
    }
  }

  const server = createLinkServer(
    {
      bind,
      identity,
      authorize: (peer, method) =>
        method === OPEN_METHOD || isValidator(peer) || (GUEST_METHODS.has(method) && guests.has(toHex(peer))),
      limits: { maxMessageBytes: MAX_REPORT_BYTES + MIB },
      routes: (router) => {
        const { method } = VerifierService;
        router.rpc(method.commit, (message, context) => handle('scored', commitInTurn(message, context)), {
          readMaxBytes: MAX_JOB_BYTES,
        });
        router.rpc(method.reveal, reveal, { readMaxBytes: MAX_REVEAL_BYTES });
        router.rpc(method.endorse, endorse, { readMaxBytes: MAX_REVEAL_BYTES });
        router.rpc(method.trace, (message, context) => handle('traced', trace(message, context)), {
          readMaxBytes: MAX_JOB_BYTES,
        });
      },
    },
    { onError: (error, { method }) => log.error({ err: error, method }, 'a call failed') },
  );

  return {
    keyHash,
    start: () => server.start(),
    async stop(graceMs = 5_000) {
      isClosing = true;
      const giveUp = setTimeout(() => stopping.abort(), graceMs);
      await server.stop(graceMs);
      clearTimeout(giveUp);
      stopping.abort();
    },
    address: () => server.address(),
  };
}

function toRefusal(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  if (error.code === 'invalid-request' || error.code === 'prompt-too-long')
    return new Refusal('invalid', error.message);
  if (error.code === 'unsupported-model') return new Refusal('unsupported', error.message);
  if (error.retryable || ['overloaded', 'cancelled', 'not-enough-memory'].includes(error.code)) {
    return new Refusal('unavailable', error.message);
  }
  return error;
}
