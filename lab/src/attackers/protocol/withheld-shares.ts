import type { ProtocolAttack } from './attack.ts';
import { lieAboutKey, type ThresholdOutcome } from './threshold-play.ts';

/** Half of the others hear nothing of its deal from it. */
export const withheldShares: ProtocolAttack<void, Promise<ThresholdOutcome>> = {
  name: 'withheld-shares',
  adversary: 'validator that withholds shares',
  aim: 'leave honest validators without shares, so that they cannot sign, or no key is made',
  stoppedBy: 'Whoever has no valid shares complains, and the dealer shows them to all or does not count',
  restarts: ['validator'],
  play: (_network, breaks) =>
    lieAboutKey((message, to) => (message.kind === 'deal' && to > 2 ? [] : [message]), breaks),
};
