/** In the order in which a reply goes through them. One that nobody judged goes back and forth between `auditing` and `waiting`. */
export const REPLY_STATES = [
  ...(['admitted', 'recorded', 'auditing', 'waiting'] as const),
  ...(['decided', 'batched', 'settled', 'refused'] as const),
];

export type ReplyState = (typeof REPLY_STATES)[number];

/** Of a reply whose verdict is still to come. */
export const OPEN_STATES: ReadonlySet<ReplyState> = new Set(['admitted', 'recorded', 'auditing', 'waiting']);
