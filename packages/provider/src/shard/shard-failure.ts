import { EngineError } from '@ogong/engine/interface/engine-error';

/** A shard failed, or its answer is no answer. Its caller may ask again. */
export class ShardFailure extends EngineError {
  /** Of the shard in the cohort. */
  readonly place: number;
  constructor(place: number, message: string, cause?: unknown) {
    super('engine-crashed', message, { cause, retryable: true });
    this.place = place;
  }
}
