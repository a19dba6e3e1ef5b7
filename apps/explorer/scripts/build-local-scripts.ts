// Builds the scripts that the page of local mode shares with the other pages: its reader of Markdown, and its pictures. The results are files
// of the repository: `node scripts/run.mjs apps/explorer/scripts/build-local-scripts.ts` writes them, and a test compares them with their
// sources.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const source = (name: string): string => fileURLToPath(new URL(`../src/${name}`, import.meta.url));
const result = (name: string): string =>
  fileURLToPath(new URL(`../../../packages/provider/page/generated/${name}`, import.meta.url));

/** The licence asks for its text in every copy. */
function writeMarkedNotice(): string {
  const marked = new URL('../', import.meta.resolve('marked'));
  const { version } = JSON.parse(readFileSync(new URL('package.json', marked), 'utf8')) as { version: string };
  const licence = /## Marked\n([\s\S]*?)\n## /.exec(readFileSync(new URL('LICENSE', marked), 'utf8'))?.[1];
  if (licence === undefined) throw new Error('the licence of marked has another form: change writeMarkedNotice()');
  return `Generated from apps/explorer/src/markdown/tree.ts, never edited. It holds marked ${version}:\n${licence}`;
}

const toComment = (text: string): string => text.trim().replace(/^/gm, '// ').replace(/ +$/gm, '');

async function buildScript(entry: string, notice: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [source(entry)],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    charset: 'utf8',
    minify: true,
    legalComments: 'none',
    banner: { js: toComment(notice) },
    write: false,
    logLevel: 'warning',
  });
  return (outputFiles[0] as { text: string }).text;
}

/** Returns the content of each script, by its path. */
export async function buildLocalScripts(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    [result('markdown.js'), await buildScript('markdown/tree.ts', writeMarkedNotice())],
    [
      result('pictures.js'),
      await buildScript('pictures/local.ts', 'Generated from apps/explorer/src/pictures/local.ts, never edited.'),
    ],
  ]);
}

if (import.meta.main) for (const [path, text] of await buildLocalScripts()) writeFileSync(path, text);
