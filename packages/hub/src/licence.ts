import { ProtocolError } from '@ogong/protocol/base/bytes';

/** The most bytes of an expression, as in the model registry. */
export const MAX_LICENCE_BYTES = 64;

/** How a model came from another one. */
export const RELATIONS = ['quantised-from', 'adapter-of', 'merged-from', 'converted-from'] as const;
export type Relation = (typeof RELATIONS)[number];

/** One of the licences that an expression combines. */
interface Term {
  /** Upper case, because SPDX compares ids without case. */
  readonly id: string;
}

/** A user may choose one alternative. All terms of it apply at once. */
type Alternative = readonly Term[];

const TOKEN = /\s*(\(|\)|[A-Za-z0-9.:+-]+)\s*/y;
const ID = /^(?:(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+|[A-Za-z0-9][A-Za-z0-9.-]*\+?)$/;
const EXCEPTION = /^[A-Za-z0-9][A-Za-z0-9.-]*$/;
const OPERATORS = ['AND', 'OR', 'WITH'];
const MAX_ALTERNATIVES = 64;

/**
 * Parses an SPDX license expression into its alternatives. Ids are not compared with the list of SPDX, which grows.
 * @throws ProtocolError `malformed`, or `too-large` above MAX_LICENCE_BYTES or 64 alternatives.
 * Source: SPDX 2.3, annex D.
 */
export function parseLicence(expression: string): readonly Alternative[] {
  if (expression.length > MAX_LICENCE_BYTES)
    throw new ProtocolError('too-large', `a licence of ${expression.length} characters, at most ${MAX_LICENCE_BYTES}`);
  const tokens = readTokens(expression);
  let at = 0;
  const refuse = (): never => {
    throw new ProtocolError('malformed', `"${expression}" is no SPDX expression`);
  };
  const bounded = (alternatives: readonly Alternative[]): readonly Alternative[] => {
    if (alternatives.length > MAX_ALTERNATIVES)
      throw new ProtocolError('too-large', `more than ${MAX_ALTERNATIVES} alternatives`);
    return alternatives;
  };
  const simple = (): readonly Alternative[] => {
    const token = tokens[at++] ?? refuse();
    if (token === '(') {
      const inner = either();
      return tokens[at++] === ')' ? inner : refuse();
    }
    if (!ID.test(token) || OPERATORS.includes(token)) return refuse();
    if (tokens[at] === 'WITH') {
      at++;
      const exception = tokens[at++] ?? refuse();
      if (!EXCEPTION.test(exception) || OPERATORS.includes(exception)) return refuse();
    }
    return [[{ id: token.toUpperCase() }]];
  };
  const both = (): readonly Alternative[] => {
    let found = simple();
    while (tokens[at] === 'AND') {
      at++;
      const next = simple();
      found = bounded(found.flatMap((left) => next.map((right) => [...left, ...right])));
    }
    return found;
  };
  const either = (): readonly Alternative[] => {
    let found = both();
    while (tokens[at] === 'OR') {
      at++;
      found = bounded([...found, ...both()]);
    }
    return found;
  };
  const alternatives = either();
  return at === tokens.length ? alternatives : refuse();
}

function readTokens(expression: string): readonly string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  // One space parts two words, and none stands at an end: an expression has one spelling.
  if (/^ | $| {2}|[^\x20-\x7e]/.test(expression)) throw new ProtocolError('malformed', 'a licence with stray spaces');
  for (let match = TOKEN.exec(expression); match !== null; match = TOKEN.exec(expression))
    tokens.push(match[1] as string);
  if (tokens.join('') !== expression.replaceAll(' ', ''))
    throw new ProtocolError('malformed', `"${expression}" is no SPDX expression`);
  return tokens;
}

type Duty = 'share-alike' | 'no-derivatives' | 'non-commercial';

/**
 * Licences that bind derivatives, by the part of their SPDX id before the version. Other licences bind nothing here: a reader reads them.
 * Sources: legal code of Creative Commons (sections 1 to 3 of 4.0), GPL-3.0 section 5, AGPL-3.0 section 5, ODbL-1.0 section 4.4.
 */
const DUTIES: Readonly<Record<string, readonly Duty[]>> = {
  'CC-BY-SA': ['share-alike'],
  'CC-BY-NC': ['non-commercial'],
  'CC-BY-NC-SA': ['non-commercial', 'share-alike'],
  'CC-BY-ND': ['no-derivatives'],
  'CC-BY-NC-ND': ['non-commercial', 'no-derivatives'],
  GPL: ['share-alike'],
  AGPL: ['share-alike'],
  ODBL: ['share-alike'],
};

interface Versioned {
  readonly family: string;
  readonly version: number;
  /** Whether the licence lets a derivative take a later version of it. */
  readonly allowsLater: boolean;
}

function readVersion({ id }: Term): Versioned {
  const [, family = id, version = '0', rest = ''] = /^([A-Z-]+)-(\d+(?:\.\d+)?)(.*)$/.exec(id) ?? [];
  const isGnu = family.endsWith('GPL');
  // Creative Commons allows it from 2.0 on.
  const allowsLater = isGnu ? rest === '-OR-LATER' || rest === '+' : family === 'ODBL' || Number(version) >= 2;
  return { family, version: Number(version), allowsLater };
}

const dutiesOf = (term: Term): readonly Duty[] => {
  const { family } = readVersion(term);
  return Object.hasOwn(DUTIES, family) ? (DUTIES[family] as readonly Duty[]) : [];
};

/** Returns whether a derivative's licence is the origin's, or a version of it that the origin's licence allows. */
function isKept(origin: Term, derived: Term): boolean {
  const [from, to] = [readVersion(origin), readVersion(derived)];
  if (from.family !== to.family || to.version < from.version) return false;
  return from.allowsLater || (to.version === from.version && !(from.family.endsWith('GPL') && to.allowsLater));
}

function isSame(origin: Term, derived: Term): boolean {
  const [from, to] = [readVersion(origin), readVersion(derived)];
  return from.family === to.family && from.version === to.version;
}

function isDutyMet(duty: Duty, origin: Term, derived: Alternative, relation: Relation): boolean {
  switch (duty) {
    case 'share-alike':
      return derived.some((term) => isKept(origin, term));
    case 'non-commercial':
      return derived.some((term) => dutiesOf(term).includes('non-commercial'));
    case 'no-derivatives':
      // A change of the file's format alone makes no derivative (Creative Commons 4.0, section 2(a)(4)).
      return relation === 'converted-from' && derived.some((term) => isSame(origin, term));
  }
}

/**
 * Finds the duty of an origin's licence that a derivative's licence breaks. Each alternative of the derivative has to meet the duties of one
 * alternative of the origin.
 * @returns undefined if there is none.
 * @throws ProtocolError like parseLicence.
 */
export function findLicenceProblem(
  { licence, relation }: { readonly licence: string; readonly relation: Relation },
  origin: string,
): string | undefined {
  const origins = parseLicence(origin);
  for (const derived of parseLicence(licence)) {
    const isAllowed = origins.some((terms) =>
      terms.every((term) => dutiesOf(term).every((duty) => isDutyMet(duty, term, derived, relation))),
    );
    if (isAllowed) continue;
    const duties = [...new Set(origins.flatMap((terms) => terms.flatMap(dutiesOf)))].join(', ');
    const shown = derived.map(({ id }) => id).join(' AND ');
    return `a model that is ${relation} one under ${origin} (${duties}) cannot be under ${shown}`;
  }
  return undefined;
}
