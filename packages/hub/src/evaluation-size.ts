/** The largest file of an evaluation (docs/spec/evaluation.md#file). */
export const MAX_EVALUATION_BYTES: number = 2 ** 32;
