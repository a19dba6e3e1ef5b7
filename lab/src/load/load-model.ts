/** Whatever the load asks for. */
export const LOAD_MODEL = 'ogong/verified/bench/load';
/** The same at the pace of a model that people read along with: each stream a token every PACE_MS. */
export const PACED_MODEL = 'ogong/verified/bench/paced';
export const PACE_MS = 100;
