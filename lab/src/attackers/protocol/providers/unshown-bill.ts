import { PROGRESS_WINDOW_BYTES } from '@ogong/protocol/exchange/limits';
import { ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { createTestOrder } from '@ogong/testing/validator/test-reply';
import { countTexts, defineAttack } from '../define-attack.ts';
import { addProgress, openBilling, price, priceReply } from './billed-reply.ts';

export interface UnshownBill {
  readonly how: string;
  /** The payer delivered the record before its provider, without its signed progress. */
  readonly isPayerFirst: boolean;
  readonly verdict: string | undefined;
  readonly paidAtomic: bigint;
  /** Price of the prompt, of the text that its payer has signed for, and of one window of text. */
  readonly allowedAtomic: bigint;
  /** Price of prompt and answer. */
  readonly claimedAtomic: bigint;
}

const TOKENS = 40;
const TEXT = 'x'.repeat(8 * PROGRESS_WINDOW_BYTES);
const STANDBY = { demands: { standby: 1_000 } };

/** Signed progress of the payer: the provider delivers the one that pays it most. */
const WAYS: readonly { readonly how: string; readonly saidBytes: number | undefined; readonly demands?: object }[] = [
  { how: 'refused the order', saidBytes: undefined },
  { how: 'said nothing until its payer left', saidBytes: 0 },
  { how: 'fell silent behind the first words', saidBytes: 600 },
  { how: 'won a hedged race by its first byte', saidBytes: 1, ...STANDBY },
];

const PLAYS = WAYS.flatMap((way) => [false, true].map((isPayerFirst) => ({ ...way, isPayerFirst })));

/**
 * A provider takes an order, shows its payer nothing or little, and the payer buys the answer elsewhere. It makes the
 * reply all the same until the order expires, and bills the whole of it. Its payer may deliver the record first,
 * without its signed progress, to pay less than it has signed for.
 */
export const unshownBill = defineAttack({
  name: 'unshown-bill',
  adversary: 'provider that refuses an order, or delays it, and makes the reply anyway',
  aim: 'be paid for an answer that it showed nobody, while another one is paid for the answer',
  stoppedBy: 'A text is paid as far as its payer has signed for it, plus one window',
  restarts: ['validator', 'signer', 'verifier'],
  async play(_network, breaks) {
    const { validator, serve, audit } = await openBilling(breaks);
    const outcomes: Omit<UnshownBill, 'verdict' | 'paidAtomic'>[] = [];
    const entries: { readonly verdict: string; readonly feeAtomic: bigint }[] = [];
    for (const [index, { how, isPayerFirst, saidBytes, demands }] of PLAYS.entries()) {
      const order = createTestOrder({
        ...{ payer, ledger, provider, index, validator: validator.signer.address, tokens: TOKENS },
        ...{ epoch: validator.archive.latest().epoch, expiresAtMs: validator.clock.nowMs() + 120_000 },
        ...(demands && { demands }),
      });
      await validator.intake.admit(order);
      const reply = serve(validator.serve(order, { text: TEXT }));
      if (isPayerFirst) await validator.intake.pushRecord(reply.submission);
      const bend = { textBytes: saidBytes ?? 0, hasLeft: saidBytes !== 1 };
      await validator.intake.pushRecord(saidBytes === undefined ? reply.submission : addProgress(order, reply, bend));
      await audit();
      entries.push(...validator.decided.slice(entries.length));
      const { promptTokenCount, outputTokenCount } = reply.reply.header;
      const shown = Math.floor((outputTokenCount * ((saidBytes ?? 0) + PROGRESS_WINDOW_BYTES)) / TEXT.length);
      const { pricePer1kAtomic } = order.fields;
      outcomes.push({
        ...{ how, isPayerFirst },
        allowedAtomic: price(pricePer1kAtomic, promptTokenCount + shown),
        claimedAtomic: priceReply(reply),
      });
    }
    await validator.close();
    return outcomes.map((one, i) => ({
      ...one,
      verdict: entries[i]?.verdict,
      paidAtomic: entries[i]?.feeAtomic ?? 0n,
    }));
  },
  async stage({ play }) {
    const outcomes = await play();
    return {
      tried: `finished and billed ${outcomes.length} answers that another provider gave: ${[...new Set(outcomes.map(({ how }) => how))].join('; ')}; half of the payers delivered the record first, without their progress`,
      answered: countTexts(outcomes.map(({ verdict }) => verdict ?? 'no verdict')),
      money: outcomes
        .map(({ paidAtomic, claimedAtomic }) => `${paidAtomic} of ${claimedAtomic} atomic units are paid`)
        .join(', '),
      worked:
        outcomes.length !== 8 ||
        outcomes.some(
          ({ verdict, paidAtomic, allowedAtomic, claimedAtomic }) =>
            verdict !== 'accept' || paidAtomic !== allowedAtomic || claimedAtomic <= allowedAtomic,
        ),
    };
  },
});
