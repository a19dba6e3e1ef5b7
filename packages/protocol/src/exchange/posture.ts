import { type Check, fail, pass } from '../base/checks.ts';
import type { Header } from '../commitment/header.ts';
import { isTier, type Tier } from './match.ts';

/** Which promise a reply was served under and how it can be held to it (docs/spec/replay-tier.md). */
export interface Posture {
  readonly tier: string;
  readonly method: string;
  readonly numericClass: string;
  /** Whether another machine of the class reproduces the reply bit for bit. */
  readonly exact: boolean;
}

/** The one method of each tier; a tier without one cannot be served or checked by this version. */
export const TIER_METHODS: Readonly<Record<Tier, string | undefined>> = {
  verified: 'draw-replay',
  replay: 'exact-replay',
  tee: undefined,
  proof: undefined,
  vanilla: undefined,
};

/**
 * Kernel paths under which two machines of one class compute the same bits: the class's fourth part. What a class is
 * called proves nothing; that a reply is reproduced does.
 */
const EXACT_PATH = /^exact(?:-[a-z0-9]+)*$/;
const REFERENCE_PATH = 'reference';
const SHAPED_PATH = 'shaped';
/** Weights whose single rows the reference kernels compute otherwise than several at once. */
const FLOAT_WEIGHTS = ['f32', 'f16', 'bf16'];

/** Reads of a class what docs/spec/numeric-class.md says about exactness; a class of another form is not exact. */
export function isExactClass(numericClass: string): boolean {
  const [, , , path = '', weights = '', , ...departures] = numericClass.split('/');
  if (departures.some((departure) => departure.startsWith('window-') || departure === 'unproven')) return false;
  if (path === SHAPED_PATH) return true;
  if (departures.some((departure) => departure === 'no-fa' || departure === 'unified')) return false;
  return EXACT_PATH.test(path) || (path === REFERENCE_PATH && !FLOAT_WEIGHTS.includes(weights));
}

export function readPosture({ tier, method, numericClass }: Pick<Header, 'tier' | 'method' | 'numericClass'>): Posture {
  return { tier, method, numericClass, exact: isExactClass(numericClass) };
}

/** Why nobody can be promised this tier from this class, or undefined. */
export function findTierProblem(tier: string, numericClass: string): string | undefined {
  if (!isTier(tier) || TIER_METHODS[tier] === undefined) return `no method that checks tier ${tier} is known here`;
  if (tier === 'replay' && !isExactClass(numericClass)) {
    return `tier replay needs a numeric class that another machine reproduces bit for bit; ${numericClass} is none`;
  }
  return undefined;
}

/** Whether tier, method and class of a signed header agree. A contradiction is the provider's own, in its own bytes. */
export function checkPosture(header: Pick<Header, 'tier' | 'method' | 'numericClass'>): Check {
  const { tier, method, numericClass } = header;
  const problem = findTierProblem(tier, numericClass);
  if (problem !== undefined) return fail('posture', problem);
  const expected = TIER_METHODS[tier as Tier];
  if (method !== expected) return fail('posture', `tier ${tier} is checked by ${expected}; the header says ${method}`);
  return pass('posture', describePosture(readPosture(header)));
}

/** For people: what was promised, how it is checked, and what that check can see. */
export function describePosture({ tier, method, numericClass, exact }: Posture): string {
  const audit =
    tier === 'replay'
      ? 'an audit accepts only what that class reproduces bit for bit'
      : exact
        ? 'an audit in that class compares bit for bit, any other statistically'
        : 'no other machine reproduces that class bit for bit: an audit compares statistically';
  return `tier ${tier}, method ${method}, ${exact ? 'exact' : 'inexact'} class ${numericClass}: ${audit}`;
}
