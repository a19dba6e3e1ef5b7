import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Loader, transform } from 'esbuild';

/** Code without types, comments and white space: an edit of those changes no test's result. */
export type CodeByPath = ReadonlyMap<string, string>;

const LOADERS: readonly (readonly [ending: RegExp, loader: Loader])[] = [
  [/\.tsx$/, 'tsx'],
  [/\.[cm]?ts$/, 'ts'],
  [/\.[cm]?js$/, 'js'],
];

const loaderOf = (path: string): Loader | undefined => LOADERS.find(([ending]) => ending.test(path))?.[1];

export const isCode = (path: string): boolean => loaderOf(path) !== undefined;

export async function readCode(root: string, paths: readonly string[]): Promise<CodeByPath> {
  const read = async (path: string): Promise<readonly [string, string]> => [
    path,
    await stripPath(path, readFileSync(join(root, path), 'utf8')),
  ];
  return new Map(await Promise.all(paths.map(read)));
}

/** Strips the text of a file. A text that the compiler refuses stays as it is: the static checks report it. */
export const stripPath = (path: string, text: string): Promise<string> =>
  stripCode(text, loaderOf(path) ?? 'ts').catch(() => text);

export async function stripCode(text: string, loader: Loader): Promise<string> {
  const { code } = await transform(text, {
    loader,
    minifyWhitespace: true,
    legalComments: 'none',
    target: 'esnext',
    logLevel: 'silent',
    // An import of values stays, used or not: it runs the module. An import of types goes.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  return code;
}
