import { expect, it } from 'vitest';
import { createOutstanding, type OutstandingTicket } from './outstanding.ts';

const NOW = 1_000_000;
const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const OFFER = { providerId: fill(1), modelId: 'ogong/verified/a/b', capacity: 4 };
let replies = 0;
const makeTicket = (group: string, bend: Partial<OutstandingTicket> = {}) => ({
  ...OFFER,
  replyId: Uint8Array.of(replies >> 8, replies++ & 0xff),
  holder: fill(7),
  group,
  releaseAtMs: NOW + 1_000,
  nowMs: NOW,
  ...bend,
});

it('counts every held slot for those who look on, until it is reported or its time is over', () => {
  const outstanding = createOutstanding();
  const ticket = makeTicket('a');
  outstanding.add(ticket);
  outstanding.add(makeTicket('b', { releaseAtMs: NOW + 1 }));
  expect([outstanding.count(OFFER, NOW), outstanding.count(OFFER, NOW + 1)]).toEqual([2, 1]);
  expect(outstanding.settle({ ...ticket, holder: fill(8) })).toBeUndefined();
  expect(outstanding.settle(ticket)?.group).toBe('a');
  expect(outstanding.count(OFFER, NOW)).toBe(0);
});

it('tells each address its own slots in full, and of others no more than their share', () => {
  const outstanding = createOutstanding();
  for (let i = 0; i < 40; i++) outstanding.add(makeTicket('squatter'));
  expect(outstanding.countFor('squatter', OFFER, NOW)).toBe(40);
  expect(outstanding.countFor('honest', OFFER, NOW)).toBe(2);
  for (let i = 0; i < 3; i++) outstanding.add(makeTicket('honest'));
  expect(outstanding.countFor('honest', OFFER, NOW)).toBe(5);
  expect(outstanding.countFor('newcomer', OFFER, NOW)).toBe(2);
});

it('lets no number of addresses, nor a single one, hold a small provider by tickets alone', () => {
  const outstanding = createOutstanding();
  for (let i = 0; i < 8; i++) outstanding.add(makeTicket(`address ${i}`));
  expect(outstanding.countFor('honest', OFFER, NOW)).toBe(0);
  const single = createOutstanding();
  single.add(makeTicket('squatter'));
  expect(single.countFor('honest', { ...OFFER, capacity: 1 }, NOW)).toBe(0);
  expect(single.countFor('squatter', { ...OFFER, capacity: 1 }, NOW)).toBe(1);
});

it('has a limit for one address and for all, and tickets whose time is over make room', () => {
  const outstanding = createOutstanding({ max: 5, maxPerGroup: 3 });
  for (let i = 0; i < 3; i++) outstanding.add(makeTicket('a'));
  expect(() => outstanding.add(makeTicket('a'))).toThrow(/too many tickets/);
  for (let i = 0; i < 2; i++) outstanding.add(makeTicket('b'));
  expect(() => outstanding.add(makeTicket('c'))).toThrow(/too many tickets/);
  expect(outstanding.size()).toBe(5);
  const later = { nowMs: NOW + 1_000, releaseAtMs: NOW + 2_000 };
  for (let i = 0; i < 3; i++) outstanding.add({ ...makeTicket('a'), ...later });
  expect(outstanding.size()).toBe(3);
});

it('gives nobody the place of a ticket that another one holds, and its holder a new one', () => {
  const outstanding = createOutstanding({ max: 2, maxPerGroup: 1 });
  const mine = makeTicket('a');
  outstanding.add(mine);
  const other = { providerId: fill(2), holder: fill(8) };
  expect(() => outstanding.add({ ...mine, ...other, group: 'b' })).toThrow(/another caller holds/);
  outstanding.add(makeTicket('b'));
  // From where there is no room, nor room for more: the old ticket stays.
  expect(() => outstanding.add({ ...mine, group: 'b', providerId: fill(2) })).toThrow(/too many tickets/);
  expect([outstanding.size(), outstanding.count(OFFER, NOW)]).toEqual([2, 2]);
  outstanding.add({ ...mine, providerId: fill(2) });
  expect(outstanding.settle(mine)).toBeUndefined();
  outstanding.add({ ...mine, group: 'c', providerId: fill(2) });
  expect(() => outstanding.add(makeTicket('a'))).toThrow(/too many tickets/);
  expect(outstanding.settle({ ...mine, providerId: fill(2) })?.group).toBe('c');
  outstanding.add(makeTicket('a'));
  // Once its time is over anybody may have the id.
  const later = { nowMs: NOW + 1_000, releaseAtMs: NOW + 2_000 };
  outstanding.add({ ...mine, ...other, ...later });
  expect(outstanding.size()).toBe(1);
});
