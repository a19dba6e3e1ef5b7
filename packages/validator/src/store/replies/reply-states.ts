/** States in their order. A reply without a verdict alternates between `auditing` and `waiting`. */
export const REPLY_STATES = [
  ...(['admitted', 'recorded', 'auditing', 'waiting'] as const),
  ...(['decided', 'batched', 'settled', 'refused'] as const),
];

export type ReplyState = (typeof REPLY_STATES)[number];

/** States before the verdict. */
export const OPEN_STATES: ReadonlySet<ReplyState> = new Set(['admitted', 'recorded', 'auditing', 'waiting']);
