import type { LivePlay } from '../scene.ts';
import { countTexts } from '../scene.ts';

const REPLIES = 4;

/** One of the network's verifiers is the adversary's, and answers nobody. */
export const stayVerifierSilent: LivePlay = async (network) => {
  await network.own('verifier-2');
  const replies: string[] = [];
  for (let i = 0; i < REPLIES; i++) {
    const replyId = await network.ask();
    if (replyId !== undefined) replies.push(replyId);
  }
  const answered = replies.length;
  const entries = await network.settle(replies);
  const paid = entries.filter(({ verdict }) => verdict === 'accept').length;
  return {
    tried: `was one of the verifiers of the network, and answered nobody while ${answered} replies were audited`,
    answered: countTexts(entries.map(({ verdict }) => verdict)),
    money: `${paid} of ${answered} replies are paid`,
    worked: answered === 0 || paid < answered,
  };
};
