import { type Code, getLocal, setLocal } from '@ogong/protocol/base/wasm-code';

/** The vectors of one function in WebAssembly. */
export interface Vectors {
  /** Types of all that were taken or kept, in the order of their numbers. */
  readonly locals: readonly 'v128'[];
  /** Code that computes the kept values; it comes before the function's loop. */
  readonly start: readonly Code[];
  /** Returns the number of another local, which begins as zero. */
  take(): number;
  /** Keeps a value in a local, since the loop would compute it anew in each turn. @returns the code that reads it. */
  keep(value: Code): Code;
}

/** @param first number of the first vector: how many parameters the function has. */
export function numberVectors(first: number): Vectors {
  const locals: 'v128'[] = [];
  const start: Code[] = [];
  const take = (): number => first + locals.push('v128') - 1;
  return {
    locals,
    start,
    take,
    keep(value) {
      const index = take();
      start.push(setLocal(index, value));
      return getLocal(index);
    },
  };
}
