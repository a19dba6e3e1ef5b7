import { EngineError } from '@ogong/engine/interface/engine-error';
import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { toHex } from '@ogong/protocol/base/bytes';
import type { ScorableJob } from '../modality/modality.ts';
import type { VerifierState } from './verifier-state.ts';

/** The caller, and the end of its patience. */
export interface VerifierCall {
  readonly caller: PeerId;
  readonly signal: AbortSignal;
}

export interface JobLimits extends Pick<VerifierCall, 'caller'> {
  /** The job's time from now on, ms. */
  readonly timeoutMs: number;
  /** Default: nobody ends the job early. */
  readonly signal?: AbortSignal;
}

type RunState = Pick<VerifierState, 'queue' | 'maxJobMs' | 'metrics' | 'stopping' | 'isClosing'>;

/**
 * Runs a job when it is its turn.
 * @throws Refusal if it is not done by then, or too many wait.
 */
export async function runJob<T>(
  state: RunState,
  { outputs }: Pick<ScorableJob, 'outputs'>,
  { timeoutMs, signal: called, caller }: JobLimits,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const leftMs = Math.min(timeoutMs, state.maxJobMs);
  if (leftMs === 0) throw new Refusal('invalid', 'the job leaves no time for it: its deadline is now');
  const deadline = AbortSignal.timeout(leftMs);
  const left = new AbortController();
  // A closing server also aborts its calls, but the job may still be finished.
  called?.addEventListener('abort', () => state.isClosing || left.abort(), { once: true });
  const signal = AbortSignal.any([left.signal, deadline, state.stopping.signal]);
  const result = await state.queue
    .run(() => work(signal), signal, toHex(caller))
    .catch((error: unknown) => {
      if (deadline.aborted) throw new Refusal('unavailable', 'the job could not be done by its deadline');
      throw error;
    });
  state.metrics.tokens.inc(outputs);
  return result;
}

/** Counts how a job ended, and turns what the engine refuses into a Refusal. */
export async function countJob<T>(
  { metrics }: Pick<VerifierState, 'metrics'>,
  outcome: 'scored' | 'traced',
  work: Promise<T>,
): Promise<T> {
  try {
    const answer = await work;
    metrics.jobs.inc({ outcome });
    return answer;
  } catch (error) {
    const refusal = toRefusal(error);
    metrics.jobs.inc({ outcome: refusal instanceof Refusal ? 'refused' : 'failed' });
    throw refusal;
  }
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
