import type { TextEngine } from '@ogong/engine/interface/text';
import { answerChallenge, type KnownChallenge } from './known-work.ts';

export interface AskedDevice {
  /** Verifiers of one device. The first key is behind the first of them, the next one behind the next, and so on from the first. */
  readonly verifiers: readonly Pick<TextEngine, 'score'>[];
  readonly challenges: readonly KnownChallenge[];
  /** Keys that get a challenge at the same moment. */
  readonly keys: number;
  /** Number of repetitions. */
  readonly rounds: number;
  readonly nowMs: () => number;
}

export interface MeasuredDevice {
  /** Time from the challenge to the answer of each key, ascending. */
  readonly tookMs: readonly number[];
  /** Time of all rounds. */
  readonly totalMs: number;
  /** Whether every answer equals that of the engine that scored it before. */
  readonly isRight: boolean;
}

/**
 * Sends challenges to `score` of the engine's interface, with any back end. No key gets the last challenge of its verifier again, whose
 * beginning might be in the cache.
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
