import { equalBytes } from '@ogong/protocol/base/bytes';
import { dealFormat } from '@ogong/protocol/beacon/threshold/key-deal';
import { hashKeyStatement } from '@ogong/protocol/beacon/threshold/key-plan';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { defineAttack } from '../define-attack.ts';
import { describeThreshold, lieAboutKey } from './threshold-play.ts';

/** Some get one deal of it, and some another; its own key signs both. */
export const twoDeals = defineAttack({
  name: 'two-deals',
  adversary: 'validator that deals two ways',
  aim: 'have honest validators hold shares of different keys',
  stoppedBy: 'Validators show each other the signed deals; two of one dealer exclude it',
  restarts: ['validator'],
  play: (_, breaks) =>
    lieAboutKey((message, to, net) => {
      const [liar] = net.nodes;
      if (message.kind !== 'deal' || to < 3 || liar === undefined) return [message];
      const deal = dealFormat.decode(message.deal);
      if (!equalBytes(deal.dealer, liar.signer.address)) return [message];
      const bent = dealFormat.encode({ ...deal, ownBox: new Uint8Array(deal.ownBox.length) });
      const statement = { kind: 'deal', dealHash: crypto.sha256(bent) } as const;
      const signature = liar.key.signDigest(hashKeyStatement(crypto, net.domain, message, statement));
      return [{ ...message, deal: bent, signature }];
    }, breaks),
  stage: async ({ play }) =>
    describeThreshold(await play(), {
      tried: 'signed two deals and showed each to half of the validators',
      expelledBy: 4,
    }),
});
