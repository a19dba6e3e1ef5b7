import { FOREIGN_VARIABLES } from '@ogong/host/config/foreign-variables';
import { findUnserved, type ServedPlace } from '@ogong/host/dialect/unserved-paths';
import { toPath } from '@ogong/testing/clients/served-paths';
import { findDefinition } from './definition.ts';
import { DOCUMENTED_NAMES, type DocumentedName } from './names.ts';

const HEAD = `# Documented names

This page lists every command, flag, environment variable and endpoint of the public document about OGONG, and its effect here. It is generated
from a table (\`node scripts/run.mjs scripts/generated.ts\`). \`scripts/documented/names.test.ts\` reads the same table and tries each name.

| state | meaning |
|---|---|
| works | the name has the documented effect; the last column states a difference |
| alias | the name sets another one of OGONG |
| refused | a flag ends the command, and an endpoint answers with status 404. A variable only causes a line on standard error. Each names the replacement |
| missing | OGONG has no such program |

The flag and the variable of OGONG prevail over an alias. A variable \`LLAMAMP_*\` without a row here is named on standard error, too.
`;

const TITLES = {
  command: 'Commands',
  flag: 'Flags',
  variable: 'Environment variables',
  endpoint: 'Endpoints',
} as const;

/** docs/reference/documented-names.md */
export function formatDocumentedNamesPage(): string {
  const sections = Object.entries(TITLES).map(([kind, title]) => {
    const rows = DOCUMENTED_NAMES.filter((row) => row.kind === kind).map(formatRow);
    return [`## ${title}`, '', '| name | of | state | effect |', '|---|---|---|---|', ...rows, ''].join('\n');
  });
  return [HEAD, ...sections].join('\n');
}

const formatRow = (row: DocumentedName): string =>
  `| \`${row.name}\` | ${row.program} | ${row.state} | ${describeEffect(row).replaceAll('|', '\\|')} |`;

function describeEffect(row: DocumentedName): string {
  if (row.state === 'missing') return row.why;
  if (row.state === 'refused') return findSentence(row) ?? row.use;
  const same = row.state === 'alias' ? `\`${row.of}\`` : undefined;
  return [same, row.note].filter((part) => part !== undefined).join('; ');
}

/** The sentence of the program that refuses the name. */
function findSentence({ kind, program, name }: DocumentedName): string | undefined {
  if (kind === 'variable') return FOREIGN_VARIABLES[name];
  if (kind === 'flag') return findDefinition(program)?.refusedFlags?.[name.replace(/^-+/, '')];
  const [method, path] = name.split(' ') as [string, string];
  return findUnserved(method, toPath(path), program as ServedPlace)?.why;
}
