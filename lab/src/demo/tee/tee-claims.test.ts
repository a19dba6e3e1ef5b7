import { type Check, fail, pass, skip } from '@ogong/protocol/base/checks';
import { describe, expect, it } from 'vitest';
import { evaluateTeeClaims, type TeeAnswer, type TeeRun } from './tee-claims.ts';
import { MACHINES } from './tee-network.ts';

const passes = (...ids: string[]): Check[] => ids.map((id) => pass(id, ''));
const fails = (...ids: string[]): Check[] => ids.map((id) => fail(id, ''));

const verified: TeeAnswer = {
  ...{ number: 1, tier: 'verified', only: undefined, hasLapsed: false, provider: 'provider-1', error: undefined },
  ...{ checks: passes('record'), strict: [], strictRoles: [], swapped: [], verdict: 'accept', demandsRoles: false },
};
const demanding: TeeAnswer = {
  ...{ ...verified, number: 7, demandsRoles: true },
  checks: passes('record', 'router-machine', 'validator-machine'),
  strictRoles: fails('router-machine', 'validator-machine'),
};
const tee: TeeAnswer = {
  ...{ ...verified, number: 2, tier: 'tee', provider: MACHINES.good },
  ...{ checks: passes('record', 'machine'), verdict: 'unaudited' },
  strict: fails('machine', 'cpu-vendor'),
  swapped: fails('attested-reply', 'report-data'),
};
const refused = (number: number, only: string, why: string): TeeAnswer => ({
  ...{ ...tee, number, only, provider: undefined, checks: [], strict: [], swapped: [], verdict: undefined },
  error: `503 Nothing is sent: the provider's machine is refused: ${why}: detail.`,
});

const good: TeeRun = {
  entered: [MACHINES.good, MACHINES.lapsing],
  answers: [
    verified,
    tee,
    { ...tee, number: 3, only: MACHINES.lapsing, provider: MACHINES.lapsing },
    refused(4, MACHINES.unknown, 'cpu-vendor'),
    { ...refused(5, MACHINES.lapsing, 'image'), hasLapsed: true },
    { ...tee, number: 6, hasLapsed: true },
    demanding,
  ],
  machines: [
    { name: MACHINES.unknown, hasLapsed: false, checks: fails('machine', 'cpu-vendor') },
    { name: MACHINES.lapsing, hasLapsed: true, checks: fails('machine', 'image') },
  ],
};

const broken = (run: TeeRun): string[] =>
  evaluateTeeClaims(run)
    .filter(({ ok }) => !ok)
    .map(({ id }) => id);
const withAnswer = (number: number, change: Partial<TeeAnswer>): TeeRun => ({
  ...good,
  answers: good.answers.map((answer) => (answer.number === number ? { ...answer, ...change } : answer)),
});
const without = (...numbers: number[]): TeeRun => ({
  ...good,
  answers: good.answers.filter(({ number }) => !numbers.includes(number)),
});

describe('claims about machines', () => {
  it('hold of a good run', () => {
    expect(broken(good)).toEqual([]);
    expect(broken(withAnswer(4, { error: '404 no provider that the request names serves it' }))).toEqual([]);
  });

  it.each<[why: string, run: TeeRun, claims: string[]]>([
    ['a receipt fails', withAnswer(2, { checks: [...tee.checks, fail('image', '')] }), ['beside']],
    ['a machine was not checked', withAnswer(2, { checks: [pass('record', ''), skip('machine', '')] }), ['beside']],
    ['a receipt holds no evidence', withAnswer(2, { checks: passes('record') }), ['beside']],
    ['no request demands an attested router', without(7), ['roles']],
    ['such a request is refused', withAnswer(7, { provider: undefined, checks: [], error: 'no' }), ['beside', 'roles']],
    ['a router shows nothing', withAnswer(7, { checks: passes('record', 'validator-machine') }), ['roles']],
    ['production takes its machine', withAnswer(7, { strictRoles: passes('router-machine') }), ['roles']],
    ['no provider answers', withAnswer(1, { provider: undefined, error: 'no' }), ['beside']],
    ['a policy for production takes a machine', withAnswer(2, { strict: passes('cpu-vendor') }), ['no-hardware']],
    ['other evidence passes', withAnswer(2, { swapped: fails('report-data') }), ['own-evidence']],
    ['the unknown machine serves', withAnswer(2, { provider: MACHINES.unknown }), ['unknown']],
    ['the unknown machine serves later', withAnswer(6, { provider: MACHINES.unknown }), ['unknown', 'lapse']],
    ['the unknown machine is entered', { ...good, entered: Object.values(MACHINES) }, ['registry']],
    ['a good machine is not entered', { ...good, entered: [MACHINES.good] }, ['registry']],
    ['a machine that is entered is not offered', withAnswer(5, { error: '404 no provider serves it' }), ['lapse']],
    ['no request names the unknown machine', without(4), ['unknown']],
    ['it was refused for something else', withAnswer(4, { error: '503 busy' }), ['unknown']],
    ['the unknown machine shows good evidence', { ...good, machines: good.machines.slice(1) }, ['unknown']],
    ['the machine still serves after its lapse', withAnswer(6, { provider: MACHINES.lapsing }), ['lapse']],
    ['it never served', without(3), ['lapse']],
    ['it shows good evidence after its lapse', { ...good, machines: good.machines.slice(0, 1) }, ['lapse']],
    ['an answer is rejected', withAnswer(3, { verdict: 'reject' }), ['audited']],
    ['a verifier read an answer', withAnswer(3, { verdict: 'accept' }), ['audited']],
    ['an answer has no verdict', withAnswer(3, { verdict: undefined }), ['audited']],
  ])('do not hold where %s', (_why, run, claims) => {
    expect(broken(run)).toEqual(claims);
  });
});
