/** Positions per leaf of the commitment tree (whitepaper 7.3); the last window may hold fewer. */
export const WINDOW_TOKENS = 32;
/** The written rank of the tail: 7 bits, all ones. */
export const TAIL_CODE = 127;
export const MAX_VOCABULARY = 1 << 24;
/** Largest Rice parameter. */
export const MAX_PARAMETER = 24;
