import type { TextGenerationEvent } from '@ogong/engine/interface/text';

/** How fast each engine wrote its last answer. */
export interface SpeedMeter {
  note(engine: object, end: Extract<TextGenerationEvent, { kind: 'end' }>): void;
  /** Tokens a second. */
  read(engine: object): number | undefined;
}

export function createSpeedMeter(): SpeedMeter {
  const speeds = new WeakMap<object, number>();
  return {
    note(engine, { outputTokens, timings: { decodeMs } }) {
      if (decodeMs > 0) speeds.set(engine, (1000 * outputTokens.length) / decodeMs);
    },
    read: (engine) => speeds.get(engine),
  };
}
