import type { Check } from '@ogong/protocol/base/checks';
import { ATTESTED_ROLES, rolePart } from '@ogong/protocol/tier/attested-role';
import type { DemoClaim } from '../claims/claims.ts';
import { failuresOf, judge } from '../claims/finding.ts';
import { MACHINES } from './tee-network.ts';

/** A request of the run, its result, and the checks of its receipt. */
export interface TeeAnswer {
  readonly number: number;
  readonly tier: string;
  /** The only provider that the request names; undefined if any may serve. */
  readonly only: string | undefined;
  readonly hasLapsed: boolean;
  /** It demanded an attested router and validator. */
  readonly demandsRoles: boolean;
  /** Name of the provider that served; undefined without an answer. */
  readonly provider: string | undefined;
  readonly error: string | undefined;
  /** Of the full receipt, under the network's policy for machines. */
  readonly checks: readonly Check[];
  /** Of its machine, under a policy without attesters in software. */
  readonly strict: readonly Check[];
  /** Of router and validator, under such a policy. */
  readonly strictRoles: readonly Check[];
  /** Of its machine, with the attestation of another reply in its place. */
  readonly swapped: readonly Check[];
  /** Of the validator's log. */
  readonly verdict: string | undefined;
}

export interface TeeRun {
  readonly answers: readonly TeeAnswer[];
  /** Machines in the registry on the chain before the first request. */
  readonly entered: readonly string[];
  /** Checks of each machine's evidence for a fresh nonce: before the first request, and after the lapse. */
  readonly machines: readonly {
    readonly name: string;
    readonly hasLapsed: boolean;
    readonly checks: readonly Check[];
  }[];
}

const idsOf = (checks: readonly Check[], status: Check['status']): string[] =>
  checks.filter((check) => check.status === status).map(({ id }) => id);

/** Evaluates every claim from the record alone. */
export function evaluateTeeClaims(run: TeeRun): DemoClaim[] {
  const served = run.answers.filter(({ provider }) => provider !== undefined);
  const ofTee = served.filter(({ tier }) => tier === 'tee');
  return [
    {
      id: 'beside',
      statement: 'machines serve beside other providers, and every receipt passes',
      ...beside(run, served),
    },
    { id: 'no-hardware', statement: 'a policy for production takes none of these machines', ...noHardware(ofTee) },
    { id: 'own-evidence', statement: 'the evidence of one reply proves no other', ...ownEvidence(ofTee) },
    { id: 'unknown', statement: 'a machine that the policy does not name gets no request', ...unknown(run, served) },
    {
      id: 'registry',
      statement: 'a quorum enters in the registry the machines that the policy names, and no other',
      ...registry(run),
    },
    { id: 'lapse', statement: 'a machine that changes gets no more requests', ...lapse(run, served) },
    {
      id: 'roles',
      statement: 'a request that demands an attested router and validator gets them, and the receipt proves it',
      ...roles(run),
    },
    {
      id: 'audited',
      statement: 'answers of machines are settled without an audit, since nobody else may read them',
      ...audited(served),
    },
  ];
}

function beside({ answers }: TeeRun, served: readonly TeeAnswer[]) {
  const problems = answers.flatMap(({ number, only, provider, error, checks, tier }) => [
    ...(only === undefined && provider === undefined ? [`request ${number} was not answered: ${error}`] : []),
    ...failuresOf(checks).map((failure) => `answer ${number}: ${failure}`),
    ...idsOf(checks, 'skip').map((id) => `answer ${number}: ${id} was skipped`),
    ...(tier === 'tee' && provider !== undefined && !idsOf(checks, 'pass').includes('machine')
      ? [`answer ${number}: nothing was found about its machine`]
      : []),
  ]);
  const tiers = [...new Set(served.map(({ tier }) => tier))].sort();
  if (tiers.join() !== 'tee,verified') problems.push(`answers came of ${tiers.join() || 'no tier'} alone`);
  return judge(
    problems,
    tiers.map((tier) => `${tier}: ${served.filter((each) => each.tier === tier).length} answers`),
  );
}

function noHardware(answers: readonly TeeAnswer[]) {
  const taken = answers.filter(({ strict }) => !idsOf(strict, 'fail').includes('cpu-vendor'));
  const problems = taken.map(({ number }) => `answer ${number}: cpu-vendor does not fail`);
  if (answers.length === 0) problems.push('no machine answered');
  return judge(problems, [`cpu-vendor fails in ${answers.length} receipts where no attester in software is named`]);
}

function ownEvidence(answers: readonly TeeAnswer[]) {
  const tried = answers.filter(({ swapped }) => swapped.length > 0);
  const problems = tried
    .filter(({ swapped }) => !['attested-reply', 'report-data'].every((id) => idsOf(swapped, 'fail').includes(id)))
    .map(({ number }) => `answer ${number} passes with the evidence of another`);
  if (tried.length === 0) problems.push('no evidence was swapped');
  return judge(problems, [`attested-reply and report-data fail in ${tried.length} receipts with evidence of others`]);
}

/** Checks that a request for this provider alone was refused, and that the provider gave no answer. */
function refusal(run: TeeRun, served: readonly TeeAnswer[], { name, id, hasLapsed }: Refusal) {
  // A router offers no machine that the registry does not have.
  const isKeptOut = !run.entered.includes(name);
  const asked = run.answers.filter((each) => each.only === name && each.hasLapsed === hasLapsed);
  const [shown] = run.machines.filter((each) => each.name === name && each.hasLapsed === hasLapsed);
  const problems = served
    .filter((each) => each.provider === name && each.hasLapsed === hasLapsed)
    .map(({ number }) => `${name} served answer ${number}`);
  if (asked.length === 0) problems.push(`no request named ${name} alone`);
  for (const { number, error = 'it was answered' } of asked)
    if (!error.includes(`machine is refused: ${id}`) && !(isKeptOut && error.includes('no provider')))
      problems.push(`request ${number} is not refused by ${id}: ${error}`);
  if (!idsOf(shown?.checks ?? [], 'fail').includes(id)) problems.push(`${name} does not fail ${id} in its evidence`);
  return { problems, good: [`${name} fails ${id}; a request for it alone: ${asked[0]?.error}`] };
}
interface Refusal {
  readonly name: string;
  readonly id: string;
  readonly hasLapsed: boolean;
}

function unknown(run: TeeRun, served: readonly TeeAnswer[]) {
  const before = refusal(run, served, { name: MACHINES.unknown, id: 'cpu-vendor', hasLapsed: false });
  const later = served.filter((each) => each.provider === MACHINES.unknown && each.hasLapsed);
  return judge([...before.problems, ...later.map(({ number }) => `it served answer ${number}`)], before.good);
}

function registry({ entered }: TeeRun) {
  const wanted = [MACHINES.good, MACHINES.lapsing].sort().join(', ');
  const found = [...entered].sort().join(', ');
  return judge(found === wanted ? [] : [`the registry has ${found || 'none'}, and not ${wanted}`], [
    `entered: ${found}`,
  ]);
}

function lapse(run: TeeRun, served: readonly TeeAnswer[]) {
  const { problems, good } = refusal(run, served, { name: MACHINES.lapsing, id: 'image', hasLapsed: true });
  const count = (hasLapsed: boolean, name: string): number =>
    served.filter((each) => each.provider === name && each.hasLapsed === hasLapsed).length;
  const before = count(false, MACHINES.lapsing);
  if (before === 0) problems.push(`${MACHINES.lapsing} served nothing before its lapse`);
  const after = count(true, MACHINES.good);
  if (after === 0) problems.push(`${MACHINES.good} served nothing after it`);
  return judge(problems, [`${before} answers before, none after; ${MACHINES.good} gave ${after} since`, ...good]);
}

function roles({ answers }: TeeRun) {
  const wanted = ATTESTED_ROLES.map(rolePart);
  const asked = answers.filter(({ demandsRoles }) => demandsRoles);
  const problems = asked.flatMap(({ number, provider, error, checks, strictRoles }) => [
    ...(provider === undefined ? [`request ${number} was not answered: ${error}`] : []),
    ...wanted.filter((id) => !idsOf(checks, 'pass').includes(id)).map((id) => `answer ${number}: ${id} does not pass`),
    ...wanted
      .filter((id) => !idsOf(strictRoles, 'fail').includes(id))
      .map((id) => `answer ${number}: ${id} does not fail where no attester in software is named`),
  ]);
  if (asked.length === 0) problems.push('no request demanded one');
  return judge(problems, [
    `${wanted.join(' and ')} pass in ${asked.length} receipts, and fail under a policy for production`,
  ]);
}

function audited(served: readonly TeeAnswer[]) {
  const problems = served
    .filter(({ verdict }) => verdict !== 'accept' && verdict !== 'unaudited')
    .map(({ number, tier, verdict }) => `answer ${number} of ${tier}: ${verdict ?? 'no verdict'}`);
  for (const { number, tier, verdict } of served)
    if (tier === 'tee' && verdict === 'accept') problems.push(`answer ${number} of tee was read by verifiers`);
  if (!served.some(({ tier, verdict }) => tier === 'verified' && verdict === 'accept'))
    problems.push('no answer of verified was audited and accepted');
  return judge(problems, [`${served.length} answers stand in the logs, none rejected`]);
}
