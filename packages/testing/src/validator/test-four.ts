import {
  type BenchOptions,
  createTestClock,
  createTestValidator,
  otherProvider,
  provider,
  type TestValidator,
} from './test-bench.ts';
import { answerHonestly } from './test-calls.ts';
import { createTestChain, type TestChain } from './test-chain.ts';

export interface Four {
  readonly own: TestValidator;
  readonly peers: readonly TestValidator[];
  readonly chain: TestChain;
  readonly clock: ReturnType<typeof createTestClock>;
  /** Indices of validators that do not answer. */
  readonly offline: Set<number>;
  certifyAll(): Promise<unknown>;
}

/**
 * Four validators with one chain. Two providers are announced to the first.
 * @param create makes each of them. Default: in memory.
 */
export async function createFour(
  given: BenchOptions | ((index: number) => BenchOptions) = {},
  create: (options: BenchOptions) => TestValidator = createTestValidator,
): Promise<Four> {
  const chain = createTestChain();
  const clock = createTestClock();
  const offline = new Set<number>();
  const all: TestValidator[] = [];
  const members = () => all;
  for (let index = 0; index < 4; index++) {
    const options = typeof given === 'function' ? given(index) : given;
    const validator: TestValidator = create({
      verifiers: (peer, job) => answerHonestly(validator.served)(peer, job),
      ...options,
      index,
      chain,
      clock,
      members,
      isOffline: () => offline.has(index),
    });
    all.push(validator);
  }
  const [own, ...peers] = all as [TestValidator, ...TestValidator[]];
  for (const each of all) await each.announce(provider);
  await own.announce(otherProvider);
  await own.announceVerifier('v1');
  const certifyAll = () => Promise.all(all.map((validator) => validator.certify()));
  return { own, peers, chain, clock, offline, certifyAll };
}
