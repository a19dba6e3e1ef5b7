import type { ProtocolAttack } from './attack.ts';
import { type AuditedOutcome, auditReplies, type PlayedVerifier } from './audited-network.ts';

const SILENT: readonly PlayedVerifier[] = ['s1', 's2', 's3', 's4', 's5', 's6'].map((name) => ({
  ...{ name, kind: 'silent' },
}));
const HONEST: readonly PlayedVerifier[] = ['v1', 'v2'].map((name) => ({ name, kind: 'honest' }));

/** A provider forges replies; most of the verifiers that are drawn for them belong to it, and answer nothing. */
export const silentLeague: ProtocolAttack<{ readonly replies: number }, Promise<AuditedOutcome>> = {
  name: 'silent-league',
  aim: 'Have no verifier answer within the audit, so that the forged reply is inconclusive and paid',
  play: ({ replies }) =>
    auditReplies({
      verifiers: [...SILENT, ...HONEST],
      replies,
      sees: () => ({ promptTokenCount: 1, promptTokensHash: new Uint8Array(32).fill(1) }),
    }),
};
