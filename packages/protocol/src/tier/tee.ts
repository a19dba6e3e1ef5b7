import { requireEvidence } from './admission.ts';
import { attestationPart } from './attestation.ts';
import type { Tier } from './tier.ts';

/**
 * `verified`, from a machine that nobody can look into: the same commitment, audited the same way, since an extracted key signs whatever
 * it is given; and beside it the machine's own evidence and signature (docs/spec/tee-tier.md).
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
