import { openEdgeContext } from './edge-reader.ts';
import { type Pausable, runPausable, settle } from './pausable.ts';
import { createScoreQueue, type ScoreQueue, type ScoreQueueOptions } from './score-queue.ts';

/** @param sequences replies that a pass scores, if none of them shows the rows between layers. */
export function createScoreQueues({
  sequences,
  ...options
}: Omit<ScoreQueueOptions, 'openContext'> & { readonly sequences: number }): ScoreQueue {
  const { model } = options;
  const plain = createScoreQueue({
    ...options,
    openContext: () => model.createContext({ purpose: 'score', sequences }),
  });
  /** Scores that show rows between layers compute every row. Their context is freed when none is left: it is rarely needed, and large. */
  const edges = createScoreQueue({ ...options, keepsRows: false, openContext: () => openEdgeContext(model) });
  function* step(): Pausable<boolean> {
    const isPlainLeft = yield* settle(plain.step());
    const isEdgeLeft = yield* settle(edges.step());
    if (!isEdgeLeft) edges.free();
    return isPlainLeft || isEdgeLeft;
  }
  return {
    submit: (id, request) => (request.edges === undefined ? plain : edges).submit(id, request),
    cancel: (id) => plain.cancel(id) || edges.cancel(id),
    step: () => runPausable(step()),
    free() {
      plain.free();
      edges.free();
    },
  };
}
