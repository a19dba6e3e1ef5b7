import { applyRules, isAbsent } from '../../shared/field-rules.ts';
import { RequestError } from '../../shared/request-error.ts';
import { RESPONSES_NAMESPACE_FIELDS, RESPONSES_TOOL_FIELDS } from '../fields/responses-fields.ts';
import { isForeignTool } from '../request/tools.ts';
import { flattenName } from './namespaces.ts';
import { isFields, type JsonFields, readFields, readList, readText, type Translator } from './translation.ts';

/**
 * Translates tools. Functions of a response are flat; those of a chat are nested in an object. The functions of a namespace are
 * offered one by one. @throws RequestError
 */
export function translateResponseTools(translator: Translator, value: unknown): readonly JsonFields[] | undefined {
  if (isAbsent(value)) return undefined;
  const tools = readList(value, 'tools').flatMap((item, i) => {
    const param = `tools[${i}]`;
    const tool = readFields(item, param);
    if (tool.type !== 'namespace') return translateTool(translator, tool, { param });
    applyRules(translator, tool, RESPONSES_NAMESPACE_FIELDS, param);
    const namespace = readText(tool.name, `${param}.name`);
    return readList(tool.tools, `${param}.tools`).flatMap((inside, k) => {
      const at = `${param}.tools[${k}]`;
      return translateTool(translator, readFields(inside, at), { param: at, namespace });
    });
  });
  return tools.length === 0 ? undefined : tools;
}

function translateTool(
  translator: Translator,
  tool: JsonFields,
  { param, namespace }: { readonly param: string; readonly namespace?: string },
): readonly JsonFields[] {
  if (isForeignTool(tool.type, param)) {
    translator.dropped.push(param);
    return [];
  }
  applyRules(translator, tool, RESPONSES_TOOL_FIELDS, param);
  const { description, parameters, strict } = tool;
  const name = readCalledName({ name: tool.name, namespace }, param);
  const given = { name, description, parameters, strict };
  return [{ type: 'function', function: Object.fromEntries(Object.entries(given).filter(([, it]) => !isAbsent(it))) }];
}

/** Reads the name of a function as the chat has it. @throws RequestError */
export function readCalledName({ name, namespace }: JsonFields, param: string): string {
  const own = readText(name, `${param}.name`);
  return isAbsent(namespace) ? own : flattenName({ name: own, namespace: readText(namespace, `${param}.namespace`) });
}

/** @throws RequestError */
export function translateResponseChoice(translator: Translator, value: unknown): unknown {
  if (isAbsent(value) || value === 'none' || value === 'auto' || value === 'required') return value;
  if (isFields(value) && value.type === 'function') {
    return { type: 'function', function: { name: readCalledName(value, 'tool_choice') } };
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
  const tool = readFields(value, param);
  const { type } = tool;
  if (!isForeignTool(type, param)) return [{ type, function: { name: readCalledName(tool, param) } }];
  translator.dropped.push(param);
  return [];
}
