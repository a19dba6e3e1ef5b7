import type { EvidenceAttack } from './attack.ts';

const YEAR_MS = 365 * 86_400_000;

/** Expired statements of the vendor pass on a clock of their time. A reader that has seen a later time detects this. */
export const clockSetBack: EvidenceAttack = {
  name: 'clock-set-back',
  adversary: "attacker that sets a reader's clock back",
  aim: 'accepting statements that the vendor has revoked',
  caughtBy: 'clock',
  // The reader has seen a signed time that is a year later than its clock.
  bend: ({ evidence, policy, nowMs }) => ({ evidence, policy: { ...policy, seenMs: nowMs + YEAR_MS }, nowMs }),
};
