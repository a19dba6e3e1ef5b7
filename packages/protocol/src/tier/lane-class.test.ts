import { describe, expect, it } from 'vitest';
import { hasLanes, nameRerunClass, withoutLanes } from './lane-class.ts';

const OWN = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';

describe('lanes of a numeric class', () => {
  it.each([
    [`${OWN}/lanes`, OWN],
    [`${OWN}/no-fa/lanes/unproven`, `${OWN}/no-fa/unproven`],
  ])('are read of %s', (laned, plain) => {
    expect([hasLanes(laned), hasLanes(plain)]).toEqual([true, false]);
    expect([withoutLanes(laned), withoutLanes(plain)]).toEqual([plain, plain]);
  });

  it.each([`${OWN}/lanes/no-fa`, `${OWN}/lanes-2`, `${OWN}/lanes/lanes/unified`, 'lanes'])(
    'are not read of %s',
    (numericClass) => expect([hasLanes(numericClass), withoutLanes(numericClass)]).toEqual([false, numericClass]),
  );

  it('are summed as claimed, by an engine of the claimed logits alone', () => {
    const own = { numericClass: `${OWN}/lanes`, exact: true };
    expect(nameRerunClass(own, OWN)).toEqual({ numericClass: OWN, exact: true });
    expect(nameRerunClass({ numericClass: OWN, exact: true }, own.numericClass)).toEqual(own);
    const other = OWN.replace('haswell', 'skylakex');
    expect(nameRerunClass(own, `${other}/lanes`)).toEqual({ ...own, exact: false });
    expect(nameRerunClass({ ...own, exact: false }, OWN)).toEqual({ numericClass: OWN, exact: false });
  });
});
