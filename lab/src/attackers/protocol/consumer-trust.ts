import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createSyntheticReceipt, type SyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';

export const NOTHING_PAID = 'none: nobody paid for the answer';

interface SoldReply extends Pick<SyntheticReceipt, 'receipt' | 'nowMs'> {
  readonly reply: Pick<SyntheticReceipt['reply'], 'request' | 'response'>;
}

/** Verifies a receipt as its consumer does and describes the checks. */
export async function describeReceipt({ receipt, reply: { request, response }, nowMs }: SoldReply, trust: Trust) {
  const { ok, checks } = await verifyReceipt(receipt, { crypto, request, response, trust, nowMs });
  const failed = checks.filter(({ status }) => status === 'fail');
  const missing = checks.filter(({ status }) => status === 'skip');
  return {
    ok,
    lines: [
      `${checks.length - failed.length - missing.length} of ${checks.length} checks of the receipt hold`,
      ...failed.map(({ id, detail }) => `${id} fails: ${detail}`),
      ...missing.map(({ id, detail }) => `${id} cannot be made: ${detail}`),
    ],
  };
}

/** Describes the receipts of one lie in several variants. The attack works if one of them is accepted. */
export async function describeReceipts<By extends string>(
  sold: readonly (readonly [By, SoldReply])[],
  trust: Trust,
): Promise<{ readonly answered: readonly string[]; readonly worked: boolean }> {
  const courses = await Promise.all(
    sold.map(async ([by, one]) => {
      const { ok, lines } = await describeReceipt(one, trust);
      return { ok, lines: lines.map((line) => `${by}: ${line}`) };
    }),
  );
  return { answered: courses.flatMap(({ lines }) => lines), worked: courses.some(({ ok }) => ok) };
}

const ledger: LedgerDomain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(5) };

/** The knowledge of a consumer about its network: the attacker lacks the keys of these parties. */
export const consumer = {
  ledger,
  /** A router of this network, in league with the attacker. */
  router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
  createTrust: (): Trust =>
    createSyntheticReceipt({
      ...{ crypto, tokens: 3, ledger, router: consumer.router },
      provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
      payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
    }).trust,
};
