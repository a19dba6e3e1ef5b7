import { type CodePointRange, normaliseRanges } from '../expression.ts';
import type { WorkBudget } from '../work-budget.ts';
import { type PatternPart, toJsonCharacter } from './pattern.ts';

export interface LengthBound {
  /** Characters. */
  readonly least: number;
  /** Infinity without a limit. */
  readonly most: number;
}

export interface RuleMeans extends Pick<WorkBudget, 'charge'> {
  /** Reserves the name of a rule. */
  readonly reserve: () => string;
  readonly addRule: (text: string, name: string) => void;
}

/** Characters of a longer class are written once, in a rule. */
const LONG_CLASS = 24;
/** Rounds in which equal states are merged. */
const MERGE_ROUNDS = 4;
/** Steps to add a state to the automaton. */
const STEPS_OF_STATE = 64;
/** Steps for each edge: to list it, to merge states in one round, and to count one character. */
const STEPS_OF_EDGE = 8;

/**
 * Returns one side of a rule for the texts of a pattern whose length is within a bound; undefined if there is none. It adds rules for
 * a pattern in which several parts vary in length.
 * @throws GrammarError('too-costly')
 */
export function boundPattern(part: PatternPart, bound: LengthBound, means: RuleMeans): string | undefined {
  const { text, isExpressed } = tighten(part, bound, means.charge);
  return isExpressed ? text : addStates(part, bound, means);
}

/** A part with tightened repeats. */
interface Tightened {
  /** Undefined if no text has such a length. */
  readonly text?: string | undefined;
  /** False if more than one repeat would have to be tightened together. */
  readonly isExpressed: boolean;
}

const NO_TEXT: Tightened = { isExpressed: true };

/** Tightens the repeat of a pattern in which only one part varies in length. */
function tighten(part: PatternPart, { least, most }: LengthBound, charge: WorkBudget['charge']): Tightened {
  charge(part.rule.length + 1);
  if (part.shortest > most || part.longest < least) return NO_TEXT;
  if (part.shortest >= least && part.longest <= most) return { text: part.rule, isExpressed: true };
  if (part.kind === 'choice') {
    const options = part.parts.map((option) => tighten(option, { least, most }, charge));
    const texts = options.flatMap(({ text }) => text ?? []);
    if (options.some(({ isExpressed }) => !isExpressed)) return { isExpressed: false };
    return texts.length === 0 ? NO_TEXT : { text: `(${texts.join(' | ')})`, isExpressed: true };
  }
  if (part.kind === 'sequence') {
    const [varying, ...more] = part.parts.filter(({ shortest, longest }) => shortest !== longest);
    if (varying === undefined || more.length > 0) return { isExpressed: false };
    const fixed = part.shortest - varying.shortest;
    const inner = tighten(varying, { least: least - fixed, most: most - fixed }, charge);
    if (inner.text === undefined) return inner;
    const texts = part.parts.map((one) => (one === varying ? inner.text : one.rule));
    return { text: `(${texts.join(' ')})`, isExpressed: true };
  }
  if (part.kind !== 'repeat' || part.body.shortest !== part.body.longest) return { isExpressed: false };
  const { body, min, max } = part;
  const low = Math.max(min, Math.ceil(least / body.longest));
  const high = Math.min(max, Math.floor(most / body.longest));
  if (low > high) return NO_TEXT;
  if (high === 0) return { text: '""', isExpressed: true };
  return { text: `${body.rule}{${low},${high === Number.POSITIVE_INFINITY ? '' : high}}`, isExpressed: true };
}

/** Positions of characters in a pattern. Position 0 is the beginning. */
interface Positions {
  readonly ranges: readonly (readonly CodePointRange[])[];
  readonly follow: readonly ReadonlySet<number>[];
  readonly accepts: readonly boolean[];
}

interface Edge {
  readonly ranges: readonly CodePointRange[];
  readonly next: number;
}

/** A state of a deterministic automaton: no character has two edges. State 0 is the first. */
interface State {
  readonly edges: readonly Edge[];
  readonly accepts: boolean;
}

/** The ends of a part within the automaton. */
interface Fragment {
  readonly isNullable: boolean;
  readonly first: readonly number[];
  readonly last: readonly number[];
}

const EMPTY: Fragment = { isNullable: true, first: [], last: [] };

/**
 * Lists the positions of a pattern, by Glushkov's construction. Counted repeats are written out.
 * @param most characters that matter.
 */
function listPositions(pattern: PatternPart, most: number, charge: WorkBudget['charge']): Positions {
  const ranges: (readonly CodePointRange[])[] = [[]];
  const follow: Set<number>[] = [new Set()];
  const connect = (from: readonly number[], to: readonly number[]): void => {
    charge(STEPS_OF_EDGE * from.length * to.length + 1);
    for (const state of from) for (const next of to) follow[state]?.add(next);
  };
  const join = (before: Fragment, after: Fragment): Fragment => {
    connect(before.last, after.first);
    charge(before.first.length + after.first.length + before.last.length + after.last.length);
    return {
      isNullable: before.isNullable && after.isNullable,
      first: before.isNullable ? [...before.first, ...after.first] : before.first,
      last: after.isNullable ? [...before.last, ...after.last] : after.last,
    };
  };
  const repeat = (part: Extract<PatternPart, { kind: 'repeat' }>): Fragment => {
    if (part.body.longest === 0) return EMPTY;
    const isEndless = part.max === Number.POSITIVE_INFINITY || part.max > most;
    // A repeat of a body that may be empty may be empty, too.
    const min = part.body.shortest === 0 ? 0 : part.min;
    const copies = isEndless ? Math.max(min, 1) : part.max;
    if (copies === 0) return EMPTY;
    const made: Fragment[] = [];
    for (let i = 0; i < copies; i++) {
      const copy = build(part.body);
      const before = made.at(-1);
      if (before !== undefined) connect(before.last, copy.first);
      made.push(copy);
    }
    const end = made.at(-1) as Fragment;
    if (isEndless) connect(end.last, end.first);
    const last = made.slice(Math.max(0, min - 1)).flatMap((copy) => copy.last);
    charge(last.length);
    return { isNullable: min === 0, first: (made[0] as Fragment).first, last };
  };
  const build = (part: PatternPart): Fragment => {
    charge(part.rule.length + 1);
    if (part.kind === 'class') {
      charge(STEPS_OF_STATE);
      const position = ranges.push(part.ranges) - 1;
      follow.push(new Set());
      return { isNullable: false, first: [position], last: [position] };
    }
    if (part.kind === 'repeat') return repeat(part);
    const parts = part.parts.map(build);
    if (part.kind === 'sequence') return parts.reduce(join, EMPTY);
    const [first, last] = [parts.flatMap((one) => one.first), parts.flatMap((one) => one.last)];
    charge(first.length + last.length);
    return { isNullable: parts.some(({ isNullable }) => isNullable), first, last };
  };
  const whole = build(pattern);
  connect([0], whole.first);
  const ends = new Set(whole.last);
  return { ranges, follow, accepts: ranges.map((_, at) => (at === 0 ? whole.isNullable : ends.has(at))) };
}

/**
 * Creates the automaton whose states are the sets of positions at which a text can be.
 * @param most characters that matter. A state that is only reached by so many has no edges.
 */
function toAutomaton(
  { ranges, follow, accepts }: Positions,
  most: number,
  charge: WorkBudget['charge'],
): readonly State[] {
  const ids = new Map<string, number>([['0', 0]]);
  const sets: { readonly set: readonly number[]; readonly depth: number }[] = [{ set: [0], depth: 0 }];
  const states: State[] = [];
  for (const { set, depth } of sets) {
    charge(STEPS_OF_STATE);
    const targets = new Set<number>();
    for (const position of depth < most ? set : []) {
      charge(STEPS_OF_EDGE * (follow[position]?.size ?? 0));
      for (const next of follow[position] ?? []) targets.add(next);
    }
    const edges = splitRanges([...targets], ranges, charge).map(({ positions, ranges: own }): Edge => {
      const key = positions.join();
      const id = ids.get(key) ?? sets.push({ set: positions, depth: depth + 1 }) - 1;
      ids.set(key, id);
      return { ranges: own, next: id };
    });
    states.push({ edges, accepts: set.some((position) => accepts[position] === true) });
  }
  return mergeStates(states, charge);
}

/** Splits the characters of some positions into separate ranges, each with the positions that have all of its characters. */
function splitRanges(
  targets: readonly number[],
  ranges: Positions['ranges'],
  charge: WorkBudget['charge'],
): readonly { readonly positions: readonly number[]; readonly ranges: readonly CodePointRange[] }[] {
  const ends = targets.flatMap((position) =>
    (ranges[position] ?? []).flatMap(([first, last]) => [
      { at: first, position, isBegin: true },
      { at: last + 1, position, isBegin: false },
    ]),
  );
  charge(STEPS_OF_EDGE * ends.length + 1);
  ends.sort((a, b) => a.at - b.at);
  const found = new Map<string, { readonly positions: readonly number[]; readonly ranges: CodePointRange[] }>();
  const open = new Set<number>();
  let from = 0;
  for (const { at, position, isBegin } of ends) {
    if (open.size > 0 && at > from) {
      charge(STEPS_OF_EDGE * open.size);
      const positions = [...open].sort((a, b) => a - b);
      const known = found.get(positions.join()) ?? { positions, ranges: [] };
      known.ranges.push([from, at - 1]);
      found.set(positions.join(), known);
    }
    from = at;
    if (isBegin) open.add(position);
    else open.delete(position);
  }
  return [...found.values()];
}

/** Replaces states by equal ones, which continue alike. Not all of them are found. */
function mergeStates(given: readonly State[], charge: WorkBudget['charge']): readonly State[] {
  let states = given;
  for (let round = 0; round < MERGE_ROUNDS; round++) {
    const known = new Map<string, number>();
    const same = states.map(({ edges, accepts }, state) => {
      charge(STEPS_OF_EDGE * edges.reduce((sum, { ranges }) => sum + ranges.length, 1));
      const key = `${accepts} ${edges.map(({ ranges, next }) => `${ranges.join()}>${next}`).join(' ')}`;
      if (!known.has(key)) known.set(key, state);
      return known.get(key) as number;
    });
    states = states.map(({ edges, accepts }) => {
      const byNext = Map.groupBy(edges, ({ next }) => same[next] as number);
      const merged = [...byNext].map(([next, some]) => ({
        next,
        ranges: some.length === 1 ? (some[0] as Edge).ranges : normaliseRanges(some.flatMap(({ ranges }) => ranges)),
      }));
      return { edges: merged, accepts };
    });
  }
  return states;
}

/**
 * Adds a rule for each state and number of characters that lie on the way to a whole text. Each rule continues with one character and
 * another rule, so nothing is left to return to.
 * @returns the name of the first rule; undefined if no text has such a length.
 */
function addStates(part: PatternPart, bound: LengthBound, { charge, reserve, addRule }: RuleMeans): string | undefined {
  // A bound that holds for each text of the pattern is not counted.
  const least = part.shortest >= bound.least ? 0 : bound.least;
  const most = part.longest <= bound.most ? Number.POSITIVE_INFINITY : bound.most;
  const top = most === Number.POSITIVE_INFINITY ? least : most;
  const states = toAutomaton(listPositions(part, bound.most, charge), bound.most, charge);
  const edgeCount = states.reduce((sum, { edges }) => sum + edges.length + 1, 0);
  charge(STEPS_OF_EDGE * edgeCount * (top + 1));
  const after = (count: number): number => (most === Number.POSITIVE_INFINITY ? Math.min(count + 1, least) : count + 1);
  const isWhole = (state: number, count: number): boolean => states[state]?.accepts === true && count >= least;
  const live: boolean[][] = [];
  for (let count = top; count >= 0; count--) {
    // Without a limit each state has a way to the end.
    const isFree = most === Number.POSITIVE_INFINITY && count === top;
    live[count] = states.map(
      ({ edges }, state) =>
        isFree || isWhole(state, count) || edges.some(({ next }) => live[count + 1]?.[next] === true),
    );
  }
  if (live[0]?.[0] !== true) return undefined;
  const names = new Map<number, string>();
  const waiting: { readonly state: number; readonly count: number; readonly name: string }[] = [];
  const nameOf = (state: number, count: number): string => {
    const key = count * states.length + state;
    const known = names.get(key);
    if (known !== undefined) return known;
    const name = reserve();
    names.set(key, name);
    waiting.push({ state, count, name });
    return name;
  };
  const characters = new Map<readonly CodePointRange[], string>();
  /** A class that is long has a rule of its own. */
  const nameCharacter = (ranges: readonly CodePointRange[]): string => {
    const known = characters.get(ranges);
    if (known !== undefined) return known;
    const rule = toJsonCharacter(ranges);
    const name = rule.length > LONG_CLASS ? reserve() : rule;
    if (name !== rule) addRule(rule, name);
    characters.set(ranges, name);
    return name;
  };
  const listNext = (state: number, count: number): readonly Edge[] =>
    count >= most ? [] : (states[state]?.edges ?? []).filter(({ next }) => live[after(count)]?.[next] === true);
  const first = nameOf(0, 0);
  for (const { state, count, name } of waiting) {
    const then = after(count);
    const options = listNext(state, count).map(({ ranges, next }) =>
      listNext(next, then).length === 0 ? nameCharacter(ranges) : `${nameCharacter(ranges)} ${nameOf(next, then)}`,
    );
    addRule([...options, ...(isWhole(state, count) ? ['""'] : [])].join(' | '), name);
  }
  return first;
}
