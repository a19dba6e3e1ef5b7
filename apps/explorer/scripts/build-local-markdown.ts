// Builds the reader of Markdown for the page of local mode, which loads plain scripts. The result is a file of the repository:
// `node scripts/run.mjs apps/explorer/scripts/build-local-markdown.ts` writes it, and a test compares it with its source.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const LOCAL_MARKDOWN = fileURLToPath(
  new URL('../../../packages/provider/page/generated/markdown.js', import.meta.url),
);

/** The licence asks for its text in every copy. */
function writeNotice(): string {
  const marked = new URL('../', import.meta.resolve('marked'));
  const { version } = JSON.parse(readFileSync(new URL('package.json', marked), 'utf8')) as { version: string };
  const licence = /## Marked\n([\s\S]*?)\n## /.exec(readFileSync(new URL('LICENSE', marked), 'utf8'))?.[1];
  if (licence === undefined) throw new Error('the licence of marked has another form: change writeNotice()');
  const text = `Generated from apps/explorer/src/markdown/tree.ts, never edited. It holds marked ${version}:\n${licence}`;
  return text.trim().replace(/^/gm, '// ').replace(/ +$/gm, '');
}

export async function buildLocalMarkdown(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../src/markdown/tree.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    charset: 'utf8',
    minify: true,
    legalComments: 'none',
    banner: { js: writeNotice() },
    write: false,
    logLevel: 'warning',
  });
  return (outputFiles[0] as { text: string }).text;
}

if (import.meta.main) writeFileSync(LOCAL_MARKDOWN, await buildLocalMarkdown());
