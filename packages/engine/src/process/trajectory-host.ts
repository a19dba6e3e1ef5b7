import type { DecodeRequest, DenoiseRequest } from '../decode/trajectory/trajectory-calls.ts';
import { EngineError } from '../interface/engine-error.ts';
import type { StepOutput } from '../interface/trajectory.ts';
import type { HostMessage } from './child-messages.ts';
import { toPlainError } from './plain-error.ts';
import type { TrajectoryCall } from './trajectory-messages.ts';

/** The part of a model that the host uses. */
export interface DenoisingModel {
  /** @param isCancelled is called between passes; if it returns true, the model may throw. */
  denoise(request: DenoiseRequest, isCancelled: () => boolean): Promise<Omit<StepOutput, 'elapsedMs'>>;
  decode(request: DecodeRequest): Promise<Uint8Array>;
  tokenize(prompt: string): Uint32Array;
}

export interface TrajectoryHostOptions {
  readonly model: DenoisingModel;
  /** Calls that wait at most. */
  readonly maxQueue: number;
  readonly send: (message: HostMessage) => void;
}

/** Runs one model of pictures for its parent, one call after another. */
export interface TrajectoryHost {
  call(id: number, call: TrajectoryCall): void;
  cancel(id: number): void;
  close(): void;
}

interface Job {
  readonly id: number;
  readonly call: TrajectoryCall;
  isCancelled: boolean;
}

export function createTrajectoryHost({ model, maxQueue, send }: TrajectoryHostOptions): TrajectoryHost {
  const jobs: Job[] = [];
  let running = false;

  const run = async ({ call }: Job, isCancelled: () => boolean): Promise<unknown> => {
    if (call.kind === 'tokenize') return model.tokenize(call.prompt);
    if (call.kind === 'decode') return model.decode(call.request);
    const startedAt = performance.now();
    const output = await model.denoise(call.request, isCancelled);
    return { ...output, elapsedMs: performance.now() - startedAt };
  };

  const drain = async (): Promise<void> => {
    running = true;
    for (let job = jobs[0]; job !== undefined; job = jobs[0]) {
      const current = job;
      try {
        const value = await run(current, () => current.isCancelled);
        if (current.isCancelled) throw new EngineError('cancelled', 'the step was cancelled');
        send({ kind: 'result', id: current.id, value });
      } catch (error) {
        send({ kind: 'error', id: current.id, error: toPlainError(error) });
      }
      jobs.shift();
      // Messages of the parent, such as a cancellation, are read between two jobs.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    running = false;
  };

  return {
    call(id, call) {
      if (jobs.length > maxQueue) {
        const full = `${maxQueue} steps are waiting already; try again`;
        send({ kind: 'error', id, error: toPlainError(new EngineError('overloaded', full, { retryable: true })) });
        return;
      }
      jobs.push({ id, call, isCancelled: false });
      if (!running) void drain();
    },
    cancel(id) {
      const at = jobs.findIndex((job) => job.id === id);
      if (at < 0) return;
      (jobs[at] as Job).isCancelled = true;
      if (at === 0 && running) return;
      jobs.splice(at, 1);
      send({ kind: 'error', id, error: toPlainError(new EngineError('cancelled', 'the step was cancelled')) });
    },
    close() {
      jobs.length = 0;
    },
  };
}
