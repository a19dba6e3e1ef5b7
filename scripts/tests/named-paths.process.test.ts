import { describe, expect, it } from 'vitest';
import { findNamedPaths } from './named-paths.ts';
import { stripCode } from './read-code.ts';
import { indexFiles } from './tracked-files.ts';

const tracked = indexFiles('/repository', [
  'README.md',
  'docs/threats.md',
  'docs/spec/order.md',
  'packages/a/src/run.ts',
  'packages/a/src/bin/tool.ts',
  'packages/a/src/child.ts',
  'packages/a/page/index.html',
  'packages/a/page/page.css',
  'packages/a/vectors/one.json',
  'packages/a/vectors/two.json',
  'packages/b/src/index.ts',
  'scripts/steps.ts',
]);
const exports = new Map([
  ['@ogong/b', 'packages/b/src/index.ts'],
  ['@ogong/a/bin/tool', 'packages/a/src/bin/tool.ts'],
]);
const find = async (path: string, text: string) =>
  findNamedPaths(path, await stripCode(text, 'ts'), { tracked, exports });

describe('paths that a module names', () => {
  it.each([
    ["import { run } from './run.ts'; run();", 'packages/a/src/run.ts'],
    ["import './run.ts';", 'packages/a/src/run.ts'],
    ["export * from './run.ts';", 'packages/a/src/run.ts'],
    ["await import('./run.ts');", 'packages/a/src/run.ts'],
    ["import {\n  b,\n} from '@ogong/b';\nb();", 'packages/b/src/index.ts'],
    ["import { type A, run } from './run.ts'; run();", 'packages/a/src/run.ts'],
  ])('%s imports a module', async (text, target) => {
    expect((await find('packages/a/src/x.test.ts', text)).imports).toEqual([target]);
  });

  it.each(["import type { A } from './run.ts';", "// import './run.ts';", "import { x } from './gone.ts'; x();"])(
    '%s imports nothing that runs',
    async (text) => {
      const named = await find('packages/a/src/x.test.ts', text);
      expect([...named.imports, ...named.files]).toEqual([]);
    },
  );

  it.each([
    ["new URL('./child.ts', import.meta.url)", 'packages/a/src/child.ts'],
    ["require.resolve('@ogong/a/bin/tool')", 'packages/a/src/bin/tool.ts'],
    ["read(new URL('../../../docs/threats.md', import.meta.url))", 'docs/threats.md'],
    ["read('docs/spec/order.md')", 'docs/spec/order.md'],
    ["read(join(root, 'docs', 'threats.md'))", 'docs/threats.md'],
    ["read(join(root, 'README.md'))", 'README.md'],
  ])('%s names a file', async (text, target) => {
    expect((await find('packages/a/src/x.test.ts', text)).files).toContain(target);
  });

  it('names a directory, also with a template behind it', async () => {
    const page = await find('packages/a/src/x.ts', "const page = new URL('../page/', import.meta.url);");
    expect(page.directories).toEqual(['packages/a/page']);
    const vectors = await find('packages/a/src/x.test.ts', `new URL(\`../vectors/\${name}.json\`, import.meta.url);`);
    expect(vectors.directories).toEqual(['packages/a/vectors']);
  });

  it('names no whole package, and of docs only the pages beside it', async () => {
    const text =
      `const docs = (name) => new URL(\`../../../docs/\${name}\`, import.meta.url);` +
      "docs('threats.md'); new URL('../', import.meta.url);";
    expect(await find('packages/a/src/x.test.ts', text)).toEqual({
      imports: [],
      files: ['docs/threats.md'],
      directories: [],
    });
  });

  it('names no page in a message of product code', async () => {
    const text = "throw new Error('see docs/threats.md');";
    expect((await find('packages/a/src/x.ts', text)).files).toEqual([]);
  });
});
