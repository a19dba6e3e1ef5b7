import { HONEYPOT_PPM, PAIR_PPM } from '@ogong/protocol/audit/audit';

const PPM = 1_000_000;

/** Jobs of verifiers that an audit comes to on average: its own, a second one where it is paired, and that of a honeypot. */
export const JOBS_PER_AUDIT = 1 + (PAIR_PPM + HONEYPOT_PPM) / PPM;
/** Of all jobs, those that have a token planted: half of the honeypots (`plantHoneypot`). */
export const PLANTED_SHARE = HONEYPOT_PPM / PPM / 2 / JOBS_PER_AUDIT;
/** Of all jobs, those whose report is held against another one's at once: both of a pair. */
export const PAIRED_SHARE = (2 * PAIR_PPM) / PPM / JOBS_PER_AUDIT;
/** Where even full coverage does not deter, every audit is paired (`computePairPpm`). */
export const JOBS_PER_NEW_KEYS_AUDIT = 2 + HONEYPOT_PPM / PPM;
