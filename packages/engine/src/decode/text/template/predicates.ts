import { FILTERS, type Runtime } from './filters.ts';
import type { Meter } from './meter.ts';
import { calculate, compare, contains, isEqual, isSameNumber } from './operators.ts';
import { type Arguments, findLength, isDict, isNumber, nameType, Once, Undefined, type Value, View } from './values.ts';
import { writeText } from './write.ts';

const isSized = (value: Value): boolean => typeof value === 'string' || findLength(value) !== undefined;

/** A test of jinja2's: `value is name`. */
export type RunTest = (operand: Value, given: Arguments, runtime: Runtime) => boolean;

const comparing =
  (holds: (order: number) => boolean): RunTest =>
  (operand, { positional: [other = null] }, { meter }) =>
    holds(compare(meter, operand, other));
const sameAs: RunTest = (operand, { positional: [other = null] }, { meter }) => isEqual(meter, operand, other);
const notSameAs: RunTest = (operand, given, runtime) => !sameAs(operand, given, runtime);
const isRest = (rest: Value, wanted: bigint): boolean =>
  typeof rest !== 'string' && isNumber(rest) && isSameNumber(Number(rest), wanted);
const toRest = (operand: Value, divisor: Value, meter: Meter): Value => calculate(meter, '%', operand, divisor);

export const TESTS: ReadonlyMap<string, RunTest> = new Map<string, RunTest>([
  ['odd', (operand, _given, { meter }) => isRest(toRest(operand, 2n, meter), 1n)],
  ['even', (operand, _given, { meter }) => isRest(toRest(operand, 2n, meter), 0n)],
  ['divisibleby', (operand, { positional: [by = null] }, { meter }) => isRest(toRest(operand, by, meter), 0n)],
  ['defined', (operand) => !(operand instanceof Undefined)],
  ['undefined', (operand) => operand instanceof Undefined],
  ['filter', (operand) => typeof operand === 'string' && FILTERS.has(operand)],
  ['test', (operand) => typeof operand === 'string' && TESTS.has(operand)],
  ['none', (operand) => operand === null],
  ['boolean', (operand) => typeof operand === 'boolean'],
  ['false', (operand) => operand === false],
  ['true', (operand) => operand === true],
  ['integer', (operand) => typeof operand === 'bigint'],
  ['float', (operand) => typeof operand === 'number'],
  ['lower', (operand, _given, { meter }) => isCasedAs(meter, writeText(meter, operand), (text) => text.toLowerCase())],
  ['upper', (operand, _given, { meter }) => isCasedAs(meter, writeText(meter, operand), (text) => text.toUpperCase())],
  ['string', (operand) => typeof operand === 'string'],
  ['mapping', (operand) => isDict(operand)],
  ['number', (operand) => isNumber(operand)],
  ['sequence', (operand) => isSized(operand) && !(operand instanceof View)],
  ['iterable', (operand) => isSized(operand) || operand instanceof Once],
  ['callable', (operand) => operand instanceof Undefined || nameType(operand) === 'function'],
  ['sameas', (operand, { positional: [other = null] }) => operand === other],
  ['escaped', () => false],
  ['in', (operand, { positional: [container = null] }, { meter }) => contains(meter, container, operand)],
  ['==', sameAs],
  ['eq', sameAs],
  ['equalto', sameAs],
  ['!=', notSameAs],
  ['ne', notSameAs],
  ['>', comparing((order) => order > 0)],
  ['gt', comparing((order) => order > 0)],
  ['greaterthan', comparing((order) => order > 0)],
  ['>=', comparing((order) => order >= 0)],
  ['ge', comparing((order) => order >= 0)],
  ['<', comparing((order) => order < 0)],
  ['lt', comparing((order) => order < 0)],
  ['lessthan', comparing((order) => order < 0)],
  ['<=', comparing((order) => order <= 0)],
  ['le', comparing((order) => order <= 0)],
]);

function isCasedAs(meter: Meter, text: string, change: (text: string) => string): boolean {
  meter.copy(text.length);
  return change(text) === text && text.toLowerCase() !== text.toUpperCase();
}
