import { applyRules, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { RESPONSES_TOOL_FIELDS } from '../fields/responses-fields.ts';
import { isForeignTool } from '../request/tools.ts';
import { isFields, type JsonFields, readFields, readList, readText, type Translator } from './translation.ts';

/** Translates tools. Functions of a response are flat; those of a chat are nested in an object. @throws RequestError */
export function translateResponseTools(translator: Translator, value: unknown): readonly JsonFields[] | undefined {
  if (isAbsent(value)) return undefined;
  const tools = readList(value, 'tools').flatMap((item, i) => {
    const param = `tools[${i}]`;
    const tool = readFields(item, param);
    if (isForeignTool(tool.type, param)) {
      translator.dropped.push(param);
      return [];
    }
    applyRules(translator, tool, RESPONSES_TOOL_FIELDS, param);
    const { name, description, parameters, strict } = tool;
    const given = { name: readText(name, `${param}.name`), description, parameters, strict };
    return [
      { type: 'function', function: Object.fromEntries(Object.entries(given).filter(([, it]) => !isAbsent(it))) },
    ];
  });
  return tools.length === 0 ? undefined : tools;
}

/** @throws RequestError */
export function translateResponseChoice(translator: Translator, value: unknown): unknown {
  if (isAbsent(value) || value === 'none' || value === 'auto' || value === 'required') return value;
  if (isFields(value) && value.type === 'function') {
    return { type: 'function', function: { name: readText(value.name, 'tool_choice.name') } };
  }
  if (isFields(value) && value.type === 'allowed_tools') {
    const tools = readList(value.tools, 'tool_choice.tools').flatMap((tool, i) =>
      translateAllowed(translator, tool, i),
    );
    return { type: 'allowed_tools', allowed_tools: { mode: value.mode, tools } };
  }
  const message =
    'tool_choice must be none, auto, required, {"type": "function", "name": ...} or {"type": "allowed_tools", "mode": ..., "tools": [...]}';
  throw new RequestError(message, 'tool_choice', 'unsupported_parameter');
}

/** @throws RequestError */
function translateAllowed(translator: Translator, value: unknown, i: number): readonly JsonFields[] {
  const param = `tool_choice.tools[${i}]`;
  const { type, name } = readFields(value, param);
  if (!isForeignTool(type, param)) return [{ type, function: { name: readText(name, `${param}.name`) } }];
  translator.dropped.push(param);
  return [];
}
