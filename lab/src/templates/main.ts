// Chat templates of published models render as jinja2 renders them: `node lab/src/templates/main.ts`. The templates come from npm, into
// a folder that is removed afterwards. It needs jinja2 3.1 and git, and ends with 1 if a difference has no reason in known-differences.ts.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatMarkdownTable } from '../markdown-table.ts';
import { compareRenderings, type Renderings, renderAll } from './compare.ts';
import { conversations } from './conversations.ts';
import { KNOWN_DIFFERENCES } from './known-differences.ts';
import { bringPackage, type PublishedTemplate, TEMPLATE_PACKAGES } from './packages.ts';

const RENDER_SCRIPT = fileURLToPath(new URL('../../../packages/testing/scripts/render-templates.py', import.meta.url));
const MAX_RENDERED_BYTES = 1024 * 1024 * 1024;

/** @returns each text once, under the first name that has it. */
async function bringTemplates(): Promise<readonly PublishedTemplate[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-templates-'));
  const templates = new Map<string, PublishedTemplate>();
  try {
    for (const [i, { name, count, read }] of TEMPLATE_PACKAGES.entries()) {
      const below = join(folder, String(i));
      mkdirSync(below);
      const found = await read(await bringPackage(name, below));
      if (found.length !== count) throw new Error(`${name}: ${found.length} templates are read, of ${count}`);
      for (const template of found) {
        if (!templates.has(template.source)) templates.set(template.source, template);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
  return [...templates.values()];
}

function renderByJinja(templates: readonly string[], fields: readonly string[]) {
  const { status, stdout, stderr, error } = spawnSync('python3', [RENDER_SCRIPT], {
    ...{ input: JSON.stringify({ templates, fields }), encoding: 'utf8', maxBuffer: MAX_RENDERED_BYTES },
  });
  if (error !== undefined || status !== 0) throw error ?? new Error(`jinja2 failed: ${stderr}`);
  return JSON.parse(stdout) as { readonly day: number; readonly renderings: readonly Renderings[] };
}

const templates = await bringTemplates();
const names = conversations.map(([name]) => name);
const fields = conversations.map(([, each]) => each);
const sources = templates.map(({ source }) => source);
const { day, renderings } = renderByJinja(sources, fields);
const compared = templates.map(({ name, source }, i) => {
  const found = compareRenderings(names, renderings[i] ?? [], renderAll(source, fields, day));
  return { name, ...found, reason: KNOWN_DIFFERENCES[name] };
});

const head = ['template', 'equal', 'differs', 'refused by both', 'refused by one', 'first difference', 'reason'];
const rows = compared.map(({ name, equal, differs, refusedByBoth, refusedByOne, first, reason = '' }) => [
  ...[name, ...[equal, differs, refusedByBoth, refusedByOne].map(String), first, reason],
]);
console.log(`\n${formatMarkdownTable(head, rows)}\n`);

const isOther = compared.filter(({ first }) => first !== '');
const unnamed = isOther.filter(({ reason }) => reason === undefined);
const stale = Object.keys(KNOWN_DIFFERENCES).filter((name) => !isOther.some((each) => each.name === name));
const sum = (key: 'equal' | 'refusedByBoth'): number => compared.reduce((total, each) => total + each[key], 0);
console.log(
  `${templates.length} templates with ${names.length} conversations: ${templates.length - isOther.length} render as jinja2 does, ` +
    `${isOther.length - unnamed.length} are named with a reason, ${unnamed.length} have none. ` +
    `${sum('equal')} renderings are equal, ${sum('refusedByBoth')} are refused by both.`,
);
for (const name of stale) console.error(`known-differences.ts names ${name}, which renders as jinja2 does`);
process.exit(unnamed.length + stale.length > 0 ? 1 : 0);
