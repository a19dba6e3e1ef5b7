import { type ConfigDefinition, type ConfigFields, type Field, flagOf, listAliases } from './field.ts';
import { labelOf } from './values.ts';

const BUILT_IN: readonly (readonly [string, string])[] = [
  ['--config <path>', 'JSON file with any of these settings, by their camelCase names'],
  ['--version', 'print the version'],
  ['--help', 'print this text'],
];

/** Width of help texts, at which terminals do not break lines. */
const COLUMNS = 100;
/** A flag that is longer has its description on the next line. */
const MOST_FLAG = 26;

export function formatHelp(definition: ConfigDefinition<ConfigFields>): string {
  const { name, summary, fields, positionals, commands, examples } = definition;
  const rows = Object.entries(fields).map(([key, field]): readonly [string, string] => [
    formatFlag(key, field),
    `${field.description}${formatNotes(field)}`,
  ]);
  const all = [...rows, ...BUILT_IN];
  const width = Math.min(MOST_FLAG, Math.max(...all.map(([left]) => left.length)));
  const indent = ' '.repeat(width + 4);
  const usage = ['Usage:', name, positionals?.label, '[flags]'].filter((part) => part !== undefined).join(' ');
  const lines = all.flatMap(([left, right]) => {
    const [first = '', ...more] = wrap(right, COLUMNS - indent.length);
    const rest = more.map((line) => `${indent}${line}`);
    return left.length > width
      ? [`  ${left}`, `${indent}${first}`, ...rest]
      : [`  ${left.padEnd(width)}  ${first}`, ...rest];
  });
  const others =
    commands === undefined ? [] : ['', ...wrap(`Commands, each with its own --help: ${commands.join(', ')}`, COLUMNS)];
  const shown = examples === undefined ? [] : ['', 'Examples:', ...examples.map(formatExample)];
  const about = wrap(summary.replaceAll('\n', ' '), COLUMNS);
  return `${[...about, '', usage, '', ...lines, ...others, ...shown].join('\n')}\n`;
}

/** A long command line goes on in the next line, as shells have it. */
const formatExample = (example: string): string => `  ${wrap(example, COLUMNS - 6).join(' \\\n    ')}`;

/** Breaks a text at its spaces. A word that is longer than a line stays whole. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
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
  const { flags, variables } = listAliases(field);
  const aliases = [...flags.map((flag) => `--${flag}`), ...variables];
  const notes = [
    field.required ? 'required' : undefined,
    field.repeatable ? 'repeatable' : undefined,
    field.default === undefined ? undefined : `default: ${formatDefault(field)}`,
    field.env === undefined ? undefined : `env: ${field.env}`,
    aliases.length === 0 ? undefined : `also: ${aliases.join(', ')}`,
  ].filter((note) => note !== undefined);
  return notes.length > 0 ? ` [${notes.join('; ')}]` : '';
}

function formatDefault(field: Field): string {
  return field.secret ? '[secret]' : (field.default ?? '');
}
