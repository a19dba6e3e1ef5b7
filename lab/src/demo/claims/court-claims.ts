import { isDeepStrictEqual } from 'node:util';
import type { Books, SlashRecord, SplitRecord } from '../run-record.ts';
import { type Finding, failuresOf, judge, sum } from './finding.ts';

/** A case takes a tenth of the bond; a quarter of that is the reporter's. */
const TAKEN_OF_BOND = 10n;
const REPORTER_OF_TAKEN = 4n;

/** The validator that lied loses the amount that the rules name, once. */
export function checkSlash(slash: SlashRecord): Finding {
  const { accused, signers, checks, heldAtomic, answers, before, after, replyId } = slash;
  const problems = failuresOf(checks);
  if (checks.length === 0) problems.push('no validator checked the evidence');
  if (signers.includes(accused)) problems.push(`${accused} signed its own conviction`);
  if (answers.alone !== 'NoQuorum') problems.push(`the lie under one signature: ${answers.alone}`);
  if (answers.convicted !== 'taken') problems.push(`the conviction: ${answers.convicted}`);
  if (answers.again !== 'ConvictedAlready') problems.push(`a second conviction: ${answers.again}`);
  if (answers.closed !== 'taken') problems.push(`the end of the case: ${answers.closed}`);
  const taken = before.bondAtomic - after.bondAtomic;
  if (heldAtomic === 0n || heldAtomic !== before.bondAtomic / TAKEN_OF_BOND)
    problems.push(`the case took ${heldAtomic} of a bond of ${before.bondAtomic}`);
  if (taken !== heldAtomic) problems.push(`the bond lost ${taken}, the case has ${heldAtomic}`);
  const toReporter = after.reporterAtomic - before.reporterAtomic;
  const toTreasury = after.treasuryAtomic - before.treasuryAtomic;
  if (toReporter !== heldAtomic / REPORTER_OF_TAKEN) problems.push(`the reporter had ${toReporter} of ${heldAtomic}`);
  if (toReporter + toTreasury !== heldAtomic)
    problems.push(`reporter and treasury had ${toReporter + toTreasury} of ${heldAtomic}`);
  return judge(problems, [
    `${accused} signed that the honest reply ${replyId.slice(0, 8)} is forged; the contract refuses its signature alone`,
    `${signers.join(', ')} checked the receipt and convicted ${accused}, which lost ${taken} of its bond of ${before.bondAtomic}`,
    `${toReporter} of that went to the reporter and ${toTreasury} to the treasury; a second conviction today is refused`,
  ]);
}

/** The contract refuses a batch that does not balance, under the signatures of all validators, and no balance changes. */
export function checkSplit({ feeAtomic, shards, answers, before, after }: SplitRecord): Finding {
  const problems: string[] = [];
  const due = sum(shards.map(({ amountAtomic }) => amountAtomic));
  const asked = sum(shards.map(({ askedAtomic }) => askedAtomic));
  if (due !== feeAtomic) problems.push(`the shards are due ${due} of a fee of ${feeAtomic}`);
  if (asked !== feeAtomic + 1n) problems.push(`the batch pays ${asked} for a fee of ${feeAtomic}`);
  if (answers.builder !== 'malformed') problems.push(`the builder of batches answered: ${answers.builder}`);
  if (answers.refused !== 'Unbalanced') problems.push(`the contract answered: ${answers.refused}`);
  if (answers.conserving !== 'taken') problems.push(`the same batch without the unit: ${answers.conserving}`);
  problems.push(...listMoves(before, after));
  const greedy = shards.find(({ amountAtomic, askedAtomic }) => amountAtomic !== askedAtomic);
  return judge(problems, [
    `${shards.map(({ name, amountAtomic }) => `${name} ${amountAtomic}`).join(', ')} sum to the fee of ${feeAtomic}`,
    `with ${greedy?.askedAtomic} in the line of ${greedy?.name} the batch is refused under every validator's signature (${answers.refused}), and no balance changed`,
  ]);
}

function listMoves(before: Books, after: Books): string[] {
  const total = before.escrowTokensAtomic === after.escrowTokensAtomic ? [] : ['the escrow holds another sum'];
  const moved = before.accounts.flatMap((account, i) => {
    const now = { ...after.accounts[i], heldAtomic: account.heldAtomic };
    return isDeepStrictEqual(now, account) ? [] : [`a balance of ${account.address} changed`];
  });
  return before.accounts.length === 0 ? ['no account was compared'] : [...total, ...moved];
}
