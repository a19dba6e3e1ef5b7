import type { HandlerContext } from '@connectrpc/connect';
import { type Engine, EngineError } from '@ogong/engine/engine';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto';
import { type ScoreRequest, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashHybridKey } from '@ogong/protocol/hybrid';
import { MAX_REPORT_BYTES } from '@ogong/protocol/score-report';
import { Refusal } from '../../link/link-error.ts';
import type { LinkIdentity } from '../../link/link-identity.ts';
import { createLinkServer } from '../../link/link-server.ts';
import type { Logger } from '../../log/logger.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { ChainView } from '../../shared/chain-view.ts';
import type { Endpoint } from '../../shared/endpoint.ts';
import { createJobQueue } from './job-queue.ts';
import { parseScoreJob, scoreJob } from './score-job.ts';

export interface VerifierOptions {
  readonly bind: Endpoint;
  /** Jobs that may wait behind the running one. Default: 64. */
  readonly maxWaiting?: number;
  /** Jobs scored at a time. Default: 1, since one pass fills a machine. */
  readonly slots?: number;
  /** Longest time that a job may take, whatever its deadline. Default: ten minutes. */
  readonly maxJobMs?: number;
}

export interface VerifierDependencies {
  readonly engine: Engine;
  readonly crypto: Crypto;
  readonly signer: HybridSigner;
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
  address(): Endpoint;
}

const MIB = 1024 * 1024;
const MAX_JOB_BYTES = 8 * MIB;

/** Re-runs claimed replies for the registered validators, and for nobody else. */
export function createVerifier(options: VerifierOptions, dependencies: VerifierDependencies): Verifier {
  const { bind, maxWaiting = 64, slots = 1, maxJobMs = 600_000 } = options;
  const { engine, crypto, signer, identity, chain, log, metrics } = dependencies;
  const waiting = metrics.gauge('verifier_waiting_jobs', 'Jobs that wait for their turn');
  const queue = createJobQueue({ slots, maxWaiting, onWaiting: (count) => waiting.set(count) });
  const stopping = new AbortController();
  let isClosing = false;
  const jobs = metrics.counter('verifier_jobs_total', 'Jobs by how they ended: scored, refused or failed', ['outcome']);
  const tokens = metrics.counter('verifier_tokens_total', 'Claimed tokens scored');

  async function score(message: ScoreRequest, context: HandlerContext) {
    const leftMs = Math.min(message.timeoutMs, maxJobMs);
    if (leftMs === 0) throw new Refusal('invalid', 'the job leaves no time for it: its deadline is now');
    const job = parseScoreJob(message, engine.info());
    const deadline = AbortSignal.timeout(leftMs);
    const left = new AbortController();
    // A server that closes aborts its calls too, but the job may still be finished.
    context.signal.addEventListener('abort', () => isClosing || left.abort(), { once: true });
    const signal = AbortSignal.any([left.signal, deadline, stopping.signal]);
    const scored = queue.run(() => scoreJob(job, { engine, crypto, signal }), signal);
    const report = await scored.catch((error: unknown) => {
      if (deadline.aborted) throw new Refusal('unavailable', 'the job could not be scored by its deadline');
      throw error;
    });
    tokens.inc(job.outputTokens.length);
    return { jobId: job.jobId, report, verifierKey: signer.publicKey, signature: signer.sign(report) };
  }

  async function handle(message: ScoreRequest, context: HandlerContext) {
    try {
      const answer = await score(message, context);
      jobs.inc({ outcome: 'scored' });
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
      authorize: (peer) => chain.findByCertHash(peer) !== undefined,
      limits: { maxMessageBytes: MAX_REPORT_BYTES + MIB },
      routes: (router) => router.service(VerifierService, { score: handle }, { readMaxBytes: MAX_JOB_BYTES }),
    },
    { onError: (error, { method }) => log.error({ err: error, method }, 'a call failed') },
  );

  return {
    keyHash: hashHybridKey(crypto, signer.publicKey),
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
  if (error.retryable || error.code === 'overloaded' || error.code === 'cancelled') {
    return new Refusal('unavailable', error.message);
  }
  return error;
}
