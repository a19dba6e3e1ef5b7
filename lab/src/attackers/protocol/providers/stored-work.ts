import { advanceTimedTest } from '@ogong/protocol/audit/timed-challenge';
import { INITIAL_SEQUENTIAL_TEST } from '@ogong/protocol/statistics/sprt';
import { createTimedBench, nameWork, reportWritten } from '@ogong/testing/validator/timed-bench';
import { defineAttack } from '../define-attack.ts';

/**
 * A provider keeps a report of every text that its keys ever got, as tested provider or as referee. It computes the
 * reports afterwards, and its keys answer from this store.
 */
export const storedWork = defineAttack({
  name: 'stored-work',
  adversary: 'provider whose keys answer timed challenges from stored work',
  aim: 'have many keys count as devices, without one that is in time',
  stoppedBy: 'No two challenges have the same work',
  restarts: { none: 'its store lies on its own disk, and is of no use' },
  async play({
    epochs,
    keys,
    hasDevice,
  }: {
    readonly epochs: number;
    readonly keys: number;
    readonly hasDevice: boolean;
  }) {
    const own = Array.from({ length: keys }, (_, i) => `key-${i}`);
    const kept = new Set<string>();
    const bench = await createTimedBench({
      ...{ names: [...own, 'first', 'second'], ratePpm: 1_000_000 },
      answer(name, job) {
        if (!own.includes(name) || hasDevice) return reportWritten(job);
        const work = nameWork(job);
        if (kept.has(work)) return reportWritten(job);
        kept.add(work);
        throw new Error('it is not computed yet');
      },
    });
    try {
      bench.run(BigInt(epochs));
      await bench.settle();
      const outcomes = own.map((name) => bench.outcomesOf(name));
      const tests = outcomes.map((list) =>
        list
          .filter((one) => one !== 'unknown')
          .reduce(
            (state, one) => advanceTimedTest(state, { tookMs: 0, deadlineMs: 1, isRight: one === 'answered' }),
            INITIAL_SEQUENTIAL_TEST,
          ),
      );
      const all = outcomes.flat();
      return {
        kept: kept.size,
        challenges: all.length,
        answered: all.filter((one) => one === 'answered').length,
        found: tests.filter(({ ejected }) => ejected).length,
      };
    } finally {
      await bench.close();
    }
  },
  async stage({ play }) {
    const keys = 2;
    const { kept, challenges, answered, found } = await play({ epochs: 12, keys, hasDevice: false });
    return {
      tried: `kept reports of ${kept} texts that ${keys} keys were given, and answered by them`,
      answered: [`${answered} of ${challenges} challenges were answered`, `${found} of ${keys} keys are found`],
      worked: answered > 0 || kept <= 40 || challenges <= 12 || found !== keys,
    };
  },
});
