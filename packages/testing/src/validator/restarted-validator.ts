import {
  type BenchOptions,
  createBenchNotes,
  createTestClock,
  createTestValidator,
  type TestValidator,
} from './test-bench.ts';
import { createTestCalls } from './test-calls.ts';
import { createTestChain } from './test-chain.ts';

export type RestartedValidator = TestValidator & {
  /** Closes the validator, and opens it again over its database. What was in memory alone is gone. */
  restart(): Promise<void>;
};

/**
 * A validator over a file that a test may close and open again. Its parts are those of the validator that runs now: whoever keeps
 * one through a restart holds a closed one.
 * @param onClose called once it is closed for good.
 */
export function createRestartedValidator(
  options: BenchOptions & { readonly path: string },
  onClose: () => void = () => {},
): RestartedValidator {
  const { verifiers = () => Promise.reject(new Error('no verifier')) } = options;
  // The world around it stays.
  const world = { clock: createTestClock(), chain: createTestChain(), calls: createTestCalls(verifiers) };
  const given = { ...world, notes: createBenchNotes(), ...options };
  let running = createTestValidator(given);
  const own: Pick<RestartedValidator, 'restart' | 'close'> = {
    async restart() {
      await running.close();
      running = createTestValidator(given);
    },
    async close() {
      await running.close();
      onClose();
    },
  };
  return new Proxy({} as RestartedValidator, {
    get: (_, name) => Reflect.get(name in own ? own : running, name),
    // What a test replaced would be lost at the next restart.
    set: () => false,
  });
}
