import type { Check } from '@ogong/protocol/base/checks';
import { describe, expect, it } from 'vitest';
import { evaluatePictureClaims } from './picture-claims.ts';
import type { PictureReply, PicturesRecord, ReplyEnd, SeenReply } from './pictures-record.ts';

const pass = (id: string): Check => ({ id, status: 'pass', detail: '' });
const skip = (id: string): Check => ({ id, status: 'skip', detail: '' });
const fail = (id: string): Check => ({ id, status: 'fail', detail: 'differs' });

const PROVIDERS = { 'provider-1': '0x01', 'provider-2': '0x02', cheat: '0x03' };
const PAYER = '0x09';

const end: ReplyEnd = {
  verdict: 'accept',
  verifiers: ['provider-2'],
  audit: [pass('equality'), skip('links')],
  feeAtomic: 30n,
  maxFeeAtomic: 90n,
  settlement: '0xabcd',
  ejects: false,
};

const made: PictureReply = {
  ...{ replyId: '00', provider: 'provider-1', durationMs: 80.4, isExact: true, end },
  checks: [pass('pixels'), skip('links'), skip('projections')],
  gatewayChecks: [pass('pixels'), pass('links'), pass('projections')],
  ...{ prompt: 'a square', steps: 12, width: 32, height: 32, file: 'picture.png' },
};

const rejection: ReplyEnd = {
  ...{ ...end, verdict: 'reject', audit: [fail('equality')], feeAtomic: 0n },
  verifiers: ['provider-1', 'provider-2'],
};
const cheated: PictureReply = { ...made, provider: 'cheat', file: 'cheat.png', end: rejection };

const seen: SeenReply = {
  ...{ replyId: '02', provider: 'provider-1', durationMs: 90, isExact: true, gatewayChecks: [] },
  checks: [pass('draw-replay')],
  end: { ...end, audit: [pass('picture-rows'), pass('equality')], feeAtomic: 12n },
  ...{ question: 'What is shown?', answer: 'a square', expected: 'a square' },
};

const line = (provider: string, grossAtomic: bigint) => ({ provider, router: '0x08', grossAtomic, fineAtomic: 0n });
const batch: PicturesRecord['settlements'][number] = {
  lines: [line(PROVIDERS['provider-1'], 42n)],
  debits: [{ payer: PAYER, amountAtomic: 42n }],
};

const record: PicturesRecord = {
  ...{ made, cheated, seen, payer: PAYER, providers: PROVIDERS, cheat: 'cheat' },
  settlements: [batch],
};

const find = (run: PicturesRecord, id: string) => {
  const claim = evaluatePictureClaims(run).find((one) => one.id === id);
  if (claim === undefined) throw new Error(`there is no claim ${id}`);
  return claim;
};

describe('claims about pictures', () => {
  it('hold for a run in which the cheat alone is rejected', () => {
    const claims = evaluatePictureClaims(record);
    expect(claims.map(({ id, ok, evidence }) => [id, ok ? [] : evidence])).toEqual([
      ['picture', []],
      ['fewer-steps', []],
      ['vision', []],
    ]);
    expect(claims[0]?.evidence[0]).toBe(
      '"a square" in 32x32 pixels and 12 declared steps, by provider-1 in 80 ms: picture.png',
    );
    expect(claims[1]?.evidence.join('\n')).toContain('it computed 6 of them');
    expect(claims[1]?.evidence.join('\n')).toContain('rejects it: equality: differs');
  });

  it.each<[claim: string, what: string, change: Partial<PicturesRecord>, problem: string]>([
    ['picture', 'no picture came', { made: { error: 'busy' } }, 'busy'],
    ['picture', 'a check of its receipt fails', { made: { ...made, checks: [fail('pixels')] } }, 'pixels: differs'],
    ['picture', 'a check was skipped', { made: { ...made, checks: [skip('intake')] } }, 'intake was skipped'],
    [
      'picture',
      'its links were not replayed',
      { made: { ...made, gatewayChecks: [pass('projections')] } },
      'links did',
    ],
    ['picture', 'it is not settled', { made: { ...made, end: undefined } }, 'not settled'],
    ['picture', 'it is rejected', { made: { ...made, end: rejection } }, 'the verdict is reject'],
    [
      'picture',
      'its provider audits it',
      { made: { ...made, end: { ...end, verifiers: ['provider-1'] } } },
      'no other',
    ],
    ['picture', 'no equality was found', { made: { ...made, end: { ...end, audit: [] } } }, 'equality did not pass'],
    ['picture', 'no batch settles it', { made: { ...made, end: { ...end, settlement: undefined } } }, 'no fee'],
    ['picture', 'its provider is not paid', { settlements: [] }, 'provider-1 was not paid'],
    ['fewer-steps', 'the cheat refuses', { cheated: { error: 'refused' } }, 'refused'],
    ['fewer-steps', 'another one served', { cheated: { ...cheated, provider: 'provider-2' } }, 'not the cheat'],
    ['fewer-steps', 'it is accepted', { cheated: { ...cheated, end } }, 'the verdict is accept'],
    [
      'fewer-steps',
      'no check failed',
      { cheated: { ...cheated, end: { ...rejection, audit: [] } } },
      'no check of the',
    ],
    ['fewer-steps', 'it has a fee', { cheated: { ...cheated, end: { ...rejection, feeAtomic: 1n } } }, 'the fee is 1'],
    ['fewer-steps', 'a batch pays it', { settlements: [batch, { lines: [line('0x03', 5n)], debits: [] }] }, 'paid 5'],
    [
      'fewer-steps',
      'the consumer is charged for it',
      { settlements: [{ ...batch, debits: [{ payer: PAYER, amountAtomic: 72n }] }] },
      'charged 72, and the fees of honest replies are 42',
    ],
    ['vision', 'the answer is wrong', { seen: { ...seen, answer: 'a circle' } }, 'the answer is "a circle"'],
    ['vision', 'the rows were not compared', { seen: { ...seen, end } }, 'picture-rows did not pass'],
    ['vision', 'the question was not answered', { seen: { error: 'busy' } }, 'busy'],
  ])('%s does not hold if %s', (claim, _what, change, problem) => {
    const { ok, evidence } = find({ ...record, ...change }, claim);
    expect(ok).toBe(false);
    expect(evidence.join('\n')).toContain(problem);
  });

  it('want no equality between machines whose class is not exact', () => {
    const other = { ...made, isExact: false, end: { ...end, audit: [pass('distance')] } };
    expect(find({ ...record, made: other }, 'picture').ok).toBe(true);
  });
});
