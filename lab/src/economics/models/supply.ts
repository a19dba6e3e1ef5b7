import { computeEmissionBudget, computeScheduled, EMISSION_TRANCHE_ATOMIC } from '@ogong/protocol/settlement/emission';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

const MONTH_S = 2_629_800n;
const YEAR = 12;
const unit = 10n ** 18n;
const CAP = 5_000_000_000;
const tokens = (atomic: bigint): number => Number(atomic / unit);

const vested = (months: number): number => 875e6 * Math.min(1, months / 36);

/** What circulates each month, if the emission gave all that its schedule allows, and what it may give by the wash bound. */
export function runSupply(): EconomicModel {
  const { list, say } = createFindings();
  const months = 40 * YEAR;
  const schedule: number[] = [];
  const bounded: number[] = [];
  let allotted = 0n;
  let recycledSum = 0n;
  for (let month = 0; month <= months; month++) {
    const scheduled = computeScheduled(BigInt(month) * MONTH_S);
    schedule.push(125e6 + vested(month) + tokens(scheduled));
    // Fees that double every year from a million a month, up to what circulates.
    const circulating = 125e6 + vested(month) - tokens(recycledSum) + tokens(allotted);
    const fees = Math.min(1e6 * 2 ** (month / YEAR), circulating);
    const recycledAtomic = BigInt(Math.round(fees * 0.01)) * unit;
    const leftAtomic = scheduled - allotted;
    allotted += computeEmissionBudget({ recycledAtomic, units: recycledAtomic, leftAtomic, lambdaPpm: 900_000n });
    recycledSum += recycledAtomic;
    bounded.push(125e6 + vested(month) - tokens(recycledSum) + tokens(allotted));
  }
  const rises = schedule.every((value, i) => i === 0 || value >= (schedule[i - 1] as number));
  say(
    'Genesis and tranche sum to the cap',
    125e6 + 875e6 + tokens(EMISSION_TRANCHE_ATOMIC) === CAP,
    '1,000 M and 4,000 M',
  );
  say(
    'The schedule alone: the float opens at 2.5 % of the cap, rises, and stays below it',
    rises && Math.max(...schedule) < CAP && schedule[0] === 125e6,
    `opens at ${percent(125e6 / CAP)}, ${percent((schedule[20 * YEAR] as number) / CAP)} after 20 years`,
  );
  const atTwenty = tokens(computeScheduled(20n * 12n * MONTH_S)) / 4e9;
  say(
    'The schedule would give about 97 % of the tranche within 20 years',
    atTwenty > 0.96 && atTwenty < 0.98,
    percent(atTwenty),
  );
  const peak = Math.max(...bounded);
  say(
    'Within the wash bound the emission never gives more than was recycled, so that no more than genesis ever circulates',
    allotted < recycledSum && peak <= 1e9,
    `${round(tokens(allotted) / 1e6)} M given, ${round(tokens(recycledSum) / 1e6)} M recycled in 40 years; the most that circulates is ${round(peak / 1e6, 4)} M`,
  );
  const needed = tokens(computeScheduled(12n * MONTH_S)) / 0.9 / 0.01 / 1e9;
  say(
    'So "97 % within 20 years" and "nobody gains by paying itself" exclude each other',
    needed > 50,
    `the schedule's first year needs fees of ${round(needed)} billion tokens, where one billion circulates at most`,
  );
  // Regime A of the whitepaper: a part of each fee is burned under a fixed cap. Regime A*: nothing is.
  let burning = 1e9;
  for (let year = 0; year < 200; year++) burning -= Math.min(burning, burning * 0.05 * 1.02 ** year);
  say(
    'Regime A (burn with growing use): supply goes to zero. Regime A* (no burn): to the cap',
    burning < 1 && CAP - (schedule.at(-1) as number) < 0.01 * CAP,
    `${round(burning)} left after 200 years of burning; ${percent((schedule.at(-1) as number) / CAP)} of the cap after 40 years without`,
  );
  const points = schedule.flatMap((value, month) =>
    month % 6 === 0
      ? [
          { x: month / YEAR, y: value / 1e6, curve: 'if the schedule were given in full' },
          { x: month / YEAR, y: (bounded[month] as number) / 1e6, curve: 'within the wash bound' },
        ]
      : [],
  );
  return {
    id: 'supply',
    title: 'Supply, month by month',
    summary:
      'Vesting and halvings, by the functions that the contract is held against (`emission.ts`), with fees that double every year.',
    findings: list,
    curves: {
      ...{ name: 'supply', title: 'Tokens that circulate', xTitle: 'years', yTitle: 'millions' },
      caption:
        'The halving schedule is a ceiling; what keeps people from paying themselves keeps the supply from growing.',
      points,
    },
  };
}
