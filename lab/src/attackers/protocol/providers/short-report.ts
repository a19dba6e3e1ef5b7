import type { ProtocolAttack } from '../attack.ts';
import { type AuditedOutcome, auditReplies } from '../audited-network.ts';

interface ShortReportNetwork {
  readonly replies: number;
  /** Tokens of context that the lazy verifier announces. */
  readonly announced: number;
}

/** A verifier scores one window of each reply and says that it has no room for more. */
export const shortReport: ProtocolAttack<ShortReportNetwork, Promise<AuditedOutcome>> = {
  name: 'short-report',
  adversary: 'verifier that scores only the beginning',
  aim: 'Be credited for audits of which only the beginning was computed',
  stoppedBy: 'A report shorter than the announced context is not credited; others are paid by scored tokens',
  restarts: ['validator', 'signer', 'verifier'],
  play: ({ replies, announced }, breaks) =>
    auditReplies(
      {
        verifiers: [
          { name: 'lazy', kind: 'honest', contextSize: announced },
          ...['v1', 'v2', 'v3'].map((name) => ({ name, kind: 'honest' as const })),
        ],
        replies,
        sees: ({ reply }, { name }) =>
          name === 'lazy' ? { contextSize: 40, windows: reply.opening.windows.slice(0, 1) } : {},
      },
      breaks,
    ),
};
