// Writes generated files: wire messages from the .proto files, and reference pages from the definitions that the daemons read. With --check
// it verifies that the committed files match their sources, and that the page of all flags, which is not committed, can be written.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { formatMarkdown } from '@ogong/host/config/help';
import { CONSEQUENCES_PAGE, formatConsequencesPage } from './consequences/page.ts';
import { formatDocumentedNamesPage } from './documented/page.ts';
import { formatDoorsPage } from './doors-page.ts';
import { formatEndpointsPage } from './endpoints-page.ts';
import { formatFieldsPage } from './fields-page.ts';
import { formatLocalModePage } from './local-mode-page.ts';
import { referenceConfigs } from './reference-configs.ts';
import { root } from './steps.ts';

const check = process.argv.includes('--check');

/** Returns generated messages with one statement a line. The .proto file documents the fields, so comments are left out. */
function compactMessages(text: string): string {
  const [head = '', ...rest] = text.split(/^(?=import )/m);
  const statements = rest
    .join('')
    .replace(/\/\*\*[\s\S]*?\*\//g, '')
    .split(/\n(?=export )/)
    .map((statement) => statement.trim().replace(/\s*\n\s*/g, ' '));
  const [imports = '', ...exported] = statements;
  return `${head}${imports.replace(/; import /g, ';\nimport ')}\n\n${exported.join('\n')}\n`;
}

function generateMessages(): string {
  const platform = process.platform === 'win32' ? 'win32' : process.platform;
  const arch = process.arch === 'arm64' && platform === 'linux' ? 'aarch64' : process.arch;
  const name = platform === 'win32' ? 'buf.exe' : 'buf';
  const buf = join(root, 'node_modules/@bufbuild', `buf-${platform}-${arch}`, 'bin', name);
  const out = mkdtempSync(join(tmpdir(), 'ogong-generated-'));
  try {
    execFileSync(buf, ['generate', '-o', out], { cwd: root, stdio: 'inherit' });
    return compactMessages(readFileSync(join(out, messages), 'utf8'));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function generateReference(): string {
  const head =
    '# Command line reference\n\nGenerated from the definitions that the daemons read (`node scripts/run.mjs scripts/generated.ts`). Flags win over\n' +
    'environment variables, those over the file named by `--config`, that over defaults. Every command has `--help` and `--version`.\n' +
    'For the rest of `ogong`, ask `npm run ogong -- --help`.\n';
  return [head, ...referenceConfigs.map(({ definition }) => formatMarkdown(definition))]
    .join('\n')
    .replaceAll(homedir(), '~');
}

const messages = 'packages/protocol/src/generated/ogong/v1/ogong_pb.ts';
const targets: readonly [path: string, generate: () => string][] = [
  [messages, generateMessages],
  ['docs/doors.md', formatDoorsPage],
  [CONSEQUENCES_PAGE, formatConsequencesPage],
  ['docs/reference/local-mode.md', formatLocalModePage],
  ['docs/reference/fields.md', formatFieldsPage],
  ['docs/reference/endpoints.md', formatEndpointsPage],
  ['docs/reference/documented-names.md', formatDocumentedNamesPage],
];

for (const [path, generate] of targets) {
  const text = generate();
  const target = join(root, path);
  if (!check) {
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    console.log(`wrote ${path}`);
  } else if (readFileSync(target, 'utf8') === text) {
    console.log(`generated: ${path} is up to date`);
  } else {
    console.error(`${path} is stale: run \`node scripts/run.mjs scripts/generated.ts\` and commit it`);
    process.exitCode = 1;
  }
}

// Git ignores the page of all flags: it is 120 kB and repeats what `--help` prints.
const flags = generateReference();
const lacking = referenceConfigs.filter(({ definition }) => !flags.includes(`\n## ${definition.name}\n`));
if (lacking.length > 0) throw new Error(`the page of all flags lacks ${lacking[0]?.definition.name}`);
if (!check) writeFileSync(join(root, 'docs/reference', 'cli.md'), flags);
console.log(
  check ? `generated: the page of all flags has ${referenceConfigs.length} commands` : 'wrote the page of all flags',
);
