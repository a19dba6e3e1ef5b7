import { HONEYPOT_PPM, PAIR_PPM } from '@ogong/protocol/audit/audit';

const PPM = 1_000_000;

/** Average number of verifier jobs for an audit: its own, a second one if it is paired, and that of a honeypot. */
export const JOBS_PER_AUDIT = 1 + (PAIR_PPM + HONEYPOT_PPM) / PPM;
/** Share of jobs with a planted token: half of the honeypots (`plantText`). */
export const PLANTED_SHARE = HONEYPOT_PPM / PPM / 2 / JOBS_PER_AUDIT;
/** Share of jobs that are paired: both reports of a pair are compared. */
export const PAIRED_SHARE = (2 * PAIR_PPM) / PPM / JOBS_PER_AUDIT;
/** Jobs for an audit of a new key. Full coverage does not deter it, so every audit is paired (`computePairPpm`). */
export const JOBS_PER_NEW_KEYS_AUDIT = 2 + HONEYPOT_PPM / PPM;
