import { defineAttack } from '../define-attack.ts';
import { describeThreshold, HONEST, lieAboutKey } from './threshold-play.ts';

/** The others agree without it, and cannot sign without it and the liar. */
const VICTIM = HONEST.at(-1);

/** One hears nothing of its deal from it, and no answer when it complains. Everybody else does. Of the key's epochs the liar signs none. */
export const withheldShares = defineAttack({
  name: 'withheld-shares',
  adversary: 'validator that withholds shares and answers only bystanders',
  aim: 'have its deal count and leave one without shares, so that nobody can sign once it is silent itself',
  stoppedBy: 'After a complaint the dealer must show the shares, and other validators forward them',
  restarts: ['validator'],
  play: (_, breaks) =>
    lieAboutKey(
      (message, to) => (to === VICTIM && (message.kind === 'deal' || message.kind === 'answer') ? [] : [message]),
      breaks,
      { isSilent: true },
    ),
  stage: async ({ play }) =>
    describeThreshold(await play(), {
      tried: 'told one validator nothing of its deal, answered all others, and signed no epoch',
    }),
});
