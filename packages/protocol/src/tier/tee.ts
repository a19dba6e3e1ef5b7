import { requireEvidence } from './admission.ts';
import { attestationPart } from './attestation.ts';
import type { Tier } from './tier.ts';

/**
 * Tier `verified` from a confidential machine, with the machine's evidence and signature (docs/spec/tee-tier.md). Commitment and audit stay
 * the same, because a key that was extracted from the machine can sign anything.
 */
export const tee: Tier = {
  name: 'tee',
  method: 'attested-replay',
  classes: 'any',
  windows: 'draws',
  root: 'weights',
  channel: 'sealed',
  leavesOut: [],
  evidence: ['order', 'ticket', 'record', 'beacon', 'opening'],
  ownEvidence: [attestationPart],
  admit: requireEvidence([attestationPart]),
  verifierWork: ['score'],
  settledBy: 'verdict',
  findOutcomeProblem: () => undefined,
  describeAudit: ({ exact }) =>
    `a machine vouches for its keys and its image, on its vendor's word; ${
      exact ? 'an audit compares bit for bit in that class, statistically in others' : 'an audit compares statistically'
    }`,
};
