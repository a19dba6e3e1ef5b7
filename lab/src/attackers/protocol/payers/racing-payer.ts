import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { ledger, type Network, openProgress, until } from '@ogong/testing/provider/provider-fixture';
import type { ProtocolAttack } from '../attack.ts';

export interface RacingPayerOutcome {
  /** Orders that were served until the provider refused. */
  readonly served: number;
  readonly refusal: string;
  /** Parts of text that came of the one that brought most. */
  readonly mostParts: number;
  /** Records that the provider has handed in: each is paid its standby price. */
  readonly billed: number;
  /** Replies of which the provider told it all tokens behind their bill. */
  readonly openings: number;
}

const ORDERS = 40;

/**
 * Orders every answer, reads what comes of it, and takes none: for texts at the price of standing by. Every second time it says so; else it
 * hangs up without a word. Either way it then asks for the opening, which spells the answer.
 */
export const racingPayer: ProtocolAttack<
  { readonly network: Network; readonly standbyPer1k: bigint },
  Promise<RacingPayerOutcome>
> = {
  name: 'racing-payer',
  adversary: 'payer that orders every answer from all providers and takes few',
  aim: 'have answers, and the slots of all providers, for the price of standing by',
  stoppedBy:
    'One part leaves before the payer signs, the engine stops within 5 s, and a payer may hold a quarter of the slots untaken',
  restarts: { none: 'a provider that starts again knows no payer, and counts from nothing' },
  async play({ network, standbyPer1k }) {
    let served = 0;
    let mostParts = 0;
    let openings = 0;
    const provider = network.client.service(ProviderService);
    let refusal = '';
    while (served < ORDERS && refusal === '') {
      const ogong = { standby: Number(standbyPer1k) };
      const message = network.order({ body: { max_tokens: 16, seed: served, ogong }, nonce: served + 1 });
      const progress = openProgress(network.client, message, true);
      const { replyId } = nameOrder(crypto, ledger, parseOrder(message.order!.order));
      const isLeaving = served % 2 === 0;
      let parts = 0;
      try {
        for await (const { event } of provider.generate(message)) {
          if (event.case !== 'delta') continue;
          parts++;
          if (!isLeaving) break;
          await progress.leave();
        }
        served++;
        await until(() => network.validator.pushed.length === served);
        const { opening } = await provider.getOpening({ replyId });
        if (opening.length > 0) openings++;
      } catch (error) {
        if (!(error instanceof LinkError)) throw error;
        if (error.refusal !== 'not-found') refusal = error.message;
      }
      mostParts = Math.max(mostParts, parts);
    }
    return { served, refusal, mostParts, billed: network.validator.pushed.length, openings };
  },
};
