import { describe, expect, it } from 'vitest';
import { computeAddressGroup, createPlaces, type Places, type Visitor } from './places.ts';

const LIMITS = { max: 10, reserved: 3, maxPerGroup: 4 };

interface Guest extends Visitor {
  readonly name: string;
}

/** Places with the visitors that came in and that had to leave, in order. */
function open(limits = LIMITS) {
  const places: Places = createPlaces(limits);
  const left: string[] = [];
  let nowMs = 0;
  return {
    places,
    left,
    visit(name: string, group: string | undefined, { isKnown = false, isBusy = false } = {}): boolean {
      const sinceMs = nowMs++;
      const guest: Guest = {
        name,
        group,
        isKnown: () => isKnown,
        idleSinceMs: () => (isBusy ? undefined : sinceMs),
        leave: () => left.push(name),
      };
      return places.enter(guest);
    },
  };
}

describe('places', () => {
  it('are reserved for known parties, for any number of strangers and addresses', () => {
    const { places, visit } = open();
    for (let i = 0; i < 100; i++) visit(`stranger ${i}`, `10.0.0.${i}`, { isBusy: true });
    expect(places.size()).toBe(7);
    for (let i = 0; i < 3; i++) expect(visit(`known ${i}`, '10.1.0.1', { isKnown: true })).toBe(true);
    expect(places.size()).toBe(10);
    expect(visit('one more stranger', '10.2.0.1')).toBe(false);
  });

  it('go from a stranger, even a busy one, to a known party', () => {
    const { left, visit, places } = open();
    for (let i = 0; i < 7; i++) visit(`stranger ${i}`, `10.0.0.${i}`, { isBusy: i !== 5 });
    for (let i = 0; i < 6; i++) expect(visit(`known ${i}`, '10.1.0.1', { isKnown: true })).toBe(true);
    expect(left[0]).toBe('stranger 5');
    expect([left.length, places.size()]).toEqual([3, 10]);
  });

  it('are never taken from a known party', () => {
    const { left, visit } = open();
    for (let i = 0; i < 10; i++) expect(visit(`known ${i}`, 'a', { isKnown: true })).toBe(true);
    expect(visit('another known', 'b', { isKnown: true })).toBe(false);
    expect(visit('a stranger', 'c')).toBe(false);
    expect(left).toEqual([]);
  });

  it('have a quota for addresses that belong together: their own idle ones make room', () => {
    const { left, visit, places } = open();
    for (let i = 0; i < 9; i++) expect(visit(`flood ${i}`, 'one address')).toBe(true);
    expect(left).toEqual(['flood 0', 'flood 1', 'flood 2', 'flood 3', 'flood 4']);
    expect(places.size()).toBe(4);
    const busy = open();
    for (let i = 0; i < 9; i++) busy.visit(`flood ${i}`, 'one address', { isBusy: true });
    expect([busy.places.size(), busy.left]).toEqual([4, []]);
    expect(busy.visit('somebody else', 'another address')).toBe(true);
  });

  it('are lost first by the largest group, there by the longest idle; a connection in use keeps its place', () => {
    const { left, visit } = open({ max: 6, reserved: 0, maxPerGroup: 5 });
    visit('honest', 'home');
    visit('busy', 'flood', { isBusy: true });
    for (let i = 0; i < 4; i++) visit(`flood ${i}`, 'flood');
    for (let i = 0; i < 3; i++) expect(visit(`new ${i}`, `new ${i}`)).toBe(true);
    expect(left).toEqual(['flood 0', 'flood 1', 'flood 2']);
  });

  it('of connections that this side made have no quota by address', () => {
    const { visit, places } = open();
    for (let i = 0; i < 7; i++) expect(visit(`relayed ${i}`, undefined, { isBusy: true })).toBe(true);
    expect(places.size()).toBe(7);
  });

  it('are free again once a visitor has left', () => {
    const places = createPlaces({ max: 1, reserved: 0, maxPerGroup: 1 });
    const busy: Visitor = { group: 'a', isKnown: () => false, idleSinceMs: () => undefined, leave: () => {} };
    expect([places.enter(busy), places.enter({ ...busy, group: 'b' })]).toEqual([true, false]);
    places.leave(busy);
    places.leave(busy);
    expect(places.enter({ ...busy, group: 'b' })).toBe(true);
  });
});

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:0db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  [undefined, undefined],
  ['', undefined],
])('the address %s belongs to %s', (address, group) => {
  expect(computeAddressGroup(address)).toBe(group);
});
