import { readTokens, type Token } from './lexer.ts';
import type { Arithmetic } from './operators.ts';
import type {
  Body,
  ComparisonOperator,
  Parameter,
  Target,
  TemplateExpression,
  TemplateStatement,
  WrittenArguments,
} from './syntax.ts';
import { TemplateError } from './values.ts';

/** Nested expressions and statements. */
const MAX_DEPTH = 400;
/** Of a whole number. */
const MAX_DIGITS = 1_000;

const NOTHING: WrittenArguments = { positional: [], named: [], list: undefined, dict: undefined };
const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
]);
const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
/** Names that end the argument of a test without parentheses. */
const AFTER_TEST: ReadonlySet<string> = new Set(['else', 'or', 'and', 'is']);
/** Filters whose result is safe HTML. */
const SAFE_FILTERS: ReadonlySet<string> = new Set(['safe', 'e', 'escape', 'forceescape']);
const ARGUMENT_STARTS: ReadonlySet<Token['kind']> = new Set(['name', 'text', 'int', 'float']);

/** Parses a template of jinja2's language, with loop controls. @throws TemplateError naming the line. */
export const parseTemplate = (source: string): readonly TemplateStatement[] => new Parser(readTokens(source)).parse();

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  /** Special names that the bodies around the place read. */
  readonly #reads: Set<string>[] = [];
  /** Expressions whose text is safe HTML. */
  readonly #safe = new WeakSet<TemplateExpression>();

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): readonly TemplateStatement[] {
    const body = this.#statements([]);
    if (this.#current.kind !== 'end') this.#fail(`unexpected '${this.#current.text}'`);
    return body;
  }

  get #current(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #fail(message: string): never {
    throw new TemplateError(`line ${this.#current.line}: ${message}`);
  }

  #nest<T>(run: () => T): T {
    if (++this.#depth > MAX_DEPTH) this.#fail('its parts are nested too deeply');
    const result = run();
    this.#depth--;
    return result;
  }

  #is(kind: Token['kind'], text?: string): boolean {
    return this.#current.kind === kind && (text === undefined || this.#current.text === text);
  }

  #skip(kind: Token['kind'], text?: string): boolean {
    if (!this.#is(kind, text)) return false;
    this.#at++;
    return true;
  }

  #expect(kind: Token['kind'], text?: string): string {
    const token = this.#current;
    if (this.#skip(kind, text)) return token.text;
    return this.#fail(`expected ${text ?? kind}, not '${token.text || token.kind}'`);
  }

  /** Parses statements up to one that begins with one of the names, which stays. */
  #statements(ends: readonly string[]): readonly TemplateStatement[] {
    return this.#nest(() => {
      const statements: TemplateStatement[] = [];
      for (;;) {
        const { kind, text } = this.#current;
        if (kind === 'end') return statements;
        this.#at++;
        if (kind === 'data') statements.push({ kind: 'data', text });
        else if (kind === 'expression-begin') {
          statements.push({ kind: 'output', value: this.#tuple() });
          this.#expect('expression-end');
        } else if (ends.includes(this.#current.text) && this.#is('name')) return statements;
        else statements.push(...this.#statement());
      }
    });
  }

  /** Parses the body of a statement and the tag that ends it. */
  #block(end: string): readonly TemplateStatement[] {
    this.#expect('statement-end');
    const body = this.#statements([end]);
    this.#expect('name', end);
    this.#expect('statement-end');
    return body;
  }

  #statement(): readonly TemplateStatement[] {
    const keyword = this.#expect('name');
    switch (keyword) {
      case 'if':
        return [this.#if()];
      case 'for':
        return [this.#for()];
      case 'set':
        return [this.#set()];
      case 'macro':
        return [this.#macro()];
      case 'call':
        return [this.#callBlock()];
      case 'filter': {
        const filter = this.#filters(undefined, true);
        return [{ kind: 'filter-block', filter, body: this.#block('endfilter') }];
      }
      case 'with':
        return [this.#with()];
      case 'block':
        this.#expect('name');
        return [{ kind: 'scope', body: this.#namedBlock('endblock') }];
      case 'generation':
        return [{ kind: 'scope', body: this.#block('endgeneration') }];
      case 'print': {
        const values = [this.#expression()];
        while (this.#skip('operator', ',')) values.push(this.#expression());
        this.#expect('statement-end');
        return values.map((value) => ({ kind: 'output', value }));
      }
      case 'break':
      case 'continue':
        this.#expect('statement-end');
        return [{ kind: keyword }];
      default:
        return this.#fail(`unknown tag '${keyword}'`);
    }
  }

  /** A block whose last tag may repeat its name. */
  #namedBlock(end: string): readonly TemplateStatement[] {
    this.#expect('statement-end');
    const body = this.#statements([end]);
    this.#expect('name', end);
    this.#skip('name');
    this.#expect('statement-end');
    return body;
  }

  #if(): TemplateStatement {
    const branches: (readonly [TemplateExpression, readonly TemplateStatement[]])[] = [];
    let otherwise: readonly TemplateStatement[] = [];
    for (;;) {
      const test = this.#tuple({ withChoice: false });
      this.#expect('statement-end');
      branches.push([test, this.#statements(['elif', 'else', 'endif'])]);
      if (this.#skip('name', 'elif')) continue;
      if (this.#skip('name', 'else')) otherwise = this.#block('endif');
      else {
        this.#expect('name', 'endif');
        this.#expect('statement-end');
      }
      return { kind: 'if', branches, otherwise };
    }
  }

  #for(): TemplateStatement {
    const target = this.#target(false);
    this.#expect('name', 'in');
    const items = this.#tuple({ withChoice: false, ends: ['recursive'] });
    const test = this.#skip('name', 'if') ? this.#expression() : undefined;
    const isRecursive = this.#skip('name', 'recursive');
    this.#expect('statement-end');
    const body = this.#statements(['endfor', 'else']);
    let otherwise: readonly TemplateStatement[] = [];
    if (this.#skip('name', 'else')) otherwise = this.#block('endfor');
    else {
      this.#expect('name', 'endfor');
      this.#expect('statement-end');
    }
    return { kind: 'for', target, items, test, body, otherwise, isRecursive };
  }

  #set(): TemplateStatement {
    const target = this.#target(true);
    if (this.#skip('operator', '=')) {
      const value = this.#tuple();
      this.#expect('statement-end');
      return { kind: 'set', target, value };
    }
    const filter = this.#is('operator', '|') ? this.#filters(undefined) : undefined;
    return { kind: 'set-block', target, filter, body: this.#block('endset') };
  }

  #macro(): TemplateStatement {
    const name = this.#expect('name');
    return { kind: 'macro', macro: this.#body(name, () => this.#parameters(), 'endmacro') };
  }

  #callBlock(): TemplateStatement {
    const parameters = this.#is('operator', '(') ? this.#parameters() : [];
    const call = this.#unary();
    if (call.kind !== 'call') this.#fail('expected call');
    return { kind: 'call-block', call, caller: this.#body('caller', () => parameters, 'endcall') };
  }

  #body(name: string, readParameters: () => readonly Parameter[], end: string): Body {
    const reads = new Set<string>();
    this.#reads.push(reads);
    const parameters = readParameters();
    const body = this.#block(end);
    this.#reads.pop();
    return { name, parameters, body, reads };
  }

  #parameters(): readonly Parameter[] {
    this.#expect('operator', '(');
    const parameters: Parameter[] = [];
    while (!this.#is('operator', ')')) {
      if (parameters.length > 0) this.#expect('operator', ',');
      const name = this.#expect('name');
      parameters.push({ name, absent: this.#skip('operator', '=') ? this.#expression() : undefined });
    }
    this.#expect('operator', ')');
    return parameters;
  }

  #with(): TemplateStatement {
    const values: (readonly [Target, TemplateExpression])[] = [];
    while (!this.#is('statement-end')) {
      if (values.length > 0) this.#expect('operator', ',');
      const target = this.#target(false);
      this.#expect('operator', '=');
      values.push([target, this.#expression()]);
    }
    return { kind: 'with', values, body: this.#block('endwith') };
  }

  #target(mayBeMember: boolean): Target {
    const targets: Target[] = [];
    let isTuple = false;
    do {
      if (targets.length > 0 && (this.#is('name', 'in') || !(this.#is('name') || this.#is('operator', '(')))) break;
      targets.push(this.#oneTarget(mayBeMember));
      isTuple ||= this.#is('operator', ',');
    } while (this.#skip('operator', ','));
    return isTuple ? { kind: 'targets', targets } : (targets[0] as Target);
  }

  #oneTarget(mayBeMember: boolean): Target {
    if (this.#skip('operator', '(')) {
      const target = this.#nest(() => this.#target(mayBeMember));
      this.#expect('operator', ')');
      return target;
    }
    const name = this.#expect('name');
    if (CONSTANTS.has(name)) this.#fail(`can't assign to '${name}'`);
    if (mayBeMember && this.#skip('operator', '.')) return { kind: 'member', name, member: this.#expect('name') };
    return { kind: 'name', name };
  }

  /** Parses an expression, or several that commas join to a tuple. */
  #tuple({ withChoice = true, ends = [] as readonly string[], isInParentheses = false } = {}): TemplateExpression {
    const items: TemplateExpression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.#expect('operator', ',');
      const isEnd =
        this.#is('expression-end') ||
        this.#is('statement-end') ||
        this.#is('operator', ')') ||
        (this.#is('name') && ends.includes(this.#current.text));
      if (isEnd) break;
      items.push(withChoice ? this.#expression() : this.#or());
      if (!this.#is('operator', ',')) break;
      isTuple = true;
    }
    const [first] = items;
    if (!isTuple && first !== undefined) return first;
    if (!isTuple && !isInParentheses) this.#fail('expected an expression');
    return { kind: 'tuple', items };
  }

  #expression(): TemplateExpression {
    return this.#nest(() => {
      let expression = this.#or();
      while (this.#skip('name', 'if')) {
        const test = this.#or();
        const no = this.#skip('name', 'else') ? this.#expression() : undefined;
        expression = { kind: 'choice', test, yes: expression, no };
      }
      return expression;
    });
  }

  #or(): TemplateExpression {
    let left = this.#and();
    while (this.#skip('name', 'or')) left = { kind: 'or', left, right: this.#and() };
    return left;
  }

  #and(): TemplateExpression {
    let left = this.#not();
    while (this.#skip('name', 'and')) left = { kind: 'and', left, right: this.#not() };
    return left;
  }

  #not(): TemplateExpression {
    if (this.#skip('name', 'not')) return this.#nest(() => ({ kind: 'not', operand: this.#not() }));
    return this.#comparison();
  }

  #comparison(): TemplateExpression {
    const first = this.#sum();
    const others: (readonly [ComparisonOperator, TemplateExpression])[] = [];
    for (;;) {
      const { kind, text } = this.#current;
      const next = this.#tokens[this.#at + 1];
      if (kind === 'operator' && COMPARISONS.has(text)) {
        this.#at++;
        others.push([text as ComparisonOperator, this.#sum()]);
      } else if (this.#skip('name', 'in')) others.push(['in', this.#sum()]);
      else if (kind === 'name' && text === 'not' && next?.kind === 'name' && next.text === 'in') {
        this.#at += 2;
        others.push(['not in', this.#sum()]);
      } else return others.length > 0 ? { kind: 'comparison', first, others } : first;
    }
  }

  #chain(operators: readonly string[], readOperand: () => TemplateExpression): TemplateExpression {
    let left = readOperand();
    while (this.#current.kind === 'operator' && operators.includes(this.#current.text)) {
      const operator = this.#current.text as Arithmetic;
      this.#at++;
      const right = readOperand();
      left = operator === '+' ? this.#add(left, right) : { kind: 'arithmetic', operator, left, right };
    }
    return left;
  }

  /** A sum with a safe text is safe: the other text is escaped. */
  #add(left: TemplateExpression, right: TemplateExpression): TemplateExpression {
    const [isSafe, isOtherSafe] = [this.#safe.has(left), this.#safe.has(right)];
    const sum: TemplateExpression = {
      ...{ kind: 'arithmetic', operator: '+' },
      left: isOtherSafe && !isSafe ? { kind: 'escaped', operand: left } : left,
      right: isSafe && !isOtherSafe ? { kind: 'escaped', operand: right } : right,
    };
    if (isSafe || isOtherSafe) this.#safe.add(sum);
    return sum;
  }

  #sum(): TemplateExpression {
    return this.#chain(['+', '-'], () => this.#concatenation());
  }

  #concatenation(): TemplateExpression {
    const parts = [this.#product()];
    while (this.#skip('operator', '~')) parts.push(this.#product());
    return parts.length > 1 ? { kind: 'concatenation', parts } : (parts[0] as TemplateExpression);
  }

  #product(): TemplateExpression {
    return this.#chain(['*', '/', '//', '%'], () => this.#chain(['**'], () => this.#unary()));
  }

  #unary(takesFilters = true): TemplateExpression {
    return this.#nest(() => {
      let expression: TemplateExpression;
      if (this.#skip('operator', '-')) expression = { kind: 'negative', operand: this.#unary(false) };
      else if (this.#skip('operator', '+')) expression = { kind: 'positive', operand: this.#unary(false) };
      else expression = this.#primary();
      expression = this.#postfix(expression);
      return takesFilters ? this.#filters(expression) : expression;
    });
  }

  #primary(): TemplateExpression {
    const { kind, text } = this.#current;
    this.#at++;
    switch (kind) {
      case 'name': {
        const constant = CONSTANTS.get(text);
        if (constant !== undefined) return { kind: 'constant', value: constant };
        for (const reads of this.#reads) reads.add(text);
        return { kind: 'name', name: text };
      }
      case 'text': {
        const texts = [text];
        while (this.#is('text')) texts.push(this.#expect('text'));
        return { kind: 'constant', value: texts.join('') };
      }
      case 'int':
        if (text.length > MAX_DIGITS) this.#fail(`a number has more than ${MAX_DIGITS} digits`);
        return { kind: 'constant', value: BigInt(text.replaceAll('_', '')) };
      case 'float':
        return { kind: 'constant', value: Number(text.replaceAll('_', '')) };
      case 'operator':
        if (text === '(') {
          const inner = this.#tuple({ isInParentheses: true });
          this.#expect('operator', ')');
          return inner;
        }
        if (text === '[') return { kind: 'list', items: this.#items(']', () => this.#expression()) };
        if (text === '{') return { kind: 'dict', members: this.#items('}', () => this.#member()) };
    }
    this.#at--;
    return this.#fail(`unexpected '${text || kind}'`);
  }

  #member(): readonly [TemplateExpression, TemplateExpression] {
    const key = this.#expression();
    this.#expect('operator', ':');
    return [key, this.#expression()];
  }

  #items<T>(end: string, readItem: () => T): readonly T[] {
    const items: T[] = [];
    while (!this.#is('operator', end)) {
      if (items.length > 0) this.#expect('operator', ',');
      if (this.#is('operator', end)) break;
      items.push(readItem());
    }
    this.#expect('operator', end);
    return items;
  }

  #postfix(start: TemplateExpression): TemplateExpression {
    let expression = start;
    for (;;) {
      if (this.#skip('operator', '.')) expression = this.#attribute(expression);
      else if (this.#skip('operator', '[')) expression = this.#subscript(expression);
      else if (this.#is('operator', '(')) expression = { kind: 'call', callee: expression, given: this.#arguments() };
      else return expression;
    }
  }

  #attribute(object: TemplateExpression): TemplateExpression {
    if (this.#is('int')) return { kind: 'item', object, key: { kind: 'constant', value: BigInt(this.#expect('int')) } };
    return { kind: 'attribute', object, name: this.#expect('name') };
  }

  #subscript(object: TemplateExpression): TemplateExpression {
    const keys: TemplateExpression[] = [];
    let bounds: readonly (TemplateExpression | undefined)[] | undefined;
    while (!this.#is('operator', ']')) {
      if (keys.length > 0) this.#expect('operator', ',');
      const first = this.#is('operator', ':') ? undefined : this.#expression();
      if (first !== undefined && !this.#is('operator', ':')) keys.push(first);
      else {
        bounds = this.#bounds(first);
        break;
      }
    }
    this.#expect('operator', ']');
    if (bounds !== undefined && keys.length === 0) return { kind: 'slice', object, bounds };
    const [key] = keys;
    if (key === undefined || bounds !== undefined) return this.#fail('expected a subscript');
    return { kind: 'item', object, key: keys.length === 1 ? key : { kind: 'tuple', items: keys } };
  }

  #bounds(start: TemplateExpression | undefined): readonly (TemplateExpression | undefined)[] {
    const bounds = [start];
    while (bounds.length < 3 && this.#skip('operator', ':')) {
      const isAbsent = this.#is('operator', ':') || this.#is('operator', ']');
      bounds.push(isAbsent ? undefined : this.#expression());
    }
    return bounds;
  }

  #arguments(): WrittenArguments {
    this.#expect('operator', '(');
    const positional: TemplateExpression[] = [];
    const named: (readonly [string, TemplateExpression])[] = [];
    let [list, dict]: (TemplateExpression | undefined)[] = [];
    let isFirst = true;
    while (!this.#is('operator', ')')) {
      if (!isFirst) this.#expect('operator', ',');
      if (this.#is('operator', ')')) break;
      isFirst = false;
      const next = this.#tokens[this.#at + 1];
      if (this.#skip('operator', '*')) list = this.#expression();
      else if (this.#skip('operator', '**')) dict = this.#expression();
      else if (this.#is('name') && next?.kind === 'operator' && next.text === '=') {
        const name = this.#expect('name');
        this.#expect('operator', '=');
        named.push([name, this.#expression()]);
      } else if (named.length > 0 || dict !== undefined) this.#fail('invalid syntax for function call expression');
      else positional.push(this.#expression());
    }
    this.#expect('operator', ')');
    return { positional, named, list, dict };
  }

  /** Parses filters, tests and calls after an operand. @param isBlock whether the first filter has no `|` before it. */
  #filters(operand: TemplateExpression, isBlock?: boolean): TemplateExpression;
  #filters(operand: undefined, isBlock?: boolean): TemplateExpression;
  #filters(operand: TemplateExpression | undefined, isBlock = false): TemplateExpression {
    let expression = operand;
    let isFirst = isBlock;
    for (;;) {
      if (isFirst || this.#skip('operator', '|')) {
        isFirst = false;
        const name = this.#dottedName();
        const given = this.#is('operator', '(') ? this.#arguments() : NOTHING;
        expression = { kind: 'filter', name, operand: expression, given };
        if (SAFE_FILTERS.has(name)) this.#safe.add(expression);
      } else if (operand !== undefined && this.#skip('name', 'is'))
        expression = this.#test(expression as TemplateExpression);
      else if (operand !== undefined && this.#is('operator', '('))
        expression = { kind: 'call', callee: expression as TemplateExpression, given: this.#arguments() };
      else return expression as TemplateExpression;
    }
  }

  #dottedName(): string {
    let name = this.#expect('name');
    while (this.#skip('operator', '.')) name += `.${this.#expect('name')}`;
    return name;
  }

  #test(operand: TemplateExpression): TemplateExpression {
    const isNegated = this.#skip('name', 'not');
    const name = this.#dottedName();
    let given = NOTHING;
    const { kind, text } = this.#current;
    if (this.#is('operator', '(')) given = this.#arguments();
    else if (
      (ARGUMENT_STARTS.has(kind) && !(kind === 'name' && AFTER_TEST.has(text))) ||
      (kind === 'operator' && (text === '[' || text === '{'))
    )
      given = { ...NOTHING, positional: [this.#postfix(this.#primary())] };
    else if (kind === 'name' && text === 'is') this.#fail('tests cannot be chained with is');
    const test: TemplateExpression = { kind: 'test', name, operand, given };
    return isNegated ? { kind: 'not', operand: test } : test;
  }
}
