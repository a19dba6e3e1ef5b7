import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { readReply } from '@ogong/hub/evaluation/check-evaluation';
import type { CountedRow, LostRow } from '@ogong/hub/evaluation/evaluation-lines';
import type { SetQuestion } from '@ogong/hub/evaluation/evaluation-set';
import { askQuestion, type QuestionContext } from './ask-question.ts';
import type { Budget } from './evaluation-cost.ts';
import type { EvaluationPart } from './evaluation-part.ts';

export interface RunTask extends QuestionContext {
  readonly part: Pick<EvaluationPart, 'kept' | 'append'>;
  readonly budget: Budget;
  /** Questions that are asked at once. */
  readonly concurrency: number;
  /** Ends the run after the questions that are asked already: they cost money. */
  readonly signal: AbortSignal;
  readonly onRow: (state: RunState) => void;
}

/** The rows so far. */
export interface RunState {
  readonly counted: number;
  readonly right: number;
  readonly lost: readonly LostRow[];
  /** Of the first counted answer, hex. */
  readonly modelRoot: string | undefined;
  /** Why questions are left, if any are. */
  readonly stopped: 'interrupted' | 'cost' | undefined;
}

/** Asks the questions that have no row yet, until all have one, the money ends, or the signal fires. @throws what `askQuestion` throws. */
export async function runQuestions(task: RunTask): Promise<RunState> {
  const { header, part, budget, concurrency, signal, onRow } = task;
  const [firstKept] = part.kept;
  let state: RunState = {
    counted: part.kept.length,
    right: part.kept.filter(({ score }) => score === 1).length,
    ...{ lost: [], modelRoot: firstKept?.modelRoot, stopped: undefined },
  };
  const kept = new Set(part.kept.map(({ id }) => id));
  const waiting = header.set.questions.filter(({ id }) => !kept.has(id));
  const faults: unknown[] = [];
  let asking = 0;

  async function work(): Promise<void> {
    for (let question = takeNext(); question !== undefined; question = takeNext()) {
      asking++;
      const { row, feeAtomic } = await askQuestion(question, task);
      asking--;
      budget.settle(question, feeAtomic);
      await add(row);
    }
  }

  function takeNext(): SetQuestion | undefined {
    if (waiting[0] === undefined || state.stopped !== undefined || faults.length > 0) return undefined;
    if (signal.aborted) state = { ...state, stopped: 'interrupted' };
    else if (budget.reserve(waiting[0])) return waiting.shift();
    // The fee of a question on its way may be less than its highest cost: then the money suffices later.
    else if (asking === 0) state = { ...state, stopped: 'cost' };
    return undefined;
  }

  async function add(row: CountedRow | LostRow): Promise<void> {
    const root = row.kind === 'counted' ? readReply(crypto, row)?.modelRoot : undefined;
    const modelRoot = state.modelRoot ?? root;
    if (row.kind === 'lost') state = { ...state, lost: [...state.lost, row] };
    else if (root !== modelRoot)
      state = { ...state, lost: [...state.lost, { kind: 'lost', id: row.id, problem: `model: root ${root}` }] };
    else {
      state = { ...state, modelRoot, counted: state.counted + 1, right: state.right + row.score };
      await part.append(row);
    }
    onRow(state);
  }

  await Promise.all(Array.from({ length: concurrency }, () => work().catch((error: unknown) => faults.push(error))));
  if (faults.length > 0) throw faults[0];
  return state;
}
