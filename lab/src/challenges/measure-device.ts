import type { TextEngine } from '@ogong/engine/interface/text';
import { answerChallenge, type KnownChallenge } from './known-work.ts';

export interface AskedDevice {
  /** Verifiers of one device. The first key is behind the first of them, the next one behind the next, and so on from the first. */
  readonly verifiers: readonly Pick<TextEngine, 'score'>[];
  readonly challenges: readonly KnownChallenge[];
  /** How many keys are asked at the same moment. */
  readonly keys: number;
  /** How often. */
  readonly rounds: number;
  readonly nowMs: () => number;
}

export interface MeasuredDevice {
  /** From the moment of asking to the answer of each key, ascending. */
  readonly tookMs: readonly number[];
  /** Of all rounds. */
  readonly totalMs: number;
  /** Whether every answer was that of whoever scored it before. */
  readonly isRight: boolean;
}

/**
 * Asks for the work of challenges through `score` of the engine's interface, whatever back end is behind it. No key is asked for what
 * its verifier answered last, of which the cache might have the beginning.
 */
export async function measureDevice({
  verifiers,
  challenges,
  keys,
  rounds,
  nowMs,
}: AskedDevice): Promise<MeasuredDevice> {
  const tookMs: number[] = [];
  let isRight = true;
  let next = 0;
  const begunMs = nowMs();
  for (let round = 0; round < rounds; round++) {
    const askedMs = nowMs();
    const answers = Array.from({ length: keys }, async (_, key) => {
      const challenge = challenges[next++ % challenges.length] as KnownChallenge;
      const device = verifiers[key % verifiers.length] as Pick<TextEngine, 'score'>;
      const isRight = await answerChallenge(device, challenge);
      tookMs.push(nowMs() - askedMs);
      return isRight;
    });
    isRight = (await Promise.all(answers)).every(Boolean) && isRight;
  }
  return { tookMs: tookMs.sort((a, b) => a - b), totalMs: nowMs() - begunMs, isRight };
}
