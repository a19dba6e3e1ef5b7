import type { ProtocolAttack } from '../attack.ts';
import { type AuditedOutcome, auditReplies } from '../audited-network.ts';

/**
 * A verifier wants an honest provider to lose its fee, or its name. It rejects every reply, alone or with `framers` that say the same
 * to the bit, while the other verifiers are kept from answering, by a flood for example. `silent` says how many of those there are.
 */
export const loneReject: ProtocolAttack<
  { readonly replies: number; readonly framers: number; readonly silent: number; readonly honest: number },
  Promise<AuditedOutcome>
> = {
  name: 'lone-reject',
  adversary: 'one verifier, or two in league, while others are silent',
  aim: 'Have an honest provider rejected, or ejected, on the word of one verifier or of two in league',
  stoppedBy:
    'A lone reject waits for a second report. A charge ejects only after a verifier outside the draw reproduces it',
  restarts: ['validator', 'signer', 'verifier'],
  play: ({ replies, framers, silent, honest }, breaks) => {
    const name = (kind: 'framer' | 'silent' | 'honest', count: number) =>
      Array.from({ length: count }, (_, i) => ({ name: `${kind}-${i}`, kind }));
    const verifiers = [...name('framer', framers), ...name('silent', silent), ...name('honest', honest)];
    return auditReplies({ verifiers, replies, sees: () => ({}) }, breaks);
  },
};
