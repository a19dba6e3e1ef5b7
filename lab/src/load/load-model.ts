/** Whatever the load asks for. */
export const LOAD_MODEL = 'ogong/verified/bench/load';
