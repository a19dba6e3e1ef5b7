import type { Check } from '@ogong/protocol/base/checks';
import { describe, expect, it } from 'vitest';
import { evaluateHubClaims } from './hub-claims.ts';
import type { HubRecord, HubReply, HubReplyEnd, PinsRecord, PoisonedRecord, ServedRecord } from './hub-record.ts';

const check = (id: string, status: Check['status'] = 'pass'): Check => ({ id, status, detail: '' });
const END: HubReplyEnd = { verdict: 'accept', verifiers: ['hub-2'], feeAtomic: 7n };
const REPLY: HubReply = {
  provider: 'hub-1',
  text: 'a fox ran',
  durationMs: 9,
  checks: [check('draw-replay')],
  end: END,
};
const SERVED: ServedRecord = {
  ...{ name: 'demo/pushed', sources: ['hub:5f', 'hub+http://127.0.0.1:1/'], namedModels: 0, askedBefore: 0 },
  ...{ refusal: 'no provider serves it; the demand is noted', reply: REPLY, paidAtomic: 7n },
};
const [BAD, GOOD] = ['http://127.0.0.1:2/', 'http://127.0.0.1:1/'];
const DROPPED = { source: BAD, reason: 'wrong-block' } as const;
const POISONED: PoisonedRecord = {
  ...{ name: 'demo/tensors', blocks: 25, poisonedUrl: BAD, honestUrl: GOOD, changedPieces: 3, honestRequests: 7 },
  ...{ dropped: [DROPPED], signedRoot: 'ab', fileRoot: 'ab' },
};
const PINS: PinsRecord = {
  ...{ blocks: 25, droppedBlocks: 19, feeAtomic: 3n, epochs: 2, spentAtomic: 9n, returnedAtomic: 3n },
  honest: { name: 'keeper', proven: 2, missed: 0, paidAtomic: 6n },
  cheat: { name: 'dropper', proven: 1, missed: 1, paidAtomic: 3n },
  outcome: 'BadProof',
};
const record: HubRecord = { served: SERVED, poisoned: POISONED, pins: PINS };

const failing = (change: Partial<HubRecord>): string[] =>
  evaluateHubClaims({ ...record, ...change }).flatMap(({ id, ok }) => (ok ? [] : [id]));
const withEnd = (change: Partial<HubReplyEnd>): Partial<ServedRecord> => ({
  reply: { ...REPLY, end: { ...END, ...change } },
});

describe('claims about the hub', () => {
  it('hold for a run without faults', () => {
    expect(failing({})).toEqual([]);
  });

  it.each<[string, Partial<ServedRecord>]>([
    ['the entry names no manifest', { sources: ['hub+http://127.0.0.1:1/'] }],
    ['an operator names a model', { namedModels: 1 }],
    ['the place is asked before somebody wants the model', { askedBefore: 1 }],
    ['the first request is served', { refusal: undefined }],
    ['the demand is not noted', { refusal: 'no provider serves it' }],
    ['no answer comes', { reply: { error: 'no provider serves it' } }],
    ['the answer is empty', { reply: { ...REPLY, text: '' } }],
    ['a check of the receipt fails', { reply: { ...REPLY, checks: [check('draw-replay', 'fail')] } }],
    ['nothing is settled', { reply: { ...REPLY, end: undefined } }],
    ['the verdict is another one', withEnd({ verdict: 'unaudited' })],
    ['nobody verified', withEnd({ verifiers: [] })],
    ['the provider verified itself', withEnd({ verifiers: ['hub-1'] })],
    ['the answer costs nothing', { ...withEnd({ feeAtomic: 0n }), paidAtomic: 0n }],
    ['a batch pays another amount', { paidAtomic: 6n }],
  ])('fail if %s', (_what, change) => {
    expect(failing({ served: { ...SERVED, ...change } })).toEqual(['hub-served']);
  });

  it.each<[string, Partial<PoisonedRecord>]>([
    ['the poisoned mirror is honest', { changedPieces: 0 }],
    ['the honest mirror is not asked', { honestRequests: 0 }],
    ['the poisoned mirror is kept', { dropped: [] }],
    ['the poisoned mirror is dropped for another reason', { dropped: [{ source: BAD, reason: 'unreachable' }] }],
    ['the honest mirror is dropped, too', { dropped: [DROPPED, { source: GOOD, reason: 'refused' }] }],
    ['the file is another one', { fileRoot: 'ac' }],
    ['the pull fails', { fileRoot: undefined }],
  ])('fail if %s', (_what, change) => {
    expect(failing({ poisoned: { ...POISONED, ...change } })).toEqual(['hub-poisoned']);
  });

  it.each<[string, Partial<PinsRecord>]>([
    ['the honest provider misses an epoch', { honest: { ...PINS.honest, proven: 1, missed: 1 } }],
    ['the honest provider is paid less', { honest: { ...PINS.honest, paidAtomic: 3n }, spentAtomic: 6n }],
    ['the cheat proves each epoch', { cheat: { ...PINS.cheat, proven: 2, missed: 0 } }],
    ['the cheat is paid for each epoch', { cheat: { ...PINS.cheat, paidAtomic: 6n }, spentAtomic: 12n }],
    ['nothing was dropped', { droppedBlocks: 0 }],
    ['the contract takes old chunks', { outcome: 'taken' }],
    ['the contract refuses for another reason', { outcome: 'WindowClosed' }],
    ['the payer gets nothing back', { returnedAtomic: 0n }],
    ['the payer spends more than the providers have', { spentAtomic: 12n }],
  ])('fail if %s', (_what, change) => {
    expect(failing({ pins: { ...PINS, ...change } })).toEqual(['hub-pins']);
  });
});
