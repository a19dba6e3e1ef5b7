import type { ChainPass, UpstreamRows } from '../interface/segment.ts';
import type { PlainError } from './child-messages.ts';
import { fromPlainError } from './plain-error.ts';

/** Question of a child with the last segment, which its parent answers. */
export type UpstreamQuestion =
  | { readonly kind: 'run'; readonly pass: ChainPass }
  | { readonly kind: 'drop'; readonly sequence: number; readonly position: number };

/** Rows of a pass, or nothing after a drop. */
export type UpstreamAnswer = { readonly rows: Float32Array | undefined } | { readonly error: PlainError };

/** Upstream rows in the child: each call is a question to the parent. */
export interface UpstreamPort extends UpstreamRows {
  receive(id: number, answer: UpstreamAnswer): void;
}

export function createUpstreamPort(ask: (id: number, question: UpstreamQuestion) => void): UpstreamPort {
  const pending = new Map<number, PromiseWithResolvers<Float32Array | undefined>>();
  let nextId = 1;
  const call = (question: UpstreamQuestion): Promise<Float32Array | undefined> => {
    const id = nextId++;
    const answer = Promise.withResolvers<Float32Array | undefined>();
    pending.set(id, answer);
    ask(id, question);
    return answer.promise;
  };
  return {
    run: async (pass) => (await call({ kind: 'run', pass })) ?? new Float32Array(0),
    async drop(sequence, position) {
      await call({ kind: 'drop', sequence, position });
    },
    receive(id, answer) {
      const waiting = pending.get(id);
      pending.delete(id);
      if ('error' in answer) waiting?.reject(fromPlainError(answer.error));
      else waiting?.resolve(answer.rows);
    },
  };
}

/** Answers a child's question in the parent. */
export const askUpstream = (before: UpstreamRows, question: UpstreamQuestion): Promise<Float32Array | undefined> =>
  question.kind === 'run'
    ? before.run(question.pass)
    : before.drop(question.sequence, question.position).then(() => undefined);
