import type { DemoClaim } from '../claims/claims.ts';
import { type Finding, failuresOf, judge } from '../claims/finding.ts';
import { formatOgong, shorten } from '../format.ts';
import type { HubRecord, PinnedRecord, PinsRecord, PoisonedRecord, ServedRecord } from './hub-record.ts';

/** Shown characters of a text. */
const SHOWN = 90;

/** Evaluates the claims about the hub from the record alone. */
export function evaluateHubClaims({ served, poisoned, pins }: HubRecord): DemoClaim[] {
  return [
    {
      id: 'hub-served',
      statement:
        'a request for a pushed model is refused; then a provider fetches the model by its name, and its answer is verified and paid',
      ...checkServed(served),
    },
    {
      id: 'hub-poisoned',
      statement:
        'a mirror that changes a byte in each block is refused; another one is asked, and the file has the signed root',
      ...checkPoisoned(poisoned),
    },
    {
      id: 'hub-pins',
      statement:
        'a storage provider that drops blocks is not paid for the epoch, and its payer gets the fee back; the honest one is paid',
      ...checkPins(pins),
    },
  ];
}

function checkServed(record: ServedRecord): Finding {
  const { name, sources, namedModels, askedBefore, refusal, reply, paidAtomic } = record;
  const problems: string[] = [];
  if (!sources.some((source) => source.startsWith('hub:'))) problems.push(`the entry of ${name} names no manifest`);
  if (namedModels !== 0) problems.push(`flags of the daemons name ${namedModels} models`);
  if (askedBefore !== 0)
    problems.push(`the maker's place had ${askedBefore} requests before somebody wanted the model`);
  if (refusal === undefined) problems.push('the first request was served');
  else if (!/the demand is noted/.test(refusal)) problems.push(`the first request was refused otherwise: ${refusal}`);
  if ('error' in reply) return judge([...problems, reply.error], []);
  const { provider, text, durationMs, checks, end } = reply;
  problems.push(...failuresOf(checks));
  if (text === '') problems.push('the answer is empty');
  if (end === undefined) return judge([...problems, 'the reply was not settled'], []);
  const { verdict, verifiers, feeAtomic } = end;
  if (verdict !== 'accept') problems.push(`the verdict is ${verdict}`);
  if (verifiers.length === 0 || verifiers.includes(provider))
    problems.push(`verified by ${verifiers.join(', ') || 'nobody'}`);
  if (feeAtomic === 0n || paidAtomic !== feeAtomic)
    problems.push(`${provider} was paid ${paidAtomic}, the fee is ${feeAtomic}`);
  return judge(problems, [
    `${name} is on the chain as ${sources.join(' and ')}; no daemon has a flag with its name`,
    `the first request: ${shorten(refusal ?? '', 2 * SHOWN)}`,
    `${provider} fetched it and answered in ${Math.round(durationMs)} ms: "${shorten(text, SHOWN)}"`,
    `verified by the verifier of ${verifiers.join(', ')}, which had fetched it too; a fee of ${formatOgong(feeAtomic)} OGONG was settled`,
  ]);
}

function checkPoisoned(record: PoisonedRecord): Finding {
  const { name, blocks, poisonedUrl, honestUrl, changedPieces, honestRequests } = record;
  const { dropped, signedRoot, fileRoot } = record;
  const problems: string[] = [];
  if (changedPieces === 0) problems.push('the poisoned mirror sent no wrong byte');
  if (honestRequests === 0) problems.push('the honest mirror was not asked');
  const isRefused = dropped.some(({ source, reason }) => source === poisonedUrl && reason === 'wrong-block');
  if (!isRefused) problems.push(`no block of ${poisonedUrl} was refused`);
  if (dropped.some(({ source }) => source === honestUrl)) problems.push(`${honestUrl} was dropped, too`);
  if (fileRoot !== signedRoot) problems.push(`the file has the root ${fileRoot}, the maker signed ${signedRoot}`);
  return judge(problems, [
    `${name} has ${blocks} blocks; ${poisonedUrl} sent ${changedPieces} pieces with another byte, and is asked no more`,
    `${honestUrl} answered ${honestRequests} requests; the file has the root ${signedRoot} of the maker's manifest`,
  ]);
}

function checkPins(record: PinsRecord): Finding {
  const { blocks, droppedBlocks, feeAtomic, epochs, honest, cheat, outcome, spentAtomic, returnedAtomic } = record;
  const problems = [
    ...listPinProblems(honest, { proven: epochs, missed: 0, paidAtomic: feeAtomic * BigInt(epochs) }),
    ...listPinProblems(cheat, { proven: epochs - 1, missed: 1, paidAtomic: feeAtomic * BigInt(epochs - 1) }),
  ];
  if (droppedBlocks === 0) problems.push(`${cheat.name} dropped nothing`);
  if (outcome !== 'BadProof') problems.push(`a proof of ${cheat.name} with chunks of the epoch before: ${outcome}`);
  if (feeAtomic === 0n || returnedAtomic !== feeAtomic)
    problems.push(`the payer got ${returnedAtomic} back, the fee is ${feeAtomic}`);
  const paidAtomic = honest.paidAtomic + cheat.paidAtomic;
  if (spentAtomic !== paidAtomic) problems.push(`the payer spent ${spentAtomic}, the providers have ${paidAtomic}`);
  return judge(problems, [
    `a file of ${blocks} blocks, ${epochs} epochs, ${formatOgong(feeAtomic)} OGONG for each epoch and provider`,
    `${honest.name} proved ${honest.proven} epochs and has ${formatOgong(honest.paidAtomic)} OGONG`,
    `${cheat.name} dropped ${droppedBlocks} blocks after the first epoch, and showed its chunks of that epoch again: ${outcome}`,
    `${cheat.name} has ${formatOgong(cheat.paidAtomic)} OGONG; the fee of the missed epoch went back to the payer`,
  ]);
}

function listPinProblems(
  { name, proven, missed, paidAtomic }: PinnedRecord,
  expected: Omit<PinnedRecord, 'name'>,
): string[] {
  return [
    ...(proven === expected.proven ? [] : [`${name} proved ${proven} epochs, ${expected.proven} are right`]),
    ...(missed === expected.missed ? [] : [`${name} missed ${missed} epochs, ${expected.missed} are right`]),
    ...(paidAtomic === expected.paidAtomic ? [] : [`${name} was paid ${paidAtomic}, ${expected.paidAtomic} are due`]),
  ];
}
