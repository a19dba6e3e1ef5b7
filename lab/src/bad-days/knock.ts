import { LinkError } from '@ogong/host/link/link-error';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { expect } from 'vitest';
import { mutateMessage } from './mutate.ts';
import { chooseSeed } from './random.ts';

const seed = chooseSeed(4_242);

/** Refusals that a caller may get. Anything else is a bug in the handler. */
const answers = new Set(['too-large', 'rate-limited', 'unauthorized', 'timeout']);
const isTyped = (error: unknown): boolean =>
  error instanceof LinkError && (error.refusal !== undefined || answers.has(error.code));

export interface Door<T extends object> {
  /** Messages that an honest caller sends. Each is damaged in turn. */
  readonly valid: () => T | Promise<T>;
  readonly call: (message: T) => Promise<unknown>;
  readonly rounds?: number;
}

/** Sends damaged messages one after the other. Each is answered normally or refused with a typed error. */
export async function knock<T extends object>({ valid, call, rounds = 40 }: Door<T>): Promise<{ refused: number }> {
  const random = createSeededRandom(seed);
  const broken: string[] = [];
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const { what, message } = mutateMessage(await valid(), random);
    await call(message).catch((error: unknown) => {
      refused++;
      if (!isTyped(error)) broken.push(`${what}: ${error}`);
    });
  }
  expect(broken).toEqual([]);
  return { refused };
}
