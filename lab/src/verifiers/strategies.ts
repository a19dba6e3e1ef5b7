import { encodeScoreReport, parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import type { Scene, VerifierStrategy } from './strategy.ts';

type Report = VerifierStrategy['report'];

const work: Report = (job, scene) => scene.work(job);
const makeUp: Report = (job, scene) => scene.makeUp(job);

/** Makes a report up if the condition holds, and otherwise works. */
const lazyWhere =
  (isLazy: (scene: Scene, job: Parameters<Report>[0]) => boolean): Report =>
  (job, scene) =>
    isLazy(scene, job) ? scene.makeUp(job) : scene.work(job);

const lazy = (share: number): VerifierStrategy => ({
  name: `lazy ${share}`,
  what: `makes ${share * 100} % of its reports up`,
  report: lazyWhere(({ random }) => random() < share),
});

/** In the order of the table. */
export const STRATEGIES: readonly VerifierStrategy[] = [
  { name: 'honest', what: 'runs the model', report: work },
  {
    name: 'always accepts',
    what: 'every claimed token first in its list, in the right class, without the model',
    report: makeUp,
  },
  {
    name: 'doubts always',
    what: 'the same, under the name of another class',
    report: (job, scene) => scene.makeUp(job, { exact: false }),
  },
  {
    name: 'cheap model',
    what: 'runs a cheaper model of the same root',
    report: (job, scene) => scene.workCheaply(job),
  },
  {
    name: 'copies',
    what: 'commits to anything, and opens what another has opened',
    report: makeUp,
    open(kept, job, scene) {
      const leaked = scene.leaked(job);
      return leaked ? encodeScoreReport({ ...parseScoreReport(leaked), jobId: job.jobId }) : kept;
    },
  },
  {
    name: 'never opens',
    what: 'commits to a report that it made up, and opens none',
    report: makeUp,
    open: () => undefined,
  },
  lazy(0.5),
  lazy(0.2),
  lazy(0.05),
  {
    name: 'lazy when fresh',
    what: 'works where the request was seen before, by whom it knows, and so may be a honeypot',
    report: lazyWhere((scene, job) => !scene.wasSeen(job)),
  },
  {
    name: 'lazy when early',
    what: 'works but for the first tenth of an epoch, when no answer is known yet',
    report: lazyWhere((scene) => scene.phase() < 0.1),
  },
  {
    name: 'told',
    what: 'reports what its partner, a cheat, tells it, and makes the rest up',
    partner: true,
    report: tell(makeUp),
  },
  {
    name: 'told, works else',
    what: 'reports what its partner, a cheat, tells it, and runs the model for everybody else',
    partner: true,
    report: tell(work),
  },
  {
    name: 'told, still in pairs',
    what: 'the same, and stands still where it sees that another is asked about the same job',
    partner: true,
    report: tell(work),
    stallsOver: (digests) => digests > 1,
  },
  { name: 'silent', what: 'answers nothing', report: async () => undefined },
];

function tell(otherwise: Report): Report {
  return async (job, scene) => {
    const windows = scene.told(job);
    if (windows === undefined) return otherwise(job, scene);
    // Prompt and text come from a tokeniser, the windows from its partner.
    return encodeScoreReport({ ...parseScoreReport(await scene.makeUp(job)), windows });
  };
}
