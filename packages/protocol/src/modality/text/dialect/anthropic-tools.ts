import { type FieldRules, isAbsent, isFalse } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { type JsonFields, judge, readBoolean, readFields, readList, readText, type Translator } from './translation.ts';

const TOOL: FieldRules = {
  ...{ type: 'works', name: 'works', description: 'works', input_schema: 'works' },
  ...{ cache_control: 'ignored', strict: 'ignored', eager_input_streaming: 'ignored', allowed_callers: 'ignored' },
  input_examples: 'dropped',
  defer_loading: { refused: 'every tool stands in the prompt; leave it out', unless: isFalse },
};
const CHOICE: FieldRules = { type: 'works', name: 'works', disable_parallel_tool_use: 'works' };

/** @throws RequestError */
export function translateTools(translator: Translator, value: unknown): readonly JsonFields[] | undefined {
  if (isAbsent(value)) return undefined;
  const tools = readList(value, 'tools').map((tool, i) => translateTool(translator, tool, `tools[${i}]`));
  return tools.length === 0 ? undefined : tools;
}

function translateTool(translator: Translator, value: unknown, param: string): JsonFields {
  const tool = readFields(value, param);
  if (!isAbsent(tool.type) && tool.type !== 'custom') {
    const message = `${param}: only tools that the client runs are served, with an input_schema`;
    throw new RequestError(message, param, 'unsupported_parameter');
  }
  judge(translator, tool, TOOL, param);
  return {
    type: 'function',
    function: {
      name: readText(tool.name, `${param}.name`),
      ...(!isAbsent(tool.description) && { description: readText(tool.description, `${param}.description`) }),
      parameters: readFields(tool.input_schema, `${param}.input_schema`),
    },
  };
}

/** @throws RequestError */
export function translateToolChoice(translator: Translator, value: unknown): JsonFields {
  if (isAbsent(value)) return {};
  const choice = readFields(value, 'tool_choice');
  judge(translator, choice, CHOICE, 'tool_choice');
  const isSingle = readBoolean(choice.disable_parallel_tool_use, 'tool_choice.disable_parallel_tool_use');
  return { tool_choice: readChoice(choice), ...(isSingle && { parallel_tool_calls: false }) };
}

function readChoice({ type, name }: JsonFields): unknown {
  if (type === 'auto' || type === 'none') return type;
  if (type === 'any') return 'required';
  if (type === 'tool') return { type: 'function', function: { name: readText(name, 'tool_choice.name') } };
  throw new RequestError('tool_choice.type must be auto, any, tool or none', 'tool_choice.type');
}
