import { requireEvidence } from './admission.ts';
import { attestationPart } from './attestation.ts';
import type { Tier } from './tier.ts';

/**
 * Tier `verified` from a confidential machine, with the machine's evidence and signature (docs/spec/tee-tier.md). The commitment stays the
 * same, so the consumer replays the draws. Nobody else may read the texts, so nobody audits them.
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
  verifierWork: [],
  audit: 'none',
  settledBy: 'unaudited',
  findOutcomeProblem: (outcome) =>
    outcome === 'inconclusive' ? undefined : 'a verifier would have to read a reply of tier tee',
  describeAudit: () =>
    "a machine vouches for its keys and its image, on its vendor's word; audit: none, since no validator and no verifier may read the texts",
};
