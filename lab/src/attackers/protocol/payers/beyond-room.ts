import type { ProtocolAttack } from '../attack.ts';
import { type AuditedOutcome, auditReplies, type PlayedVerifier } from '../audited-network.ts';

/** Prompt and reply take more than any of them has room for; one window fits. */
const VERIFIERS: readonly PlayedVerifier[] = ['v1', 'v2', 'v3', 'v4'].map((name) => ({
  ...{ name, kind: 'honest', contextSize: 40 },
}));

/** A provider forges replies that are longer than the context of every verifier. */
export const beyondRoom: ProtocolAttack<{ readonly replies: number }, Promise<AuditedOutcome>> = {
  name: 'beyond-room',
  adversary: 'provider with a reply that is too long for every verifier',
  aim: 'Sell forged replies that are too long for every verifier, so that nobody judges them',
  stoppedBy: 'A verifier scores the part that fits',
  restarts: ['validator', 'signer', 'verifier'],
  play: ({ replies }, breaks) =>
    auditReplies(
      {
        verifiers: VERIFIERS,
        replies,
        sees: ({ reply }) => ({
          contextSize: 40,
          windows: reply.opening.windows
            .slice(0, 1)
            .map(({ draws, sketch }) => ({ draws, sketch: sketch.map((byte, i) => (i === 8 ? byte ^ 1 : byte)) })),
        }),
      },
      breaks,
    ),
};
