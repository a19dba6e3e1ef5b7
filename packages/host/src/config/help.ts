import { type ConfigDefinition, type ConfigFields, type Field, flagOf } from './field.ts';
import { labelOf } from './values.ts';

const BUILT_IN: readonly (readonly [string, string])[] = [
  ['--config <path>', 'JSON file with any of these settings, by their camelCase names'],
  ['--version', 'print the version'],
  ['--help', 'print this text'],
];

export function formatHelp({ name, summary, fields, positionals }: ConfigDefinition<ConfigFields>): string {
  const rows = Object.entries(fields).map(([key, field]): readonly [string, string] => [
    formatFlag(key, field),
    `${field.description}${formatNotes(field)}`,
  ]);
  const all = [...rows, ...BUILT_IN];
  const width = Math.max(...all.map(([left]) => left.length));
  const usage = ['Usage:', name, positionals?.label, '[flags]'].filter((part) => part !== undefined).join(' ');
  const lines = all.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
  return `${summary}\n\n${usage}\n\n${lines.join('\n')}\n`;
}

/** One section of the reference page. */
export function formatMarkdown({ name, summary, fields }: ConfigDefinition<ConfigFields>): string {
  const rows = Object.entries(fields).map(([key, field]) => {
    const cells = [
      `\`${formatFlag(key, field)}\``,
      field.env === undefined ? '' : `\`${field.env}\``,
      field.default === undefined ? (field.boolean ? '`false`' : '') : `\`${formatDefault(field)}\``,
      `${field.description}${field.required ? ' (required)' : ''}${field.repeatable ? ' (repeatable)' : ''}`,
    ];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  const table = ['| Flag | Environment | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n');
  return `## ${name}\n\n${summary}\n\n${table}\n`;
}

function formatFlag(name: string, field: Field): string {
  return field.boolean
    ? `--${flagOf(name, field)}`
    : `--${flagOf(name, field)} ${field.label ?? labelOf(field.schema)}`;
}

function formatNotes(field: Field): string {
  const notes = [
    field.required ? 'required' : undefined,
    field.repeatable ? 'repeatable' : undefined,
    field.default === undefined ? undefined : `default: ${formatDefault(field)}`,
    field.env === undefined ? undefined : `env: ${field.env}`,
  ].filter((note) => note !== undefined);
  return notes.length > 0 ? ` [${notes.join('; ')}]` : '';
}

function formatDefault(field: Field): string {
  return field.secret ? '[secret]' : (field.default ?? '');
}
