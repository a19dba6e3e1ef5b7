import { concatBytes, equalBytes, ProtocolError, utf8Encode } from '@ogong/protocol/base/bytes';
import { check } from '@ogong/protocol/base/checks';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { requireEvidence } from '@ogong/protocol/tier/admission';
import { TIERS } from '@ogong/protocol/tier/registry';
import type { OwnEvidence, Tier, TierEntry } from '@ogong/protocol/tier/tier';

const TAG = utf8Encode('attested');

/** Stands for a hardware quote: it names the record. */
export function attest(crypto: Crypto, record: Uint8Array): Uint8Array {
  return crypto.sha256(concatBytes(TAG, record));
}

const attestedPart: OwnEvidence = {
  name: 'attestation',
  maxBytes: 32,
  checks: ['attestation'],
  async verify(crypto, bytes, { record }) {
    if (bytes.length !== 32) throw new ProtocolError('malformed', `${bytes.length} bytes`);
    const details = ['the machine vouches for the record', 'another record is attested'] as const;
    return [check('attestation', equalBytes(bytes, attest(crypto, record)), details)];
  },
};

/**
 * A third tier. It shows that a new tier needs only an object like this and a line in the list. It replaces a planned
 * tier, has its own evidence, and its audits refute by equality alone.
 */
export const attested: Tier = {
  name: 'proof',
  method: 'attestation',
  classes: 'any',
  windows: 'draws',
  root: 'weights',
  channel: 'any',
  leavesOut: [],
  evidence: ['order', 'ticket', 'record', 'beacon', 'opening'],
  ownEvidence: [attestedPart],
  admit: requireEvidence([attestedPart]),
  verifierWork: ['score', 'trace'],
  audit: 'texts',
  settledBy: 'verdict',
  findOutcomeProblem: (outcome, { exact }) =>
    outcome === 'reject' && !exact ? 'distances do not refute what a machine vouches for' : undefined,
  describeAudit: () => 'an audit asks the twin of the machine that vouches for it',
};

/** The list with the tier in place of the entry of the same name. */
export function listWith(tier: Tier): readonly TierEntry[] {
  return TIERS.map((entry) => (entry.name === tier.name ? tier : entry));
}

/** Puts the tier into the shared list. @returns a function that removes it. */
export function installTier(tier: Tier): () => void {
  const list = TIERS as TierEntry[];
  const index = list.findIndex(({ name }) => name === tier.name);
  const before = list[index] as TierEntry;
  list[index] = tier;
  return () => {
    list[index] = before;
  };
}
