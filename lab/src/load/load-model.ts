/** The model of every request of the load. */
export const LOAD_MODEL = 'ogong/verified/bench/load';
/** The same at reading speed: each stream gets a token every PACE_MS. */
export const PACED_MODEL = 'ogong/verified/bench/paced';
export const PACE_MS = 100;
