import { defineAttack } from '../define-attack.ts';
import { describeThreshold, lieAboutKey } from './threshold-play.ts';

/** It seals shares to others that cannot be opened. */
export const badShares = defineAttack({
  name: 'bad-shares',
  adversary: "validator that deals bad shares of the beacon's key",
  aim: 'leave honest validators without shares, so that they cannot sign, or no key is made',
  stoppedBy: 'A validator without valid shares complains, and the dealer shows them to all or does not count',
  restarts: ['validator'],
  play: (_, breaks) =>
    lieAboutKey(
      (message) => [
        message.kind === 'deal' && message.box.length > 0
          ? { ...message, box: message.box.map((byte) => byte ^ 1) }
          : message,
      ],
      breaks,
    ),
  stage: async ({ play }) =>
    describeThreshold(await play(), { tried: 'sealed to each validator shares that cannot be opened' }),
});
