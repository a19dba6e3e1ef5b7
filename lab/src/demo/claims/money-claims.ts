import { MAX_ELASTICITY_PPM } from '@ogong/protocol/settlement/burn-mint';
import { computeEmissionClaim } from '@ogong/protocol/settlement/emission';
import type { MintRecord, MoneyRecord } from '../run-record.ts';
import { type Finding, judge, sum } from './finding.ts';

/** The largest part of the recycled fees that the emission pays. */
const LAMBDA_PERCENT = 90n;

/** The daemons' tallies equal those of the events, and a claim of one is paid once. */
export function checkEmission({ tallies, claimant, recycledAtomic }: MoneyRecord): Finding {
  const problems: string[] = [];
  if (tallies.length === 0) problems.push('the validators have tallied nothing');
  for (const { number, root, computedRoot, units, budgetAtomic, recycledAtomic: recycled, entries } of tallies) {
    if (root !== computedRoot) problems.push(`tally ${number} has the root ${root}, the events ${computedRoot}`);
    const owned = sum(entries.map((entry) => entry.units));
    if (owned !== units) problems.push(`tally ${number} has ${units} units, its accounts ${owned}`);
    if (budgetAtomic * 100n > recycled * LAMBDA_PERCENT)
      problems.push(`tally ${number} gives ${budgetAtomic} for ${recycled} recycled`);
  }
  const tallied = sum(tallies.map((tally) => tally.recycledAtomic));
  if (tallied !== recycledAtomic) problems.push(`${recycledAtomic} was recycled, the tallies have ${tallied}`);
  if (claimant === undefined) return judge([...problems, 'no provider could claim'], []);
  const { name, address, creditAtomic, claimedAtomic, refused } = claimant;
  const due = tallies.reduce((total, { entries, units, budgetAtomic: budget }) => {
    const own = entries.find(({ account }) => account === address);
    return own === undefined ? total : total + computeEmissionClaim({ budget, units }, own.units);
  }, 0n);
  if (due === 0n) problems.push(`${name} has no part of the emission`);
  if (claimedAtomic !== due + creditAtomic)
    problems.push(`${name} was paid ${claimedAtomic}, its part is ${due}, its credit ${creditAtomic}`);
  if (refused.more !== 'NotInTally') problems.push(`a claim of one unit more: ${refused.more}`);
  if (refused.again !== 'ClaimedAlready') problems.push(`a second claim: ${refused.again}`);
  const given = sum(tallies.map((tally) => tally.budgetAtomic));
  return judge(problems, [
    `the daemons tallied ${tallied} recycled units by themselves; they are worth ${given}`,
    `${name} claimed ${due} of it, and ${creditAtomic} of credit; one unit more is refused, and so is a second claim`,
  ]);
}

/** A payer withdraws its free escrow, to the unit. */
export function checkWithdrawal({
  withdrawal: { name, freeAtomic, withdrawnAtomic, more },
}: Pick<MoneyRecord, 'withdrawal'>): Finding {
  const problems: string[] = [];
  if (freeAtomic === 0n) problems.push(`${name} had nothing to withdraw`);
  if (withdrawnAtomic !== freeAtomic) problems.push(`${name} was paid ${withdrawnAtomic}, ${freeAtomic} were free`);
  if (more !== 'InsufficientFree') problems.push(`a withdrawal of one unit more: ${more}`);
  return judge(problems, [
    `${name} withdrew ${withdrawnAtomic}, all that it had not reserved; one unit more is refused`,
  ]);
}

const PPM = 1_000_000n;
const WHOLE = 10n ** 18n;

/** Daemons close an epoch at prices that they posted. It mints within its bound, and a claim of it is paid once. */
export function checkMint({ pricesPosted, epoch, claimant }: MintRecord): Finding {
  const problems: string[] = [];
  if (pricesPosted === 0) problems.push('no daemon posted a price');
  if (epoch === undefined) return judge([...problems, 'no daemon closed the epoch of the work'], []);
  const { number, dollars, burnedAtomic, mintedAtomic, highPrice } = epoch;
  if (mintedAtomic === 0n) problems.push(`epoch ${number} minted nothing for ${dollars}`);
  if (mintedAtomic * PPM > burnedAtomic * MAX_ELASTICITY_PPM)
    problems.push(`epoch ${number} minted ${mintedAtomic} for ${burnedAtomic} burned`);
  if (mintedAtomic * highPrice * PPM > dollars * WHOLE * MAX_ELASTICITY_PPM)
    problems.push(`epoch ${number} minted ${mintedAtomic} at ${highPrice} for ${dollars} dollars`);
  if (claimant === undefined) return judge([...problems, 'no provider could claim'], []);
  const { name, dollars: own, paidStable, leastStable, refused } = claimant;
  if (own === 0n) problems.push(`${name} had earned nothing`);
  if (paidStable === 0n || paidStable < leastStable)
    problems.push(`${name} was paid ${paidStable} of the stablecoin, at least ${leastStable} were due`);
  if (refused.again !== 'NothingToClaim') problems.push(`a second claim: ${refused.again}`);
  if (refused.early !== 'NotClosed') problems.push(`a claim of the present epoch: ${refused.early}`);
  return judge(problems, [
    `the daemons posted ${pricesPosted} prices by themselves and closed epoch ${number}: ${mintedAtomic} minted for ${burnedAtomic} burned`,
    `${name} was paid ${paidStable} units of the stablecoin for ${own} of work; a second claim is refused, and so is one of the present epoch`,
  ]);
}
