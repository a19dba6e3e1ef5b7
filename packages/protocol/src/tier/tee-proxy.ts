import { requireEvidence } from './admission.ts';
import { proxiedPart } from './proxied.ts';
import type { Tier } from './tier.ts';

/**
 * The answer of a hosted model, asked for by a machine that nobody can look into: what was asked and told is shown, and the model behind is its
 * vendor's word (docs/spec/tee-tier.md#proxies).
 */
export const teeProxy: Tier = {
  name: 'tee-proxy',
  method: 'attested-exchange',
  classes: 'inexact',
  windows: 'tokens',
  root: 'name',
  channel: 'sealed',
  leavesOut: ['listing', 'draw-replay', 'shape-classes'],
  evidence: ['order', 'ticket', 'record', 'beacon', 'opening'],
  ownEvidence: [proxiedPart],
  admit: requireEvidence([proxiedPart]),
  verifierWork: [],
  settledBy: 'unaudited',
  findOutcomeProblem: (outcome) =>
    outcome === 'inconclusive' ? undefined : 'a reply of tier tee-proxy shows nothing that a verifier could compare',
  describeAudit: () =>
    "a machine vouches for what it asked a hosted API and was told, on its hardware vendor's word; which model answered is the API vendor's word, and nobody audits it",
};
