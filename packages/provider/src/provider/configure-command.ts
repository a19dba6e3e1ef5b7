import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArguments } from '@ogong/host/config/arguments';
import { ConfigError } from '@ogong/host/config/config-error';
import type { ConfigDefinition, ConfigFields, Field } from '@ogong/host/config/field';
import { formatHelp } from '@ogong/host/config/help';
import { makePrivateDirectory, writePrivateFile } from '@ogong/host/files/private-files';
import { formatJson, jsonField } from '@ogong/host/lifecycle/print-json';
import { explainFile } from '@ogong/host/log/errors';
import { DEFAULT_PROVIDER_DIRECTORY, serveConfig } from './provider-config.ts';

const NAME = 'ogong-provider configure';

const definition: ConfigDefinition<ConfigFields> = {
  ...serveConfig.definition,
  name: NAME,
  summary: 'Writes the settings of ogong-provider serve to config.json. Run again, it changes only what is given.',
  // Each field can be set alone; serve reports what is missing.
  fields: {
    ...Object.fromEntries(
      Object.entries(serveConfig.definition.fields as ConfigFields).map(([name, field]): [string, Field] => [
        name,
        { ...field, required: false },
      ]),
    ),
    json: jsonField,
  },
};

export const configPathOf = (dataDir: string): string => join(dataDir, 'config.json');

/** @returns the text to print. @throws ConfigError */
export function configure(argv: readonly string[]): string {
  const problems: string[] = [];
  const given = parseArguments(definition, argv, problems);
  if (given.help) return formatHelp(definition);
  const changes: Record<string, string | readonly string[]> = {};
  for (const [name, texts] of given.flags) {
    const field = definition.fields[name] as Field;
    for (const text of texts) {
      const result = field.schema.safeParse(text);
      if (!result.success) problems.push(`${name}: ${result.error.issues.map(({ message }) => message).join('; ')}`);
    }
    changes[name] = field.repeatable ? texts : (texts.at(-1) as string);
  }
  if (problems.length > 0) throw new ConfigError(NAME, problems);
  const { dataDir = DEFAULT_PROVIDER_DIRECTORY, json, ...settings } = changes;
  const path = configPathOf(dataDir as string);
  const before = existsSync(path) ? readSettings(path) : {};
  makePrivateDirectory(dataDir as string);
  writePrivateFile(path, `${JSON.stringify({ ...before, ...settings }, undefined, 2)}\n`);
  if (json === 'true') return formatJson({ path, changed: Object.keys(settings) });
  return `${path} is written; start with: ogong-provider serve\n`;
}

/** @throws ConfigError */
function readSettings(path: string): Readonly<Record<string, unknown>> {
  try {
    const settings: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) return { ...settings };
  } catch (error) {
    throw new ConfigError(NAME, [`${path}: ${explainFile(error)}; mend it, or delete it and configure anew`]);
  }
  throw new ConfigError(NAME, [`${path}: it holds no settings; delete it and configure anew`]);
}

/** The configuration as it stands, as JSON. @param json whether a missing one is JSON, too. */
export function showConfiguration(dataDir: string, json = false): string {
  const path = configPathOf(dataDir);
  if (!existsSync(path) && json) return formatJson({});
  if (!existsSync(path)) return `nothing is configured in ${path}; see ogong-provider configure --help\n`;
  const settings = Object.entries(readSettings(path)).map(([name, value]) => [
    name,
    definition.fields[name]?.secret ? '[secret]' : value,
  ]);
  return `${JSON.stringify(Object.fromEntries(settings), undefined, 2)}\n`;
}
