import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import {
  type BenchOptions,
  createBenchNotes,
  createTestClock,
  createTestSigner,
  createTestValidator,
  type TestValidator,
} from './test-bench.ts';
import { createTestCalls } from './test-calls.ts';
import { createTestChain } from './test-chain.ts';

export type RestartedValidator = TestValidator & {
  /** Closes the validator, and opens it again over its database. What was in memory alone is gone. */
  restart(): Promise<void>;
  /** The same for the process that holds its signing key. */
  restartSigner(): void;
  /** The same for the verifiers that it asks, where they are its own. */
  restartVerifiers(): Promise<void>;
};

/** A signer over a file that may be closed and opened again under a validator that runs. */
function createRestartedSigner(given: { readonly index?: number; readonly path: string }) {
  let open = createTestSigner(given);
  const { address, signingKey } = open.signer;
  const signer: ValidatorSigner = { address, signingKey, sign: (statement) => open.signer.sign(statement) };
  return {
    signer,
    restart() {
      open.close();
      open = createTestSigner(given);
    },
    close: () => open.close(),
  };
}

/**
 * A validator over a file that a test may close and open again. Its parts are those of the validator that runs now: whoever keeps
 * one through a restart holds a closed one.
 * @param onClose called once it is closed for good.
 */
export function createRestartedValidator(
  options: BenchOptions & { readonly path: string },
  onClose: () => void = () => {},
): RestartedValidator {
  const { verifiers = () => Promise.reject(new Error('no verifier')), index = 0, path } = options;
  const signing = createRestartedSigner({ index, path: `${path}-signer` });
  const calls = createTestCalls(verifiers, { path: `${path}-verifiers` });
  // The world around it stays.
  const world = { clock: createTestClock(), chain: createTestChain(), calls, signer: signing.signer };
  const given = { ...world, notes: createBenchNotes(), ...options };
  let running = createTestValidator(given);
  const own: Pick<RestartedValidator, 'restart' | 'restartSigner' | 'restartVerifiers' | 'close'> = {
    async restart() {
      await running.close();
      running = createTestValidator(given);
    },
    restartSigner: signing.restart,
    restartVerifiers: calls.restart,
    async close() {
      await running.close();
      signing.close();
      await calls.close();
      onClose();
    },
  };
  return new Proxy({} as RestartedValidator, {
    get: (_, name) => Reflect.get(name in own ? own : running, name),
    // What a test replaced would be lost at the next restart.
    set: () => false,
  });
}
