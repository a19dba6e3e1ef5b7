import { explainFile } from '../log/errors.ts';
import type { ConfigDefinition, ConfigFields, Field } from './field.ts';
import { suggest } from './suggest.ts';

export type ReadText = (path: string) => string;

/** Values of a JSON config file as text, so that they are read like flags. Keys are the fields' names. */
export function readConfigFile(
  { fields }: ConfigDefinition<ConfigFields>,
  path: string,
  readText: ReadText,
  problems: string[],
): Readonly<Record<string, readonly string[]>> {
  let content: unknown;
  try {
    content = JSON.parse(readText(path));
  } catch (error) {
    problems.push(`--config ${path} cannot be used: ${explainFile(error)}`);
    return {};
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    problems.push(`--config ${path} cannot be used: expected a JSON object`);
    return {};
  }
  const result: Record<string, readonly string[]> = {};
  for (const [name, value] of Object.entries(content)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!field) {
      problems.push(`unknown setting "${name}" in ${path}${suggest(name, Object.keys(fields))}`);
      continue;
    }
    const texts = toTexts(field, value);
    if (texts) result[name] = texts;
    else
      problems.push(
        `"${name}" in ${path}: expected ${field.repeatable ? 'a list of texts' : 'a text, a number, true or false'}`,
      );
  }
  return result;
}

function toTexts(field: Field, value: unknown): readonly string[] | undefined {
  if (Array.isArray(value)) {
    const texts = value.map(toText);
    return field.repeatable && texts.every((text) => text !== undefined) ? texts : undefined;
  }
  const text = toText(value);
  return text === undefined ? undefined : [text];
}

function toText(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}
