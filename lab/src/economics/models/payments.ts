import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { createFindings, type EconomicModel, percent } from '../finding.ts';

interface Outcome {
  readonly served: number;
  readonly unpaid: number;
  /** Largest reserved part of the deposit. */
  readonly mostReserved: number;
}

/** A payer with one deposit orders from many providers at once, more than it can pay. */
function attack(random: () => number, admits: boolean): Outcome {
  const deposit = 100;
  let reserved = 0;
  let mostReserved = 0;
  const claims: number[] = [];
  const orders = Array.from({ length: 40 }, () => 1 + Math.floor(random() * 20));
  // Orders race: each provider sees the chain before any claim has reached it.
  for (const fee of orders) {
    if (admits && reserved + fee > deposit) continue;
    reserved += fee;
    mostReserved = Math.max(mostReserved, reserved / deposit);
    claims.push(fee);
  }
  claims.sort(() => random() - 0.5);
  let left = deposit;
  let unpaid = 0;
  for (const fee of claims) {
    if (fee > left) unpaid++;
    else left -= fee;
  }
  return { served: claims.length, unpaid, mostReserved };
}

export function runPayments(): EconomicModel {
  const { list, say } = createFindings();
  const random = createSeededRandom(5);
  const play = (admits: boolean): Outcome[] => Array.from({ length: 2_000 }, () => attack(random, admits));
  const part = (outcomes: readonly Outcome[]): number =>
    outcomes.reduce((sum, { unpaid }) => sum + unpaid, 0) / outcomes.reduce((sum, { served }) => sum + served, 0);
  const admitted = play(true);
  const naive = play(false);
  say(
    'With admission every provider that served is paid, and never more is reserved than was deposited',
    part(admitted) === 0 && admitted.every(({ mostReserved }) => mostReserved <= 1),
    `${percent(part(admitted))} unpaid in 2,000 attacks of 40 orders`,
  );
  say('Broken twin: by signatures alone most are not paid', part(naive) > 0.5, `${percent(part(naive))} unpaid`);
  return {
    id: 'payments',
    title: 'Double spending',
    summary:
      'One deposit, forty orders at once for four times as much. With admission, a validator reserves each order first. The contracts are held to it by invariants (`Conservation.t.sol`).',
    findings: list,
  };
}
