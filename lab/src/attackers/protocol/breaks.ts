import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { createRestartedValidator } from '@ogong/testing/validator/restarted-validator';
import { type BenchOptions, createTestValidator, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createTestCalls, type TestCalls, type TestVerifiers } from '@ogong/testing/validator/test-calls';

export type DaemonRole = 'gateway' | 'router' | 'provider' | 'validator' | 'verifier' | 'signer';

/** The moments between an attacker's steps: nothing happens there, or every daemon of its network is restarted. */
export interface Breaks {
  /** A new file for what a daemon keeps; undefined where none is restarted. */
  path(): string | undefined;
  /** Says how a daemon is closed and opened again over its files. @returns takes it out again. */
  add(daemon: DaemonRole, restart: () => void | Promise<void>): () => void;
  take(): Promise<void>;
}

export const NO_BREAKS: Breaks = { path: () => undefined, add: () => () => {}, take: async () => {} };

/** Breaks with restarts, how many of each daemon there were, and an end to the files. */
export function createBreaks() {
  const directory = createTestDirectory('breaks');
  const daemons = new Map<symbol, { readonly daemon: DaemonRole; readonly restart: () => void | Promise<void> }>();
  const restarted = new Map<DaemonRole, number>();
  let files = 0;
  const breaks: Breaks = {
    path: () => `${directory.path}/${++files}.db`,
    add(daemon, restart) {
      const key = Symbol(daemon);
      daemons.set(key, { daemon, restart });
      return () => void daemons.delete(key);
    },
    async take() {
      for (const { daemon, restart } of [...daemons.values()]) {
        restarted.set(daemon, (restarted.get(daemon) ?? 0) + 1);
        await restart();
      }
    },
  };
  return { ...breaks, restarted, end: directory.remove };
}

/** Verifiers of an attacked network that several validators ask, or that a test knows by name. */
export function openAttackedVerifiers(breaks: Breaks, answer: TestVerifiers): TestCalls {
  const path = breaks.path();
  const calls = createTestCalls(answer, path === undefined ? {} : { path });
  breaks.add('verifier', calls.restart);
  return calls;
}

/** The validator of an attacked network, with the process that signs for it and the verifiers that it asks. */
export function openAttacked(breaks: Breaks, options: BenchOptions = {}): TestValidator {
  const path = breaks.path();
  if (path === undefined) return createTestValidator(options);
  const validator = createRestartedValidator({ ...options, path }, () => {
    for (const remove of removers) remove();
  });
  const removers = [breaks.add('validator', validator.restart), breaks.add('signer', validator.restartSigner)];
  if (options.calls === undefined) removers.push(breaks.add('verifier', validator.restartVerifiers));
  return validator;
}
