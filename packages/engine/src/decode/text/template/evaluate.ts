import { toCount } from './arguments.ts';
import { FILTERS, type Runtime } from './filters.ts';
import { readAttribute, readItem } from './lookup.ts';
import type { Meter } from './meter.ts';
import { calculate, compare, contains, isEqual, join, slice } from './operators.ts';
import { TESTS } from './predicates.ts';
import type {
  Body,
  ComparisonOperator,
  Target,
  TemplateExpression,
  TemplateStatement,
  WrittenArguments,
} from './syntax.ts';
import {
  type Arguments,
  Attributes,
  Callable,
  DictBuilder,
  failType,
  findLength,
  isDict,
  isNumber,
  isTrue,
  iterate,
  Namespace,
  nameType,
  orElse,
  RangeValue,
  TemplateError,
  Tuple,
  Undefined,
  type Value,
} from './values.ts';
import { escapeHtml, writeText } from './write.ts';

/** Steps for one pass of a loop, which gets names of its own. */
const LOOP_STEPS = 4;
/** The most items of a range, as in the sandbox of jinja2. */
const MAX_RANGE = 100_000;

/** Names with their values. A name that is missing is looked up further out. */
class Scope {
  readonly #values = new Map<string, Value>();
  readonly #parent: Scope | undefined;
  constructor(parent?: Scope) {
    this.#parent = parent;
  }
  get(name: string): Value | undefined {
    const value = this.#values.get(name);
    return value === undefined ? this.#parent?.get(name) : value;
  }
  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}

/** How a list of statements ended. */
type End = 'done' | 'break' | 'continue';

/** Runs a template. @param fields the names that it starts with. @throws TemplateError */
export function runTemplate(
  statements: readonly TemplateStatement[],
  { fields, meter }: { readonly fields: ReadonlyMap<string, Value>; readonly meter: Meter },
): string {
  const scope = new Scope(createGlobals(meter));
  for (const [name, value] of fields) scope.set(name, value);
  return new Evaluator(meter).render(statements, scope);
}

function createGlobals(meter: Meter): Scope {
  const scope = new Scope();
  const define = (name: string, call: (given: Arguments) => Value): void => scope.set(name, new Callable(name, call));
  define('range', ({ positional }) => createRange(meter, positional));
  define('dict', (given) => createDict(meter, given));
  define('namespace', (given) => new Namespace(createDict(meter, given) as Map<string, Value>));
  define('raise_exception', ({ positional: [message = ''] }) => failType(writeText(meter, message)));
  define('cycler', ({ positional }) => {
    let at = 0;
    const current = (): Value => orElse(positional[at], () => failType('at least one item has to be provided'));
    const next = (): Value => {
      const value = current();
      at = (at + 1) % positional.length;
      return value;
    };
    const reset = (): Value => {
      at = 0;
      return null;
    };
    return new Attributes('Cycler', (name) =>
      name === 'current'
        ? current()
        : name === 'next'
          ? new Callable(name, next)
          : name === 'reset'
            ? new Callable(name, reset)
            : undefined,
    );
  });
  define('joiner', ({ positional: [separator = ', '] }) => {
    let isUsed = false;
    return new Callable('joiner', () => {
      if (isUsed) return separator;
      isUsed = true;
      return '';
    });
  });
  return scope;
}

function createRange(meter: Meter, bounds: readonly Value[]): RangeValue {
  if (bounds.length < 1 || bounds.length > 3) failType(`range expected 1 to 3 arguments, got ${bounds.length}`);
  const [first = 0, second, step = 1] = bounds.map((bound) => toCount(bound, 0));
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (step === 0) failType('range() arg 3 must not be zero');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > MAX_RANGE) failType(`range has more than ${MAX_RANGE} items`);
  meter.charge(length);
  const items = Array.from({ length }, (_, i) => BigInt(start + i * step));
  return new RangeValue([BigInt(start), BigInt(stop), BigInt(step)], items);
}

function createDict(meter: Meter, { positional: [base], named }: Arguments): ReadonlyMap<Value, Value> {
  const dict = new DictBuilder();
  if (base !== undefined) meter.charge(findLength(base) ?? 0);
  if (base !== undefined && isDict(base)) for (const [key, value] of base) dict.set(key, value);
  else if (base !== undefined)
    for (const pair of iterate(base)) {
      const [key, value] = iterate(pair);
      if (key === undefined || value === undefined) failType('dict takes pairs');
      dict.set(key as Value, value as Value);
    }
  for (const [key, value] of named) dict.set(key, value);
  return dict.finish();
}

class Evaluator implements Runtime {
  readonly meter: Meter;

  constructor(meter: Meter) {
    this.meter = meter;
  }

  filter = (name: string, operand: Value, given: Arguments): Value => {
    const filter = FILTERS.get(name) ?? failType(`No filter named '${name}'`);
    return filter(operand, given, this);
  };

  test = (name: string, operand: Value, given: Arguments): boolean => {
    const test = TESTS.get(name) ?? failType(`No test named '${name}'`);
    return test(operand, given, this);
  };

  render(statements: readonly TemplateStatement[], scope: Scope): string {
    const output: string[] = [];
    this.#runAll(statements, scope, output);
    const text = output.join('');
    this.meter.read(text.length);
    return text;
  }

  #write(text: string, output: string[]): void {
    this.meter.read(text.length);
    output.push(text);
  }

  #runAll(statements: readonly TemplateStatement[], scope: Scope, output: string[]): End {
    for (const statement of statements) {
      const end = this.#run(statement, scope, output);
      if (end !== 'done') return end;
    }
    return 'done';
  }

  #run(statement: TemplateStatement, scope: Scope, output: string[]): End {
    return this.meter.nest(() => this.#runNested(statement, scope, output));
  }

  #runNested(statement: TemplateStatement, scope: Scope, output: string[]): End {
    switch (statement.kind) {
      case 'data':
        this.#write(statement.text, output);
        return 'done';
      case 'output':
        this.#write(writeText(this.meter, this.evaluate(statement.value, scope)), output);
        return 'done';
      case 'if': {
        const branch = statement.branches.find(([test]) => isTrue(this.evaluate(test, scope)));
        return this.#runAll(branch?.[1] ?? statement.otherwise, scope, output);
      }
      case 'for':
        this.#loop(statement, this.evaluate(statement.items, scope), { scope, output, depth: 0 });
        return 'done';
      case 'set':
        this.#assign(statement.target, this.evaluate(statement.value, scope), scope);
        return 'done';
      case 'set-block': {
        const text = this.render(statement.body, new Scope(scope));
        this.#assign(
          statement.target,
          statement.filter ? this.#filterText(statement.filter, text, scope) : text,
          scope,
        );
        return 'done';
      }
      case 'macro':
        scope.set(statement.macro.name, this.#createMacro(statement.macro, scope));
        return 'done';
      case 'call-block': {
        const { call, caller } = statement;
        const value = this.#call(
          call as TemplateExpression & { kind: 'call' },
          scope,
          this.#createMacro(caller, scope),
        );
        this.#write(writeText(this.meter, value), output);
        return 'done';
      }
      case 'filter-block': {
        const text = this.render(statement.body, new Scope(scope));
        this.#write(writeText(this.meter, this.#filterText(statement.filter, text, scope)), output);
        return 'done';
      }
      case 'with': {
        const inner = new Scope(scope);
        for (const [target, value] of statement.values) this.#assign(target, this.evaluate(value, scope), inner);
        return this.#runAll(statement.body, inner, output);
      }
      case 'scope':
        return this.#runAll(statement.body, new Scope(scope), output);
      case 'break':
      case 'continue':
        return statement.kind;
    }
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.kind === 'name') scope.set(target.name, value);
    else if (target.kind === 'member') {
      const object = scope.get(target.name);
      if (!(object instanceof Namespace)) failType('cannot assign attribute on non-namespace object');
      (object as Namespace).members.set(target.member, value);
    } else {
      const values = [...iterate(value)];
      if (values.length !== target.targets.length)
        failType(`expected ${target.targets.length} values to unpack, got ${values.length}`);
      target.targets.forEach((each, i) => {
        this.#assign(each, values[i] as Value, scope);
      });
    }
  }

  #loop(
    statement: TemplateStatement & { kind: 'for' },
    items: Value,
    { scope, output, depth }: { readonly scope: Scope; readonly output: string[]; readonly depth: number },
  ): void {
    const passed: Value[] = [];
    for (const item of iterate(items)) {
      this.meter.charge(LOOP_STEPS);
      if (statement.test !== undefined) {
        const inner = new Scope(scope);
        this.#assign(statement.target, item, inner);
        if (!isTrue(this.evaluate(statement.test, inner))) continue;
      }
      passed.push(item);
    }
    const loop = new Loop(
      passed,
      depth,
      statement.isRecursive
        ? (inner) => {
            const written: string[] = [];
            this.meter.nest(() => this.#loop(statement, inner, { scope, output: written, depth: depth + 1 }));
            const text = written.join('');
            this.meter.read(text.length);
            return text;
          }
        : undefined,
      this.meter,
    );
    for (const item of passed) {
      loop.index++;
      const inner = new Scope(scope);
      inner.set('loop', loop.value);
      this.#assign(statement.target, item, inner);
      if (this.#runAll(statement.body, inner, output) === 'break') break;
    }
    if (passed.length === 0) this.#runAll(statement.otherwise, new Scope(scope), output);
  }

  #createMacro(macro: Body, scope: Scope): Callable {
    const { name, parameters, body, reads } = macro;
    return new Callable(name, ({ positional, named }) => {
      const inner = new Scope(scope);
      const left = new Map(named);
      parameters.forEach((parameter, i) => {
        let value = i < positional.length ? positional[i] : left.get(parameter.name);
        if (i >= positional.length) left.delete(parameter.name);
        if (value === undefined)
          value = parameter.absent
            ? this.evaluate(parameter.absent, inner)
            : new Undefined(`parameter '${parameter.name}' was not provided`);
        inner.set(parameter.name, value);
      });
      if (reads.has('caller') && !parameters.some((each) => each.name === 'caller')) {
        inner.set('caller', left.get('caller') ?? new Undefined('No caller defined'));
        left.delete('caller');
      }
      if (reads.has('kwargs')) inner.set('kwargs', left);
      else for (const key of left.keys()) failType(`macro '${name}' takes no keyword argument '${key}'`);
      const more = positional.slice(parameters.length);
      if (reads.has('varargs')) inner.set('varargs', new Tuple(more));
      else if (more.length > 0) failType(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
      return this.render(body, inner);
    });
  }

  #filterText(filter: TemplateExpression, text: string, scope: Scope): Value {
    if (filter.kind !== 'filter') return failType('expected a filter');
    const operand = filter.operand === undefined ? text : this.#filterText(filter.operand, text, scope);
    return this.filter(filter.name, operand, this.#readArguments(filter.given, scope));
  }

  evaluate(expression: TemplateExpression, scope: Scope): Value {
    return this.meter.nest(() => this.#evaluate(expression, scope));
  }

  #evaluate(expression: TemplateExpression, scope: Scope): Value {
    switch (expression.kind) {
      case 'constant':
        return expression.value;
      case 'name':
        return orElse(scope.get(expression.name), () => new Undefined(`'${expression.name}' is undefined`));
      case 'list':
        return expression.items.map((item) => this.evaluate(item, scope));
      case 'tuple':
        return new Tuple(expression.items.map((item) => this.evaluate(item, scope)));
      case 'dict': {
        const dict = new DictBuilder();
        for (const [key, value] of expression.members) dict.set(this.evaluate(key, scope), this.evaluate(value, scope));
        return dict.finish();
      }
      case 'choice':
        if (isTrue(this.evaluate(expression.test, scope))) return this.evaluate(expression.yes, scope);
        return expression.no
          ? this.evaluate(expression.no, scope)
          : new Undefined('the inline if-expression evaluated to false and no else section was defined');
      case 'and':
      case 'or': {
        const left = this.evaluate(expression.left, scope);
        return isTrue(left) === (expression.kind === 'and') ? this.evaluate(expression.right, scope) : left;
      }
      case 'not':
        return !isTrue(this.evaluate(expression.operand, scope));
      case 'negative':
      case 'positive': {
        const value = this.evaluate(expression.operand, scope);
        if (value instanceof Undefined) value.fail();
        if (!isNumber(value)) return failType(`bad operand type for unary operator: '${nameType(value)}'`);
        const number = typeof value === 'boolean' ? BigInt(value) : value;
        return expression.kind === 'negative' ? -number : number;
      }
      case 'comparison':
        return this.#compareAll(expression, scope);
      case 'arithmetic': {
        const [left, right] = [this.evaluate(expression.left, scope), this.evaluate(expression.right, scope)];
        return calculate(this.meter, expression.operator, left, right);
      }
      case 'escaped': {
        const value = this.evaluate(expression.operand, scope);
        return typeof value === 'string' ? escapeHtml(this.meter, value) : value;
      }
      case 'concatenation':
        return join(
          this.meter,
          expression.parts.map((part) => this.evaluate(part, scope)),
        );
      case 'attribute':
        return readAttribute(this.meter, this.evaluate(expression.object, scope), expression.name);
      case 'item': {
        const object = this.evaluate(expression.object, scope);
        return readItem(this.meter, object, this.evaluate(expression.key, scope));
      }
      case 'slice': {
        const object = this.evaluate(expression.object, scope);
        if (object instanceof Undefined) object.fail();
        const [start = null, stop = null, step = null] = expression.bounds.map((bound) =>
          bound === undefined ? null : this.evaluate(bound, scope),
        );
        return slice(this.meter, object, { start, stop, step });
      }
      case 'call':
        return this.#call(expression, scope);
      case 'filter': {
        const operand = this.evaluate(expression.operand as TemplateExpression, scope);
        return this.filter(expression.name, operand, this.#readArguments(expression.given, scope));
      }
      case 'test': {
        const operand = this.evaluate(expression.operand as TemplateExpression, scope);
        return this.test(expression.name, operand, this.#readArguments(expression.given, scope));
      }
    }
  }

  #compareAll({ first, others }: TemplateExpression & { kind: 'comparison' }, scope: Scope): boolean {
    let left = this.evaluate(first, scope);
    for (const [operator, operand] of others) {
      const right = this.evaluate(operand, scope);
      if (!this.#compare(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #compare(operator: ComparisonOperator, left: Value, right: Value): boolean {
    const { meter } = this;
    switch (operator) {
      case '==':
        return isEqual(meter, left, right);
      case '!=':
        return !isEqual(meter, left, right);
      case 'in':
        return contains(meter, right, left);
      case 'not in':
        return !contains(meter, right, left);
      case '<':
        return compare(meter, left, right, operator) < 0;
      case '<=':
        return compare(meter, left, right, operator) <= 0;
      case '>':
        return compare(meter, left, right, operator) > 0;
      case '>=':
        return compare(meter, left, right, operator) >= 0;
    }
  }

  #readArguments({ positional, named, list, dict }: WrittenArguments, scope: Scope): Arguments {
    const values = positional.map((value) => this.evaluate(value, scope));
    for (const value of list === undefined ? [] : iterate(this.evaluate(list, scope))) {
      this.meter.charge(1);
      values.push(value);
    }
    const byName = new Map<string, Value>();
    for (const [name, value] of named) byName.set(name, this.evaluate(value, scope));
    const more = dict === undefined ? new Map() : this.evaluate(dict, scope);
    if (!isDict(more)) failType('argument after ** must be a mapping');
    this.meter.charge((more as ReadonlyMap<Value, Value>).size);
    for (const [name, value] of more as ReadonlyMap<Value, Value>)
      byName.set(typeof name === 'string' ? name : failType('keywords must be strings'), value);
    return { positional: values, named: byName };
  }

  #call({ callee, given }: TemplateExpression & { kind: 'call' }, scope: Scope, caller?: Callable): Value {
    const value = this.evaluate(callee, scope);
    const { positional, named } = this.#readArguments(given, scope);
    const all = caller === undefined ? named : new Map([...named, ['caller', caller as Value]]);
    if (value instanceof Undefined) value.fail();
    if (value instanceof Callable || (value instanceof Attributes && value.call !== undefined))
      return this.meter.nest(() => (value.call as Callable['call'])({ positional, named: all }));
    return failType(`'${nameType(value)}' object is not callable`);
  }
}

/** The variable `loop` of a running loop. */
class Loop {
  index = 0;
  readonly value: Attributes;
  #changed: Value | undefined;

  constructor(items: readonly Value[], depth: number, recurse: ((items: Value) => string) | undefined, meter: Meter) {
    const read = (name: string): Value | undefined => {
      const { index } = this;
      switch (name) {
        case 'index':
          return BigInt(index);
        case 'index0':
          return BigInt(index - 1);
        case 'revindex':
          return BigInt(items.length - index + 1);
        case 'revindex0':
          return BigInt(items.length - index);
        case 'first':
          return index === 1;
        case 'last':
          return index === items.length;
        case 'length':
          return BigInt(items.length);
        case 'depth':
          return BigInt(depth + 1);
        case 'depth0':
          return BigInt(depth);
        case 'previtem':
          return orElse(items[index - 2], () => new Undefined('there is no previous item'));
        case 'nextitem':
          return orElse(items[index], () => new Undefined('there is no next item'));
        case 'cycle':
          return new Callable(name, ({ positional }) =>
            positional.length === 0
              ? failType('no items for cycling given')
              : (positional[(index - 1) % positional.length] as Value),
          );
        case 'changed':
          return new Callable(name, ({ positional }) => {
            const isSame = this.#changed !== undefined && isEqual(meter, this.#changed, positional);
            this.#changed = positional;
            return !isSame;
          });
        default:
          return undefined;
      }
    };
    this.value = new Attributes('LoopContext', read, ({ positional: [inner = null] }) => {
      if (recurse === undefined)
        throw new TemplateError("The loop must have the 'recursive' marker to be called recursively.");
      return recurse(inner);
    });
  }
}
