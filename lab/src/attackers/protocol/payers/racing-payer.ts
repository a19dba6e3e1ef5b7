import { setTimeout as wait } from 'node:timers/promises';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createNetwork, ledger, type Network, openProgress, until } from '@ogong/testing/provider/provider-fixture';
import { defineAttack } from '../define-attack.ts';

const ORDERS = 40;

/** Of 1,000 prompt tokens. */
const STANDBY = 50_000n;
const STILL_RUNS = 'has not taken what it ordered before';
const PAUSE_MS = 20;

/**
 * Orders every answer, reads what comes of it, and takes none: for texts at the price of standing by. Every second time it says so; else it
 * hangs up without a word. Either way it then asks for the opening, which spells the answer.
 */
export const racingPayer = defineAttack({
  name: 'racing-payer',
  adversary: 'payer that orders every answer from all providers and takes few',
  aim: 'have answers, and the slots of all providers, for the price of standing by',
  stoppedBy:
    'One part leaves before the payer signs, the engine stops within 5 s, and a payer may hold a quarter of the slots untaken',
  restarts: { none: 'a provider that starts again knows no payer, and counts from nothing' },
  async play({ network, standbyPer1k }: { readonly network: Network; readonly standbyPer1k: bigint }) {
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
        // The order before still runs for a moment. The payer asks again.
        if (error.message.includes(STILL_RUNS)) await wait(PAUSE_MS);
        else if (error.refusal !== 'not-found') refusal = error.message;
      }
      mostParts = Math.max(mostParts, parts);
    }
    return { served, refusal, mostParts, billed: network.validator.pushed.length, openings };
  },
  async stage({ play, keep }) {
    const outcomes = [];
    // Orders must stop at any standby price, also at none.
    for (const standbyPer1k of [0n, STANDBY]) {
      const network = keep(await createNetwork({ standby: standbyPer1k, provider: { takeWithinMs: 50 } }));
      outcomes.push(await play({ network, standbyPer1k }));
    }
    return {
      tried: 'ordered one answer after another, read what came, took none, and asked for the opening of each',
      answered: outcomes.flatMap(({ served, refusal, mostParts, openings }) => [
        `${mostParts} part of each text came before it was taken`,
        `${openings} of the openings were told`,
        `${served} orders were served, then: ${refusal || 'no refusal'}`,
      ]),
      money: `each prompt bills 0 atomic units for 1,000 tokens at first, then ${STANDBY}`,
      worked: outcomes.some(
        ({ served, refusal, mostParts, billed, openings }) =>
          mostParts !== 1 ||
          openings > 0 ||
          served === 0 ||
          served >= 20 ||
          billed !== served ||
          !refusal.includes('leaves most answers untaken'),
      ),
    };
  },
});
