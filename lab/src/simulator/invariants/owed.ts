import type { BytesLike } from '@ogong/chain/hex';
import type { SettleCall } from '@ogong/chain/settlement/settle-call';
import { toHex } from '@ogong/protocol/base/bytes';
import { type FeeShares, splitFee, splitVerification } from '@ogong/protocol/exchange/fee';
import { splitJudged } from '@ogong/protocol/settlement/cosigned-pot';
import { isPayable, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';

const nameOf = (value: BytesLike): string => (typeof value === 'string' ? value.slice(2) : toHex(value));
const add = (map: Map<string, bigint>, name: string, amount: bigint): void =>
  void map.set(name, (map.get(name) ?? 0n) + amount);

/** The entries of a batch. A paid entry is not void, and the batch draws from its payer. */
export interface BatchLog {
  readonly entries: readonly VerdictEntry[];
  readonly isPaid: (entry: VerdictEntry) => boolean;
  /** Debts of keys in the log, by provider. They are advanced by the entries. */
  readonly debts: Map<string, bigint>;
}

/** The earner of fees that pay a debt. */
const BURNT = { provider: '00'.repeat(32), payee: `${'00'.repeat(18)}dead` };

/**
 * Compares the payments of a batch with its entries, without the product's own sums. It adds up lines by provider, payee and router,
 * fines by provider, and tallies by payee.
 * @returns the first differences; empty if there are none.
 */
export function findUnpaid({ lines, tallies }: Pick<SettleCall, 'lines' | 'tallies'>, log: BatchLog): string[] {
  const [earned, grossOf, finesOf] = [new Map<string, bigint>(), new Map<string, bigint>(), new Map<string, bigint>()];
  const done = new Map<string, { credits: bigint; refuted: number; silent: number }>();
  for (const entry of log.entries) {
    const isAbandoned = entry.verdict === 'abandoned';
    const fined = toHex(findFined(entry));
    if (isAbandoned) add(finesOf, fined, entry.fineAtomic);
    for (const { provider, payee, amount } of splitAmong(entry)) {
      const debt = log.debts.get(provider) ?? 0n;
      if (log.isPaid(entry)) {
        const earner = debt > 0n ? BURNT : { provider, payee };
        add(earned, `${earner.provider} for ${earner.payee} by ${toHex(entry.router)}`, amount);
        add(grossOf, earner.provider, amount);
      }
      log.debts.set(provider, debt - least(debt, amount));
    }
    if (!isAbandoned) add(log.debts, fined, entry.fineAtomic);
    for (const mark of entry.verifiers) {
      if (!isPayable(mark.payee)) continue;
      const tally = done.get(toHex(mark.payee)) ?? { credits: 0n, refuted: 0, silent: 0 };
      if (mark.outcome === 'credited') tally.credits += BigInt(mark.tokens);
      if (mark.outcome === 'refuted') tally.refuted++;
      if (mark.outcome === 'silent') tally.silent++;
      done.set(toHex(mark.payee), tally);
    }
  }
  const [paid, fined] = [new Map<string, bigint>(), new Map<string, bigint>()];
  for (const { providerId, payee, router, gross, fine = 0n } of lines) {
    add(paid, `${nameOf(providerId)} for ${nameOf(payee)} by ${nameOf(router)}`, gross);
    add(fined, nameOf(providerId), fine);
  }
  const wrong = differ(earned, paid).map(({ name, due, is }) => `${is} paid, ${due} earned by ${name}`);
  // A provider pays at most its earnings of this batch as fines.
  const due = new Map([...finesOf].map(([name, fine]) => [name, least(fine, grossOf.get(name) ?? 0n)] as const));
  for (const one of differ(due, fined)) wrong.push(`${one.is} taken as fines, ${one.due} due of ${one.name}`);
  const told = new Map(tallies.map((tally) => [nameOf(tally.payee), tally]));
  for (const payee of new Set([...done.keys(), ...told.keys()])) {
    const { credits, refuted, silent } = done.get(payee) ?? { credits: 0n, refuted: 0, silent: 0 };
    const tally = told.get(payee) ?? { credits: 0, refuted: 0 };
    if (BigInt(tally.credits) !== credits) wrong.push(`${tally.credits} credits, ${credits} due to ${payee}`);
    // Some silence is free, by the log before.
    const isWithin = tally.refuted >= refuted && tally.refuted <= refuted + silent;
    if (!isWithin) wrong.push(`${tally.refuted} marks, ${refuted} due to ${payee}, and ${silent} for silence`);
  }
  return wrong;
}

/** The key that a fine of an entry is for: the culprit's, or else the provider's. */
const findFined = ({ shards, culprit, providerId }: VerdictEntry): Uint8Array =>
  (culprit === undefined ? undefined : shards[culprit]?.providerId) ?? providerId;

/** Splits a fee among the shards of a cohort by their prices, rounded down. The last one has the rest. */
function splitAmong({ providerId, payee, feeAtomic, shards }: VerdictEntry) {
  if (shards.length === 0) return [{ provider: toHex(providerId), payee: toHex(payee), amount: feeAtomic }];
  const prices = shards.reduce((sum, { pricePer1kAtomic }) => sum + pricePer1kAtomic, 0n);
  let left = feeAtomic;
  return shards.map((shard, i) => {
    const isLast = i === shards.length - 1;
    const amount = isLast ? left : prices === 0n ? 0n : (feeAtomic * shard.pricePer1kAtomic) / prices;
    left -= amount;
    return { provider: toHex(shard.providerId), payee: toHex(shard.payee), amount };
  });
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

function differ(due: ReadonlyMap<string, bigint>, is: ReadonlyMap<string, bigint>) {
  const names = new Set([...due.keys(), ...is.keys()]);
  const all = [...names].map((name) => ({ name, due: due.get(name) ?? 0n, is: is.get(name) ?? 0n }));
  return all.filter((one) => one.due !== one.is);
}

/** Sums the credits of all batches by the shares of the fee rule. The co-signers' part is not paid, because a run has no roster. */
export function sumCredits(calls: readonly SettleCall[], shares: FeeShares): ReadonlyMap<string, bigint> {
  const credits = new Map<string, bigint>();
  for (const { batch, lines, tallies } of calls) {
    let [pool, judged] = [0n, 0n];
    for (const { payee, router, gross, fine = 0n } of lines) {
      const routed = !/^0*$/.test(nameOf(router));
      const parts = splitFee(gross, shares, { routed, fineAtomic: fine });
      add(credits, nameOf(payee), parts.provider);
      if (routed) add(credits, nameOf(router), parts.router);
      pool += parts.verification;
      judged += parts.validator;
    }
    const { parts } = splitVerification(
      pool,
      tallies.map((tally) => tally.credits),
    );
    for (const [i, part] of parts.entries()) add(credits, nameOf((tallies[i] as (typeof tallies)[number]).payee), part);
    add(credits, nameOf(batch.validator), splitJudged(judged).handler);
  }
  return credits;
}
