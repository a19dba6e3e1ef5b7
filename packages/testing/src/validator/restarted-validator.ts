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
  /** Closes the validator and opens it again over its database. State in memory is lost. */
  restart(): Promise<void>;
  /** Restarts the process with its signing key in the same way. */
  restartSigner(): void;
  /** Restarts its verifiers in the same way, if they are its own. */
  restartVerifiers(): Promise<void>;
};

/** A signer over a file that may be closed and opened again under a running validator. */
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
 * A validator over a file that a test may close and open again. Its parts belong to the running validator: a part kept
 * through a restart is closed.
 * @param onClose is called when it closes for good.
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
    // A replacement by a test would be lost at the next restart.
    set: () => false,
  });
}
