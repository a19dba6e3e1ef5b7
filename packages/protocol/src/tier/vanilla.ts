import { requireEvidence } from './admission.ts';
import type { Tier } from './tier.ts';

/**
 * A provider's signature and nothing else, for servers that show too little of a reply for a check. Consumers get it only by naming the
 * tier in the model id (docs/spec/vanilla-tier.md).
 */
export const vanilla: Tier = {
  name: 'vanilla',
  method: 'signature',
  classes: 'inexact',
  windows: 'tokens',
  root: 'name',
  channel: 'any',
  leavesOut: ['listing', 'draw-replay', 'shape-classes', 'links', 'projections'],
  evidence: ['order', 'ticket', 'record', 'beacon', 'opening'],
  ownEvidence: [],
  admit: requireEvidence([]),
  verifierWork: [],
  audit: 'texts',
  settledBy: 'unaudited',
  findOutcomeProblem: (outcome) =>
    outcome === 'inconclusive' ? undefined : 'a reply of tier vanilla shows nothing that a verifier could compare',
  describeAudit: () =>
    'a signature only: the model, and that it ran as requested, are proven by nothing and audited by nobody',
};
