import { type FieldRules, isAbsent, isFalse } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { isFields, type JsonFields, judge, readFields, readList, readText, type Translator } from './translation.ts';

const TOOL: FieldRules = {
  ...{ type: 'works', name: 'works', description: 'works', parameters: 'works', strict: 'works' },
  ...{ output_schema: 'ignored', allowed_callers: 'ignored' },
  defer_loading: { refused: 'every tool stands in the prompt; leave it out', unless: isFalse },
};

/** Translates tools. Functions of a response are flat; those of a chat are nested in an object. @throws RequestError */
export function translateResponseTools(translator: Translator, value: unknown): readonly JsonFields[] | undefined {
  if (isAbsent(value)) return undefined;
  const tools = readList(value, 'tools').map((item, i) => {
    const param = `tools[${i}]`;
    const tool = readFields(item, param);
    if (tool.type !== 'function') {
      const message = `${param}: only functions that the client runs are served`;
      throw new RequestError(message, param, 'unsupported_parameter');
    }
    judge(translator, tool, TOOL, param);
    const { name, description, parameters, strict } = tool;
    const given = { name: readText(name, `${param}.name`), description, parameters, strict };
    return { type: 'function', function: Object.fromEntries(Object.entries(given).filter(([, it]) => !isAbsent(it))) };
  });
  return tools.length === 0 ? undefined : tools;
}

/** @throws RequestError */
export function translateResponseChoice(value: unknown): unknown {
  if (isAbsent(value) || value === 'none' || value === 'auto' || value === 'required') return value;
  if (isFields(value) && value.type === 'function') {
    return { type: 'function', function: { name: readText(value.name, 'tool_choice.name') } };
  }
  if (isFields(value) && value.type === 'allowed_tools') {
    const tools = readList(value.tools, 'tool_choice.tools').map(translateAllowed);
    return { type: 'allowed_tools', allowed_tools: { mode: value.mode, tools } };
  }
  const message =
    'tool_choice must be none, auto, required, {"type": "function", "name": ...} or {"type": "allowed_tools", "mode": ..., "tools": [...]}';
  throw new RequestError(message, 'tool_choice', 'unsupported_parameter');
}

/** @throws RequestError */
function translateAllowed(value: unknown, i: number): JsonFields {
  const param = `tool_choice.tools[${i}]`;
  const { type, name } = readFields(value, param);
  if (type === 'function') return { type, function: { name: readText(name, `${param}.name`) } };
  throw new RequestError(`${param}: only functions are served`, param, 'unsupported_parameter');
}
