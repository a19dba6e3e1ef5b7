import type { ProtocolAttack } from '../attack.ts';
import { HONEST, lieAboutKey, type ThresholdOutcome } from './threshold-play.ts';

/** The others agree without it, and cannot sign without it and the liar. */
const VICTIM = HONEST.at(-1);

/** One hears nothing of its deal from it, and no answer when it complains. Everybody else does. Of the key's epochs the liar signs none. */
export const withheldShares: ProtocolAttack<void, Promise<ThresholdOutcome>> = {
  name: 'withheld-shares',
  adversary: 'validator that withholds shares, and shows them to all but those who complain',
  aim: 'have its deal count and leave one without shares, so that nobody can sign once it is silent itself',
  stoppedBy:
    'Whoever has no valid shares complains. The dealer shows them or does not count, and who saw them gives them on',
  restarts: ['validator'],
  play: (_network, breaks) =>
    lieAboutKey(
      (message, to) => (to === VICTIM && (message.kind === 'deal' || message.kind === 'answer') ? [] : [message]),
      breaks,
      { isSilent: true },
    ),
};
