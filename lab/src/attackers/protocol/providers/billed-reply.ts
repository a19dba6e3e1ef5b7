import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { submitWithProgress, type TestOrder, type TestReply } from '@ogong/testing/validator/test-reply';
import { type Breaks, openAttacked } from '../breaks.ts';

/** Returns the price of tokens, atomic units, rounded up. */
export const price = (per1kAtomic: bigint, tokens: number): bigint => (per1kAtomic * BigInt(tokens) + 999n) / 1_000n;

/** Returns the price of a reply's prompt and output. */
export const priceReply = ({ reply: { header, order } }: TestReply): bigint =>
  price(order.pricePer1kAtomic, header.promptTokenCount + header.outputTokenCount);

/** Adds the payer's signed progress to the record of a reply. */
export const addProgress = (order: TestOrder, reply: TestReply, bend: { textBytes: number; hasLeft?: boolean }) =>
  submitWithProgress(order, reply, { payer, ledger, bend });

/** Opens a validator with the provider of the replies and one honest verifier. */
export async function openBilling(breaks: Breaks) {
  const served = new Map<string, TestReply>();
  const validator = openAttacked(breaks, {
    audit: { honeypotPpm: 0 },
    verifiers: (peer, job) => answerHonestly(served)(peer, job),
    getOpening: async () => ([...served.values()].at(-1) as TestReply).reply.openingBytes,
  });
  await validator.announce(provider);
  await validator.announceVerifier('v1');
  return {
    validator,
    /** Makes a reply the one that provider and verifier know. */
    serve(reply: TestReply): TestReply {
      served.set(`${served.size}`, reply);
      return reply;
    },
    /** Audits all delivered replies. */
    async audit(): Promise<void> {
      await breaks.take();
      await validator.certify();
      await validator.runAudits();
    },
  };
}

export const describeVerdict = (entry: VerdictEntry | undefined): string =>
  `the verdict on the reply: ${entry?.verdict ?? 'none'}`;
