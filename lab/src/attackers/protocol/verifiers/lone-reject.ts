import { auditReplies, describeVerdicts, REPLIES } from '../audited-network.ts';
import { defineAttack } from '../define-attack.ts';

/**
 * A verifier wants an honest provider to lose its fee, or its name. It rejects every reply, alone or with `framers`
 * that report exactly the same. A flood, for example, keeps the other verifiers from answering: `silent` is their
 * number.
 */
export const loneReject = defineAttack({
  name: 'lone-reject',
  adversary: 'one verifier, or two in league, while others are silent',
  aim: 'Have an honest provider rejected, or ejected, by the report of one verifier or of two in league',
  stoppedBy:
    'A lone reject waits for a second report. A charge ejects only after a verifier outside the draw reproduces it',
  restarts: ['validator', 'signer', 'verifier'],
  play: (
    {
      replies,
      framers,
      silent,
      honest,
    }: { readonly replies: number; readonly framers: number; readonly silent: number; readonly honest: number },
    breaks,
  ) => {
    const name = (kind: 'framer' | 'silent' | 'honest', count: number) =>
      Array.from({ length: count }, (_, i) => ({ name: `${kind}-${i}`, kind }));
    const verifiers = [...name('framer', framers), ...name('silent', silent), ...name('honest', honest)];
    return auditReplies({ verifiers, replies, sees: () => ({}) }, breaks);
  },
  async stage({ play }) {
    const { entries, marked } = await play({ replies: REPLIES, framers: 1, silent: 3, honest: 2 });
    return {
      tried: `rejected ${REPLIES} honest replies as one verifier of six, while three of the others were kept from answering`,
      answered: describeVerdicts(entries),
      money: `${entries.reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n)} atomic units were paid to the provider`,
      worked:
        !marked.includes('framer-0') ||
        entries.length !== REPLIES ||
        entries.some(({ verdict, ejects }) => verdict !== 'accept' || ejects),
    };
  },
});
