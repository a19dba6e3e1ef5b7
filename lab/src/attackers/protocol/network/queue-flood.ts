import type { ProtocolAttack } from '../attack.ts';

export interface FloodedVerifier {
  /** Has one job done for the attacker, a registered validator. */
  readonly ask: (job: number) => Promise<unknown>;
  readonly jobs: number;
}

export interface FloodOutcome {
  /** Resolves when every job was done or refused. */
  readonly over: Promise<{ readonly done: number; readonly refused: number }>;
}

/** One validator asks a verifier for far more than it can do, all at once. */
export const queueFlood: ProtocolAttack<FloodedVerifier, FloodOutcome> = {
  name: 'queue-flood',
  adversary: 'one validator',
  aim: "fill a verifier's queue, so that the audits of other validators find no verifier",
  stoppedBy: 'Validators take turns, and the largest queue makes room',
  restarts: { none: 'a verifier keeps its queue in memory alone, and nobody waits in it after a restart' },
  play({ ask, jobs }) {
    const answers = Promise.allSettled(Array.from({ length: jobs }, (_, job) => ask(job)));
    return {
      over: answers.then((results) => {
        const done = results.filter(({ status }) => status === 'fulfilled').length;
        return { done, refused: jobs - done };
      }),
    };
  },
};
