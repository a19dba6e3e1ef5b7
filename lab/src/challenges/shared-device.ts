import { drawArrivals } from '@ogong/protocol/audit/secret-draw';
import { advanceTimedTest, DEADLINE_FACTOR } from '@ogong/protocol/audit/timed-challenge';
import { concatBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { INITIAL_SEQUENTIAL_TEST, type SequentialTestState } from '@ogong/protocol/statistics/sprt';

/** Orders in which the owner of a device works on its challenges. */
export const STRATEGIES = ['in turn', 'those in time', 'some keys first'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface SharedDevice {
  readonly crypto: Crypto;
  readonly seed: number;
  /** Keys that one device answers for. */
  readonly keys: number;
  /** lambda W / F: share of a device's time that the challenges of one key take. */
  readonly duty: number;
  readonly epochs: number;
  readonly strategy: Strategy;
  /** Time of one challenge on the device, as a multiple of the usual one. */
  readonly service: (random: () => number) => number;
  /** In usual service times; DEADLINE_FACTOR. A fast device has more, since a deadline has a second for the way. */
  readonly deadline?: number;
}

export interface FoundKeys {
  readonly challenges: number;
  readonly missed: number;
  /** Epoch in which each key was found, in that order. */
  readonly found: readonly number[];
}

interface Challenge {
  readonly key: number;
  /** In service times. */
  readonly atTime: number;
}

/** Challenges of an epoch for each key, on average. */
const PER_EPOCH_PPM = 1_000_000;

/**
 * Plays one device behind several keys with the protocol's draws and test, in virtual time. A service time is 1, an epoch 1 / duty. A key
 * that is found leaves, and its challenges with it.
 */
export function playSharedDevice(options: SharedDevice): FoundKeys {
  const { crypto, seed, keys, duty, epochs, strategy, service, deadline = DEADLINE_FACTOR } = options;
  const random = createSeededRandom(seed);
  const tests: SequentialTestState[] = Array.from({ length: keys }, () => INITIAL_SEQUENTIAL_TEST);
  const found: number[] = [];
  let [challenges, missed, freeAt] = [0, 0, 0];
  let waiting: Challenge[] = [];
  const judge = ({ key, atTime }: Challenge, doneAt: number | undefined, epoch: number): void => {
    const tookMs = doneAt === undefined ? undefined : doneAt - atTime;
    const before = tests[key] as SequentialTestState;
    const after = advanceTimedTest(before, { tookMs, deadlineMs: deadline, isRight: true });
    tests[key] = after;
    challenges++;
    missed += after.rejects - before.rejects;
    if (after.ejected && !before.ejected) found.push(epoch);
  };
  const isIn = ({ key }: Challenge): boolean => tests[key]?.ejected === false;
  /** Does what there is until that time. */
  const workUntil = (time: number, epoch: number): void => {
    while (waiting.length > 0 && freeAt < time) {
      const [next, ...rest] = order(waiting, strategy) as [Challenge, ...Challenge[]];
      waiting = rest;
      if (!isIn(next)) continue;
      const begin = Math.max(freeAt, next.atTime);
      if (strategy !== 'in turn' && begin + 1 > next.atTime + deadline) {
        judge(next, undefined, epoch);
        continue;
      }
      freeAt = begin + service(random);
      judge(next, freeAt, epoch);
    }
  };
  for (let epoch = 0; epoch < epochs; epoch++) {
    const output = concatBytes(crypto.sha256(utf8Encode(`device ${seed} ${epoch}`)), new Uint8Array(32));
    const drawn = tests.flatMap((test, key) =>
      test.ejected
        ? []
        : drawArrivals(crypto, output, { subject: new Uint8Array(64).fill(key), meanPpm: PER_EPOCH_PPM }).map(
            (ppm) => ({
              key,
              atTime: (epoch + ppm / 1_000_000) / duty,
            }),
          ),
    );
    for (const challenge of drawn.sort((a, b) => a.atTime - b.atTime)) {
      workUntil(challenge.atTime, epoch);
      waiting.push(challenge);
    }
  }
  return { challenges, missed, found };
}

function order(waiting: readonly Challenge[], strategy: Strategy): readonly Challenge[] {
  if (strategy !== 'some keys first') return waiting;
  return [...waiting].sort((a, b) => a.key - b.key || a.atTime - b.atTime);
}
