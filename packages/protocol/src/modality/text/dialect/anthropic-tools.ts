import { applyRules, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { ANTHROPIC_CHOICE_FIELDS, ANTHROPIC_TOOL_FIELDS } from '../fields/anthropic-fields.ts';
import { type JsonFields, readBoolean, readFields, readList, readText, type Translator } from './translation.ts';

/** @throws RequestError */
export function translateTools(translator: Translator, value: unknown): readonly JsonFields[] | undefined {
  if (isAbsent(value)) return undefined;
  const tools = readList(value, 'tools').flatMap((tool, i) => translateTool(translator, tool, `tools[${i}]`));
  return tools.length === 0 ? undefined : tools;
}

/** Translates a tool that the client runs. The model is not offered a tool of a server, nor one whose schema is Anthropic's own. */
function translateTool(translator: Translator, value: unknown, param: string): readonly JsonFields[] {
  const tool = readFields(value, param);
  if (!isAbsent(tool.type) && tool.type !== 'custom') {
    readText(tool.type, `${param}.type`);
    translator.dropped.push(param);
    return [];
  }
  applyRules(translator, tool, ANTHROPIC_TOOL_FIELDS, param);
  const offered = {
    name: readText(tool.name, `${param}.name`),
    ...(!isAbsent(tool.description) && { description: readText(tool.description, `${param}.description`) }),
    parameters: readFields(tool.input_schema, `${param}.input_schema`),
    ...(!isAbsent(tool.strict) && { strict: readBoolean(tool.strict, `${param}.strict`) }),
  };
  return [{ type: 'function', function: offered }];
}

/** @throws RequestError */
export function translateToolChoice(translator: Translator, value: unknown): JsonFields {
  if (isAbsent(value)) return {};
  const choice = readFields(value, 'tool_choice');
  applyRules(translator, choice, ANTHROPIC_CHOICE_FIELDS, 'tool_choice');
  const isSingle = readBoolean(choice.disable_parallel_tool_use, 'tool_choice.disable_parallel_tool_use');
  return { tool_choice: readChoice(choice), ...(isSingle && { parallel_tool_calls: false }) };
}

function readChoice({ type, name }: JsonFields): unknown {
  if (type === 'auto' || type === 'none') return type;
  if (type === 'any') return 'required';
  if (type === 'tool') return { type: 'function', function: { name: readText(name, 'tool_choice.name') } };
  throw new RequestError('tool_choice.type must be auto, any, tool or none', 'tool_choice.type');
}
