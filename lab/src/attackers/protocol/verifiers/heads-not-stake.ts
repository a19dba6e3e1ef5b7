import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { auditReplies, describeForged, type PlayedVerifier, REPLIES } from '../audited-network.ts';
import { defineAttack } from '../define-attack.ts';

const flipSketch = (window: WindowBytes): WindowBytes => ({
  ...window,
  sketch: window.sketch.map((byte, i) => (i === 8 ? byte ^ 1 : byte)),
});

/**
 * A provider forges its replies. A name costs nothing, so it announces more verifiers than the honest operators, and they
 * repeat its values.
 */
export const headsNotStake = defineAttack({
  name: 'heads-not-stake',
  adversary: 'provider with many verifiers that have little or no stake',
  aim: 'Have forged replies accepted by more reports than honest verifiers give, and have the honest ones refuted',
  stoppedBy:
    'Verifiers without stake are drawn only where nobody has stake, and a side wins by more operators and no less stake',
  restarts: ['validator', 'signer', 'verifier'],
  play: (
    {
      replies,
      honest,
      league,
      leagueStake = 0n,
      endpoint,
    }: {
      readonly replies: number;
      readonly honest: number;
      readonly league: number;
      /** Whole tokens behind each verifier of the league. Default: 0. An honest one has 1,000. */
      readonly leagueStake?: bigint;
      /** Address that the provider announces as its own. */
      readonly endpoint?: string;
    },
    breaks,
  ) => {
    const name = (kind: 'honest' | 'league', count: number, stake: bigint): PlayedVerifier[] =>
      Array.from({ length: count }, (_, i) => ({ name: `${kind}-${i}`, kind, stake }));
    const verifiers = [...name('honest', honest, 1000n), ...name('league', league, leagueStake)];
    const sees = ({
      reply,
    }: {
      readonly reply: { readonly opening: { readonly windows: readonly WindowBytes[] } };
    }) => ({
      windows: reply.opening.windows.map(flipSketch),
    });
    return auditReplies({ verifiers, replies, sees, endpoint }, breaks);
  },
  async stage({ play }) {
    const outcome = await play({ replies: REPLIES, honest: 2, league: 5 });
    const course = describeForged(outcome, 'announced five verifiers without stake beside two honest ones with stake');
    return { ...course, worked: course.worked || outcome.marked.some((name) => name.startsWith('honest')) };
  },
});
