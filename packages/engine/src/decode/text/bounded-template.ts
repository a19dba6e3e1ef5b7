import { Environment, Interpreter, Template } from '@huggingface/jinja';
import { type Argument, computeSteps, countElements, isString, measure, type Value } from './template-cost.ts';

// The library's declarations name modules that TypeScript does not find, so all its types are `any`.
interface Scope {
  readonly variables: ReadonlyMap<string, Value>;
  readonly parent?: Scope;
  set(name: string, value: unknown): unknown;
}
interface Evaluator {
  readonly global: Scope;
  run(program: Node): Value;
  evaluate(node: Node | undefined, scope: Scope): Value;
}
const Base = Interpreter as unknown as new (scope: Scope) => Evaluator;
type Method = (args: readonly Value[], scope: Scope) => Value;

/** A node of a parsed template. The library exports none of its classes. */
interface Node {
  readonly type: string;
  readonly operand?: Node;
  readonly filter?: Node | undefined;
  readonly callee?: Node;
  readonly args?: readonly Node[];
  readonly key?: Node;
  readonly value?: Node;
  readonly argument?: Node;
  readonly object?: Node;
  readonly property?: Node;
  readonly left?: Node;
  readonly right?: Node;
  readonly operator?: { readonly value: string };
  readonly iterable?: Node;
  readonly lhs?: Node;
  readonly body?: readonly Node[] | undefined;
  readonly computed?: boolean;
  /** Of a node that stands for a value. */
  readonly constant?: Value;
}

/** An argument with the node that stands for its value. */
interface KnownArgument extends Argument {
  readonly node: Node;
}

/** The template of every published model is shorter than 32 KiB. */
const MAX_SOURCE = 256 * 1_024;
/** The library's rules for white space need quadratic time in its longest stretch. */
const MAX_SPACES = 1_024;
/** Characters. A longer prompt fits no context. */
const MAX_TEXT = 16 * 1_024 * 1_024;
/** Characters that an operation writes, compares or joins in the time of one step. */
const WRITTEN = 16;
const COMPARED = 64;
const JOINED = 256;
/** Characters of a template in which the library searches in the time of one step. */
const SEARCHED = 16;
/** Nested evaluations. */
const MAX_DEPTH = 400;
/** Scopes in which the library looks a name up in the time of one step. */
const SCOPES = 4;
/** Steps for an element of a loop, which gets a scope of its own. */
const LOOP_STEPS = 8;

/**
 * Steps of one rendering. A step is the evaluation of one node, or a piece of the text or list that it handles. A conversation of a
 * thousand messages needs less than a million steps; this many take a few seconds.
 */
export const RENDER_STEPS = 5_000_000;
/** Steps of a rendering that shows a property of the template, with one or two short messages. The templates of published models need some thousand. */
export const PROBE_STEPS = 100_000;

/** A template whose work and memory are bounded: its author may be a stranger. */
export interface BoundedTemplate {
  /**
   * @param maxSteps the work after which it stops. The count depends on template and fields alone, so every machine refuses the same.
   * @throws Error if the template refuses the fields, or needs too much work.
   */
  render(fields: Readonly<Record<string, unknown>>, maxSteps: number): string;
}

/** @param prelude a template that runs before it, in the same scope. @throws Error if the source does not parse. */
export function createBoundedTemplate(source: string, { prelude }: { readonly prelude: string }): BoundedTemplate {
  if (source.length > MAX_SOURCE) throw new Error(`it has more than ${MAX_SOURCE} characters`);
  if (hasLongStretch(source)) throw new Error(`it has more than ${MAX_SPACES} characters of white space in a row`);
  const { parsed } = new Template(source);
  // As a parsed statement: in the source it would change how white space at the beginning is trimmed.
  parsed.body.unshift(...new Template(prelude).parsed.body);
  const outputs = findOutputs(parsed);
  return {
    render(fields, maxSteps) {
      const interpreter = new BoundedInterpreter(source.length, outputs, maxSteps);
      for (const [name, value] of Object.entries(fields)) interpreter.global.set(name, value);
      return String(interpreter.run(parsed).value);
    },
  };
}

function hasLongStretch(source: string): boolean {
  let length = 0;
  for (let i = 0; i < source.length; i++) {
    length = /\s/.test(source.charAt(i)) ? length + 1 : 0;
    if (length > MAX_SPACES) return true;
  }
  return false;
}

/** Returns the nodes that stand in the body of a statement: their values are written as text. */
function findOutputs(root: Node): ReadonlySet<unknown> {
  const outputs = new Set<unknown>();
  const waiting: unknown[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (node === null || typeof node !== 'object') continue;
    if (node instanceof Map) waiting.push(...[...node].flat().filter((part) => part !== undefined));
    for (const [name, part] of Object.entries(node)) {
      if (part === undefined) continue;
      if (Array.isArray(part) && (name === 'body' || name === 'alternate' || name === 'defaultBlock'))
        for (const statement of part) outputs.add(statement);
      for (const each of Array.isArray(part) ? part : [part]) if (each !== undefined) waiting.push(each);
    }
  }
  return outputs;
}

/** A node whose value is known: the operand of an operation that is charged before it runs. */
const CONSTANT = 'Constant';
const constant = (value: Value): Node => ({ type: CONSTANT, constant: value });
const constantOf = (node: Node): Value => node.constant as Value;

/** Charges each evaluation, and each operation by the size of its operands before it runs. */
class BoundedInterpreter extends Base {
  readonly #sourceLength: number;
  readonly #outputs: ReadonlySet<unknown>;
  readonly #maxSteps: number;
  #steps = 0;
  #depth = 0;

  constructor(sourceLength: number, outputs: ReadonlySet<unknown>, maxSteps: number) {
    super(new Environment());
    this.#sourceLength = sourceLength;
    this.#outputs = outputs;
    this.#maxSteps = maxSteps;
    for (const [name, value] of [
      ['true', true],
      ['false', false],
      ['none', null],
    ] as const) {
      this.global.set(name, value);
      this.global.set(name.charAt(0).toUpperCase() + name.slice(1), value);
    }
    this.global.set('raise_exception', (message: string) => {
      throw new Error(message);
    });
    this.global.set('range', (...bounds: unknown[]) => this.#range(bounds));
  }

  #charge(steps: number): void {
    this.#steps += Math.ceil(steps);
    if (!(this.#steps <= this.#maxSteps)) throw new Error('it needs too many steps');
  }

  override evaluate(node: Node | undefined, scope: Scope): Value {
    if (node?.type === CONSTANT) return constantOf(node);
    this.#charge(1);
    if (++this.#depth > MAX_DEPTH) throw new Error('its parts are nested too deeply');
    try {
      return this.#evaluate(node, scope);
    } finally {
      this.#depth--;
    }
  }

  #evaluate(node: Node | undefined, scope: Scope): Value {
    const prepared = node && this.#prepare(node, scope);
    const value = super.evaluate(prepared, scope);
    if (isString(value)) {
      if (value.value.length > MAX_TEXT) throw new Error(`it makes a text of more than ${MAX_TEXT} characters`);
      this.#charge(value.value.length / JOINED);
    } else if (this.#outputs.has(node)) this.#charge(measure(value).size / WRITTEN);
    return prepared?.type === 'MemberExpression' ? this.#guard(prepared, value) : value;
  }

  /** Evaluates the operands of a node whose work depends on their size, charges that work, and returns the node with their values. */
  #prepare(node: Node, scope: Scope): Node | undefined {
    switch (node.type) {
      case 'Identifier':
        return this.#prepareName(node, scope);
      case 'Macro':
      case 'CallStatement':
        // The library searches the whole body for names.
        this.#charge(this.#sourceLength / SEARCHED);
        return node;
      case 'For':
        return this.#prepareLoop(node, scope);
      case 'BinaryExpression':
        return this.#prepareBinary(node, scope);
      case 'MemberExpression':
        return this.#prepareMember(node, scope);
      case 'CallExpression': {
        const args = this.#evaluateAll(node.args ?? [], scope);
        for (const { value } of args) this.#charge(countElements(value));
        return { ...node, args: args.map((each) => each.node) };
      }
      case 'FilterExpression':
        return this.#prepareFilter(node, this.evaluate(node.operand, scope), scope);
      case 'FilterStatement': {
        const rendered = this.evaluate({ type: 'Program', body: node.body }, scope);
        return this.#prepareFilter({ ...node, type: 'FilterExpression' }, rendered, scope);
      }
      default:
        return node;
    }
  }

  /** Returns no node for a name that has no value: the library's own search throws an error, which is slow. */
  #prepareName(node: Node, scope: Scope): Node | undefined {
    const name = String(node.value);
    let levels = 1;
    let found: Scope | undefined = scope;
    while (found !== undefined && !found.variables.has(name)) {
      found = found.parent;
      levels++;
    }
    this.#charge(levels / SCOPES);
    return found && node;
  }

  #prepareLoop(node: Node, scope: Scope): Node {
    const { iterable } = node;
    const isSelect = iterable?.type === 'SelectExpression';
    const value = this.evaluate(isSelect ? iterable.lhs : iterable, scope);
    this.#charge(countElements(value) * LOOP_STEPS);
    const known = constant(value);
    return { ...node, iterable: isSelect ? { ...iterable, lhs: known } : known };
  }

  #prepareBinary(node: Node, scope: Scope): Node {
    const operator = node.operator?.value ?? '';
    if (operator === 'and' || operator === 'or') return node;
    const [left, right] = [this.evaluate(node.left, scope), this.evaluate(node.right, scope)];
    const hasText = isString(left) || isString(right);
    for (const value of [left, right]) {
      if (isString(value)) this.#charge(value.value.length / COMPARED);
      else if (operator === '~' || (operator === '+' && hasText)) this.#charge(measure(value).size / WRITTEN);
      else if (operator !== '==' && operator !== '!=') this.#charge(countElements(value));
    }
    return { ...node, left: constant(left), right: constant(right) };
  }

  #prepareMember(node: Node, scope: Scope): Node {
    const object = this.evaluate(node.object, scope);
    const known = { ...node, object: constant(object) };
    if (node.property?.type === 'SliceExpression') {
      this.#charge(isString(object) ? object.value.length : countElements(object));
      return known;
    }
    return node.computed ? { ...known, property: constant(this.evaluate(node.property, scope)) } : known;
  }

  #prepareFilter(node: Node, operand: Value, scope: Scope): Node {
    const { filter } = node;
    const args = this.#evaluateAll(filter?.args ?? [], scope);
    this.#charge(computeSteps(String(filter?.callee?.value ?? filter?.value), operand, args));
    const known = filter?.args ? { ...filter, args: args.map((each) => each.node) } : filter;
    return { ...node, operand: constant(operand), filter: known };
  }

  /** Evaluates arguments as the library does: those with a name last. */
  #evaluateAll(args: readonly Node[], scope: Scope): readonly KnownArgument[] {
    const evaluated = new Map<Node, KnownArgument>();
    const isNamed = ({ type }: Node) => type === 'KeywordArgumentExpression' || type === 'KeywordSpreadExpression';
    for (const arg of [...args.filter((each) => !isNamed(each)), ...args.filter(isNamed)])
      evaluated.set(arg, this.#evaluateArgument(arg, scope));
    return args.map((arg) => evaluated.get(arg) as KnownArgument);
  }

  #evaluateArgument(arg: Node, scope: Scope): KnownArgument {
    switch (arg.type) {
      // Some filters take nothing else.
      case 'StringLiteral':
        return { node: arg, value: this.evaluate(arg, scope) };
      case 'KeywordArgumentExpression': {
        const value = this.evaluate(arg.value, scope);
        const name = String((arg.key as { readonly value?: unknown } | undefined)?.value);
        return { node: { ...arg, value: constant(value) }, value, name };
      }
      case 'SpreadExpression':
      case 'KeywordSpreadExpression': {
        const value = this.evaluate(arg.argument, scope);
        return { node: { ...arg, argument: constant(value) }, value };
      }
      default: {
        const value = this.evaluate(arg, scope);
        return { node: constant(value), value };
      }
    }
  }

  /** Returns the library's own methods of texts and objects so that they charge their work before they run. Other values stay. */
  #guard({ object, property, computed }: Node, value: Value): Value {
    if (object === undefined || property === undefined || typeof value.value !== 'function') return value;
    const receiver = constantOf(object);
    const name = String(computed ? constantOf(property).value : property.value);
    if (receiver.builtins.get(name) !== value) return value;
    const method = value.value as Method;
    const guarded: Method = (args, scope) => {
      const known = args.flatMap((arg): Argument[] =>
        arg.type === 'KeywordArgumentsValue'
          ? [...(arg.value as ReadonlyMap<string, Value>)].map(([key, each]) => ({ name: key, value: each }))
          : [{ value: arg }],
      );
      this.#charge(computeSteps(name, receiver, known));
      return method(args, scope);
    };
    return new (value.constructor as new (method: Method) => Value)(guarded);
  }

  /** Python's function, with its work charged. */
  #range(bounds: readonly unknown[]): number[] {
    const [first = 0, second, step = 1] = bounds.map(Number);
    const [start, stop] = second === undefined ? [0, first] : [first, second];
    if (step === 0) throw new Error('range() step must not be zero');
    const length = Math.max(0, Math.ceil((stop - start) / step)) || 0;
    this.#charge(length);
    return Array.from({ length }, (_, i) => start + i * step);
  }
}
