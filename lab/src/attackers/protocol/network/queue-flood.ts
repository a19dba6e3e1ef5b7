import { createJobQueue } from '@ogong/host/lifecycle/job-queue';
import { defineAttack } from '../define-attack.ts';

/** One validator asks a verifier for far more than it can do, all at once. */
export const queueFlood = defineAttack({
  name: 'queue-flood',
  adversary: 'one validator',
  aim: "fill a verifier's queue, so that the audits of other validators find no verifier",
  stoppedBy: 'Validators take turns, and the largest queue makes room',
  restarts: { none: 'a verifier keeps its queue in memory alone, and nobody waits in it after a restart' },
  play({ ask, jobs }: { readonly ask: (job: number) => Promise<unknown>; readonly jobs: number }) {
    const answers = Promise.allSettled(Array.from({ length: jobs }, (_, job) => ask(job)));
    return {
      over: answers.then((results) => {
        const done = results.filter(({ status }) => status === 'fulfilled').length;
        return { done, refused: jobs - done };
      }),
    };
  },
  async stage({ play }) {
    const queue = createJobQueue({ slots: 1, maxWaiting: 64 });
    const { signal } = new AbortController();
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    const { over } = play({ ask: () => queue.run(turn, signal, 'flood'), jobs: 640 });
    const honest = await Promise.allSettled(
      ['b', 'c', 'd'].flatMap((owner) => Array.from({ length: 8 }, () => queue.run(turn, signal, owner))),
    );
    const served = honest.filter(({ status }) => status === 'fulfilled').length;
    const { done, refused } = await over;
    return {
      tried: 'asked a verifier that holds 64 jobs for 640 at once',
      answered: [`${done} were done, ${refused} refused`, `${served} of 24 jobs of three other validators were done`],
      // One job runs at once, and 24 of the 64 waiting jobs make room.
      worked: served < honest.length || done !== 41 || refused !== 599,
    };
  },
});
