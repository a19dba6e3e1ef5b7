import { computeEmissionBudget, computeScheduled, EMISSION_TRANCHE_ATOMIC } from '@ogong/protocol/settlement/emission';
import {
  buyFromLaunch,
  computeLaunchPayment,
  computeLaunchPrice,
  LAUNCH_TRANCHE_ATOMIC,
  type LaunchState,
} from '@ogong/protocol/settlement/launch-curve';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

const MONTH_S = 2_629_800n;
const YEAR = 12;
const unit = 10n ** 18n;
const CAP = 5_000_000_000;
const tokens = (atomic: bigint): number => Number(atomic / unit);

const LISTING = 25e6;
/** A million dollars of six decimals: the first token of the launch costs a cent. */
const LAUNCH: LaunchState = { virtualReserve: 10n ** 12n, reserve: 0n, left: LAUNCH_TRANCHE_ATOMIC };
/** Months in which buyers pay as much as the virtual reserve, evenly: then half is sold. */
const HALF_MONTHS = 60;

/** The curve each month, the first one before anybody has bought. */
function runLaunch(months: number): readonly LaunchState[] {
  const states = [LAUNCH];
  for (let month = 1; month <= months; month++) {
    states.push(buyFromLaunch(states[month - 1] as LaunchState, LAUNCH.virtualReserve / BigInt(HALF_MONTHS)));
  }
  return states;
}

const vested = (months: number): number => 875e6 * Math.min(1, months / 36);

/** Computes the circulating tokens of each month, for the full emission schedule and within the wash bound. */
export function runSupply(): EconomicModel {
  const { list, say } = createFindings();
  const months = 40 * YEAR;
  const schedule: number[] = [];
  const bounded: number[] = [];
  const launch = runLaunch(months);
  const heldAt = (month: number): number => tokens((launch[month] as LaunchState).left);
  /** Of the liquidity: the listing reserve, and what the curve has sold. */
  const floatAt = (month: number): number => LISTING + tokens(LAUNCH_TRANCHE_ATOMIC) - heldAt(month);
  let allotted = 0n;
  let recycledSum = 0n;
  for (let month = 0; month <= months; month++) {
    const scheduled = computeScheduled(BigInt(month) * MONTH_S);
    schedule.push(floatAt(month) + vested(month) + tokens(scheduled));
    // Fees that double every year from a million a month, up to what circulates.
    const circulating = floatAt(month) + vested(month) - tokens(recycledSum) + tokens(allotted);
    const fees = Math.min(1e6 * 2 ** (month / YEAR), circulating);
    const recycledAtomic = BigInt(Math.round(fees * 0.01)) * unit;
    const leftAtomic = scheduled - allotted;
    allotted += computeEmissionBudget({ recycledAtomic, units: recycledAtomic, leftAtomic, lambdaPpm: 900_000n });
    recycledSum += recycledAtomic;
    bounded.push(floatAt(month) + vested(month) - tokens(recycledSum) + tokens(allotted));
  }
  const rises = schedule.every((value, i) => i === 0 || value >= (schedule[i - 1] as number));
  say(
    'Genesis and tranche sum to the cap',
    125e6 + 875e6 + tokens(EMISSION_TRANCHE_ATOMIC) === CAP,
    '1,000 M and 4,000 M',
  );
  say(
    'The schedule alone: the float opens at the listing reserve, with 2 % of the cap for sale beside it, rises, and stays below the cap',
    rises && Math.max(...schedule) < CAP && schedule[0] === LISTING,
    `opens at ${percent(LISTING / CAP)}, ${percent((schedule[20 * YEAR] as number) / CAP)} after 20 years`,
  );
  const product = ({ virtualReserve, reserve, left }: LaunchState): bigint => (virtualReserve + reserve) * left;
  const priceAt = (month: number): number => Number(computeLaunchPrice(launch[month] as LaunchState)) / 1e24;
  const heldMillions = (years: number): string => `${round(heldAt(years * YEAR) / 1e6)} M`;
  say(
    'The launch curve holds all unsold tokens, in every month, and its reserve is at least the price that the curve asks for the rest',
    launch.every((one) => product(one) >= product(LAUNCH)) && Math.abs(heldAt(HALF_MONTHS) - 50e6) < 1,
    `it opens at $${round(priceAt(0))} and is paid a million dollars each five years. It holds ${[1, 5, 10, 20, 40].map(heldMillions).join(', ')} after 1, 5, 10, 20 and 40 years, at $${[1, 5, 10, 20, 40].map((years) => round(priceAt(years * YEAR))).join(', $')}`,
  );
  const end = launch.at(-1) as LaunchState;
  say(
    'Sellers to the curve, with any tokens, take at most the money that buyers paid',
    launch.every((one) => computeLaunchPayment(one, LAUNCH_TRANCHE_ATOMIC - one.left) <= one.reserve),
    `all of ${round(tokens(LAUNCH_TRANCHE_ATOMIC - end.left) / 1e6)} M back: $${round(Number(computeLaunchPayment(end, LAUNCH_TRANCHE_ATOMIC - end.left)) / 1e12)} M of $${round(Number(end.reserve) / 1e12)} M`,
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
      'Launch, vesting and halvings, by functions that tests compare with the contracts (`launch-curve.ts`, `emission.ts`), with fees that double every year.',
    findings: list,
    curves: {
      ...{ name: 'supply', title: 'Tokens that circulate', xTitle: 'years', yTitle: 'millions' },
      caption:
        'The halving schedule is a ceiling. The bound against paying oneself also keeps the supply from growing.',
      points,
    },
  };
}
