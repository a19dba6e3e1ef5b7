import { ProtocolError, utf8Decode } from '../../../base/bytes.ts';
import { type ExactJson, parseExactMember } from '../../../base/exact-json.ts';
import { applyRules, type DroppedFields, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import type { AnswerTerms } from '../answer/answer-parser.ts';
import { ALLOWED_TOOLS_FIELDS, FUNCTION_FIELDS, TOOL_FIELDS } from '../fields/chat-fields.ts';
import { GrammarError } from '../grammar/grammar-error.ts';
import { quote } from '../grammar/schema/literals.ts';
import { createSchemaRules, type SchemaRules } from '../grammar/schema/schema-grammar.ts';
import { readGrammar } from './answer-grammar.ts';
import { parseText } from './chat-messages.ts';
import { measureJson } from './json-size.ts';

/** A function that the client runs. */
export interface OfferedTool {
  readonly name: string;
  readonly description?: string;
  /** JSON schema of its arguments. */
  readonly parameters: Fields;
}

/** A tool as its request has it: no number and no order of keys is lost. */
export interface WrittenTool extends Omit<OfferedTool, 'parameters'> {
  readonly parameters: ExactJson | Fields;
}

/** The tool settings of a request. */
export interface ToolUse {
  /** Empty if the answer must not call any. */
  readonly tools: readonly OfferedTool[];
  /** Names of the tools if the answer must be a call of one of them; undefined if it may be anything. */
  readonly forced: readonly string[] | undefined;
  /** Whether an answer under a grammar may have several calls. */
  readonly areSeveral: boolean;
  /** Settings that are not enforced without a grammar. */
  readonly unenforced: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

export const MAX_TOOLS = 128;
/** Characters of function names in the APIs that offer them. */
const NAME = /^[\w.:/-]{1,128}$/;
/** The most calls in one answer under a grammar. */
const MAX_CALLS = 16;

const NO_PARAMETERS: Fields = { type: 'object', properties: {} };

/** @param collected receives the dropped fields, and the tools that only another server could run. @throws RequestError */
export function parseToolUse(fields: Fields, collected: DroppedFields = { dropped: [] }): ToolUse {
  const { tools, strict } = parseTools(collected, fields.tools);
  const names = tools.map(({ name }) => name);
  const choice = parseChoice(collected, fields.tool_choice, new Set(names));
  const { parallel_tool_calls: parallel } = fields;
  if (!isAbsent(parallel) && typeof parallel !== 'boolean') {
    throw new RequestError('parallel_tool_calls must be a boolean', 'parallel_tool_calls');
  }
  const { mode, name, allowed = names } = choice;
  const forced = mode !== 'required' ? undefined : name === undefined ? allowed : [name];
  const isFree = tools.length > 0 && mode === 'auto';
  return {
    tools: mode === 'none' ? [] : tools.filter((tool) => allowed.includes(tool.name)),
    forced,
    areSeveral: mode === 'auto' ? parallel !== false : parallel === true && name === undefined,
    unenforced: isFree ? [...strict, ...(parallel === false ? ['parallel_tool_calls'] : [])] : [],
  };
}

/** Returns the terms for parsing an answer. @param hasForm whether the body restricts an answer without calls. */
export const toAnswerTerms = ({ tools, forced }: ToolUse, hasForm: boolean): AnswerTerms => ({
  tools: tools.map(({ name }) => name),
  isForced: forced !== undefined,
  isFormed: hasForm && forced === undefined,
});

function parseTools(
  collected: DroppedFields,
  value: unknown,
): { readonly tools: readonly OfferedTool[]; readonly strict: readonly string[] } {
  if (isAbsent(value)) return { tools: [], strict: [] };
  if (!Array.isArray(value) || value.length > MAX_TOOLS) {
    throw new RequestError(`tools must be an array of at most ${MAX_TOOLS} functions`, 'tools');
  }
  const strict: string[] = [];
  const tools = value.flatMap((item: unknown, i) => {
    const param = `tools[${i}]`;
    const fields = readObject(item, param);
    if (isForeignTool(fields.type, param)) {
      collected.dropped.push(param);
      return [];
    }
    applyRules(collected, fields, TOOL_FIELDS, param);
    const where = `${param}.function`;
    const given = readObject(fields.function, where);
    applyRules(collected, given, FUNCTION_FIELDS, where);
    if (given.strict === true) strict.push(`${where}.strict`);
    return [readFunction(given, where)];
  });
  const twice = tools.find(({ name }, i) => tools.findIndex((other) => other.name === name) !== i);
  if (twice) throw new RequestError(`tools: ${twice.name} stands twice`, 'tools');
  return { tools, strict };
}

/**
 * Returns whether a tool is of another kind than a function: one that a server runs, or one without a schema. The model is not
 * offered it. @throws RequestError if it names no kind
 */
export function isForeignTool(type: unknown, param: string): boolean {
  if (type === 'function') return false;
  if (typeof type === 'string' && type !== '') return true;
  const message = `${param}: only functions that the client runs are served`;
  throw new RequestError(message, param, 'unsupported_parameter');
}

function readFunction({ name, description, parameters }: Fields, where: string): OfferedTool {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new RequestError(`${where}.name must be 1 to 128 of the characters a-z, A-Z, 0-9 and _.:/-`, `${where}.name`);
  }
  const schema = isAbsent(parameters) ? NO_PARAMETERS : readObject(parameters, `${where}.parameters`);
  measureJson(schema, `${where}.parameters`);
  const said = isAbsent(description) ? undefined : parseText(description, `${where}.description`, 'a string');
  return { name, ...(said !== undefined && { description: said }), parameters: schema };
}

/** The allowed calls of an answer. */
interface ToolChoice {
  readonly mode: 'none' | 'auto' | 'required';
  /** The tool that it must call. */
  readonly name?: string;
  /** The offered tools; all if absent. */
  readonly allowed?: readonly string[];
}

const CHOICES =
  'none, auto, required, {"type": "function", "function": {"name": ...}} or {"type": "allowed_tools", "allowed_tools": {"mode": ..., "tools": [...]}}';

/** @throws RequestError */
function parseChoice(collected: DroppedFields, value: unknown, names: ReadonlySet<string>): ToolChoice {
  if (isAbsent(value) || value === 'auto') return { mode: 'auto' };
  if (value === 'none') return { mode: 'none' };
  if (value === 'required') return requireTools({ mode: 'required' }, names.size);
  const fields = (typeof value === 'object' ? value : {}) as Fields;
  if (fields.type === 'function') return { mode: 'required', name: readName(value, names, 'tool_choice') };
  if (fields.type === 'allowed_tools') return parseAllowed(collected, fields.allowed_tools, names);
  throw new RequestError(`tool_choice must be ${CHOICES}`, 'tool_choice', 'unsupported_parameter');
}

/** Parses the allowed tools. The others count as not offered. */
function parseAllowed(collected: DroppedFields, value: unknown, names: ReadonlySet<string>): ToolChoice {
  const param = 'tool_choice.allowed_tools';
  const fields = readObject(value, param);
  applyRules(collected, fields, ALLOWED_TOOLS_FIELDS, param);
  const { mode, tools } = fields;
  if (mode !== 'auto' && mode !== 'required')
    throw new RequestError(`${param}.mode must be auto or required`, `${param}.mode`);
  if (!Array.isArray(tools) || tools.length > MAX_TOOLS)
    throw new RequestError(`${param}.tools must be an array of at most ${MAX_TOOLS} functions`, `${param}.tools`);
  const allowed = tools.flatMap((tool: unknown, i) => {
    const where = `${param}.tools[${i}]`;
    if (!isForeignTool(readObject(tool, where).type, where)) return [readName(tool, names, where)];
    collected.dropped.push(where);
    return [];
  });
  return requireTools({ mode, allowed }, allowed.length);
}

function requireTools(choice: ToolChoice, count: number): ToolChoice {
  if (choice.mode !== 'required' || count > 0) return choice;
  throw new RequestError('tool_choice: required needs tools', 'tool_choice');
}

/** Reads the name from `{"type": "function", "function": {"name": ...}}`, which must be an offered tool. */
function readName(value: unknown, names: ReadonlySet<string>, param: string): string {
  const { type, function: named } = readObject(value, param);
  const { name } = (typeof named === 'object' && named !== null ? named : {}) as Fields;
  if (type !== 'function' || typeof name !== 'string') {
    const message = `${param} must be {"type": "function", "function": {"name": ...}}`;
    throw new RequestError(message, param, 'unsupported_parameter');
  }
  if (names.has(name)) return name;
  throw new RequestError(`${param}: no tool is named ${name.slice(0, 100)}`, param);
}

function readObject(value: unknown, param: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new RequestError(`${param} must be an object`, param);
}

/**
 * Creates the grammar of a forced answer: a call object as in docs/spec/answer.md, or a list of them. The arguments match the
 * tool's schema.
 * @returns undefined if no call is forced.
 * @throws RequestError naming the tool with a refused schema.
 */
export function forceCalls({ tools, forced, areSeveral }: ToolUse, unheld?: Set<string>): string | undefined {
  if (forced === undefined) return undefined;
  return readGrammar('tools', () => {
    const rules = createSchemaRules(undefined, unheld);
    const call = addCall(rules, tools, forced);
    return rules.finish(areSeveral ? `${call} | "[" ${call} (", " ${call}){0,${MAX_CALLS - 1}} "]"` : call);
  });
}

/**
 * Creates the grammar of an answer that is either JSON of the schema or calls. The calls are between the marks of the family
 * `hermes`, for any family of the model. So the grammar follows from the request alone, and no JSON begins like a mark.
 * @throws RequestError naming the tool with a refused schema.
 */
export function allowCalls({ tools, areSeveral }: ToolUse, schema: unknown, unheld?: Set<string>): string {
  return readGrammar('tools', () => {
    const rules = createSchemaRules(undefined, unheld);
    const json = rules.add(schema);
    const names = tools.map(({ name }) => name);
    const marked = `${quote('<tool_call>\n')} ${addCall(rules, tools, names)} ${quote('\n</tool_call>')}`;
    const more = areSeveral ? ` ("\\n" ${marked}){0,${MAX_CALLS - 1}}` : '';
    return rules.finish(`${json} | ${marked}${more}`);
  });
}

/** Adds the rule of a call object of one of the named tools. @returns one side of a rule. */
function addCall(rules: SchemaRules, tools: readonly OfferedTool[], names: readonly string[]): string {
  const calls = tools.flatMap((tool, i) => {
    if (!names.includes(tool.name)) return [];
    const given = addParameters(rules, tool, `tools[${i}].function.parameters`);
    return [`${quote(`${JSON.stringify(tool.name)}, "arguments": `)} ${given}`];
  });
  return `${quote('{"name": ')} (${calls.join(' | ')}) "}"`;
}

function addParameters(rules: SchemaRules, { parameters }: OfferedTool, param: string): string {
  try {
    return rules.add(closeEmpty(parameters));
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error;
    throw new RequestError(`${param}: ${error.message}`, param, 'unsupported_parameter', { cause: error });
  }
}

/** Closes the schema of a tool without named parameters: it takes none. */
function closeEmpty(parameters: Fields): Fields {
  const { properties, additionalProperties } = parameters;
  const isEmpty = typeof properties === 'object' && properties !== null && Object.keys(properties).length === 0;
  const closed = isEmpty && isAbsent(additionalProperties) ? { additionalProperties: false } : {};
  return { type: 'object', ...parameters, ...closed };
}

/** Returns the offered tools with the parameters that stand in the body. @param body a request that was parsed. */
export function readWrittenTools(body: Uint8Array, tools: readonly OfferedTool[]): readonly WrittenTool[] {
  if (tools.length === 0) return tools;
  const written = new Map<ExactJson | undefined, ExactJson | undefined>();
  for (const item of readExactTools(body)) {
    const called = getMember(item, 'function');
    written.set(getMember(called, 'name'), getMember(called, 'parameters'));
  }
  return tools.map((tool) => ({ ...tool, parameters: written.get(tool.name) ?? tool.parameters }));
}

function readExactTools(body: Uint8Array): readonly ExactJson[] {
  try {
    return parseExactMember(utf8Decode(body), 'tools') as readonly ExactJson[];
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new RequestError(`tools: ${cause.message}`, 'tools', null, { cause });
  }
}

const getMember = (value: ExactJson | undefined, key: string): ExactJson | undefined =>
  value instanceof Map ? value.get(key) : undefined;

/** The most tokens that a chat template, or the protocol's own text, adds around the tools. */
const TOKENS_OF_TOOLS = 1024;
const TOKENS_OF_TOOL = 128;

/** Bounds the tokens of the list of tools. */
export function boundTools(tools: readonly WrittenTool[]): number {
  if (tools.length === 0) return 0;
  const sizes = tools.map((tool, i) => measureJson(tool, `tools[${i}].function`, 3) + TOKENS_OF_TOOL);
  return sizes.reduce((sum, size) => sum + size, TOKENS_OF_TOOLS);
}
