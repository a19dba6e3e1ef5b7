// Builds the files that the page of local mode shares with the other pages: its design, its reader of Markdown, and its pictures. The results
// are files of the repository: `node scripts/run.mjs apps/explorer/scripts/build-local-scripts.ts` writes them, and a test compares them with
// their sources.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const SOURCES = fileURLToPath(new URL('../src/', import.meta.url));
/** Modules of `pictures` that the page of local mode has too. */
const PICTURES = ['picture-events', 'picture-files'];
/** Style sheets that all pages have. */
const SHEETS = ['design.css', 'talk.css'];
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

const copySheet = (name: string): readonly [string, string] => [
  result(name),
  `/* Copied from apps/explorer/static/${name}, never edited. */\n${readFileSync(new URL(`../static/${name}`, import.meta.url), 'utf8')}`,
];

const toComment = (text: string): string => text.trim().replace(/^/gm, '// ').replace(/ +$/gm, '');

/** @param contents of the entry, which lies in the folder of the sources. */
async function buildScript(contents: string, notice: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: SOURCES, loader: 'ts' },
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

/** Returns the content of each script and style sheet, by its path. */
export async function buildLocalScripts(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ...SHEETS.map(copySheet),
    [result('markdown.js'), await buildScript("export * from './markdown/tree.ts';", writeMarkedNotice())],
    [
      result('pictures.js'),
      await buildScript(
        PICTURES.map((name) => `export * from './pictures/${name}.ts';`).join('\n'),
        `Generated from ${PICTURES.map((name) => `apps/explorer/src/pictures/${name}.ts`).join(' and ')}, never edited.`,
      ),
    ],
  ]);
}

if (import.meta.main) for (const [path, text] of await buildLocalScripts()) writeFileSync(path, text);
