import { ProtocolError } from '../../../base/bytes.ts';
import { parseJsonText } from '../../../base/json.ts';
import { applyRules, type DroppedFields, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { FORMAT_FIELDS, NAMED_SCHEMA_FIELDS } from '../fields/chat-fields.ts';
import { GrammarError } from '../grammar/grammar-error.ts';
import { findGrammar } from '../grammar/known-grammars.ts';
import { quoteOptions } from '../grammar/schema/literals.ts';
import { schemaToGrammar } from '../grammar/schema/schema-grammar.ts';
import { createSchemaBudget } from '../grammar/work-budget.ts';

type Fields = Readonly<Record<string, unknown>>;
const MAX_CHOICES = 256;
/** The most characters of all choices together. */
const MAX_CHOICE_TEXT = 65_536;

/** The answer form that a body requests. */
export interface AskedForm {
  /** The field that requests it. */
  readonly param: string;
  /** Grammar in GBNF. */
  readonly grammar: string;
  /** The JSON schema from which the grammar was made, if there is one. */
  readonly schema: unknown;
  /** Keywords of the schema that another one beside them replaces. */
  readonly unheld: ReadonlySet<string>;
}

/**
 * Parses the grammar of a body: from `response_format`, from `ogong.grammar`, or from a field of llama.cpp's server or vLLM
 * (docs/spec/request.md).
 * @param collected receives the dropped fields.
 * @returns undefined if the answer may be any text.
 * @throws RequestError naming the parameter, and within a schema the keyword.
 */
export function parseAskedForm(fields: Fields, collected: DroppedFields = { dropped: [] }): AskedForm | undefined {
  const forms = Object.entries(READERS).flatMap(([param, { find, read }]) => {
    const value = find(fields);
    const form = isAbsent(value) ? undefined : read(value, param, collected);
    return form === undefined ? [] : [{ param, form }];
  });
  const [first, second] = forms;
  if (first === undefined) return undefined;
  if (second !== undefined) {
    throw new RequestError(
      `${second.param}: ${first.param} says already what the answer may be; leave one of both out`,
      second.param,
    );
  }
  const { param, form } = first;
  const unheld = new Set<string>();
  const grammar = readGrammar(param, () => writeForm(form, unheld));
  return { param, schema: form.schema, grammar, unheld };
}

/** @throws GrammarError */
function writeForm({ grammar, options, schema }: ReadForm, unheld: Set<string>): string {
  if (grammar !== undefined) return grammar;
  if (options !== undefined) return `root ::= ${quoteOptions(options, createSchemaBudget())}\n`;
  return schemaToGrammar(schema, undefined, unheld);
}

/** Reads a grammar. @throws RequestError for a refused schema or grammar. */
export function readGrammar<T extends string | undefined>(param: string, read: () => T): T {
  try {
    const text = read();
    if (text !== undefined) findGrammar(text);
    return text;
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error;
    throw new RequestError(`${param}: ${error.message}`, param, 'unsupported_parameter', { cause: error });
  }
}

/** A text in GBNF, or texts or a schema that become one. */
type ReadForm =
  | { readonly grammar: string; readonly options?: never; readonly schema?: never }
  | { readonly options: readonly string[]; readonly grammar?: never; readonly schema?: never }
  | { readonly schema: unknown; readonly grammar?: never; readonly options?: never };

interface Reader {
  readonly find: (fields: Fields) => unknown;
  readonly read: (value: unknown, param: string, collected: DroppedFields) => ReadForm | undefined;
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Fields)[key] : undefined;

function readText(value: unknown, param: string): ReadForm {
  if (typeof value !== 'string' || value === '') throw new RequestError(`${param} must be a grammar in GBNF`, param);
  return { grammar: value };
}

/** Reads a schema. vLLM also accepts it as text. */
function readSchema(value: unknown, param: string): ReadForm {
  if (typeof value !== 'string') return { schema: value };
  try {
    return { schema: parseJsonText(value) };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new RequestError(`${param} must be a JSON schema`, param, null, { cause: error });
  }
}

function readOptions(value: unknown, param: string): ReadForm {
  const isList = Array.isArray(value) && value.length > 0 && value.length <= MAX_CHOICES;
  if (!isList || !value.every((text) => typeof text === 'string' && text !== '' && text.isWellFormed()))
    throw new RequestError(`${param} must be a list of 1 to ${MAX_CHOICES} texts`, param);
  const options = value as string[];
  if (options.reduce((sum, { length }) => sum + length, 0) > MAX_CHOICE_TEXT)
    throw new RequestError(`${param} has more than ${MAX_CHOICE_TEXT} characters`, param);
  return { options };
}

const READERS: Readonly<Record<string, Reader>> = {
  response_format: { find: ({ response_format: value }) => value, read: readResponseFormat },
  'ogong.grammar': { find: ({ ogong }) => fieldOf(ogong, 'grammar'), read: readText },
  grammar: { find: ({ grammar }) => grammar, read: readText },
  guided_grammar: { find: ({ guided_grammar: value }) => value, read: readText },
  guided_json: { find: ({ guided_json: value }) => value, read: readSchema },
  guided_choice: { find: ({ guided_choice: value }) => value, read: readOptions },
  'structured_outputs.grammar': { find: ({ structured_outputs: value }) => fieldOf(value, 'grammar'), read: readText },
  'structured_outputs.json': { find: ({ structured_outputs: value }) => fieldOf(value, 'json'), read: readSchema },
  'structured_outputs.choice': { find: ({ structured_outputs: value }) => fieldOf(value, 'choice'), read: readOptions },
};

const ANY_OBJECT: ReadForm = { schema: { type: 'object' } };

function readResponseFormat(format: unknown, param: string, collected: DroppedFields): ReadForm | undefined {
  const type = fieldOf(format, 'type');
  const rules = typeof type === 'string' && Object.hasOwn(FORMAT_FIELDS, type) ? FORMAT_FIELDS[type] : undefined;
  if (rules === undefined) {
    const message = 'response_format must be {"type": "text"}, {"type": "json_object"} or {"type": "json_schema", ...}';
    throw new RequestError(message, param, 'unsupported_parameter');
  }
  applyRules(collected, format as Fields, rules, param);
  if (type === 'text') return undefined;
  if (type === 'json_object') {
    const schema = fieldOf(format, 'schema');
    return isAbsent(schema) ? ANY_OBJECT : { schema };
  }
  const named = fieldOf(format, 'json_schema');
  if (typeof named !== 'object' || named === null || Array.isArray(named))
    throw new RequestError('response_format.json_schema must be an object', param);
  applyRules(collected, named as Fields, NAMED_SCHEMA_FIELDS, `${param}.json_schema`);
  const schema = fieldOf(named, 'schema');
  // A name without a schema requests any JSON, as with OpenAI.
  return isAbsent(schema) ? ANY_OBJECT : { schema };
}
