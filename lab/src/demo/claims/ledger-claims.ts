import { toHex } from '@ogong/protocol/base/bytes';
import { isQuorum } from '@ogong/protocol/crypto/quorum';
import { type FeeSplit, splitFee, splitVerification } from '@ogong/protocol/exchange/fee';
import { splitJudged } from '@ogong/protocol/settlement/cosigned-pot';
import { isBillable } from '@ogong/protocol/settlement/verdict-log';
import type { RunRecord, SettledLine, SettlementRecord } from '../run-record.ts';
import { answeredOf, entriesOf, type Finding, failuresOf, gainOf, judge, replyIdOf, sum } from './finding.ts';

export function checkRefunds(run: RunRecord): Finding {
  const problems: string[] = [];
  const entries = entriesOf(run);
  const unpaid = entries.filter(({ verdict }) => !isBillable(verdict));
  for (const { feeAtomic, replyId } of unpaid) {
    if (feeAtomic !== 0n) problems.push(`reply ${toHex(replyId).slice(0, 8)} was rejected and charged ${feeAtomic}`);
  }
  if (entries.length === 0) problems.push('no reply has a verdict');
  const payers = run.members.filter(({ role }) => role === 'payer');
  let owedInAll = 0n;
  for (const { name, address } of payers) {
    const own = entries.filter(({ payer }) => `0x${toHex(payer)}` === address);
    const owed = sum(own.map(({ feeAtomic }) => feeAtomic));
    const spent = gainOf(run, address, 'spentAtomic');
    if (spent !== owed) problems.push(`${name} was charged ${spent}, its accepted replies cost ${owed}`);
    owedInAll += owed;
  }
  for (const log of run.logs) {
    if (!log.isAnchored)
      problems.push(
        `the log of ${log.validator} does not end at the head on chain: ${failuresOf(log.checks).join('; ')}`,
      );
  }
  return judge(problems, [
    `${unpaid.length} of ${entries.length} replies with a verdict cost nothing`,
    `the others cost ${owedInAll} in all, and the channels paid the same`,
  ]);
}

export function checkHonest(run: RunRecord): Finding {
  const problems: string[] = [];
  const good: string[] = [];
  for (const { name, address, providerId } of run.members.filter(
    ({ role, isCheat }) => role === 'provider' && !isCheat,
  )) {
    if (run.ejections.some((ejection) => ejection.providerId === providerId)) problems.push(`${name} was ejected`);
    const judged = entriesOf(run).filter((entry) => toHex(entry.providerId) === providerId);
    const rejected = judged.filter(({ verdict }) => verdict === 'reject');
    if (rejected.length > 0) problems.push(`${rejected.length} replies of ${name} were rejected`);
    const lines = run.settlements.flatMap((settlement) => settlement.lines);
    const own = lines.filter(({ provider }) => provider === address);
    const expected = sum(own.map((line) => splitLine(run, line).provider));
    const verified = sum(run.settlements.map((settlement) => earnedByVerifying(run, settlement, address)));
    const credit = gainOf(run, address, 'creditAtomic');
    if (credit !== expected + verified)
      problems.push(`${name} was credited ${credit}, its lines leave it ${expected}, its verifiers ${verified}`);
    if (judged.some(({ feeAtomic }) => feeAtomic > 0n) && credit === 0n)
      problems.push(`${name} served and was not paid`);
    good.push(`${name}: ${judged.length} replies, ${credit} atomic units`);
  }
  if (good.length === 0) problems.push('there is no honest provider');
  if (!run.settlements.some(({ lines }) => lines.length > 0)) problems.push('no party was paid');
  return judge(problems, good);
}

const splitLine = ({ shares }: Pick<RunRecord, 'shares'>, { grossAtomic, fineAtomic }: SettledLine): FeeSplit =>
  splitFee(grossAtomic, shares, { fineAtomic });

/** Returns the share of a settlement for verification. */
const poolOf = ({ shares }: Pick<RunRecord, 'shares'>, { lines }: Pick<SettlementRecord, 'lines'>): bigint =>
  sum(lines.map((line) => splitLine({ shares }, line).verification));

/** Returns the part of that share for one payee. */
function earnedByVerifying(run: Pick<RunRecord, 'shares'>, settlement: SettlementRecord, address: string): bigint {
  const { tallies } = settlement;
  const { parts } = splitVerification(
    poolOf(run, settlement),
    tallies.map(({ credits }) => credits),
  );
  return sum(parts.filter((_, i) => tallies[i]?.payee === address));
}

export function checkQuorum(run: RunRecord): Finding {
  const problems: string[] = [];
  const good: string[] = [];
  for (const { validator, sequence, signers, totalBondAtomic, replies } of run.settlements) {
    const signed = sum(signers.map(({ bondAtomic }) => bondAtomic));
    const distinct = new Set(signers.map(({ address }) => address)).size === signers.length;
    const name = `batch ${sequence} of ${validator}`;
    if (!distinct) problems.push(`${name} counts a signer twice`);
    if (!isQuorum(signed, totalBondAtomic)) problems.push(`${name} carries ${signed} of ${totalBondAtomic} bonded`);
    const percent = totalBondAtomic === 0n ? 0 : Number((signed * 10_000n) / totalBondAtomic) / 100;
    good.push(
      `${name}: ${replies} replies, signed by ${signers.map((signer) => signer.name).join(', ')} with ${percent} % of the stake`,
    );
  }
  if (run.settlements.length === 0) problems.push('nothing was settled');
  return judge(problems, good);
}

export function checkConservation(run: RunRecord): Finding {
  const problems: string[] = [];
  const debited = sum(run.settlements.flatMap(({ debits }) => debits.map(({ amountAtomic }) => amountAtomic)));
  const shares = { provider: 0n, router: 0n, validator: 0n, verification: 0n, treasury: 0n, license: 0n, recycle: 0n };
  for (const { lines } of run.settlements) {
    for (const line of lines) {
      const split = splitLine(run, line);
      for (const name of Object.keys(shares) as (keyof typeof shares)[]) shares[name] += split[name];
    }
  }
  const shared = sum(Object.values(shares));
  if (debited === 0n) problems.push('nothing was debited');
  if (debited !== shared) problems.push(`debits of ${debited}, shares of ${shared}`);
  const { before, after } = run.books;
  const spent = sum(after.accounts.map(({ address }) => gainOf(run, address, 'spentAtomic')));
  if (spent !== debited) problems.push(`${spent} left the channels, the batches debit ${debited}`);
  const credited = sum(after.accounts.map(({ address }) => gainOf(run, address, 'creditAtomic')));
  if (credited !== debited) problems.push(`${credited} was credited, ${debited} debited`);
  for (const [when, books] of [
    ['before', before],
    ['after', after],
  ] as const) {
    const claims = sum(
      books.accounts.map(({ freeAtomic, reservedAtomic, creditAtomic }) => freeAtomic + reservedAtomic + creditAtomic),
    );
    if (claims !== books.escrowTokensAtomic)
      problems.push(`${when}: the escrow holds ${books.escrowTokensAtomic}, its accounts ${claims}`);
  }
  if (before.supplyAtomic !== after.supplyAtomic)
    problems.push(`the supply went from ${before.supplyAtomic} to ${after.supplyAtomic}`);
  const verified = sum(
    run.settlements.map((settlement) => {
      const credits = settlement.tallies.map((tally) => tally.credits);
      const pool = poolOf(run, settlement);
      return pool - splitVerification(pool, credits).rest;
    }),
  );
  const orphaned = sum(run.settlements.map((settlement) => orphanOf(run, settlement, problems)));
  const kept = { ...shares, verification: shares.verification - verified + orphaned };
  for (const { name, role, address } of run.members) {
    const expected = role === 'provider' || role === 'validator' || role === 'payer' ? undefined : kept[role];
    const credit = gainOf(run, address, 'creditAtomic');
    if (expected !== undefined && credit !== expected)
      problems.push(`${name} was credited ${credit}, its share is ${expected}`);
  }
  const parts = Object.entries(shares).map(([name, amount]) => `${name} ${amount}`);
  return judge(problems, [
    `${debited} debited = ${parts.join(' + ')}`,
    `${verified} of verification went to the verifiers`,
    `${orphaned} for co-signers of batches without a roster went to verification as well`,
    `the escrow holds exactly what its accounts may claim`,
  ]);
}

/** Returns the co-signers' part of a batch without a roster: it goes to the verification recipient. */
function orphanOf(run: RunRecord, settlement: SettlementRecord, problems: string[]): bigint {
  const { others } = splitJudged(sum(settlement.lines.map((line) => splitLine(run, line).validator)));
  const { cosignedAtomic, validator, sequence } = settlement;
  if (cosignedAtomic !== 0n && cosignedAtomic !== others) {
    problems.push(
      `batch ${sequence} of ${validator} leaves ${cosignedAtomic} to its co-signers, their part is ${others}`,
    );
  }
  return others - cosignedAtomic;
}

/** A batch that had its quorum before may be mined later. It holds no verdict of the time without a quorum. */
export function checkBelowQuorum(run: RunRecord): Finding {
  const { chaos } = run;
  if (!chaos) return { ok: false, evidence: ['no validator was killed'] };
  const problems: string[] = [];
  const { aliveBondAtomic, totalBondAtomic, firstBlock, lastBlock, killed, answered, downSinceMs } = chaos;
  if (isQuorum(aliveBondAtomic, totalBondAtomic))
    problems.push(`the validators left alive still are a quorum: ${aliveBondAtomic} of ${totalBondAtomic}`);
  if (lastBlock <= firstBlock) problems.push('no block passed while they were down');
  if (answered.length === 0) problems.push('nothing was served while they were down, so nothing could have settled');
  for (const settlement of run.settlements) {
    const { sequence, validator, blockNumber } = settlement;
    if (blockNumber > lastBlock) continue;
    const late = listSettled(run, settlement).filter(({ timeMs }) => timeMs > downSinceMs).length;
    if (late > 0)
      problems.push(`batch ${sequence} of ${validator} settled ${late} later verdicts in block ${blockNumber}`);
  }
  return judge(problems, [
    `${killed.join(' and ')} were down for blocks ${firstBlock} to ${lastBlock}; ${answered.length} replies were served, none settled`,
  ]);
}

/** Returns the entries that a batch settled. */
function listSettled({ logs, settlements }: RunRecord, { validator, sequence, logLength }: SettlementRecord) {
  const before = settlements.find((one) => one.validator === validator && one.sequence === sequence - 1n);
  const { entries = [] } = logs.find((log) => log.validator === validator) ?? {};
  return entries.slice(Number(before?.logLength ?? 0n), Number(logLength));
}

export function checkExactlyOnce(run: RunRecord): Finding {
  const problems: string[] = [];
  const count = new Map<string, number>();
  for (const { replyId } of entriesOf(run)) count.set(toHex(replyId), (count.get(toHex(replyId)) ?? 0) + 1);
  for (const [id, times] of count) if (times > 1) problems.push(`reply ${id.slice(0, 8)} was settled ${times} times`);
  for (const reply of answeredOf(run)) {
    const id = replyIdOf(reply) as string;
    if (!count.has(id)) problems.push(`answer ${reply.number} (${id.slice(0, 8)}) never settled`);
  }
  for (const { validator, isAnchored } of run.logs)
    if (!isAnchored) problems.push(`the log of ${validator} is not settled to its end`);
  const sequences = run.settlements.map(({ validator, sequence }) => `${validator} ${sequence}`);
  if (new Set(sequences).size !== sequences.length) problems.push('a sequence was settled twice');
  return judge(problems, [
    `${count.size} replies, each in one settled log entry; all ${answeredOf(run).length} answers among them`,
  ]);
}
