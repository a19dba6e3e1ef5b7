import { type ByteSequence, toByteSequences } from './byte-ranges.ts';
import type { CodePointRange, Expression, Rules } from './expression.ts';
import { partsOf } from './gbnf.ts';
import { GrammarError } from './grammar-error.ts';
import type { WorkBudget } from './work-budget.ts';

/** A step of a compiled grammar. */
export type GrammarNode = { readonly id: number } & (
  | { readonly kind: 'byte'; readonly first: number; readonly last: number; readonly next: GrammarNode }
  | { readonly kind: 'split'; readonly options: GrammarNode[] }
  | { readonly kind: 'call'; rule: GrammarNode; readonly next: GrammarNode }
  | { readonly kind: 'loop'; body: GrammarNode; readonly min: number; readonly max: number; readonly next: GrammarNode }
  /** The end of a rule or of a loop's body. */
  | { readonly kind: 'return' }
);
type NodeOf<K extends GrammarNode['kind']> = Extract<GrammarNode, { kind: K }>;

export interface GrammarProgram {
  readonly start: GrammarNode;
  readonly nodes: number;
}

const MAX_NODES = 2 ** 18;
/** Steps of work to make one step of the compiled grammar. */
const STEPS_OF_NODE = 2;

type Budget = Pick<WorkBudget, 'charge'>;

/**
 * Compiles rules. One step of work is one visit of a part, or one step of the compiled grammar.
 * @throws GrammarError if a rule never ends, or begins with itself.
 */
export function compileProgram(rules: Rules, budget: Budget): GrammarProgram {
  const order = orderRules(rules, budget);
  assertEnding(rules, order, budget);
  assertNoLeftRecursion(rules, order, budget);
  const entries = new Map<string, GrammarNode>();
  const calls: { node: NodeOf<'call'>; name: string }[] = [];
  let nodes = 0;
  const take = (): number => {
    if (nodes >= MAX_NODES) throw new GrammarError('invalid-grammar', `the grammar has more than ${MAX_NODES} steps`);
    budget.charge(STEPS_OF_NODE);
    return nodes++;
  };
  const end: GrammarNode = { id: take(), kind: 'return' };
  const sequences = new Map<number, readonly ByteSequence[]>();
  const findSequences = (range: CodePointRange): readonly ByteSequence[] => {
    const key = range[0] * 2 ** 21 + range[1];
    const found = sequences.get(key) ?? toByteSequences(range);
    sequences.set(key, found);
    return found;
  };

  const addClass = (ranges: readonly CodePointRange[], next: GrammarNode): GrammarNode => {
    const options: GrammarNode[] = [];
    for (const range of ranges) {
      for (const sequence of findSequences(range)) {
        let node = next;
        for (let i = sequence.length - 1; i >= 0; i--) {
          const [first, last] = sequence[i] as readonly [number, number];
          node = { id: take(), kind: 'byte', first, last, next: node };
        }
        options.push(node);
      }
    }
    return options.length === 1 ? (options[0] as GrammarNode) : { id: take(), kind: 'split', options };
  };

  const addRepeat = ({ body, min, max }: Extract<Expression, { kind: 'repeat' }>, next: GrammarNode): GrammarNode => {
    if (max === 0) return next;
    if (max === 1) {
      const one = add(body, next);
      return min === 1 ? one : { id: take(), kind: 'split', options: [one, next] };
    }
    if (max === Number.POSITIVE_INFINITY && min <= 1) {
      const again: NodeOf<'split'> = { id: take(), kind: 'split', options: [next] };
      const once = add(body, again);
      again.options.unshift(once);
      return min === 1 ? once : again;
    }
    return { id: take(), kind: 'loop', body: add(body, end), min, max, next };
  };

  /** @returns the first step of an expression, followed by `next`. */
  const add = (expression: Expression, next: GrammarNode): GrammarNode => {
    switch (expression.kind) {
      case 'literal':
        return [...new TextEncoder().encode(expression.text)].reduceRight<GrammarNode>(
          (rest, byte) => ({ id: take(), kind: 'byte', first: byte, last: byte, next: rest }),
          next,
        );
      case 'class':
        return addClass(expression.ranges, next);
      case 'sequence':
        return expression.items.reduceRight((rest, item) => add(item, rest), next);
      case 'choice':
        return { id: take(), kind: 'split', options: expression.options.map((option) => add(option, next)) };
      case 'repeat':
        return addRepeat(expression, next);
      case 'rule': {
        const node: NodeOf<'call'> = { id: take(), kind: 'call', rule: end, next };
        calls.push({ node, name: expression.name });
        return node;
      }
    }
  };

  for (const [name, expression] of rules) entries.set(name, add(expression, end));
  for (const { node, name } of calls) node.rule = entries.get(name) as GrammarNode;
  return { start: entries.get('root') as GrammarNode, nodes };
}

/** Orders a rule after those that it names, unless they name each other. Facts then spread in few rounds. */
function orderRules(rules: Rules, budget: Budget): readonly string[] {
  const ordered = new Set<string>();
  const entered = new Set<string>();
  for (const start of rules.keys()) {
    const path: { readonly name: string; readonly next: string[] }[] = [];
    const enter = (name: string): void => {
      entered.add(name);
      const next: string[] = [];
      collectNames(rules.get(name) as Expression, next, budget);
      path.push({ name, next });
    };
    if (!entered.has(start)) enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.next.pop();
      if (next === undefined) {
        ordered.add(top.name);
        path.pop();
      } else if (!entered.has(next)) {
        enter(next);
      }
    }
  }
  return [...ordered];
}

function collectNames(expression: Expression, names: string[], budget: Budget): void {
  budget.charge(1);
  if (expression.kind === 'rule') names.push(expression.name);
  for (const part of partsOf(expression)) collectNames(part, names, budget);
}

/** The most rounds. Rules of real grammars need two or three. */
const MAX_ROUNDS = 64;

/**
 * Finds all rules with a property. `holds` decides from the rules found so far, until none is added.
 * @throws GrammarError after too many rounds.
 */
function findFixpoint(
  rules: Rules,
  order: readonly string[],
  holds: (expression: Expression, known: ReadonlySet<string>) => boolean,
): Set<string> {
  const known = new Set<string>();
  for (let before = -1, round = 0; before < known.size; round++) {
    if (round >= MAX_ROUNDS) throw new GrammarError('invalid-grammar', 'the rules name each other in too many circles');
    before = known.size;
    for (const name of order) if (!known.has(name) && holds(rules.get(name) as Expression, known)) known.add(name);
  }
  return known;
}

/** Returns whether an expression matches some text, given the rules that do. */
function canEnd(expression: Expression, known: ReadonlySet<string>, budget: Budget): boolean {
  budget.charge(1);
  if (expression.kind === 'class') return expression.ranges.length > 0;
  if (expression.kind === 'rule') return known.has(expression.name);
  if (expression.kind === 'choice') return expression.options.some((option) => canEnd(option, known, budget));
  if (expression.kind === 'repeat' && expression.min === 0) return true;
  return partsOf(expression).every((part) => canEnd(part, known, budget));
}

/** Refuses a rule that matches no text. It would keep a reply running until its limit. */
function assertEnding(rules: Rules, order: readonly string[], budget: Budget): void {
  const ending = findFixpoint(rules, order, (expression, known) => canEnd(expression, known, budget));
  for (const [name, expression] of rules) {
    if (hasDeadPart(expression, ending, budget))
      throw new GrammarError('invalid-grammar', `the rule ${name} has a part that no text matches`);
  }
}

/** Returns whether an expression has a part that matches no text. One without such parts can end. */
function hasDeadPart(expression: Expression, ending: ReadonlySet<string>, budget: Budget): boolean {
  budget.charge(1);
  if (expression.kind === 'class') return expression.ranges.length === 0;
  if (expression.kind === 'rule') return !ending.has(expression.name);
  return partsOf(expression).some((part) => hasDeadPart(part, ending, budget));
}

function isNullable(expression: Expression, known: ReadonlySet<string>, budget: Budget): boolean {
  budget.charge(1);
  if (expression.kind === 'literal') return expression.text === '';
  if (expression.kind === 'class') return false;
  if (expression.kind === 'rule') return known.has(expression.name);
  if (expression.kind === 'choice') return expression.options.some((option) => isNullable(option, known, budget));
  if (expression.kind === 'repeat' && expression.min === 0) return true;
  return partsOf(expression).every((part) => isNullable(part, known, budget));
}

/**
 * Collects the rules that an expression may begin with.
 * @returns whether the expression may be empty, so that the part after it may begin too.
 */
function collectFirst(expression: Expression, nullable: ReadonlySet<string>, first: string[], budget: Budget): boolean {
  budget.charge(1);
  if (expression.kind === 'literal') return expression.text === '';
  if (expression.kind === 'class') return false;
  if (expression.kind === 'rule') {
    first.push(expression.name);
    return nullable.has(expression.name);
  }
  if (expression.kind === 'sequence')
    return expression.items.every((item) => collectFirst(item, nullable, first, budget));
  let isEmpty = expression.kind === 'repeat' && expression.min === 0;
  for (const part of partsOf(expression)) if (collectFirst(part, nullable, first, budget)) isEmpty = true;
  return isEmpty;
}

function assertNoLeftRecursion(rules: Rules, order: readonly string[], budget: Budget): void {
  const nullable = findFixpoint(rules, order, (expression, known) => isNullable(expression, known, budget));
  const done = new Set<string>();
  for (const start of rules.keys()) {
    // Depth first without recursion, because a chain of rules may be long.
    const path: { readonly name: string; readonly next: string[] }[] = [];
    const onPath = new Set<string>();
    const enter = (name: string): void => {
      const next: string[] = [];
      collectFirst(rules.get(name) as Expression, nullable, next, budget);
      path.push({ name, next });
      onPath.add(name);
    };
    if (!done.has(start)) enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.next.pop();
      if (next === undefined) {
        done.add(top.name);
        onPath.delete(top.name);
        path.pop();
      } else if (onPath.has(next)) {
        throw new GrammarError('invalid-grammar', `the rule ${next} begins with itself; let it end with itself`);
      } else if (!done.has(next)) {
        enter(next);
      }
    }
  }
}
